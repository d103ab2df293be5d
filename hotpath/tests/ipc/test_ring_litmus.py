"""Orderings between two processes that race as fast as they can. Each check is also run on a broken protocol."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import pytest
from native_checks import LIMIT_NS, Fork, racing

from hotpath.ipc.ring import RingConsumer, RingProducer
from hotpath.ipc.segment import remove_segments
from hotpath.ipc.seqlock import SeqlockReader, SeqlockWriter

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="a race needs two CPUs"),
]

# by the capacity: with 2 slots each side soon waits for the other, so long as that one has no CPU
MESSAGES = {2: 50_000, 64: 1_000_000}
CHANGES = 20_000
RACES = 6
MEETINGS = 100  # how often each side must have met the other's limit for it to have been a race
FOR_EVER = 2**40
# bytes of a message: within one cache line, in whole lines with the ring's word, with that in a line of its own
SIZES = [56, 120, 128, 248]


@contextmanager
def producing(
    checks: ModuleType, prefix: str, size: int, capacity: int, count: int, seed: int, fault: int
) -> Iterator[tuple[Fork, RingConsumer]]:
    """The other process, and this one's end of its ring."""
    ready, go = os.pipe()

    def work() -> None:
        producer = RingProducer(prefix, "ring.x", size, capacity)
        os.write(go, b"r")
        sent, full = checks.produce(producer, count, seed, fault, True, LIMIT_NS)
        assert sent == count
        assert full > MEETINGS, "the ring was hardly ever full: reading against overwriting was not raced"

    with racing(work) as fork:
        assert os.read(ready, 1) == b"r"
        yield fork, RingConsumer(prefix, "ring.x", size, start="head")
    os.close(ready)
    os.close(go)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("capacity", [2, 64])
def test_a_published_message_is_whole_and_a_slot_is_kept_while_it_is_read(
    checks: ModuleType, prefix: str, size: int, capacity: int
) -> None:
    """Message passing in both directions: message before published word, reading before released head."""
    count, seed = MESSAGES[capacity], size * capacity
    raced = False
    # on a busy machine the two may hardly ever run at the same time
    for _ in range(RACES):
        with producing(checks, prefix, size, capacity, count, seed, fault=0) as (producer, consumer):
            good, bad, empty = checks.consume(consumer, count, seed, 0, True, LIMIT_NS)
            raced = producer.join() == 0 and empty > MEETINGS
        assert (good, bad, consumer.unread) == (count, 0, 0)
        if raced:
            break
        remove_segments(prefix)
    assert raced, "the ring was hardly ever empty or hardly ever full: nothing was raced"


@pytest.mark.parametrize("size", [120, 248])
def test_publishing_before_writing_is_seen(checks: ModuleType, prefix: str, size: int) -> None:
    fault = checks.PUBLISH_FIRST
    with producing(checks, prefix, size, 64, FOR_EVER, 1, fault) as (_, consumer):
        _, bad, _ = checks.consume(consumer, FOR_EVER, 1, fault, True, LIMIT_NS)
    assert bad > 0


@pytest.mark.parametrize("size", [120, 248])
def test_releasing_before_reading_is_seen(checks: ModuleType, prefix: str, size: int) -> None:
    fault = checks.RELEASE_FIRST
    with producing(checks, prefix, size, 2, FOR_EVER, 2, fault) as (_, consumer):
        _, bad, _ = checks.consume(consumer, FOR_EVER, 2, fault, True, LIMIT_NS)
    assert bad > 0


def race_on_block(checks: ModuleType, prefix: str, size: int, fault: int) -> tuple[int, int, int, int]:
    ready, go = os.pipe()

    def work() -> None:
        writer = SeqlockWriter(prefix, "block", size, initial=bytes(size))
        os.write(go, b"r")
        assert checks.write_blocks(writer, size, fault, LIMIT_NS)

    with racing(work):
        assert os.read(ready, 1) == b"r"
        found: tuple[int, int, int, int] = checks.read_blocks(SeqlockReader(prefix, "block", size), CHANGES, LIMIT_NS)
    os.close(ready)
    os.close(go)
    return found


@pytest.mark.parametrize("size", [64, 128, 512])
def test_a_block_is_never_torn_and_never_goes_back(checks: ModuleType, prefix: str, size: int) -> None:
    reads, torn, back, changes = race_on_block(checks, prefix, size, 0)
    assert (torn, back) == (0, 0)
    assert reads >= changes == CHANGES, "the reader met too few new versions: nothing was raced"


@pytest.mark.parametrize("size", [128, 512])
def test_writing_a_block_without_the_mark_is_seen(checks: ModuleType, prefix: str, size: int) -> None:
    _, torn, _, _ = race_on_block(checks, prefix, size, checks.NO_MARK)
    assert torn > 0
