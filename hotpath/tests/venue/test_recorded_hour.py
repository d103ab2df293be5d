"""The recorded hour, every row of it: by the venue, MoldUDP64 on two UDP lines and the feed handler, and directly."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest
from test_lobster_reader import RECORDED
from venue_support import LocalVenue, make_config, remove_shared_memory

from hotpath.book.order_book import OrderBook
from hotpath.config import FeedHandlerConfig
from hotpath.feed.handler import FeedHandler
from hotpath.venue.lobster import read_lobster

KINDS = {1: "add", 2: "reduce", 3: "delete", 4: "execute", 5: "hidden", 6: "cross", 7: "halt"}
BEFORE_OPEN = {"delete": 72, "execute": 12}
LIMIT_S = 60.0  # a limit of turns would depend on how fast the machine turns while nothing is due

recorded = pytest.mark.skipif(not RECORDED.exists(), reason=f"recorded flow {RECORDED.name} is not on this machine")


def direct_book() -> tuple[OrderBook, dict[str, int]]:
    """Every row onto the book as it stands in the file; rows about orders that the file never added, by kind."""
    book, before_open = OrderBook(10_000), dict.fromkeys(KINDS.values(), 0)
    flow = read_lobster(RECORDED)
    while rows := flow.take(10_000):
        for _, kind, order, shares, price, side, is_before_open in rows:
            if is_before_open and kind in (2, 3, 4):
                before_open[KINDS[kind]] += 1
            elif kind == 1:
                book.add_order(order, side, price, shares)
            elif kind == 2:
                book.cancel_order(order, shares)
            elif kind == 3:
                book.delete_order(order)
            elif kind == 4:
                book.execute_order(order, shares)
    return book, {kind: count for kind, count in before_open.items() if count}


@recorded
def test_rows_applied_directly_have_no_error_but_those_from_before_the_open() -> None:
    book, before_open = direct_book()
    assert before_open == BEFORE_OPEN
    assert not any(book.counts.values())
    book.check_invariants()
    assert len(book) == 380


@recorded
def test_the_book_at_the_end_of_the_sockets_is_that_of_the_rows(tmp_path: Path) -> None:
    # one CPU may serve both ends: the venue waits until the feed handler is there, and rows come as fast as they go
    flow = {"file": str(RECORDED), "speed": 0.0, "max_rows_per_second": 1_000_000, "start": "on_request"}
    config = make_config(tmp_path, flow=flow)
    config["instrument"]["symbol"] = "AAPL"
    shared = {name: config[name] for name in ("runtime", "instrument", "lines", "rerequest", "glimpse")}
    handler = FeedHandler(msgspec.convert(shared, FeedHandlerConfig))
    venue = LocalVenue(config, listen=False)
    try:
        venue.start()
        assert venue.process is not None
        deadline = time.monotonic() + LIMIT_S

        def turn() -> None:
            assert time.monotonic() < deadline, handler.counters()
            venue.turn(0)
            handler.spin(0)

        while handler.update_status():
            turn()
        assert venue.process.request_start()
        while venue.status["flow"]["state"] != "done":
            turn()
        while handler.counters()["next_sequence"] < venue.status["feed"]["next_sequence"]:
            turn()

        replayed = venue.status["flow"]
        assert replayed["rows_replayed"] == replayed["rows_total"] == 91_997
        assert sum(replayed["rows_by_kind"].values()) == 91_997
        assert {kind: n for kind, n in replayed["before_open_by_kind"].items() if n} == BEFORE_OPEN
        assert not any(replayed["gone_by_kind"].values())
        for name in ("bad_rows", "shortened", "refused", "crossed_shares", "unfilled_shares"):
            assert replayed[name] == 0, name
        seen = handler.counters()
        for name in ("itch_inconsistent", "itch_truncated", "itch_unknown_types", "itch_other_instruments"):
            assert seen[name] == 0, name
        assert (seen["gap_declared"], seen["line_a_malformed"], seen["line_b_malformed"]) == (0, 0, 0)
        assert seen["itch_applied"] == seen["itch_messages"] == venue.status["feed"]["next_sequence"] - 1
        book, _ = direct_book()
        assert handler.book_digest() == book.digest()
        assert seen["live_orders"] == len(book)
    finally:
        handler.close()
        venue.close()
        remove_shared_memory()
