"""Starts the roles on the current engine and waits until each is ready: every gate open, each named when not."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from . import installed, units
from .errors import Exit, RolloutError
from .places import Places
from .process import run
from .roles import inside, unit
from .switch import target

_GRACE_S = 10.0  # beyond the limit given to `hotpath ready`, to print why not


def reconcile(
    places: Places, sha256: str, roles: Sequence[str], allowed: Mapping[str, Sequence[str]], limit_s: float
) -> str:
    """allowed: gates by role that need not open. Raises RolloutError: TIME_LIMIT with the gates that stayed closed."""
    home = places.engine(sha256)
    installed.require(home)
    running = target(places.current)
    if running != sha256:
        raise RolloutError(f"{places.current}: names {running or 'no engine'}, not {sha256}; switch first")
    deadline = time.monotonic() + limit_s
    units.start([unit(role) for role in roles], limit_s)
    told = []
    for role, file in [pair for each in roles for pair in inside(places, each).items()]:
        left = max(deadline - time.monotonic(), 0.0)
        words = [str(home / "bin" / "hotpath"), "ready", role, "--config", str(file), "--timeout", f"{left:.3f}"]
        for gate in allowed.get(role, ()):
            words += ["--except", gate]
        code, output = run(words, limit_s=left + _GRACE_S)
        if code != 0:
            late = time.monotonic() >= deadline
            raise RolloutError(
                f"{role}: not ready within {limit_s:g} s\n{output.rstrip()}",
                Exit.TIME_LIMIT if late else Exit.REFUSED,
            )
        told.append(output.rstrip())
    return "\n".join(told)
