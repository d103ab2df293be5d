"""The order state machine: each message in each state, the races, duplicates, recovery; then against a naive model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hotpath.ipc.layouts import OrderEvent, OrderEventKind, OrderState, decode_order_event, encode_order_event
from hotpath.router.order_state import OrderTable

APPLIED, NO_EVENT, DUPLICATE, ILLEGAL = range(4)
PRICE = 1_000_000
SYMBOL = "IRON"


class Feed:
    """A table, its own actions by number, and the venue's messages in sequence."""

    def __init__(self, capacity: int = 64) -> None:
        self.table = OrderTable(capacity, SYMBOL)
        self.table.start_session("IRON000001")
        self.sequence = 0
        self.match = 0

    def new(self, number: int, quantity: int = 100, side: str = "B", order_id: int | None = None) -> OrderEvent:
        event = self.table.new_order(
            user_ref_num=number,
            strategy_epoch=1,
            order_id=order_id or number,
            side=side,
            price=PRICE,
            quantity=quantity,
        )
        assert event is not None
        return event

    def replace(self, old: int, new: int, quantity: int) -> OrderEvent | None:
        return self.table.replace_order(
            orig_user_ref_num=old, user_ref_num=new, order_id=new, price=PRICE + 100, quantity=quantity
        )

    def venue(self, kind: str, number: int = 0, **fields: Any) -> tuple[int, list[OrderEvent]]:
        self.sequence += 1
        return self.table.apply_message(kind, sequence=self.sequence, user_ref_num=number, price=PRICE, **fields)

    def live(self, number: int, quantity: int = 100, side: str = "B") -> None:
        self.new(number, quantity, side)
        assert self.venue("A", number, quantity=quantity, side=side)[0] == APPLIED

    def fill(self, number: int, quantity: int) -> tuple[int, list[OrderEvent]]:
        self.match += 1
        return self.venue("E", number, quantity=quantity, match_number=self.match)

    def state(self, number: int) -> str:
        order = self.table.order(number)
        assert order is not None
        return str(order["state"])

    @property
    def exposure(self) -> tuple[int, int]:
        return self.table.open_buy, self.table.open_sell


def record(event: OrderEvent, **changes: Any) -> bytes:
    """As the router writes it: session, and the symbol padded with spaces."""
    named = {name: getattr(event, name) for name in event.__struct_fields__}
    named |= {"session": "IRON000001", "symbol": event.symbol.ljust(8)}
    return encode_order_event(OrderEvent(**(named | changes)))


def kinds(events: list[OrderEvent]) -> list[str]:
    return [OrderEventKind(event.kind).name.removeprefix("EVENT_") for event in events]


def test_new_accepted_filled() -> None:
    feed = Feed()
    sent = feed.new(1)
    assert (sent.kind, sent.state, sent.leaves) == (OrderEventKind.EVENT_NEW_SENT, OrderState.ORDER_PENDING_NEW, 100)
    assert sent.cl_ord_id == "00000010000001"
    assert feed.exposure == (100, 0)
    outcome, events = feed.venue("A", 1, quantity=100, order_reference_number=77)
    assert (outcome, kinds(events), events[0].order_reference_number) == (APPLIED, ["ACCEPTED"], 77)
    _, (part,) = feed.fill(1, 40)
    assert (part.state, part.leaves, part.filled, part.position) == (OrderState.ORDER_LIVE, 60, 40, 40)
    _, (rest,) = feed.fill(1, 60)
    assert (rest.state, rest.leaves, rest.filled, rest.position) == (OrderState.ORDER_FILLED, 0, 100, 100)
    assert feed.table.open_count == 0
    assert feed.exposure == (0, 0)
    assert (feed.table.bought, feed.table.bought_notional) == (100, 100 * PRICE)


def test_accepted_dead_has_no_future() -> None:
    feed = Feed()
    feed.new(1)
    _, (event,) = feed.venue("A", 1, quantity=100, order_state="D")
    assert (event.state, event.leaves) == (OrderState.ORDER_CANCELED, 0)
    assert feed.venue("C", 1, quantity=1)[0] == ILLEGAL


def test_rejected() -> None:
    feed = Feed()
    feed.new(1)
    _, (event,) = feed.venue("J", 1, reason=0x1D)
    assert (event.state, event.reason, feed.exposure) == (OrderState.ORDER_REJECTED, 0x1D, (0, 0))


