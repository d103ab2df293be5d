"""Runs the contenders of one piece of work, their rounds alternating, and sums the rounds up."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from benchmarks.contender import Contender, Machine, OpenSession, Round, Session, UnfitError, Work

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
    """One contender at one piece of work. missing: why it does not take part, or no longer; wrong: what it counted
    otherwise than the reference; failed: why it ended.

    operations: in each of its rounds; fewer than the work's when it did only the first of them.
    """

    contender: str
    version: str
    operations: int
    missing: str | None = None
    rounds_ns: list[int] = field(default_factory=list)
    cpu_shares: list[float | None] = field(default_factory=list)
    latencies: list[Mapping[str, int]] = field(default_factory=list)
    stages: list[Mapping[str, Mapping[str, int]]] = field(default_factory=list)
    figures: list[Mapping[str, float]] = field(default_factory=list)
    rounds: int = 0
    wrong: str | None = None
    failed: str | None = None

    def verified(self) -> bool:
        return self.rounds > 0 and self.missing is None and self.wrong is None and self.failed is None

    def per_second(self) -> Spread | None:
        return _spread([self.operations * 1e9 / ns for ns in self.rounds_ns])

    def ns_per_operation(self) -> Spread | None:
        return _spread([ns / self.operations for ns in self.rounds_ns])

    def cpu_ns_per_operation(self) -> Spread | None:
        """Wall time less what other processes had of the CPU meanwhile: what a shared machine leaves comparable."""
        return _spread([ns for ns in self._cpu_ns() if ns is not None])

    def _cpu_ns(self) -> list[float | None]:
        rounds = zip(self.rounds_ns, self.cpu_shares, strict=True)
        return [None if share is None else ns * share / self.operations for ns, share in rounds]

    def times_of(self, other: Outcome) -> Spread | None:
        """Its time per operation over the other's, round by round: what both met in a round cancels out."""
        pairs = zip(self.rounds_ns, other.rounds_ns, strict=False)
        return _spread([(mine / self.operations) / (theirs / other.operations) for mine, theirs in pairs])

    def cpu_times_of(self, other: Outcome) -> Spread | None:
        """The same of what both had of a CPU; None where one does not know."""
        pairs = zip(self._cpu_ns(), other._cpu_ns(), strict=False)
        return _spread([mine / theirs for mine, theirs in pairs if mine is not None and theirs])

    def percentiles(self) -> dict[str, Spread]:
        return _spreads(self.latencies)

    def stage_percentiles(self) -> dict[str, dict[str, Spread]]:
        names = list(self.stages[0]) if self.stages else []
        return {name: _spreads([each[name] for each in self.stages if name in each]) for name in names}

    def figure_spreads(self) -> dict[str, Spread]:
        return _spreads(self.figures)

    def take(self, work: Work, done: Round, cpu_share: float | None) -> None:
        """Counts a round and compares what was counted with the reference. cpu_share: of the wall time, 0..1;
        None = unknown."""
        self.rounds += 1
        expected = self._expected(work, done)
        if done.ns is not None:
            self.rounds_ns.append(done.ns)
            self.cpu_shares.append(cpu_share)
        if done.latency is not None:
            self.latencies.append(done.latency)
        if done.stages is not None:
            self.stages.append(done.stages)
        if done.figures is not None:
            self.figures.append(done.figures)
        differences = [
            f"{name} {value}, expected {expected[name]}"
            for name, value in done.observed.items()
            if name in expected and value != expected[name]
        ]
        if not done.observed.keys() & expected.keys():
            differences.append("nothing was counted that can be compared")
        if differences and self.wrong is None:
            self.wrong = f"round {self.rounds}: {'; '.join(differences)}"

    def _expected(self, work: Work, done: Round) -> Mapping[str, int]:
        """The reference for as many operations as it did."""
        count = work.operations if done.operations is None else done.operations
        if self.rounds == 1:
            self.operations = count
        elif count != self.operations:
            raise ValueError(f"{count} operations in a round, {self.operations} in those before")
        if count == work.operations:
            return work.expected
        if count not in work.prefixes:
            raise ValueError(f"{count} of {work.operations} operations, for which {work.name} has no reference")
        return work.prefixes[count]

    def as_json(self) -> dict[str, Any]:
        return {
            "contender": self.contender,
            "version": self.version,
            "missing": self.missing,
            "verified": self.verified(),
            "wrong": self.wrong,
            "failed": self.failed,
            "operations": self.operations,
            "rounds": self.rounds,
            "operations_per_second": _json(self.per_second()),
            "ns_per_operation": _json(self.ns_per_operation()),
            "cpu_ns_per_operation": _json(self.cpu_ns_per_operation()),
            "latency_ns": _json_of(self.percentiles()),
            "stages_ns": {name: _json_of(spreads) for name, spreads in self.stage_percentiles().items()},
            "figures": _json_of(self.figure_spreads()),
            "rounds_ns": self.rounds_ns,
            "rounds_cpu_share": [None if share is None else round(share, 4) for share in self.cpu_shares],
            "rounds_latency_ns": [dict(each) for each in self.latencies],
        }


def _spreads(rounds: Sequence[Mapping[str, float]]) -> dict[str, Spread]:
    names = list(rounds[0]) if rounds else []
    spreads = {name: _spread([each[name] for each in rounds if name in each]) for name in names}
    return {name: spread for name, spread in spreads.items() if spread is not None}


def _json_of(spreads: Mapping[str, Spread]) -> dict[str, Any]:
    return {name: _json(spread) for name, spread in spreads.items()}


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
            outcome = Outcome(contender.NAME, contender.VERSION, work.operations, contender.missing(machine))
            outcomes.append(outcome)
            if outcome.missing is None:
                _guarded(outcome, partial(_open, outcome, open_session, work, machine, taking_part))
        for repeat in range(WARM_UP_ROUNDS + repeats):
            progress(f"round {repeat + 1} of {WARM_UP_ROUNDS + repeats}")
            for outcome, session in taking_part:
                if outcome.failed is None and outcome.missing is None:
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
    try:
        taking_part.append((outcome, open_session(work, machine)))
    except UnfitError as reason:
        outcome.missing = str(reason)


def _repeat(work: Work, outcome: Outcome, session: Session, warm_up: bool) -> None:
    for measure in (session.throughput, session.latency):
        with _quiet():
            wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
            done = measure()
            wall, cpu = time.perf_counter_ns() - wall, time.thread_time_ns() - cpu
        if done is not None:
            share = min(1.0, cpu / max(wall, 1)) if session.in_process else done.cpu_share
            outcome.take(
                work, replace(done, ns=None, latency=None, stages=None, figures=None) if warm_up else done, share
            )


def _guarded(outcome: Outcome, action: Callable[[], object]) -> None:
    """A contender that breaks is reported as that; the others go on."""
    try:
        action()
    except UnfitError as reason:
        outcome.missing = str(reason)
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
