"""A strategy whose callback does not come back once a file exists: the hot loop is stuck in it."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from hotpath.strategy.python_base import PythonStrategy


class HangingParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    hang_file: str


class HangingStrategy(PythonStrategy):
    Parameters = HangingParameters

    def on_timer(self, now_ns: int) -> None:
        if Path(self.parameters.hang_file).exists():
            time.sleep(60)
