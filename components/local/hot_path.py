"""The hot path's five roles on this machine: venue, feed handler, strategy, order router, agent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pulumi
from pydantic import BaseModel, ConfigDict

from components.local.service import LOOPBACK, Service, ServiceArgs, SupervisorArgs
from components.options import child_options
from components.unit import CommandReadiness, Unit

HOT_ROLES = ("feed-handler", "strategy", "order-router")
ORDER_USER = "ROUTER"
FIRM = "IRON"
CANCEL_DEADLINE_MS = {"strategy": 2000, "order-router": 3000}
STOP_MARGIN_S = 5  # past the cancel deadline, before the supervisor may kill


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class HotPathPorts(_Frozen):
    order_entry: int
    glimpse: int
    rerequest: int
    lines: tuple[int, int]
    admin: int
    agent: int


class Flow(_Frozen):
    """Other participants' orders; prices in Price(4), speed 0 is as fast as the pacing limit."""

    file: Path | None
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


class Place(_Frozen):
    cpus: tuple[int, ...] = ()
    numa_node: int | None = None


class HotPathArgs(_Frozen):
    supervisor: SupervisorArgs
    engine: Path  # the installed engine's `hotpath` program
    engine_sha256: str
    host: str
    environment: str
    secrets: Path
    symbol: str
    tick: int
    round_lot: int
    ports: HotPathPorts
    flow: Flow
    strategy_class: str
    strategy_parameters: dict[str, int | float | str | bool]
    limits: PreTradeLimits
    idle: Literal["spin", "back_off"]
    places: dict[str, Place]
    nats_urls: tuple[str, ...]


def _endpoint(port: int) -> dict[str, Any]:
    return {"host": LOOPBACK, "port": port}


def role_config(role: str, args: HotPathArgs) -> dict[str, Any]:
    """What one role reads at start; it holds only what concerns that role, so only its changes restart it."""
    run_dir = args.supervisor.run_dir
    account = {"username": ORDER_USER, "password_file": str(args.secrets / "order-entry"), "firm": FIRM}
    common: dict[str, Any] = {
        "runtime": {
            "host": args.host,
            "environment": args.environment,
            "shm_prefix": args.supervisor.shm_prefix,
            "run_dir": str(run_dir),
            "data_dir": str(run_dir / "data" / role),
            "idle": {"mode": args.idle},
        },
        "instrument": {"symbol": args.symbol, "locate": 1, "tick": args.tick, "round_lot": args.round_lot},
    }
    lines = [_endpoint(port) for port in args.ports.lines]
    own: dict[str, dict[str, Any]] = {
        "venue": {
            "flow": args.flow.model_dump(mode="json", exclude={"flow_id"}),
            "flow_id": args.flow.flow_id,
            "order_entry": _endpoint(args.ports.order_entry),
            "glimpse": _endpoint(args.ports.glimpse),
            "rerequest": _endpoint(args.ports.rerequest),
            "lines": lines,
            "admin": _endpoint(args.ports.admin),
            "accounts": [account],
        },
        "feed-handler": {
            "lines": lines,
            "rerequest": _endpoint(args.ports.rerequest),
            "glimpse": _endpoint(args.ports.glimpse),
        },
        "strategy": {
            "strategy": args.strategy_class,
            "parameters": args.strategy_parameters,
            "cancel_deadline_ms": CANCEL_DEADLINE_MS["strategy"],
        },
        "order-router": {
            "order_entry": _endpoint(args.ports.order_entry),
            "account": account,
            "limits": args.limits.model_dump(),
            "cancel_deadline_ms": CANCEL_DEADLINE_MS["order-router"],
        },
        "agent": {
            "http": _endpoint(args.ports.agent),
            "nats": {
                "servers": list(args.nats_urls),
                "user": "agent",
                "password_file": str(args.secrets / "nats-agent"),
            },
            "limits": args.limits.model_dump(),
            "roles": list(HOT_ROLES),
            "journal_dir": str(run_dir / "data" / "order-router"),
        },
    }
    return common | own[role]


def _shown_endpoint(role: str, ports: HotPathPorts) -> str:
    http = {"venue": ports.admin, "agent": ports.agent}
    return f"http://{LOOPBACK}:{http[role]}" if role in http else ""


def _ready(engine: Path, role: str, config: Path) -> tuple[str, ...]:
    words = (str(engine), "ready", role, "--config", str(config), "--timeout", "1")
    # what cannot be open yet while the role starts; trading readiness still asks for it:
    # a strategy may be started long before there is a book, and it follows the router when the instrument changes
    later = {"strategy": "book", "order-router": "instrument"}
    return (*words, "--except", later[role]) if role in later else words


class HotPath(pulumi.ComponentResource):
    """Starts the roles in the order in which each can get ready."""

    def __init__(self, name: str, args: HotPathArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:local:HotPath", name, {}, opts)
        start = child_options(self, opts)
        venue = self._role("venue", args, "Exchange simulator: matching engine, feed, order entry", start)
        feed = self._role("feed-handler", args, "Line arbitration and L3 book", child_options(self, opts, [venue]))
        router = self._role(
            "order-router", args, "Risk gate, order entry session", child_options(self, opts, [venue, feed])
        )
        self._role("strategy", args, "Market maker", child_options(self, opts, [feed, router]))
        self._role("agent", args, "Telemetry, readiness, bus", child_options(self, opts, [router]))
        self.register_outputs({})

    def _role(self, role: str, args: HotPathArgs, description: str, opts: pulumi.ResourceOptions) -> Service:
        run_dir = args.supervisor.run_dir
        config = run_dir / "config" / f"{role}.json"
        place = args.places.get(role, Place())
        deadline_s = CANCEL_DEADLINE_MS.get(role, 0) // 1000
        unit = Unit(
            name=role,
            description=description,
            command=(str(args.engine), "run", role, "--config", str(config)),
            readiness=CommandReadiness(command=_ready(args.engine, role, config)),
            endpoint=_shown_endpoint(role, args.ports),
            cpus=place.cpus,
            numa_node=place.numa_node,
            working_directory=str(run_dir),
            stop_timeout_s=deadline_s + STOP_MARGIN_S,
            cancel_proof=str(run_dir / "data" / role / "cancel-proof.json") if role in CANCEL_DEADLINE_MS else None,
        )
        return Service(
            role,
            ServiceArgs(
                supervisor=args.supervisor,
                unit=unit,
                files={config: json.dumps(role_config(role, args), indent=2) + "\n"},
                artifact_sha256=args.engine_sha256,
            ),
            opts,
        )
