"""Line arbitration: explicit cases, and a simulated network under hypothesis."""

from __future__ import annotations

import heapq
import random
import struct
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotpath.feed.arbitrator import Arbitrator

A, B, REREQUEST = 0, 1, 2
SESSION = b"IRONMD0001"
OTHER = b"IRONMD0002"
MS = 1_000_000
END = 0xFFFF


def packet(sequence: int, messages: Iterable[bytes], session: bytes = SESSION) -> bytes:
    blocks = [struct.pack(">H", len(m)) + m for m in messages]
    return session + struct.pack(">QH", sequence, len(blocks)) + b"".join(blocks)


def control(sequence: int, count: int = 0, session: bytes = SESSION) -> bytes:
    return session + struct.pack(">QH", sequence, count)


def numbered(first: int, count: int) -> list[bytes]:
    return [b"m%d" % n for n in range(first, first + count)]


def data(first: int, count: int, session: bytes = SESSION) -> bytes:
    return packet(first, numbered(first, count), session)


def arbitrator(**changes: Any) -> Arbitrator:
    limits: dict[str, Any] = {
        "gap_timeout_ns": 2 * MS,
        "rerequest_timeout_ns": 50 * MS,
        "rerequest_retries": 2,
        "store_messages": 64,
    }
    return Arbitrator(**{**limits, **changes})


def started(**changes: Any) -> Arbitrator:
    arb = arbitrator(**changes)
    assert arb.feed(A, data(1, 3), 0) == [(0, b""), (1, b"m1"), (2, b"m2"), (3, b"m3")]
    return arb


def balance(arb: Arbitrator) -> int:
    """Gaps neither closed nor void: 1 while one is open, else 0."""
    g = arb.gap_stats()
    closed = g["closed_by_line"] + g["closed_by_rerequest"] + g["closed_by_snapshot"] + g["void_by_session"]
    return g["opened"] + g["joined_by_snapshot"] - closed


def test_first_copy_wins_and_the_second_is_counted() -> None:
    arb = started()
    assert arb.feed(B, data(1, 3), 1) == []
    assert arb.feed(B, data(4, 2), 2) == [(4, b"m4"), (5, b"m5")]
    assert arb.feed(A, data(4, 2), 3) == []
    assert [arb.source_stats(s)["first"] for s in (A, B)] == [3, 2]
    assert [arb.source_stats(s)["duplicates"] for s in (A, B)] == [2, 3]


def test_overlapping_packet_delivers_only_its_new_tail() -> None:
    arb = started()
    assert arb.feed(B, data(2, 5), 1) == [(4, b"m4"), (5, b"m5"), (6, b"m6")]
    assert arb.source_stats(B)["duplicates"] == 2


def test_the_other_line_fills_a_gap_without_a_request() -> None:
    arb = started()
    assert arb.feed(A, data(6, 1), MS) == []
    assert arb.state_name == "gap"
    assert arb.due_request(2 * MS) is None
    assert not arb.is_overdue(2 * MS)
    assert arb.feed(B, data(4, 2), 2 * MS) == [(4, b"m4"), (5, b"m5"), (6, b"m6")]
    gaps = arb.gap_stats()
    assert (gaps["opened"], gaps["closed_by_line"], gaps["requests"]) == (1, 1, 0)
    assert arb.source_stats(A)["skipped"] == 2


def test_partial_answers_ask_for_the_rest_at_once() -> None:
    arb = started()
    arb.feed(A, data(10, 1), 0)
    assert arb.due_request(2 * MS) == (4, 6)
    assert arb.due_request(3 * MS) is None
    assert arb.feed(REREQUEST, data(4, 2), 3 * MS) == [(4, b"m4"), (5, b"m5")]
    assert arb.due_request(3 * MS) == (6, 4)
    assert [s for s, _ in arb.feed(REREQUEST, data(6, 4), 4 * MS)] == [6, 7, 8, 9, 10]
    gaps = arb.gap_stats()
    assert (gaps["closed_by_rerequest"], gaps["requests"], gaps["messages_requested"]) == (1, 2, 10)
    assert gaps["request_timeouts"] == 0


def test_an_answer_on_the_live_socket_closes_the_gap_too() -> None:
    arb = started()
    arb.feed(A, data(6, 1), 0)
    assert arb.due_request(2 * MS) == (4, 2)
    assert [s for s, _ in arb.feed(A, data(4, 2), 3 * MS)] == [4, 5, 6]
    assert arb.state_name == "in_sequence"
    assert arb.source_stats(A)["late"] == 2