def test_partial_cancel_keeps_the_order() -> None:
    feed = Feed()
    feed.live(1)
    _, (event,) = feed.venue("D", 1, quantity=30, reason=ord("Q"))
    assert (event.state, event.leaves, event.last_quantity) == (OrderState.ORDER_LIVE, 70, 30)
    _, (event,) = feed.venue("C", 1, quantity=70, reason=ord("U"))
    assert (event.state, event.reason, event.leaves) == (OrderState.ORDER_CANCELED, ord("U"), 0)


class TestReplaceRaces:
    def test_a_partly_cancelled_original_leaves_the_whole_replace_exposed(self) -> None:
        feed = Feed()
        feed.live(1, 500)
        assert feed.replace(1, 2, 500) is not None
        feed.venue("D", 1, quantity=200, reason=ord("Q"))
        assert feed.exposure == (500, 0)
        feed.venue("U", 2, orig_user_ref_num=1, quantity=500)
        assert feed.exposure == (500, 0)

    def test_a_broken_trade_raises_what_a_replace_on_its_way_can_still_trade(self) -> None:
        feed = Feed()
        feed.live(1, 500)
        feed.fill(1, 100)
        assert feed.replace(1, 2, 500) is not None
        assert feed.exposure == (400, 0)
        feed.venue("B", 1, match_number=1, reason=ord("E"))
        assert feed.exposure == (500, 0)

    def test_fill_before_replaced(self) -> None:
        feed = Feed()
        feed.live(1, 500)
        assert feed.replace(1, 2, 500) is not None
        assert feed.exposure == (500, 0)  # either may trade, not both
        feed.fill(1, 100)
        assert feed.exposure == (400, 0)
        _, (event,) = feed.venue("U", 2, orig_user_ref_num=1, quantity=400)
        assert (event.state, event.leaves, event.filled) == (OrderState.ORDER_LIVE, 400, 100)
        assert (event.order_id, event.orig_order_id) == (2, 1)
        assert feed.state(1) == "REPLACED"
        assert feed.exposure == (400, 0)

    def test_original_filled_first_voids_the_replace(self) -> None:
        feed = Feed()
        feed.live(1)
        feed.replace(1, 2, 300)
        assert feed.exposure == (300, 0)
        _, events = feed.fill(1, 100)
        assert kinds(events) == ["EXECUTED", "REJECTED"]
        assert (events[1].user_ref_num, events[1].reason) == (2, 0)
        assert events[1].venue_sequence == events[0].venue_sequence
        assert feed.exposure == (0, 0)

    def test_bad_replace_cancels_the_original(self) -> None:
        feed = Feed()
        feed.live(1)
        feed.replace(1, 2, 50)
        _, events = feed.venue("C", 1, quantity=100, reason=ord("U"))
        assert kinds(events) == ["CANCELED", "REJECTED"]
        assert feed.table.open_count == 0

    def test_rejected_replace_leaves_the_original(self) -> None:
        feed = Feed()
        feed.live(1)
        feed.replace(1, 2, 200)
        feed.venue("J", 2, reason=0x15)
        assert feed.state(1) == "LIVE"
        assert feed.exposure == (100, 0)
        assert feed.replace(1, 3, 150) is not None

    def test_one_replace_at_a_time(self) -> None:
        feed = Feed()
        feed.new(1)
        assert feed.replace(1, 2, 200) is None  # not accepted yet
        feed.venue("A", 1, quantity=100)
        assert feed.replace(1, 2, 200) is not None
        assert feed.replace(1, 3, 200) is None
        assert feed.replace(2, 3, 200) is None

    def test_shrinking_frees_nothing_until_the_venue_agrees(self) -> None:
        feed = Feed()
        feed.live(1, 100, "S")
        feed.replace(1, 2, 40)
        assert feed.exposure == (0, 100)
        feed.venue("U", 2, orig_user_ref_num=1, quantity=40, side="S")
        assert feed.exposure == (0, 40)

    def test_replaced_dead(self) -> None:
        feed = Feed()
        feed.live(1)
        feed.replace(1, 2, 200)
        _, (event,) = feed.venue("U", 2, orig_user_ref_num=1, quantity=200, order_state="D")
        assert (event.state, event.leaves, feed.exposure) == (OrderState.ORDER_CANCELED, 0, (0, 0))


