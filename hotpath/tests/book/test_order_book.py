"""The L3 book against the naive model, and what ITCH asks of it by hand."""

from __future__ import annotations

import random
from typing import Any

import pytest
from book_reference import ReferenceOrderBook
from hypothesis import given, settings
from hypothesis import strategies as st

from hotpath.book.limit_order_book import LevelRow, LimitOrderBook
from hotpath.book.order_book import ApplyOutcome, ApplyStatus, OrderBook

REFERENCES = st.integers(1, 12)
PRICES = st.builds(lambda ticks, scale: ticks * scale, st.integers(0, 12), st.sampled_from([1, 10, 1000, 170_000_000]))
SHARES = st.sampled_from([0, 1, 2, 5, 7, 100, 2**31 - 1, 2**31])
OPERATIONS = st.one_of(
    st.tuples(st.just("add"), REFERENCES, st.sampled_from("BSX"), PRICES, SHARES),
    st.tuples(st.just("add"), REFERENCES, st.sampled_from("BS"), st.integers(1, 5), st.integers(1, 9)),
    st.tuples(st.sampled_from(["execute", "execute_with_price", "cancel"]), REFERENCES, SHARES),
    st.tuples(st.just("delete"), REFERENCES),
    st.tuples(st.just("replace"), REFERENCES, REFERENCES, PRICES, SHARES),
)


def apply_both(book: OrderBook, model: ReferenceOrderBook, operation: tuple[Any, ...]) -> None:
    kind, *arguments = operation
    if kind == "add":
        assert book.add_order(*arguments) == model.add(*arguments)
        return
    before = model.get(arguments[0])
    expected_price, expected_side, held = (before.price, before.side, before.shares) if before else (0, "", 0)
    if kind == "delete":
        outcome, status = book.delete_order(*arguments), model.delete(*arguments)
        taken = held
    elif kind == "replace":
        outcome, status = book.replace_order(*arguments), model.replace(*arguments)
        taken = held
    else:
        methods = {
            "execute": book.execute_order,
            "execute_with_price": book.execute_order_with_price,
            "cancel": book.cancel_order,
        }
        outcome, status = methods[kind](*arguments), model.decrement(*arguments)
        taken = min(arguments[1], held)
    assert outcome == ApplyOutcome(status, expected_price, taken, held - taken, expected_side)


def assert_same(book: OrderBook, model: ReferenceOrderBook) -> None:
    book.check_invariants()
    assert book.orders() == model.orders()
    for side in "BS":
        assert book.top_levels(side, 1000) == model.levels(side)
    tops = [model.levels(side)[0] if model.levels(side) else None for side in "BS"]
    assert list(book.top_of_book()) == tops
    assert len(book) == len(model.resting)


@settings(max_examples=250, deadline=None)
@given(st.lists(OPERATIONS, max_size=40), st.integers(1, 12), st.integers(1, 12), st.sampled_from([1, 2, 10, 100]))
def test_every_step_equals_the_model(
    operations: list[tuple[Any, ...]], max_orders: int, max_levels: int, tick: int
) -> None:
    max_levels = min(max_levels, max_orders)
    book = OrderBook(max_orders, max_levels, tick=tick)
    model = ReferenceOrderBook(max_orders, max_levels)
    for operation in operations:
        apply_both(book, model, operation)
        assert_same(book, model)


def test_orders_at_one_price_queue_by_time_and_a_size_cut_keeps_the_place() -> None:
    book = OrderBook(10)
    for reference in (1, 2, 3):
        book.add_order(reference, "B", 100, 50)
    book.cancel_order(1, 20)
    book.execute_order(2, 10)
    assert [(row.reference, row.shares) for row in book.orders()] == [(1, 30), (2, 40), (3, 50)]


def test_replace_goes_to_the_back_of_the_queue_even_at_the_same_price() -> None:
    book = OrderBook(10)
    book.add_order(1, "S", 100, 50)
    book.add_order(2, "S", 100, 50)
    assert book.replace_order(1, 9, 100, 40).status == ApplyStatus.APPLY_OK
    assert [row.reference for row in book.orders()] == [2, 9]
    assert book.lookup(1) is None
    replaced = book.lookup(9)
    assert replaced is not None
    assert replaced.side == "S"


def test_unknown_references_are_counted_by_kind_and_change_nothing() -> None:
    book = OrderBook(10)
    book.add_order(1, "B", 100, 50)
    before = book.digest()
    book.execute_order(7, 1)
    book.execute_order_with_price(7, 1)
    book.execute_order_with_price(8, 1)
    book.cancel_order(7, 1)
    book.delete_order(7)
    book.replace_order(7, 8, 100, 10)
    assert {kind: count for kind, count in book.counts.items() if count} == {
        "unknown_execute": 1,
        "unknown_execute_with_price": 2,
        "unknown_cancel": 1,
        "unknown_delete": 1,
        "unknown_replace": 1,
    }
    assert book.digest() == before
    book.reset_counts()
    assert not any(book.counts.values())


