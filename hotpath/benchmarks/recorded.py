"""A recorded LOBSTER session as ITCH bytes, with what a book must look like after it, worked out order by order."""

from __future__ import annotations

from pathlib import Path

from benchmarks.itch_feed import Feed
from hotpath.protocols import itch
from hotpath.protocols.itch_types import Message
from hotpath.venue.lobster import read_lobster
from hotpath.venue.lobster_itch import message_of, opening

LOCATE = 13
_CHUNK = 10_000


def recorded_feed(path: Path) -> Feed:
    """Raises FlowError naming file and line. Rows about orders from before the recording stay in, counted."""
    flow = read_lobster(path)
    symbol = (flow.symbol or path.name.split("_")[0])[:8]
    frames = [_framed(message) for message in opening(symbol, LOCATE)]
    orders: dict[int, list[int]] = {}  # id → side ('B' 1, 'S' 0), price, shares
    unknown = reference_sum = peak = 0
    while rows := flow.take(_CHUNK):
        for row in rows:
            message = message_of(row, symbol, LOCATE, len(frames))
            if message is None:
                continue
            frames.append(_framed(message))
            _, kind, order_id, size, price, side, _ = row
            if kind == 1:
                orders[order_id] = [int(side == "B"), price, size]
                peak = max(peak, len(orders))
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
        "bid_prices": bid,
        "bid_shares": sum(shares for price, shares in bids if price == bid),
        "ask_prices": ask,
        "ask_shares": sum(shares for price, shares in asks if price == ask),
        "reference_sum": reference_sum,
    }
    statistics = {"messages": len(frames), "bytes": len(data), "about_orders_from_before": unknown, "rows": flow.total}
    return Feed({LOCATE: symbol}, data, len(frames), peak, expected, dict(statistics))


def _framed(message: Message) -> bytes:
    wire = itch.encode(message)
    return len(wire).to_bytes(2, "big") + wire