class TestCancelRaces:
    def test_fill_while_cancel_is_pending(self) -> None:
        feed = Feed()
        feed.live(1)
        assert feed.table.cancel_order(1) is not None
        assert feed.table.cancel_order(1) is None
        _, (event,) = feed.fill(1, 30)
        assert event.state == OrderState.ORDER_PENDING_CANCEL
        _, (event,) = feed.fill(1, 70)
        assert event.state == OrderState.ORDER_FILLED
        assert feed.venue("C", 1, quantity=1)[0] == ILLEGAL

    def test_cancel_before_accepted(self) -> None:
        feed = Feed()
        feed.new(1)
        feed.table.cancel_order(1)
        _, (event,) = feed.venue("A", 1, quantity=100)
        assert event.state == OrderState.ORDER_PENDING_CANCEL
        assert feed.venue("C", 1, quantity=100)[1][0].state == OrderState.ORDER_CANCELED

    def test_mass_cancel_during_replace(self) -> None:
        feed = Feed()
        feed.live(1)
        feed.replace(1, 2, 200)
        feed.table.mass_cancel(3)
        assert {order["state"] for order in feed.table.open_orders()} == {"PENDING_CANCEL"}
        feed.venue("U", 2, orig_user_ref_num=1, quantity=200)
        feed.venue("X", 3)
        assert feed.venue("C", 2, quantity=200)[1][0].state == OrderState.ORDER_CANCELED
        assert feed.table.open_count == 0
        assert feed.table.last_number == 3


def test_duplicates_change_nothing() -> None:
    feed = Feed()
    feed.live(1)
    feed.fill(1, 40)
    again = feed.table.apply_message("E", sequence=2, user_ref_num=1, quantity=40, price=PRICE, match_number=1)
    assert again == (DUPLICATE, [])
    assert feed.table.apply_message("E", sequence=1, user_ref_num=1, quantity=40)[0] == DUPLICATE
    assert feed.table.position == 40


def test_broken_trade_of_an_earlier_link() -> None:
    feed = Feed()
    feed.live(1, 500)
    feed.fill(1, 100)
    feed.replace(1, 2, 500)
    feed.venue("U", 2, orig_user_ref_num=1, quantity=400)
    outcome, (event,) = feed.venue("B", 1, match_number=1, reason=ord("E"))
    assert outcome == APPLIED
    assert (event.last_quantity, event.last_price, event.position) == (100, PRICE, 0)
    order = feed.table.order(2)
    assert order is not None
    assert (order["filled"], order["leaves"]) == (0, 400)
    assert (feed.table.bought, feed.table.bought_notional) == (0, 0)
    assert feed.venue("B", 1, match_number=1)[0] == ILLEGAL  # only once
    assert feed.venue("B", 2, match_number=9)[0] == ILLEGAL


@pytest.mark.parametrize(
    ("prepare", "kind", "fields"),
    [
        ("pending", "C", {"quantity": 100}),
        ("pending", "U", {"orig_user_ref_num": 9, "quantity": 100}),
        ("pending", "A", {"quantity": 101}),
        ("pending", "A", {"quantity": 100, "side": "S"}),
        ("live", "A", {"quantity": 100}),
        ("live", "J", {}),
        ("live", "C", {"quantity": 101}),
        ("live", "M", {"quantity": 10}),
        ("live", "I", {}),
        ("dead", "C", {"quantity": 1}),
        ("dead", "A", {"quantity": 100}),
        ("dead", "T", {}),
        ("unheard", "C", {"quantity": 1}),
        ("unheard", "E", {"quantity": 1}),
        ("unheard", "B", {"match_number": 1}),
    ],
)
def test_illegal_messages_are_counted_and_change_nothing(prepare: str, kind: str, fields: dict[str, Any]) -> None:
    feed = Feed()
    if prepare != "unheard":
        feed.new(1)
    if prepare in ("live", "dead"):
        feed.venue("A", 1, quantity=100)
    if prepare == "dead":
        feed.venue("C", 1, quantity=100)
    before = feed.table.order(1), feed.exposure, feed.table.position
    assert feed.venue(kind, 1, **fields) == (ILLEGAL, [])
    assert (feed.table.order(1), feed.exposure, feed.table.position) == before
    assert (feed.table.illegal, feed.table.illegal_number, chr(feed.table.illegal_type)) == (1, 1, kind)


