"""Both ends of the ring benchmarks as Python drives them: one call to send a message, one to take it."""

from __future__ import annotations

from time import monotonic_ns, perf_counter_ns

from benchmarks.native.ring_loops import MESSAGE_BYTES
from benchmarks.native.samples import Samples
from hotpath.ipc.ring import RingConsumer, RingProducer

_SLICE_NS = 1_000_000


class RingTimeoutError(Exception):
    """The other process did not keep up."""


def message(number: int) -> bytes:
    return number.to_bytes(8, "little") * (MESSAGE_BYTES // 8)


def ping(out: RingProducer, back: RingConsumer, messages: list[bytes], samples: Samples, limit_ns: int) -> int:
    """Closed loop, one message in flight; returns how many came back as they were sent. Raises RingTimeoutError."""
    good = 0
    samples.clear()
    deadline = monotonic_ns() + limit_ns
    for each in messages:
        before = perf_counter_ns()
        _send(out, each, deadline)
        answer = _take(back, deadline)
        after = perf_counter_ns()
        good += answer == each
        samples.add(after - before)
    return good


def ping_paced(
    out: RingProducer, back: RingConsumer, messages: list[bytes], period_ns: int, samples: Samples, limit_ns: int
) -> int:
    """Open loop, as in native/ring_loops."""
    sent = answered = good = 0
    samples.clear()
    due = started = perf_counter_ns() + period_ns
    deadline = started + limit_ns
    count = len(messages)
    while answered < count:
        now = perf_counter_ns()
        if sent < count and now >= due:
            if out.publish_bytes(messages[sent]):
                sent += 1
                due += period_ns
        elif now > deadline:
            raise RingTimeoutError(f"{answered} of {count} answers")
        answer = back.poll_bytes()
        if answer is not None:
            samples.add(perf_counter_ns() - (started + answered * period_ns))
            good += answer == messages[answered]
            answered += 1
    return good


def echo(inbound: RingConsumer, out: RingProducer, count: int, limit_ns: int) -> int:
    deadline = monotonic_ns() + limit_ns
    for _ in range(count):
        _send(out, _take(inbound, deadline), deadline)
    return count


def produce(out: RingProducer, count: int, limit_ns: int) -> int:
    deadline = monotonic_ns() + limit_ns
    for each in [message(number) for number in range(count)]:
        _send(out, each, deadline)
    return count


def consume(inbound: RingConsumer, messages: list[bytes], limit_ns: int) -> tuple[int, int]:
    """(ns from the first message to the last, messages that came whole and in order)."""
    good = 0
    started = 0
    deadline = monotonic_ns() + limit_ns
    for each in messages:
        answer = _take(inbound, deadline)
        started = started or perf_counter_ns()
        good += answer == each
    return perf_counter_ns() - started, good


def _send(out: RingProducer, data: bytes, deadline: int) -> None:
    while not out.publish_bytes(data):
        if monotonic_ns() > deadline:
            raise RingTimeoutError("the ring stayed full")


def _take(inbound: RingConsumer, deadline: int) -> bytes:
    while (data := inbound.poll_bytes(_SLICE_NS)) is None:
        if monotonic_ns() > deadline:
            raise RingTimeoutError("no message came")
    return data
