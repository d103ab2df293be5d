from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotpath.venue.flow import FlowError
from hotpath.venue.generator import OPEN_NS, STATISTICS, GeneratedFlow

PRICE = 1_000_000
TICK = 100
RATE = 200.0
ADD, REDUCE, DELETE, EXECUTE, HIDDEN = 1, 2, 3, 4, 5


def make(seed: int = 1, rows: int | None = None) -> GeneratedFlow:
    return GeneratedFlow(seed, RATE, PRICE, TICK, rows)


class Replayed:
    """Applies rows to plain dictionaries and checks that each is possible."""

    def __init__(self) -> None:
        self.orders: dict[int, list[object]] = {}
        self.levels: dict[str, Counter[int]] = {"B": Counter(), "S": Counter()}

    def apply(self, row: tuple[int, int, int, int, int, str, bool]) -> None:
        _, kind, number, size, price, side, before_open = row
        assert not before_open
        assert price % TICK == 0
        assert size > 0
        if kind == ADD:
            assert number not in self.orders
            self.orders[number] = [side, price, size]
            self.levels[side][price] += 1
        elif kind != HIDDEN:
            order = self.orders[number]
            assert order[:2] == [side, price]
            assert isinstance(order[2], int)
            assert size == order[2] if kind == DELETE else size <= order[2]
            if kind == EXECUTE:
                assert price == (max if side == "B" else min)(self.levels[side]), "only the best price is hit"
                first = min(n for n, (s, p, _) in self.orders.items() if s == side and p == price)
                assert number == first, "time priority"
            order[2] -= size
            if order[2] == 0:
                del self.orders[number]
                self.levels[side][price] -= 1
                self.levels[side] += Counter()  # drops empty levels

    @property
    def best(self) -> tuple[int, int]:
        return max(self.levels["B"]), min(self.levels["S"])


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**63 - 1))
def test_every_row_is_possible_and_the_book_stays_healthy(seed: int) -> None:
    flow, book = make(seed), Replayed()
    last = OPEN_NS
    for position, row in enumerate(flow.take(3000)):
        assert row[0] >= last
        last = row[0]
        book.apply(row)
        if position > 300:
            bid, ask = book.best
            assert bid < ask
            assert 200 < len(book.orders) <= 800
    assert flow.live_orders() == sorted((n, s, p, q) for n, (s, p, q) in book.orders.items())


def test_same_seed_same_rows() -> None:
    assert make(7).take(2000) == make(7).take(2000)
    assert make(7).take(2000) != make(8).take(2000)


@pytest.mark.parametrize("position", [0, 1, 299, 300, 301, 4321])
def test_saved_state_continues_the_same_flow(position: int) -> None:
    flow = make()
    flow.skip_to(position)
    saved = flow.save()
    resumed = make()
    resumed.restore(saved)
    assert resumed.position == position
    assert resumed.live_orders() == flow.live_orders()
    assert resumed.take(500) == flow.take(500)


@pytest.mark.parametrize("rows", [1, 299, 300, 1000])
def test_a_flow_of_given_length_is_the_beginning_of_the_endless_one(rows: int) -> None:
    flow = make(rows=rows)
    assert (flow.total, make().total) == (rows, -1)
    assert flow.take(rows + 10) == make().take(rows)
    assert flow.position == rows
    again = make(rows=rows)
    again.restore(flow.save())
    assert again.take(1) == []
    assert again.live_orders() == flow.live_orders()


def test_damaged_state_is_refused() -> None:
    flow = make()
    saved = flow.save()
    for bad in (saved[:-1], b"\xff" * len(saved), b""):
        with pytest.raises(FlowError):
            flow.restore(bad)
    flow.skip_to(5)
    with pytest.raises(FlowError, match="cannot go back"):
        flow.skip_to(4)


def test_documented_statistics_hold() -> None:
    kinds: Counter[int] = Counter()
    live: list[float] = []
    spread: list[float] = []
    depth: list[float] = []
    offset: list[float] = []
    seconds = 0.0
    for seed in range(3):
        flow = make(seed)
        flow.skip_to(5000)
        start = flow.take(1)[0][0]
        for _ in range(150):
            rows = flow.take(500)
            kinds.update(row[1] for row in rows)
            orders = flow.live_orders()
            bid = max(price for _, side, price, _ in orders if side == "B")
            ask = min(price for _, side, price, _ in orders if side == "S")
            live.append(len(orders))
            spread.append((ask - bid) / TICK)
            depth.extend(abs(price - (bid + ask) / 2) / TICK for _, _, price, _ in orders)
            offset.append((bid + ask) / 2 - PRICE)
        seconds += (rows[-1][0] - start) / 1e9
    total = kinds.total()
    measured = {
        "add_share": kinds[ADD] / total,
        "delete_share": kinds[DELETE] / total,
        "execute_share": kinds[EXECUTE] / total,
        "hidden_share": kinds[HIDDEN] / total,
        "reduce_share": kinds[REDUCE] / total,
        "cancel_ratio": kinds[DELETE] / kinds[ADD],
        "live_orders": sum(live) / len(live),
        "depth_ticks": sum(depth) / len(depth),
        "spread_ticks": sum(spread) / len(spread),
    }
    for name, value in STATISTICS.items():
        assert measured[name] == pytest.approx(value, rel=0.06), name
    assert total / seconds == pytest.approx(RATE, rel=0.02)
    assert max(abs(value) for value in offset) < 5 * 20 * TICK  # five deviations of the fair price


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ((-1, RATE, PRICE, TICK), "flow.seed"),
        ((1, 0.0, PRICE, TICK), "flow.rows_per_second"),
        ((1, RATE, PRICE + 1, TICK), "flow.reference_price"),
        ((1, RATE, 50_000, TICK), "flow.reference_price"),
        ((1, RATE, PRICE, 0), "instrument.tick"),
        ((1, RATE, PRICE, TICK, 0), "flow.rows"),
    ],
)
def test_impossible_settings_are_named(arguments: tuple[int, float, int, int], key: str) -> None:
    with pytest.raises(FlowError, match=key):
        GeneratedFlow(*arguments)
