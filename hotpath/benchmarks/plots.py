"""Plots of a report: latency by percentile and time in multiples of ours, one PNG of each per section."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.contender import QUANTILES
from benchmarks.report import OURS
from benchmarks.tables import duration, number, ranked, result_of, unit_for

# contender → (colour, dash)
Looks = Mapping[str, tuple[str, str]]
OUR_COLOUR = "#d1350f"
# told apart by people who see no red or green, too; none near our own
_COLOURS = (
    "#1f77b4", "#2a9d8f", "#7b5ea7", "#8c6d31", "#4d4d4d", "#56b4e9",
    "#b5179e", "#6a994e", "#003f5c", "#9a8c98", "#00798c", "#a0522d",
)  # fmt: skip
_DASHES = ("-", "--", "-.", ":")
_PANELS = 9
_MARKED = ("p50", "p90", "p99", "p99.9", "p99.99")
_KINDS = {"time": "time", "p50": "P50", "p99": "P99"}
_DPI = 100
_WIDTH = 9.5


def styles(data: Mapping[str, Any]) -> Looks:
    """(colour, dash) of every contender, the same in all plots of a report. Two that meet in a plot differ."""
    together: dict[str, set[str]] = {}
    for section in data["sections"]:
        names = {each["contender"] for case in section["cases"] for each in case["contenders"]} - {OURS}
        for name in names:
            together.setdefault(name, set()).update(names - {name})
    looks = {OURS: (OUR_COLOUR, "-")}
    for name in sorted(together):
        taken = {looks[other] for other in together[name] if other in looks}
        free = [(colour, dash) for dash in _DASHES for colour in _COLOURS if (colour, dash) not in taken]
        looks[name] = free[0] if free else ("0.5", "-")
    return looks


def draw(folder: Path, data: Mapping[str, Any]) -> dict[str, list[str]]:
    """Writes the plots; their file names by section. Raises OSError, and ImportError without matplotlib."""
    looks = styles(data)
    drawn: dict[str, list[str]] = {}
    for section in data["sections"]:
        files = drawn.setdefault(section["name"], [])
        for kind, make in (("latency", _latency), ("ratio", _ratio)):
            figure = make(section, looks)
            if figure is not None:
                file = f"{kind}-{section['name']}.png"
                # no version of the program in it: the same report makes the same picture
                figure.savefig(folder / file, dpi=_DPI, metadata={"Software": None})
                files.append(file)
    return drawn


def _figure(width: float, height: float) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _chosen(cases: Sequence[Any]) -> list[Any]:
    """At most as many as fit, first and last among them."""
    if len(cases) <= _PANELS:
        return list(cases)
    return [cases[round(i * (len(cases) - 1) / (_PANELS - 1))] for i in range(_PANELS)]


# ---- latency by percentile ----


def _nines(name: str) -> float:
    """Where a quantile lies on the axis: one step for each nine."""
    return -math.log10(1.0 - QUANTILES[name])


def _latency(section: Mapping[str, Any], looks: Looks) -> Any | None:
    cases = _chosen([case for case in section["cases"] if _timed(case)])
    if not cases:
        return None
    columns = min(3, len(cases))
    lines = -(-len(cases) // columns)
    figure = _figure(_WIDTH if columns < 3 else 12.5, 5.0 if len(cases) == 1 else 1.0 + 3.4 * lines)
    grid = figure.subplots(lines, columns, sharey=True, squeeze=False)
    size, unit = unit_for(min(each["latency_ns"]["p50"]["median"] for case in cases for each in _timed(case)))
    for axes, case in zip(grid.flat, cases, strict=False):
        for each in reversed(_timed(case)):  # ours last, over the others
            _percentile_line(axes, each, looks, size)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
        axes.set_xticks([_nines(name) for name in _MARKED], [_percent(name) for name in _MARKED])
        axes.tick_params(axis="x", labelsize=8 if columns > 1 else 10)
        axes.grid(which="major", alpha=0.35)
        axes.grid(which="minor", axis="y", alpha=0.12)
        axes.spines[["top", "right"]].set_visible(False)
        if len(section["cases"]) > 1:
            axes.set_title(case["case"], fontsize=10)
    for axes in list(grid.flat)[len(cases) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel(f"latency, {unit} (log)")
    for axes in grid[-1, :] if columns == 1 else ():
        axes.set_xlabel("share of operations at or below")
    figure.suptitle(f"{section['title']}\nlatency by percentile: {section['latency']}", fontsize=11)
    _legend(figure, grid, cases)
    return figure


def _timed(case: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [each for each in ranked(case) if each["verified"] and each["latency_ns"]]


def _percentile_line(axes: Any, contender: Mapping[str, Any], looks: Looks, size: float) -> None:
    name = contender["contender"]
    spreads = [(key, spread) for key, spread in contender["latency_ns"].items() if QUANTILES.get(key, 1.0) < 1.0]
    places = [_nines(key) for key, _ in spreads]
    colour, dash = looks[name]
    ours = name == OURS
    low, median, high = (
        [max(spread[part], 1) / size for _, spread in spreads] for part in ("min", "median", "max")
    )  # fmt: skip
    axes.plot(
        places, median, dash, color=colour, linewidth=2.8 if ours else 1.4, marker="o" if ours else None,
        markersize=4, label=name, zorder=3 if ours else 2,
    )  # fmt: skip
    axes.fill_between(places, low, high, color=colour, alpha=0.16 if ours else 0.07, linewidth=0, zorder=1)


def _percent(name: str) -> str:
    return f"{name[1:]}%"


def _legend(figure: Any, grid: Any, cases: Sequence[Any]) -> None:
    """One for all panels: ours first, the others from slow to fast at the tail, as the lines lie."""
    found: dict[str, Any] = {}
    height: dict[str, float] = {}
    for axes in grid.flat:
        for line in axes.get_lines():
            found[line.get_label()] = line
            height[line.get_label()] = line.get_ydata()[-3]
    names = sorted(found, key=lambda name: (name != OURS, -height[name]))
    # the largest is mostly the scheduler's: as a point it would press all the rest flat
    largest = _largest(cases[0]) if len(cases) == 1 else {}
    labels = [f"{name}\n   max {largest[name]}" if name in largest else name for name in names]
    figure.legend(
        [found[name] for name in names], labels, loc="outside right center", frameon=False, fontsize=9,
        title="band: all rounds", title_fontsize=8,
    )  # fmt: skip


def _largest(case: Mapping[str, Any]) -> dict[str, str]:
    values = {each["contender"]: each["latency_ns"].get("max") for each in _timed(case)}
    return {name: duration(spread["median"]) for name, spread in values.items() if spread is not None}


# ---- time in multiples of ours ----


def _ratio(section: Mapping[str, Any], looks: Looks) -> Any | None:
    compared = [(case, bars) for case in section["cases"] if (bars := _bars(case))]
    if compared:
        return _bar_panels(section, _chosen(compared), looks)
    ours = [(case, cost) for case in section["cases"] if (cost := _our_cost(case)) is not None]
    return _own_cases(section, ours) if len(ours) > 1 else None


def _bars(case: Mapping[str, Any]) -> list[tuple[str, dict[str, float]]]:
    """(contender, what of it is how many times ours), the slowest first."""
    bars = [(each["contender"], _ratios_of(each)) for each in ranked(case) if each["verified"] and each["times_ours"]]
    return sorted(bars, key=lambda bar: -next(iter(bar[1].values())))


def _ratios_of(contender: Mapping[str, Any]) -> dict[str, float]:
    ratios = contender["times_ours"]
    return {name: ratios[name]["median"] if name == "time" else ratios[name] for name in ratios if name in _KINDS}


def _bar_panels(section: Mapping[str, Any], compared: Sequence[Any], looks: Looks) -> Any:
    kinds = [kind for kind in _KINDS if any(kind in ratios for _, bars in compared for _, ratios in bars)]
    heights = [max(1, len(bars)) * (0.2 * len(kinds) + 0.12) + 0.45 for _, bars in compared]
    figure = _figure(_WIDTH, 1.3 + sum(heights))
    grid = figure.subplots(len(compared), 1, sharex=True, squeeze=False, height_ratios=heights)
    shades = dict(zip(kinds, (1.0, 0.62, 0.34), strict=False))
    values = [value for _, bars in compared for _, ratios in bars for value in ratios.values()]
    for axes, (case, bars) in zip(grid.flat, compared, strict=True):
        thick = 0.8 / len(kinds)
        for row, (name, ratios) in enumerate(bars):
            for place, kind in enumerate(kinds):
                if kind not in ratios:
                    continue
                at = row + (len(kinds) / 2 - 0.5 - place) * thick
                value = ratios[kind]
                axes.barh(at, value - 1, thick * 0.92, left=1, color=looks[name][0], alpha=shades[kind])
                right = value >= 1
                axes.annotate(
                    f"{_KINDS[kind]} {number(value)}", (value, at),
                    (4 if right else -4, 0), textcoords="offset points", va="center", ha="left" if right else "right",
                    fontsize=8,
                )  # fmt: skip
        axes.axvline(1, color=OUR_COLOUR, linewidth=2.4, zorder=4)
        axes.set_yticks(range(len(bars)), [name for name, _ in bars])
        axes.set_ylim(-0.6, len(bars) - 0.4)
        axes.set_xscale("log")
        axes.set_xlim(min(0.8, min(values) * 0.6), max(1.25, max(values) * 1.9))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}x")
        axes.grid(axis="x", which="major", alpha=0.35)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        if len(section["cases"]) > 1:
            axes.set_title(case["case"], fontsize=10, loc="left")
    axes = grid.flat[-1]
    few = max(values) / min(min(values), 1.0) < 10
    for each in grid.flat:
        if few:
            _plain_ticks(each)
    axes.set_xlabel("multiple of ours (red line, 1x; log): to its right slower than ours, to its left faster")
    figure.suptitle(f"{section['title']}\n{', '.join(_KINDS[kind] for kind in kinds)} {_per(section)}", fontsize=11)
    if left_out := _not_compared(section):
        figure.supxlabel(left_out, fontsize=8, color="0.35")
    return figure


def _not_compared(section: Mapping[str, Any]) -> str:
    """Who has no bar, and why in one word."""
    states: dict[str, str] = {}
    for case in section["cases"]:
        for each in ranked(case):
            if not each["verified"]:
                states[each["contender"]] = result_of(each, case["operations"]).partition(":")[0]
    text = ", ".join(f"{name} ({state})" for name, state in states.items())
    return textwrap.fill(f"not compared: {text}", 120) if text else ""


def _per(section: Mapping[str, Any]) -> str:
    unit = str(section["unit"])
    return f"per {unit.removesuffix('s')}, as a multiple of ours" if unit else "as a multiple of ours"


def _plain_ticks(axes: Any) -> None:
    """Less than a decade has one power of ten at most."""
    from matplotlib.ticker import LogLocator

    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_minor_formatter(lambda *_: "")


def _our_cost(case: Mapping[str, Any]) -> float | None:
    ours = next((each for each in case["contenders"] if each["contender"] == OURS and each["verified"]), None)
    if ours is None:
        return None
    time = ours["ns_per_operation"] or ours["latency_ns"].get("p50")
    return None if time is None else float(time["median"])


def _own_cases(section: Mapping[str, Any], ours: Sequence[tuple[Mapping[str, Any], float]]) -> Any:
    """Nobody beside us: what a case costs against the cheapest one."""
    cheapest = min(cost for _, cost in ours)
    figure = _figure(_WIDTH, 1.4 + 0.42 * len(ours))
    axes = figure.subplots()
    rows = range(len(ours) - 1, -1, -1)
    axes.barh(rows, [cost / cheapest for _, cost in ours], 0.62, color=OUR_COLOUR)
    size, unit = unit_for(cheapest)
    for row, (_, cost) in zip(rows, ours, strict=True):
        text = f"{number(cost / cheapest)}x  ({number(cost / size)} {unit})"
        axes.annotate(text, (cost / cheapest, row), (4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_yticks(list(rows), [case["case"] or case["name"] for case, _ in ours])
    axes.set_xlim(0, max(cost for _, cost in ours) / cheapest * 1.25)
    axes.axvline(1, color="0.4", linewidth=1, zorder=0)
    axes.set_xlabel("multiple of the cheapest case")
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{section['title']}\ncost {_per(section).replace('ours', 'the cheapest case')}", fontsize=11)
    return figure
