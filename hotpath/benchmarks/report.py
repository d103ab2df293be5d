"""What a run found, as plain data: the JSON file, and all that tables and plots are made from.

`{"conditions": {...}, "timer_pair_ns": {...}, "sections": [{"name", "title", "unit", "latency", "cases": [{"name",
"case", "operations", "statistics", "expected", "skipped", "contenders": [...]}]}]}`; a section is one work, or the
works of one group. `times_ours` of a contender: its time (CPU time, P50, P99) over ours, above 1 = ours is faster.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.contender import Skipped, Work
from benchmarks.runner import Outcome, Spread

SCHEMA = 2
OURS = "ironlane"
JSON_FILE = "results.json"
MEASURED_RATIOS = ("p50", "p99")
_ONE_MACHINE = ("cpu", "cpus_usable", "kernel", "compiler", "compiler_flags", "python", "cython")
_OF_A_CASE = ("date", "engine_sha256", "niceness", "load_average_at_start", "load_average_at_end")

Done = tuple[Work, Sequence[Outcome]] | Skipped
_FLAT = re.compile(r"[\[{][^\[\]{}]*[\]}]")


def as_data(done: Sequence[Done], stated: Mapping[str, Any], timer: Mapping[str, int]) -> dict[str, Any]:
    """done: in the order in which it is shown."""
    sections: dict[str, dict[str, Any]] = {}
    for each in done:
        work = each if isinstance(each, Skipped) else each[0]
        name = work.group or work.name
        section = sections.setdefault(name, {"name": name, "title": work.title, "unit": "", "latency": "", "cases": []})
        if isinstance(each, Skipped):
            section["cases"].append({"name": work.name, "case": work.case, "skipped": each.reason, "contenders": []})
            continue
        section["unit"], section["latency"] = each[0].unit, each[0].latency_title
        section["cases"].append(_case(*each))
    return {
        "schema": SCHEMA,
        "conditions": {**stated, "load_average_at_end": [round(load, 2) for load in os.getloadavg()]},
        "timer_pair_ns": dict(timer),
        "latency_includes_timer": True,
        "sections": list(sections.values()),
    }


def updated(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """The earlier report with the cases of the later one in place of its own; each says when and how it was measured
    where that is not as the page says. Raises ValueError when they cannot be on one page."""
    if earlier["schema"] != later["schema"]:
        raise ValueError(f"the earlier report has schema {earlier['schema']}, not {later['schema']}: measure all again")
    for name in _ONE_MACHINE:
        if earlier["conditions"].get(name) != later["conditions"].get(name):
            raise ValueError(f"the earlier report has another {name.replace('_', ' ')}: measure all again")
    own = {name: later["conditions"].get(name) for name in _OF_A_CASE}
    again = {case["name"]: {**case, "conditions": own} for section in later["sections"] for case in section["cases"]}
    sections = [
        {**section, "cases": [again.pop(case["name"], case) for case in section["cases"]]}
        for section in earlier["sections"]
    ]
    if again:
        raise ValueError(f"the earlier report has no {', '.join(again)}: measure all again")
    return {**earlier, "sections": sections}


def _case(work: Work, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    ours = next((each for each in outcomes if each.contender == OURS), None)
    return {
        "name": work.name,
        "case": work.case,
        "skipped": None,
        "operations": work.operations,
        "statistics": dict(work.statistics),
        "expected": dict(work.expected),
        "contenders": [{**each.as_json(), "times_ours": _times_ours(each, ours)} for each in outcomes],
    }


def _times_ours(outcome: Outcome, ours: Outcome | None) -> dict[str, Any]:
    """Only what is right can be compared."""
    if ours is None or outcome is ours or not (ours.verified() and outcome.verified()):
        return {}
    ratios: dict[str, Any] = {}
    time = outcome.times_of(ours)
    if time is not None:
        ratios["time"] = _spread(time)
    cpu = outcome.cpu_times_of(ours)
    if cpu is not None:
        ratios["cpu"] = _spread(cpu)
    theirs, mine = outcome.percentiles(), ours.percentiles()
    for name in MEASURED_RATIOS:
        if name in theirs and name in mine and mine[name].median > 0:
            ratios[name] = theirs[name].median / mine[name].median
    return ratios


def _spread(spread: Spread) -> dict[str, float]:
    return {"median": spread.median, "min": spread.minimum, "max": spread.maximum}


def write_json(file: Path, data: Mapping[str, Any]) -> None:
    """Innermost lists and objects on one line each. Raises OSError."""
    text = _FLAT.sub(lambda found: re.sub(r"\s+", " ", found.group()), json.dumps(_rounded(data), indent=1))
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(text + "\n")
    draft.replace(file)


def _rounded(value: Any) -> Any:
    """Six digits: more than any of it is known to."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value
