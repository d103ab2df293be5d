"""Strategies that the backtest's tests load by name."""

from __future__ import annotations

import msgspec

from hotpath.ipc.layouts import BookEvent
from hotpath.strategy.python_base import PythonStrategy


class RoundTripParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    bid: int = 999_000
    ask: int = 1_001_000
    size: int = 100


class RoundTrip(PythonStrategy):
    """One buy order as soon as it can quote; once that is filled, one sell order."""

    Parameters = RoundTripParameters

    def setup(self) -> None:
        self.bought = 0
        self.sold = 0

    def on_book(self, event: BookEvent) -> None:
        if not self.desk.quotable:
            return
        if not self.bought:
            self.bought = self.desk.send_buy(self.parameters.bid, self.parameters.size)
        elif not self.sold and self.desk.position == self.parameters.size:
            self.sold = self.desk.send_sell(self.parameters.ask, self.parameters.size)


class TooLarge(PythonStrategy):
    """Asks for more than the risk gate allows, once."""

    def setup(self) -> None:
        self.asked = False

    def on_book(self, event: BookEvent) -> None:
        if self.desk.quotable and not self.asked:
            self.asked = True
            self.desk.send_buy(event.bid_price, 100_000)


class Raises(PythonStrategy):
    def on_book(self, event: BookEvent) -> None:
        raise RuntimeError("no idea what to do")
