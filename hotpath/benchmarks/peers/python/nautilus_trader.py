"""nautilus_trader's L3 order book, one `apply_delta` per change.

`objects`: the deltas are made before the clock starts. `bytes`: made from the ITCH message on the clock, as a feed
handler in Python would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.data import BookOrder, OrderBookDelta
from nautilus_trader.model.enums import BookAction, BookType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.objects import FIXED_SCALAR, Price, Quantity

from benchmarks.peers.python.itch_input import Change, Orders, frames, order_changes, top_of_book
from benchmarks.peers.python.measuring import Answer, each, each_timed, latency, throughput

_INSTRUMENT = InstrumentId.from_str("PEER.XNAS")
_ACTIONS = (None, BookAction.ADD, BookAction.UPDATE, BookAction.DELETE)
_SHARE = int(FIXED_SCALAR)
_PRICE_UNIT = _SHARE // 10_000


def _delta(change: Change) -> Any:
    action, reference, is_buy, price, shares = change
    order = BookOrder(
        OrderSide.BUY if is_buy else OrderSide.SELL,
        Price.from_raw(price * _PRICE_UNIT, 4),
        Quantity.from_raw(shares * _SHARE, 0),
        reference,
    )
    return OrderBookDelta(_INSTRUMENT, _ACTIONS[action], order, 0, 0, 0, 0)


def _observed(book: Any) -> dict[str, int]:
    def best(levels: Any) -> tuple[int, int] | None:
        # best_bid_size() is that of the first order
        return (levels[0].price.raw // _PRICE_UNIT, round(levels[0].size())) if levels else None

    bids, asks = book.bids(), book.asks()
    resting = sum(len(level.orders()) for levels in (bids, asks) for level in levels)
    return {"resting_orders": resting, **top_of_book(best(bids), best(asks))}


class _FromObjects:
    """Latency is that of a delta: a replace is two."""

    def __init__(self, opening: Mapping[str, Any]) -> None:
        messages = frames(Path(opening["file"]))
        orders = Orders()
        self._deltas = [_delta(change) for change in order_changes(messages, orders)]
        self._known = {"messages": len(messages), "inconsistent": orders.unknown}

    def throughput(self) -> Answer:
        book = OrderBook(_INSTRUMENT, BookType.L3_MBO)
        return throughput(each(book.apply_delta, self._deltas), {**self._known, **_observed(book)})

    def latency(self) -> Answer:
        book = OrderBook(_INSTRUMENT, BookType.L3_MBO)
        return latency(each_timed(book.apply_delta, self._deltas), {**self._known, **_observed(book)})


class _FromBytes:
    def __init__(self, opening: Mapping[str, Any]) -> None:
        self._messages = [frame[2:] for frame in frames(Path(opening["file"]))]

    def throughput(self) -> Answer:
        book, orders, apply = self._empty()
        return throughput(each(apply, self._messages), self._counted(book, orders))

    def latency(self) -> Answer:
        book, orders, apply = self._empty()
        return latency(each_timed(apply, self._messages), self._counted(book, orders))

    def _empty(self) -> tuple[Any, Orders, Callable[[bytes], None]]:
        book, orders = OrderBook(_INSTRUMENT, BookType.L3_MBO), Orders()
        changes, apply_delta = orders.changes, book.apply_delta

        def apply(message: bytes) -> None:
            for change in changes(message):
                apply_delta(_delta(change))

        return book, orders, apply

    def _counted(self, book: Any, orders: Orders) -> dict[str, int]:
        return {"messages": len(self._messages), "inconsistent": orders.unknown, **_observed(book)}


def open_session(opening: Mapping[str, Any]) -> _FromObjects | _FromBytes:
    return _FromBytes(opening) if opening["input"] == "bytes" else _FromObjects(opening)