def test_misfits_are_counted() -> None:
    book = OrderBook(2)
    book.add_order(1, "B", 100, 50)
    assert book.add_order(1, "B", 100, 50) == ApplyStatus.APPLY_DUPLICATE_ORDER
    assert book.add_order(2, "B", 0, 50) == ApplyStatus.APPLY_INVALID
    assert book.add_order(2, "B", 2_000_000_001, 50) == ApplyStatus.APPLY_INVALID
    assert book.add_order(2, "B", 2_000_000_000, 50) == ApplyStatus.APPLY_OK
    assert book.add_order(3, "S", 5, 50) == ApplyStatus.APPLY_POOL_EXHAUSTED
    assert book.execute_order(1, 51) == (ApplyStatus.APPLY_EXCESS_SHARES, 100, 50, 0, "B")
    assert {kind: count for kind, count in book.counts.items() if count} == {
        "duplicate_order": 1,
        "invalid": 2,
        "pool_exhausted": 1,
        "excess_shares": 1,
    }
    assert book.add_order(3, "S", 5, 50) == ApplyStatus.APPLY_OK


def test_a_level_pool_that_is_full_still_takes_orders_at_known_prices() -> None:
    book = OrderBook(10, max_levels=2)
    book.add_order(1, "B", 100, 1)
    book.add_order(2, "S", 200, 1)
    assert book.add_order(3, "B", 99, 1) == ApplyStatus.APPLY_POOL_EXHAUSTED
    assert book.add_order(4, "B", 100, 1) == ApplyStatus.APPLY_OK
    book.check_invariants()


def test_digest_depends_on_queue_order_but_not_on_how_the_book_came_about() -> None:
    direct, detour, swapped = OrderBook(10), OrderBook(10), OrderBook(10)
    direct.add_order(1, "B", 100, 5)
    direct.add_order(2, "B", 100, 5)
    detour.add_order(9, "S", 700, 3)
    detour.add_order(1, "B", 100, 8)
    detour.add_order(5, "B", 90, 5)
    detour.delete_order(9)
    detour.cancel_order(1, 3)
    detour.replace_order(5, 2, 100, 5)
    swapped.add_order(2, "B", 100, 5)
    swapped.add_order(1, "B", 100, 5)
    assert direct.digest() == detour.digest() != swapped.digest()
    detour.clear()
    detour.check_invariants()
    assert detour.digest() == OrderBook(1).digest() != direct.digest()


def test_reading_all_orders_in_sequence_rebuilds_the_same_book() -> None:
    shuffler = random.Random(7)
    book = OrderBook(500)
    for reference in range(1, 401):
        book.add_order(reference, shuffler.choice("BS"), shuffler.randint(1, 60), shuffler.randint(1, 9))
    for reference in shuffler.sample(range(1, 401), 150):
        book.delete_order(reference)
    copy = OrderBook(500)
    for row in book.orders():
        copy.add_order(row.reference, row.side, row.price, row.shares)
    assert copy.digest() == book.digest()


@pytest.mark.parametrize("tick", [37, 74, 100], ids=["ladder", "both", "tree"])
@pytest.mark.parametrize("removal", ["ascending", "descending", "shuffled", "every second"])
def test_thousands_of_levels_come_and_go_with_no_leak(removal: str, tick: int) -> None:
    levels = 6000
    shuffler = random.Random(removal)
    book = OrderBook(levels, levels, tick=tick)
    for generation in range(3):
        prices = list(range(1, levels + 1))
        if generation:
            shuffler.shuffle(prices)
        scale = 10**generation * 37
        for price in prices:
            assert book.add_order(price, "B" if generation % 2 else "S", price * scale, 10) == ApplyStatus.APPLY_OK
        book.check_invariants()
        order = sorted(prices, reverse=removal == "descending")
        if removal == "shuffled":
            shuffler.shuffle(order)
        elif removal == "every second":
            order = order[::2] + order[1::2]
        for count, price in enumerate(order):
            book.delete_order(price)
            if count % 500 == 0:
                book.check_invariants()
        book.check_invariants()
        assert len(book) == 0


