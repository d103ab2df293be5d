"""The matching engine against the naive model, event by event, and its rules by hand-written example."""

from __future__ import annotations

import random
from typing import Any

import pytest
from book_reference import ReferenceEngine
from hypothesis import given, settings
from hypothesis import strategies as st

from hotpath.book.matching_engine import EngineEventKind as Kind
from hotpath.book.matching_engine import EngineReject as Reject
from hotpath.book.matching_engine import EngineStatus as Status
from hotpath.book.matching_engine import Event, MatchingEngine
from hotpath.book.matching_engine import SelfMatchPrevention as Smp

Operation = tuple[Any, ...]


def run(engine: MatchingEngine, status: Status) -> list[Event]:
    """Drain and resume until the operation is done."""
    events = engine.drain_events()
    while status == Status.ENGINE_MORE:
        status = engine.resume_operation()
        events += engine.drain_events()
    assert status == Status.ENGINE_DONE
    return events


def apply_to_engine(engine: MatchingEngine, operation: Operation) -> list[Event]:
    kind, *arguments = operation
    if kind == "submit":
        reference, owner, side, price, quantity, tif, post_only, token = arguments
        status = engine.submit_order(
            reference, side, price, quantity, owner=owner, time_in_force=tif, post_only=post_only, token=token
        )
    elif kind == "replace":
        reference, new_ref, price, quantity, tif, post_only, token = arguments
        status = engine.replace_order(
            reference, new_ref, price, quantity, time_in_force=tif, post_only=post_only, token=token
        )
    elif kind == "cancel":
        status = engine.cancel_order(*arguments)
    elif kind == "reduce":
        status = engine.reduce_order(*arguments)
    else:
        status = engine.mass_cancel_orders(*arguments)
    return run(engine, status)


def apply_to_model(model: ReferenceEngine, operation: Operation) -> list[Event]:
    kind, *arguments = operation
    model.events = []
    getattr(model, kind)(*arguments)
    return model.events


def assert_same_book(engine: MatchingEngine, model: ReferenceEngine) -> None:
    engine.check_invariants()
    assert engine.orders() == model.orders()
    for side in "BS":
        assert engine.top_levels(side, 1000) == model.levels(side)
    for owner in range(1, 4):
        assert engine.open_orders_of(owner) == sum(order.owner == owner for order in model.resting)


REFERENCES = st.integers(1, 14)
OWNERS = st.sampled_from([0, 0, 1, 1, 2, 3])
PRICES = st.one_of(st.integers(8, 14), st.sampled_from([80, 100, 1000, 2_000_000_000]))
SHARES = st.sampled_from([1, 2, 3, 5, 8, 20, 100])
TIF = st.sampled_from("0003")
POST_ONLY = st.sampled_from([False, False, False, True])
TOKENS = st.integers(0, 2**32 - 1)
VALID_SUBMIT = st.tuples(
    st.just("submit"), REFERENCES, OWNERS, st.sampled_from("BS"), PRICES, SHARES, TIF, POST_ONLY, TOKENS
)
OPERATIONS = st.one_of(
    VALID_SUBMIT,
    VALID_SUBMIT,
    st.tuples(
        st.just("submit"),
        REFERENCES,
        st.sampled_from([0, 4, 9]),
        st.sampled_from("BSX"),
        st.sampled_from([-1, 0, 10, 2_000_000_001]),
        st.sampled_from([0, 10, 2**31]),
        st.sampled_from("0356"),
        POST_ONLY,
        TOKENS,
    ),
    st.tuples(st.just("cancel"), REFERENCES, st.sampled_from([0, 0, 1, 2, 4, 9, 50]), st.sampled_from("UST")),
    st.tuples(st.just("reduce"), REFERENCES, st.sampled_from([0, 1, 2, 9]), st.sampled_from("UST")),
    st.tuples(st.just("replace"), REFERENCES, REFERENCES, PRICES, SHARES, TIF, POST_ONLY, TOKENS),
    st.tuples(
        st.just("replace"),
        REFERENCES,
        REFERENCES,
        st.sampled_from([0, 10, 2_000_000_001]),
        st.sampled_from([0, 1, 2**31]),
        st.sampled_from("05"),
        POST_ONLY,
        TOKENS,
    ),
    st.tuples(st.just("mass_cancel"), st.integers(0, 5), st.sampled_from(["", "B", "S"]), st.sampled_from("US")),
)


