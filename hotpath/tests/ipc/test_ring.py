"""Ring: order and integrity across processes, back-pressure, dead producers and consumers, replacement."""

from __future__ import annotations

import os
import random
import struct
import subprocess
import time
from collections import deque
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotpath.ipc.idle import IdleStrategy
from hotpath.ipc.ring import ConsumerState, RingConsumer, RingGauge, RingProducer
from hotpath.ipc.segment import ProducerState, SegmentError, SegmentMissing, remove_segments

Start = Callable[..., subprocess.Popen[str]]
Eventually = Callable[..., None]


CONSUMER_WORD = 512  # identity of the consumer in the segment; HEAD_WORD: how many it has released
HEAD_WORD = 384


def poke(path: str, offset: int, value: int) -> None:
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(struct.pack("<Q", value))


def message(sequence: int) -> bytes:
    return struct.pack("<Q", sequence) * 8


def sequence_of(data: bytes) -> int:
    words = set(struct.unpack("<8Q", data))
    assert len(words) == 1, f"torn message: {words}"
    return int(words.pop())


def drain(consumer: RingConsumer) -> list[int]:
    found = []
    while (data := consumer.poll_bytes()) is not None:
        found.append(sequence_of(data))
    return found


@settings(max_examples=60, deadline=None)
@given(capacity=st.sampled_from([2, 4, 8]), steps=st.lists(st.sampled_from(["publish", "poll"]), max_size=200))
def test_is_a_bounded_queue(capacity: int, steps: list[str]) -> None:
    name = f"test-queue-{random.getrandbits(64):x}"
    try:
        producer = RingProducer(name, "ring.x", 64, capacity)
        consumer = RingConsumer(name, "ring.x", 64)
        model: deque[int] = deque()
        sent = refused = 0
        for step in steps:
            if step == "publish":
                accepted = producer.publish_bytes(message(sent))
                assert accepted == (len(model) < capacity)
                if accepted:
                    model.append(sent)
                    sent += 1
                else:
                    refused += 1
            else:
                data = consumer.poll_bytes()
                assert (None if data is None else sequence_of(data)) == (model.popleft() if model else None)
            assert producer.unread == consumer.unread == len(model)
            assert producer.refused == refused
    finally:
        remove_segments(name)


@pytest.mark.parametrize("laps", [0, 1, 3])
def test_a_gauge_counts_what_is_unread_and_takes_nobody_s_place(prefix: str, laps: int) -> None:
    producer = RingProducer(prefix, "ring.x", 64, 8)
    consumer = RingConsumer(prefix, "ring.x", 64)
    for number in range(8 * laps + 5):
        assert producer.publish_bytes(message(number))
        assert consumer.poll_bytes() is not None
    gauge = RingGauge(prefix, "ring.x")
    assert (gauge.capacity, gauge.unread) == (8, 0)
    for number in range(8):
        assert gauge.unread == number == producer.unread
        assert producer.publish_bytes(message(number))
    assert not producer.publish_bytes(message(8))
    assert gauge.unread == 8
    assert consumer.poll_bytes() is not None
    assert gauge.unread == 7
    assert producer.consumer_liveness() is ConsumerState.ALIVE


def test_a_gauge_follows_the_ring_to_its_successor(prefix: str) -> None:
    with pytest.raises(SegmentMissing):
        RingGauge(prefix, "ring.x")
    first = RingProducer(prefix, "ring.x", 64, 8)
    gauge = RingGauge(prefix, "ring.x")
    assert first.publish_bytes(message(0))
    assert not gauge.reattach()
    RingProducer(prefix, "ring.x", 64, 16, 2)
    assert gauge.reattach()
    assert (gauge.capacity, gauge.unread) == (16, 0)


def test_sequence_is_whole_across_processes(prefix: str, start_child: Start) -> None:
    count = 100_000
    child = start_child("produce", prefix, "ring.x", 256, count)
    consumer = RingConsumer(prefix, "ring.x", 64, start="head")
    idle = IdleStrategy("back_off", 100)
    expected = 0
    deadline = time.monotonic() + 30
    while expected < count:
        data = consumer.poll_bytes()
        if data is None:
            assert time.monotonic() < deadline
            idle.wait()
            continue
        idle.worked()
        assert sequence_of(data) == expected
        expected += 1
    assert child.wait(10) == 0
    assert consumer.poll_bytes() is None
    assert consumer.liveness() is ProducerState.CLOSED


