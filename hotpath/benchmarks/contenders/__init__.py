"""One module per contender; every module found here takes part."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import cast

from benchmarks.contender import Contender


def contenders() -> list[Contender]:
    """All of them, ours first."""
    found = [cast(Contender, import_module(f"{__name__}.{each.name}")) for each in pkgutil.iter_modules(__path__)]
    return sorted(found, key=lambda each: (each.NAME != "ironlane", each.NAME))
