"""What one member of the cloud's NATS cluster is configured with: nats.conf and unit, from the environment's settings.

Pure. Every listener has an authority of its own: a client's certificate opens no route, a leaf's opens no client port.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from components.bus import permissions
from components.bus.capacity import INSTANCES, Volume
from components.bus.leaf_node import agent_user, leaf_user
from components.bus.nats_config import (
    Account,
    AccountJetStream,
    JetStream,
    LeafListener,
    Limits,
    NatsServer,
    Route,
    Tls,
    User,
)
from components.bus.nats_config import render as render_config
from components.bus.nats_unit import NatsUnit
from components.bus.nats_unit import render as render_unit
from components.bus.stream_classes import STREAM_CLASSES, sync_interval

CLIENT_PORT = 4222
CLUSTER_PORT = 6222
LEAF_PORT = 7422
MONITOR_PORT = 8222

UNIT = "ironlane-nats.service"
OS_ACCOUNT = "ironlane-nats"
ETC = "/etc/ironlane/nats"
STATE = "/var/lib/ironlane-nats"

TRADING = "TRADING"
SYSTEM = "SYS"
DECLARER = "declarer"

_FILES = 262_144  # two for each stream and consumer, one for each connection
_LAME_DUCK_S = 30
_FOR_THE_SERVER = 0.75  # of the machine's memory
_FOR_STREAMS = 0.25  # of the machine's memory
_OF_THE_VOLUME = 0.75


class Member(BaseModel):
    """One server and where it listens. Ports differ only where several share a machine, as in tests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    zone: str
    address: str
    client_port: int = CLIENT_PORT
    cluster_port: int = CLUSTER_PORT
    leaf_port: int = LEAF_PORT
    monitor_port: int = MONITOR_PORT
    state_dir: str = STATE


class Bus(BaseModel):
    """What all members share. leaf_hosts: trading hosts, each with a leaf node."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: str
    members: tuple[Member, ...]
    leaf_hosts: tuple[str, ...] = Field(min_length=1)
    instance_type: str
    volume: Volume
    limits: Limits = Limits()


def users(bus: Bus) -> tuple[Account, ...]:
    """Accounts and their users, all known by certificate."""

    def user(name: str, allowed: permissions.Permissions) -> User:
        return User(name=name, permissions=allowed, by_certificate=True)

    leaves = [
        user(leaf_user(host), permissions.leaf(bus.environment, host, agent_user(host))) for host in bus.leaf_hosts
    ]
    memory = int(INSTANCES[bus.instance_type].memory_gib * _FOR_STREAMS * (1 << 30))
    disk = int(bus.volume.gib * _OF_THE_VOLUME) << 30
    return (
        Account(
            name=TRADING,
            jetstream=AccountJetStream(max_file=disk, max_memory=memory),
            users=(
                user("oms", permissions.oms("oms")),
                user("risk-engine", permissions.risk_engine(bus.environment, "risk-engine")),
                user("audit-ingest", permissions.reader("audit-ingest", permissions.ORDER_EVENTS)),
                user("market-data-recorder", permissions.reader("market-data-recorder", "TELEMETRY")),
                user("reference-data", permissions.nothing_yet("reference-data")),
                user(permissions.OPERATOR, permissions.operator(bus.environment, permissions.OPERATOR)),
                user(DECLARER, permissions.declarer(DECLARER, tuple(STREAM_CLASSES))),
                *leaves,
            ),
        ),
        Account(name=SYSTEM, users=(user("sys", permissions.sys("sys")),)),
    )


def client_users(bus: Bus) -> tuple[str, ...]:
    """Users that connect to the client port, in the order of the configuration."""
    leaves = {leaf_user(host) for host in bus.leaf_hosts}
    return tuple(user.name for account in users(bus) for user in account.users if user.name not in leaves)


def server(bus: Bus, member: Member) -> NatsServer:
    """Certificates are named relative to the folder of nats.conf."""
    instance = INSTANCES[bus.instance_type]

    def tls(listener: str, *, map_users: bool, handshake_first: bool) -> Tls:
        return Tls(
            cert_file=f"tls/{listener}.crt",
            key_file=f"tls/{listener}.key",
            ca_file=f"tls/{listener}-ca.crt",
            map_users=map_users,
            handshake_first=handshake_first,
        )

    return NatsServer(
        server_name=member.name,
        cluster_name=f"ironlane-{bus.environment}",
        host=member.address,
        client_port=member.client_port,
        cluster_port=member.cluster_port,
        monitor_port=member.monitor_port,
        peers=tuple(each.name for each in bus.members),
        routes=tuple(
            Route(host=each.address, port=each.cluster_port) for each in bus.members if each.name != member.name
        ),
        jetstream=JetStream(
            store_dir=f"{member.state_dir}/jetstream",
            max_file_store=int(bus.volume.gib * _OF_THE_VOLUME) << 30,
            max_memory_store=int(instance.memory_gib * _FOR_STREAMS * (1 << 30)),
            sync_interval=sync_interval(),
            unique_tag="az:",
        ),
        accounts=users(bus),
        system_account=SYSTEM,
        limits=bus.limits,
        tags=(f"az:{member.zone}",),
        client_tls=tls("client", map_users=True, handshake_first=True),
        cluster_tls=tls("route", map_users=False, handshake_first=False),
        leaf=LeafListener(port=member.leaf_port, tls=tls("leaf", map_users=True, handshake_first=True)),
    )


def config(bus: Bus, member: Member) -> str:
    return render_config(server(bus, member))


def unit(bus: Bus, program: str) -> str:
    """program: path of nats-server, which carries the digest of its release."""
    return render_unit(
        NatsUnit(
            description="NATS server",
            account=OS_ACCOUNT,
            program=program,
            config_dir=f"{ETC}/current",
            state_dir=STATE,
            memory_limit_mib=int(INSTANCES[bus.instance_type].memory_gib * 1024 * _FOR_THE_SERVER),
            lame_duck_s=_LAME_DUCK_S,
            file_limit=_FILES,
        )
    )