def test_full_ring_refuses_and_loses_nothing(prefix: str) -> None:
    producer = RingProducer(prefix, "ring.x", 64, 4)
    consumer = RingConsumer(prefix, "ring.x", 64)
    assert [producer.publish_bytes(message(n)) for n in range(6)] == [True] * 4 + [False] * 2
    assert producer.refused == 2
    assert sequence_of(consumer.poll_bytes() or b"") == 0
    assert producer.publish_bytes(message(4))
    assert drain(consumer) == [1, 2, 3, 4]


@pytest.mark.parametrize("published", [0, 1, 5, 7])
def test_half_written_message_of_a_dead_producer_is_never_seen(
    prefix: str, start_child: Start, eventually: Eventually, published: int
) -> None:
    child = start_child("die_in_claim", prefix, "ring.x", 8, published)
    consumer = RingConsumer(prefix, "ring.x", 64, start="head")
    consumer.segment.probe_interval_ns = 0
    assert consumer.liveness() is ProducerState.ALIVE, "empty and alive is not dead"
    child.communicate("\n", timeout=10)
    eventually(lambda: consumer.liveness() is ProducerState.DEAD, "the death is seen")
    assert drain(consumer) == list(range(published))
    assert consumer.liveness() is ProducerState.DEAD


def test_producer_killed_at_random_points(prefix: str, start_child: Start, eventually: Eventually) -> None:
    for delay in (0.0, 0.003, 0.011):
        child = start_child("produce_for_ever", prefix, "ring.x", 64)
        consumer = RingConsumer(prefix, "ring.x", 64, start="head")
        consumer.segment.probe_interval_ns = 0
        found: list[int] = []
        end = time.monotonic() + delay
        while time.monotonic() < end:
            found += drain(consumer)
        child.kill()
        eventually(lambda c=consumer: c.liveness() is ProducerState.DEAD, "the death is seen")
        found += drain(consumer)
        assert found == list(range(len(found)))
        assert consumer.unread == 0
        consumer.close()


def test_restarted_producer_supersedes(prefix: str, start_child: Start) -> None:
    first = start_child("hold_producer", prefix, "ring.x", 8, 3, 1)
    consumer = RingConsumer(prefix, "ring.x", 64, start="head")
    assert consumer.poll_bytes() == message(0)
    assert not consumer.reattach(), "nothing to move to yet"
    first.kill()
    first.wait(10)
    start_child("hold_producer", prefix, "ring.x", 16, 2, 2)
    assert consumer.liveness() is ProducerState.SUPERSEDED
    assert drain(consumer) == [1, 2], "the old ring can still be drained"
    assert consumer.reattach()
    assert (consumer.producer_epoch, consumer.capacity, consumer.discarded) == (2, 16, 0)
    assert consumer.liveness() is ProducerState.ALIVE
    assert drain(consumer) == [0, 1], "the new ring is read from its first message"


def test_undrained_messages_of_a_superseded_ring_are_counted(prefix: str) -> None:
    old = RingProducer(prefix, "ring.x", 64, 8, epoch=1)
    consumer = RingConsumer(prefix, "ring.x", 64)
    for n in range(3):
        old.publish_bytes(message(n))
    new = RingProducer(prefix, "ring.x", 64, 8, epoch=2)
    assert old.is_superseded
    assert consumer.is_superseded
    new.publish_bytes(message(7))
    assert consumer.reattach(start="tail")
    assert consumer.discarded == 4
    assert new.consumer_liveness() is ConsumerState.ALIVE
    assert old.consumer_liveness() is ConsumerState.NONE


def test_removed_and_recreated_ring_is_found(prefix: str) -> None:
    """`down` and `up` again: the old segment was unlinked, not superseded."""
    RingProducer(prefix, "ring.x", 64, 8, epoch=1)
    consumer = RingConsumer(prefix, "ring.x", 64)
    remove_segments(prefix)
    assert not consumer.reattach()
    RingProducer(prefix, "ring.x", 64, 8, epoch=2)
    assert consumer.reattach()
    assert consumer.producer_epoch == 2


