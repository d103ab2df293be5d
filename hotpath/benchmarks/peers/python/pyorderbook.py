"""pyorderbook. It keeps levels that cancels have emptied, so that it cannot tell its best prices."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pyorderbook.book import Book
from pyorderbook.order import Order, Side

from benchmarks.peers.python.matching import MatchingSession

_SYMBOL = "PEER"


class Pyorderbook:
    def __init__(self) -> None:
        self._book = Book()
        self._orders: dict[int, Order] = {}
        self._traded: list[int] = []

    def enter(self, order_id: int, is_buy: bool, price: int, quantity: int, ioc: bool) -> None:
        order = Order(Side.BID if is_buy else Side.ASK, _SYMBOL, price, quantity)
        for trade in self._book.match(order).trades:
            self._traded.append(trade.fill_quantity)
        if not ioc:
            self._orders[order_id] = order
        elif order.quantity:
            self._book.cancel(order)

    def cancel(self, order_id: int) -> bool:
        try:
            self._book.cancel(self._orders[order_id])
        except KeyError:
            return False
        return True

    def left(self, order_id: int) -> int:
        return int(self._orders[order_id].quantity)

    def observed(self) -> Mapping[str, int]:
        return {
            "trades": len(self._traded),
            "volume": sum(self._traded),
            "resting_orders": len(self._book.order_map),
        }


def open_session(opening: Mapping[str, Any]) -> MatchingSession:
    # it logs every cancel of an unknown order as an error
    logging.disable(logging.CRITICAL)
    return MatchingSession(opening, Pyorderbook)
