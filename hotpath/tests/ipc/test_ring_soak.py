"""Soak: every message arrives once, whole and in order. RING_SOAK_MESSAGES=1000000000 (`make soak`) is the long run."""

from __future__ import annotations

import os
import time
from types import ModuleType

import pytest
from native_checks import forked

from hotpath.ipc.ring import RingConsumer, RingProducer
from hotpath.ipc.segment import ProducerState

pytestmark = pytest.mark.slow

MESSAGES = int(os.environ.get("RING_SOAK_MESSAGES") or 50_000_000)
# enough for a time slice: on a loaded machine the two sides may have to take turns
SLOTS = 65_536
# a loaded machine with one CPU for both gives about this many a second
LIMIT_S = 60 + MESSAGES / 1_000_000


def test_nothing_is_lost_doubled_or_changed(
    checks: ModuleType, prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ready, go = os.pipe()
    limit_ns = int(LIMIT_S * 1e9)

    def work() -> None:
        producer = RingProducer(prefix, "ring.x", 56, SLOTS, epoch=1)
        os.write(go, b"r")
        sent, _ = checks.produce(producer, MESSAGES, 7, 0, False, limit_ns)
        assert sent == MESSAGES
        producer.close()

    with forked(work) as producer:
        assert os.read(ready, 1) == b"r"
        consumer = RingConsumer(prefix, "ring.x", 56, start="head")
        began = time.monotonic()
        good, bad, empty = checks.consume(consumer, MESSAGES, 7, 0, False, limit_ns)
        seconds = time.monotonic() - began
        assert producer.join() == 0
    os.close(ready)
    os.close(go)
    assert (good, bad) == (MESSAGES, 0)
    assert consumer.poll_bytes() is None, "one more than was sent"
    assert (consumer.unread, consumer.discarded, consumer.lapped) == (0, 0, 0)
    assert consumer.liveness() is ProducerState.CLOSED
    with capsys.disabled():
        print(
            f" {MESSAGES:,} messages, {seconds:.1f} s, {MESSAGES / seconds / 1e6:.1f} M/s, empty {empty:,} times ",
            end="",
        )