def test_consumer_restarts_at_the_tail(prefix: str, start_child: Start) -> None:
    producer = RingProducer(prefix, "ring.x", 64, 8)
    for n in range(5):
        producer.publish_bytes(message(n))
    child = start_child("consume_and_die", prefix, "ring.x", 2)
    assert producer.consumer_liveness() is ConsumerState.ALIVE
    child.communicate("\n", timeout=10)
    consumer = RingConsumer(prefix, "ring.x", 64)
    assert consumer.discarded == 3
    assert consumer.poll_bytes() is None
    producer.publish_bytes(message(5))
    assert drain(consumer) == [5]


def test_consumer_may_resume_at_the_oldest_unread(prefix: str, start_child: Start) -> None:
    producer = RingProducer(prefix, "ring.x", 64, 8)
    for n in range(5):
        producer.publish_bytes(message(n))
    start_child("consume_and_die", prefix, "ring.x", 2).communicate("\n", timeout=10)
    consumer = RingConsumer(prefix, "ring.x", 64, start="head")
    assert (drain(consumer), consumer.discarded) == ([2, 3, 4], 0)


def test_second_live_consumer_is_refused(prefix: str, start_child: Start) -> None:
    RingProducer(prefix, "ring.x", 64, 8)
    child = start_child("consume_and_die", prefix, "ring.x", 0)
    with pytest.raises(SegmentError, match=f"process {child.pid} already consumes"):
        RingConsumer(prefix, "ring.x", 64)


def test_producer_tells_dead_consumer_from_slow_one(prefix: str, start_child: Start, eventually: Eventually) -> None:
    producer = RingProducer(prefix, "ring.x", 64, 4)
    producer.segment.probe_interval_ns = 0
    producer.segment.silent_after_ns = 60_000_000_000
    assert producer.consumer_liveness() is ConsumerState.NONE
    child = start_child("consume_and_die", prefix, "ring.x", 0)
    while producer.publish_bytes(message(0)):
        pass
    assert producer.consumer_liveness() is ConsumerState.ALIVE
    producer.segment.silent_after_ns = 1
    assert producer.consumer_liveness() is ConsumerState.SILENT
    assert producer.reclaim_unread() == -1, "a slow consumer keeps its messages"
    child.communicate("\n", timeout=10)
    eventually(lambda: producer.consumer_liveness() is ConsumerState.DEAD, "the death is seen")
    assert not producer.publish_bytes(message(0))
    assert (producer.reclaim_unread(), producer.reclaimed, producer.unread) == (4, 4, 0)
    assert producer.publish_bytes(message(9))
    assert drain(RingConsumer(prefix, "ring.x", 64, start="head")) == [9]


def test_closed_consumer_gives_up_its_place(prefix: str) -> None:
    producer = RingProducer(prefix, "ring.x", 64, 4)
    consumer = RingConsumer(prefix, "ring.x", 64)
    assert producer.consumer_liveness() is ConsumerState.ALIVE
    consumer.close()
    assert producer.consumer_liveness() is ConsumerState.NONE
    assert producer.reclaim_unread() == 0


@pytest.mark.parametrize(
    ("slot_size", "capacity", "text"),
    [
        (0, 8, "slot size 0"),
        (65, 8, "slot size 65; use a multiple of 8"),
        (65_544, 8, "slot size 65544"),
        (64, 3, "capacity 3"),
        (64, 1, "capacity 1"),
        (64, 0, "capacity 0"),
    ],
)
def test_shape_is_checked(prefix: str, slot_size: int, capacity: int, text: str) -> None:
    with pytest.raises(SegmentError, match=text):
        RingProducer(prefix, "ring.x", slot_size, capacity)


@pytest.mark.parametrize(("size", "bytes_per_slot"), [(8, 64), (56, 64), (64, 128), (120, 128), (256, 320)])
def test_slots_are_whole_cache_lines_with_the_rings_own_word(prefix: str, size: int, bytes_per_slot: int) -> None:
    producer = RingProducer(prefix, "ring.x", size, 4)
    assert os.stat(producer.segment.path).st_size == 4096 + 4 * bytes_per_slot
    consumer = RingConsumer(prefix, "ring.x", size)
    for n in range(10):  # over two laps: no message touches the next one, nor the ring's word
        data = bytes([n + 1]) * size
        assert producer.publish_bytes(bytearray(data) if n % 2 else data)
        assert consumer.poll_bytes() == data
        assert consumer.poll_bytes() is None


