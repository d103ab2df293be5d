"""Behaviour of the market maker, the same tests for its Cython and its Python form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from strategy_support import CYTHON, PYTHON, TICK, Bench

from hotpath.ipc.layouts import BookEventKind, IntentFlag, IntentKind, OrderState, RefusalReason

NEW, REPLACE, CANCEL = IntentKind.INTENT_NEW, IntentKind.INTENT_REPLACE, IntentKind.INTENT_CANCEL
BID, ASK = 999_000, 1_001_000  # 20 ticks apart, mid 1,000,000
Make = Callable[..., Bench]


@pytest.fixture(params=[CYTHON, PYTHON], ids=["cython", "python"])
def make(request: pytest.FixtureRequest) -> Make:
    def bench(**parameters: Any) -> Bench:
        defaults = {"quote_size": 100, "position_limit": 300, "spread_ticks": 4, "skew_ticks": 6, "requote_ms": 0}
        return Bench(request.param, **{**defaults, **parameters})

    return bench


@pytest.fixture
def quoting(make: Make) -> Bench:
    bench = make()
    bench.book(BID, ASK)
    assert bench.working() == {"B": (999_800, 100), "S": (1_000_200, 100)}
    bench.intents.clear()
    return bench


def test_quotes_both_sides_around_the_mid_post_only(make: Make) -> None:
    bench = make()
    intents = bench.book(BID, ASK, received_ns=555)
    assert [(i.kind, i.side, i.price, i.quantity) for i in intents] == [
        (NEW, "B", 999_800, 100),
        (NEW, "S", 1_000_200, 100),
    ]
    for intent in intents:
        assert intent.flags == IntentFlag.INTENT_POST_ONLY
        assert (intent.locate, intent.strategy_epoch, intent.router_epoch) == (1, 7, 3)
        assert (intent.tick_received_ns, intent.created_ns, intent.time_in_force) == (555, bench.now, "0")
    assert [i.order_id for i in intents] == [1, 2]


def test_a_spread_in_basis_points_wins_when_it_is_wider(make: Make) -> None:
    bench = make(spread_bps=12.5)  # of 100 dollars: 12.5 cents, so 6.25 cents a side
    bench.book(BID, ASK)
    assert bench.working() == {"B": (999_300, 100), "S": (1_000_700, 100)}


def test_prices_are_rounded_away_from_the_mid_to_whole_ticks(make: Make) -> None:
    bench = make(spread_ticks=3)
    bench.book(BID, ASK + TICK)  # mid 1,000,050
    assert bench.working() == {"B": (999_900, 100), "S": (1_000_200, 100)}


def test_one_order_a_side_while_answers_are_outstanding(make: Make) -> None:
    bench = make()
    bench.answers = False
    assert len(bench.book(BID, ASK)) == 2
    assert bench.book(BID + 500, ASK + 500) == []


def test_replaces_only_from_the_refresh_threshold_on(make: Make) -> None:
    bench = make(refresh_ticks=3)
    bench.book(BID, ASK)
    assert bench.book(BID + 2 * TICK, ASK + 2 * TICK) == []
    intents = bench.book(BID + 3 * TICK, ASK + 3 * TICK)
    assert [(i.kind, i.order_id, i.price, i.quantity) for i in intents] == [
        (REPLACE, 1, 1_000_100, 100),
        (REPLACE, 2, 1_000_500, 100),
    ]
    assert bench.working() == {"B": (1_000_100, 100), "S": (1_000_500, 100)}


def test_never_crosses_its_own_orders(make: Make) -> None:
    bench = make()
    bench.book(BID, ASK)
    bench.answers = False
    (bid, ask) = bench.book(BID + 2_000, ASK + 2_000)
    assert (bid.kind, bid.price) == (REPLACE, 1_000_200 - TICK)  # the old ask is still there
    assert (ask.kind, ask.price) == (REPLACE, 1_002_200)


def test_inventory_shifts_both_quotes(quoting: Bench) -> None:
    quoting.deliver(quoting.router.fill(1, 100))
    quoting.settle()
    # long 100 of 300: a third of 6 ticks lower
    assert quoting.strategy.position == 100
    assert quoting.working() == {"B": (999_600, 100), "S": (1_000_000, 100)}


def test_a_short_position_shifts_upwards(quoting: Bench) -> None:
    quoting.deliver(quoting.router.fill(2, 100))
    quoting.settle()
    assert quoting.strategy.position == -100
    assert quoting.working() == {"B": (1_000_000, 100), "S": (1_000_400, 100)}


def test_the_position_limit_shrinks_and_then_stops_a_side(make: Make) -> None:
    bench = make(position_limit=250, skew_ticks=0)
    bench.book(BID, ASK)
    for expected in (100, 50, None):
        bid = next(o for o in bench.router.open() if o.side == "B")
        bench.deliver(bench.router.fill(bid.order_id, 100))
        bench.settle()
        assert bench.working().get("B", (0, None))[1] == expected
    assert bench.strategy.position == 250
    assert bench.working() == {"S": (1_000_200, 100)}


def test_a_partial_fill_keeps_its_place_until_the_price_moves(quoting: Bench) -> None:
    quoting.strategy.feed_timer(quoting.now)
    quoting.deliver(quoting.router.fill(1, 2))  # a third of a tick of skew: rounds the bid a tick down
    (intent,) = quoting.settle()
    assert (intent.kind, intent.order_id, intent.price, intent.quantity) == (REPLACE, 1, 999_700, 102)
    assert quoting.working()["B"] == (999_700, 100)


@pytest.mark.parametrize(
    "event",
    [
        {"bid": 0, "ask": 0, "kind": BookEventKind.BOOK_STALE},
        {"bid": 0, "ask": 0, "kind": BookEventKind.BOOK_RESET},
        {"bid": BID, "ask": ASK, "kind": BookEventKind.BOOK_TRADING_STATE, "state": "H"},
        {"bid": BID, "ask": ASK, "kind": BookEventKind.BOOK_TRADING_STATE, "state": "P"},
        {"bid": BID, "ask": ASK, "kind": BookEventKind.BOOK_TRADING_STATE, "state": "E"},
        {"bid": 0, "ask": ASK},
        {"bid": BID, "ask": 0},
        {"bid": ASK, "ask": ASK},
        {"bid": ASK, "ask": BID},
    ],
    ids=["stale", "reset", "halted", "paused", "over", "no bid", "no ask", "locked", "crossed"],
)
def test_cancels_and_stays_out_while_the_book_is_no_good(quoting: Bench, event: dict[str, Any]) -> None:
    intents = quoting.book(**event)
    assert [(i.kind, i.order_id) for i in intents] == [(CANCEL, 1), (CANCEL, 2)]
    assert quoting.working() == {}
    assert quoting.wait(1000) == []
    quoting.book(BID, ASK, kind=BookEventKind.BOOK_RECOVERED)
    assert quoting.working() == {"B": (999_800, 100), "S": (1_000_200, 100)}


def test_does_not_chase_its_own_quotes(make: Make) -> None:
    bench = make()
    bench.book(BID, ASK)
    bench.deliver(bench.router.fill(1, 100))
    bench.settle()
    quotes = bench.working()
    for _ in range(20):  # the feed now shows nothing but our own two orders at the top
        bench.now += 100 * 1_000_000
        bench.book(quotes["B"][0], quotes["S"][0], orders=1)
    assert bench.working() == quotes


def test_an_own_quote_alone_on_a_side_is_not_a_market(make: Make) -> None:
    bench = make()
    bench.book(BID, ASK)
    bench.now += 1_000_000_000
    bench.book(999_800, ASK, bid_orders=1)
    assert bench.working()["B"] == (999_800, 100)
    bench.book(0, ASK)
    assert bench.working() == {}
    bench.now += 1_000_000_000
    assert bench.book(999_800, ASK, bid_orders=0) == []


def test_a_refusal_pauses_its_side_only(make: Make) -> None:
    bench = make(cool_down_ms=500)
    bench.answers = False
    bid, ask = bench.book(BID, ASK)
    bench.strategy.feed_order(bench.router.refused(bid, RefusalReason.REFUSED_PRICE_COLLAR), bench.now)
    bench.deliver(bench.router.sent(ask) + bench.router.acknowledged(ask))
    assert bench.settle() == []
    assert bench.wait(499) == []
    (again,) = bench.wait(1)
    assert (again.kind, again.side) == (NEW, "B")
    assert again.order_id > ask.order_id


def test_a_refused_replace_leaves_the_order_and_pauses(quoting: Bench) -> None:
    quoting.answers = False
    bid, ask = quoting.book(BID - 1_000, ASK - 1_000)
    for intent in (bid, ask):
        quoting.strategy.feed_order(quoting.router.refused(intent, RefusalReason.REFUSED_MESSAGE_RATE), quoting.now)
    assert quoting.settle() == []
    assert quoting.strategy.open_order_ids() == [1, 2]
    assert [(i.kind, i.order_id) for i in quoting.wait(500)] == [(REPLACE, 1), (REPLACE, 2)]


def test_a_cancel_by_the_venue_pauses_its_side(quoting: Bench) -> None:
    quoting.deliver(quoting.router.cancelled(1, reason="G"))
    assert quoting.settle() == []
    assert [i.side for i in quoting.wait(500)] == ["B"]


def test_a_refused_cancel_is_retried_at_its_own_pace(quoting: Bench) -> None:
    quoting.answers = False
    cancels = quoting.book(0, 0, kind=BookEventKind.BOOK_STALE)
    assert len(cancels) == 2
    for intent in cancels:
        quoting.strategy.feed_order(quoting.router.refused(intent, RefusalReason.REFUSED_SESSION_DOWN), quoting.now)
    assert quoting.settle() == []
    assert [i.kind for i in quoting.wait(500)] == [CANCEL, CANCEL]


def test_keeps_its_pace(make: Make) -> None:
    bench = make(requote_ms=20)
    bench.book(BID, ASK)
    assert bench.book(BID + 1_000, ASK + 1_000) == []
    bench.now += 20 * 1_000_000
    assert [i.kind for i in bench.book(BID + 1_000, ASK + 1_000)] == [REPLACE, REPLACE]


def test_a_fill_that_beats_a_replace_ends_both(quoting: Bench) -> None:
    quoting.answers = False
    bid, ask = quoting.book(BID - 1_000, ASK - 1_000)
    quoting.deliver(quoting.router.sent(bid) + quoting.router.sent(ask))
    quoting.deliver(quoting.router.fill(1, 100))
    quoting.answers = True
    quoting.deliver(quoting.router.replaced(ask.new_order_id))
    quoting.settle()
    assert quoting.strategy.position == 100
    # no pause: the replace only shared its original's fate
    assert quoting.working() == {"B": (998_600, 100), "S": (999_000, 100)}
    assert quoting.router.orders[bid.new_order_id].state == OrderState.ORDER_REJECTED


def test_no_router_no_orders(make: Make) -> None:
    bench = make()
    bench.strategy.close_entry()
    assert bench.book(BID, ASK) == []
    bench.strategy.open_entry(9, bench.now)
    intents = bench.settle()
    assert [i.kind for i in intents] == [NEW, NEW]
    assert {i.router_epoch for i in intents} == {9}


def test_an_unknown_order_blocks_its_side(quoting: Bench) -> None:
    order = quoting.router.orders[1]
    order.state = OrderState.ORDER_UNKNOWN
    quoting.deliver([quoting.router.event(16, order)])
    assert [i.order_id for i in quoting.book(BID - 1_000, ASK - 1_000)] == [2]
