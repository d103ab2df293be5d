"""The recorded hour as ITCH bytes makes the book of its rows, and finds fault with nothing but what came before it."""

from __future__ import annotations

import struct

import pytest
from test_lobster_reader import RECORDED

from hotpath.book.order_book import OrderBook
from hotpath.feed.market_builder import MarketBuilder
from hotpath.protocols import itch
from hotpath.venue.lobster import read_lobster
from hotpath.venue.lobster_itch import message_of, opening

LOCATE = 13


def test_every_kind_of_row_has_its_message() -> None:
    head = (LOCATE, 0, 7)
    rows = {
        (7, 1, 5, 10, 5_853_300, "B", False): itch.AddOrder(*head, 5, "B", 10, "AAPL", 5_853_300),
        (7, 2, 5, 4, 5_853_300, "B", False): itch.OrderCancel(*head, 5, 4),
        (7, 3, 5, 6, 5_853_300, "B", False): itch.OrderDelete(*head, 5),
        (7, 4, 5, 6, 5_853_300, "B", False): itch.OrderExecuted(*head, 5, 6, 99),
        (7, 5, 0, 6, 5_853_350, "B", False): itch.Trade(*head, 0, "B", 6, "AAPL", 5_853_350, 99),
        (7, 6, 0, 600, 5_853_300, "B", False): itch.CrossTrade(*head, 600, "AAPL", 5_853_300, 99, "H"),
        (7, 7, 0, 0, -1, "S", False): itch.StockTradingAction(*head, "AAPL", "H", " ", ""),
        (7, 7, 0, 0, 1, "S", False): itch.StockTradingAction(*head, "AAPL", "T", " ", ""),
        (7, 7, 0, 0, 9, "S", False): None,
    }
    for row, message in rows.items():
        assert message_of(row, "AAPL", LOCATE, 99) == message
        if message is not None:
            assert itch.decode(itch.encode(message)) == message


@pytest.mark.skipif(not RECORDED.exists(), reason=f"recorded flow {RECORDED.name} is not on this machine")
def test_the_recorded_hour_by_bytes_is_the_recorded_hour_by_rows() -> None:
    flow = read_lobster(RECORDED)
    direct = OrderBook(10_000)
    wire = [itch.encode(message) for message in opening("AAPL", LOCATE)]
    while rows := flow.take(10_000):
        for row in rows:
            _, kind, order, shares, price, side, _ = row
            if kind == 1:
                direct.add_order(order, side, price, shares)
            elif kind == 2:
                direct.cancel_order(order, shares)
            elif kind == 3:
                direct.delete_order(order)
            elif kind == 4:
                direct.execute_order(order, shares)
            message = message_of(row, "AAPL", LOCATE, len(wire))
            if message is not None:
                wire.append(itch.encode(message))
    data = b"".join(struct.pack(">H", len(each)) + each for each in wire)
    single = MarketBuilder(1, 10_000)
    for each in wire:
        single.apply_message(each)
    markets = [single]
    for look_ahead in (False, True):
        markets.append(MarketBuilder(1, 10_000, look_ahead=look_ahead))
        outcome = markets[-1].apply(data)
        assert (outcome.consumed, outcome.messages, outcome.inconsistent) == (len(data), len(wire), 84)
        assert outcome.unknown_types == outcome.truncated == outcome.other_instruments == 0
    for market in markets:
        assert market.book(LOCATE).digest() == direct.digest()
        stats = market.stats()
        assert {kind: stats[kind] for kind in direct.counts} == direct.counts
        assert {kind: count for kind, count in direct.counts.items() if count} == {
            "unknown_delete": 72,
            "unknown_execute": 12,
        }
        market.book(LOCATE).check_invariants()
    assert len(direct) == 380
