"""Results as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from .check import Result, State, verdict
from .check_list import CheckList
from .comparisons import shown

_WORDS = {State.OK: "green", State.MISMATCH: "mismatch", State.UNKNOWN: "cannot tell"}
_EXPECTED = {"equal": "", "at-least": "at least ", "at-most": "at most ", "cpus-within": "within CPU "}
_WIDEST = 48


def expected(result: Result) -> str:
    comparison = result.check.comparison
    return _EXPECTED.get(comparison, "at least version ") + shown(result.check.expected)


def as_table(check_list: CheckList, results: Sequence[Result]) -> str:
    """Every check on a line; of those that are not ok the reason, too; then the verdict."""
    rows = [("", "SETTING", "EXPECTED", "FOUND")]
    rows += [(_mark(result), result.check.name, expected(result), result.found) for result in results]
    widths = [min(max(len(row[column]) for row in rows), _WIDEST) for column in range(3)]
    lines: list[str] = []
    for row, result in zip(rows, (None, *results), strict=True):
        lines.append(
            "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip()
        )
        if result is not None and result.state is not State.OK:
            lines.append(" " * (widths[0] + 2) + f"why: {result.check.reason}")
    counts = {state: sum(result.state is state for result in results) for state in State}
    lines.append(
        f"{check_list.machine}: {_WORDS[verdict(results)]}; {counts[State.OK]} ok, {counts[State.MISMATCH]} mismatch,"
        f" {counts[State.UNKNOWN]} unknown; specification {check_list.digest[:12]}"
    )
    return "\n".join(lines) + "\n"


def _mark(result: Result) -> str:
    advisory = result.check.importance == "advisory" and result.state is not State.OK
    return result.state.upper() + (" (advisory)" if advisory else "")


def as_json(check_list: CheckList, results: Sequence[Result]) -> str:
    document = {
        "machine": check_list.machine,
        "specification": check_list.digest,
        "verdict": verdict(results),
        "checks": [
            {
                "name": result.check.name,
                "state": result.state,
                "expected": expected(result),
                "found": result.found,
                "importance": result.check.importance,
                "reason": result.check.reason,
            }
            for result in results
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
