"""Tick to order in plain Python on an asyncio event loop (uvloop when it is there).

Both lines, an L3 book in dicts, the strategy, a risk check, OUCH out: what one writes first.
"""

from __future__ import annotations

import asyncio
import sys
from bisect import bisect_left, insort
from typing import cast

from benchmarks.peers.python import tick_wire as wire

MAX_QUANTITY = 1_000_000
MAX_NOTIONAL = 10**13
MAX_POSITION = 10**12
COLLAR_BPS = 500
MAX_OPEN = 100_000


class Book:
    """Orders by reference, shares by price, prices sorted."""

    def __init__(self) -> None:
        self.orders: dict[int, tuple[bytes, int, int]] = {}
        self.shares: dict[bytes, dict[int, int]] = {b"B": {}, b"S": {}}
        self.prices: dict[bytes, list[int]] = {b"B": [], b"S": []}

    def apply(self, message: bytes) -> None:
        kind = message[:1]
        if kind == b"A":
            _, _, _, _, reference, side, shares, _, price = wire.ADD.unpack(message)
            self.add(reference, side, price, shares)
        elif kind == b"D":
            self.take(wire.DELETE.unpack(message)[4], None)
        elif kind == b"X":
            fields = wire.CANCEL.unpack(message)
            self.take(fields[4], fields[5])
        elif kind == b"E":
            fields = wire.EXECUTED.unpack(message)
            self.take(fields[4], fields[5])
        elif kind == b"U":
            _, _, _, _, old, new, shares, price = wire.REPLACE.unpack(message)
            order = self.orders.get(old)
            if order is not None:
                self.take(old, None)
                self.add(new, order[0], price, shares)

    def add(self, reference: int, side: bytes, price: int, shares: int) -> None:
        self.orders[reference] = (side, price, shares)
        level = self.shares[side]
        if price in level:
            level[price] += shares
        else:
            level[price] = shares
            insort(self.prices[side], price)

    def take(self, reference: int, shares: int | None) -> None:
        order = self.orders.get(reference)
        if order is None:
            return
        side, price, held = order
        taken = held if shares is None or shares >= held else shares
        if taken == held:
            del self.orders[reference]
        else:
            self.orders[reference] = (side, price, held - taken)
        level = self.shares[side]
        level[price] -= taken
        if level[price] == 0:
            del level[price]
            prices = self.prices[side]
            del prices[bisect_left(prices, price)]


class Desk(asyncio.Protocol):
    """Strategy, risk check and order session."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.bid = 0
        self.number = 0
        self.open: dict[int, int] = {}
        self.position = 0
        self.exposed = 0
        self.replies = wire.Replies()
        self.transport: asyncio.Transport | None = None
        self.logged_in = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(wire.login())

    def data_received(self, data: bytes) -> None:
        self.logged_in.set()
        for message in self.replies.feed(data):
            kind, _, number = wire.REPLY_HEAD.unpack_from(message)
            if kind == b"C":
                self.exposed -= self.open.pop(number, 0)

    def on_book(self) -> None:
        bids, asks = self.book.prices[b"B"], self.book.prices[b"S"]
        if not bids or not asks:
            return
        bid, ask = bids[-1], asks[0]
        before, self.bid = self.bid, bid
        if bid > before and before and ask > bid:
            self.buy(ask, self.book.shares[b"B"][bid], (bid + ask) // 2)

    def buy(self, price: int, quantity: int, reference: int) -> None:
        if (
            quantity > MAX_QUANTITY
            or price * quantity > MAX_NOTIONAL
            or abs(price - reference) * 10_000 > COLLAR_BPS * reference
            or self.position + self.exposed + quantity > MAX_POSITION
            or len(self.open) >= MAX_OPEN
        ):
            return
        self.number += 1
        self.open[self.number] = quantity
        self.exposed += quantity
        assert self.transport is not None
        self.transport.write(wire.enter_order(self.number, b"B", quantity, b"IRON    ", price))


async def main(request: dict[str, object]) -> None:
    loop = asyncio.get_running_loop()
    book = Book()
    first = 1
    for message in wire.messages(str(request["opening"])):
        book.apply(message)
        first += 1
    desk = Desk(book)
    desk.on_book()
    await loop.create_connection(lambda: desk, "127.0.0.1", int(str(request["order_entry"])))
    feed = wire.Feed(first, book.apply, desk.on_book)
    lines = request["lines"]
    assert isinstance(lines, list)
    for endpoint in wire.listen(loop, feed, lines):
        await endpoint
    await asyncio.wait_for(desk.logged_in.wait(), wire.LOGIN_S)
    wire.answer({"ready": True, "loop": type(loop).__module__})
    await wire.until_input_ends(loop)


if __name__ == "__main__":
    opened = wire.opening()
    try:
        import uvloop
    except ImportError:
        asyncio.run(main(opened))
    else:
        uvloop.run(main(opened))
    sys.exit(0)
