"""The feed handler over real UDP and TCP sockets and real shared memory, against a scripted venue."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from feed_support import (
    OPENING,
    RECOVERED,
    RESET,
    STALE,
    SYMBOL,
    TRADE,
    TRADING_STATE,
    TWO_SIDED,
    UPDATE,
    ScriptedVenue,
    action,
    add,
    delete,
    directory,
    executed,
    feed_config,
    hidden_trade,
    mold,
    system,
)

from hotpath.config import ConfigError, FeedHandlerConfig
from hotpath.feed.handler import FeedHandler
from hotpath.ipc.layouts import BOOK_EVENT_SIZE, BookEvent, decode_book_event
from hotpath.ipc.ring import RingConsumer, RingProducer
from hotpath.ipc.segment import ProducerState, remove_segments
from hotpath.ipc.seqlock import SeqlockReader
from hotpath.ipc.status import read_status


class Rig:
    """A feed handler in this process, a scripted venue, and the strategy's end of the ring."""

    def __init__(self, venue: ScriptedVenue, config: FeedHandlerConfig) -> None:
        self.venue = venue
        self.prefix = config.runtime.shm_prefix
        self.handler = FeedHandler(config)
        self.ring = RingConsumer(self.prefix, "ring.book", BOOK_EVENT_SIZE, symbol=SYMBOL)
        self.events: list[BookEvent] = []

    def run(self, milliseconds: int = 4) -> list[BookEvent]:
        """Let both sides work; returns the new events."""
        new: list[BookEvent] = []
        for _ in range(milliseconds):
            self.handler.spin(1)
            self.venue.serve()
            while (data := self.ring.poll_bytes()) is not None:
                new.append(decode_book_event(data))
        self.events += new
        return new

    def until(self, done: Callable[[], bool], limit_ms: int = 2000) -> list[BookEvent]:
        new: list[BookEvent] = []
        for _ in range(limit_ms):
            new += self.run(1)
            if done():
                return new
        raise AssertionError(f"not reached in {limit_ms} ms: {self.handler.counters()}")

    def ready(self) -> bool:
        return not self.handler.update_status()

    def top(self) -> BookEvent:
        data = SeqlockReader(self.prefix, "top", BOOK_EVENT_SIZE, SYMBOL).read_bytes()
        assert data is not None
        return decode_book_event(data)

    def __getitem__(self, counter: str) -> int:
        return self.handler.counters()[counter]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    rigs: list[Rig] = []

    def make(**changes: object) -> Rig:
        venue = ScriptedVenue()
        rigs.append(Rig(venue, feed_config(venue, str(tmp_path), **changes)))
        return rigs[-1]

    yield make
    for each in rigs:
        each.handler.close()
        each.venue.close()
        remove_segments(each.prefix)


@pytest.fixture
def live(rig: Callable[..., Rig]) -> Rig:
    """In session with a two-sided book."""
    r = rig()
    r.venue.send(OPENING + TWO_SIDED)
    r.until(r.ready)
    r.events.clear()
    return r


def kinds(events: list[BookEvent]) -> list[int]:
    return [event.kind for event in events]


def test_a_cold_start_loads_a_snapshot_and_then_follows_the_lines(rig: Callable[..., Rig]) -> None:
    r = rig()
    assert set(r.handler.update_status()) == {"session", "lines", "book"}
    assert r.top().kind == STALE
    r.venue.send(OPENING + TWO_SIDED)
    events = r.until(r.ready)
    assert kinds(events) == [RESET, TRADING_STATE, RECOVERED]
    recovered = events[-1]
    assert (recovered.bid_price, recovered.bid_shares, recovered.ask_price, recovered.ask_shares) == (
        999_900,
        100,
        1_000_100,
        200,
    )
    assert (recovered.trading_state, recovered.locate) == ("T", 7)
    assert r.venue.snapshots == 1
    # the packet that told us of the session was buffered, and the snapshot covers it
    assert (r["gap_joined_by_snapshot"], r["gap_skipped_by_snapshot"], r["snapshots_loaded"]) == (1, 6, 1)
    sequence = r.venue.send([add(3, "B", 50, 1_000_000, ts=77)])
    (event,) = r.run()
    assert (event.kind, event.bid_price, event.bid_shares, event.bid_orders) == (UPDATE, 1_000_000, 50, 1)
    assert (event.feed_sequence, event.exchange_ns) == (sequence, 77)
    assert 0 < event.received_ns <= event.published_ns
    assert r.top().bid_price == 1_000_000
    assert (r["line_a_first"] + r["line_b_first"], r["line_a_duplicates"] + r["line_b_duplicates"]) == (7, 7)


