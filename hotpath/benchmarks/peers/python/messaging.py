"""Messages between two processes over one of the links: round trips in closed and in open loop, and one way."""

from __future__ import annotations

import os
import sys
import traceback
from time import perf_counter_ns
from typing import Any

from benchmarks.peers.python.links import LINKS, MESSAGE_BYTES, End
from benchmarks.peers.python.measuring import Answer, latency

_LIMIT_NS = 60_000_000_000
_READY, _ECHO, _PRODUCE = b"r", b"e", b"p"


class LinkTimeoutError(Exception):
    """The other process did not keep up, or ended."""


def open_session(request: dict[str, Any]) -> _Messages:
    """request: kind, count, link, slots, per_second, cpu and peer_cpu (null: not pinned)."""
    return _KINDS[request["kind"]](request)


class _Messages:
    """The process that asks. It forks the one that answers before any library has started a thread."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.messages = [number.to_bytes(8, "little") * (MESSAGE_BYTES // 8) for number in range(request["count"])]
        self.period_ns = round(1e9 / request["per_second"]) if request["per_second"] else 0
        self._link = LINKS[request["link"]](request["slots"])
        orders, self._orders = os.pipe()
        self._answers, answers = os.pipe()
        if os.fork() == 0:
            os.close(self._orders)
            try:
                _pin(request["peer_cpu"])
                _serve(self._link.end(1), self.messages, orders, answers)
            except BaseException:
                traceback.print_exc(file=sys.stderr)
            finally:
                os._exit(0)
        os.close(orders)
        os.close(answers)
        _pin(request["cpu"])
        self.end = self._link.end(0)
        self.finish()
        if isinstance(self.end.poll(), bytes):
            raise LinkTimeoutError("a message came before the first was sent")

    def throughput(self) -> Answer | None:
        return None

    def latency(self) -> Answer | None:
        return None

    def order(self, what: bytes) -> None:
        os.write(self._orders, what)

    def finish(self) -> None:
        if os.read(self._answers, 1) != _READY:
            raise LinkTimeoutError("the answering process ended")


class _RoundTrip(_Messages):
    def latency(self) -> Answer:
        self.order(_ECHO)
        samples: list[int] = []
        good = 0
        end = self.end
        deadline = perf_counter_ns() + _LIMIT_NS
        for each in self.messages:
            before = perf_counter_ns()
            _send(end, each, deadline)
            answer = _take(end, deadline)
            samples.append(perf_counter_ns() - before)
            good += answer == each
        self.finish()
        return latency(samples, {"messages": good}, len(self.messages))


class _OpenLoop(_Messages):
    """Each message is due at its time, whatever became of the earlier ones; its latency counts from then."""

    def latency(self) -> Answer:
        self.order(_ECHO)
        samples: list[int] = []
        messages, period, poll, send = self.messages, self.period_ns, self.end.poll, self.end.send
        count = len(messages)
        sent = good = 0
        due = started = perf_counter_ns() + period
        while len(samples) < count:
            now = perf_counter_ns()
            if sent < count and now >= due and send(messages[sent]):
                sent += 1
                due += period
            elif now > started + _LIMIT_NS:
                raise LinkTimeoutError(f"{len(samples)} of {count} answers")
            answer = poll()
            if answer is not None:
                good += answer == messages[len(samples)]
                samples.append(perf_counter_ns() - (started + len(samples) * period))
        self.finish()
        return latency(samples, {"messages": good}, count)


class _OneWay(_Messages):
    def throughput(self) -> Answer:
        self.order(_PRODUCE)
        good = started = 0
        end = self.end
        deadline = perf_counter_ns() + _LIMIT_NS
        for each in self.messages:
            answer = _take(end, deadline)
            started = started or perf_counter_ns()
            good += answer == each
        ns = perf_counter_ns() - started
        self.finish()
        operations = len(self.messages)
        return {"ns": ns, "cpu_ns": None, "observed": {"messages": good}, "latency": None, "operations": operations}


_KINDS = {"ring-round-trip": _RoundTrip, "ring-open-loop": _OpenLoop, "ring-one-way": _OneWay}


def _serve(end: End, messages: list[bytes], orders: int, answers: int) -> None:
    """The process that answers, until the other one closes its orders."""
    os.write(answers, _READY)
    while order := os.read(orders, 1):
        deadline = perf_counter_ns() + _LIMIT_NS
        for each in messages:
            _send(end, _take(end, deadline) if order == _ECHO else each, deadline)
        os.write(answers, _READY)


def _send(end: End, data: bytes, deadline: int) -> None:
    while not end.send(data):
        if perf_counter_ns() > deadline:
            raise LinkTimeoutError("no room for a message")


def _take(end: End, deadline: int) -> bytes:
    take = end.take
    while (data := take()) is None:
        if perf_counter_ns() > deadline:
            raise LinkTimeoutError("no message came")
    return data


def _pin(cpu: int | None) -> None:
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
