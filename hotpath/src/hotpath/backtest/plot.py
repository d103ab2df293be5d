"""Profit, inventory and fills of a backtest over time, from its files, as one PNG. Needs the extra `plot`."""

from __future__ import annotations

import csv
from pathlib import Path

NS_PER_SECOND = 1_000_000_000
PRICE_UNITS = 10_000
PLOT_FILE = "plot.png"
MISSING = (
    "no plot: matplotlib is not installed; `pip install 'ironlane-hotpath[plot]'` (or matplotlib) adds it, "
    "--no-plot does without"
)


def draw(folder: Path, title: str) -> Path | None:
    """Draw plot.png beside the files; None when matplotlib is not installed. Raises OSError."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return None
    equity = _columns(folder / "equity.csv")
    fills = _columns(folder / "fills.csv")
    hours = [_hours(text) for text in equity["time_ns"]]
    figure = Figure(figsize=(11, 8), layout="constrained")
    FigureCanvasAgg(figure)
    profit, inventory, prices = figure.subplots(3, 1, sharex=True)
    profit.set_title(title)
    for name in ("total", "realised"):
        profit.plot(hours, [float(text) / PRICE_UNITS for text in equity[name]], label=name)
    profit.set_ylabel("P&L, $")
    profit.legend()
    inventory.step(hours, [int(text) for text in equity["position"]], where="post")
    inventory.set_ylabel("inventory, shares")
    seen = [(at, float(mid) / PRICE_UNITS) for at, mid in zip(hours, equity["mid"], strict=True) if mid != "0"]
    prices.plot([at for at, _ in seen], [mid for _, mid in seen], color="0.6", label="mid")
    for side, marker, colour in (("B", "^", "tab:green"), ("S", "v", "tab:red")):
        chosen = [i for i, text in enumerate(fills["side"]) if text == side]
        prices.scatter(
            [_hours(fills["time_ns"][i]) for i in chosen],
            [int(fills["price"][i]) / PRICE_UNITS for i in chosen],
            marker=marker,
            color=colour,
            s=14,
            label="bought" if side == "B" else "sold",
        )
    prices.set_ylabel("price, $")
    prices.set_xlabel("hours since midnight")
    prices.legend()
    for axes in (profit, inventory, prices):
        axes.grid(alpha=0.3)
    target = folder / PLOT_FILE
    figure.savefig(target, dpi=120)
    return target


def _columns(path: Path) -> dict[str, list[str]]:
    with path.open(encoding="ascii", newline="") as file:
        header, *rows = csv.reader(file)
    return {name: [row[i] for row in rows] for i, name in enumerate(header)}


def _hours(nanoseconds: str) -> float:
    return int(nanoseconds) / NS_PER_SECOND / 3600