def test_the_snapshot_applies_before_buffered_messages(rig: Callable[..., Rig]) -> None:
    r = rig()
    r.venue.messages = OPENING + TWO_SIDED
    r.venue.heartbeat()
    r.handler.spin(2)  # connects; the venue has not answered yet
    r.venue.send([delete(1), add(9, "B", 10, 999_800)])
    r.handler.spin(2)
    r.venue.messages, live = r.venue.messages[:-2], r.venue.messages[-2:]
    r.venue.serve()  # a snapshot as of before the last packet
    r.venue.messages += live
    r.until(r.ready)
    assert (r.events[-1].kind, r.events[-1].bid_price) == (RECOVERED, 999_800)


def test_one_event_per_packet_and_one_per_print(live: Rig) -> None:
    live.venue.send([add(3, "B", 10, 999_950), add(4, "B", 10, 999_960), add(5, "S", 10, 1_000_050)])
    (event,) = live.run()
    assert (event.kind, event.conflated, event.bid_price, event.ask_price) == (UPDATE, 2, 999_960, 1_000_050)
    live.venue.send([executed(5, 4), executed(5, 6)])
    events = live.run()
    assert kinds(events) == [TRADE, TRADE]
    assert [(e.last_price, e.last_shares, e.ask_price) for e in events] == [
        (1_000_050, 4, 1_000_050),
        (1_000_050, 6, 1_000_100),
    ]
    live.venue.send([add(6, "B", 10, 900_000)])  # not at the top: nothing to say
    assert live.run() == []


def test_the_other_line_closes_a_gap_without_going_stale(live: Rig) -> None:
    live.venue.send([delete(1)], lines=[1])
    live.venue.send([add(3, "B", 10, 999_950)], lines=[0, 1])
    assert kinds(live.run()) in ([UPDATE], [UPDATE, UPDATE])
    assert (live["gap_declared"], live["gap_requests"]) == (0, 0)
    assert live.top().bid_price == 999_950


def test_loss_on_both_lines_is_re_requested(live: Rig) -> None:
    live.venue.send([delete(1), *(add(ref, "B", 10, 999_000 + ref) for ref in range(100, 125))], lines=[])
    live.venue.send([add(3, "S", 10, 1_000_050)])
    events = live.until(lambda: live["gap_closed_by_rerequest"] == 1)
    # stale while the gap is older than its timeout, good again when the partial answers have closed it
    assert kinds(events) == [STALE, RECOVERED]
    assert (events[0].bid_price, events[1].bid_price, events[1].ask_price) == (0, 999_124, 1_000_050)
    assert live.venue.requests == [(7, 26), (17, 16), (27, 6)]
    assert (live["gap_closed_by_rerequest"], live["rerequest_first"], live["gap_declared"]) == (1, 26, 0)


def test_a_heartbeat_reveals_tail_loss(live: Rig) -> None:
    live.venue.send([delete(2)], lines=[])
    live.venue.heartbeat()
    live.until(lambda: live["gap_closed_by_rerequest"] == 1)
    live.until(live.ready)
    assert live.top().ask_price == 0


def test_a_gap_nobody_fills_is_declared_and_a_snapshot_recovers(live: Rig) -> None:
    live.venue.answers = False
    live.venue.send([delete(1), add(3, "B", 70, 999_700)], lines=[])
    live.venue.send([add(4, "S", 10, 1_000_050)])
    events = live.until(lambda: live["snapshots_loaded"] == 2)
    events += live.until(live.ready)
    assert kinds(events) == [STALE, RECOVERED]
    assert (events[-1].bid_price, events[-1].ask_price) == (999_700, 1_000_050)
    assert len(live.venue.requests) == 3
    assert (live["gap_declared"], live["gap_closed_by_snapshot"], live["gap_skipped_by_snapshot"]) == (1, 2, 6 + 3)


def test_an_unusable_snapshot_is_tried_again(live: Rig) -> None:
    live.venue.snapshot = [*OPENING, delete(5)]
    live.venue.send([delete(77)])  # does not fit: the book is wrong somewhere
    live.until(lambda: live["snapshots_failed"] == 1)
    assert "does not fit the book" in str(live.handler.snapshot_problem())
    closed = live.handler.update_status()
    assert "waiting for a snapshot" in closed["gap"]
    assert "stale" in closed["book"]
    live.venue.snapshot = OPENING + TWO_SIDED
    live.until(live.ready)
    assert kinds(live.events) == [STALE, RECOVERED]
    assert live["itch_inconsistent"] == 2


