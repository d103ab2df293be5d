"""The Cython and the Python market maker write identical intents for the same recorded event stream."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from strategy_support import CYTHON, EPOCH, INSTRUMENT, MS, PYTHON, ROUTER_EPOCH, FakeRouter, book

from hotpath.ipc.layouts import BookEventKind, Intent, IntentKind, RefusalReason, decode_intent
from hotpath.strategy.loading import make_strategy


class Lockstep:
    """Both strategies get each event; the router hears the first one, after the second was found to say the same."""

    def __init__(self, **parameters: object) -> None:
        self.both = [make_strategy(name, parameters, INSTRUMENT, EPOCH)[0] for name in (CYTHON, PYTHON)]
        self.router = FakeRouter()
        self.now = MS
        self.waiting: list[Intent] = []
        self.count = 0
        for strategy in self.both:
            strategy.open_entry(ROUTER_EPOCH, self.now)

    def compare(self) -> None:
        first, second = ([decode_intent(i) for i in strategy.take_intents()] for strategy in self.both)
        assert first == second
        self.waiting += first
        self.count += len(first)

    def book(self, event: bytes) -> None:
        for strategy in self.both:
            strategy.feed_book(event, self.now)
        self.compare()

    def orders(self, events: list[bytes]) -> None:
        for event in events:
            for strategy in self.both:
                strategy.feed_order(event, self.now)
            self.compare()

    def timer(self) -> None:
        for strategy in self.both:
            strategy.feed_timer(self.now)
        self.compare()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    spread_ticks=st.integers(1, 12),
    spread_bps=st.sampled_from([0.0, 2.5, 13.37]),
    skew_ticks=st.integers(0, 20),
    refresh_ticks=st.integers(1, 3),
    requote_ms=st.sampled_from([0, 3]),
    position_limit=st.integers(50, 700),
)
def test_identical_intents(
    seed: int,
    spread_ticks: int,
    spread_bps: float,
    skew_ticks: int,
    refresh_ticks: int,
    requote_ms: int,
    position_limit: int,
) -> None:
    rng = random.Random(seed)
    pair = Lockstep(
        spread_ticks=spread_ticks,
        spread_bps=spread_bps,
        skew_ticks=skew_ticks,
        refresh_ticks=refresh_ticks,
        requote_ms=requote_ms,
        position_limit=position_limit,
        cool_down_ms=10,
    )
    mid = 1_000_000
    unanswered: list[Intent] = []
    for _ in range(150):
        pair.now += rng.randrange(3 * MS)
        mid += rng.randrange(-5, 6) * 100
        choice = rng.random()
        if choice < 0.55:
            width = rng.choice([-1, 0, 1, 1, 2, 4, 8]) * 100
            kind = BookEventKind.BOOK_TRADE if rng.random() < 0.2 else BookEventKind.BOOK_UPDATE
            bid = 0 if rng.random() < 0.03 else mid - width
            ask = 0 if rng.random() < 0.03 else mid + width
            state = "H" if rng.random() < 0.03 else "T"
            own = [order.price for order in pair.router.open()]
            if own and rng.random() < 0.3:  # the top shows nothing but us
                bid = min(own)
            pair.book(book(bid, ask, kind=kind, state=state, orders=rng.choice([1, 1, 3])))
        elif choice < 0.6:
            pair.book(book(0, 0, kind=BookEventKind.BOOK_STALE))
        elif choice < 0.7:
            pair.timer()
        live = pair.router.open()
        if live and rng.random() < 0.25:
            pair.orders(pair.router.fill(rng.choice(live).order_id, rng.randint(1, 120)))
        if live and rng.random() < 0.05:
            pair.orders(pair.router.cancelled(rng.choice(live).order_id, rng.choice("UGS")))
        while pair.waiting and rng.random() < 0.8:
            intent = pair.waiting.pop(0)
            target = pair.router.orders.get(intent.order_id)
            if rng.random() < 0.1 and intent.kind != IntentKind.INTENT_MASS_CANCEL:
                pair.orders([pair.router.refused(intent, RefusalReason.REFUSED_MESSAGE_RATE)])
                continue
            if intent.kind != IntentKind.INTENT_NEW and (target is None or target not in pair.router.open()):
                pair.orders([pair.router.refused(intent, RefusalReason.REFUSED_UNKNOWN_ORDER)])
                continue
            pair.orders(pair.router.sent(intent))
            unanswered.append(intent)
        while unanswered and rng.random() < 0.8:
            intent = unanswered.pop(0)
            order_id = intent.new_order_id or intent.order_id
            if pair.router.orders[order_id] in pair.router.open():
                pair.orders(pair.router.acknowledged(intent))
        buys = [order.price for order in pair.router.open() if order.side == "B"]
        sells = [order.price for order in pair.router.open() if order.side == "S"]
        assert not buys or not sells or max(buys) < min(sells), "crossed itself"
        assert abs(pair.router.position) <= position_limit
    views = [strategy.view() for strategy in pair.both]
    assert views[0] == views[1]
    assert pair.count > 10
