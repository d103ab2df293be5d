"""The comparison itself. Pure: two lists of rows in, differences out.

What the venue knows must be what the OMS holds. How an open order is pending is the router's business alone: at the
venue it is live. An order the venue never confirmed, and one refused before it left the host, exist only in the OMS.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import msgspec

MISSING: Final = "missing"  # the venue has it, the OMS does not
EXTRA: Final = "extra"  # the OMS has it, the venue does not
FIELD: Final = "field"
POSITION: Final = "position"

_LIVE: Final = frozenset({"LIVE", "PENDING_NEW", "PENDING_REPLACE", "PENDING_CANCEL"})
_NEVER_THERE: Final = "LAPSED"


class VenueOrder(msgspec.Struct, frozen=True, kw_only=True):
    account: str
    session: str
    user_ref_num: int
    orig_user_ref_num: int
    order_reference_number: int
    cl_ord_id: str
    side: str
    price: int
    quantity: int
    state: str
    leaves: int
    filled: int
    chain_filled: int
    cancelled: int


class VenueFill(msgspec.Struct, frozen=True, kw_only=True):
    account: str
    session: str
    user_ref_num: int
    match_number: int
    side: str
    price: int
    quantity: int


class OmsOrder(msgspec.Struct, frozen=True, kw_only=True):
    host: str
    session: str
    user_ref_num: int
    orig_user_ref_num: int
    order_reference_number: int
    cl_ord_id: str
    side: str
    price: int
    quantity: int
    state: str
    leaves: int
    filled: int
    executed: int
    canceled: int
    accepted: bool
    reason: str


class OmsFill(msgspec.Struct, frozen=True, kw_only=True):
    host: str
    session: str
    user_ref_num: int
    match_number: int
    side: str
    price: int
    quantity: int
    broken: bool


class OmsPosition(msgspec.Struct, frozen=True, kw_only=True):
    """A row of positions, with what its fills add up to."""

    host: str
    symbol: str
    quantity: int
    bought: int
    sold: int
    bought_notional: int
    sold_notional: int
    realised: int
    fills_quantity: int
    fills_bought: int
    fills_sold: int
    fills_bought_notional: int
    fills_sold_notional: int
    fills_realised: int


class Difference(msgspec.Struct, frozen=True, order=True):
    """One thing on which the two disagree; identical in two passes means that it is no passing state."""

    what: str  # order, fill, position
    key: str
    kind: str
    name: str = ""
    venue: str = ""
    oms: str = ""

    def __str__(self) -> str:
        if self.kind == MISSING:
            return f"{self.what} {self.key}: missing in the OMS (venue: {self.venue})"
        if self.kind == EXTRA:
            return f"{self.what} {self.key}: not at the venue (OMS: {self.oms})"
        return f"{self.what} {self.key}: {self.name} is {self.venue} at the venue, {self.oms} in the OMS"


@dataclass(slots=True)
class Comparison:
    """`differences` in key order; the counts say how much was compared."""

    venue_orders: int = 0
    oms_orders: int = 0
    venue_fills: int = 0
    oms_fills: int = 0
    venue_position: int = 0
    oms_position: int = 0
    differences: list[Difference] = field(default_factory=list)


def oms_state_at_venue(order: OmsOrder) -> str:
    """What the venue's ledger calls this order's state."""
    return "live" if order.state in _LIVE else order.state.lower()


def _order_fields(venue: VenueOrder, oms: OmsOrder) -> Iterable[tuple[str, object, object]]:
    yield "state", venue.state, oms_state_at_venue(oms)
    if venue.state == "rejected":  # a rejection carries no more than the number and the client's id
        return
    yield "cl_ord_id", venue.cl_ord_id, oms.cl_ord_id
    yield "order_reference_number", venue.order_reference_number, oms.order_reference_number
    yield "orig_user_ref_num", venue.orig_user_ref_num, oms.orig_user_ref_num
    yield "side", venue.side, oms.side
    yield "price", venue.price, oms.price
    yield "quantity", venue.quantity, oms.quantity
    yield "leaves", venue.leaves, oms.leaves
    yield "executed", venue.filled, oms.executed
    yield "filled", venue.chain_filled, oms.filled
    yield "canceled", venue.cancelled, oms.canceled


def _signed(side: str, quantity: int) -> int:
    return quantity if side == "B" else -quantity


def compare(
    venue_orders: list[VenueOrder],
    venue_fills: list[VenueFill],
    oms_orders: list[OmsOrder],
    oms_fills: list[OmsFill],
    positions: list[OmsPosition],
) -> Comparison:
    """Rows of one order-entry account at the venue against those of one host in the OMS."""
    result = Comparison(venue_orders=len(venue_orders), venue_fills=len(venue_fills))
    found: set[Difference] = set()
    _compare_orders(venue_orders, oms_orders, result, found)
    _compare_fills(venue_fills, oms_fills, result, found)
    result.venue_position = sum(_signed(fill.side, fill.quantity) for fill in venue_fills)
    result.oms_position = sum(position.quantity for position in positions)
    if result.venue_position != result.oms_position:
        found.add(
            Difference(POSITION, "total", FIELD, "quantity", str(result.venue_position), str(result.oms_position))
        )
    for position in positions:
        key = f"{position.host}/{position.symbol}"
        for name in ("quantity", "bought", "sold", "bought_notional", "sold_notional", "realised"):
            derived, stored = getattr(position, f"fills_{name}"), getattr(position, name)
            if derived != stored:
                found.add(Difference(POSITION, key, FIELD, f"{name} (from fills)", str(derived), str(stored)))
    result.differences = sorted(found)
    return result


def _compare_orders(venue: list[VenueOrder], oms: list[OmsOrder], result: Comparison, found: set[Difference]) -> None:
    ours = {(order.session, order.user_ref_num): order for order in oms}
    for theirs in venue:
        key = f"{theirs.session}/{theirs.user_ref_num}"
        mine = ours.pop((theirs.session, theirs.user_ref_num), None)
        if mine is None:
            text = f"{theirs.state} {theirs.side} {theirs.quantity} @ {theirs.price}"
            found.add(Difference("order", key, MISSING, venue=text))
            continue
        result.oms_orders += 1
        for name, at_venue, here in _order_fields(theirs, mine):
            if at_venue != here:
                found.add(Difference("order", key, FIELD, name, str(at_venue), str(here)))
    for order in ours.values():
        if order.state == "REJECTED" and order.reason == _NEVER_THERE:
            continue
        result.oms_orders += 1
        text = f"{order.state} {order.side} {order.quantity} @ {order.price}"
        found.add(Difference("order", f"{order.session}/{order.user_ref_num}", EXTRA, oms=text))


def _compare_fills(venue: list[VenueFill], oms: list[OmsFill], result: Comparison, found: set[Difference]) -> None:
    ours = {(fill.session, fill.user_ref_num, fill.match_number): fill for fill in oms if not fill.broken}
    for theirs in venue:
        key = f"{theirs.session}/{theirs.user_ref_num}/{theirs.match_number}"
        mine = ours.pop((theirs.session, theirs.user_ref_num, theirs.match_number), None)
        if mine is None:
            text = f"{theirs.side} {theirs.quantity} @ {theirs.price}"
            found.add(Difference("fill", key, MISSING, venue=text))
            continue
        result.oms_fills += 1
        for name in ("side", "price", "quantity"):
            at_venue, here = getattr(theirs, name), getattr(mine, name)
            if at_venue != here:
                found.add(Difference("fill", key, FIELD, name, str(at_venue), str(here)))
    for fill in ours.values():
        result.oms_fills += 1
        key = f"{fill.session}/{fill.user_ref_num}/{fill.match_number}"
        found.add(Difference("fill", key, EXTRA, oms=f"{fill.side} {fill.quantity} @ {fill.price}"))
