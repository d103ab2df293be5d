"""The hot path's roles: names, places on a host, deadlines. The same for whatever runs them. No Pulumi import."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

Role = Literal["venue", "feed-handler", "strategy", "order-router", "agent", "composite"]

HOT_ROLES: tuple[Role, ...] = ("feed-handler", "strategy", "order-router")  # of a trading engine, pinned
CANCEL_DEADLINE_MS: dict[str, int] = {"strategy": 2000, "order-router": 3000}
STOP_MARGIN_S = 5  # past the cancel deadline, before whatever runs the role may kill it

# on a host that systemd runs
ENGINES = PurePosixPath("/opt/ironlane/engines")  # one folder per digest
CURRENT = PurePosixPath("/opt/ironlane/current")  # symbolic link to one of them
ETC = PurePosixPath("/etc/ironlane")
ROLE_FILES = ETC / "roles"
CREDENTIALS = ETC / "credentials"  # root's alone; a unit gets what it names, and nothing else
RUN = PurePosixPath("/run/ironlane")
DATA = PurePosixPath("/var/lib/ironlane")
GROUP = "ironlane"
SHM_PREFIX = "ironlane"


def unit_name(role: str) -> str:
    return f"ironlane-{role}.service"


def user_of(role: str) -> str:
    return f"ironlane-{role}"


def role_file(role: str) -> PurePosixPath:
    return ROLE_FILES / f"{role}.json"


def credential(role: str, name: str) -> PurePosixPath:
    """Where the unit of a role finds a secret that it loads (systemd.exec(5), LoadCredential=)."""
    return PurePosixPath("/run/credentials") / unit_name(role) / name


def cancel_deadline_ms(role: str) -> int:
    """How long a stop may take to cancel and to prove it; a composite drains its strategy, then its router."""
    return sum(CANCEL_DEADLINE_MS.values()) if role == "composite" else CANCEL_DEADLINE_MS.get(role, 0)


def stop_timeout_s(role: str) -> int:
    return cancel_deadline_ms(role) // 1000 + STOP_MARGIN_S
