"""The report for people: one Markdown page, and the same tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.goals import Judgement, judge
from benchmarks.report import OURS

MARKDOWN_FILE = "results.md"
QUANTILES_SHOWN = ("p50", "p99", "p99.9")
_UNITS = ((1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s"))
_READABLE = 20_000  # a unit is too small when the smallest figure of a table is above this
_LONG_REASON = 160


@dataclass(frozen=True)
class Row:
    """One contender at one case; cells as text."""

    ours: bool
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    header: tuple[str, ...]
    right: tuple[bool, ...]
    rows: tuple[Row, ...]


def ranked(case: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Contenders as shown: ours, then the verified by speed, then the others."""
    return sorted(case["contenders"], key=lambda each: (each["contender"] != OURS, not each["verified"], _cost(each)))


def _cost(contender: Mapping[str, Any]) -> float:
    """What it is ranked by: time per operation, else P50."""
    time = contender["ns_per_operation"] or contender["latency_ns"].get("p50")
    return float("inf") if time is None else float(time["median"])


def unit_for(smallest: float) -> tuple[float, str]:
    """(ns per unit, its name) in which no figure of a table needs more than five digits if it can be helped."""
    return next(((size, name) for size, name in _UNITS if smallest / size < _READABLE), _UNITS[-1])


