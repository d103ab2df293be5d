"""What one row of flow does, by small examples: the feed tells what happened to the book."""

from __future__ import annotations

from typing import Any

import httpx
from venue_support import FILLER, LocalVenue, act, add, staged

from hotpath.protocols import ouch

ADD, REDUCE, DELETE, EXECUTE, HIDDEN, CROSS, HALT = range(1, 8)


def story(venue: LocalVenue) -> list[tuple[Any, ...]]:
    """The feed's messages in short, without the session's opening and the filler prints."""
    lines: list[tuple[Any, ...]] = []
    for message in venue.feed.messages().values():
        kind = message.type
        if kind == "A":
            lines.append(("A", message.order_ref, message.side, message.shares, message.price))
        elif kind == "E":
            lines.append(("E", message.order_ref, message.executed_shares))
        elif kind == "X":
            lines.append(("X", message.order_ref, message.cancelled_shares))
        elif kind == "D":
            lines.append(("D", message.order_ref))
        elif kind == "U":
            lines.append(("U", message.original_order_ref, message.new_order_ref, message.shares, message.price))
        elif kind == "P" and (message.shares, message.price) != (1, 1_000_000):
            lines.append(("P", message.shares, message.price))
        elif kind == "Q":
            lines.append(("Q", message.shares, message.cross_price, message.cross_type))
        elif kind == "H":
            lines.append(("H", message.trading_state))
    return lines[1:]


def test_rows_without_clients(start_venue: Any) -> None:
    venue = start_venue(
        staged(
            [
                add(11, "B", 300, 999_000),
                add(12, "S", 200, 1_001_000),
                act(REDUCE, 11, "B", 100, 999_000),
                act(EXECUTE, 12, "S", 150, 1_001_000),
                act(EXECUTE, 12, "S", 50, 1_001_000),
                act(DELETE, 11, "B", 200, 999_000),
                act(HIDDEN, 0, "B", 70, 1_000_500),
                act(CROSS, 0, "B", 5000, 1_000_100),
            ]
        )
    )
    venue.turn(0)
    assert story(venue) == [
        ("A", 11, "B", 300, 999_000),
        ("A", 12, "S", 200, 1_001_000),
        ("X", 11, 100),
        ("E", 12, 150),
        ("E", 12, 50),
        ("D", 11),
        ("P", 70, 1_000_500),
        ("Q", 5000, 1_000_100, "O"),
    ]
    assert venue.status["counters"]["live_orders"] == 0


def test_rows_about_orders_that_are_not_there_are_counted_by_kind(start_venue: Any) -> None:
    venue = start_venue(
        staged(
            [
                act(REDUCE, 1, "B", 1, 999_000),  # never added
                act(DELETE, 2, "B", 1, 999_000),
                add(3, "B", 100, 999_000),
                act(DELETE, 3, "B", 100, 999_000),
                act(DELETE, 3, "B", 100, 999_000),  # added, but gone
                act(REDUCE, 3, "B", 100, 999_000),
                act(EXECUTE, 3, "B", 100, 999_000),
                add(4, "S", 100, 1_001_000),
                act(REDUCE, 4, "S", 900, 1_001_000),  # more than it has
            ]
        )
    )
    venue.turn(0)
    flow = venue.status["flow"]
    assert (flow["before_open_by_kind"]["reduce"], flow["before_open_by_kind"]["delete"]) == (1, 1)
    assert (flow["gone_by_kind"]["reduce"], flow["gone_by_kind"]["delete"], flow["gone_by_kind"]["execute"]) == (
        1,
        1,
        1,
    )
    assert (flow["shortened"], flow["unfilled_shares"]) == (1, 100)


def test_execution_of_an_order_from_before_the_open_is_a_print(start_venue: Any) -> None:
    """That order stood first at its price, so orders here at the same price are not touched, better ones are."""
    venue = start_venue(
        staged(
            [
                add(11, "S", 100, 1_000_900),
                add(12, "S", 100, 1_001_000),
                act(EXECUTE, 5, "S", 150, 1_001_000),
            ]
        )
    )
    venue.turn(0)
    assert story(venue)[2:] == [("E", 11, 100), ("P", 50, 1_001_000)]
    assert venue.status["flow"]["before_open_by_kind"]["execute"] == 1


def test_the_order_named_by_an_execution_trades_although_another_stands_before_it(start_venue: Any) -> None:
    """The record says which one traded; what stands before it may be gone there without a row in the file."""
    venue = start_venue(
        staged(
            [
                add(11, "S", 100, 1_001_000),
                add(12, "S", 100, 1_001_000),
                act(EXECUTE, 12, "S", 60, 1_001_000),
                act(EXECUTE, 12, "S", 50, 1_001_000),  # it had 40
                act(DELETE, 11, "S", 100, 1_001_000),
            ]
        )
    )
    venue.turn(0)
    assert story(venue)[2:] == [("E", 12, 60), ("E", 12, 40), ("D", 11)]
    flow = venue.status["flow"]
    assert (flow["shortened"], flow["unfilled_shares"], flow["gone_by_kind"]["delete"]) == (1, 10, 0)
    assert venue.status["counters"]["executed_shares"] == 100


def test_a_client_before_the_named_order_is_filled_first_others_are_too(start_venue: Any) -> None:
    """By price and time, as the aggressor meets them."""
    venue = start_venue(
        staged(
            [add(11, "S", 100, 1_001_000)],
            [FILLER],
            [add(12, "S", 100, 1_001_000), act(EXECUTE, 12, "S", 150, 1_001_000)],
        )
    )
    venue.turn(0)
    client = venue.client()
    client.order(1, "S", 60, 1_001_000)
    venue.expect(client, "A")
    own = client.reports()[0].order_reference_number
    venue.expect(client, "AE")
    venue.until(lambda: venue.status["flow"]["rows_replayed"] == 3 * 64)
    traded = [line for line in story(venue) if line[0] == "E"]
    assert traded == [("E", 11, 100), ("E", own, 50)]


