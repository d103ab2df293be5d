"""One check, its result, and the verdict over all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from .comparisons import Comparison, differences, shown
from .host import AbsentError, Host, UnknownError
from .probes import Found, Probe, Value

Importance = Literal["required", "advisory"]
# what a host that lacks the file or command says of the setting: nothing, or that there is nothing to set
WhenAbsent = Literal["unknown", "ok"]

_SHOWN_DIFFERENCES = 4


class State(StrEnum):
    OK = "ok"
    MISMATCH = "mismatch"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Check:
    """reason: why the setting is as it is. An advisory check is shown and never fails the host."""

    name: str
    probe: Probe
    expected: Value
    comparison: Comparison = "equal"
    reason: str = ""
    importance: Importance = "required"
    when_absent: WhenAbsent = "unknown"


@dataclass(frozen=True)
class Result:
    """found: as text, or why nothing was found."""

    check: Check
    state: State
    found: str = field(default="")


def run(check: Check, host: Host) -> Result:
    """Never raises: what cannot be told is a result."""
    try:
        found = check.probe.read(host)
        different = differences(check.comparison, found, check.expected)
    except AbsentError as error:
        return Result(check, State.OK if check.when_absent == "ok" else State.UNKNOWN, str(error))
    except (UnknownError, ValueError) as error:
        return Result(check, State.UNKNOWN, str(error))
    if different:
        more = len(different) - _SHOWN_DIFFERENCES
        text = "; ".join(different[:_SHOWN_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")
        return Result(check, State.MISMATCH, text)
    return Result(check, State.OK, _summary(found))


def _summary(found: Found) -> str:
    if not isinstance(found, dict):
        return shown(found)
    values = sorted({shown(value) for value in found.values()})
    return ", ".join(values) if len(values) <= _SHOWN_DIFFERENCES else f"{len(found)} values"


def verdict(results: Iterable[Result]) -> State:
    """A mismatch of what is required outweighs what cannot be told."""
    states = {result.state for result in results if result.check.importance == "required"}
    return next((state for state in (State.MISMATCH, State.UNKNOWN) if state in states), State.OK)
