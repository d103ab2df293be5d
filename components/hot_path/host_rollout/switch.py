"""Which engine the units run: one symbolic link, changed in one step, and the one before it for the way back."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from . import installed, units
from .errors import RolloutError
from .places import Places
from .roles import order_roles, unit


def switch(places: Places, sha256: str, roles: Sequence[str], limit_s: float) -> str:
    """Stops the roles that have no orders and points `current` at the engine; starts nothing.

    Raises RolloutError when the engine is not whole, or a role that may have orders still runs.
    """
    home = places.engine(sha256)
    installed.require(home)
    running = target(places.current)
    if running == home.name:
        return f"engine {sha256}: is the current one already"
    holding = [unit(role) for role in order_roles(roles) if units.look(unit(role)).active]
    if holding:
        raise RolloutError(f"{', '.join(holding)}: active; drain this host before the engine is exchanged under it")
    others = [role for role in roles if role not in order_roles(roles)]
    units.stop([unit(role) for role in others if units.look(unit(role)).active], limit_s)
    if running is not None and not installed.problems(places.engine(running)):
        _point(places.previous, running)
    _point(places.current, home.name)
    return f"engine {sha256}: current now; before it {running or 'none'}"


def rollback(places: Places, roles: Sequence[str], limit_s: float) -> str:
    """Switches to the engine that ran before. Raises RolloutError when there is none, and what `switch` raises."""
    before = target(places.previous)
    if before is None or before == target(places.current):
        raise RolloutError(f"{places.previous}: names no engine that ran before; `switch --sha256` takes one by name")
    return switch(places, before, roles, limit_s)


def target(link: Path) -> str | None:
    """Digest of the engine that a link names."""
    try:
        return Path(os.readlink(link)).name
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RolloutError(f"{link}: is no symbolic link ({error.strerror}); nothing here made it so") from None


def _point(link: Path, name: str) -> None:
    """Whoever reads the link sees the old or the new target, never none; durable before it returns."""
    draft = link.with_name(f".{link.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    draft.symlink_to(f"engines/{name}")
    draft.replace(link)
    folder = os.open(link.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
