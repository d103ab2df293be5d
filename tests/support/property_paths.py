"""Dotted paths of properties, with [n] in lists."""

from __future__ import annotations

from collections.abc import Iterable


def below(path: str, paths: Iterable[str]) -> bool:
    """Whether the path is one of those, or inside of one."""
    return any(path == each or path.startswith((f"{each}.", f"{each}[")) for each in paths)
