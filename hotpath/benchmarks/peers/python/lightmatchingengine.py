"""lightmatchingengine. It reports the taker's trade once per price level, then the makers': only these are counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lightmatchingengine.lightmatchingengine import LightMatchingEngine, Side

from benchmarks.peers.python.matching import MatchingSession

_SYMBOL = "PEER"


class Lightmatchingengine:
    def __init__(self) -> None:
        self._engine = LightMatchingEngine()
        self._orders: dict[int, Any] = {}
        self._traded: list[int] = []

    def enter(self, order_id: int, is_buy: bool, price: int, quantity: int, ioc: bool) -> None:
        order, trades = self._engine.add_order(_SYMBOL, price, quantity, Side.BUY if is_buy else Side.SELL)
        for trade in trades:
            if trade.order_id != order.order_id:
                self._traded.append(trade.trade_qty)
        if not ioc:
            self._orders[order_id] = order
        elif order.leaves_qty:
            self._engine.cancel_order(order.order_id, _SYMBOL)

    def cancel(self, order_id: int) -> bool:
        try:
            return self._engine.cancel_order(self._orders[order_id].order_id, _SYMBOL) is not None
        except AssertionError:  # an order that was filled stays in its map
            return False

    def left(self, order_id: int) -> int:
        return int(self._orders[order_id].leaves_qty)

    def observed(self) -> Mapping[str, int]:
        book = self._engine.order_books[_SYMBOL]
        return {
            "trades": len(self._traded),
            "volume": sum(self._traded),
            "resting_orders": sum(len(level) for side in (book.bids, book.asks) for level in side.values()),
            "best_bid": max(book.bids, default=0),
            "best_ask": min(book.asks, default=0),
        }


def open_session(opening: Mapping[str, Any]) -> MatchingSession:
    return MatchingSession(opening, Lightmatchingengine)
