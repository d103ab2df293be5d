"""What a peer answers, and the loops that time one call per operation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from time import perf_counter_ns, thread_time_ns
from typing import Any, Protocol, TypeVar

from benchmarks.contender import QUANTILES

Operation = TypeVar("Operation")
Answer = dict[str, Any]


class Session(Protocol):
    """One contender at one piece of work. None: it has no such round."""

    def throughput(self) -> Answer | None: ...

    def latency(self) -> Answer | None: ...


class Stopwatch:
    """Wall and CPU time of this thread since it was made."""

    def __init__(self) -> None:
        self._cpu = thread_time_ns()
        self._wall = perf_counter_ns()

    def stop(self) -> tuple[int, int]:
        """(wall ns, CPU ns)"""
        wall = perf_counter_ns() - self._wall
        return wall, thread_time_ns() - self._cpu


def each(call: Callable[[Operation], object], operations: Iterable[Operation]) -> tuple[int, int]:
    """Calls for every operation: (wall ns, CPU ns) of all of them."""
    watch = Stopwatch()
    for operation in operations:
        call(operation)
    return watch.stop()


def each_timed(call: Callable[[Operation], object], operations: Iterable[Operation]) -> list[int]:
    """Calls for every operation: ns of each, the clock included."""
    samples: list[int] = []
    keep, clock = samples.append, perf_counter_ns
    for operation in operations:
        before = clock()
        call(operation)
        keep(clock() - before)
    return samples


def throughput(times: tuple[int, int], observed: Mapping[str, int], operations: int | None = None) -> Answer:
    """operations: when they were fewer than the work's."""
    ns, cpu_ns = times
    return {"ns": ns, "cpu_ns": cpu_ns, "observed": dict(observed), "latency": None, "operations": operations}


def latency(samples: list[int], observed: Mapping[str, int], operations: int | None = None) -> Answer:
    return {
        "ns": None,
        "cpu_ns": None,
        "observed": dict(observed),
        "latency": percentiles(samples),
        "operations": operations,
    }


def percentiles(samples: list[int]) -> dict[str, int]:
    """ns at each of QUANTILES, nearest rank. Raises ValueError when empty."""
    if not samples:
        raise ValueError("no latency was recorded")
    samples.sort()
    last = len(samples) - 1
    return {name: samples[min(last, int(rank * len(samples)))] for name, rank in QUANTILES.items()}
