"""Books that share one store: each behaves as with memory of its own, and none sees another's orders."""

from __future__ import annotations

import gc
import random
from typing import Any

import pytest
from book_reference import ReferenceOrderBook
from hypothesis import given, settings
from hypothesis import strategies as st

from hotpath.book.limit_order_book import OrderRow
from hotpath.book.matching_engine import EngineEventKind, EngineReject, MatchingEngine
from hotpath.book.order_book import ApplyStatus, OrderBook
from hotpath.book.order_store import InvariantError, OrderStore

BOOKS = 4
REFERENCES = st.integers(1, 14)
PRICES = st.sampled_from([1, 3, 10, 20, 30, 6_400, 409_600, 26_214_400, 2_000_000_000])
SHARES = st.integers(0, 9)
ACTIONS = st.tuples(
    st.integers(0, BOOKS - 1),
    st.one_of(
        st.tuples(st.just("add"), REFERENCES, st.sampled_from("BS"), PRICES, SHARES),
        st.tuples(st.just("decrement"), REFERENCES, SHARES),
        st.tuples(st.just("delete"), REFERENCES),
        st.tuples(st.just("replace"), REFERENCES, REFERENCES, PRICES, SHARES),
        st.tuples(st.just("clear")),
    ),
)


class Market:
    """What the books of one store must be: a naive model of each, and no reference live twice."""

    def __init__(self) -> None:
        self.models = [ReferenceOrderBook() for _ in range(BOOKS)]

    def elsewhere(self, number: int, reference: int) -> bool:
        return any(model.get(reference) for other, model in enumerate(self.models) if other != number)

    def apply(self, number: int, operation: tuple[Any, ...]) -> ApplyStatus | None:
        model = self.models[number]
        kind, *arguments = operation
        if kind == "clear":
            model.resting.clear()
            return None
        if kind == "add" and self.elsewhere(number, arguments[0]):
            valid = arguments[3] > 0
            return ApplyStatus.APPLY_DUPLICATE_ORDER if valid else ApplyStatus.APPLY_INVALID
        if kind == "replace" and self.elsewhere(number, arguments[1]) and model.get(arguments[0]):
            model.delete(arguments[0])
            valid = arguments[3] > 0
            return ApplyStatus.APPLY_DUPLICATE_ORDER if valid else ApplyStatus.APPLY_INVALID
        status: ApplyStatus = getattr(model, kind)(*arguments)
        return status


def apply(book: OrderBook, operation: tuple[Any, ...]) -> ApplyStatus | None:
    kind, *arguments = operation
    if kind == "clear":
        book.clear()
        return None
    if kind == "add":
        return book.add_order(*arguments)
    methods = {"decrement": book.execute_order, "delete": book.delete_order, "replace": book.replace_order}
    return methods[kind](*arguments).status


@settings(max_examples=200, deadline=None)
@given(st.lists(ACTIONS, max_size=40), st.sampled_from([1, 10]))
def test_books_of_one_store_equal_a_model_each(actions: list[tuple[int, tuple[Any, ...]]], tick: int) -> None:
    store = OrderStore(100, max_books=BOOKS)
    books = [OrderBook(store=store, tick=tick) for _ in range(BOOKS)]
    market = Market()
    for number, operation in actions:
        assert apply(books[number], operation) == market.apply(number, operation)
        for book, model in zip(books, market.models, strict=True):
            book.check_invariants()
            assert book.orders() == model.orders()
            assert len(book) == len(model.resting)
        assert len(store) == sum(map(len, books))


def test_orders_of_another_book_are_unknown() -> None:
    store = OrderStore(10, max_books=2)
    ours, other = OrderBook(store=store), OrderBook(store=store)
    other.add_order(7, "B", 100, 10)
    assert ours.lookup(7) is None
    assert ours.execute_order(7, 1).status == ApplyStatus.APPLY_UNKNOWN_ORDER
    assert ours.cancel_order(7, 1).status == ApplyStatus.APPLY_UNKNOWN_ORDER
    assert ours.delete_order(7).status == ApplyStatus.APPLY_UNKNOWN_ORDER
    assert ours.replace_order(7, 8, 100, 1).status == ApplyStatus.APPLY_UNKNOWN_ORDER
    assert ours.add_order(7, "B", 100, 10) == ApplyStatus.APPLY_DUPLICATE_ORDER
    assert other.orders() == [OrderRow(7, "B", 100, 10, 0, 0, 0)]


