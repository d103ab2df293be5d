"""The table for people and the JSON for everything else."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.contender import Skipped, Work
from benchmarks.runner import Outcome, Spread

SCHEMA = 1


def show(
    console: Console,
    done: Sequence[tuple[Work, Sequence[Outcome]]],
    skipped: Sequence[Skipped],
    stated: Mapping[str, Any],
    timer: Mapping[str, Any],
) -> None:
    """One row per contender and piece of work: median [min..max]; latencies include the timer."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("work")
    table.add_column("contender")
    for name in ("M/s", "ns each", "CPU ns each"):
        table.add_column(name, justify="right")
    table.add_column("P50 / P99 / P99.9 ns")
    table.add_column("to ours", justify="right")
    table.add_column("result")
    for work, outcomes in done:
        ours = next((each for each in outcomes if each.contender == "ironlane"), None)
        for number, outcome in enumerate(outcomes):
            table.add_row(work.title if number == 0 else "", *_row(work, outcome, ours))
    for each in skipped:
        table.add_row(each.title, "", "", "", "", "", "", f"skipped: {each.reason}")
    console.print(table)
    notes = [
        "median \\[min..max] over the rounds; CPU ns leave out what other processes had of the CPU",
        f"latencies include the timer, which alone takes {timer['p50']} ns (P99 {timer['p99']} ns)",
        f"{stated['cpu']}, {stated['cpus_usable']} CPUs, pinned to {stated['pinned_to_cpu']}",
        f"governor {stated['governor'] or 'unknown'}, load average at start {stated['load_average_at_start'][0]:.1f}",
        f"{stated['kernel']}; engine {stated['engine']}; {stated['compiler']}",
    ]
    for note in notes:
        console.print(note, highlight=False)
    for work, _ in done:
        if work.statistics:
            text = ", ".join(f"{key} {value}" for key, value in work.statistics.items())
            console.print(f"  {work.name}: {text}", highlight=False)


def _row(work: Work, outcome: Outcome, ours: Outcome | None) -> tuple[str, ...]:
    if outcome.missing is not None:
        return outcome.contender, "", "", "", "", "", f"missing: {outcome.missing}"
    rate, each = outcome.per_second(), outcome.ns_per_operation()
    percentiles = outcome.percentiles()
    latency = " / ".join(_span(percentiles[name], "{:.0f}") for name in ("p50", "p99", "p99.9") if name in percentiles)
    ratio = ""
    our_rate = ours.per_second() if ours is not None else None
    if ours is not outcome and our_rate is not None and rate is not None:
        ratio = f"{rate.median / our_rate.median:.2f}"
    millions = None if rate is None else Spread(rate.median / 1e6, rate.minimum / 1e6, rate.maximum / 1e6)
    return (
        outcome.contender,
        _span(millions, "{:.2f}"),
        _span(each, "{:.1f}"),
        _span(outcome.cpu_ns_per_operation(), "{:.1f}"),
        latency,
        ratio,
        _result(work, outcome),
    )


def _result(work: Work, outcome: Outcome) -> str:
    if outcome.wrong is not None:
        return f"WRONG: {outcome.wrong}"
    if outcome.failed is not None or outcome.rounds == 0:
        return f"FAILED: {outcome.failed or 'nothing was measured'}"
    return "verified" if outcome.operations == work.operations else f"verified, first {outcome.operations:,} operations"


def _span(spread: Spread | None, form: str) -> str:
    if spread is None:
        return ""
    median, low, high = (form.format(value) for value in (spread.median, spread.minimum, spread.maximum))
    return f"{median} \\[{low}..{high}]"


def write_json(
    file: Path,
    done: Sequence[tuple[Work, Sequence[Outcome]]],
    skipped: Sequence[Skipped],
    stated: Mapping[str, Any],
    timer: Mapping[str, Any],
) -> None:
    report = {
        "schema": SCHEMA,
        "conditions": {**stated, "load_average_at_end": list(os.getloadavg())},
        "timer_pair_ns": timer,
        "latency_includes_timer": True,
        "work": [
            {
                "name": work.name,
                "title": work.title,
                "unit": work.unit,
                "operations": work.operations,
                "latency": work.latency_title,
                "statistics": work.statistics,
                "expected": work.expected,
                "contenders": [each.as_json() for each in outcomes],
            }
            for work, outcomes in done
        ],
        "skipped": [{"name": each.name, "title": each.title, "reason": each.reason} for each in skipped],
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(json.dumps(report, indent=1) + "\n")
    draft.replace(file)
