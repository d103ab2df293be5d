"""Loads what the instrumented codecs call; before they are imported."""

from __future__ import annotations

import ctypes
import os


def load(coverage: str) -> ctypes.CDLL:
    """The library built from coverage.c, visible to all that is loaded later. Raises OSError."""
    return ctypes.CDLL(coverage, mode=os.RTLD_GLOBAL | os.RTLD_NOW)
