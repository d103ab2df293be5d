"""systemd units of a trading host: one per role, the host check before them, the target that starts them.

Pinned roles run in the slice that the host specification makes a CPU partition; the others stay where systemd puts
services. Their CPUs are set by CPUAffinity, which holds inside and outside of the partition.

At boot the target starts the host check; no role starts unless it passes. Roles start in an order in which a strategy
finds every name under /dev/shm taken by its owner, and stop in the opposite one: a strategy drains through the router.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from pydantic import BaseModel, ConfigDict

from components.hot_path.host.partition import SLICE as HOT_SLICE
from components.hot_path.host.specification import HostSpecification
from components.hot_path.role_config import NATS_AGENT, ORDER_ENTRY, SECRETS
from components.hot_path.roles import (
    CREDENTIALS,
    CURRENT,
    ETC,
    GROUP,
    HOT_ROLES,
    RUN,
    cancel_deadline_ms,
    role_file,
    stop_timeout_s,
    unit_name,
    user_of,
)
from components.hot_path.systemd_service import Network, SystemdService, render_service, sandbox
from components.unit import CommandReadiness, RestartPolicy, Unit

SYSTEM = PurePosixPath("/etc/systemd/system")
TARGET = "ironlane.target"
HOST_CHECK = "ironlane-host-check.service"
SUPPORT_SLICE = "system.slice"
START_LIMIT = 5
HOST_CHECK_TIMEOUT_S = 60
BUS_LEAF = "ironlane-nats-leaf.service"
# root's files, out of which each unit gets a copy of what it names and of nothing else
CREDENTIAL_FILES = {
    ORDER_ENTRY: CREDENTIALS / ORDER_ENTRY,
    NATS_AGENT: ETC / "nats-leaf" / "agent.password",  # made on the host, where the leaf node's own login is made
}

_DESCRIPTIONS = {
    "venue": "exchange: matching engine, feed, order entry",
    "feed-handler": "line arbitration and L3 book",
    "strategy": "strategy",
    "order-router": "risk gate and order entry session",
    "agent": "telemetry, readiness, bus",
    "composite": "several roles on one core",
}
# Above the cancel deadline, and above the longest stretch of Python between two turns of the loop: the router compares
# its journal with the venue there, the venue writes its checkpoint.
_WATCHDOG_S = {"venue": 10, "feed-handler": 5, "strategy": 5, "order-router": 10, "agent": 15, "composite": 10}
# READY comes after the journal is read (router) or the day's flow is replayed (venue).
_START_TIMEOUT_S = {"venue": 300, "order-router": 120, "composite": 120}
# Started after these, when they are started at all.
_AFTER = {
    "order-router": ("agent", "feed-handler", "venue"),
    "composite": ("agent", "venue"),
    "strategy": ("agent", "feed-handler", "order-router", "composite"),
    "feed-handler": ("venue",),
}


class HostNetwork(BaseModel):
    """Prefixes in CIDR notation. venue: the exchange. scrapers: read the agent's metrics and readiness. participants:
    trade at the venue, where it is one of our roles."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    venue: tuple[str, ...]
    scrapers: tuple[str, ...]
    participants: tuple[str, ...] = ()


def composite_parts(roles: tuple[str, ...]) -> tuple[str, ...]:
    """What a composite runs on a host of these roles: the hot roles that have no unit of their own."""
    return tuple(role for role in HOT_ROLES if role not in roles) if "composite" in roles else ()


def _network(role: str, parts: tuple[str, ...], network: HostNetwork) -> Network:
    if role == "strategy" or parts == ("strategy",):
        # order entry is the router's: strategy code has no way to the venue, nor to anything else
        return Network(reach="none")
    if role == "agent":
        return Network(reach="listed", loopback=True, addresses=network.scrapers)
    return Network(reach="listed", addresses=network.participants if role == "venue" else network.venue)


