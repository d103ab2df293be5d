"""Runs the host check that came with an engine, before the engine does."""

from __future__ import annotations

from . import installed
from .errors import Exit, RolloutError
from .places import Places
from .process import run

MISMATCH, CANNOT_TELL = 1, 2


def check(places: Places, sha256: str, limit_s: float) -> str:
    """Raises RolloutError: REFUSED with the settings that differ, UNKNOWN when the check could not look."""
    home = places.engine(sha256)
    installed.require(home)
    if not any(home.glob("lib/python3*/site-packages/host_check/__main__.py")):
        raise RolloutError(f"{home}: came without a host check; nobody can say what this host is like", Exit.UNKNOWN)
    words = [str(home / "bin" / "python"), "-I", "-m", "host_check", "--specification", str(places.host_check)]
    code, output = run([*words, "--root", str(places.root)], limit_s=limit_s)
    if code == 0:
        return output.rstrip()
    text = f"host check with engine {sha256} exited {code}\n{output.rstrip()}"
    raise RolloutError(text, Exit.REFUSED if code == MISMATCH else Exit.UNKNOWN)
