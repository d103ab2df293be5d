"""Proof of a graceful stop: what became of every order that was open when the signal came."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

_OUTCOMES = {
    "FILLED": "filled",
    "CANCELED": "cancelled",
    "REJECTED": "cancelled",  # never took effect at the venue
    "REPLACED": "replaced",  # its successor is listed too
}


def outcome(order: dict[str, Any]) -> str:
    """cancelled, filled, replaced or unknown."""
    return _OUTCOMES.get(order["state"], "unknown")


def lines(orders: list[dict[str, Any]]) -> list[str]:
    """One line for each order, then a summary."""
    listed = [
        f"cancel-proof user_ref_num={order['user_ref_num']} strategy_epoch={order['strategy_epoch']}"
        f" order_id={order['order_id']} side={order['side']} price={order['price'] / 10_000:.4f}"
        f" quantity={order['quantity']} filled={order['filled']} outcome={outcome(order)}"
        for order in orders
    ]
    counts = Counter(outcome(order) for order in orders)
    summary = " ".join(f"{name}={counts[name]}" for name in ("cancelled", "filled", "replaced", "unknown"))
    return [*listed, f"cancel-proof done open_at_signal={len(orders)} {summary}"]


def write(
    path: Path, orders: list[dict[str, Any]], *, epoch: int, session: str, signal: str, elapsed_ms: float
) -> None:
    """The same as JSON, durable before it returns."""
    document = {
        "written_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "epoch": epoch,
        "session": session,
        "signal": signal,
        "elapsed_ms": round(elapsed_ms, 3),
        "unknown": sum(outcome(order) == "unknown" for order in orders),
        "orders": [
            {
                key: order[key]
                for key in (
                    "user_ref_num",
                    "strategy_epoch",
                    "order_id",
                    "cl_ord_id",
                    "side",
                    "price",
                    "quantity",
                    "filled",
                )
            }
            | {"outcome": outcome(order)}
            for order in orders
        ],
    }
    temporary = path.with_suffix(".tmp")
    with temporary.open("w") as file:
        json.dump(document, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
