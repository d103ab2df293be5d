"""Compares costs per operation with the baseline file. Pure logic."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

TOLERANCE = 0.05
# differences below these are the rounding of a count, not a change of the code
LEAST = {"instructions": 0.5, "mispredictions": 0.02}
_DIGITS = 3


@dataclass(frozen=True)
class Cost:
    """Of one operation, on average."""

    instructions: float
    mispredictions: float


@dataclass(frozen=True)
class Builder:
    """What the counts depend on besides the code: costs of different builders cannot be compared."""

    architecture: str
    compiler: str


class Verdict(StrEnum):
    SAME = "same"
    RISEN = "RISEN"
    FALLEN = "fallen"
    NEW = "new"
    GONE = "GONE"


@dataclass(frozen=True)
class Change:
    """One count of one operation. before, after: None when the baseline, or the measurement, does not have it."""

    operation: str
    count: str
    before: float | None
    after: float | None
    verdict: Verdict

    @property
    def relative(self) -> float | None:
        if self.before is None or self.after is None or self.before < LEAST[self.count]:
            return None
        return self.after / self.before - 1


class BaselineError(Exception):
    """The baseline file cannot be used; the text names it and the fix."""


def compare(before: Mapping[str, Cost], after: Mapping[str, Cost]) -> list[Change]:
    """Every count of every operation of either side. An operation that is no longer measured is a failure, too."""
    changes = []
    for name in dict.fromkeys([*before, *after]):
        old = asdict(before[name]) if name in before else {}
        new = asdict(after[name]) if name in after else {}
        changes += [Change(name, count, old.get(count), new.get(count), _verdict(count, old, new)) for count in LEAST]
    return changes


def _verdict(count: str, old: Mapping[str, float], new: Mapping[str, float]) -> Verdict:
    if not old:
        return Verdict.NEW
    if not new:
        return Verdict.GONE
    difference = new[count] - old[count]
    if abs(difference) < max(TOLERANCE * old[count], LEAST[count]):
        return Verdict.SAME
    return Verdict.RISEN if difference > 0 else Verdict.FALLEN


def failed(changes: list[Change]) -> list[Change]:
    return [each for each in changes if each.verdict in (Verdict.RISEN, Verdict.GONE)]


def read(file: Path) -> dict[Builder, dict[str, Cost]]:
    """Raises BaselineError; a file that is not there is an empty baseline."""
    try:
        stored = json.loads(file.read_text())
        return {
            Builder(each["architecture"], each["compiler"]): {
                name: Cost(float(cost["instructions"]), float(cost["mispredictions"]))
                for name, cost in each["per_operation"].items()
            }
            for each in stored["baselines"]
        }
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BaselineError(
            f"{file}: {type(error).__name__}: {error}; restore it, or write it anew with `make bench-gate UPDATE=1`"
        ) from None


def write(file: Path, builder: Builder, costs: Mapping[str, Cost], how: Mapping[str, str]) -> None:
    """Replaces this builder's baseline and keeps the others. how: versions, for people. Raises BaselineError."""
    kept: list[dict[str, Any]] = []
    read(file)
    if file.exists():
        kept = [
            each
            for each in json.loads(file.read_text())["baselines"]
            if Builder(each["architecture"], each["compiler"]) != builder
        ]
    rounded = {name: {k: round(v, _DIGITS) + 0.0 for k, v in asdict(cost).items()} for name, cost in costs.items()}
    kept.append({**asdict(builder), **how, "per_operation": rounded})
    kept.sort(key=lambda each: (each["architecture"], each["compiler"]))
    draft = file.with_name(f".{file.name}.draft")
    draft.write_text(json.dumps({"baselines": kept}, indent=1) + "\n")
    draft.replace(file)