def role_service(role: str, specification: HostSpecification, network: HostNetwork) -> SystemdService:
    """Raises ValueError for a role that the specification does not have."""
    if role not in specification.roles:
        raise ValueError(f"role {role}: not one of this host's roles {', '.join(specification.roles)}")
    cores = specification.core_map
    pinned = role in cores.roles
    parts = composite_parts(specification.roles) if role == "composite" else (role,)
    program, config = str(CURRENT / "bin" / "hotpath"), str(role_file(role))
    check = (
        ("status", "--config", str(role_file(parts[0]))) if role == "composite" else ("ready", role, "--config", config)
    )
    names = sorted({name for part in parts for name in SECRETS.get(part, ())})
    unit = Unit(
        name=unit_name(role).removesuffix(".service"),
        description=f"Ironlane {role}: {_DESCRIPTIONS[role]}",
        command=(program, "run", role, "--config", config),
        readiness=CommandReadiness(command=(program, *check)),
        user=user_of(role),
        cpus=cores.cpus_of(role),
        numa_node=cores.node_of(role) if pinned else None,
        working_directory="/",
        restart=RestartPolicy(start_limit=START_LIMIT),
        stop_timeout_s=stop_timeout_s(role),
    )
    return SystemdService(
        unit=unit,
        group=GROUP,
        slice=HOT_SLICE if pinned else SUPPORT_SLICE,
        watchdog_s=_WATCHDOG_S[role],
        cancel_deadline_ms=cancel_deadline_ms(role),
        start_timeout_s=_START_TIMEOUT_S.get(role, 30),
        requires=(HOST_CHECK,),
        after=(
            "network-online.target",
            *((BUS_LEAF,) if role == "agent" else ()),
            *(unit_name(other) for other in _AFTER.get(role, ())),
        ),
        conflicts=tuple(unit_name(part) for part in parts) if role == "composite" else (),
        part_of=TARGET,
        network=_network(role, parts, network),
        credentials={name: str(CREDENTIAL_FILES[name]) for name in names},
        state_directory=f"ironlane/{role}",
        writable=(str(RUN),) if role == "agent" else (),  # the kill file is the agent's to make, a strategy's never
        lock_memory=pinned,
        oom_score_adjust=-900 if pinned else -500,
    )


def role_unit(role: str, specification: HostSpecification, network: HostNetwork) -> str:
    """Text of `ironlane-<role>.service`. Raises ValueError for a role that the specification does not have."""
    return render_service(role_service(role, specification, network))


def host_check_unit(specification: HostSpecification) -> str:
    """Reads the host as root. Its one capability is chronyc's, whose socket lies in a folder of chrony's own user."""
    before = " ".join(unit_name(role) for role in specification.roles)
    after = " ".join(("network-online.target", *(unit for unit in specification.enabled_units)))
    # ethtool asks by netlink; users and devices of the host are what it looks at
    changed = {
        "PrivateUsers=yes": None,
        "CapabilityBoundingSet=": "CapabilityBoundingSet=CAP_DAC_OVERRIDE",
        "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6": "RestrictAddressFamilies=AF_UNIX AF_INET AF_NETLINK",
    }
    lines = [changed.get(line, line) for line in sandbox(Network(reach="listed"))]
    return "\n".join(
        [
            "[Unit]",
            "Description=Ironlane host check: the host is what its specification says",
            "Wants=network-online.target",
            f"After={after}",
            f"Before={before}",
            f"PartOf={TARGET}",
            "",
            "[Service]",
            "Type=oneshot",
            "RemainAfterExit=yes",
            f"ExecStart={CURRENT}/bin/python -I -m host_check --specification {ETC}/host-check.json",
            f"TimeoutStartSec={HOST_CHECK_TIMEOUT_S}",
            f"Slice={SUPPORT_SLICE}",
            f"CPUAffinity={' '.join(map(str, specification.core_map.housekeeping))}",
            "UMask=0077",
            "ReadWritePaths=-/run/chrony",
            "",
            *(line for line in lines if line is not None),
            "",
        ]
    )


def target(specification: HostSpecification, started: tuple[str, ...]) -> str:
    """started: roles that a boot starts. The others have their units, and wait for the rollout or for a person."""
    unknown = sorted(set(started) - set(specification.roles))
    if unknown:
        raise ValueError(f"started: {', '.join(unknown)}: not among this host's roles {', '.join(specification.roles)}")
    wanted = " ".join(unit_name(role) for role in specification.roles if role in started)
    return "\n".join(
        [
            "[Unit]",
            "Description=Ironlane trading host",
            f"Requires={HOST_CHECK}",
            f"After={HOST_CHECK}",
            f"Wants={wanted}",
            "",
            "[Install]",
            "WantedBy=multi-user.target",
            "",
        ]
    )


def system_users(specification: HostSpecification) -> str:
    """sysusers.d(5): a user per role, so that no role can touch what another owns; one group, for the rings."""
    lines = [f"g {GROUP} -"]
    for role in specification.roles:
        lines += [f'u {user_of(role)} - "Ironlane {role}"', f"m {user_of(role)} {GROUP}"]
    return "\n".join(lines) + "\n"


def runtime_folders() -> str:
    """tmpfiles.d(5). The kill file lies in the first: only the agent and root may make or remove it."""
    return f"d {RUN} 0750 {user_of('agent')} {GROUP} -\nd {CREDENTIALS} 0700 root root -\n"


def unit_files(specification: HostSpecification, network: HostNetwork, started: tuple[str, ...]) -> dict[str, str]:
    """Path to text of all that systemd has to know of the roles. Raises ValueError as the single functions do."""
    files = {str(SYSTEM / unit_name(role)): role_unit(role, specification, network) for role in specification.roles}
    files |= {
        str(SYSTEM / HOST_CHECK): host_check_unit(specification),
        str(SYSTEM / TARGET): target(specification, started),
        "/etc/sysusers.d/ironlane.conf": system_users(specification),
        "/etc/tmpfiles.d/ironlane-roles.conf": runtime_folders(),
    }
    return dict(sorted(files.items()))
