"""Loss, repetition, reordering and line skew up to 50 ms, seeded: what is delivered is the loss-free sequence, or the
hole is declared and the book says that it is stale. In simulated time, and over real sockets in real time."""

from __future__ import annotations

import heapq
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from feed_support import OPENING, RECOVERED, STALE, TWO_SIDED, ScriptedVenue, add, delete, feed_config, mold
from hypothesis import given, settings
from hypothesis import strategies as st

from hotpath.book.order_book import OrderBook
from hotpath.feed.arbitrator import Arbitrator
from hotpath.feed.handler import FeedHandler
from hotpath.ipc.layouts import BOOK_EVENT_SIZE, BookEvent, decode_book_event
from hotpath.ipc.ring import RingConsumer
from hotpath.ipc.segment import remove_segments
from hotpath.ipc.seqlock import SeqlockReader

A, B, REREQUEST = 0, 1, 2
LINES = (A, B)
SESSION = b"IRONMD0001"
MS = 1_000_000
SKEW_MS = 50
# as configured by default (FeedHandlerConfig), the number of tries apart
GAP_TIMEOUT_NS = 2 * MS
REREQUEST_TIMEOUT_NS = 50 * MS


@dataclass(frozen=True)
class Faults:
    """Of both lines, and of the re-request server: shares of packets, and the most a packet is late by itself."""

    loss: float
    repeats: float
    reorder_ns: int
    skew_ns: tuple[int, int]
    server_loss: float


FAULTS = st.builds(
    Faults,
    loss=st.sampled_from([0.0, 0.02, 0.2, 0.5]),
    repeats=st.sampled_from([0.0, 0.1, 0.5]),
    reorder_ns=st.sampled_from([0, MS, 10 * MS]),
    skew_ns=st.tuples(st.integers(0, SKEW_MS * MS), st.just(0)) | st.tuples(st.just(0), st.integers(0, SKEW_MS * MS)),
    server_loss=st.sampled_from([0.0, 0.2]),
)


