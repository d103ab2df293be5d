"""Naive models of the order book and the matching engine: plain lists, linear searches, nothing clever."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hotpath.book.limit_order_book import LevelRow, OrderRow
from hotpath.book.matching_engine import EngineEventKind as Kind
from hotpath.book.matching_engine import EngineReject as Reject
from hotpath.book.matching_engine import Event
from hotpath.book.matching_engine import SelfMatchPrevention as Smp
from hotpath.book.order_book import ApplyStatus

MAX_PRICE = 2_000_000_000
MAX_SHARES = 2**31 - 1


@dataclass
class Resting:
    reference: int
    side: str
    price: int
    shares: int
    owner: int = 0
    consumed: int = 0
    token: int = 0

    def row(self) -> OrderRow:
        return OrderRow(self.reference, self.side, self.price, self.shares, self.owner, self.consumed, self.token)


class Queue:
    """Resting orders in the order in which they were queued."""

    def __init__(self, max_orders: int = 1 << 30, max_levels: int = 1 << 30) -> None:
        self.resting: list[Resting] = []
        self.max_orders = max_orders
        self.max_levels = max_levels

    def get(self, reference: int) -> Resting | None:
        return next((order for order in self.resting if order.reference == reference), None)

    def room(self, side: str, price: int) -> bool:
        levels = {(order.side, order.price) for order in self.resting} | {(side, price)}
        return len(self.resting) < self.max_orders and len(levels) <= self.max_levels

    def best(self, side: str) -> Resting | None:
        """Best price, then earliest: min() keeps the first of equals."""
        candidates = [order for order in self.resting if order.side == side]
        return min(candidates, key=lambda order: -order.price if side == "B" else order.price, default=None)

    def take(self, order: Resting, shares: int) -> None:
        order.shares -= shares
        if order.shares == 0:
            self.resting.remove(order)

    def levels(self, side: str) -> list[LevelRow]:
        prices = sorted({order.price for order in self.resting if order.side == side}, reverse=side == "B")
        rows = []
        for price in prices:
            sizes = [order.shares for order in self.resting if order.side == side and order.price == price]
            rows.append(LevelRow(price, sum(sizes), len(sizes)))
        return rows

    def orders(self) -> list[OrderRow]:
        bids = sorted((o for o in self.resting if o.side == "B"), key=lambda order: -order.price)
        asks = sorted((o for o in self.resting if o.side == "S"), key=lambda order: order.price)
        return [order.row() for order in bids + asks]


class ReferenceOrderBook(Queue):
    def add(self, reference: int, side: str, price: int, shares: int) -> ApplyStatus:
        if side not in ("B", "S") or not 1 <= price <= MAX_PRICE or not 1 <= shares <= MAX_SHARES:
            return ApplyStatus.APPLY_INVALID
        if self.get(reference):
            return ApplyStatus.APPLY_DUPLICATE_ORDER
        if not self.room(side, price):
            return ApplyStatus.APPLY_POOL_EXHAUSTED
        self.resting.append(Resting(reference, side, price, shares))
        return ApplyStatus.APPLY_OK

    def decrement(self, reference: int, shares: int) -> ApplyStatus:
        order = self.get(reference)
        if order is None:
            return ApplyStatus.APPLY_UNKNOWN_ORDER
        excess = shares > order.shares
        self.take(order, min(shares, order.shares))
        return ApplyStatus.APPLY_EXCESS_SHARES if excess else ApplyStatus.APPLY_OK

    def delete(self, reference: int) -> ApplyStatus:
        order = self.get(reference)
        return self.decrement(reference, order.shares) if order else ApplyStatus.APPLY_UNKNOWN_ORDER

    def replace(self, reference: int, new_reference: int, price: int, shares: int) -> ApplyStatus:
        order = self.get(reference)
        if order is None:
            return ApplyStatus.APPLY_UNKNOWN_ORDER
        self.delete(reference)
        return self.add(new_reference, order.side, price, shares)


@dataclass
class Entry:
    reference: int
    side: str
    price: int
    leaves: int
    owner: int
    consumed: int
    token: int


@dataclass
class ReferenceEngine(Queue):
    capacity: int = 1 << 30
    level_capacity: int = 1 << 30
    max_owners: int = 256
    smp: dict[int, Smp] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(self.capacity, self.level_capacity)
        self.match_number = 1
        self.events: list[Event] = []

    def emit(self, kind: Kind, side: str, order_ref: int, price: int, **fields: int) -> None:
        values: dict[str, Any] = dict.fromkeys(Event._fields, 0)
        values |= {"kind": int(kind), "side": side, "order_ref": order_ref, "price": price, "on_book": False} | fields
        self.events.append(Event(**values))

    def refuse(self, reference: int, reason: Reject) -> None:
        self.emit(Kind.ENGINE_REJECTED, "", reference, 0, reason=int(reason))

    def submit(
        self, reference: int, owner: int, side: str, price: int, quantity: int, tif: str, post_only: bool, token: int
    ) -> None:
        refusal = 0
        if side not in ("B", "S"):
            refusal = Reject.REJECT_INVALID_SIDE
        elif not 1 <= price <= MAX_PRICE:
            refusal = Reject.REJECT_INVALID_PRICE
        elif not 1 <= quantity <= MAX_SHARES:
            refusal = Reject.REJECT_INVALID_QUANTITY
        elif tif not in ("0", "3"):
            refusal = Reject.REJECT_INVALID_TIME_IN_FORCE
        elif owner >= self.max_owners:
            refusal = Reject.REJECT_INVALID_OWNER
        elif self.get(reference):
            refusal = Reject.REJECT_DUPLICATE_ORDER
        elif tif == "0" and not self.room(side, price):
            refusal = Reject.REJECT_POOL_EXHAUSTED
        if refusal:
            self.emit(
                Kind.ENGINE_REJECTED,
                side,
                reference,
                price,
                reason=int(refusal),
                owner=owner,
                token=token,
                quantity=quantity,
            )
            return
        self.emit(
            Kind.ENGINE_ACCEPTED, side, reference, price, owner=owner, token=token, quantity=quantity, leaves=quantity
        )
        self.enter(Entry(reference, side, price, quantity, owner, 0, token), tif, post_only)

    def enter(self, entry: Entry, tif: str, post_only: bool) -> None:
        if post_only and self.contra(entry):
            self.cancel_entry(entry, entry.leaves, "G")
            return
        while entry.leaves and (maker := self.contra(entry)):
            if entry.owner and entry.owner == maker.owner and self.smp.get(entry.owner, 0) != Smp.SMP_OFF:
                self.prevent(entry, maker)
            else:
                self.trade(entry, maker)
        if not entry.leaves:
            return
        if tif == "3":
            self.cancel_entry(entry, entry.leaves, "I")
        elif not self.room(entry.side, entry.price):
            self.cancel_entry(entry, entry.leaves, "Z")
        else:
            self.resting.append(
                Resting(
                    entry.reference, entry.side, entry.price, entry.leaves, entry.owner, entry.consumed, entry.token
                )
            )
            self.emit(
                Kind.ENGINE_RESTED,
                entry.side,
                entry.reference,
                entry.price,
                owner=entry.owner,
                token=entry.token,
                quantity=entry.leaves,
                leaves=entry.leaves,
            )

    def contra(self, entry: Entry) -> Resting | None:
        best = self.best("S" if entry.side == "B" else "B")
        if best is None:
            return None
        crosses = best.price <= entry.price if entry.side == "B" else best.price >= entry.price
        return best if crosses else None

    def trade(self, entry: Entry, maker: Resting) -> None:
        shares = min(entry.leaves, maker.shares)
        entry.leaves -= shares
        entry.consumed += shares
        maker.consumed += shares
        self.take(maker, shares)
        self.emit(
            Kind.ENGINE_EXECUTED,
            entry.side,
            entry.reference,
            maker.price,
            owner=entry.owner,
            token=entry.token,
            contra_ref=maker.reference,
            contra_owner=maker.owner,
            contra_token=maker.token,
            quantity=shares,
            leaves=entry.leaves,
            contra_leaves=maker.shares,
            match_number=self.match_number,
        )
        self.match_number += 1

    def prevent(self, entry: Entry, maker: Resting) -> None:
        overlap = min(entry.leaves, maker.shares)
        off_maker, off_entry = {
            Smp.SMP_CANCEL_OLDEST: (maker.shares, 0),
            Smp.SMP_CANCEL_NEWEST: (0, entry.leaves),
            Smp.SMP_DECREMENT_BOTH: (overlap, overlap),
        }[self.smp.get(entry.owner, Smp.SMP_CANCEL_OLDEST)]
        parties: dict[str, int] = {
            "owner": entry.owner,
            "contra_owner": entry.owner,
            "prevented": overlap,
            "reason": ord("Q"),
        }
        entry_left = entry.leaves - off_entry
        maker_left = maker.shares - off_maker
        if off_maker:
            self.emit(
                Kind.ENGINE_CANCELED,
                maker.side,
                maker.reference,
                maker.price,
                **parties,
                on_book=True,
                token=maker.token,
                quantity=off_maker,
                leaves=maker_left,
                contra_ref=entry.reference,
                contra_token=entry.token,
                contra_leaves=entry_left,
            )
            maker.consumed += off_maker
            self.take(maker, off_maker)
        if off_entry:
            self.emit(
                Kind.ENGINE_CANCELED,
                entry.side,
                entry.reference,
                maker.price,
                **parties,
                token=entry.token,
                quantity=off_entry,
                leaves=entry_left,
                contra_ref=maker.reference,
                contra_token=maker.token,
                contra_leaves=maker_left,
            )
            entry.leaves = entry_left
            entry.consumed += off_entry

    def cancel_entry(self, entry: Entry, shares: int, reason: str) -> None:
        self.emit(
            Kind.ENGINE_CANCELED,
            entry.side,
            entry.reference,
            entry.price,
            reason=ord(reason),
            owner=entry.owner,
            token=entry.token,
            quantity=shares,
        )

    def cancel_resting(self, order: Resting, shares: int, reason: str) -> None:
        self.take(order, shares)
        self.emit(
            Kind.ENGINE_CANCELED,
            order.side,
            order.reference,
            order.price,
            on_book=True,
            reason=ord(reason),
            owner=order.owner,
            token=order.token,
            quantity=shares,
            leaves=order.shares,
        )

    def cancel(self, reference: int, new_total: int, reason: str) -> None:
        order = self.get(reference)
        if order is None:
            self.refuse(reference, Reject.REJECT_UNKNOWN_ORDER)
            return
        surplus = order.shares - max(0, new_total - order.consumed)
        if surplus > 0:
            self.cancel_resting(order, surplus, reason)

    def reduce(self, reference: int, shares: int, reason: str) -> None:
        order = self.get(reference)
        if order is None:
            self.refuse(reference, Reject.REJECT_UNKNOWN_ORDER)
        elif shares == 0:
            self.refuse(reference, Reject.REJECT_INVALID_QUANTITY)
        else:
            self.cancel_resting(order, min(shares, order.shares), reason)

    def replace(
        self, reference: int, new_ref: int, price: int, quantity: int, tif: str, post_only: bool, token: int
    ) -> None:
        order = self.get(reference)
        if order is None:
            self.refuse(reference, Reject.REJECT_UNKNOWN_ORDER)
        elif self.get(new_ref):
            self.refuse(new_ref, Reject.REJECT_DUPLICATE_ORDER)
        elif not 1 <= price <= MAX_PRICE or not 1 <= quantity <= MAX_SHARES or tif not in ("0", "3"):
            self.cancel_resting(order, order.shares, "Z")
        elif quantity <= order.consumed:
            self.cancel_resting(order, order.shares, "U")
        else:
            open_shares = quantity - order.consumed
            self.emit(
                Kind.ENGINE_REPLACED,
                order.side,
                new_ref,
                price,
                on_book=True,
                owner=order.owner,
                contra_owner=order.owner,
                contra_ref=reference,
                contra_leaves=order.shares,
                contra_token=order.token,
                token=token,
                quantity=open_shares,
                leaves=open_shares,
            )
            self.resting.remove(order)
            self.enter(
                Entry(new_ref, order.side, price, open_shares, order.owner, order.consumed, token), tif, post_only
            )

    def mass_cancel(self, owner: int, side: str, reason: str) -> None:
        if not 0 < owner < self.max_owners:
            self.refuse(0, Reject.REJECT_INVALID_OWNER)
            return
        for order in [o for o in self.resting if o.owner == owner and side in ("", o.side)]:
            self.cancel_resting(order, order.shares, reason)
