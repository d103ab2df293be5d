"""What each role reads at start (hotpath.config): the same keys on a laptop and on a trading host. No Pulumi import."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from components.hot_path.roles import CANCEL_DEADLINE_MS, HOT_ROLES

ORDER_USER = "ROUTER"
FIRM = "IRON"
# secrets: what a role has to know, by the name under which it is kept
ORDER_ENTRY, NATS_AGENT = "order-entry", "nats-agent"
SECRETS: dict[str, tuple[str, ...]] = {
    "venue": (ORDER_ENTRY,),
    "order-router": (ORDER_ENTRY,),
    "agent": (NATS_AGENT,),
}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Endpoint(_Frozen):
    host: str
    port: int = Field(ge=1, le=65_535)


class Flow(_Frozen):
    """Other participants' orders; prices in Price(4), speed 0 is as fast as the pacing limit."""

    file: PurePath | None
    speed: float
    max_rows_per_second: int
    on_bad_row: Literal["stop", "skip"]
    seed: int
    rows_per_second: float
    reference_price: int
    rows: int | None
    start: Literal["immediately", "on_request"]
    flow_id: str


class PreTradeLimits(_Frozen):
    """Shares, Price(4) x shares, hundredths of a percent."""

    max_order_quantity: int
    max_notional: int
    max_position: int
    collar_bps: int
    max_messages_per_second: int
    max_open_orders: int


class VenueEndpoints(_Frozen):
    """Of the exchange, or of the simulator in its place. lines: where the feed handler listens, A then B."""

    order_entry: Endpoint
    glimpse: Endpoint
    rerequest: Endpoint
    lines: tuple[Endpoint, ...] = Field(min_length=1, max_length=2)


class RoleInputs(_Frozen):
    """secrets: file by secret name, as the role that is asked for finds it. flow, admin: of the simulated venue."""

    host: str
    environment: str
    shm_prefix: str
    run_dir: PurePath
    data: PurePath  # one folder per role below it
    idle: Literal["spin", "yield", "back_off"]
    symbol: str
    tick: int
    round_lot: int
    venue: VenueEndpoints
    flow: Flow | None = None
    admin: Endpoint | None = None
    strategy_class: str
    strategy_parameters: dict[str, int | float | str | bool]
    limits: PreTradeLimits
    agent_http: Endpoint
    nats_urls: tuple[str, ...] = Field(min_length=1)
    nats_user: str = "agent"
    secrets: dict[str, PurePath]


def role_config(role: str, inputs: RoleInputs) -> dict[str, Any]:
    """What one role reads at start; it holds only what concerns that role, so only its changes restart it."""
    common: dict[str, Any] = {
        "runtime": {
            "host": inputs.host,
            "environment": inputs.environment,
            "shm_prefix": inputs.shm_prefix,
            "run_dir": str(inputs.run_dir),
            "data_dir": str(inputs.data / role),
            "idle": {"mode": inputs.idle},
        },
        "instrument": {
            "symbol": inputs.symbol,
            "locate": 1,
            "tick": inputs.tick,
            "round_lot": inputs.round_lot,
        },
    }
    return common | _OWN[role](inputs)


def composite_config(files: Mapping[str, PurePath], idle: str) -> dict[str, Any]:
    """files: configuration file of each role that the composite runs."""
    return {"idle": {"mode": idle}} | {role.replace("-", "_"): str(file) for role, file in files.items()}


def _account(inputs: RoleInputs) -> dict[str, Any]:
    return {"username": ORDER_USER, "password_file": str(inputs.secrets[ORDER_ENTRY]), "firm": FIRM}


def _venue(inputs: RoleInputs) -> dict[str, Any]:
    if inputs.flow is None or inputs.admin is None:
        raise ValueError("venue: the simulator needs flow and admin; a real exchange runs no such role")
    return {
        "flow": inputs.flow.model_dump(mode="json", exclude={"flow_id"}),
        "flow_id": inputs.flow.flow_id,
        **inputs.venue.model_dump(mode="json"),
        "admin": inputs.admin.model_dump(),
        "accounts": [_account(inputs)],
    }


def _feed_handler(inputs: RoleInputs) -> dict[str, Any]:
    return inputs.venue.model_dump(mode="json", include={"lines", "rerequest", "glimpse"})


def _strategy(inputs: RoleInputs) -> dict[str, Any]:
    return {
        "strategy": inputs.strategy_class,
        "parameters": inputs.strategy_parameters,
        "cancel_deadline_ms": CANCEL_DEADLINE_MS["strategy"],
    }


def _order_router(inputs: RoleInputs) -> dict[str, Any]:
    return {
        "order_entry": inputs.venue.order_entry.model_dump(),
        "account": _account(inputs),
        "limits": inputs.limits.model_dump(),
        "cancel_deadline_ms": CANCEL_DEADLINE_MS["order-router"],
    }


def _agent(inputs: RoleInputs) -> dict[str, Any]:
    return {
        "http": inputs.agent_http.model_dump(),
        "nats": {
            "servers": list(inputs.nats_urls),
            "user": inputs.nats_user,
            "password_file": str(inputs.secrets[NATS_AGENT]),
        },
        "limits": inputs.limits.model_dump(),
        "roles": list(HOT_ROLES),
        "journal_dir": str(inputs.data / "order-router"),
    }


_OWN = {
    "venue": _venue,
    "feed-handler": _feed_handler,
    "strategy": _strategy,
    "order-router": _order_router,
    "agent": _agent,
}
