"""Profit, inventory and fills of a backtest over time, from its files, as one PNG. Needs the extra `plot`."""

from __future__ import annotations

import csv
from pathlib import Path

NS_PER_SECOND = 1_000_000_000
PRICE_UNITS = 10_000
MANY_FILLS = 300
PLOT_FILE = "plot.png"
MISSING = (
    "no plot: matplotlib is not installed; `make backtest` has it, `pip install 'ironlane-hotpath[plot]'` adds it, "
    "--no-plot does without"
)


def draw(folder: Path, title: str) -> Path | None:
    """Draw plot.png beside the files; None when matplotlib is not installed. Raises OSError."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import FuncFormatter, MaxNLocator
    except ImportError:
        return None
    equity = _columns(folder / "equity.csv")
    fills = _columns(folder / "fills.csv")
    seconds = [_seconds(text) for text in equity["time_ns"]]
    figure = Figure(figsize=(11, 8), layout="constrained")
    FigureCanvasAgg(figure)
    profit, inventory, prices = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 4))
    figure.suptitle(title)
    for name, colour, width in (("realised", "0.6", 1.2), ("total", "tab:blue", 1.6)):
        dollars = [float(text) / PRICE_UNITS for text in equity[name]]
        profit.plot(seconds, dollars, color=colour, linewidth=width, label=name)
    profit.set_ylabel("P&L, $")
    held = [int(text) for text in equity["position"]]
    inventory.fill_between(seconds, held, step="post", color="tab:blue", alpha=0.25, linewidth=0)
    inventory.step(seconds, held, where="post", color="tab:blue", linewidth=1.2)
    inventory.set_ylabel("inventory, shares")
    seen = [(at, float(mid) / PRICE_UNITS) for at, mid in zip(seconds, equity["mid"], strict=True) if mid != "0"]
    prices.plot([at for at, _ in seen], [mid for _, mid in seen], color="0.45", linewidth=1, label="mid")
    many = len(fills["side"]) > MANY_FILLS
    for side, marker, colour, label in (("B", "^", "tab:green", "bought"), ("S", "v", "tab:red", "sold")):
        chosen = [i for i, text in enumerate(fills["side"]) if text == side]
        if chosen:
            prices.scatter(
                [_seconds(fills["time_ns"][i]) for i in chosen],
                [int(fills["price"][i]) / PRICE_UNITS for i in chosen],
                marker=marker,
                color=colour,
                s=9 if many else 32,
                alpha=0.6 if many else 1.0,
                linewidth=0,
                zorder=3,
                label=f"{label} ({len(chosen):,} fills)",
            )
    prices.set_ylabel("price, $")
    prices.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.2f}"))
    prices.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 3, 6, 10]))
    prices.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _clock(value)))
    prices.set_xlabel("time of day")
    for axes in (profit, inventory):
        axes.axhline(0, color="0.3", linewidth=0.8, zorder=0)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    for axes in (profit, prices):
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, borderaxespad=0.1, fontsize=9)
    for axes in (profit, inventory, prices):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.01)
    target = folder / PLOT_FILE
    # no version of the program in it: the same backtest makes the same picture
    figure.savefig(target, dpi=100, metadata={"Software": None})
    return target


def _columns(path: Path) -> dict[str, list[str]]:
    with path.open(encoding="ascii", newline="") as file:
        header, *rows = csv.reader(file)
    return {name: [row[i] for row in rows] for i, name in enumerate(header)}


def _seconds(nanoseconds: str) -> float:
    return int(nanoseconds) / NS_PER_SECOND


def _clock(seconds: float) -> str:
    """Of a second since midnight, with the fraction that an axis this narrow needs."""
    whole = int(seconds)
    fraction = f"{seconds - whole:.3f}"[1:].rstrip("0").rstrip(".")
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}{fraction}"
