"""orderly-chaos: C++ behind ctypes; trades come to a handler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orderly_chaos import LimitOrderBook, Side, UnknownOrderIdError

from benchmarks.peers.python.matching import MatchingSession

_BUY, _SELL = Side.BUY, Side.SELL


class OrderlyChaos:
    def __init__(self) -> None:
        self._traded: list[int] = []
        traded = self._traded.append

        def on_trade(trade: Any) -> None:
            traded(trade.quantity)

        self._book = LimitOrderBook(on_trade)

    def enter(self, order_id: int, is_buy: bool, price: int, quantity: int, ioc: bool) -> None:
        filled = self._book.limit(_BUY if is_buy else _SELL, order_id, quantity, price)
        if ioc and filled < quantity:
            self._book.cancel(order_id)

    def cancel(self, order_id: int) -> bool:
        try:
            self._book.cancel(order_id)
        except UnknownOrderIdError:
            return False
        return True

    def left(self, order_id: int) -> int:
        return int(self._book.get(order_id).quantity)

    def observed(self) -> Mapping[str, int]:
        return {
            "trades": len(self._traded),
            "volume": sum(self._traded),
            "resting_orders": len(self._book),
            "best_bid": self._book.best_buy() or 0,
            "best_ask": self._book.best_sell() or 0,
        }


def open_session(opening: Mapping[str, Any]) -> MatchingSession:
    return MatchingSession(opening, OrderlyChaos)