class SimulatedFeed:
    """Two faulty lines and a faulty re-request server in simulated time; `delivered` is what the arbitrator let out."""

    def __init__(self, seed: int, faults: Faults, *, retries: int) -> None:
        self.random = random.Random(seed)
        self.faults = faults
        self.arbitrator = Arbitrator(
            gap_timeout_ns=GAP_TIMEOUT_NS,
            rerequest_timeout_ns=REREQUEST_TIMEOUT_NS,
            rerequest_retries=retries,
            store_messages=4096,
        )
        self.sent: list[bytes] = []
        self.reached: list[set[int]] = [set(), set()]  # messages that a line carried
        self.delivered: list[tuple[int, bytes]] = []
        self.requested: list[tuple[int, int]] = []
        self.under_way: list[tuple[int, int, int, bytes]] = []
        self.posted = 0
        self.now = 0

    def post(self, source: int, at: int, packet: bytes) -> None:
        self.posted += 1
        heapq.heappush(self.under_way, (at, self.posted, source, packet))

    def publish(self, count: int) -> None:
        first = len(self.sent) + 1
        self.sent += [b"message %d" % number for number in range(first, first + count)]
        packet = mold(SESSION, first, self.sent[first - 1 :])
        for line in LINES:
            if self.random.random() < self.faults.loss:
                continue
            self.reached[line].update(range(first, first + count))
            for _ in range(1 + (self.random.random() < self.faults.repeats)):
                late = self.random.randint(0, self.faults.reorder_ns)
                self.post(line, self.now + self.faults.skew_ns[line] + late, packet)

    def heartbeat(self) -> None:
        for line in LINES:
            self.post(line, self.now + self.faults.skew_ns[line], mold(SESSION, len(self.sent) + 1, []))

    def answer(self, first: int, count: int) -> None:
        self.requested.append((first, count))
        if self.random.random() < self.faults.server_loss:
            return
        held = self.sent[first - 1 : first - 1 + min(count, 20)]
        if held:
            self.post(REREQUEST, self.now + self.random.randint(MS // 10, MS), mold(SESSION, first, held))

    def run(self, duration_ns: int) -> None:
        until = self.now + duration_ns
        while self.now < until:
            self.now = min(until, self.now + MS // 2, *(at for at, *_ in self.under_way[:1]))
            while self.under_way and self.under_way[0][0] <= self.now:
                _, _, source, packet = heapq.heappop(self.under_way)
                self.delivered += [each for each in self.arbitrator.feed(source, packet, self.now) if each[0]]
            request = self.arbitrator.due_request(self.now)
            if request is not None:
                self.answer(*request)

    def session(self, packets: int, spacing_ns: int) -> None:
        """Heard from its first packet on; heartbeats until all is there."""
        self.heartbeat()
        self.run(2 * SKEW_MS * MS)
        for _ in range(packets):
            self.publish(self.random.randint(1, 4))
            self.run(self.random.randint(0, 2 * spacing_ns))
        for _ in range(4):
            self.heartbeat()
            self.run(10 * SKEW_MS * MS)

    def loss_free(self) -> list[tuple[int, bytes]]:
        return list(enumerate(self.sent, start=1))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), faults=FAULTS)
def test_what_is_delivered_is_the_loss_free_sequence(seed: int, faults: Faults) -> None:
    feed = SimulatedFeed(seed, faults, retries=20)
    feed.session(packets=60, spacing_ns=3 * MS)
    assert feed.delivered == feed.loss_free()
    gaps = feed.arbitrator.gap_stats()
    sources = [feed.arbitrator.source_stats(source) for source in (A, B, REREQUEST)]
    assert (feed.arbitrator.state_name, gaps["declared"]) == ("in_sequence", 0)
    # every message is accounted for once, by who brought it first
    assert sum(each["first"] for each in sources) == len(feed.sent)
    for each in sources:
        assert each["messages"] == each["first"] + each["duplicates"] + each["not_stored"]
        assert (each["malformed"], each["foreign"]) == (0, 0)
    # every gap was closed, every request is counted, and what no line carried was asked for
    assert gaps["opened"] == gaps["closed_by_line"] + gaps["closed_by_rerequest"]
    assert gaps["requests"] == len(feed.requested)
    assert gaps["messages_requested"] == sum(count for _, count in feed.requested)
    asked = {number for first, count in feed.requested for number in range(first, first + count)}
    lost_by_both = set(range(1, len(feed.sent) + 1)) - feed.reached[A] - feed.reached[B]
    assert lost_by_both <= asked
    assert sources[REREQUEST]["first"] >= len(lost_by_both)
    for line in LINES:
        lost = len(feed.sent) - len(feed.reached[line])
        assert sources[line]["skipped"] - sources[line]["late"] <= lost <= sources[line]["skipped"]


def test_a_line_50_ms_behind_costs_nothing_while_the_other_is_whole() -> None:
    feed = SimulatedFeed(1, Faults(0.0, 0.0, 0, (0, SKEW_MS * MS), 0.0), retries=2)
    feed.session(packets=100, spacing_ns=MS)
    assert feed.delivered == feed.loss_free()
    assert feed.requested == []
    assert feed.arbitrator.source_stats(B)["first"] == 0


def test_a_loss_on_the_line_ahead_is_asked_for_long_before_the_line_behind_brings_it() -> None:
    feed = SimulatedFeed(1, Faults(0.0, 0.0, 0, (0, SKEW_MS * MS), 0.0), retries=2)
    feed.heartbeat()
    feed.run(100 * MS)
    for number in range(3):
        feed.publish(1)
        if number == 1:
            feed.under_way = [each for each in feed.under_way if each[2] == B]  # line A loses message 2
            heapq.heapify(feed.under_way)
        feed.run(MS)
    feed.run(10 * MS)
    assert feed.delivered == feed.loss_free()
    assert feed.requested == [(2, 1)]
    feed.run(100 * MS)
    assert feed.arbitrator.source_stats(B)["duplicates"] == 3


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), loss=st.sampled_from([0.2, 0.5]), skew_ms=st.integers(0, SKEW_MS))
def test_with_a_silent_server_the_hole_is_declared_and_nothing_behind_it_comes_out(
    seed: int, loss: float, skew_ms: int
) -> None:
    feed = SimulatedFeed(seed, Faults(loss, 0.1, MS, (0, skew_ms * MS), 1.0), retries=3)
    feed.session(packets=60, spacing_ns=3 * MS)
    lost_by_both = set(range(1, len(feed.sent) + 1)) - feed.reached[A] - feed.reached[B]
    end = min(lost_by_both, default=len(feed.sent) + 1)
    assert feed.delivered == feed.loss_free()[: end - 1]
    gaps = feed.arbitrator.gap_stats()
    if not lost_by_both:
        assert gaps["declared"] == 0
        return
    assert (feed.arbitrator.state_name, gaps["declared"]) == ("needs_snapshot", 1)
    assert feed.arbitrator.is_overdue(feed.now)
    tries = [request for request in feed.requested if request[0] == end]
    assert len(tries) >= 1 + 3  # the first one and every retry


