"""The leaf node of one trading host: the agent talks to it on loopback, and a lost cluster touches nobody on the host.

Pure. It runs on the housekeeping cores, keeps no stream, and what may cross is bounded by the cluster's user for it.
"""

from __future__ import annotations

from components.bus import permissions
from components.bus.nats_config import Account, LeafRemote, LeafServer, Tls, User, render_leaf
from components.bus.nats_unit import NatsUnit
from components.bus.nats_unit import render as render_unit

UNIT = "ironlane-nats-leaf.service"
OS_ACCOUNT = "ironlane-nats-leaf"
ETC = "/etc/ironlane/nats-leaf"
CLIENT_PORT = 4222
MONITOR_PORT = 8222
LOGIN_FILE = f"{ETC}/agent.conf"  # made on the host, never leaves it
_LOGIN_INCLUDE = "../agent.conf"  # an include is always relative to the folder of nats.conf
AGENT_PASSWORD_FILE = f"{ETC}/agent.password"  # for LoadCredential= of the agent's unit

_TRADING = "TRADING"
_MEMORY_MIB = 256
_FILES = 4_096


def leaf_user(host: str) -> str:
    """Whom the cluster knows the leaf node as; the DNS name in its certificate."""
    return f"leaf-{host}"


def agent_user(host: str) -> str:
    """Whom the leaf node knows the host's agent as. One per host, so that no host reads another one's replies."""
    return f"agent-{host}"


def leaf_config(
    environment: str,
    host: str,
    hubs: tuple[str, ...],
    hub_port: int,
    *,
    client_port: int = CLIENT_PORT,
    monitor_port: int = MONITOR_PORT,
) -> str:
    """nats.conf; certificates are named relative to its folder."""
    user = agent_user(host)
    return render_leaf(
        LeafServer(
            server_name=leaf_user(host),
            client_port=client_port,
            monitor_port=monitor_port,
            account=Account(
                name=_TRADING,
                users=(
                    User(
                        name=user,
                        permissions=permissions.agent(environment, host, user),
                        password_include=_LOGIN_INCLUDE,
                    ),
                ),
                max_connections=16,
            ),
            remote=LeafRemote(
                hosts=hubs,
                port=hub_port,
                tls=Tls(
                    cert_file="tls/leaf.crt", key_file="tls/leaf.key", ca_file="tls/leaf-ca.crt", handshake_first=True
                ),
            ),
        )
    )


def leaf_unit(program: str, housekeeping: tuple[int, ...]) -> str:
    """housekeeping: CPUs of the host's core map on which no role runs. Raises ValueError when there is none."""
    if not housekeeping:
        raise ValueError("housekeeping: the leaf node needs at least one CPU that no role runs on")
    return render_unit(
        NatsUnit(
            description="NATS leaf node",
            account=OS_ACCOUNT,
            program=program,
            config_dir=f"{ETC}/current",
            memory_limit_mib=_MEMORY_MIB,
            lame_duck_s=30,
            file_limit=_FILES,
            cpus=housekeeping,
        )
    )
