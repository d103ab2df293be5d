"""What a benchmark asks of a contender.

A contender is one module in `benchmarks.contenders`, or one entry of a module's `CONTENDERS`. It names itself (`NAME`,
`VERSION`), says why it cannot run here (`missing(machine)`, None = it can) and offers a session per kind of work it can
do (`SESSIONS`). Sessions of all contenders for one piece of work are prepared first, then their rounds alternate on one
CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

# what is kept of every latency distribution (name → rank): enough to plot it
QUANTILES: Mapping[str, float] = {
    "p1": 0.01,
    "p5": 0.05,
    "p10": 0.1,
    "p25": 0.25,
    "p50": 0.5,
    "p75": 0.75,
    "p90": 0.9,
    "p95": 0.95,
    "p99": 0.99,
    "p99.5": 0.995,
    "p99.9": 0.999,
    "p99.99": 0.9999,
    "max": 1.0,
}


@dataclass(frozen=True)
class Work:
    """Input of one benchmark, the same for all contenders.

    kind chooses the sessions; expected is what a correct contender counts in every round (a contender may count fewer
    things, not different ones); payload is the kind's own input.

    Works of one group are one section of the report and one set of plots: they share the title and differ in the case
    (a rate, a size, a mode), and follow each other in the order in which the cases are shown.

    prefixes: what is expected after fewer operations, for contenders that would take minutes for all of them.
    """

    name: str
    title: str
    kind: str
    unit: str
    operations: int
    expected: Mapping[str, int]
    payload: Any
    statistics: Mapping[str, int | float] = field(default_factory=dict)
    latency_title: str = "per operation"
    group: str = ""
    case: str = ""
    prefixes: Mapping[int, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Skipped:
    """Work that cannot be done here."""

    name: str
    title: str
    reason: str
    group: str = ""
    case: str = ""


class UnfitError(Exception):
    """The contender does this kind of work, but not this one, and why: found when opened, or in a round."""


@dataclass(frozen=True)
class Machine:
    """Where things run. cpu and peer_cpu: to pin to, None = not possible; cpus: all that may be used; libraries: the
    compiled loops; peers: what `make bench PEERS=1` installed; scratch: a folder for inputs of other processes, gone
    after the run."""

    cpu: int | None
    peer_cpu: int | None
    libraries: Path
    peers: Path
    scratch: Path
    cpus: tuple[int, ...] = ()


@dataclass(frozen=True)
class Round:
    """One repeat: wall ns for the work's operations (None in a round that only timed single ones), what was counted,
    latency in ns by the names of QUANTILES of a round that timed single ones, and the share of the wall time that the
    work had a CPU, when it was done in another process that knows.

    operations: when it was fewer than the work's, one of Work.prefixes. stages: latency of each part of an operation,
    in the order of the parts. figures: what else was measured, the unit in the name (`bytes_per_order`)."""

    ns: int | None
    observed: Mapping[str, int]
    latency: Mapping[str, int] | None = None
    cpu_share: float | None = None
    operations: int | None = None
    stages: Mapping[str, Mapping[str, int]] | None = None
    figures: Mapping[str, float] | None = None


class Session(Protocol):
    """One contender at one piece of work, warm between rounds. in_process: it works on the calling thread."""

    in_process: bool

    def throughput(self) -> Round | None: ...

    def latency(self) -> Round | None: ...

    def close(self) -> None: ...


# raises UnfitError
OpenSession = Callable[[Work, Machine], Session]


class Contender(Protocol):
    """A module, or an entry of its `CONTENDERS`. VERSION: of the library, and how it is set up where that matters."""

    NAME: str
    VERSION: str
    SESSIONS: Mapping[str, OpenSession]

    def missing(self, machine: Machine) -> str | None: ...
