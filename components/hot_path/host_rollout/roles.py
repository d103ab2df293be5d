"""The roles of this host: their units, their configuration, and which of them have orders at the venue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .errors import RolloutError
from .places import Places

KNOWN_ROLES = ("venue", "feed-handler", "order-router", "strategy", "composite", "agent")
# stopped in this order: what asks for orders before what holds them
ORDER_ROLES = ("strategy", "order-router", "composite")
_PROVING_ROLES = ("strategy", "order-router")
_COMPOSITE = "composite"
# what may run inside of it, by the key of its file
_PARTS = {"feed_handler": "feed-handler", "order_router": "order-router", "strategy": "strategy"}


def unit(role: str) -> str:
    return f"ironlane-{role}.service"


def order_roles(roles: Sequence[str]) -> list[str]:
    return [role for role in ORDER_ROLES if role in roles]


def inside(places: Places, role: str) -> dict[str, Path]:
    """Configuration file of every role that the unit of role runs: the role itself, or the parts of a composite."""
    if role != _COMPOSITE:
        return {role: places.role(role)}
    file = places.role(role)
    configuration = _read(file)
    found = {role: configuration[key] for key, role in _PARTS.items() if configuration.get(key) is not None}
    if not found:
        raise RolloutError(f"{file}: a composite without parts")
    return {role: places.of(str(path)) for role, path in found.items()}


def proof_folders(places: Places, role: str) -> dict[str, Path]:
    """Where each role inside the unit of role that has orders leaves what became of them."""
    return {name: _data(places, file) for name, file in inside(places, role).items() if name in _PROVING_ROLES}


def _data(places: Places, file: Path) -> Path:
    try:
        return places.of(str(_read(file)["runtime"]["data_dir"]))
    except (KeyError, TypeError):
        raise RolloutError(f"{file}: has no runtime.data_dir; it is no role's configuration") from None


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise RolloutError(f"{file}: cannot be read ({error}); the role's configuration belongs there") from None
    if not isinstance(found, dict):
        raise RolloutError(f"{file}: no role's configuration")
    return found
