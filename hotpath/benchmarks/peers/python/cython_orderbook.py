"""cython-orderbook. Prices are whole numbers here, not the decimals of its documentation: that is quicker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cython_orderbook import Order, OrderBook, OrderSide

from benchmarks.peers.python.matching import MatchingSession

_BID, _ASK = OrderSide.BID, OrderSide.ASK


class CythonOrderbook:
    def __init__(self) -> None:
        self._book = OrderBook()
        self._orders: dict[int, Any] = {}

    def enter(self, order_id: int, is_buy: bool, price: int, quantity: int, ioc: bool) -> None:
        order = Order(_BID if is_buy else _ASK, quantity, price)
        self._book.add_limit_order(order)
        if not ioc:
            self._orders[order_id] = order
        elif order.remaining_quantity:
            self._book.cancel_order(order.order_id)

    def cancel(self, order_id: int) -> bool:
        return bool(self._book.cancel_order(self._orders[order_id].order_id))

    def left(self, order_id: int) -> int:
        return int(self._orders[order_id].remaining_quantity)

    def observed(self) -> Mapping[str, int]:
        trades = self._book.trade_log
        return {
            "trades": len(trades),
            "volume": sum(trade.quantity_filled for trade in trades),
            "resting_orders": len(self._book.orders),
            "best_bid": self._book.best_bid() or 0,
            "best_ask": self._book.best_ask() or 0,
        }


def open_session(opening: Mapping[str, Any]) -> MatchingSession:
    return MatchingSession(opening, CythonOrderbook)
