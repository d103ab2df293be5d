"""Position and realised profit by the average cost method, in integers.

A fill that adds to the position adds price x shares to its cost. A fill that reduces it takes out the share of the
cost that belongs to the closed shares, rounded down to a whole unit, and realises the difference to the fill's value;
the remainder of the rounding stays in the cost, so that nothing is lost: when the position is flat the cost is zero
and realised profit is exactly the sum of all sales minus the sum of all purchases. A fill through zero closes all of
the old position and opens the rest at its own price.

Units: shares, Price(4), and Price(4) x shares for cost and profit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(slots=True)
class AverageCost:
    quantity: int = 0  # signed shares
    cost: int = 0  # of the open position, never negative for positive prices
    realised: int = 0
    bought: int = 0
    sold: int = 0
    bought_notional: int = 0
    sold_notional: int = 0

    def apply(self, side: str, price: int, quantity: int) -> int:
        """One fill; returns the profit it realised. Raises ValueError for another side than B and S."""
        value = price * quantity
        if side == "B":
            signed = quantity
            self.bought += quantity
            self.bought_notional += value
        elif side == "S":
            signed = -quantity
            self.sold += quantity
            self.sold_notional += value
        else:
            raise ValueError(f"side {side!r} is neither B nor S")
        held = abs(self.quantity)
        profit = 0
        if self.quantity * signed < 0:
            closed = min(held, quantity)
            taken = self.cost if closed == held else self.cost * closed // held
            proceeds = price * closed
            profit = proceeds - taken if self.quantity > 0 else taken - proceeds
            self.cost += price * (quantity - closed) - taken
        else:
            self.cost += value
        self.quantity += signed
        self.realised += profit
        return profit


def recompute(fills: Iterable[tuple[str, int, int]]) -> AverageCost:
    """The position after these (side, price, quantity) fills in their order."""
    position = AverageCost()
    for side, price, quantity in fills:
        position.apply(side, price, quantity)
    return position
