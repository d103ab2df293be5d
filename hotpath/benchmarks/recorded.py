"""A recorded LOBSTER session as ITCH bytes, with what a book must look like after it, worked out order by order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hotpath.protocols import itch
from hotpath.protocols.itch_types import (
    AddOrder,
    CrossTrade,
    Message,
    OrderCancel,
    OrderDelete,
    OrderExecuted,
    StockTradingAction,
    Trade,
)
from hotpath.venue.lobster import read_lobster

LOCATE = 13
_CHUNK = 10_000
_STATES = {-1: "H", 0: "Q", 1: "T"}


@dataclass(frozen=True)
class Feed:
    """Bytes as in an ITCH day file: each message after its length, u16 big-endian."""

    symbol: str
    locate: int
    data: bytes
    messages: int
    expected: dict[str, int]
    statistics: dict[str, int | float]


def recorded_feed(path: Path) -> Feed:
    """Raises FlowError naming file and line. Rows about orders from before the recording stay in, counted."""
    flow = read_lobster(path)
    symbol = (flow.symbol or path.name.split("_")[0])[:8]
    frames: list[bytes] = []
    orders: dict[int, list[int]] = {}  # id → side ('B' 1, 'S' 0), price, shares
    unknown = reference_sum = 0
    while rows := flow.take(_CHUNK):
        for time_ns, kind, order_id, size, price, side, _ in rows:
            message = _message(len(frames), symbol, time_ns, kind, order_id, size, price, side)
            if message is None:
                continue
            wire = itch.encode(message)
            frames.append(len(wire).to_bytes(2, "big") + wire)
            if kind == 1:
                orders[order_id] = [int(side == "B"), price, size]
            elif kind in (2, 3, 4):
                known = orders.get(order_id)
                unknown += known is None
                if known is not None:
                    known[2] -= known[2] if kind == 3 else size
                    if known[2] <= 0:
                        del orders[order_id]
            reference_sum += order_id if kind in (1, 2, 3, 4) else 0
    bids = [(price, shares) for is_bid, price, shares in orders.values() if is_bid]
    asks = [(price, shares) for is_bid, price, shares in orders.values() if not is_bid]
    bid, ask = max((price for price, _ in bids), default=0), min((price for price, _ in asks), default=0)
    data = b"".join(frames)
    expected = {
        "messages": len(frames),
        "inconsistent": unknown,
        "resting_orders": len(orders),
        "bid_price": bid,
        "bid_shares": sum(shares for price, shares in bids if price == bid),
        "ask_price": ask,
        "ask_shares": sum(shares for price, shares in asks if price == ask),
        "reference_sum": reference_sum,
    }
    statistics = {"messages": len(frames), "bytes": len(data), "about_orders_from_before": unknown, "rows": flow.total}
    return Feed(symbol, LOCATE, data, len(frames), expected, dict(statistics))


def _message(
    number: int, symbol: str, time_ns: int, kind: int, order_id: int, size: int, price: int, side: str
) -> Message | None:
    head = (LOCATE, 0, time_ns)
    match kind:
        case 1:
            return AddOrder(*head, order_id, side, size, symbol, price)
        case 2:
            return OrderCancel(*head, order_id, size)
        case 3:
            return OrderDelete(*head, order_id)
        case 4:
            return OrderExecuted(*head, order_id, size, number)
        case 5:
            return Trade(*head, 0, "B", size, symbol, price, number)
        case 6:
            return CrossTrade(*head, size, symbol, price, number, "H")
        case 7 if price in _STATES:
            return StockTradingAction(*head, symbol, _STATES[price], " ", "")
    return None