@settings(max_examples=350, deadline=None)
@given(
    operations=st.lists(OPERATIONS, max_size=40),
    modes=st.tuples(*[st.sampled_from(list(Smp))] * 3),
    capacity=st.sampled_from([3, 6, 100]),
    levels=st.sampled_from([2, 4, 100]),
    event_capacity=st.sampled_from([8, 9, 64]),
    tick=st.sampled_from([1, 10, 100]),
)
def test_every_event_and_the_book_equal_the_model(
    operations: list[Operation], modes: tuple[Smp, ...], capacity: int, levels: int, event_capacity: int, tick: int
) -> None:
    levels = min(levels, capacity)
    engine = MatchingEngine(capacity, levels, event_capacity=event_capacity, max_owners=5, tick=tick)
    model = ReferenceEngine(capacity, levels, max_owners=5)
    for owner, mode in enumerate(modes, start=1):
        engine.set_owner_self_match_prevention(owner, mode)
        model.smp[owner] = mode
    for operation in operations:
        assert apply_to_engine(engine, operation) == apply_to_model(model, operation)
        assert_same_book(engine, model)


def random_operations(seed: int, count: int) -> list[Operation]:
    """A long, mostly valid stream over references that are never reused; the price level jumps tenfold now and then."""
    shuffler = random.Random(seed)
    operations: list[Operation] = []
    centre = 1000
    for reference in range(1, count + 1):
        if reference % 700 == 0:
            centre = centre * 10 if centre < 10_000_000 else 1000
        side = shuffler.choice("BS")
        price = centre + int(shuffler.gauss(-40 if side == "B" else 40, 35))
        recent = max(1, reference - shuffler.randint(1, 400))
        quantity = shuffler.randint(1, 300)
        tif, post_only = shuffler.choice("00003"), shuffler.random() < 0.1
        choice = shuffler.random()
        if choice < 0.55:
            operations.append(
                ("submit", reference, shuffler.randint(0, 3), side, price, quantity, tif, post_only, reference)
            )
        elif choice < 0.7:
            operations.append(("replace", recent, reference, price, quantity, tif, post_only, reference))
        elif choice < 0.9:
            operations.append(("cancel", recent, shuffler.choice([0, 0, quantity // 2]), "U"))
        elif choice < 0.998:
            operations.append(("reduce", recent, quantity // 3 + 1, "U"))
        else:
            operations.append(("mass_cancel", shuffler.randint(1, 3), shuffler.choice(["", "B", "S"]), "S"))
    return operations


def test_a_long_stream_equals_the_model_and_repeats_to_the_same_digest() -> None:
    engine, again, model = MatchingEngine(5000), MatchingEngine(5000, event_capacity=8, tick=1), ReferenceEngine()
    for owner, mode in enumerate((Smp.SMP_CANCEL_OLDEST, Smp.SMP_CANCEL_NEWEST, Smp.SMP_DECREMENT_BOTH), start=1):
        engine.set_owner_self_match_prevention(owner, mode)
        again.set_owner_self_match_prevention(owner, mode)
        model.smp[owner] = mode
    kinds: set[int] = set()
    most_resting = 0
    for step, operation in enumerate(random_operations(5, 4000)):
        events = apply_to_engine(engine, operation)
        kinds |= {event.kind for event in events}
        most_resting = max(most_resting, len(engine))
        assert events == apply_to_model(model, operation)
        assert events == apply_to_engine(again, operation)
        if step % 40 == 0:
            assert_same_book(engine, model)
    assert_same_book(engine, model)
    assert engine.digest() == again.digest()
    assert kinds == set(Kind)
    assert most_resting > 200
    digest = engine.digest()
    engine.reduce_order(engine.orders()[0].reference, 1)
    assert engine.digest() != digest


def test_a_fixed_stream_ends_in_the_same_digest_in_every_build_and_on_replay() -> None:
    """The constant is what ties release, debug and sanitizer builds together; invariants hold after each step."""
    digests = []
    for _ in range(2):
        engine = MatchingEngine(1500)
        for operation in random_operations(23, 3000):
            apply_to_engine(engine, operation)
            engine.check_invariants()
        assert len(engine) > 150
        digests.append(engine.digest())
    assert digests == [11306055430657677463] * 2


def test_prices_that_jump_tenfold_go_on_trading_and_leave_old_orders_where_they_are() -> None:
    engine = MatchingEngine(1000)
    reference = 0
    centre = 2000
    while centre <= 200_000_000:
        for distance in range(1, 6):
            for side, price in (("B", centre - distance * 100), ("S", centre + distance * 100)):
                reference += 1
                run(engine, engine.submit_order(reference, side, price, 10))
        # all asks below the next price are taken, so that it can be bid
        reference += 1
        events = run(engine, engine.submit_order(reference, "B", centre * 5, 1000, time_in_force="3"))
        assert sum(event.quantity for event in events if event.kind == Kind.ENGINE_EXECUTED) == 50
        engine.check_invariants()
        centre *= 10
    assert [row.price for row in engine.top_levels("B", 6)] == [199_999_900 - 100 * n for n in range(5)] + [19_999_900]
    assert len(engine.top_levels("B", 100)) == 5 * 6
    assert engine.top_levels("S", 1) == []


@pytest.fixture
def engine() -> MatchingEngine:
    return MatchingEngine(100)


def brief(events: list[Event]) -> list[Operation]:
    return [(Kind(e.kind).name[7:], e.order_ref, e.contra_ref, e.price, e.quantity, e.leaves) for e in events]


def test_better_price_first_then_earlier_order(engine: MatchingEngine) -> None:
    for reference, price in ((1, 102), (2, 101), (3, 101), (4, 103)):
        run(engine, engine.submit_order(reference, "S", price, 10))
    events = run(engine, engine.submit_order(9, "B", 102, 35))
    assert brief(events) == [
        ("ACCEPTED", 9, 0, 102, 35, 35),
        ("EXECUTED", 9, 2, 101, 10, 25),
        ("EXECUTED", 9, 3, 101, 10, 15),
        ("EXECUTED", 9, 1, 102, 10, 5),
        ("RESTED", 9, 0, 102, 5, 5),
    ]
    assert [event.match_number for event in events] == [0, 1, 2, 3, 0]


def test_a_partly_filled_maker_keeps_its_place(engine: MatchingEngine) -> None:
    run(engine, engine.submit_order(1, "B", 100, 10))
    run(engine, engine.submit_order(2, "B", 100, 10))
    run(engine, engine.submit_order(3, "S", 100, 4))
    events = run(engine, engine.submit_order(4, "S", 100, 8))
    assert [(event.contra_ref, event.quantity, event.contra_leaves) for event in events[1:]] == [(1, 6, 0), (2, 2, 8)]


def test_reducing_keeps_priority_and_replacing_loses_it(engine: MatchingEngine) -> None:
    for reference in (1, 2, 3):
        run(engine, engine.submit_order(reference, "B", 100, 10, token=reference))
    events = run(engine, engine.cancel_order(1, 6))
    assert brief(events) == [("CANCELED", 1, 0, 100, 4, 6)]
    assert (events[0].on_book, chr(events[0].reason)) == (True, "U")
    events = run(engine, engine.replace_order(2, 20, 100, 10, token=20))
    assert brief(events) == [("REPLACED", 20, 2, 100, 10, 10), ("RESTED", 20, 0, 100, 10, 10)]
    assert (events[0].contra_token, events[0].contra_leaves) == (2, 10)
    fills = run(engine, engine.submit_order(9, "S", 100, 30, time_in_force="3"))
    assert [(event.contra_ref, event.quantity) for event in fills[1:4]] == [(1, 6), (3, 10), (20, 10)]


def test_cancel_quantity_is_the_total_size_including_what_was_executed(engine: MatchingEngine) -> None:
    run(engine, engine.submit_order(1, "B", 100, 500))
    run(engine, engine.submit_order(2, "S", 100, 100))
    assert brief(run(engine, engine.cancel_order(1, 300))) == [("CANCELED", 1, 0, 100, 200, 200)]
    assert run(engine, engine.cancel_order(1, 300)) == []
    assert run(engine, engine.cancel_order(1, 900)) == []
    assert brief(run(engine, engine.cancel_order(1, 100))) == [("CANCELED", 1, 0, 100, 200, 0)]
    assert brief(run(engine, engine.cancel_order(1))) == [("REJECTED", 1, 0, 0, 0, 0)]


def test_replace_quantity_is_the_total_of_the_chain(engine: MatchingEngine) -> None:
    run(engine, engine.submit_order(1, "B", 100, 500, owner=1))
    run(engine, engine.submit_order(2, "S", 100, 100))
    assert brief(run(engine, engine.replace_order(1, 11, 99, 500)))[0] == ("REPLACED", 11, 1, 99, 400, 400)
    run(engine, engine.submit_order(3, "S", 99, 50))
    assert brief(run(engine, engine.replace_order(11, 12, 98, 400)))[0] == ("REPLACED", 12, 11, 98, 250, 250)
    assert [row.consumed for row in engine.orders()] == [150]
    events = run(engine, engine.replace_order(12, 13, 98, 150))
    assert brief(events) == [("CANCELED", 12, 0, 98, 250, 0)]
    assert len(engine) == engine.open_orders_of(1) == 0


def test_replace_that_cannot_be(engine: MatchingEngine) -> None:
    run(engine, engine.submit_order(1, "B", 100, 10))
    run(engine, engine.submit_order(2, "B", 100, 10))
    assert run(engine, engine.replace_order(7, 8, 100, 10))[0].reason == Reject.REJECT_UNKNOWN_ORDER
    assert run(engine, engine.replace_order(1, 2, 100, 10))[0].reason == Reject.REJECT_DUPLICATE_ORDER
    assert run(engine, engine.replace_order(1, 1, 100, 10))[0].reason == Reject.REJECT_DUPLICATE_ORDER
    assert len(engine) == 2
    assert [(event.kind, chr(event.reason)) for event in run(engine, engine.replace_order(1, 3, 0, 10))] == [
        (Kind.ENGINE_CANCELED, "Z")
    ]


def test_a_replaced_order_can_trade_at_once(engine: MatchingEngine) -> None:
    run(engine, engine.submit_order(1, "S", 105, 10))
    run(engine, engine.submit_order(2, "B", 100, 30))
    events = run(engine, engine.replace_order(2, 3, 105, 30))
    assert brief(events) == [
        ("REPLACED", 3, 2, 105, 30, 30),
        ("EXECUTED", 3, 1, 105, 10, 20),
        ("RESTED", 3, 0, 105, 20, 20),
    ]


def test_ioc_never_rests(engine: MatchingEngine) -> None:
    run(engine, engine.submit_order(1, "S", 100, 10))
    events = run(engine, engine.submit_order(2, "B", 100, 15, time_in_force="3"))
    assert brief(events)[1:] == [("EXECUTED", 2, 1, 100, 10, 5), ("CANCELED", 2, 0, 100, 5, 0)]
    assert (chr(events[2].reason), events[2].on_book) == ("I", False)
    assert len(engine) == 0


def test_post_only_rests_or_goes_but_never_takes(engine: MatchingEngine) -> None:
    run(engine, engine.submit_order(1, "S", 100, 10))
    events = run(engine, engine.submit_order(2, "B", 100, 5, post_only=True))
    assert brief(events) == [("ACCEPTED", 2, 0, 100, 5, 5), ("CANCELED", 2, 0, 100, 5, 0)]
    assert (chr(events[1].reason), events[1].on_book) == ("G", False)
    assert brief(run(engine, engine.submit_order(3, "B", 99, 5, post_only=True)))[1] == ("RESTED", 3, 0, 99, 5, 5)
    assert [event.kind for event in run(engine, engine.replace_order(3, 4, 100, 5, post_only=True))] == [
        Kind.ENGINE_REPLACED,
        Kind.ENGINE_CANCELED,
    ]


def self_match(mode: Smp) -> tuple[MatchingEngine, list[Event]]:
    """Owner 1 rests 10 between two anonymous orders of 10 and sends 25 against them."""
    engine = MatchingEngine(100)
    engine.set_owner_self_match_prevention(1, mode)
    for reference, owner in ((1, 0), (2, 1), (3, 0)):
        run(engine, engine.submit_order(reference, "S", 100, 10, owner=owner))
    return engine, run(engine, engine.submit_order(9, "B", 100, 25, owner=1))


def test_self_match_cancels_the_oldest_by_default() -> None:
    _, events = self_match(Smp.SMP_CANCEL_OLDEST)
    assert brief(events)[1:] == [
        ("EXECUTED", 9, 1, 100, 10, 15),
        ("CANCELED", 2, 9, 100, 10, 0),
        ("EXECUTED", 9, 3, 100, 10, 5),
        ("RESTED", 9, 0, 100, 5, 5),
    ]
    assert (chr(events[2].reason), events[2].on_book, events[2].prevented) == ("Q", True, 10)
    default = MatchingEngine(10)
    run(default, default.submit_order(1, "S", 100, 10, owner=1))
    assert [event.order_ref for event in run(default, default.submit_order(2, "B", 100, 5, owner=1))] == [2, 1, 2]


def test_self_match_cancels_the_newest() -> None:
    engine, events = self_match(Smp.SMP_CANCEL_NEWEST)
    assert brief(events)[1:] == [("EXECUTED", 9, 1, 100, 10, 15), ("CANCELED", 9, 2, 100, 15, 0)]
    assert (chr(events[2].reason), events[2].on_book, events[2].prevented) == ("Q", False, 10)
    assert [row.reference for row in engine.orders()] == [2, 3]


def test_self_match_decrements_both() -> None:
    engine, events = self_match(Smp.SMP_DECREMENT_BOTH)
    assert brief(events)[1:] == [
        ("EXECUTED", 9, 1, 100, 10, 15),
        ("CANCELED", 2, 9, 100, 10, 0),
        ("CANCELED", 9, 2, 100, 10, 5),
        ("EXECUTED", 9, 3, 100, 5, 0),
    ]
    assert [(row.reference, row.shares) for row in engine.orders()] == [(3, 5)]


def test_decremented_shares_count_as_used_up_in_a_replace_chain() -> None:
    engine = MatchingEngine(10)
    engine.set_owner_self_match_prevention(1, Smp.SMP_DECREMENT_BOTH)
    run(engine, engine.submit_order(1, "S", 100, 30, owner=1))
    run(engine, engine.submit_order(2, "B", 100, 10, owner=1))
    assert [(row.shares, row.owner, row.consumed) for row in engine.orders()] == [(20, 1, 10)]
    assert brief(run(engine, engine.replace_order(1, 3, 100, 30)))[0] == ("REPLACED", 3, 1, 100, 20, 20)


def test_anonymous_orders_trade_with_each_other_and_an_owner_may_switch_prevention_off() -> None:
    _, events = self_match(Smp.SMP_OFF)
    assert [event.contra_ref for event in events[1:]] == [1, 2, 3]
    engine = MatchingEngine(10)
    run(engine, engine.submit_order(1, "S", 100, 10))
    assert run(engine, engine.submit_order(2, "B", 100, 10))[1].kind == Kind.ENGINE_EXECUTED


def test_our_order_is_filled_ahead_of_a_later_historical_one(engine: MatchingEngine) -> None:
    run(engine, engine.submit_order(1, "B", 100, 10, owner=1, token=77))
    run(engine, engine.submit_order(2, "B", 100, 10))
    events = run(engine, engine.submit_order(3, "S", 100, 10, time_in_force="3"))
    fills = [event for event in events if event.kind == Kind.ENGINE_EXECUTED]
    assert [(fill.contra_ref, fill.contra_owner, fill.contra_token) for fill in fills] == [(1, 1, 77)]


def test_mass_cancel_takes_the_owners_orders_oldest_first(engine: MatchingEngine) -> None:
    for reference, owner, side in ((1, 1, "B"), (2, 2, "B"), (3, 1, "S"), (4, 0, "S"), (5, 1, "B")):
        price = 100 if side == "B" else 110
        run(engine, engine.submit_order(reference, side, price, 10, owner=owner))
    assert [event.order_ref for event in run(engine, engine.mass_cancel_orders(1, "B"))] == [1, 5]
    events = run(engine, engine.mass_cancel_orders(1, reason="S"))
    assert [(event.order_ref, chr(event.reason), event.leaves) for event in events] == [(3, "S", 0)]
    assert run(engine, engine.mass_cancel_orders(1)) == []
    assert [row.reference for row in engine.orders()] == [2, 4]
    assert run(engine, engine.mass_cancel_orders(0))[0].reason == Reject.REJECT_INVALID_OWNER


def test_a_full_pool_refuses_day_orders_and_leaves_ioc_alone() -> None:
    engine = MatchingEngine(2)
    run(engine, engine.submit_order(1, "S", 100, 10))
    run(engine, engine.submit_order(2, "S", 101, 10))
    (refused,) = run(engine, engine.submit_order(3, "B", 100, 10))
    assert refused.reason == Reject.REJECT_POOL_EXHAUSTED
    assert run(engine, engine.submit_order(4, "B", 100, 10, time_in_force="3"))[1].kind == Kind.ENGINE_EXECUTED
    assert run(engine, engine.submit_order(3, "B", 99, 10))[1].kind == Kind.ENGINE_RESTED
    engine.check_invariants()


def test_a_replace_with_no_level_left_loses_the_order_and_says_so() -> None:
    engine = MatchingEngine(4, max_levels=2)
    run(engine, engine.submit_order(1, "S", 100, 10))
    run(engine, engine.submit_order(2, "B", 90, 10))
    run(engine, engine.submit_order(3, "B", 90, 10))
    events = run(engine, engine.replace_order(3, 4, 80, 10))
    assert [(event.kind, chr(event.reason), event.on_book) for event in events] == [
        (Kind.ENGINE_REPLACED, "\0", True),
        (Kind.ENGINE_CANCELED, "Z", False),
    ]


def test_a_full_event_buffer_pauses_the_operation_and_blocks_others() -> None:
    engine = MatchingEngine(100, event_capacity=8)
    for reference in range(1, 21):
        run(engine, engine.submit_order(reference, "S", 100, 1, owner=1))
    assert engine.submit_order(50, "B", 100, 20) == Status.ENGINE_MORE
    assert engine.submit_order(51, "B", 100, 1) == Status.ENGINE_BUSY
    assert engine.cancel_order(1) == engine.reduce_order(1, 1) == engine.replace_order(1, 2, 3, 4) == Status.ENGINE_BUSY
    assert engine.mass_cancel_orders(1) == Status.ENGINE_BUSY
    assert engine.resume_operation() == Status.ENGINE_MORE  # still not drained
    events = engine.drain_events()
    assert engine.submit_order(51, "B", 100, 1) == Status.ENGINE_BUSY
    while engine.resume_operation() == Status.ENGINE_MORE:
        engine.check_invariants()
        events += engine.drain_events()
    events += engine.drain_events()
    assert [event.contra_ref for event in events[1:]] == list(range(1, 21))
    assert engine.resume_operation() == Status.ENGINE_DONE
    assert engine.submit_order(52, "B", 100, 1) == Status.ENGINE_DONE


def test_clear_forgets_orders_and_owner_lists_but_not_match_numbers() -> None:
    engine = MatchingEngine(10, first_match_number=500)
    run(engine, engine.submit_order(1, "S", 100, 10, owner=1))
    assert run(engine, engine.submit_order(2, "B", 100, 4))[1].match_number == 500
    engine.clear()
    engine.check_invariants()
    assert (len(engine), engine.open_orders_of(1)) == (0, 0)
    run(engine, engine.submit_order(1, "S", 100, 10))
    assert run(engine, engine.submit_order(2, "B", 100, 4))[1].match_number == 501


@pytest.mark.parametrize(
    "settings_", [{"event_capacity": 7}, {"event_capacity": 1 << 25}, {"max_owners": 0}, {"max_owners": 65_537}]
)
def test_impossible_settings_are_refused(settings_: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        MatchingEngine(10, **settings_)


def test_self_match_prevention_needs_an_owner_and_a_mode_that_exist(engine: MatchingEngine) -> None:
    for owner, mode in ((0, 0), (256, 0), (1, 4)):
        with pytest.raises(ValueError, match="owner must be"):
            engine.set_owner_self_match_prevention(owner, mode)
