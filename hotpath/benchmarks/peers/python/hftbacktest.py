"""hftbacktest's market depth of price levels, fed by its backtester: one call runs all events, in Rust.

Its events are made before the clock starts. It has one book per asset, and all events here belong to one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from hftbacktest import (
    BUY_EVENT,
    DEPTH_EVENT,
    LOCAL_EVENT,
    SELL_EVENT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
    ROIVectorMarketDepthBacktest,
)
from hftbacktest.types import event_dtype

from benchmarks.peers.python.itch_input import Orders, frames, level_changes, order_changes, top_of_book
from benchmarks.peers.python.measuring import Answer, Stopwatch, throughput

_TICK = 0.01
_PRICE_UNITS = 10_000
_TICK_UNITS = 100
_START_NS = 1_700_000_000_000_000_000


class _Backtest:
    def __init__(self, opening: Mapping[str, Any]) -> None:
        messages = frames(Path(opening["file"]))
        orders = Orders()
        changes = list(level_changes(order_changes(messages, orders)))
        self._known = {"messages": len(messages), "inconsistent": orders.unknown}
        self._roi = opening["depth"] == "roi-vector"
        prices = [change.price / _PRICE_UNITS for change in changes]
        self._bounds = min(prices), max(prices)
        events = np.zeros(len(changes), event_dtype)
        side = np.where([change.is_buy for change in changes], BUY_EVENT, SELL_EVENT)
        events["ev"] = side.astype("u8") | np.uint64(DEPTH_EVENT | LOCAL_EVENT)
        events["exch_ts"] = events["local_ts"] = _START_NS + np.arange(len(changes))
        events["px"] = prices
        events["qty"] = [change.shares for change in changes]
        self._events = events

    def throughput(self) -> Answer:
        asset = BacktestAsset().data([self._events]).linear_asset(1.0).constant_latency(0, 0)
        asset = asset.risk_adverse_queue_model().no_partial_fill_exchange().trading_value_fee_model(0.0, 0.0)
        asset = asset.tick_size(_TICK).lot_size(1.0).last_trades_capacity(0)
        if self._roi:
            backtest = ROIVectorMarketDepthBacktest([asset.roi_lb(self._bounds[0]).roi_ub(self._bounds[1])])
        else:
            backtest = HashMapMarketDepthBacktest([asset])
        try:
            watch = Stopwatch()
            backtest.elapse(len(self._events) + 1)
            times = watch.stop()
            depth = backtest.depth(0)
            bid = depth.best_bid_tick * _TICK_UNITS, int(depth.bid_qty_at_tick(depth.best_bid_tick))
            ask = depth.best_ask_tick * _TICK_UNITS, int(depth.ask_qty_at_tick(depth.best_ask_tick))
        finally:
            backtest.close()
        return throughput(times, {**self._known, **top_of_book(bid, ask)})

    def latency(self) -> None:
        return None  # one call for all events


def open_session(opening: Mapping[str, Any]) -> _Backtest:
    return _Backtest(opening)