def test_request_size_is_bounded() -> None:
    arb = started(max_request_messages=2)
    arb.feed(A, data(10, 1), 0)
    assert arb.due_request(2 * MS) == (4, 2)


def test_a_message_inside_the_gap_shrinks_the_request() -> None:
    arb = started()
    arb.feed(A, data(10, 1), 0)
    arb.feed(B, data(6, 1), 0)
    assert arb.due_request(2 * MS) == (4, 2)
    assert [s for s, _ in arb.feed(REREQUEST, data(4, 2), 3 * MS)] == [4, 5, 6]
    # the next gap has been known for as long as the message after it: no second wait for the other line
    assert arb.due_request(3 * MS) == (7, 3)


def test_retries_end_in_a_declared_gap_and_a_snapshot_resumes() -> None:
    arb = started()
    arb.feed(A, data(6, 1), 0)
    now = 2 * MS
    for _ in range(3):  # the first request and two retries
        assert arb.due_request(now) == (4, 2)
        now += 50 * MS
    assert arb.due_request(now) is None
    assert arb.state_name == "needs_snapshot"
    assert arb.is_overdue(now)
    gaps = arb.gap_stats()
    assert (gaps["declared"], gaps["request_timeouts"]) == (1, 3)
    assert arb.feed(A, data(7, 2), now) == []  # held for after the snapshot
    assert arb.resume_at(7, now) == [(7, b"m7"), (8, b"m8")]
    assert arb.gap_stats()["skipped_by_snapshot"] == 3
    assert balance(arb) == 0


def test_messages_older_than_the_snapshot_are_dropped_and_a_hole_after_it_is_a_gap() -> None:
    arb = started()
    arb.feed(A, data(6, 1), 0)
    for now in range(0, 300 * MS, 60 * MS):
        arb.due_request(now + 2 * MS)
    assert arb.state_name == "needs_snapshot"
    arb.feed(A, data(7, 2), 0)
    arb.feed(A, data(12, 1), 0)
    assert arb.resume_at(8, 900 * MS) == [(8, b"m8")]
    assert arb.state_name == "gap"
    assert arb.due_request(900 * MS) == (9, 3)


def test_waiting_for_a_snapshot_the_bounded_store_keeps_the_newest() -> None:
    arb = arbitrator(store_messages=8)
    assert arb.feed(A, data(100, 1), 0) == [(0, b"")]
    assert arb.state_name == "needs_snapshot"
    for sequence in range(101, 141):
        arb.feed(A, data(sequence, 1), 0)
    assert [s for s, _ in arb.resume_at(133, 0)] == list(range(133, 141))
    assert arb.state_name == "in_sequence"
    assert balance(arb) == 0


def test_a_heartbeat_reveals_tail_loss() -> None:
    arb = started()
    assert arb.feed(A, control(6), 0) == []
    assert arb.state_name == "gap"
    assert arb.due_request(2 * MS) == (4, 2)
    arb.feed(REREQUEST, data(4, 2), 3 * MS)
    assert arb.state_name == "in_sequence"


def test_the_end_of_session_waits_for_open_gaps_and_is_not_added_to_the_sequence() -> None:
    arb = started()
    arb.feed(A, control(5, END), 0)
    assert arb.state_name == "gap"
    assert arb.due_request(2 * MS) == (4, 1)
    arb.feed(REREQUEST, data(4, 1), 3 * MS)
    assert arb.state_name == "ended"
    assert arb.next_sequence == 5


def test_another_session_is_never_merged_and_stragglers_do_not_bring_it_back() -> None:
    arb = started()
    arb.feed(A, data(6, 1), 0)  # an open gap of the old session
    assert arb.feed(B, data(1, 1, OTHER), 1) == [(0, b""), (1, b"m1")]
    assert arb.feed(A, data(4, 2), 2) == []
    assert arb.feed(A, data(2, 1, OTHER), 3) == [(2, b"m2")]
    assert arb.session_id == OTHER
    assert arb.source_stats(A)["foreign"] == 1
    # message 6 of the old session waits in the store: it must not appear as message 6 of the new one
    assert [s for s, _ in arb.feed(A, data(3, 3, OTHER), 4)] == [3, 4, 5]
    assert arb.state_name == "in_sequence"
    assert balance(arb) == 0