# ---- over real sockets -----------------------------------------------------------------------------------------------


class FaultyLines:
    """A scripted venue whose packets reach each line late, twice, in another order or not at all, in real time."""

    def __init__(self, venue: ScriptedVenue, seed: int, faults: Faults) -> None:
        self.venue = venue
        self.random = random.Random(seed)
        self.faults = faults
        self.waiting: list[tuple[int, int, int, bytes]] = []
        self.count = 0
        self.lost = [0, 0]

    def publish(self, messages: list[bytes]) -> None:
        first = len(self.venue.messages) + 1
        self.venue.messages += messages
        now = time.monotonic_ns()
        for line in LINES:
            if self.random.random() < self.faults.loss:
                self.lost[line] += 1
                continue
            for _ in range(1 + (self.random.random() < self.faults.repeats)):
                self.count += 1
                late = self.faults.skew_ns[line] + self.random.randint(0, self.faults.reorder_ns)
                heapq.heappush(self.waiting, (now + late, self.count, line, mold(self.venue.session, first, messages)))

    def work(self) -> None:
        while self.waiting and self.waiting[0][0] <= time.monotonic_ns():
            _, _, line, packet = heapq.heappop(self.waiting)
            self.venue.raw(packet, [line])


class Rig:
    """A feed handler in this process behind faulty lines, and the strategy's end of its ring."""

    def __init__(self, tmp: Path, seed: int, faults: Faults, **changes: object) -> None:
        self.venue = ScriptedVenue()
        config = feed_config(self.venue, str(tmp), **changes)
        self.prefix = config.runtime.shm_prefix
        self.handler = FeedHandler(config)
        self.ring = RingConsumer(self.prefix, "ring.book", BOOK_EVENT_SIZE, symbol=config.instrument.symbol)
        self.symbol = config.instrument.symbol
        self.lines = FaultyLines(self.venue, seed, faults)
        self.events: list[BookEvent] = []

    def step(self) -> None:
        self.lines.work()
        self.handler.spin(1)
        self.venue.serve()
        while (data := self.ring.poll_bytes()) is not None:
            self.events.append(decode_book_event(data))

    def until(self, done: Callable[[], bool], limit_s: float = 10.0) -> None:
        deadline = time.monotonic() + limit_s
        while not done():
            assert time.monotonic() < deadline, self.handler.counters()
            self.step()

    def begin(self) -> None:
        self.venue.send(OPENING + TWO_SIDED)
        self.until(lambda: not self.handler.update_status())
        self.events.clear()

    def __getitem__(self, counter: str) -> int:
        return self.handler.counters()[counter]

    def top_kind(self) -> int:
        data = SeqlockReader(self.prefix, "top", BOOK_EVENT_SIZE, self.symbol).read_bytes()
        assert data is not None
        return decode_book_event(data).kind

    def close(self) -> None:
        self.handler.close()
        self.venue.close()
        remove_segments(self.prefix)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    made: list[Rig] = []

    def make(seed: int, faults: Faults, **changes: object) -> Rig:
        made.append(Rig(tmp_path, seed, faults, **changes))
        return made[-1]

    yield make
    for each in made:
        each.close()


def random_messages(source: random.Random, count: int) -> list[list[bytes]]:
    """Packets of adds and deletes of live orders."""
    live: list[int] = []
    packets, reference = [], 100
    for _ in range(count):
        packet = []
        for _ in range(source.randint(1, 3)):
            if live and source.random() < 0.4:
                packet.append(delete(live.pop(source.randrange(len(live)))))
            else:
                reference += 1
                live.append(reference)
                side = source.choice("BS")
                price = (
                    999_900 - 100 * source.randint(1, 50) if side == "B" else 1_000_100 + 100 * source.randint(1, 50)
                )
                packet.append(add(reference, side, source.randint(1, 500), price))
        packets.append(packet)
    return packets