def test_a_snapshot_of_another_session_is_not_used(rig: Callable[..., Rig]) -> None:
    r = rig()
    r.venue.snapshot_session = b"IRONMD0099"
    r.venue.send(OPENING + TWO_SIDED)
    r.until(lambda: r["snapshots_failed"] == 1)
    assert r["snapshots_loaded"] == 0
    r.venue.snapshot_session = None
    r.until(r.ready)


def test_an_unreachable_snapshot_server_is_named(rig: Callable[..., Rig]) -> None:
    r = rig()
    r.venue.glimpse.close()
    r.venue.send(OPENING, lines=[0])
    for _ in range(5):
        r.handler.spin(1)
    assert "Connection refused" in r.handler.update_status()["gap"]


def test_a_new_session_resets_the_book(live: Rig) -> None:
    live.venue.restart(b"IRONMD0002")
    live.venue.send([*OPENING, add(1, "S", 5, 2_000_000)])
    events = live.until(lambda: live["snapshots_loaded"] == 2)
    assert kinds(events)[0] == RESET
    assert kinds(events)[-1] == RECOVERED
    assert (events[-1].bid_price, events[-1].ask_price, events[-1].ask_shares) == (0, 2_000_000, 5)
    assert live.handler.session() == "IRONMD0002"
    live.venue.raw(mold(b"IRONMD0001", 7, [delete(1)]), [0])
    assert live.run() == []
    assert live["line_a_foreign"] == 1


def test_silence_is_stale_and_a_packet_ends_it(rig: Callable[..., Rig]) -> None:
    r = rig(silence_ms=60)
    r.venue.send(OPENING + TWO_SIDED)
    r.until(r.ready)
    events = r.until(lambda: "book" in r.handler.update_status())
    assert kinds(events) == [STALE]
    assert set(r.handler.update_status()) == {"lines", "book"}
    assert r.top().kind == STALE
    r.venue.heartbeat(lines=[1])
    assert kinds(r.run()) == [RECOVERED]
    assert r.ready()
    assert r["lines_live"] == 1


def test_halt_and_end_of_session_are_published(live: Rig) -> None:
    live.venue.send([action("H")])
    live.venue.send([action("T")])
    live.venue.send([system("M")])
    assert [(e.kind, e.trading_state) for e in live.run()] == [
        (TRADING_STATE, "H"),
        (TRADING_STATE, "T"),
        (TRADING_STATE, "E"),
    ]


def test_a_crossed_book_closes_its_gate(live: Rig) -> None:
    live.venue.send([add(3, "B", 10, 1_000_200)])
    live.run()
    assert set(live.handler.update_status()) == {"book"}
    live.venue.send([delete(3)])
    live.run()
    assert live.ready()