def test_sparse_nodes_never_use_up_the_node_pool_before_the_levels() -> None:
    """Keep the level pool full while thinning out ever new regions of the tree."""
    capacity = 3000
    shuffler = random.Random(3)
    book = OrderBook(capacity, capacity)
    live: list[int] = []
    next_price = 1
    for _ in range(12):
        while len(live) < capacity:
            assert book.add_order(next_price, "B", next_price, 1) == ApplyStatus.APPLY_OK
            live.append(next_price)
            next_price += 1
        book.check_invariants()
        stride = shuffler.choice([9, 10, 12, 16])
        kept = [price for position, price in enumerate(sorted(live)) if position % stride == 0]
        for price in set(live) - set(kept):
            book.delete_order(price)
        live = kept
        book.check_invariants()


@pytest.mark.parametrize("tick", [1, 3, 100])
def test_random_walk_with_jumping_prices_equals_the_model(tick: int) -> None:
    shuffler = random.Random(11)
    book, model = OrderBook(400, tick=tick), ReferenceOrderBook()
    centre = 10_000
    for reference in range(1, 3001):
        if reference % 500 == 0:
            centre = centre * 10 if centre < 100_000_000 else 500
        live = [order.reference for order in model.resting]
        if len(live) < 350 and shuffler.random() < 0.55:
            price = max(1, centre + int(shuffler.gauss(0, 120)))
            apply_both(book, model, ("add", reference, shuffler.choice("BS"), price, shuffler.randint(1, 500)))
        elif live:
            target = shuffler.choice(live)
            price, shares = max(1, centre + int(shuffler.gauss(0, 120))), shuffler.randint(1, 300)
            choices = [("delete", target), ("execute", target, shares), ("cancel", target, shares)]
            apply_both(book, model, shuffler.choice([*choices, ("replace", target, reference, price, shares)]))
        if reference % 50 == 0:
            assert_same(book, model)


def test_the_tick_size_and_a_full_ladder_change_nothing_but_the_speed() -> None:
    """Prices over the whole range need more ladder pages than there are: levels of one tick are in both places."""
    shuffler = random.Random(2)
    books = [OrderBook(4000, tick=tick) for tick in (1, 50, 100, 999_999)]
    live: list[int] = []
    for reference in range(1, 9001):
        if len(live) > 2500 or (live and shuffler.random() < 0.3):
            gone = live.pop(shuffler.randrange(len(live)))
            statuses = {book.delete_order(gone).status for book in books}
        else:
            price = shuffler.choice([1, 50, 100]) * shuffler.randint(1, 20_000_000)
            side = shuffler.choice("BS")
            live.append(reference)
            statuses = {book.add_order(reference, side, price, 7) for book in books}
        assert statuses == {ApplyStatus.APPLY_OK}
    for book in books:
        book.check_invariants()
    assert len({book.digest() for book in books}) == 1
    assert [book.orders() for book in books[1:]] == [books[0].orders()] * 3
    books[0].clear()
    books[0].check_invariants()
    assert books[0].add_order(1, "B", 100, 1) == ApplyStatus.APPLY_OK


@pytest.mark.parametrize("stride", [1, 2, 16, 1 << 16, 1 << 40, (1 << 32) + 16])
def test_references_of_any_pattern_are_found(stride: int) -> None:
    book = OrderBook(3000)
    references = [stride * number for number in range(1, 3001)]
    for reference in references:
        assert book.add_order(reference, "B", 100, 1) == ApplyStatus.APPLY_OK
    book.check_invariants()
    for reference in references[::2]:
        assert book.delete_order(reference).status == ApplyStatus.APPLY_OK
    book.check_invariants()
    assert [row.reference for row in book.orders()] == references[1::2]


@pytest.mark.parametrize("tick", [0, -1, 1_000_001])
def test_impossible_ticks_are_refused(tick: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        OrderBook(10, tick=tick)


def test_side_queries_and_sizes() -> None:
    book = OrderBook(10)
    for reference, price in enumerate((5, 9, 7), start=1):
        book.add_order(reference, "B", price, 10)
    assert book.top_levels("B", 2) == [LevelRow(9, 10, 1), LevelRow(7, 10, 1)]
    assert book.top_levels("S", 2) == []
    with pytest.raises(ValueError, match="'B' or 'S'"):
        book.top_levels("X", 1)


def test_a_million_orders_reserve_less_than_96_bytes_each() -> None:
    assert OrderBook(1 << 20).memory_bytes / (1 << 20) < 96


@pytest.mark.parametrize("arguments", [(0,), (-1,), (1 << 31,), (10, 0), (10, 11)])
def test_impossible_sizes_are_refused(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="must be"):
        OrderBook(*arguments)


def test_the_common_base_is_not_a_book() -> None:
    with pytest.raises(TypeError, match="OrderBook or MatchingEngine"):
        LimitOrderBook(10)  # type: ignore[call-arg]
