"""Runs the contenders of one piece of work, their rounds alternating, and sums the rounds up."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from benchmarks.contender import Contender, Machine, OpenSession, Round, Session, Work

WARM_UP_ROUNDS = 1
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Spread:
    """Over the rounds."""

    median: float
    minimum: float
    maximum: float


@dataclass
class Outcome:
    """One contender at one piece of work. wrong: what it counted otherwise than the reference; failed: why it ended."""

    contender: str
    version: str
    rounds_ns: list[int] = field(default_factory=list)
    cpu_shares: list[float | None] = field(default_factory=list)
    latencies: list[Mapping[str, int]] = field(default_factory=list)
    rounds: int = 0
    wrong: str | None = None
    failed: str | None = None
    missing: str | None = None

    def verified(self) -> bool:
        return self.rounds > 0 and self.wrong is None and self.failed is None

    def result(self) -> str:
        if self.verified():
            return "verified"
        return f"WRONG: {self.wrong}" if self.wrong is not None else f"FAILED: {self.failed or 'nothing was measured'}"

    def per_second(self, operations: int) -> Spread | None:
        return _spread([operations * 1e9 / ns for ns in self.rounds_ns])

    def ns_per_operation(self, operations: int) -> Spread | None:
        return _spread([ns / operations for ns in self.rounds_ns])

    def cpu_ns_per_operation(self, operations: int) -> Spread | None:
        """Wall time less what other processes had of the CPU meanwhile: what a shared machine leaves comparable."""
        known = [(ns, share) for ns, share in zip(self.rounds_ns, self.cpu_shares, strict=True) if share is not None]
        return _spread([ns * share / operations for ns, share in known])

    def percentiles(self) -> dict[str, Spread]:
        names = list(self.latencies[0]) if self.latencies else []
        spreads = {name: _spread([each[name] for each in self.latencies]) for name in names}
        return {name: spread for name, spread in spreads.items() if spread is not None}

    def take(self, work: Work, done: Round, cpu_share: float | None) -> None:
        """Counts a round and compares what was counted with the reference. cpu_share: of the wall time, 0..1;
        None = unknown."""
        self.rounds += 1
        if done.ns is not None:
            self.rounds_ns.append(done.ns)
            self.cpu_shares.append(cpu_share)
        if done.latency is not None:
            self.latencies.append(done.latency)
        differences = [
            f"{name} {value}, expected {work.expected[name]}"
            for name, value in done.observed.items()
            if name in work.expected and value != work.expected[name]
        ]
        if not done.observed.keys() & work.expected.keys():
            differences.append("nothing was counted that can be compared")
        if differences and self.wrong is None:
            self.wrong = f"round {self.rounds}: {'; '.join(differences)}"

    def as_json(self, operations: int) -> dict[str, Any]:
        return {
            "contender": self.contender,
            "version": self.version,
            "missing": self.missing,
            "verified": self.verified(),
            "wrong": self.wrong,
            "failed": self.failed,
            "rounds": self.rounds,
            "operations_per_second": _json(self.per_second(operations)),
            "ns_per_operation": _json(self.ns_per_operation(operations)),
            "cpu_ns_per_operation": _json(self.cpu_ns_per_operation(operations)),
            "latency_ns": {name: _json(spread) for name, spread in self.percentiles().items()},
            "rounds_ns": self.rounds_ns,
            "rounds_cpu_share": [None if share is None else round(share, 4) for share in self.cpu_shares],
            "rounds_latency_ns": [dict(each) for each in self.latencies],
        }


def _json(spread: Spread | None) -> dict[str, float] | None:
    return None if spread is None else {"median": spread.median, "min": spread.minimum, "max": spread.maximum}


def _spread(values: Sequence[float]) -> Spread | None:
    return Spread(statistics.median(values), min(values), max(values)) if values else None


def run_work(
    work: Work, contenders: Iterable[Contender], machine: Machine, repeats: int, progress: Progress
) -> list[Outcome]:
    """Every contender that can do this kind of work; A B A B, warm-up rounds are verified but not measured."""
    outcomes: list[Outcome] = []
    taking_part: list[tuple[Outcome, Session]] = []
    try:
        for contender in contenders:
            open_session = contender.SESSIONS.get(work.kind)
            if open_session is None:
                continue
            outcome = Outcome(contender.NAME, contender.VERSION, missing=contender.missing(machine))
            outcomes.append(outcome)
            if outcome.missing is None:
                _guarded(outcome, partial(_open, outcome, open_session, work, machine, taking_part))
        for repeat in range(WARM_UP_ROUNDS + repeats):
            progress(f"round {repeat + 1} of {WARM_UP_ROUNDS + repeats}")
            for outcome, session in taking_part:
                if outcome.failed is None:
                    _guarded(outcome, partial(_repeat, work, outcome, session, repeat < WARM_UP_ROUNDS))
    finally:
        for outcome, session in taking_part:
            _guarded(outcome, session.close)
    return outcomes


def _open(
    outcome: Outcome,
    open_session: OpenSession,
    work: Work,
    machine: Machine,
    taking_part: list[tuple[Outcome, Session]],
) -> None:
    taking_part.append((outcome, open_session(work, machine)))


def _repeat(work: Work, outcome: Outcome, session: Session, warm_up: bool) -> None:
    for measure in (session.throughput, session.latency):
        with _quiet():
            wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
            done = measure()
            wall, cpu = time.perf_counter_ns() - wall, time.thread_time_ns() - cpu
        if done is not None:
            share = min(1.0, cpu / max(wall, 1)) if session.in_process else done.cpu_share
            outcome.take(work, Round(None, done.observed, None) if warm_up else done, share)


def _guarded(outcome: Outcome, action: Callable[[], object]) -> None:
    """A contender that breaks is reported as that; the others go on."""
    try:
        action()
    except Exception as error:
        outcome.failed = outcome.failed or f"{type(error).__name__}: {error}"


@contextmanager
def _quiet() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
