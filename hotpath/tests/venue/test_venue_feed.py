"""The feed as its readers see it: two equal lines, re-request, snapshot."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from venue_support import LocalVenue, SoupClient

from hotpath.book.order_book import OrderBook
from hotpath.protocols import glimpse, itch, moldudp64, soupbintcp

GENERATED = {"speed": 0.0, "max_rows_per_second": 200_000}


def build(messages: list[Any]) -> OrderBook:
    book = OrderBook(100_000)
    for m in messages:
        if m.type == "A":
            book.add_order(m.order_ref, m.side, m.price, m.shares)
        elif m.type == "E":
            book.execute_order(m.order_ref, m.executed_shares)
        elif m.type == "X":
            book.cancel_order(m.order_ref, m.cancelled_shares)
        elif m.type == "D":
            book.delete_order(m.order_ref)
        elif m.type == "U":
            book.replace_order(m.original_order_ref, m.new_order_ref, m.price, m.shares)
    assert not any(book.counts.values())
    return book


def snapshot(venue: LocalVenue) -> tuple[list[Any], int]:
    client = SoupClient(venue.config["glimpse"]["port"])
    venue.clients.append(client)
    client.login("any", "one")
    end = lambda: [p for p in client.of(soupbintcp.SequencedData) if p.message[:1] == b"G"]  # noqa: E731
    venue.until(end, "end of snapshot")
    packets = [packet.message for packet in client.of(soupbintcp.SequencedData)]
    return [itch.decode(message) for message in packets[:-1]], glimpse.decode(packets[-1]).sequence_number


@pytest.fixture
def busy_venue(start_venue: Any) -> LocalVenue:
    venue: LocalVenue = start_venue(flow=GENERATED)
    venue.until(lambda: venue.feed.read() and venue.status["flow"]["rows_replayed"] > 3000)
    return venue


def test_lines_are_equal_gapless_and_within_the_datagram_limit(busy_venue: LocalVenue) -> None:
    feed = busy_venue.feed
    messages = feed.messages()
    assert feed.packets[0] == feed.packets[1]
    assert max(len(packet) for packet in feed.packets[0]) <= 1400
    assert sorted(messages) == list(range(1, len(messages) + 1))
    assert [m.type for m in list(messages.values())[:5]] == ["S", "S", "R", "H", "S"]
    stamps = [m.timestamp_ns for m in messages.values()]
    assert stamps == sorted(stamps)


def test_snapshot_equals_the_book_built_from_the_feed(busy_venue: LocalVenue) -> None:
    client = busy_venue.client()
    client.order(1, "B", 100, 500_000)
    busy_venue.until(lambda: client.kinds() == "A")
    state, following = snapshot(busy_venue)
    feed = busy_venue.feed.messages()
    until_then = [feed[sequence] for sequence in range(1, following)]
    assert [m.type for m in state[:5]] == ["S", "S", "S", "R", "H"]
    assert build(state).digest() == build(until_then).digest()
    assert any(m.type == "A" and m.price == 500_000 for m in state)


def test_rerequest_answers_with_what_was_sent(busy_venue: LocalVenue) -> None:
    feed = busy_venue.feed.messages()
    raw: dict[int, bytes] = {}
    for packet in busy_venue.feed.packets[0]:
        decoded = moldudp64.decode(packet)
        raw.update({decoded.sequence_number + i: message for i, message in enumerate(decoded.messages)})
    session = moldudp64.decode(busy_venue.feed.packets[0][0]).session
    last = max(feed)
    asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asker.connect(("127.0.0.1", busy_venue.config["rerequest"]["port"]))
    asker.setblocking(False)

    def ask(sequence: int, count: int, of: bytes = session) -> bytes | None:
        request = moldudp64.RequestPacket(session=of, sequence_number=sequence, message_count=count)
        asker.send(moldudp64.encode_request(request))
        for _ in range(3):
            busy_venue.turn(0)
        try:
            return asker.recv(2048)
        except BlockingIOError:
            return None

    with asker:
        answer = moldudp64.decode(ask(last - 20, 5) or b"")
        assert (answer.session, answer.sequence_number) == (session, last - 20)
        assert list(answer.messages) == [raw[sequence] for sequence in range(last - 20, last - 15)]
        large = ask(last - 900, 900) or b""
        assert len(large) <= 1400
        decoded = moldudp64.decode(large)
        assert 20 < len(decoded.messages) < 100  # what fits one packet
        assert list(decoded.messages) == [raw[last - 900 + i] for i in range(len(decoded.messages))]
        refused = busy_venue.status["counters"]["refused_rerequests"]
        assert ask(last - 20, 5, b"OTHER     ") is None
        assert ask(last - 20, 0) is None
        assert ask(0, 5) is None
        assert ask(10_000_000, 5) is None
        assert busy_venue.status["counters"]["refused_rerequests"] == refused + 4


def test_window_bounds_what_can_be_asked_for_again(start_venue: Any) -> None:
    venue = start_venue(flow=GENERATED, rerequest_window=100)
    venue.until(lambda: venue.status["flow"]["rows_replayed"] > 1000)
    session = moldudp64.decode(venue.feed.messages() and venue.feed.packets[0][0]).session
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.connect(("127.0.0.1", venue.config["rerequest"]["port"]))
        asker.send(moldudp64.encode_request(moldudp64.RequestPacket(session, 1, 1)))
        venue.until(lambda: venue.status["counters"]["refused_rerequests"] == 1)


def test_idle_feed_sends_heartbeats_with_the_next_sequence(start_venue: Any) -> None:
    venue = start_venue(rows=[("34200.0", 5, 0, 1, 1_000_000, 1), ("34900.0", 5, 0, 1, 1_000_000, 1)])
    venue.until(lambda: venue.feed.read() >= 4)
    beats = [moldudp64.decode(packet) for packet in venue.feed.packets[0][2:]]
    assert all(not packet.messages for packet in beats)
    assert {packet.sequence_number for packet in beats} == {max(venue.feed.messages()) + 1}


def test_full_session_rolls_over_to_a_new_one(start_venue: Any) -> None:
    venue = start_venue(flow=GENERATED, max_session_messages=2000)
    first = venue.status["feed"]["session"]
    venue.until(lambda: venue.feed.read() and venue.status["feed"]["session"] != first, "new session")
    second = venue.status["feed"]["session"]
    venue.until(lambda: venue.feed.read() and venue.status["feed"]["next_sequence"] > 700)
    assert len(build(list(venue.feed.messages(second).values()))) > 200
    assert venue.status["starts"] == 2