def test_a_full_ring_conflates_to_the_newest_state_and_counts(live: Rig) -> None:
    capacity = 16_384
    for number in range(capacity // 20 + 5):
        live.venue.send([hidden_trade(1 + n, 1_000_000) for n in range(20)], lines=[number % 2])
        if number % 20 == 0:
            live.handler.spin(0)
    live.venue.send([add(5, "S", 1, 1_000_010)])
    for _ in range(10):
        live.handler.spin(1)
    assert live.ring.unread == capacity
    assert live["events_conflated"] >= 95
    assert live.top().ask_price == 1_000_010  # the block is never behind
    events = live.run()
    assert len(events) == capacity + 1
    assert (events[-1].kind, events[-1].last_shares, events[-1].ask_price) == (TRADE, 20, 1_000_010)
    assert events[-1].conflated >= 95
    live.venue.send([delete(5)])
    (event,) = live.run()
    assert (event.kind, event.conflated, event.ask_price) == (UPDATE, 0, 1_000_100)


def test_a_stranger_cannot_answer_re_requests(live: Rig) -> None:
    live.venue.answers = False
    live.venue.send([add(3, "B", 1, 999_950)], lines=[])
    live.venue.heartbeat()
    live.until(lambda: bool(live.venue.requests))
    forged = mold(live.venue.session, 7, [add(3, "B", 1, 999_999)])
    live.venue.out.sendto(forged, live.venue.client)
    live.until(lambda: live["rerequest_strangers"] == 1)
    live.venue.answers = True
    live.until(live.ready)
    assert live.top().bid_price == 999_950


def test_a_taken_port_is_named(rig: Callable[..., Rig], tmp_path: Path) -> None:
    venue = ScriptedVenue()
    holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    holder.bind(venue.lines[1])
    try:
        with pytest.raises(OSError, match=rf"feed line B \(UDP 127.0.0.1:{venue.lines[1][1]}\).*held by"):
            FeedHandler(feed_config(venue, str(tmp_path)))
    finally:
        holder.close()
        venue.close()


@pytest.mark.parametrize("changes", [{"lines": []}, {"max_orders": 0}, {"rerequest_timeout_ms": 0}])
def test_settings_out_of_range_are_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    venue = ScriptedVenue()
    try:
        with pytest.raises(ConfigError):
            FeedHandler(feed_config(venue, str(tmp_path), **changes))
    finally:
        venue.close()


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (directory("AAPL"), "stock directory: locate 7 is AAPL, this role trades IRON"),
        (directory(locate=9), "stock directory: IRON has locate 9, instrument.locate is 7"),
    ],
    ids=["symbol", "locate"],
)
def test_another_instruments_feed_is_never_published(rig: Callable[..., Rig], entry: bytes, reason: str) -> None:
    """By snapshot, by the lines, until a session is ours again."""
    r = rig()
    foreign = [system("O"), entry, system("Q"), action("T"), *TWO_SIDED]
    r.venue.send(foreign)
    r.until(lambda: r["snapshots_loaded"] == 1)
    r.venue.send([add(3, "B", 50, 1_000_000)])
    r.run(20)
    assert r.handler.update_status()["session"] == reason
    assert r.top().kind == STALE
    assert {(event.kind, event.bid_price, event.ask_price) for event in r.events} == {(RESET, 0, 0)}
    r.venue.restart(b"IRONMD0002")
    r.venue.send(OPENING + TWO_SIDED)
    r.until(r.ready)
    assert r.top().bid_price == 999_900


def test_a_directory_entry_that_comes_late_stops_the_book_within_its_packet(live: Rig) -> None:
    live.venue.send([directory("AAPL"), add(3, "B", 50, 1_000_000)])
    live.run()
    assert kinds(live.events) == [STALE]
    assert live.handler.update_status()["session"] == "stock directory: locate 7 is AAPL, this role trades IRON"


def test_a_snapshot_without_our_instrument_is_not_our_book(live: Rig) -> None:
    live.venue.snapshot = [directory("AAPL", 9), add(5, "B", 1, 1_000_000, locate=9)]
    live.venue.answers = False
    live.venue.send([add(3, "B", 1, 999_950)], lines=[])
    live.venue.heartbeat()
    live.until(lambda: live["snapshots_loaded"] == 2)
    live.run(5)
    assert live.handler.update_status()["session"] == "stock directory: no entry for IRON yet"
    assert live.top().kind == STALE


def test_a_second_feed_handler_supersedes_the_first(live: Rig) -> None:
    RingProducer(live.prefix, "ring.book", BOOK_EVENT_SIZE, 16)
    assert live.handler.superseded()


def test_the_process_starts_publishes_and_stops_on_sigterm(tmp_path: Path) -> None:
    venue = ScriptedVenue()
    config = feed_config(venue, str(tmp_path))
    path = tmp_path / "feed-handler.json"
    path.write_bytes(msgspec.json.encode(config))
    prefix = config.runtime.shm_prefix
    process = subprocess.Popen(
        [sys.executable, "-m", "hotpath", "run", "feed-handler", "--config", str(path)],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        venue.messages = OPENING + TWO_SIDED
        deadline = time.monotonic() + 5
        while True:
            assert time.monotonic() < deadline
            assert process.poll() is None
            venue.heartbeat()
            venue.serve()
            time.sleep(0.01)
            if (
                os.path.exists(f"/dev/shm/{prefix}.status.feed-handler")
                and read_status(prefix, "feed-handler")["ready"]
            ):
                break
        ring = RingConsumer(prefix, "ring.book", BOOK_EVENT_SIZE, symbol=SYMBOL)
        venue.send([add(3, "B", 1, 999_950)])
        while (data := ring.poll_bytes()) is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        assert decode_book_event(data).bid_price == 999_950
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert ring.liveness() == ProducerState.CLOSED
        events = []
        while (data := ring.poll_bytes()) is not None:
            events.append(decode_book_event(data).kind)
        assert events == [STALE]
        assert process.stderr is not None
        log = process.stderr.read()
        assert "new market data session session=IRONMD0001" in log
        assert "stopped signal=SIGTERM" in log
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        venue.close()
        remove_segments(prefix)
