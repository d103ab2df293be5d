"""Runs an engine through a generated session of its own before it may touch a real one.

Every stage of the compiled core runs on this host's processor, and the files are in the page cache afterwards. It uses
no shared memory of the running roles, no socket, and the CPUs of the shell it is started from.
"""

from __future__ import annotations

import tempfile

from . import installed
from .places import Places
from .process import expect

STRATEGY = "hotpath.strategy.market_maker:MarketMaker"
ROWS = 20_000


def warm_up(places: Places, sha256: str, limit_s: float) -> str:
    """Raises RolloutError when the engine does not come through."""
    home = places.engine(sha256)
    installed.require(home)
    with tempfile.TemporaryDirectory(prefix="ironlane-warm-up-") as out:
        words = [str(home / "bin" / "hotpath"), "backtest", "--strategy", STRATEGY, "--rows", str(ROWS)]
        expect([*words, "--out", out, "--no-plot"], limit_s=limit_s)
    return f"engine {sha256}: came through a generated session of {ROWS} rows"
