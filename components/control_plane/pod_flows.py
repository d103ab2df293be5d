"""Every flow from, to and between the pods of the platform: one table, from which the network policies are made.

What leaves or enters the cluster must also stand in the table of the network (components/network/flows.py).
No Pulumi import.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from components.network.flows import (
    ADMIN_HTTPS,
    HTTPS,
    NATS_CLIENT,
    POSTGRES,
    VALKEY,
    Flow,
    Party,
    Protocol,
)


class Namespace(StrEnum):
    """By concern: what fails or is replaced together, and who may look into it."""

    TRADING = "trading"  # orders and risk
    MARKET_DATA = "market-data"
    STORAGE = "storage"
    ADMIN = "admin"  # the only one that people reach
    REPORTING = "reporting"  # audit, reports
    RESEARCH = "research"


class Program(StrEnum):
    BUS_STREAMS = "bus-streams"
    DATABASE_USERS = "database-users"
    OMS = "oms"
    RISK_ENGINE = "risk-engine"
    MARKET_DATA_RECORDER = "market-data-recorder"
    REFERENCE_DATA = "reference-data"
    CLICKHOUSE = "clickhouse"
    ADMIN = "admin"
    AUDIT_INGEST = "audit-ingest"
    REPORTING = "reporting"
    BACKTEST = "backtest"


NAMESPACES: Mapping[Program, Namespace] = {
    Program.BUS_STREAMS: Namespace.TRADING,
    Program.DATABASE_USERS: Namespace.TRADING,
    Program.OMS: Namespace.TRADING,
    Program.RISK_ENGINE: Namespace.TRADING,
    Program.MARKET_DATA_RECORDER: Namespace.MARKET_DATA,
    Program.REFERENCE_DATA: Namespace.MARKET_DATA,
    Program.CLICKHOUSE: Namespace.STORAGE,
    Program.ADMIN: Namespace.ADMIN,
    Program.AUDIT_INGEST: Namespace.REPORTING,
    Program.REPORTING: Namespace.REPORTING,
    Program.BACKTEST: Namespace.RESEARCH,
}


class Neighbour(StrEnum):
    """Pods that are not ours."""

    PROMETHEUS = "prometheus"


HTTP = 8080
CLICKHOUSE_HTTP = 8123
METRICS = 9090
CLICKHOUSE_METRICS = 9363

End = Program | Party | Neighbour


class PodFlow(BaseModel):
    """source may open a TCP connection to target on this port."""

    model_config = ConfigDict(frozen=True)

    source: End
    target: End
    port: int = Field(ge=1, le=65_535)
    why: str = Field(min_length=1)


def _flow(source: End, target: End, port: int, why: str) -> PodFlow:
    return PodFlow(source=source, target=target, port=port, why=why)


_SCRAPED: Mapping[Program, int] = {
    Program.OMS: HTTP,
    Program.RISK_ENGINE: HTTP,
    Program.MARKET_DATA_RECORDER: METRICS,
    Program.REFERENCE_DATA: HTTP,
    Program.CLICKHOUSE: CLICKHOUSE_METRICS,
    Program.ADMIN: METRICS,
    Program.AUDIT_INGEST: METRICS,
}

POD_FLOWS: tuple[PodFlow, ...] = (
    # the bus: the only way to the hot path
    _flow(Program.BUS_STREAMS, Party.BUS, NATS_CLIENT, "makes streams and buckets"),
    _flow(Program.OMS, Party.BUS, NATS_CLIENT, "order events"),
    _flow(Program.RISK_ENGINE, Party.BUS, NATS_CLIENT, "positions in, limits and kill out"),
    _flow(Program.MARKET_DATA_RECORDER, Party.BUS, NATS_CLIENT, "what is recorded"),
    _flow(Program.REFERENCE_DATA, Party.BUS, NATS_CLIENT, "changes of instruments"),
    _flow(Program.AUDIT_INGEST, Party.BUS, NATS_CLIENT, "every order event and command"),
    _flow(Program.ADMIN, Party.BUS, NATS_CLIENT, "commands of people"),
    # data
    _flow(Program.DATABASE_USERS, Party.DATABASE, POSTGRES, "makes the users of the others"),
    _flow(Program.DATABASE_USERS, Party.ENDPOINTS, HTTPS, "the administrator's password, from Secrets Manager"),
    _flow(Program.OMS, Party.DATABASE, POSTGRES, "orders, fills, positions"),
    _flow(Program.REFERENCE_DATA, Party.DATABASE, POSTGRES, "instruments"),
    _flow(Program.REPORTING, Party.DATABASE, POSTGRES, "orders and fills of the day"),
    _flow(Program.RISK_ENGINE, Party.CACHE, VALKEY, "positions shared by its replicas"),
    _flow(Program.ADMIN, Party.CACHE, VALKEY, "sessions of people"),
    _flow(Program.MARKET_DATA_RECORDER, Program.CLICKHOUSE, CLICKHOUSE_HTTP, "recorded market data"),
    _flow(Program.AUDIT_INGEST, Program.CLICKHOUSE, CLICKHOUSE_HTTP, "audit trail"),
    _flow(Program.REPORTING, Program.CLICKHOUSE, CLICKHOUSE_HTTP, "audit trail"),
    _flow(Program.BACKTEST, Program.CLICKHOUSE, CLICKHOUSE_HTTP, "recorded market data"),
    # between programs
    _flow(Program.RISK_ENGINE, Program.OMS, HTTP, "orders and positions"),
    _flow(Program.RISK_ENGINE, Program.REFERENCE_DATA, HTTP, "instruments"),
    _flow(Program.ADMIN, Program.OMS, HTTP, "orders and positions, shown"),
    _flow(Program.ADMIN, Program.RISK_ENGINE, HTTP, "limits, shown and changed"),
    _flow(Program.ADMIN, Program.REFERENCE_DATA, HTTP, "instruments, shown"),
    # people
    _flow(Party.ADMINISTRATORS, Program.ADMIN, ADMIN_HTTPS, "console; the load balancer keeps their address"),
    _flow(Party.ADMIN_INGRESS, Program.ADMIN, ADMIN_HTTPS, "health checks of the load balancer"),
    *(_flow(Neighbour.PROMETHEUS, program, port, "metrics") for program, port in _SCRAPED.items()),
)


def ingress_of(program: Program, table: Iterable[PodFlow] = POD_FLOWS) -> tuple[PodFlow, ...]:
    return tuple(flow for flow in table if flow.target is program)


def egress_of(program: Program, table: Iterable[PodFlow] = POD_FLOWS) -> tuple[PodFlow, ...]:
    return tuple(flow for flow in table if flow.source is program)


def check_leaving(table: Iterable[PodFlow], network: Iterable[Flow]) -> None:
    """What leaves the cluster must be open between security groups, too. Raises ValueError."""
    opened = [
        flow for flow in network if flow.source is Party.EKS_NODES and flow.protocol in (Protocol.TCP, Protocol.ALL)
    ]
    for flow in table:
        if isinstance(flow.target, Party) and not any(
            each.target is flow.target and each.first_port <= flow.port <= each.last_port for each in opened
        ):
            raise ValueError(
                f"{flow.source.value} to {flow.target.value} on {flow.port}: components/network/flows.py opens no such"
                " flow from the nodes; add it there or drop it here"
            )
