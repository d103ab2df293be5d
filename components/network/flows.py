"""Every network flow that the platform allows: one table, from which the security groups are made.

What is not in the table is not reachable. DNS, NTP and instance metadata are link-local services of AWS that no
security group filters, so they have no row.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Party(StrEnum):
    """One end of a flow. Parties inside the VPC have a security group each; the others are known by address."""

    HOT_PATH = "hot-path"  # order entry interface of the trading hosts
    MARKET_DATA = "market-data"  # their second interface
    BUS = "bus"  # NATS servers
    EKS_CONTROL_PLANE = "eks-control-plane"
    EKS_NODES = "eks-nodes"
    DATABASE = "database"
    CACHE = "cache"
    ENDPOINTS = "endpoints"  # interface VPC endpoints
    ADMIN_INGRESS = "admin-ingress"  # load balancer of the admin console
    VENUE = "venue"  # the exchange, over the dedicated connection
    OPERATORS = "operators"  # people and the deployment runner, inside the company's network
    ADMINISTRATORS = "administrators"  # browsers with a client certificate
    OBJECT_STORAGE = "object-storage"  # S3, through the gateway endpoint


OUTSIDE = frozenset({Party.VENUE, Party.OPERATORS, Party.ADMINISTRATORS, Party.OBJECT_STORAGE})


class Protocol(StrEnum):
    TCP = "tcp"
    UDP = "udp"
    ALL = "-1"  # every protocol and port


class Flow(BaseModel):
    """source may open a connection (UDP: send) to target on these ports."""

    model_config = ConfigDict(frozen=True)

    source: Party
    target: Party
    protocol: Protocol
    first_port: int = Field(ge=0, le=65_535)
    last_port: int = Field(ge=0, le=65_535)
    why: str = Field(min_length=1)

    @property
    def name(self) -> str:
        """Unique in the table, and part of the names of its rules."""
        if self.protocol is Protocol.ALL:
            ports = "all"
        else:
            last = "" if self.last_port == self.first_port else f"-{self.last_port}"
            ports = f"{self.protocol.value}-{self.first_port}{last}"
        return f"{self.source.value}-to-{self.target.value}-{ports}"


class VenuePorts(BaseModel):
    """Where the venue listens, and where its market data arrives."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    order_entry: int = Field(ge=1, le=65_535)
    snapshot: int = Field(ge=1, le=65_535)
    rerequest: int = Field(ge=1, le=65_535)
    lines: tuple[int, int]


NATS_CLIENT = 4222
NATS_CLUSTER = 6222
NATS_LEAF = 7422
NATS_METRICS = 7777
AGENT_HTTP = 9464
NODE_METRICS = 9100
POSTGRES = 5432
VALKEY = 6379
KUBELET = 10_250
ADMISSION_WEBHOOK = 9443
ADMIN_HTTPS = 8443
ADMIN_NODE_PORT = 30_443  # of every node, for the load balancer; leads to ADMIN_HTTPS of the pod
METRICS_SERVER = 10_251
HTTPS = 443
SSH = 22