@pytest.mark.parametrize("extra", [0, 100])
def test_a_fill_that_does_not_fit_still_moves_the_position(extra: int) -> None:
    feed = Feed()
    feed.live(1)
    if not extra:
        feed.venue("C", 1, quantity=100)
    outcome, events = feed.fill(1, 50 + extra)
    assert (outcome, kinds(events)) == (ILLEGAL, ["EXECUTED"])
    assert feed.table.position == 50 + extra
    assert feed.exposure == (0, 0)


def test_messages_without_effect() -> None:
    feed = Feed()
    feed.live(1)
    for kind in "SXGKQRP":
        assert feed.venue(kind, 1) == (NO_EVENT, [])
    assert feed.venue("T", 1, order_reference_number=5) == (NO_EVENT, [])
    _, (event,) = feed.fill(1, 1)
    assert event.order_reference_number == 5


def test_fence_settles_what_never_arrived() -> None:
    feed = Feed()
    feed.live(1)
    feed.new(2)
    feed.replace(1, 3, 200)
    feed.new(5)
    settled = feed.table.settle(fence=5)
    assert [(event.user_ref_num, event.state, event.reason) for event in settled] == [
        (2, OrderState.ORDER_REJECTED, 0),
        (3, OrderState.ORDER_REJECTED, 0),
    ]
    assert feed.state(1) == "LIVE"
    assert feed.state(5) == "PENDING_NEW"
    assert feed.replace(1, 6, 50) is not None


def test_unknown_is_resolved_by_the_venue_only() -> None:
    feed = Feed()
    feed.live(1)
    feed.new(2)
    for number in (1, 2):
        assert feed.table.unknown_order(number) is not None
    assert (feed.table.unknown_count, feed.exposure) == (2, (200, 0))
    feed.fill(1, 10)
    assert feed.state(1) == "LIVE"
    feed.venue("A", 2, quantity=100)
    assert (feed.state(2), feed.table.unknown_count) == ("LIVE", 0)


def test_orders_of_an_earlier_session_stay_unknown_with_their_exposure() -> None:
    feed = Feed()
    feed.live(1)
    feed.table.unknown_order(1)
    feed.table.start_session("IRON000002")
    feed.sequence = 0
    feed.live(1, 50, "S")
    assert (feed.table.open_count, feed.table.unknown_count, feed.table.foreign_open) == (2, 1, 1)
    assert feed.exposure == (100, 50)
    assert feed.table.settle(fence=10**6) == []


def test_pool_reuses_the_longest_dead() -> None:
    feed = Feed(capacity=4)
    for number in range(1, 4):
        feed.live(number)
    for number in (2, 1):
        feed.venue("C", number, quantity=100)
    feed.live(4)
    feed.live(5)  # takes the place of 2
    assert feed.table.order(2) is None
    assert feed.table.order(1) is not None
    feed.live(6)
    assert feed.table.new_order(user_ref_num=7, strategy_epoch=1, order_id=7, side="B", price=1, quantity=1) is None
    assert [order["user_ref_num"] for order in feed.table.open_orders()] == [3, 4, 5, 6]


def test_comparison_finds_each_kind_of_break() -> None:
    def both() -> tuple[Feed, Feed]:
        ours, theirs = Feed(), Feed()
        ours.live(1)
        theirs.venue("A", 1, quantity=100, cl_ord_id="00000010000001")
        return ours, theirs

    ours, theirs = both()
    assert ours.table.compare(theirs.table) == (1, 0, [])
    theirs.venue("A", 2, quantity=10)
    assert ours.table.compare(theirs.table)[2] == [(2, "missing here", 0, OrderState.ORDER_LIVE)]
    ours, theirs = both()
    ours.live(2)
    assert ours.table.compare(theirs.table)[1:] == (1, [(2, "missing at venue", OrderState.ORDER_LIVE, 0)])
    ours, theirs = both()
    ours.fill(1, 10)
    theirs.fill(1, 20)
    assert [found[1] for found in ours.table.compare(theirs.table)[2]] == ["filled", "leaves", "position of IRON"]
    ours, theirs = both()
    ours.venue("C", 1, quantity=100)
    assert [found[1] for found in ours.table.compare(theirs.table)[2]] == ["state", "leaves"]
    ours, theirs = both()
    theirs.venue("C", 9, quantity=100)
    assert ours.table.compare(theirs.table)[2] == [(9, "message that fits no order", 0, 1)]


# ---- orders of other symbols: traded under an earlier configuration, in the journal and in the venue's stream


