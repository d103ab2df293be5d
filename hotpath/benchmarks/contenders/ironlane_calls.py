"""Our rings as Python code uses them: both ends are Python loops, one call for each message."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks import ring_calls
from benchmarks.contender import Machine, OpenSession, Round, Work
from benchmarks.contenders.ironlane import VERSION as ENGINE
from benchmarks.echo_process import RingPair

NAME = "ironlane, Python calls"
VERSION = f"{ENGINE}, publish_bytes and poll_bytes"
_WAIT_NS = 60_000_000_000


def missing(machine: Machine) -> str | None:
    return None


class _Calls(RingPair):
    """The first messages only, where the work names so few: a Python loop is slower."""

    in_process = True

    def __init__(self, work: Work, machine: Machine) -> None:
        super().__init__(work, machine)
        self.count = min(work.prefixes, default=work.operations)
        self.messages = [ring_calls.message(number) for number in range(self.count)]

    def throughput(self) -> Round | None:
        return None

    def latency(self) -> Round | None:
        return None


class _RoundTrip(_Calls):
    def latency(self) -> Round:
        self.peer.start("echo-calls", self.count)
        good = ring_calls.ping(self.out, self.back, self.messages, self.samples, _WAIT_NS)
        self.peer.finish()
        return Round(None, {"messages": good}, self.latencies(), operations=self.count)


class _OpenLoop(_Calls):
    def latency(self) -> Round:
        self.peer.start("echo-calls", self.count)
        good = ring_calls.ping_paced(self.out, self.back, self.messages, self.period_ns, self.samples, _WAIT_NS)
        self.peer.finish()
        return Round(None, {"messages": good}, self.latencies(), operations=self.count)


class _OneWay(_Calls):
    def throughput(self) -> Round:
        self.peer.start("produce-calls", self.count)
        ns, good = ring_calls.consume(self.back, self.messages, _WAIT_NS)
        self.peer.finish()
        return Round(ns, {"messages": good}, operations=self.count)


SESSIONS: Mapping[str, OpenSession] = {
    "ring-round-trip": _RoundTrip,
    "ring-open-loop": _OpenLoop,
    "ring-one-way": _OneWay,
}