def allowed_flows(venue: VenuePorts) -> tuple[Flow, ...]:
    """The whole table. Raises ValueError when a flow stands in it twice."""
    p, tcp, udp = Party, Protocol.TCP, Protocol.UDP

    def flow(source: Party, target: Party, protocol: Protocol, port: int, why: str) -> Flow:
        return Flow(source=source, target=target, protocol=protocol, first_port=port, last_port=port, why=why)

    table = [
        # the hot path and the venue
        flow(p.HOT_PATH, p.VENUE, tcp, venue.order_entry, "orders: OUCH over SoupBinTCP"),
        *(flow(p.VENUE, p.MARKET_DATA, udp, port, "market data: ITCH over MoldUDP64") for port in venue.lines),
        flow(p.MARKET_DATA, p.VENUE, udp, venue.rerequest, "retransmission of lost packets"),
        flow(p.MARKET_DATA, p.VENUE, tcp, venue.snapshot, "book snapshot: GLIMPSE"),
        # the bus, the only bridge between the two worlds
        flow(p.HOT_PATH, p.BUS, tcp, NATS_LEAF, "leaf node of each trading host"),
        flow(p.BUS, p.BUS, tcp, NATS_CLUSTER, "routes between the servers"),
        flow(p.EKS_NODES, p.BUS, tcp, NATS_CLIENT, "control-plane programs"),
        # observability
        flow(p.EKS_NODES, p.HOT_PATH, tcp, AGENT_HTTP, "agent: metrics and readiness"),
        flow(p.EKS_NODES, p.HOT_PATH, tcp, NODE_METRICS, "host metrics"),
        flow(p.EKS_NODES, p.BUS, tcp, NATS_METRICS, "NATS metrics"),
        flow(p.EKS_NODES, p.BUS, tcp, NODE_METRICS, "host metrics"),
        # rollout, and people when something is wrong
        flow(p.OPERATORS, p.HOT_PATH, tcp, SSH, "rollout steps and break-glass"),
        flow(p.OPERATORS, p.BUS, tcp, SSH, "rollout steps and break-glass"),
        flow(p.OPERATORS, p.EKS_CONTROL_PLANE, tcp, HTTPS, "Kubernetes API: the deployment runner"),
        # Kubernetes
        flow(p.EKS_NODES, p.EKS_CONTROL_PLANE, tcp, HTTPS, "Kubernetes API"),
        flow(p.EKS_CONTROL_PLANE, p.EKS_NODES, tcp, KUBELET, "kubelet: logs, exec, metrics"),
        flow(p.EKS_CONTROL_PLANE, p.EKS_NODES, tcp, ADMISSION_WEBHOOK, "admission webhooks"),
        flow(p.EKS_CONTROL_PLANE, p.EKS_NODES, tcp, METRICS_SERVER, "resource metrics, for the autoscalers"),
        Flow(
            source=p.EKS_NODES,
            target=p.EKS_NODES,
            protocol=Protocol.ALL,
            first_port=0,
            last_port=0,
            why="pod network; network policies narrow it per workload",
        ),
        flow(p.EKS_NODES, p.DATABASE, tcp, POSTGRES, "OMS, risk, reporting"),
        flow(p.EKS_NODES, p.CACHE, tcp, VALKEY, "risk engine, admin"),
        # people
        flow(p.ADMINISTRATORS, p.ADMIN_INGRESS, tcp, HTTPS, "admin console, with client certificate"),
        flow(p.ADMIN_INGRESS, p.EKS_NODES, tcp, ADMIN_NODE_PORT, "admin console"),
        # AWS APIs without a way to the internet
        *(
            flow(source, p.ENDPOINTS, tcp, HTTPS, "AWS APIs")
            for source in (p.HOT_PATH, p.BUS, p.EKS_NODES, p.EKS_CONTROL_PLANE)
        ),
        *(
            flow(source, p.OBJECT_STORAGE, tcp, HTTPS, why)
            for source, why in (
                (p.HOT_PATH, "engine artifact"),
                (p.BUS, "NATS release"),
                (p.EKS_NODES, "image layers, archives"),
            )
        ),
    ]
    names = [row.name for row in table]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"flows listed twice: {', '.join(twice)}; give the venue's services ports of their own")
    return tuple(table)


def to(party: Party, table: Iterable[Flow]) -> tuple[Flow, ...]:
    return tuple(flow for flow in table if flow.target is party)


def as_table(table: Iterable[Flow]) -> str:
    """Markdown, for the documentation."""
    lines = ["| from | to | protocol | ports | why |", "|---|---|---|---|---|"]
    for flow in table:
        ports = "all" if flow.protocol is Protocol.ALL else f"{flow.first_port}"
        ports += f" to {flow.last_port}" if flow.last_port != flow.first_port else ""
        protocol = "any" if flow.protocol is Protocol.ALL else flow.protocol.value
        lines.append(f"| {flow.source.value} | {flow.target.value} | {protocol} | {ports} | {flow.why} |")
    return "\n".join(lines) + "\n"