def test_a_session_start_that_was_lost_is_re_requested() -> None:
    arb = started()
    assert arb.feed(A, data(4, 1, OTHER), MS) == [(0, b"")]
    assert arb.due_request(3 * MS) == (1, 3)


def test_an_answer_to_a_request_never_starts_a_session() -> None:
    arb = arbitrator()
    assert arb.feed(REREQUEST, data(1, 1), 0) == []
    assert arb.state_name == "no_session"
    assert arb.source_stats(REREQUEST)["foreign"] == 1


def test_joining_late_needs_a_snapshot() -> None:
    arb = arbitrator()
    assert arb.feed(A, data(500, 2), 0) == [(0, b"")]
    assert arb.state_name == "needs_snapshot"
    assert arb.due_request(10_000 * MS) is None
    assert [s for s, _ in arb.resume_at(501, 0)] == [501]


def test_snapshot_on_join_holds_back_even_the_first_message() -> None:
    arb = arbitrator(snapshot_on_join=True)
    assert arb.feed(A, data(1, 3), 0) == [(0, b"")]
    assert [s for s, _ in arb.resume_at(3, 0)] == [3]
    assert balance(arb) == 0


def test_a_gap_above_the_limit_is_declared_without_requests() -> None:
    arb = started(max_gap_messages=10)
    arb.feed(A, data(15, 1), 0)
    assert arb.state_name == "needs_snapshot"
    assert arb.gap_stats()["requests"] == 0


def test_messages_outside_the_store_are_counted_and_requested_again() -> None:
    arb = started(store_messages=4)
    arb.feed(A, data(5, 8), 0)
    assert arb.source_stats(A)["not_stored"] == 5
    assert [s for s, _ in arb.feed(B, data(4, 1), 1)] == [4, 5, 6, 7]
    assert arb.due_request(3 * MS) == (8, 5)


def test_a_message_too_long_for_the_store_is_requested_again() -> None:
    arb = started()
    long = b"x" * 300
    arb.feed(A, packet(5, [long]), 0)
    arb.feed(A, data(4, 1), 1)
    assert arb.due_request(3 * MS) == (5, 1)
    assert arb.feed(REREQUEST, packet(5, [long]), 4 * MS) == [(5, long)]


@pytest.mark.parametrize(
    "bad",
    [b"", SESSION, data(4, 2)[:-1], data(4, 2) + b"\0", control(0), control((1 << 64) - 1, 1) + b"\0\0"],
    ids=["empty", "short", "truncated", "trailing", "sequence 0", "sequence overflow"],
)
def test_malformed_packets_are_counted_and_change_nothing(bad: bytes) -> None:
    arb = started()
    assert arb.feed(A, bad, 1) == []
    assert arb.source_stats(A)["malformed"] == 1
    assert (arb.state_name, arb.next_sequence) == ("in_sequence", 4)


def test_a_zero_length_message_uses_up_a_sequence_number() -> None:
    arb = started()
    assert arb.feed(A, packet(4, [b"", b"m5"]), 1) == [(4, b""), (5, b"m5")]


def test_forged_sequence_numbers_fill_a_counter_and_do_not_wrap_it() -> None:
    """Found by `make fuzz` (target line_arbitration)."""
    arb = started()
    for session in (SESSION, OTHER, b"IRONMD0003"):
        arb.feed(A, control(1, session=session), 0)
        arb.feed(A, control(2**64 - 2, session=session), 0)
    assert arb.source_stats(A)["skipped"] == 2**64 - 1
    arb.feed(A, data(2**64 - 9, 1, b"IRONMD0003"), 0)
    assert arb.source_stats(A)["skipped"] == 2**64 - 1


def test_a_stray_packet_far_ahead_does_not_keep_the_gap_open_for_ever() -> None:
    arb = started()
    arb.feed(A, control(1 << 62), 0)
    assert arb.state_name == "needs_snapshot"
    arb.feed(B, data(4, 2), 0)
    assert [s for s, _ in arb.resume_at(4, 0)] == [4, 5]
    assert arb.state_name == "in_sequence"


@pytest.mark.parametrize(
    "wrong",
    [{"store_messages": 3}, {"gap_timeout_ns": -1}, {"rerequest_retries": -1}, {"max_request_messages": 65_535}],
)
def test_limits_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        arbitrator(**wrong)


