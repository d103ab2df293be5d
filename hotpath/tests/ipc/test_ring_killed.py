"""A producer killed at every instruction of a publish, and at every step of taking a ring over."""

from __future__ import annotations

import os
import signal
import struct
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType

import pytest
from native_checks import Fork, forked
from single_step import Stepper, trace_me

from hotpath.ipc.ring import RingConsumer, RingProducer
from hotpath.ipc.segment import ProducerState, SegmentMissing

pytestmark = pytest.mark.slow

CAPACITY = 4
BEFORE = 6  # messages before the one in which it dies: its slot holds one of the lap before
SEED = 11
MAX_INSTRUCTIONS = 5000
SIZE = 120


@dataclass(frozen=True)
class Seen:
    """What the consumer had of a producer that was killed. ended: that one had come to the end of its publish."""

    numbers: list[int]
    torn: int
    ended: bool


def whole(data: bytes) -> bool:
    """As `_write` in native/ring_checks.pyx made it: words that go up by one from an unguessable value."""
    words = struct.unpack(f"<{len(data) // 8}Q", data)
    return all(after == (before + 1) % 2**64 for before, after in pairwise(words[1:]))


def die_after(checks: ModuleType, prefix: str, instructions: int, fault: int) -> tuple[RingConsumer, Seen]:
    """A producer of BEFORE messages is killed so many instructions into the next one; what the consumer then finds."""

    def work() -> None:
        trace_me()
        producer = RingProducer(prefix, "ring.x", SIZE, CAPACITY, epoch=1)
        os.kill(os.getpid(), signal.SIGSTOP)  # the consumer attaches
        checks.produce(producer, CAPACITY, SEED, 0, False, 10**10)
        os.kill(os.getpid(), signal.SIGSTOP)  # and makes room
        while producer.published < BEFORE:
            assert producer.publish_bytes(ordinary(producer.published))
        assert checks.publish_one(producer, BEFORE, SEED, fault)

    with forked(work) as producer:
        stepper = Stepper(producer.pid)
        if stepper.wait() != signal.SIGSTOP:
            producer.exit_code = 1
            pytest.skip("ptrace is forbidden here")
        consumer = RingConsumer(prefix, "ring.x", SIZE, start="head")
        consumer.segment.probe_interval_ns = 0
        assert stepper.go_on() == signal.SIGSTOP
        taken = [consumer.poll_bytes() for _ in range(CAPACITY - 1)]
        assert stepper.go_on() == signal.SIGTRAP, "the breakpoint before the publish"
        done = 0
        while done < instructions and stepper.step():
            done += 1
        ended = done < instructions
        os.kill(producer.pid, signal.SIGKILL)
        assert stepper.wait() == 0
        producer.exit_code = -signal.SIGKILL
    found = [data for data in taken if data is not None]
    while (data := consumer.poll_bytes()) is not None:
        found.append(data)
    numbers = [struct.unpack_from("<Q", data)[0] for data in found]
    return consumer, Seen(numbers, sum(not whole(data) for data in found), ended)


def ordinary(number: int) -> bytes:
    return struct.pack("<15Q", number, *range(number << 8, (number << 8) + 14))


def test_a_message_is_there_whole_or_not_at_all(checks: ModuleType, prefix: str) -> None:
    acknowledged = list(range(BEFORE))
    published_from = 0
    for instructions in range(MAX_INSTRUCTIONS):
        consumer, seen = die_after(checks, prefix, instructions, fault=0)
        assert seen.torn == 0, f"killed after {instructions} instructions"
        assert seen.numbers in (acknowledged, [*acknowledged, BEFORE]), f"killed after {instructions} instructions"
        assert consumer.liveness() is ProducerState.DEAD
        if len(seen.numbers) > BEFORE:
            published_from = published_from or instructions
        else:
            assert not published_from, f"seen after {published_from} instructions, not after {instructions}"
        # whoever comes next begins with nothing of the dead one's
        successor = RingProducer(prefix, "ring.x", SIZE, CAPACITY, epoch=2)
        assert consumer.liveness() is ProducerState.SUPERSEDED
        assert successor.publish_bytes(ordinary(99))
        assert consumer.reattach()
        assert consumer.poll_bytes() == ordinary(99)
        assert consumer.poll_bytes() is None
        assert (consumer.producer_epoch, consumer.discarded, consumer.lapped) == (2, 0, 0)
        consumer.close()
        if seen.ended:
            break
    else:
        pytest.fail(f"the publish has not ended after {MAX_INSTRUCTIONS} instructions")
    assert 10 < published_from < instructions, "killed on both sides of the store that publishes"


def test_publishing_before_writing_is_seen(checks: ModuleType, prefix: str) -> None:
    torn = 0
    for instructions in range(MAX_INSTRUCTIONS):
        _, seen = die_after(checks, prefix, instructions, checks.PUBLISH_FIRST)
        torn += seen.torn
        if seen.ended:
            break
    assert torn > 0


@pytest.mark.parametrize("call", ["posix_fallocate", "rename"])
@pytest.mark.parametrize("after", [False, True])
def test_a_producer_killed_while_it_takes_over(prefix: str, call: str, after: bool) -> None:
    old = RingProducer(prefix, "ring.x", SIZE, CAPACITY, epoch=1)
    consumer = RingConsumer(prefix, "ring.x", SIZE, start="head")
    assert old.publish_bytes(ordinary(1))

    def work() -> None:
        right = getattr(os, call)

        def fatal(*arguments: object) -> None:
            if after:
                right(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(os, call, fatal)
        RingProducer(prefix, "ring.x", SIZE, CAPACITY, epoch=2)

    taker = Fork(work)
    assert taker.join() == -signal.SIGKILL
    renaming = call == "rename"
    assert consumer.is_superseded == renaming, "the old one is marked just before the new one takes its name"
    assert consumer.reattach() == (renaming and after)
    if renaming and not after:
        with pytest.raises(SegmentMissing, match="being replaced"):
            RingConsumer(prefix, "ring.x", SIZE)
    third = RingProducer(prefix, "ring.x", SIZE, CAPACITY, epoch=3)
    assert third.publish_bytes(ordinary(3))
    if not (renaming and after):
        assert consumer.poll_bytes() == ordinary(1), "what was acknowledged in the old ring can still be drained"
    assert consumer.reattach()
    assert (consumer.producer_epoch, consumer.poll_bytes()) == (3, ordinary(3))
