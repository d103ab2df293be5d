"""What a benchmark asks of a contender.

A contender is one module in `benchmarks.contenders`. It names itself (`NAME`, `VERSION`), says why it cannot run here
(`missing()`, None = it can) and offers a session per kind of work it can do (`SESSIONS`). Sessions of all contenders
for one piece of work are prepared first, then their rounds alternate in one process on one CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Work:
    """Input of one benchmark, the same for all contenders.

    kind chooses the sessions; expected is what a correct contender counts in every round (a contender may count fewer
    things, not different ones); payload is the kind's own input.
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


@dataclass(frozen=True)
class Skipped:
    """Work that cannot be done here."""

    name: str
    title: str
    reason: str


@dataclass(frozen=True)
class Machine:
    """Where things run. cpu and peer_cpu: to pin to, None = not possible; libraries: the compiled loops."""

    cpu: int | None
    peer_cpu: int | None
    libraries: Path


@dataclass(frozen=True)
class Round:
    """One repeat: wall ns for the work's operations (None in a round that only timed single ones), what was counted,
    and latency percentiles in ns of a round that timed single ones."""

    ns: int | None
    observed: Mapping[str, int]
    latency: Mapping[str, int] | None = None


class Session(Protocol):
    """One contender at one piece of work, warm between rounds."""

    def throughput(self) -> Round | None: ...

    def latency(self) -> Round | None: ...

    def close(self) -> None: ...


OpenSession = Callable[[Work, Machine], Session]


class Contender(Protocol):
    """The module."""

    NAME: str
    VERSION: str
    SESSIONS: Mapping[str, OpenSession]

    def missing(self) -> str | None: ...
