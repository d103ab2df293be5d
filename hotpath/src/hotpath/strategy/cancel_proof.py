"""What became of each order that was open when the strategy was told to stop."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from hotpath.ipc.layouts import OrderState

OrderLookup = Callable[[int], Mapping[str, int] | None]


class OrderProof(msgspec.Struct, frozen=True, kw_only=True):
    """Price in 1/10,000 dollar, quantities in shares, over the whole replace chain of the order."""

    order_id: int
    side: str
    price: int
    quantity: int
    filled: int
    outcome: str  # cancelled, filled or unknown
    detail: str

    def line(self) -> str:
        return (
            f"cancel-proof order={self.order_id} side={self.side} price={self.price / 10_000:.4f} "
            f"quantity={self.quantity} filled={self.filled} outcome={self.outcome} detail={self.detail}"
        )


OUTCOMES = {
    OrderState.ORDER_FILLED: ("filled", "filled"),
    OrderState.ORDER_CANCELED: ("cancelled", "cancelled"),
    OrderState.ORDER_REJECTED: ("cancelled", "rejected-never-live"),
    OrderState.ORDER_REFUSED: ("cancelled", "refused-never-sent"),
}


def prove(open_at_signal: Sequence[int], order: OrderLookup) -> list[OrderProof]:
    """One entry for each order; a replace under way belongs to the order that it was to replace."""
    proofs = []
    for order_id in open_at_signal:
        first = order(order_id)
        if first is not None and first["replaces"] in open_at_signal:
            continue
        last = first
        chain = {order_id}
        while last is not None and last["state"] == OrderState.ORDER_REPLACED and last["replaced_by"] not in chain:
            chain.add(last["replaced_by"])
            last = order(last["replaced_by"])
        if first is None or last is None:
            proofs.append(
                OrderProof(
                    order_id=order_id, side="?", price=0, quantity=0, filled=0, outcome="unknown", detail="forgotten"
                )
            )
            continue
        state = OrderState(last["state"])
        outcome, detail = OUTCOMES.get(state, ("unknown", state.name.removeprefix("ORDER_").lower().replace("_", "-")))
        proofs.append(
            OrderProof(
                order_id=order_id,
                side=chr(first["side"]),
                price=last["price"],
                quantity=last["quantity"],
                filled=last["filled"],
                outcome=outcome,
                detail=detail,
            )
        )
    return proofs


def count(proofs: Sequence[OrderProof], outcome: str) -> int:
    return sum(proof.outcome == outcome for proof in proofs)


def summary(proofs: Sequence[OrderProof]) -> str:
    counts = " ".join(f"{outcome}={count(proofs, outcome)}" for outcome in ("cancelled", "filled", "unknown"))
    return f"cancel-proof summary orders={len(proofs)} {counts}"


def write(path: Path, proofs: Sequence[OrderProof], **facts: object) -> None:
    """Write the proof with `facts` about the run as JSON, whole or not at all."""
    document = {
        **facts,
        "summary": {outcome: count(proofs, outcome) for outcome in ("cancelled", "filled", "unknown")},
        "orders": [msgspec.to_builtins(proof) for proof in proofs],
    }
    temporary = path.with_suffix(".tmp")
    with temporary.open("w") as file:
        json.dump(document, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
