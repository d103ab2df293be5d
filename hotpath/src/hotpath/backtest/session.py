"""Runs one backtest: strategy and flow into the simulation, what comes out into the report."""

from __future__ import annotations

import hashlib
import traceback
from pathlib import Path
from typing import Any

import msgspec

from hotpath.backtest.report import Report
from hotpath.backtest.settings import Backtest, read_source, recorded_symbol
from hotpath.backtest.simulation import HOP, Simulation
from hotpath.config import ConfigError
from hotpath.strategy.loading import make_strategy
from hotpath.strategy.python_base import PythonDesk

SLICE_STEPS = 2_000
PRICE_UNITS = 10_000
NS_PER_US = 1_000
NS_PER_MS = 1_000_000
_STRATEGY_EPOCH = 1


class BacktestError(Exception):
    """The run ended early or its result cannot be trusted; the text says why."""


def run(settings: Backtest, folder: Path) -> dict[str, Any]:
    """Run to the end of the session and write the files; returns the summary.

    Raises ConfigError for settings that cannot be used, BacktestError, OSError.
    """
    source = read_source(settings)
    symbol = recorded_symbol(source)
    instrument = msgspec.structs.replace(settings.instrument, symbol=symbol) if symbol else settings.instrument
    settings = msgspec.structs.replace(settings, instrument=instrument)
    strategy, is_python = make_strategy(settings.strategy, settings.parameters, instrument, _STRATEGY_EPOCH)
    try:
        simulation = Simulation(
            source,
            strategy,
            instrument,
            settings.limits,
            market_data_latency_ns=settings.market_data_latency_us * NS_PER_US,
            order_latency_ns=settings.order_latency_us * NS_PER_US,
            timer_ns=settings.timer_ms * NS_PER_MS,
            sample_ns=settings.sample_ms * NS_PER_MS,
        )
    except ValueError as error:
        raise ConfigError(f"backtest: {error}") from error
    with Report(folder) as report:
        _simulate(simulation, report, strategy if isinstance(strategy, PythonDesk) else None)
        summary = _summary(settings, simulation, report, is_python)
        report.write_summary(summary)
    return summary


def _simulate(simulation: Simulation, report: Report, desk: PythonDesk | None) -> None:
    over = False
    while not over:
        over = simulation.run(SLICE_STEPS)
        report.add(simulation.take_events(), simulation.take_samples())
        if desk is not None and desk.failure is not None:
            text = "".join(traceback.format_exception(desk.failure)).rstrip()
            raise BacktestError(f"a callback of the strategy raised\n{text}")
        problem = simulation.problem()
        if problem is not None:
            raise BacktestError(problem)


def _summary(settings: Backtest, simulation: Simulation, report: Report, is_python: bool) -> dict[str, Any]:
    view: dict[str, Any] = simulation.view()
    final = report.mark(view["time_ns"], view["mid_x2"])
    book = report.book
    return {
        "strategy": settings.strategy,
        "path": "python" if is_python else "cython",
        "parameters": msgspec.to_builtins(simulation.strategy.parameters),
        "instrument": msgspec.to_builtins(settings.instrument),
        "flow": _flow(settings, view),
        "latency_us": {
            "market_data": settings.market_data_latency_us,
            "orders": settings.order_latency_us,
            "strategy_to_router": HOP / NS_PER_US,
        },
        "limits": msgspec.to_builtins(settings.limits),
        "profit_dollars": {
            "realised": final.realised / PRICE_UNITS,
            "unrealised": final.unrealised / PRICE_UNITS,
            "total": final.total / PRICE_UNITS,
        },
        "profit_units": {"realised": final.realised, "unrealised": final.unrealised, "total": final.total},
        "position": book.quantity,
        "last_mid": view["mid_x2"] / 2 / PRICE_UNITS,
        "fills": report.fills,
        "bought": book.bought,
        "sold": book.sold,
        "orders": {
            "sent": report.events["new_sent"],
            "replaces_sent": report.events["replace_sent"],
            "cancels_sent": report.events["cancel_sent"] + report.events["mass_cancel_sent"],
            "accepted": report.events["accepted"],
            "open_at_end": view["open_orders"],
        },
        "refusals": dict(sorted(report.refusals.items())),
        "rejections": dict(sorted(report.rejections.items())),
        "cancels": dict(sorted(report.cancels.items())),
        "strategy_counters": simulation.strategy.stats(),
        "order_events": sum(report.events.values()),
        "digest": report.digest,
    }


def _flow(settings: Backtest, view: dict[str, Any]) -> dict[str, Any]:
    flow: dict[str, Any]
    if settings.replay is not None:
        flow = {"file": settings.replay.name, "sha256": hashlib.sha256(settings.replay.read_bytes()).hexdigest()}
    else:
        flow = {
            "seed": settings.seed,
            "rows_per_second": settings.rows_per_second,
            "reference_price": settings.reference_price,
        }
    counted = ("rows", "bad_rows", "rows_by_kind", "before_open_by_kind", "gone_by_kind", "client_shares")
    return {**flow, **{name: view[name] for name in (*counted, "feed_messages")}}
