"""Our own engine once more: one call from Python per message that gives the ITCH message as it came."""

from __future__ import annotations

import time
from collections.abc import Mapping

from benchmarks.contender import Machine, OpenSession, Round, Work
from benchmarks.contenders.ironlane import VERSION
from benchmarks.itch_feed import messages
from benchmarks.market import market_counts, market_for

__all__ = ["NAME", "SESSIONS", "VERSION", "missing"]

NAME = "ironlane, ITCH bytes"


def missing(machine: Machine) -> str | None:
    return None


class _BookPerMessage:
    in_process = True

    def __init__(self, work: Work, machine: Machine) -> None:
        self._market = market_for(work.payload)
        self._messages = list(messages(work.payload.data))

    def throughput(self) -> Round:
        self._market.reset()
        before = self._market.stats()["inconsistent"]
        apply = self._market.apply_message
        started = time.perf_counter_ns()
        for message in self._messages:
            apply(message)
        ns = time.perf_counter_ns() - started
        return Round(ns, market_counts(self._market, len(self._messages), before))

    def latency(self) -> None:
        return None  # a call takes less than the timer

    def close(self) -> None:
        pass


SESSIONS: Mapping[str, OpenSession] = {"book-per-message": _BookPerMessage}
