"""Stand-ins for what a strategy talks to: book events by hand, and an order router that answers intents."""

from __future__ import annotations

from typing import Any

import msgspec

from hotpath.config import Instrument
from hotpath.ipc.layouts import (
    BookEvent,
    BookEventKind,
    Intent,
    IntentKind,
    OrderEvent,
    OrderEventKind,
    OrderState,
    decode_intent,
    encode_book_event,
    encode_order_event,
)
from hotpath.strategy.base import Strategy
from hotpath.strategy.loading import make_strategy

TICK = 100
MS = 1_000_000
EPOCH = 7
ROUTER_EPOCH = 3
INSTRUMENT = Instrument(symbol="IRON", locate=1, tick=TICK)
CYTHON = "hotpath.strategy.market_maker:MarketMaker"
PYTHON = "hotpath.strategy.python_market_maker:PythonMarketMaker"
OPEN = {
    OrderState.ORDER_PENDING_NEW,
    OrderState.ORDER_LIVE,
    OrderState.ORDER_PENDING_REPLACE,
    OrderState.ORDER_PENDING_CANCEL,
}


def book(
    bid: int, ask: int, *, kind: int = BookEventKind.BOOK_UPDATE, state: str = "T", orders: int = 5, **more: Any
) -> bytes:
    fields = {"bid_shares": 500, "ask_shares": 500, "bid_orders": orders, "ask_orders": orders, **more}
    return encode_book_event(
        BookEvent(kind=kind, trading_state=state, locate=1, bid_price=bid, ask_price=ask, **fields)
    )


class FakeOrder(msgspec.Struct):
    order_id: int
    side: str
    price: int
    quantity: int
    flags: int
    filled: int = 0
    leaves: int = 0
    state: int = OrderState.ORDER_PENDING_NEW
    replaces: int = 0
    accepted: bool = False