def aapl_then_iron() -> tuple[Feed, list[bytes]]:
    """A stream with an open and a filled AAPL order before one of IRON, read by IRON's table, and its records."""
    feed = Feed()
    records = []
    for number, symbol, side in ((1, "AAPL", "S"), (2, "AAPL", "S"), (3, "IRON", "B")):
        _, events = feed.venue("A", number, quantity=800, side=side, symbol=symbol, cl_ord_id=f"0000001000000{number}")
        records += [record(event) for event in events]
    for number, quantity in ((1, 762), (3, 40)):
        records += [record(event) for event in feed.fill(number, quantity)[1]]
    return feed, records


def totals(table: OrderTable) -> tuple[int, ...]:
    return table.position, table.bought, table.sold, table.sold_notional, table.open_buy, table.open_sell


def test_only_orders_of_the_own_symbol_make_its_position() -> None:
    feed, _ = aapl_then_iron()
    assert totals(feed.table) == (40, 40, 0, 0, 760, 0)
    assert feed.table.other_symbols() == {"AAPL": (-762, 2)}
    assert feed.table.open_count == 3  # of all: none may stay open unnoticed
    _, (event,) = feed.fill(2, 38)
    assert (event.symbol, event.position) == ("AAPL", -800)
    _, (event,) = feed.fill(3, 10)
    assert (event.symbol, event.position) == ("IRON", 50)
    for number, quantity in ((1, 38), (2, 762)):
        feed.venue("C", number, quantity=quantity, reason=ord("U"))
    assert totals(feed.table) == (50, 50, 0, 0, 750, 0)
    assert feed.table.other_symbols() == {"AAPL": (-800, 0)}


def test_the_journal_gives_each_symbol_its_own_position() -> None:
    feed, records = aapl_then_iron()
    restored = OrderTable(64, SYMBOL)
    for data in records:
        restored.restore_event(data)
    assert totals(restored) == totals(feed.table)
    assert restored.other_symbols() == {"AAPL": (-762, 2)}
    assert restored.compare(feed.table) == (3, 0, [])
    other = OrderTable(64, "AAPL")
    for data in records:
        other.restore_event(data)
    assert (other.position, other.other_symbols()) == (-762, {"IRON": (40, 1)})


def test_a_journal_without_its_oldest_records_goes_on_from_each_symbols_own_position() -> None:
    _, records = aapl_then_iron()
    restored = OrderTable(64, SYMBOL)
    for sequence, data in enumerate(records[3:], 1000):
        restored.restore_event(record(decode_order_event(data), sequence=sequence))
    assert (restored.position, restored.other_symbols()) == (40, {"AAPL": (-762, 1)})


def test_positions_that_an_earlier_build_mixed_up_are_not_believed() -> None:
    """It wrote AAPL's position into IRON's events: the fills are what counts."""
    _, records = aapl_then_iron()
    restored = OrderTable(64, SYMBOL)
    for sequence, data in enumerate(records, 1):
        restored.restore_event(record(decode_order_event(data), sequence=sequence, position=-722))
    assert (restored.position, restored.other_symbols()) == (40, {"AAPL": (-762, 2)})


def test_breaks_of_other_symbols_are_found() -> None:
    ours, theirs = aapl_then_iron()[0], aapl_then_iron()[0]
    theirs.fill(2, 5)
    assert [found[1] for found in ours.table.compare(theirs.table)[2]] == ["filled", "leaves", "position of AAPL"]
    ours, theirs = Feed(), Feed()
    ours.venue("A", 1, quantity=10, symbol="AAPL")
    theirs.venue("A", 1, quantity=10)
    assert ours.table.compare(theirs.table)[2] == [(1, "symbol", "AAPL", "IRON")]


def test_an_answer_for_another_symbol_than_sent_is_illegal() -> None:
    feed = Feed()
    feed.new(1)
    assert feed.venue("A", 1, quantity=100, symbol="AAPL")[0] == ILLEGAL
    feed.live(2)
    assert feed.replace(2, 3, 100) is not None
    assert feed.venue("U", 3, orig_user_ref_num=2, quantity=100, symbol="AAPL")[0] == ILLEGAL


