"""The hot path's five roles on this machine: venue, feed handler, strategy, order router, agent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pulumi
from pydantic import BaseModel, ConfigDict

from components.hot_path.role_config import (
    NATS_AGENT,
    ORDER_ENTRY,
    Endpoint,
    Flow,
    PreTradeLimits,
    RoleInputs,
    VenueEndpoints,
    role_config,
)
from components.hot_path.roles import CANCEL_DEADLINE_MS, stop_timeout_s
from components.local.service import LOOPBACK, Service, ServiceArgs, SupervisorArgs
from components.options import child_options
from components.unit import CommandReadiness, Unit


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class HotPathPorts(_Frozen):
    order_entry: int
    glimpse: int
    rerequest: int
    lines: tuple[int, int]
    admin: int
    agent: int


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


def role_inputs(args: HotPathArgs) -> RoleInputs:
    def here(port: int) -> Endpoint:
        return Endpoint(host=LOOPBACK, port=port)

    run_dir, ports = args.supervisor.run_dir, args.ports
    return RoleInputs(
        host=args.host,
        environment=args.environment,
        shm_prefix=args.supervisor.shm_prefix,
        run_dir=run_dir,
        data=run_dir / "data",
        idle=args.idle,
        symbol=args.symbol,
        tick=args.tick,
        round_lot=args.round_lot,
        venue=VenueEndpoints(
            order_entry=here(ports.order_entry),
            glimpse=here(ports.glimpse),
            rerequest=here(ports.rerequest),
            lines=tuple(here(port) for port in ports.lines),
        ),
        flow=args.flow,
        admin=here(ports.admin),
        strategy_class=args.strategy_class,
        strategy_parameters=args.strategy_parameters,
        limits=args.limits,
        agent_http=here(ports.agent),
        nats_urls=args.nats_urls,
        secrets={name: args.secrets / name for name in (ORDER_ENTRY, NATS_AGENT)},
    )


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
        unit = Unit(
            name=role,
            description=description,
            command=(str(args.engine), "run", role, "--config", str(config)),
            readiness=CommandReadiness(command=_ready(args.engine, role, config)),
            endpoint=_shown_endpoint(role, args.ports),
            cpus=place.cpus,
            numa_node=place.numa_node,
            working_directory=str(run_dir),
            stop_timeout_s=stop_timeout_s(role),
            cancel_proof=str(run_dir / "data" / role / "cancel-proof.json") if role in CANCEL_DEADLINE_MS else None,
        )
        return Service(
            role,
            ServiceArgs(
                supervisor=args.supervisor,
                unit=unit,
                files={config: json.dumps(role_config(role, role_inputs(args)), indent=2) + "\n"},
                artifact_sha256=args.engine_sha256,
            ),
            opts,
        )
