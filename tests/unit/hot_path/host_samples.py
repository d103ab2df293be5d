"""One trading host as a stack would describe it, for the tests of what is rendered from it."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Any

from components.hot_path.host.specification import HostSpecification, host_specification
from components.hot_path.role_config import Endpoint, PreTradeLimits, RoleInputs, VenueEndpoints
from components.hot_path.units import HostNetwork

ROLES = ("feed-handler", "strategy", "order-router", "agent")
COMPOSITE = ("composite", "order-router", "agent")
EXCHANGE = ("venue", "agent")
METAL = "c7i.metal-24xl"
NETWORK = HostNetwork(venue=("198.51.100.0/24",), scrapers=("10.40.64.0/18",), participants=("192.0.2.0/24",))
GOLDEN = Path(__file__).parents[2] / "golden" / "hot_path"


def specification(roles: tuple[str, ...] = ROLES, instance_type: str = METAL) -> HostSpecification:
    return host_specification(instance_type, roles)


def inputs(**change: Any) -> RoleInputs:
    venue = VenueEndpoints(
        order_entry=Endpoint(host="198.51.100.10", port=26400),
        glimpse=Endpoint(host="198.51.100.11", port=26500),
        rerequest=Endpoint(host="198.51.100.12", port=26477),
        lines=(Endpoint(host="0.0.0.0", port=26401), Endpoint(host="0.0.0.0", port=26402)),
    )
    fields: dict[str, Any] = {
        "host": "hot-a",
        "environment": "prod",
        "shm_prefix": "unplaced",
        "run_dir": PurePath("/unplaced"),
        "data": PurePath("/unplaced"),
        "idle": "spin",
        "symbol": "IRON",
        "tick": 100,
        "round_lot": 100,
        "venue": venue,
        "strategy_class": "hotpath.strategy.market_maker:MarketMaker",
        "strategy_parameters": {"size": 100},
        "limits": PreTradeLimits(
            max_order_quantity=1000,
            max_notional=10_000_000_000,
            max_position=5000,
            collar_bps=500,
            max_messages_per_second=1000,
            max_open_orders=100,
        ),
        "agent_http": Endpoint(host="0.0.0.0", port=9464),
        "nats_urls": ("nats://127.0.0.1:4222",),
        "nats_user": "agent-hot-a",
        "secrets": {},
    }
    return RoleInputs(**{**fields, **change})