class Network:
    """Two lossy lines and a re-request server; what comes out of the arbitrator is checked against what was sent."""

    def __init__(self, seed: int, loss: float, server_loss: float, server_window: int) -> None:
        self.random = random.Random(seed)
        self.loss = loss
        self.server_loss = server_loss
        self.server_window = server_window
        self.arb = arbitrator(gap_timeout_ns=MS, rerequest_timeout_ns=3 * MS, rerequest_retries=3, store_messages=128)
        self.in_flight: list[tuple[int, int, int, bytes]] = []
        self.count = 0
        self.sent = 0
        self.now = 0
        self.seen: list[tuple[int, bytes]] = []
        self.snapshots: list[tuple[int, int]] = []

    def post(self, source: int, at: int, content: bytes) -> None:
        self.count += 1
        heapq.heappush(self.in_flight, (at, self.count, source, content))

    def publish(self, first: int, count: int, at: int, skew: tuple[int, int]) -> None:
        for line in (A, B):
            if self.random.random() < self.loss:
                continue
            for _ in range(1 + (self.random.random() < 0.1)):  # now and then twice
                self.post(line, at + skew[line] + self.random.randrange(3 * MS // 10), data(first, count))

    def answer(self, sequence: int, count: int) -> None:
        if self.random.random() < self.server_loss or sequence <= self.sent - self.server_window:
            return
        count = min(count, self.random.randint(1, 8), self.sent + 1 - sequence)
        if count > 0:
            self.post(self.random.choice((REREQUEST, A)), self.now + self.random.randrange(MS), data(sequence, count))

    def step_to(self, until: int) -> None:
        while self.now < until:
            self.now = min([until, self.now + MS // 4] + [entry[0] for entry in self.in_flight[:1]])
            while self.in_flight and self.in_flight[0][0] <= self.now:
                _, _, source, content = heapq.heappop(self.in_flight)
                self.take(self.arb.feed(source, content, self.now))
            request = self.arb.due_request(self.now)
            if request is not None:
                assert 1 <= request[1] <= 1024
                self.answer(*request)
            if self.arb.state_name == "needs_snapshot":
                before = self.arb.next_sequence
                self.snapshots.append((before, self.sent + 1))
                self.take(self.arb.resume_at(self.sent + 1, self.now))

    def take(self, released: list[tuple[int, bytes]]) -> None:
        self.seen += [entry for entry in released if entry[0]]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.05, 0.3, 0.6]),
    server_loss=st.sampled_from([0.0, 0.3, 1.0]),
    skew=st.tuples(st.integers(0, 2 * MS), st.integers(0, 2 * MS)),
    window=st.sampled_from([1, 20, 10_000]),
)
def test_output_equals_the_lossless_sequence_or_the_hole_is_declared(
    seed: int, loss: float, server_loss: float, skew: tuple[int, int], window: int
) -> None:
    net = Network(seed, loss, server_loss, window)
    net.take(net.arb.feed(A, control(1), 0))
    for _ in range(120):
        count = net.random.randint(1, 5)
        net.publish(net.sent + 1, count, net.now, skew)
        net.sent += count
        net.step_to(net.now + net.random.randrange(MS))
    for _ in range(3):  # heartbeats reveal what was lost at the end
        for line in (A, B):
            net.post(line, net.now, control(net.sent + 1))
        net.step_to(net.now + 100 * MS)

    expected = list(range(1, net.sent + 1))
    for first, after in net.snapshots:
        assert after > first
        expected = [s for s in expected if not first <= s < after]
    assert [s for s, _ in net.seen] == expected
    assert all(message == b"m%d" % sequence for sequence, message in net.seen)
    gaps = net.arb.gap_stats()
    assert gaps["declared"] == len(net.snapshots) == gaps["closed_by_snapshot"]
    assert gaps["skipped_by_snapshot"] == sum(after - first for first, after in net.snapshots)
    assert balance(net.arb) == 0
    sources = [net.arb.source_stats(s) for s in (A, B, REREQUEST)]
    for s in sources:
        assert s["messages"] == s["first"] + s["duplicates"] + s["not_stored"]
    if loss == 0.0:
        assert gaps["declared"] == 0
        assert all(s["skipped"] <= s["late"] for s in sources[:2])
    if server_loss == 0.0 and window == 10_000:
        assert not net.snapshots
