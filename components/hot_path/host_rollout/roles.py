"""The roles of this host: their units, their configuration, and which of them have orders at the venue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .errors import RolloutError
from .places import Places

# stopped in this order: what asks for orders before what holds them
ORDER_ROLES = ("strategy", "order-router", "composite")
PROVING_ROLES = ("strategy", "order-router")
CONFIGURATION_KEY = {"strategy": "strategy", "order-router": "order_router"}  # in a composite's file


def unit(role: str) -> str:
    return f"ironlane-{role}.service"


def order_roles(roles: Sequence[str]) -> list[str]:
    return [role for role in ORDER_ROLES if role in roles]


def data_folders(places: Places, role: str) -> dict[str, Path]:
    """For every role that runs inside the unit of role and proves its cancels: where it leaves the proof."""
    configuration = _read(places.role(role))
    if role != "composite":
        return {role: _data(places, places.role(role), configuration)}
    files = {name: configuration.get(CONFIGURATION_KEY[name]) for name in PROVING_ROLES}
    found = {}
    for name, file in files.items():
        if file is not None:
            found[name] = _data(places, places.of(file), _read(places.of(file)))
    return found


def _data(places: Places, file: Path, configuration: dict[str, Any]) -> Path:
    try:
        return places.of(str(configuration["runtime"]["data_dir"]))
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
