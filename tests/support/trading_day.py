"""A made-up trading day: the order events of one router, and the ledger its venue would hold. Seeded."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from wire.messages import OrderEventKind, OrderEventMessage, OrderState

HOST = "h1"
ROLE = "order-router"
ENVIRONMENT = "test"
SESSION = "IRON000001"
ACCOUNT = "ACCT01"
SYMBOL = "AAPL"


@dataclass
class _Order:
    number: int
    order_id: int
    side: str
    price: int
    quantity: int
    leaves: int
    orig: int = 0
    filled: int = 0  # chain
    executed: int = 0
    canceled: int = 0
    state: str = "PENDING_NEW"
    reference: int = 0
    accepted: bool = False
    reason: str = ""

    @property
    def cl_ord_id(self) -> str:
        return f"{self.order_id:014d}"


@dataclass
class TradingDay:
    """`events` in sequence order; `ledger_orders` and `ledger_fills` as the venue's admin port gives them."""

    seed: int = 1
    epoch: int = 1
    events: list[OrderEventMessage] = field(default_factory=list)
    ledger_fills: list[dict[str, Any]] = field(default_factory=list)
    position: int = 0

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)
        self._orders: dict[int, _Order] = {}
        self._number = 0
        self._order_id = 0
        self._match = 1000
        self._venue_sequence = 0

    def emit(self, kind: OrderEventKind, order: _Order | None = None, *, venue: bool = False, **extra: Any) -> None:
        sequence = len(self.events) + 1
        values: dict[str, Any] = {
            "host": HOST, "role": ROLE, "environment": ENVIRONMENT, "epoch": self.epoch, "sequence": sequence,
            "wall_ns": 1_700_000_000_000_000_000 + sequence * 1000, "mono_ns": sequence, "strategy_epoch": 1,
            "kind": kind, "symbol": SYMBOL, "session": SESSION, "position": self.position,
        }  # fmt: skip
        if order is not None:
            values |= {
                "state": OrderState(order.state), "side": order.side, "time_in_force": "0",
                "order_id": order.order_id, "user_ref_num": order.number, "orig_user_ref_num": order.orig,
                "price": order.price, "quantity": order.quantity, "leaves": order.leaves, "filled": order.filled,
                "order_reference_number": order.reference, "cl_ord_id": order.cl_ord_id,
            }  # fmt: skip
        if venue:
            self._venue_sequence += 1
            values |= {"venue_sequence": self._venue_sequence, "venue_ns": 34_200_000_000_000 + sequence}
        self.events.append(OrderEventMessage(**{**values, **extra}))

    def start(self) -> None:
        self.emit(OrderEventKind.ROUTER_STARTED)
        self.emit(OrderEventKind.SESSION_UP)

    def _new_number(self) -> int:
        self._number += 1
        return self._number

    def _new_id(self) -> int:
        self._order_id += 1
        return self._order_id

    def open_orders(self) -> list[_Order]:
        return [order for order in self._orders.values() if order.state == "LIVE"]

    def refuse(self) -> None:
        self.emit(
            OrderEventKind.REFUSED, state=OrderState.REFUSED, order_id=self._new_id(), side="B", price=5_850_000,
            quantity=100_000, reason="MAX_ORDER_SIZE", reason_code=4, time_in_force="0",
        )  # fmt: skip

    def enter(self, *, reject: bool = False, side: str | None = None, quantity: int = 0, price: int = 0) -> _Order:
        size = quantity or 100 * self._rng.randint(1, 5)
        order = _Order(
            self._new_number(), self._new_id(), side or self._rng.choice("BS"),
            price or 5_850_000 + 100 * self._rng.randint(-20, 20), size, size,
        )  # fmt: skip
        self._orders[order.number] = order
        self.emit(OrderEventKind.NEW_SENT, order)
        if reject:
            order.state, order.leaves, order.reason = "REJECTED", 0, "0x0011"
            self.emit(OrderEventKind.REJECTED, order, venue=True, reason="17", reason_code=17)
        else:
            order.state, order.accepted, order.reference = "LIVE", True, 900_000 + order.number
            self.emit(OrderEventKind.ACCEPTED, order, venue=True)
        return order

    def fill(self, order: _Order, quantity: int) -> None:
        self._match += 1
        order.leaves -= quantity
        order.filled += quantity
        order.executed += quantity
        self.position += quantity if order.side == "B" else -quantity
        if order.leaves == 0:
            order.state = "FILLED"
        self.emit(
            OrderEventKind.EXECUTED, order, venue=True, last_price=order.price, last_quantity=quantity,
            match_number=self._match,
        )  # fmt: skip
        self.ledger_fills.append(
            {
                "account": ACCOUNT,
                "session": SESSION,
                "user_ref_num": order.number,
                "match_number": self._match,
                "side": order.side,
                "price": order.price,
                "quantity": quantity,
                "liquidity": "A",
                "venue_ns": 1,
                "wall_ns": 1,
                "sequence": self._venue_sequence,
            }
        )

    def cancel(self, order: _Order, quantity: int | None = None) -> None:
        taken = order.leaves if quantity is None else quantity
        if quantity is None:
            self.emit(OrderEventKind.CANCEL_SENT, order, state=OrderState.PENDING_CANCEL)
        order.leaves -= taken
        order.canceled += taken
        order.reason = "U"
        if order.leaves == 0:
            order.state = "CANCELED"
        self.emit(OrderEventKind.CANCELED, order, venue=True, last_quantity=taken, reason="U", reason_code=ord("U"))

    def replace(self, order: _Order, *, lapse: bool = False) -> _Order:
        new = _Order(
            self._new_number(), self._new_id(), order.side, order.price + 100, order.quantity + 100,
            order.quantity + 100 - order.filled, orig=order.number, filled=order.filled, state="PENDING_REPLACE",
        )  # fmt: skip
        self._orders[new.number] = new
        self.emit(OrderEventKind.REPLACE_SENT, new)
        if lapse:  # the original trades out first; the venue never answers the replace
            self.fill(order, order.leaves)
            new.filled = order.filled
            new.state, new.leaves = "REJECTED", 0
            self.emit(OrderEventKind.REJECTED, new)
            return new
        order.state, order.leaves = "REPLACED", 0
        new.state, new.accepted, new.reference = "LIVE", True, 900_000 + new.number
        self.emit(OrderEventKind.REPLACED, new, venue=True)
        return new

    def break_trade(self, order: _Order, match_number: int) -> None:
        """The ledger forgets the fill: as if it had never been."""
        fill = next(each for each in self.ledger_fills if each["match_number"] == match_number)
        self.ledger_fills.remove(fill)
        order.executed -= fill["quantity"]
        follower: _Order | None = order
        while follower is not None:
            follower.filled -= fill["quantity"]
            number = follower.number
            follower = next((each for each in self._orders.values() if each.orig == number), None)
        self.position -= fill["quantity"] if order.side == "B" else -fill["quantity"]
        self.emit(
            OrderEventKind.BROKEN, order, venue=True, last_price=fill["price"], last_quantity=fill["quantity"],
            match_number=match_number,
        )  # fmt: skip

    def trade(self, steps: int) -> None:
        """Random but lawful events."""
        for _ in range(steps):
            live = self.open_orders()
            choice = self._rng.random()
            if not live or choice < 0.35:
                self.enter(reject=self._rng.random() < 0.05)
            elif choice < 0.40:
                self.refuse()
            elif choice < 0.65:
                order = self._rng.choice(live)
                self.fill(order, self._rng.choice((order.leaves, max(1, order.leaves // 3))))
            elif choice < 0.85:
                order = self._rng.choice(live)
                self.cancel(order, None if self._rng.random() < 0.8 or order.leaves < 2 else 1)
            else:
                self.replace(self._rng.choice(live), lapse=self._rng.random() < 0.1)

    @property
    def ledger_orders(self) -> list[dict[str, Any]]:
        rows = []
        for order in self._orders.values():
            if not order.accepted and order.reason != "0x0011":
                continue
            rejected = order.state == "REJECTED"
            rows.append(
                {
                    "account": ACCOUNT,
                    "session": SESSION,
                    "user_ref_num": order.number,
                    "orig_user_ref_num": order.orig,
                    "order_reference_number": order.reference,
                    "cl_ord_id": order.cl_ord_id,
                    "side": "" if rejected else order.side,
                    "price": 0 if rejected else order.price,
                    "quantity": 0 if rejected else order.quantity,
                    "time_in_force": "0",
                    "state": order.state.lower(),
                    "reason": order.reason,
                    "leaves": order.leaves,
                    "filled": order.executed,
                    "chain_filled": order.filled,
                    "cancelled": order.canceled,
                    "accepted_ns": 1,
                    "accepted_wall_ns": 1,
                    "updated_wall_ns": 1,
                    "last_sequence": 1,
                }
            )
        return rows
