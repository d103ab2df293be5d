"""Every module found here takes part: as one contender, or with several in its `CONTENDERS`."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import cast

from benchmarks.contender import Contender


def contenders() -> list[Contender]:
    """All of them, ours first."""
    found: list[Contender] = []
    for each in pkgutil.iter_modules(__path__):
        module = import_module(f"{__name__}.{each.name}")
        found += getattr(module, "CONTENDERS", (cast(Contender, module),))
    return sorted(found, key=lambda each: (each.NAME != "ironlane", each.NAME))