class FakeRouter:
    """The router's side of the contract: takes intents, keeps orders, makes the events a real one would publish."""

    def __init__(self, epoch: int = ROUTER_EPOCH) -> None:
        self.epoch = epoch
        self.orders: dict[int, FakeOrder] = {}
        self.sequence = 0
        self.position = 0
        self.strategy_epoch = EPOCH

    def plain(self, kind: int, **fields: Any) -> bytes:
        self.sequence += 1
        event = OrderEvent(sequence=self.sequence, kind=kind, epoch=self.epoch, position=self.position, **fields)
        return encode_order_event(event)

    def event(self, kind: int, order: FakeOrder, **fields: Any) -> bytes:
        return self.plain(
            kind,
            strategy_epoch=self.strategy_epoch,
            state=order.state,
            side=order.side,
            flags=order.flags,
            order_id=order.order_id,
            orig_order_id=order.replaces,
            price=order.price,
            quantity=order.quantity,
            leaves=order.leaves,
            filled=order.filled,
            **fields,
        )

    def sent(self, intent: Intent) -> list[bytes]:
        """The router passes an intent on: the *_SENT events."""
        self.strategy_epoch = intent.strategy_epoch
        if intent.kind == IntentKind.INTENT_NEW:
            order = FakeOrder(intent.order_id, intent.side, intent.price, intent.quantity, intent.flags)
            order.leaves = intent.quantity
            self.orders[order.order_id] = order
            return [self.event(OrderEventKind.EVENT_NEW_SENT, order)]
        if intent.kind == IntentKind.INTENT_REPLACE:
            old = self.orders[intent.order_id]
            order = FakeOrder(intent.new_order_id, old.side, intent.price, intent.quantity, old.flags, old.filled)
            order.replaces = old.order_id
            order.leaves = order.quantity - order.filled
            order.state = OrderState.ORDER_PENDING_REPLACE
            self.orders[order.order_id] = order
            return [self.event(OrderEventKind.EVENT_REPLACE_SENT, order)]
        if intent.kind == IntentKind.INTENT_CANCEL:
            order = self.orders[intent.order_id]
            order.state = OrderState.ORDER_PENDING_CANCEL
            return [self.event(OrderEventKind.EVENT_CANCEL_SENT, order)]
        for order in self.open():
            order.state = OrderState.ORDER_PENDING_CANCEL
        return [self.plain(OrderEventKind.EVENT_MASS_CANCEL_SENT)]

    def acknowledged(self, intent: Intent) -> list[bytes]:
        """The venue's answer to an intent that was sent."""
        if intent.kind == IntentKind.INTENT_NEW:
            return self.accept(intent.order_id)
        if intent.kind == IntentKind.INTENT_REPLACE:
            return self.replaced(intent.new_order_id)
        if intent.kind == IntentKind.INTENT_CANCEL:
            return self.cancelled(intent.order_id)
        return [event for order in self.open() for event in self.cancelled(order.order_id)]

    def open(self) -> list[FakeOrder]:
        return [order for order in self.orders.values() if order.state in OPEN]

    def accept(self, order_id: int) -> list[bytes]:
        order = self.orders[order_id]
        if order.state == OrderState.ORDER_PENDING_NEW:
            order.state = OrderState.ORDER_LIVE
        order.accepted = True
        return [self.event(OrderEventKind.EVENT_ACCEPTED, order)]

    def replaced(self, order_id: int) -> list[bytes]:
        order = self.orders[order_id]
        old = self.orders[order.replaces]
        if old.state not in OPEN or order.state not in OPEN:
            return []
        old.state = OrderState.ORDER_REPLACED
        order.accepted = True
        order.filled = old.filled
        order.leaves = max(0, order.quantity - order.filled)
        if order.state == OrderState.ORDER_PENDING_REPLACE:
            order.state = OrderState.ORDER_LIVE
        return [self.event(OrderEventKind.EVENT_REPLACED, order)]

    def cancelled(self, order_id: int, reason: str = "U") -> list[bytes]:
        order = self.orders[order_id]
        if order.state not in OPEN:
            return []
        taken, order.leaves, order.state = order.leaves, 0, OrderState.ORDER_CANCELED
        events = [self.event(OrderEventKind.EVENT_CANCELED, order, last_quantity=taken, reason=ord(reason))]
        return events + self._lapse(order)

    def _lapse(self, original: FakeOrder) -> list[bytes]:
        events = []
        for order in self.open():
            if order.replaces == original.order_id:
                order.state, order.leaves = OrderState.ORDER_REJECTED, 0
                events.append(self.event(OrderEventKind.EVENT_REJECTED, order))
        return events

    def fill(self, order_id: int, quantity: int) -> list[bytes]:
        order = self.orders[order_id]
        quantity = min(quantity, order.leaves)
        if order.state not in OPEN or not order.accepted or not quantity:
            return []
        order.leaves -= quantity
        order.filled += quantity
        self.position += quantity if order.side == "B" else -quantity
        if order.leaves == 0:
            order.state = OrderState.ORDER_FILLED
        executed = self.event(
            OrderEventKind.EVENT_EXECUTED,
            order,
            last_price=order.price,
            last_quantity=quantity,
            match_number=self.sequence,
        )
        return [executed] + (self._lapse(order) if order.leaves == 0 else [])

    def refused(self, intent: Intent, reason: int) -> bytes:
        new = intent.kind in (IntentKind.INTENT_NEW, IntentKind.INTENT_REPLACE)
        order_id = intent.new_order_id if intent.kind == IntentKind.INTENT_REPLACE else intent.order_id
        return self.plain(
            OrderEventKind.EVENT_REFUSED,
            strategy_epoch=intent.strategy_epoch,
            state=OrderState.ORDER_REFUSED if new else OrderState.ORDER_LIVE,
            side=intent.side or self.orders[intent.order_id].side,
            order_id=order_id,
            reason=reason,
        )


class Bench:
    """One strategy with a fake router, no shared memory; `now` moves only when the test says so."""

    def __init__(self, name: str = CYTHON, answers: bool = True, **parameters: Any) -> None:
        self.strategy: Strategy = make_strategy(name, parameters, INSTRUMENT, EPOCH)[0]
        self.router = FakeRouter()
        self.answers = answers
        self.now = 1_000 * MS
        self.intents: list[Intent] = []
        self.strategy.open_entry(ROUTER_EPOCH, self.now)

    def take(self) -> list[Intent]:
        taken = [decode_intent(data) for data in self.strategy.take_intents()]
        self.intents += taken
        return taken

    def settle(self) -> list[Intent]:
        """Take what was written and, unless answers are off, let router and venue answer until nothing more comes."""
        seen = []
        while taken := self.take():
            seen += taken
            if not self.answers:
                break
            for intent in taken:
                self.deliver(self.router.sent(intent))
            for intent in taken:
                self.deliver(self.router.acknowledged(intent))
        return seen

    def deliver(self, events: list[bytes]) -> None:
        for event in events:
            self.strategy.feed_order(event, self.now)

    def book(self, bid: int, ask: int, **more: Any) -> list[Intent]:
        self.strategy.feed_book(book(bid, ask, **more), self.now)
        return self.settle()

    def wait(self, milliseconds: int) -> list[Intent]:
        self.now += milliseconds * MS
        self.strategy.feed_timer(self.now)
        return self.settle()

    def working(self) -> dict[str, tuple[int, int]]:
        """side -> (price, leaves) of the live orders at the router."""
        live = [order for order in self.router.orders.values() if order.state == OrderState.ORDER_LIVE]
        assert len({order.side for order in live}) == len(live), "more than one order on a side"
        return {order.side: (order.price, order.leaves) for order in live}
