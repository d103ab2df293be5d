"""Order events to orders, fills and positions, without a database."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trading_day import HOST, ROLE, SESSION, SYMBOL, TradingDay

from controlplane.oms.projection import Order, WorkingSet
from controlplane.oms.sequencing import LATE, REWIND, STALE_EPOCH, Cursor, advance
from wire.messages import OrderEventKind, OrderEventMessage, OrderState


def project(day: TradingDay) -> WorkingSet:
    work = WorkingSet()
    work.history[HOST, SYMBOL] = []
    for event in day.events:
        work.apply(event)
    return work


def the_order(work: WorkingSet, number: int) -> Order:
    return work.orders[HOST, SESSION, number]


def test_a_partial_fill_and_a_cancel() -> None:
    day = TradingDay()
    order = day.enter(side="B", quantity=300, price=5_850_000)
    day.fill(order, 100)
    day.cancel(order)
    found = the_order(project(day), order.number)
    assert (found.state, found.executed, found.canceled, found.leaves) == ("CANCELED", 100, 200, 0)
    assert (found.executed_notional, found.reason, found.accepted) == (585_000_000, "U", True)


def test_a_replaced_order_ends_and_names_its_follower() -> None:
    day = TradingDay()
    order = day.enter(side="S", quantity=200)
    day.fill(order, 50)
    new = day.replace(order)
    day.fill(new, 100)
    work = project(day)
    old, follower = the_order(work, order.number), the_order(work, new.number)
    assert (old.state, old.leaves, old.replaced_by, old.executed) == ("REPLACED", 0, new.number, 50)
    assert (follower.state, follower.filled, follower.executed) == ("LIVE", 150, 100)
    assert follower.orig_user_ref_num == order.number


def test_a_replace_that_lapses_never_was_at_the_venue() -> None:
    day = TradingDay()
    order = day.enter(side="B", quantity=200)
    new = day.replace(order, lapse=True)
    work = project(day)
    assert (the_order(work, new.number).state, the_order(work, new.number).reason) == ("REJECTED", "LAPSED")
    assert the_order(work, order.number).state == "FILLED"


def test_refusals_become_rows_of_their_own_once() -> None:
    day = TradingDay()
    day.refuse()
    work = project(day)
    assert [order.reason for order in work.refused.values()] == ["MAX_ORDER_SIZE"]
    again = WorkingSet(known_ids={(HOST, 1, 1)})
    again.apply(day.events[-1])
    assert not again.refused


def test_a_refused_cancel_changes_no_order() -> None:
    day = TradingDay()
    order = day.enter(side="B", quantity=100)
    day.emit(OrderEventKind.REFUSED, order, state=OrderState.LIVE, reason="UNKNOWN_ORDER", reason_code=12, leaves=0)
    work = project(day)
    assert the_order(work, order.number).leaves == 100
    assert not work.refused


def test_a_refused_intent_under_the_id_of_a_live_order_changes_nothing() -> None:
    day = TradingDay()
    order = day.enter(side="B", quantity=100)
    day.emit(
        OrderEventKind.REFUSED, state=OrderState.REFUSED, order_id=order.order_id, reason="DUPLICATE_ID", reason_code=9
    )
    work = project(day)
    assert the_order(work, order.number).state == "LIVE"
    assert not work.refused


def test_what_the_venue_said_once_is_applied_once() -> None:
    day = TradingDay()
    order = day.enter(side="B", quantity=300)
    day.fill(order, 100)
    day.cancel(order, 50)
    fill, cancel = day.events[-2:]
    work = project(day)
    for event in (fill, cancel):
        work.apply(msgspec.structs.replace(event, sequence=event.sequence + 10, epoch=2))
    found = the_order(work, order.number)
    assert (found.executed, found.canceled, work.repeated) == (100, 50, 2)
    assert len(work.new_fills) == 1
    assert work.positions[HOST, SYMBOL].cost.quantity == 100


def test_a_broken_trade_is_taken_back_everywhere() -> None:
    day = TradingDay()
    first = day.enter(side="B", quantity=200, price=5_850_000)
    day.fill(first, 100)
    broken = day.events[-1].match_number
    replaced = day.replace(first)
    other = day.enter(side="S", quantity=100, price=5_860_000)
    day.fill(other, 100)
    day.break_trade(first, broken)
    work = project(day)
    position = work.positions[HOST, SYMBOL]
    assert (position.cost.quantity, position.cost.realised, position.fills) == (-100, 0, 1)
    assert the_order(work, first.number).executed == 0
    assert the_order(work, replaced.number).filled == 0
    assert [(fill.broken, fill.realised) for fill in work.new_fills] == [(True, 0), (False, 0)]
    assert not work.position_mismatches
    work.apply(msgspec.structs.replace(day.events[-1], sequence=99, venue_sequence=99))
    assert work.problems[0][1].startswith("breaks trade")


def test_an_order_of_an_earlier_session_is_found_by_its_id() -> None:
    day = TradingDay()
    order = day.enter(side="B", quantity=100)
    day.emit(
        OrderEventKind.CANCELED, order, session="IRON000002", reason="S", reason_code=83, last_quantity=100, leaves=0,
        state=OrderState.CANCELED,
    )  # fmt: skip
    work = project(day)
    assert set(work.orders) == {(HOST, SESSION, order.number)}
    assert (the_order(work, order.number).state, the_order(work, order.number).canceled) == ("CANCELED", 100)


def test_a_request_number_of_a_mass_cancel_is_no_order() -> None:
    day = TradingDay()
    day.emit(OrderEventKind.MASS_CANCEL_SENT, user_ref_num=77)
    assert not project(day).orders


def test_a_position_that_differs_from_the_routers_is_counted() -> None:
    day = TradingDay()
    order = day.enter(side="B", quantity=100)
    day.position = 500
    day.fill(order, 100)
    assert project(day).position_mismatches == {(HOST, ROLE): 1}


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_a_random_day_agrees_with_its_ledger(seed: int) -> None:
    day = TradingDay(seed=seed)
    day.start()
    day.trade(80)
    work = project(day)
    assert not work.problems
    assert not work.position_mismatches
    for row in day.ledger_orders:
        order = the_order(work, row["user_ref_num"])
        assert (order.executed, order.filled, order.leaves) == (row["filled"], row["chain_filled"], row["leaves"])
        assert order.canceled == row["cancelled"]


def event(sequence: int, epoch: int = 1) -> OrderEventMessage:
    return OrderEventMessage(
        host=HOST, role=ROLE, environment="test", epoch=epoch, sequence=sequence, wall_ns=sequence,
        kind=OrderEventKind.NEW_SENT,
    )  # fmt: skip


@given(st.permutations(list(range(1, 25))), st.integers(1, 8))
@settings(deadline=None)
def test_in_whatever_order_events_come_they_are_applied_in_theirs(order: list[int], size: int) -> None:
    cursor = Cursor(HOST, ROLE)
    stored: list[OrderEventMessage] = []
    applied: list[int] = []
    for start in range(0, len(order), size):
        new = [event(number) for number in order[start : start + size]]
        stored += new
        applied += [each.sequence for each in advance(cursor, new).apply]
        held = [each for each in stored if each.sequence > cursor.applied]
        assert cursor.gap == bool(held)
        applied += [each.sequence for each in advance(cursor, held).apply]
    assert applied == list(range(1, 25))
    assert not cursor.gap


def test_a_gap_holds_back_what_follows() -> None:
    cursor = Cursor(HOST, ROLE)
    step = advance(cursor, [event(1), event(3), event(4)])
    assert [each.sequence for each in step.apply] == [1]
    assert (cursor.applied, cursor.highest, cursor.gap) == (1, 4, True)


@pytest.mark.parametrize(
    ("after", "new", "kind"),
    [
        (event(5, 2), event(6, 1), STALE_EPOCH),
        (event(5, 2), event(4, 2), LATE),
        (event(5, 2), event(4, 3), REWIND),
    ],
)
def test_contradictions_are_reported(after: OrderEventMessage, new: OrderEventMessage, kind: str) -> None:
    cursor = Cursor(HOST, ROLE, after.epoch, after.sequence, after.sequence)
    step = advance(cursor, [new])
    assert [incident[0] for incident in step.incidents] == [kind]
    assert step.apply == ([new] if kind == REWIND else [])
    assert cursor.applied == (new.sequence if kind == REWIND else after.sequence)