def test_more_symbols_than_the_table_holds_are_illegal_not_forgotten() -> None:
    feed = Feed(capacity=2048)
    for number in range(1, 1024):
        assert feed.venue("A", number, quantity=1, symbol=f"S{number}")[0] == APPLIED
    assert not feed.table.symbols_full
    assert feed.venue("A", 1024, quantity=1, symbol="ONEMORE")[0] == ILLEGAL
    assert feed.table.symbols_full


@pytest.mark.parametrize("symbol", ["", "TOOLONGNAME"])
def test_a_symbol_that_ouch_cannot_carry_is_refused(symbol: str) -> None:
    with pytest.raises(ValueError, match=r"instrument\.symbol"):
        OrderTable(16, symbol)


# ---- against a model


@dataclass
class ModelOrder:
    side: str
    quantity: int
    original: int = 0
    accepted: bool = False
    over: str = ""  # how it ended
    filled: int = 0  # of the chain
    leaves: int = 0


@dataclass
class Model:
    """A venue and what a client may know from its stream, in the plainest way."""

    orders: dict[int, ModelOrder] = field(default_factory=dict)
    position: int = 0

    def open(self) -> list[int]:
        return [number for number, order in self.orders.items() if not order.over]

    def live(self) -> list[int]:
        return [number for number in self.open() if self.orders[number].accepted]

    def waiting(self) -> list[int]:
        return [number for number in self.open() if not self.orders[number].accepted]

    def end(self, number: int, how: str) -> None:
        self.orders[number].over = how
        self.orders[number].leaves = 0
        if how != "REPLACED":
            for order in self.orders.values():
                if order.original == number and not order.accepted and not order.over:
                    order.over = "REJECTED"

    def exposure(self, side: str) -> int:
        """The most that can still trade on a side, found by looking at each chain's possible futures."""
        total = 0
        for number in self.open():
            order = self.orders[number]
            if order.side != side:
                continue
            if order.accepted:
                heirs = [o for o in self.orders.values() if o.original == number and not o.accepted and not o.over]
                futures = [order.leaves] + [max(0, heir.quantity - order.filled) for heir in heirs]
                total += max(futures)
            elif not order.original:
                total += order.quantity
        return total