def test_backlog_and_skip_find_the_newest_message_at_any_position(prefix: str) -> None:
    producer = RingProducer(prefix, "ring.x", 64, 8)
    consumer = RingConsumer(prefix, "ring.x", 64)
    for unread in [0, 1, 7, 8, 3, 8, 5, 0, 2]:
        for n in range(unread):
            assert producer.publish_bytes(message(n))
        assert consumer.unread == producer.unread == unread
        assert consumer.skip_unread() == unread
        assert (consumer.unread, producer.unread, consumer.poll_bytes()) == (0, 0, None)
    assert consumer.discarded == 34


def test_poll_can_wait(prefix: str, start_child: Start) -> None:
    RingProducer(prefix, "ring.x", 64, 8)
    consumer = RingConsumer(prefix, "ring.x", 64)
    before = time.monotonic_ns()
    assert consumer.poll_bytes(5_000_000) is None
    assert time.monotonic_ns() - before >= 5_000_000
    start_child("produce", prefix, "ring.x", 4, 3)
    assert consumer.reattach()
    assert [consumer.poll_bytes(10_000_000_000) for _ in range(3)] == [message(0), message(1), message(2)]


def test_a_lapped_consumer_counts_what_it_lost(prefix: str) -> None:
    """No ring laps a live consumer. One that its producer took for dead finds out, and goes on with whole messages."""
    producer = RingProducer(prefix, "ring.x", 64, 4)
    consumer = RingConsumer(prefix, "ring.x", 64)
    for n in range(4):
        assert producer.publish_bytes(message(n))
    assert not producer.publish_bytes(message(4)), "a consumer that does not read is waited for"
    assert sequence_of(consumer.poll_bytes() or b"") == 0
    gone = subprocess.Popen(["true"])
    gone.wait()
    poke(producer.segment.path, CONSUMER_WORD, gone.pid)  # as seen from another PID namespace
    assert producer.reclaim_unread() == 3
    for n in range(4, 10):
        while not producer.publish_bytes(message(n)):
            producer.reclaim_unread()
    assert consumer.poll_bytes() is None, "its next message was overwritten"
    assert (consumer.lapped, consumer.discarded) == (5, 5)
    assert drain(consumer) == [6, 7, 8, 9]
    assert producer.publish_bytes(message(10))
    assert (drain(consumer), consumer.lapped) == ([10], 5)


@pytest.mark.parametrize(
    ("offset", "value", "text"),
    [
        (24, 12, "capacity 12 does not fit its size"),
        (24, 16, "capacity 16 does not fit its size"),
        (HEAD_WORD, 3, "head 3 contradicts the published slots"),
        (HEAD_WORD, 2**63, "head 9223372036854775808 contradicts the published slots"),
    ],
)
def test_a_ring_that_contradicts_itself_is_refused(prefix: str, offset: int, value: int, text: str) -> None:
    producer = RingProducer(prefix, "ring.x", 64, 8)
    producer.publish_bytes(message(0))
    poke(producer.segment.path, offset, value)
    with pytest.raises(SegmentError, match=text) as caught:
        RingConsumer(prefix, "ring.x", 64)
    assert producer.segment.path in str(caught.value)
    assert producer.consumer_liveness() is ConsumerState.NONE, "its place is free again"


def test_message_size_is_checked(prefix: str) -> None:
    producer = RingProducer(prefix, "ring.x", 64, 4)
    for wrong in (b"x" * 63, bytearray(65), b"", memoryview(b"")):
        with pytest.raises(ValueError, match=f"{len(wrong)} bytes for slots of 64"):
            producer.publish_bytes(wrong)
    with pytest.raises(TypeError):
        producer.publish_bytes("x" * 64)  # type: ignore[arg-type]
    assert producer.unread == 0


def test_start_is_checked(prefix: str) -> None:
    producer = RingProducer(prefix, "ring.x", 64, 4)
    with pytest.raises(ValueError, match="start='middle'"):
        RingConsumer(prefix, "ring.x", 64, start="middle")
    assert producer.consumer_liveness() is ConsumerState.NONE