def test_engines_of_one_store_match_apart() -> None:
    store = OrderStore(100, max_books=2)
    first, second = MatchingEngine(store=store), MatchingEngine(store=store)
    first.submit_order(1, "B", 100, 10, owner=1)
    second.submit_order(2, "S", 100, 10, owner=1)
    second.cancel_order(1)
    second.replace_order(1, 3, 100, 10)
    reasons = [event.reason for event in second.drain_events() if event.kind == EngineEventKind.ENGINE_REJECTED]
    assert reasons == [EngineReject.REJECT_UNKNOWN_ORDER] * 2
    second.mass_cancel_orders(1)
    assert (len(first), len(second)) == (1, 0)
    first.submit_order(4, "S", 100, 10, time_in_force="3")
    assert [event.contra_ref for event in first.drain_events() if event.kind == EngineEventKind.ENGINE_EXECUTED] == [1]
    first.check_invariants()
    second.check_invariants()


def test_clearing_or_dropping_a_book_frees_its_orders_and_no_others() -> None:
    shuffler = random.Random(4)
    store = OrderStore(3000, max_books=3)
    books = [OrderBook(store=store) for _ in range(3)]
    for reference in range(1, 3001):
        price = shuffler.randint(1, 900) * 100
        assert books[reference % 3].add_order(reference, "BS"[reference & 1], price, 5) == ApplyStatus.APPLY_OK
    digests = [book.digest() for book in books]
    books[0].clear()
    books[1].check_invariants()
    assert (len(store), books[1].digest(), books[2].digest()) == (2000, digests[1], digests[2])
    for reference in range(3, 3001, 3):
        assert books[0].add_order(reference, "B", 100, 5) == ApplyStatus.APPLY_OK
    assert books[1].add_order(3001, "B", 100, 5) == ApplyStatus.APPLY_POOL_EXHAUSTED
    del books[0], books[0]
    gc.collect()
    assert len(store) == 1000
    assert books[0].digest() == digests[2]
    books[0].clear()
    store.check_invariants()
    assert len(store) == 0


def test_a_book_keeps_its_store_alive() -> None:
    book = OrderBook(store=OrderStore(10))
    gc.collect()
    assert book.add_order(1, "B", 100, 5) == ApplyStatus.APPLY_OK
    book.check_invariants()


def test_a_book_in_a_dead_cycle_still_drops_its_orders() -> None:
    store = OrderStore(10, max_books=1)
    cycle: list[object] = [OrderBook(store=store)]
    cycle.append(cycle)
    assert isinstance(cycle[0], OrderBook)
    cycle[0].add_order(1, "B", 100, 5)
    del cycle
    gc.collect()
    assert len(store) == 0
    store.check_invariants()


def test_a_market_of_8000_books_is_affordable() -> None:
    store = OrderStore(1 << 20, max_books=8000)
    books = [OrderBook(store=store) for _ in range(8000)]
    assert books[0].__sizeof__() < 2000
    assert store.memory_bytes < 250 << 20
    for number, book in enumerate(books):
        assert book.add_order(2 * number, "B", 100 * (number + 1), 5) == ApplyStatus.APPLY_OK
        assert book.add_order(2 * number + 1, "S", 101 * (number + 1), 5) == ApplyStatus.APPLY_OK
    assert len(store) == 16_000
    assert all(len(book) == 2 for book in books)
    store.check_invariants()


def test_what_does_not_fit_together_is_refused() -> None:
    store = OrderStore(10, max_books=1)
    with pytest.raises(ValueError, match="either max_orders"):
        OrderBook()
    with pytest.raises(ValueError, match="either max_orders"):
        OrderBook(10, store=store)
    with pytest.raises(ValueError, match="the store's"):
        OrderBook(store=store, prefault=True)
    OrderBook(store=store)
    with pytest.raises(ValueError, match="room for 1 books"):
        OrderBook(store=store)
    with pytest.raises(ValueError, match="max_books=0"):
        OrderStore(10, max_books=0)
    with pytest.raises(ValueError, match="max_orders=0"):
        OrderStore(0)
    assert issubclass(InvariantError, AssertionError)
