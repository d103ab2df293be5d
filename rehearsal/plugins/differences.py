"""Which properties changed, by property path, as the engine's detailed diff names them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from rehearsal.plugins.properties import is_tagged


class Change(Enum):
    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


_MISSING = object()
_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*\Z")


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Change]:
    """Path to kind of change, down to the innermost value; becoming secret or plain is a change too."""
    return dict(_objects("", old, new))


def top_level(path: str) -> str:
    """Property that a path starts with."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def _objects(prefix: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Change]]:
    for key in sorted(old.keys() | new.keys()):
        if _PLAIN_KEY.match(key):
            path = f"{prefix}.{key}" if prefix else key
        else:
            escaped = key.replace("\\", "\\\\").replace('"', '\\"')
            path = f'{prefix}["{escaped}"]'
        yield from _values(path, old.get(key, _MISSING), new.get(key, _MISSING))


def _values(path: str, old: Any, new: Any) -> Iterator[tuple[str, Change]]:
    old_absent, new_absent = old is _MISSING or old is None, new is _MISSING or new is None
    if old_absent or new_absent:
        if old_absent != new_absent:
            yield path, Change.ADD if old_absent else Change.DELETE
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else _MISSING
            after = new[index] if index < len(new) else _MISSING
            yield from _values(f"{path}[{index}]", before, after)
    elif isinstance(old, dict) and isinstance(new, dict) and not is_tagged(old) and not is_tagged(new):
        yield from _objects(path, old, new)
    elif type(old) is not type(new) or old != new:
        yield path, Change.UPDATE
