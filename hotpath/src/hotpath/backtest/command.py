"""`hotpath backtest`: options in, files and a short account out."""

from __future__ import annotations

import argparse
import json
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import msgspec

from hotpath.backtest import plot
from hotpath.backtest.session import PRICE_UNITS, BacktestError, run
from hotpath.backtest.settings import Backtest, parse_limits, parse_parameters
from hotpath.config import ConfigError, Instrument

EXIT_OK = 0
EXIT_FAILED = 1


def main(options: argparse.Namespace) -> int:
    """0: done; 1: ended early, or files could not be written. Raises ConfigError for unusable options."""
    settings = _settings(options)
    folder: Path = options.out
    try:
        summary = run(settings, folder)
        title = f"{settings.strategy}: P&L {summary['profit_dollars']['total']:,.2f} $, {summary['fills']:,} fills"
        drawn = plot.draw(folder, title) if options.plot else None
    except BacktestError as error:
        print(f"backtest: {error}", file=sys.stderr)
        return EXIT_FAILED
    except OSError as error:
        print(f"backtest: --out {folder}: {error.strerror} ({error.filename})", file=sys.stderr)
        return EXIT_FAILED
    if options.plot and drawn is None:
        print(plot.MISSING, file=sys.stderr)
    print(json.dumps(summary, indent=2) if options.json else _as_text(summary, folder))
    return EXIT_OK


def _settings(options: argparse.Namespace) -> Backtest:
    one_way = options.latency_us
    values = {
        "strategy": options.strategy,
        "parameters": parse_parameters(options.parameters),
        "replay": options.replay,
        "on_bad_row": options.on_bad_row,
        "rows": options.rows,
        "seed": options.seed,
        "rows_per_second": options.rows_per_second,
        "reference_price": _price(options.reference_price, "--reference-price"),
        "instrument": Instrument(
            symbol=options.symbol, tick=_price(options.tick, "--tick"), round_lot=options.round_lot
        ),
        "limits": parse_limits(options.limit),
        "market_data_latency_us": _first(options.market_data_latency_us, one_way),
        "order_latency_us": _first(options.order_latency_us, one_way),
        "timer_ms": options.timer_ms,
        "sample_ms": options.sample_ms,
    }
    try:
        return msgspec.convert(values, Backtest)
    except msgspec.ValidationError as error:
        raise ConfigError(f"backtest: {error}") from error


def _first(given: int | None, otherwise: int) -> int:
    return otherwise if given is None else given


def _price(text: str, option: str) -> int:
    """Dollars to Price(4)."""
    try:
        units = Decimal(text) * PRICE_UNITS
    except InvalidOperation:
        units = Decimal(0)
    if units < 1 or units > 2_000_000_000 or units != units.to_integral_value():
        raise ConfigError(f"{option} {text}: must be dollars from 0.0001 to 200000 with at most 4 decimals")
    return int(units)


def _as_text(summary: dict[str, Any], folder: Path) -> str:
    profit, orders = summary["profit_dollars"], summary["orders"]
    refusals = ", ".join(f"{name} {count}" for name, count in summary["refusals"].items()) or "none"
    sides = f"bought {summary['bought']}, sold {summary['sold']} shares"
    split = f"realised {profit['realised']:.2f}, unrealised {profit['unrealised']:.2f}"
    changes = f"{orders['replaces_sent']} replaces, {orders['cancels_sent']} cancels"
    return "\n".join(
        [
            f"{summary['strategy']} ({summary['path']}) over {summary['flow']['rows']} rows",
            f"  P&L        {profit['total']:.2f} $ ({split})",
            f"  inventory  {summary['position']} shares at a mid of {summary['last_mid']:.4f}",
            f"  fills      {summary['fills']} ({sides})",
            f"  orders     {orders['sent']} sent, {changes}, {orders['open_at_end']} open at the end",
            f"  refused    {refusals}",
            f"  digest     {summary['digest']}",
            f"  files      {folder}",
        ]
    )
