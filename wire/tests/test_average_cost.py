"""Average cost, by hand and by its laws."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wire.average_cost import AverageCost, recompute

FILLS = st.lists(st.tuples(st.sampled_from("BS"), st.integers(1, 10_000_000), st.integers(1, 1000)), max_size=60)


def test_by_hand() -> None:
    position = AverageCost()
    assert position.apply("B", 1_000_000, 100) == 0
    assert position.apply("B", 1_010_000, 100) == 0
    assert (position.quantity, position.cost) == (200, 201_000_000)
    # 50 shares out of an average of 100.50 at 102.00: 50 x 1.50
    assert position.apply("S", 1_020_000, 50) == 750_000
    assert (position.quantity, position.cost) == (150, 150_750_000)
    # through zero: 150 closed at a loss of 0.50 each, 50 opened short at 100.00
    assert position.apply("S", 1_000_000, 200) == -750_000
    assert (position.quantity, position.cost, position.realised) == (-50, 50_000_000, 0)
    # cover at 99.00
    assert position.apply("B", 990_000, 50) == 500_000
    assert (position.quantity, position.cost, position.realised) == (0, 0, 500_000)
    assert (position.bought, position.sold) == (250, 250)


def test_rounding_stays_in_the_cost() -> None:
    position = AverageCost()
    position.apply("B", 100, 1)
    position.apply("B", 101, 2)  # cost 302 for 3 shares
    assert position.apply("S", 100, 1) == 0  # 302 // 3 = 100 goes out
    assert position.cost == 202


@given(FILLS)
def test_cost_and_profit_add_up_to_the_cash(fills: list[tuple[str, int, int]]) -> None:
    position = recompute(fills)
    cash = sum(price * quantity * (1 if side == "S" else -1) for side, price, quantity in fills)
    assert position.quantity == sum(quantity * (1 if side == "B" else -1) for side, _, quantity in fills)
    signed_cost = position.cost if position.quantity >= 0 else -position.cost
    assert position.realised == cash + signed_cost
    assert position.cost >= 0
    assert (position.cost == 0) or position.quantity != 0
    assert position.sold_notional - position.bought_notional == cash


@given(FILLS)
def test_flat_means_profit_is_sales_minus_purchases(fills: list[tuple[str, int, int]]) -> None:
    position = recompute(fills)
    if position.quantity:
        fills = [*fills, ("S" if position.quantity > 0 else "B", 777, abs(position.quantity))]
    flat = recompute(fills)
    assert (flat.quantity, flat.cost) == (0, 0)
    assert flat.realised == flat.sold_notional - flat.bought_notional