def number(value: float) -> str:
    """Three digits at least, no more than one can use."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def result_of(contender: Mapping[str, Any], operations: int) -> str:
    if contender["missing"] is not None:
        return f"missing: {_short(contender['missing'])}"
    if contender["wrong"] is not None:
        return f"WRONG: {_short(contender['wrong'])}"
    if not contender["verified"]:
        return f"FAILED: {_short(contender['failed'] or 'nothing was measured')}"
    if contender["operations"] != operations:
        return f"verified, first {contender['operations']:,} only"
    return "verified"


def _short(reason: str) -> str:
    line = " ".join(reason.split())
    return line if len(line) <= _LONG_REASON else f"{line[: _LONG_REASON - 1]}…"


def main_grid(section: Mapping[str, Any]) -> Grid:
    """Time, spread, latency and ratios of every contender at every case. Columns that nobody fills are left out."""
    cases = section["cases"]
    many = len(cases) > 1
    every = [each for case in cases for each in case["contenders"]]
    costs = [cost for each in every if (cost := _cost(each)) < float("inf")]
    size, unit = unit_for(min(costs, default=0.0))
    header = [
        ("case", False),
        ("contender", False),
        (f"{unit} each", True),
        ("spread", True),
        ("CPU", True),
        *((name.upper(), True) for name in QUANTILES_SHOWN),
        ("time, x ours", True),
        ("CPU, x ours", True),
        ("P50, x ours", True),
        ("P99, x ours", True),
        ("result", False),
    ]
    rows = []
    for case in cases:
        if case["skipped"] is not None:
            rows.append(Row(False, (case["case"], *[""] * (len(header) - 2), f"skipped: {_short(case['skipped'])}")))
        for place, each in enumerate(ranked(case)):
            label = case["case"] if place == 0 else ""
            rows.append(Row(each["contender"] == OURS, (label, *_cells(each, case["operations"], size))))
    shown = [
        index
        for index, (name, _) in enumerate(header)
        if (name != "case" or many) and any(row.cells[index] for row in rows)
    ]
    return Grid(
        tuple(header[i][0] for i in shown),
        tuple(header[i][1] for i in shown),
        tuple(Row(row.ours, tuple(row.cells[i] for i in shown)) for row in rows),
    )


def _cells(contender: Mapping[str, Any], operations: int, size: float) -> tuple[str, ...]:
    time, cpu = contender["ns_per_operation"], contender["cpu_ns_per_operation"]
    latency, ratios = contender["latency_ns"], contender["times_ours"]
    return (
        contender["contender"],
        number(time["median"] / size) if time else "",
        f"{number(time['min'] / size)} – {number(time['max'] / size)}" if time else "",
        number(cpu["median"] / size) if cpu else "",
        *(number(latency[name]["median"] / size) if name in latency else "" for name in QUANTILES_SHOWN),
        *(number(ratios[name]["median"]) if name in ratios else "" for name in ("time", "cpu")),
        *(number(ratios[name]) if name in ratios else "" for name in ("p50", "p99")),
        result_of(contender, operations),
    )


def stage_grid(section: Mapping[str, Any]) -> Grid | None:
    """Latency of each stage, and beside the whole the sum of their medians."""
    rows = []
    for case in section["cases"]:
        for each in ranked(case):
            stages = each["stages_ns"]
            if not stages:
                continue
            for place, (name, spreads) in enumerate(stages.items()):
                first = (case["case"], each["contender"]) if place == 0 else ("", "")
                rows.append(Row(each["contender"] == OURS, (*first, name, *_quantiles(spreads))))
            total = sum(spreads["p50"]["median"] for spreads in stages.values() if "p50" in spreads)
            rows.append(Row(False, ("", "", "sum of P50", number(total), *[""] * (len(QUANTILES_SHOWN) - 1))))
            if each["latency_ns"]:
                rows.append(Row(False, ("", "", "whole", *_quantiles(each["latency_ns"]))))
    header = ("case", "contender", "stage", *(f"{name.upper()}, ns" for name in QUANTILES_SHOWN))
    return Grid(header, (False, False, False, *[True] * len(QUANTILES_SHOWN)), tuple(rows)) if rows else None


def _quantiles(spreads: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(number(spreads[name]["median"]) if name in spreads else "" for name in QUANTILES_SHOWN)


def figure_grid(section: Mapping[str, Any]) -> Grid | None:
    """What else was measured, a column per figure."""
    measured = [(case, each) for case in section["cases"] for each in ranked(case) if each["figures"]]
    names = list(dict.fromkeys(name for _, each in measured for name in each["figures"]))
    if not names:
        return None
    rows = [
        Row(
            each["contender"] == OURS,
            (case["case"], each["contender"], *(_figure(each["figures"].get(name)) for name in names)),
        )
        for case, each in measured
    ]
    header = ("case", "contender", *(name.replace("_", " ") for name in names))
    return Grid(header, (False, False, *[True] * len(names)), tuple(rows))


def _figure(spread: Mapping[str, float] | None) -> str:
    if spread is None:
        return ""
    return f"{spread['median']:.0f}" if float(spread["median"]).is_integer() else number(spread["median"])


def summary_grid(data: Mapping[str, Any]) -> Grid:
    """One line per case: ours, and the fastest other that is right."""
    rows = []
    for section in data["sections"]:
        for case in section["cases"]:
            title = section["name"] + (f", {case['case']}" if case["case"] else "")
            ours = next((each for each in case["contenders"] if each["contender"] == OURS), None)
            if ours is None or not ours["verified"]:
                why = case["skipped"] or (result_of(ours, case["operations"]) if ours else "ours did not take part")
                rows.append(Row(False, (title, "", "", "", "", _short(why))))
                continue
            best = min(
                (each for each in case["contenders"] if each["verified"] and each is not ours),
                key=_cost,
                default=None,
            )
            theirs = () if best is None else (best["contender"], duration(_cost(best)), *_ratios(best["times_ours"]))
            rows.append(Row(False, (title, duration(_cost(ours)), *(theirs or ("nobody", "", "", "")))))
    header = ("work", "ours", "fastest other", "takes", "x ours", "P99, x ours")
    return Grid(header, (False, True, False, True, True, True), tuple(rows))


def goal_grid(judgements: Sequence[Judgement]) -> Grid | None:
    """A line per goal of the works that were run; what falls short is in bold."""
    rows = []
    for each in judgements:
        unit = f" {each.goal.unit}".rstrip()
        wanted = f"{'≥' if each.goal.at_least else '≤'} {each.goal.wanted:,g}{unit}"
        if each.measured is None:
            rows.append(Row(False, (each.goal.text, wanted, "", f"not judged: {_short(each.why)}")))
        else:
            verdict = "met" if each.met else "falls short"
            rows.append(Row(not each.met, (each.goal.text, wanted, f"{_goal_figure(each)}{unit}", verdict)))
    return Grid(("goal", "wanted", "measured", "result"), (False, True, True, False), tuple(rows)) if rows else None


def _goal_figure(judgement: Judgement) -> str:
    measured = judgement.measured or 0.0
    return f"{measured:.0f}" if measured.is_integer() else number(measured)


def _ratios(ratios: Mapping[str, Any]) -> tuple[str, str]:
    whole = ratios["time"]["median"] if "time" in ratios else ratios.get("p50")
    return number(whole) if whole is not None else "", number(ratios["p99"]) if "p99" in ratios else ""


def duration(ns: float) -> str:
    size, name = unit_for(ns)
    return f"{number(ns / size)} {name}"


def notes(data: Mapping[str, Any]) -> list[str]:
    timer = data["timer_pair_ns"]
    figures = (
        "Each figure is the median over the rounds of a contender, the spread its fastest and slowest round. CPU: the "
        "same time less what other processes had of the CPU."
    )
    ratios = (
        "x ours: its time over ours in the same round, median over the rounds; of P50 and P99 the ratio of the "
        "medians. Above 1 ours is faster. Whoever counts otherwise than the reference is WRONG and not compared."
    )
    alone = f"Latencies include the timer, which alone takes {timer['p50']} ns (P99 {timer['p99']} ns)."
    return [figures, ratios, alone]


def condition_rows(stated: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in stated.items():
        if isinstance(value, Mapping):
            text = ", ".join(f"{key} {each}" for key, each in value.items())
        elif isinstance(value, list | tuple):
            text = " ".join(str(each) for each in value)
        else:
            text = {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
        yield name.replace("_", " "), "unknown" if value is None else text


def as_markdown(data: Mapping[str, Any], plots: Mapping[str, Sequence[str]], how: str | None) -> str:
    """plots: file names of each section. how: link to the page that explains, None = there is none."""
    lines = ["# Benchmark results", "", "<!-- written by `make bench`; do not edit -->", ""]
    stated = data["conditions"]
    told = f"Measured {stated['date'][:10]} on {stated['cpu']}, {stated['cpus_usable']} CPUs"
    lines += [f"{told}{', virtual' if stated['hypervisor'] else ''}, engine {stated['engine']}.", ""]
    lines += [f"What each work is and how to measure it again: [{how}]({how}).", ""] if how else []
    lines += [*_markdown(summary_grid(data)), "", *(f"- {note}" for note in notes(data)), ""]
    goals = goal_grid(judge(data))
    lines += ["## Goals", "", *_markdown(goals), ""] if goals else []
    for section in data["sections"]:
        lines += [f"## {section['name']}", "", f"{section['title']}{_operations(section)}", ""]
        lines += [*_markdown(main_grid(section)), ""]
        for grid in (stage_grid(section), figure_grid(section)):
            lines += [*_markdown(grid), ""] if grid else []
        for file in plots.get(section["name"], ()):
            lines += [f"![{file.partition('-')[0]} of {section['name']}]({file})", ""]
        for case in section["cases"]:
            if case.get("statistics"):
                flow = ", ".join(f"{key.replace('_', ' ')} {value:,}" for key, value in case["statistics"].items())
                lines += [f"Input{' of ' + case['case'] if case['case'] else ''}: {flow}.", ""]
            if case.get("conditions"):
                told = ", ".join(f"{name} {value}" for name, value in condition_rows(case["conditions"]))
                lines += [f"{case['name']} was measured again: {told}.", ""]
    lines += ["## Conditions", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {_escaped(value)} |" for name, value in condition_rows(stated)]
    versions = {each["contender"]: each["version"] for section in data["sections"] for case in section["cases"]
                for each in case["contenders"]}  # fmt: skip
    lines += [f"| {name} | {_escaped(version)} |" for name, version in versions.items()]
    return "\n".join(lines) + "\n"


def _operations(section: Mapping[str, Any]) -> str:
    counts = list(dict.fromkeys(case["operations"] for case in section["cases"] if case["skipped"] is None))
    timed = any(each["latency_ns"] for case in section["cases"] for each in case["contenders"])
    latency = f" Latency: {section['latency']}." if timed else ""
    if not counts:
        return "."
    return f"; {' / '.join(f'{count:,}' for count in counts)} {section['unit']} a round.{latency}"


def _markdown(grid: Grid) -> list[str]:
    lines = [f"| {' | '.join(grid.header)} |", f"|{'|'.join('--:' if right else '---' for right in grid.right)}|"]
    for row in grid.rows:
        cells = [_escaped(cell) for cell in row.cells]
        lines.append(f"| {' | '.join(f'**{cell}**' if row.ours and cell else cell for cell in cells)} |")
    return lines


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def show(console: Console, data: Mapping[str, Any]) -> None:
    for section in data["sections"]:
        for number_of, grid in enumerate((main_grid(section), stage_grid(section), figure_grid(section))):
            if grid is not None:
                console.print(_rich(grid, f"{section['name']}: {section['title']}" if number_of == 0 else None))
    goals = goal_grid(judge(data))
    if goals is not None:
        console.print(_rich(goals, "goals"))
    for note in notes(data):
        console.print(note, markup=False)
    stated = data["conditions"]
    console.print(
        f"{stated['cpu']}, {stated['cpus_usable']} CPUs, pinned to {stated['pinned_to_cpu']}, governor "
        f"{stated['governor'] or 'unknown'}, load average {stated['load_average_at_start'][0]:.1f} at start and "
        f"{stated['load_average_at_end'][0]:.1f} at end; {stated['kernel']}; {stated['compiler']}",
        markup=False,
    )


def _rich(grid: Grid, title: str | None) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE, pad_edge=False)
    for name, right in zip(grid.header, grid.right, strict=True):
        table.add_column(name, justify="right" if right else "left")
    for row in grid.rows:
        table.add_row(*(cell.replace("[", "\\[") for cell in row.cells), style="bold" if row.ours else None)
    return table