def loss_free_digest(packets: list[list[bytes]]) -> int:
    from hotpath.protocols import itch

    book = OrderBook(4096)
    for data in [*TWO_SIDED, *(message for packet in packets for message in packet)]:
        message = itch.decode(data)
        if isinstance(message, itch.AddOrder):
            book.add_order(message.order_ref, message.side, message.price, message.shares)
        elif isinstance(message, itch.OrderDelete):
            book.delete_order(message.order_ref)
    assert not any(book.counts.values())
    return book.digest()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_over_sockets_the_book_is_that_of_the_loss_free_feed(rig: Callable[..., Rig], seed: int) -> None:
    faults = Faults(0.15, 0.15, 4 * MS, (0, SKEW_MS * MS) if seed % 2 else (SKEW_MS * MS, 0), 0.0)
    r = rig(seed, faults, rerequest_retries=5, rerequest_timeout_ms=20, silence_ms=5000)
    r.begin()
    packets = random_messages(random.Random(seed), 120)
    for packet in packets:
        r.lines.publish(packet)
        r.step()
    r.until(lambda: not r.lines.waiting)
    r.venue.heartbeat()
    end = len(r.venue.messages) + 1
    r.until(lambda: r["next_sequence"] == end and not r.handler.update_status())
    assert r.handler.book_digest() == loss_free_digest(packets)
    assert all(r.lines.lost)
    assert (r["gap_declared"], r["itch_inconsistent"], r["snapshots_loaded"]) == (0, 0, 1)
    assert r["gap_opened"] == r["gap_closed_by_line"] + r["gap_closed_by_rerequest"] > 0
    assert r["gap_requests"] == len(r.venue.requests) > 0
    assert r["gap_messages_requested"] == sum(count for _, count in r.venue.requests)
    first = sum(r[f"{source}_first"] for source in ("line_a", "line_b", "rerequest"))
    assert first - r["gap_skipped_by_snapshot"] == sum(map(len, packets))


def test_over_sockets_a_hole_that_nobody_fills_leaves_a_stale_book_that_says_so(rig: Callable[..., Rig]) -> None:
    """Both lines lose the same packet, the re-request server is silent, and there is no snapshot for a while."""
    r = rig(1, Faults(0.0, 0.0, 0, (0, 0), 0.0), silence_ms=5000)
    r.begin()
    r.venue.answers = False
    r.venue.snapshot = [*OPENING, delete(5)]  # does not fit
    r.venue.send([delete(1), add(3, "B", 70, 999_700)], lines=[])
    lost = len(r.venue.messages)
    r.venue.send([add(4, "S", 10, 1_000_050)])
    r.until(lambda: r["gap_requests"] >= 1)
    open_gap = r.handler.update_status()
    assert f"messages {lost - 1} to {lost} missing, re-request attempt" in open_gap["gap"]
    r.until(lambda: r["gap_declared"] == 1 and r["snapshots_failed"] >= 1)
    closed = r.handler.update_status()
    assert set(closed) == {"gap", "book"}
    assert "waiting for a snapshot" in closed["gap"]
    assert closed["book"].startswith("stale")
    assert (len(r.venue.requests), r["gap_request_timeouts"]) == (3, 3)
    assert [event.kind for event in r.events] == [STALE]
    assert (r.events[0].bid_price, r.events[0].ask_price) == (0, 0)  # a price that is not known is not told
    assert r.top_kind() == STALE
    # and it stays so, whatever else comes
    for reference in range(10, 30):
        r.venue.send([add(reference, "B", 1, 999_950)])
        r.step()
    assert [event.kind for event in r.events] == [STALE]
    r.venue.snapshot = None
    r.until(lambda: not r.handler.update_status())
    assert [event.kind for event in r.events][:2] == [STALE, RECOVERED]
    assert r.top_kind() != STALE
    assert r["gap_closed_by_snapshot"] == 2
