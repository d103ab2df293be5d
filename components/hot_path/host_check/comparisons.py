"""How a found value is compared with the expected one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from . import cpu_list
from .host import UnknownError
from .probes import Found, Value

Comparison = Literal["equal", "at-least", "at-most", "cpus-within", "version-at-least"]


def shown(value: Value) -> str:
    """Whole numbers without a fraction; empty text as such."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if value != "" else "(empty)"


def _number(value: Value) -> float:
    if not isinstance(value, float):
        raise UnknownError(f"{value!r} is not a number")
    return value


def _equal(found: Value, expected: Value) -> bool:
    return shown(found) == shown(expected)


def _at_least(found: Value, expected: Value) -> bool:
    return _number(found) >= _number(expected)


def _at_most(found: Value, expected: Value) -> bool:
    return _number(found) <= _number(expected)


def _cpus_within(found: Value, expected: Value) -> bool:
    """A number is a list of one."""
    return set(cpu_list.parse(shown(found))) <= set(cpu_list.parse(shown(expected)))


def _version_at_least(found: Value, expected: Value) -> bool:
    numbers = []
    for text in (shown(found), shown(expected)):
        match = re.match(r"(\d+)\.(\d+)", text)
        if match is None:
            raise UnknownError(f"{text!r} is not a version")
        numbers.append((int(match[1]), int(match[2])))
    return numbers[0] >= numbers[1]


_COMPARISONS: dict[Comparison, Callable[[Value, Value], bool]] = {
    "equal": _equal,
    "at-least": _at_least,
    "at-most": _at_most,
    "cpus-within": _cpus_within,
    "version-at-least": _version_at_least,
}


def differences(comparison: Comparison, found: Found, expected: Value) -> list[str]:
    """What of the found does not compare, `CPU 3: powersave`; empty when all does. Raises UnknownError."""
    holds = _COMPARISONS[comparison]
    if not isinstance(found, dict):
        return [] if holds(found, expected) else [shown(found)]
    return [f"{name}: {shown(value)}" for name, value in found.items() if not holds(value, expected)]
