"""What one writes first in Python: orders in a dict, price levels in a SortedDict, each message decoded by struct."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sortedcontainers import SortedDict

from benchmarks.peers.python.itch_input import Action, Orders, frames, top_of_book
from benchmarks.peers.python.measuring import Answer, each, each_timed, latency, throughput


class _Book:
    """Levels of orders in time order: {price: {reference: shares}}."""

    def __init__(self) -> None:
        self._orders = Orders()
        self._sides: tuple[Any, Any] = (SortedDict(), SortedDict())

    def apply(self, message: bytes) -> None:
        for action, reference, is_buy, price, shares in self._orders.changes(message):
            levels = self._sides[is_buy]
            if action is Action.ADD:
                levels.setdefault(price, {})[reference] = shares
            elif action is Action.UPDATE:
                levels[price][reference] = shares
            else:
                level = levels[price]
                del level[reference]
                if not level:
                    del levels[price]

    def observed(self) -> dict[str, int]:
        asks, bids = self._sides
        bid, ask = (
            (price, sum(levels[price].values())) if (price := next(iter(order(levels)), None)) is not None else None
            for levels, order in ((bids, reversed), (asks, iter))
        )
        resting = sum(len(level) for levels in self._sides for level in levels.values())
        return {"inconsistent": self._orders.unknown, "resting_orders": resting, **top_of_book(bid, ask)}


class _Session:
    def __init__(self, opening: Mapping[str, Any]) -> None:
        self._messages = [frame[2:] for frame in frames(Path(opening["file"]))]

    def throughput(self) -> Answer:
        book = _Book()
        times = each(book.apply, self._messages)
        return throughput(times, {"messages": len(self._messages), **book.observed()})

    def latency(self) -> Answer:
        book = _Book()
        samples = each_timed(book.apply, self._messages)
        return latency(samples, {"messages": len(self._messages), **book.observed()})


def open_session(opening: Mapping[str, Any]) -> _Session:
    return _Session(opening)