def test_client_with_better_price_is_filled_ahead_of_the_recorded_order(start_venue: Any) -> None:
    venue = start_venue(
        staged(
            [add(11, "S", 100, 1_001_000), add(12, "B", 100, 999_000)],
            [act(EXECUTE, 11, "S", 100, 1_001_000)],
            [act(DELETE, 11, "S", 100, 1_001_000)],
        )
    )
    client = venue.client()
    client.order(1, "S", 60, 1_000_900)
    venue.expect(client, "AE")
    fill = client.reports()[1]
    assert (fill.quantity, fill.price, fill.liquidity_flag) == (60, 1_000_900, "A")
    own = client.reports()[0].order_reference_number
    venue.until(lambda: venue.status["flow"]["rows_replayed"] == 3 * 64)
    assert story(venue)[2:] == [("A", own, "S", 60, 1_000_900), ("E", own, 60), ("E", 11, 40), ("D", 11)]


def test_client_at_the_same_price_but_earlier_is_filled_first(start_venue: Any) -> None:
    venue = start_venue(
        staged([], [add(11, "S", 100, 1_001_000)], [act(EXECUTE, 11, "S", 100, 1_001_000)], []),
    )
    client = venue.client()
    client.order(1, "S", 30, 1_001_000)
    venue.expect(client, "AE")
    assert client.reports()[1].quantity == 30
    venue.until(lambda: venue.status["flow"]["rows_replayed"] == 4 * 64)
    own = client.reports()[0].order_reference_number
    assert story(venue) == [
        ("A", own, "S", 30, 1_001_000),
        ("A", 11, "S", 100, 1_001_000),
        ("E", own, 30),
        ("E", 11, 70),
    ]
    assert venue.status["counters"]["live_orders"] == 1  # 30 shares of order 11 that history would have taken


def test_add_that_meets_a_client_trades_first_and_rests_with_what_is_left(start_venue: Any) -> None:
    venue = start_venue(staged([], [add(11, "B", 100, 1_000_000)], [act(DELETE, 11, "B", 100, 1_000_000)]))
    client = venue.client()
    client.order(1, "S", 40, 999_900)
    venue.expect(client, "AE")
    own, fill = client.reports()
    assert (fill.quantity, fill.price) == (40, 999_900)  # at the resting price
    venue.until(lambda: venue.status["flow"]["rows_replayed"] == 3 * 64)
    ref = own.order_reference_number
    assert story(venue) == [("A", ref, "S", 40, 999_900), ("E", ref, 40), ("A", 11, "B", 60, 1_000_000), ("D", 11)]
    assert venue.status["flow"]["client_shares"] == 40


def test_halt_ends_client_orders_and_refuses_new_ones_until_trading_resumes(start_venue: Any) -> None:
    venue = start_venue(
        staged(
            [add(11, "B", 100, 999_000)],
            [("34200.0", HALT, 0, 0, -1, -1)],
            [],
            [("34200.0", HALT, 0, 0, 0, -1), ("34200.0", HALT, 0, 0, 1, -1)],
            *[[] for _ in range(40)],
        )
    )
    client = venue.client()
    client.order(1, "S", 100, 1_001_000)
    reports = venue.expect(client, "AC")
    assert (reports[1].reason, reports[1].quantity) == ("H", 100)
    client.order(2, "S", 100, 1_001_000)
    venue.turn(0)
    assert [line for line in story(venue) if line[0] == "H"] == [("H", "H"), ("H", "Q"), ("H", "T")]
    refused = venue.expect(client, "ACJ")[2]
    assert isinstance(refused, ouch.Rejected)
    assert refused.reason == 0x07
    client.order(3, "S", 100, 1_001_000)
    venue.expect(client, "ACJA")


def test_end_of_flow_closes_the_market(start_venue: Any) -> None:
    venue = start_venue(staged([add(11, "B", 100, 999_000)], [], []))
    client = venue.client()
    client.order(1, "B", 100, 998_000)
    venue.expect(client, "A")
    venue.until(lambda: venue.status["flow"]["state"] == "closing")
    client.order(2, "B", 100, 998_000)
    rejected = venue.expect(client, "AJ")[1]
    assert rejected.reason == 0x02
    venue.until(lambda: venue.status["flow"]["state"] == "done")
    closed = venue.expect(client, "AJC")[2]
    assert (closed.user_ref_num, closed.reason) == (1, "E")
    events = [message.event_code for message in venue.feed.messages().values() if message.type == "S"]
    assert "".join(events) == "OSQMEC"


def test_flow_that_waits_starts_on_request_and_stays_started(start_venue: Any) -> None:
    rows = staged([add(11, "B", 100, 999_000)])
    venue = start_venue(rows, serve_admin=True, flow={"start": "on_request"})
    client = venue.client()
    client.order(1, "B", 100, 998_000)
    assert venue.expect(client, "J")[0].reason == 0x02
    assert venue.status["flow"]["rows_replayed"] == 0
    url = f"http://127.0.0.1:{venue.config['admin']['port']}/flow/start"
    assert httpx.post(url).status_code == 202
    venue.until(lambda: venue.status["flow"]["rows_replayed"] == 64)
    assert httpx.post(url).status_code == 200
    venue.stop()
    venue.start()
    assert venue.status["flow"]["rows_replayed"] == 64