class AgainstModel(RuleBasedStateMachine):
    """Random intents and venue actions in any order the protocol allows; every event is replayed into a third table."""

    @initialize()
    def begin(self) -> None:
        self.feed = Feed(capacity=512)
        self.model = Model()
        self.number = 0
        self.records: list[bytes] = []
        self.fills: list[tuple[int, int, int]] = []

    def note(self, *events: OrderEvent | None) -> None:
        for event in events:
            assert event is not None
            self.records.append(record(event))

    def pick(self, data: st.DataObject, numbers: list[int]) -> int:
        return data.draw(st.sampled_from(numbers))

    def legal(self, result: tuple[int, list[OrderEvent]]) -> None:
        assert result[0] == APPLIED
        self.note(*result[1])

    @rule(side=st.sampled_from("BS"), quantity=st.integers(1, 50))
    def new(self, side: str, quantity: int) -> None:
        self.number += 1
        self.note(self.feed.new(self.number, quantity, side))
        self.model.orders[self.number] = ModelOrder(side, quantity)

    @precondition(lambda self: self.model.live())
    @rule(data=st.data(), extra=st.integers(1, 80))
    def replace(self, data: st.DataObject, extra: int) -> None:
        old = self.pick(data, self.model.live())
        order = self.model.orders[old]
        event = self.feed.replace(old, self.number + 1, order.filled + extra)
        if event is not None:
            self.number += 1
            self.note(event)
            self.model.orders[self.number] = ModelOrder(order.side, order.filled + extra, original=old)

    @precondition(lambda self: self.model.open())
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        event = self.feed.table.cancel_order(self.pick(data, self.model.open()))
        if event is not None:
            self.note(event)

    @rule()
    def mass_cancel(self) -> None:
        self.number += 1
        self.note(self.feed.table.mass_cancel(self.number))

    @precondition(lambda self: any(not self.model.orders[n].original for n in self.model.waiting()))
    @rule(data=st.data(), dead=st.sampled_from([False, False, False, True]))
    def venue_accepts(self, data: st.DataObject, dead: bool) -> None:
        number = self.pick(data, [n for n in self.model.waiting() if not self.model.orders[n].original])
        order = self.model.orders[number]
        order.accepted, order.leaves = True, order.quantity
        state = "D" if dead else "L"
        self.legal(self.feed.venue("A", number, quantity=order.quantity, side=order.side, order_state=state))
        if dead:
            self.model.end(number, "CANCELED")

    @precondition(lambda self: any(self.replaceable()))
    @rule(data=st.data())
    def venue_replaces(self, data: st.DataObject) -> None:
        number = self.pick(data, self.replaceable())
        order = self.model.orders[number]
        old = self.model.orders[order.original]
        order.accepted, order.filled, order.leaves = True, old.filled, order.quantity - old.filled
        self.model.end(order.original, "REPLACED")
        fields = {"orig_user_ref_num": order.original, "quantity": order.leaves, "side": order.side}
        self.legal(self.feed.venue("U", number, **fields))

    def replaceable(self) -> list[int]:
        """Replaces that the venue would carry out: the original lives and something would be left."""
        orders = self.model.orders
        return [
            number
            for number in self.model.waiting()
            if (original := orders[number].original) and orders[number].quantity > orders[original].filled
        ]

    @precondition(lambda self: self.model.waiting())
    @rule(data=st.data())
    def venue_rejects(self, data: st.DataObject) -> None:
        number = self.pick(data, self.model.waiting())
        self.model.end(number, "REJECTED")
        self.legal(self.feed.venue("J", number, reason=1))

    @precondition(lambda self: self.model.live())
    @rule(data=st.data())
    def venue_fills(self, data: st.DataObject) -> None:
        number = self.pick(data, self.model.live())
        order = self.model.orders[number]
        quantity = data.draw(st.integers(1, order.leaves))
        order.leaves -= quantity
        order.filled += quantity
        self.model.position += quantity if order.side == "B" else -quantity
        if order.leaves == 0:
            self.model.end(number, "FILLED")
        self.legal(self.feed.fill(number, quantity))
        self.fills.append((self.feed.match, number, quantity))

    @precondition(lambda self: self.fills)
    @rule(data=st.data())
    def venue_breaks_a_trade(self, data: st.DataObject) -> None:
        match, number, quantity = self.fills.pop(data.draw(st.integers(0, len(self.fills) - 1)))
        order = self.model.orders[number]
        self.model.position -= quantity if order.side == "B" else -quantity
        order.filled -= quantity
        later = number
        while heirs := [n for n, o in self.model.orders.items() if o.original == later and o.accepted]:
            later = heirs[0]
            self.model.orders[later].filled -= quantity
        self.legal(self.feed.venue("B", number, match_number=match, reason=ord("E")))

    @precondition(lambda self: self.model.live())
    @rule(data=st.data(), whole=st.booleans())
    def venue_cancels(self, data: st.DataObject, whole: bool) -> None:
        number = self.pick(data, self.model.live())
        order = self.model.orders[number]
        # taking off a part from a chain with a replace on its way would change that replace's outcome: not modelled
        whole = whole or any(o.original == number and not o.accepted and not o.over for o in self.model.orders.values())
        quantity = order.leaves if whole else data.draw(st.integers(1, order.leaves))
        order.leaves -= quantity
        if order.leaves == 0:
            self.model.end(number, "CANCELED")
        self.legal(self.feed.venue("C", number, quantity=quantity, reason=ord("U")))

    @rule()
    def venue_repeats(self) -> None:
        if self.feed.sequence:
            again = self.feed.table.apply_message("E", sequence=self.feed.sequence, user_ref_num=1, quantity=1)
            assert again == (DUPLICATE, [])

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "model"):
            return
        self.check(self.feed.table)

    def check(self, table: OrderTable) -> None:
        assert table.illegal == 0
        assert table.position == self.model.position
        assert table.bought - table.sold == self.model.position
        assert [o["user_ref_num"] for o in table.open_orders()] == sorted(self.model.open())
        for number, model in self.model.orders.items():
            order = table.order(number)
            assert order is not None
            assert order["accepted"] == model.accepted
            if model.over:
                assert order["state"] == model.over
            if model.accepted:
                assert (order["filled"], order["leaves"]) == (model.filled, model.leaves), number
        assert (table.open_buy, table.open_sell) == (self.model.exposure("B"), self.model.exposure("S"))

    def teardown(self) -> None:
        if not hasattr(self, "model"):
            return
        restored = OrderTable(512, SYMBOL)
        for record in self.records:
            restored.restore_event(record)
        self.check(restored)
        assert self.feed.table.compare(restored)[1] == 0


TestAgainstModel = AgainstModel.TestCase
TestAgainstModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
