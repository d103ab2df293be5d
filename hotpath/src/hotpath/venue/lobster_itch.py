"""Rows of a LOBSTER message file as the ITCH 5.0 messages that they were made from."""

from __future__ import annotations

from collections.abc import Sequence

from hotpath.protocols.itch_types import (
    AddOrder,
    CrossTrade,
    Message,
    OrderCancel,
    OrderDelete,
    OrderExecuted,
    StockDirectory,
    StockTradingAction,
    SystemEvent,
    Trade,
)

# as FlowSource.take() gives it: time_ns, kind, order id, shares, price, side, before_open
Row = tuple[int, int, int, int, int, str, bool]
# halt rows: -1 halted, 0 quotation only, 1 trading
_STATES = {-1: "H", 0: "Q", 1: "T"}


def opening(symbol: str, locate: int) -> Sequence[Message]:
    """What a day file says before the first order; times are 0, since a LOBSTER file has none for these."""
    details = ("Q", "N", 100, "N", "C", "Z", "P", "N", "N", "1", "N", 0, "N")
    return (
        SystemEvent(0, 0, 0, "O"),
        StockDirectory(locate, 0, 0, symbol, *details),
        StockTradingAction(locate, 0, 0, symbol, "T", " ", ""),
        SystemEvent(0, 0, 0, "Q"),
    )


def message_of(row: Row, symbol: str, locate: int, match_number: int) -> Message | None:
    """None for a row that has no ITCH message. A file has no match numbers: the caller gives them out."""
    time_ns, kind, order_id, shares, price, side, _ = row
    head = (locate, 0, time_ns)
    match kind:
        case 1:
            return AddOrder(*head, order_id, side, shares, symbol, price)
        case 2:
            return OrderCancel(*head, order_id, shares)
        case 3:
            return OrderDelete(*head, order_id)
        case 4:
            return OrderExecuted(*head, order_id, shares, match_number)
        case 5:
            return Trade(*head, 0, "B", shares, symbol, price, match_number)
        case 6:
            return CrossTrade(*head, shares, symbol, price, match_number, "H")
        case 7 if price in _STATES:
            return StockTradingAction(*head, symbol, _STATES[price], " ", "")
    return None
