"""The other process of the ipc tests: `python ipc_child.py COMMAND ARGS...`. Says "ready" first."""

from __future__ import annotations

import mmap
import os
import signal
import struct
import sys
import time
from collections.abc import Callable

from hotpath.ipc.histogram import HistogramWriter
from hotpath.ipc.idle import IdleStrategy
from hotpath.ipc.journal import JournalWriter
from hotpath.ipc.ring import RingConsumer, RingProducer
from hotpath.ipc.seqlock import SeqlockWriter
from hotpath.ipc.status import StatusWriter

SLOT = 64
DATA_OFFSET = 4096


def message(sequence: int, size: int = SLOT) -> bytes:
    """Every word is the sequence: a mix of two messages shows."""
    return struct.pack("<Q", sequence) * (size // 8)


def ready() -> None:
    print("ready", flush=True)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def wait_for_line() -> None:
    sys.stdin.readline()


def produce(prefix: str, name: str, capacity: int, count: int) -> None:
    """Publishes 0..count-1, waiting while the ring is full, then closes."""
    idle = IdleStrategy("back_off", 100)
    producer = RingProducer(prefix, name, SLOT, capacity, epoch=1)
    ready()
    for sequence in range(count):
        data = message(sequence)
        while not producer.publish_bytes(data):
            producer.beat()
            idle.wait()
        idle.worked()
    producer.close()


def produce_for_ever(prefix: str, name: str, capacity: int) -> None:
    """Publishes as fast as it can until it is killed."""
    idle = IdleStrategy("back_off", 100)
    producer = RingProducer(prefix, name, SLOT, capacity, epoch=1)
    ready()
    sequence = 0
    while True:
        if producer.publish_bytes(message(sequence)):
            sequence += 1
        else:
            idle.wait()


def die_in_claim(prefix: str, name: str, capacity: int, count: int) -> None:
    """Publishes `count`, writes half of the next slot and dies before it publishes that one."""
    producer = RingProducer(prefix, name, SLOT, capacity, epoch=1)
    for sequence in range(count):
        assert producer.publish_bytes(message(sequence))
    with open(producer.segment.path, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        start = DATA_OFFSET + (count % capacity) * SLOT
        memory[start : start + SLOT // 2] = b"\xff" * (SLOT // 2)
    ready()
    wait_for_line()
    die()


def hold_producer(prefix: str, name: str, capacity: int, count: int, epoch: int) -> None:
    """Publishes `count` and stays, with a heartbeat, until a line comes; then closes."""
    producer = RingProducer(prefix, name, SLOT, capacity, epoch=epoch)
    for sequence in range(count):
        assert producer.publish_bytes(message(sequence))
    ready()
    wait_for_line()
    producer.close()


def consume_and_die(prefix: str, name: str, count: int) -> None:
    """Attaches, reads `count`, dies with the rest unread."""
    consumer = RingConsumer(prefix, name, SLOT, start="head")
    for _ in range(count):
        assert consumer.poll_bytes() is not None
    ready()
    wait_for_line()
    die()


def write_seqlock(prefix: str, name: str, size: int, seconds: float) -> None:
    writer = SeqlockWriter(prefix, name, size, epoch=1, initial=message(0, size))
    ready()
    version = 0
    payloads = [message(value, size) for value in range(256)]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(64):
            version += 1
            writer.write_bytes(payloads[version % 256])
    writer.close()


def die_in_seqlock_write(prefix: str, name: str, size: int) -> None:
    writer = SeqlockWriter(prefix, name, size, epoch=1, initial=message(1, size))
    with open(writer.segment.path, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[DATA_OFFSET : DATA_OFFSET + 8] = struct.pack("<Q", 3)  # what write() stores first
    ready()
    wait_for_line()
    die()


def record_latency(prefix: str, name: str, count: int) -> None:
    writer = HistogramWriter(prefix, name, ["a"], epoch=1)
    ready()
    wait_for_line()
    for value in range(count):
        writer.record_ns(0, value)
    writer.close()


def append_for_ever(directory: str, record_size: int, segment_records: int, max_segments: int) -> None:
    writer = JournalWriter(directory, record_size, segment_records, max_segments)
    ready()
    while True:
        writer.append_bytes(message(writer.last_sequence + 1, record_size))
        if writer.wants_prepare:
            writer.prepare()


def hold_journal(directory: str, record_size: int) -> None:
    writer = JournalWriter(directory, record_size, 8, 4)
    ready()
    wait_for_line()
    writer.close()


def hold_status(prefix: str, role: str) -> None:
    writer = StatusWriter(prefix, role, epoch=4, gates=["session"], counters=["orders"])
    writer.gate("session", True)
    writer.beat()
    ready()
    wait_for_line()
    die()


COMMANDS: dict[str, tuple[Callable[..., None], tuple[type, ...]]] = {
    "produce": (produce, (str, str, int, int)),
    "produce_for_ever": (produce_for_ever, (str, str, int)),
    "die_in_claim": (die_in_claim, (str, str, int, int)),
    "hold_producer": (hold_producer, (str, str, int, int, int)),
    "consume_and_die": (consume_and_die, (str, str, int)),
    "write_seqlock": (write_seqlock, (str, str, int, float)),
    "die_in_seqlock_write": (die_in_seqlock_write, (str, str, int)),
    "record_latency": (record_latency, (str, str, int)),
    "append_for_ever": (append_for_ever, (str, int, int, int)),
    "hold_journal": (hold_journal, (str, int)),
    "hold_status": (hold_status, (str, str)),
}

if __name__ == "__main__":
    function, types = COMMANDS[sys.argv[1]]
    function(*(kind(text) for kind, text in zip(types, sys.argv[2:], strict=True)))
