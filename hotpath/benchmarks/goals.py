"""What ours is meant to reach, and whether a run's figures reach it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.report import OURS

Cases = Mapping[str, Mapping[str, Any]]
_HFTBACKTEST_LEVELS = ("hftbacktest HashMap", "hftbacktest ROIVector")
_OTHER_RINGS = ("aeron ipc", "disruptor")
_FROM_PYTHON = (
    "iceoryx2", "pyzmq", "os.pipe", "multiprocessing.Pipe", "unix stream socket", "unix datagram socket",
)  # fmt: skip


class NotMeasuredError(Exception):
    """Why a goal cannot be judged: who or what is missing."""


@dataclass(frozen=True)
class Goal:
    """works: all of whose cases must have been run, else the goal does not show. measure raises NotMeasuredError.

    at_least: whether the figure must not be below `wanted`, or not above it.
    """

    text: str
    works: tuple[str, ...]
    wanted: float
    unit: str
    measure: Callable[[Cases], float]
    at_least: bool = True


@dataclass(frozen=True)
class Judgement:
    """measured: None when it could not be judged, for which `why` has the reason."""

    goal: Goal
    measured: float | None
    why: str = ""

    @property
    def met(self) -> bool | None:
        if self.measured is None:
            return None
        return self.measured >= self.goal.wanted if self.goal.at_least else self.measured <= self.goal.wanted


def judge(data: Mapping[str, Any]) -> list[Judgement]:
    """The goals of the works that were run. data: as report.as_data makes it."""
    cases = {case["name"]: case for section in data["sections"] for case in section["cases"]}
    return [_judged(goal, cases) for goal in _goals(cases) if all(work in cases for work in goal.works)]


def _judged(goal: Goal, cases: Cases) -> Judgement:
    try:
        return Judgement(goal, goal.measure(cases))
    except NotMeasuredError as reason:
        return Judgement(goal, None, str(reason))


def _goals(cases: Cases) -> Iterator[Goal]:
    for flow in ("matching-a", "matching-b"):
        for name, key, wanted in (("time", "time", 3.0), ("P50", "p50", 2.0), ("P99", "p99", 2.0)):
            rival = ("exchange-core direct",)
            yield _beside(f"{flow}: {name} of exchange-core's order book, x ours", flow, rival, key, wanted)
    yield _beside("itch-decode: time of the Rust parser, x ours", "itch-decode", ("itchy (Rust)",), "time", 2.0)
    text = "book-recorded: time of hftbacktest, which keeps price levels only, x ours"
    yield _beside(text, "book-recorded", _HFTBACKTEST_LEVELS, "time", 1.0)
    for work in ("book-recorded", "book-day"):
        text = f"{work}: time of nautilus_trader's book called from Rust, x ours"
        yield _beside(text, work, ("nautilus L3 (Rust)",), "time", 5.0)
    for rival in ("nautilus_trader", "order-book"):
        yield _beside(f"book-per-message: time of {rival}, x ours", "book-per-message", (rival,), "time", 1.0)
    for key in ("p50", "p99"):
        text = f"ring-round-trip: {key.upper()} of the faster of Aeron and Disruptor, x ours"
        yield _beside(text, "ring-round-trip", _OTHER_RINGS, key, 1.0)
    measure = partial(_latency, "ring-round-trip", OURS, "p99.9")
    yield Goal("ring-round-trip: P99.9", ("ring-round-trip",), 4_000, "ns", measure, at_least=False)
    for work, key in (("ring-round-trip", "p50"), ("ring-one-way", "time")):
        text = f"{work}: {key.upper() if key == 'p50' else key} of the fastest that Python can call, x ours"
        yield _beside(text, work, _FROM_PYTHON, key, 20.0)
    for work in (name for name in cases if name.startswith("tick-to-order-")):
        for rival in ("nautilus_trader", "asyncio"):
            for key in ("p50", "p99"):
                yield _beside(f"{work}: {key.upper()} of {rival}, x ours", work, (rival,), key, 10.0)
        text = f"{work}: how far the stages' sum is from the whole"
        yield Goal(text, (work,), 1.0, "%", partial(_stages_off_percent, work), at_least=False)
    text = "isolation: P99.9 as a pod, x pinned without a quota"
    yield Goal(text, ("isolation",), 50.0, "x", partial(_as_a_pod, "p99.9"))
    text = "recovery-roles-kill: SIGKILL until ready, the slowest role"
    yield Goal(text, ("recovery-roles-kill",), 500.0, "ms", partial(_ms, "recovery-roles-kill"), at_least=False)
    yield from _scale(cases, "book-symbols-", OURS)
    for age in ("young", "any"):
        yield from _scale(cases, f"book-scale-{age}-", "ironlane, looking ahead")


def _scale(cases: Cases, prefix: str, contender: str) -> Iterator[Goal]:
    works = tuple(name for name in cases if name.startswith(prefix))
    if len(works) < 2:
        return
    text = f"{prefix}*: slowest size, x the smallest"
    yield Goal(text, works, 2.0, "x", partial(_slowest_over_first, works, contender), at_least=False)
    for name, wanted, unit in (("bytes_per_order", 96, "bytes"), ("page_faults", 0, ""), ("heap_bytes_grown", 0, "")):
        text = f"{prefix}*: {name.replace('_', ' ')}"
        if all(_has_figure(cases, work, contender, name) for work in works):
            yield Goal(text, works, wanted, unit, partial(_largest_figure, works, contender, name), at_least=False)


def _beside(text: str, work: str, rivals: Sequence[str], key: str, wanted: float) -> Goal:
    """Against the best of the rivals; all of them must have been measured."""
    return Goal(text, (work,), wanted, "x", partial(_least_times_ours, work, rivals, key))


def _contender(cases: Cases, work: str, name: str) -> Mapping[str, Any]:
    case = cases[work]
    if case["skipped"] is not None:
        raise NotMeasuredError(f"skipped: {case['skipped']}")
    found = next((each for each in case["contenders"] if each["contender"] == name), None)
    if found is None:
        raise NotMeasuredError(f"{name} did not take part")
    if not found["verified"]:
        raise NotMeasuredError(f"{name}: {found['missing'] or found['wrong'] or found['failed'] or 'not measured'}")
    return found


def _has_figure(cases: Cases, work: str, contender: str, name: str) -> bool:
    return any(each["contender"] == contender and name in each["figures"] for each in cases[work]["contenders"])


def _least_times_ours(work: str, rivals: Sequence[str], key: str, cases: Cases) -> float:
    _contender(cases, work, OURS)
    ratios = [_contender(cases, work, each)["times_ours"][key] for each in rivals]
    return min(float(each["median"] if isinstance(each, Mapping) else each) for each in ratios)


def _latency(work: str, name: str, quantile: str, cases: Cases) -> float:
    return float(_contender(cases, work, name)["latency_ns"][quantile]["median"])


def _as_a_pod(quantile: str, cases: Cases) -> float:
    pod = _latency("isolation", "ironlane, as a pod", quantile, cases)
    return pod / _latency("isolation", OURS, quantile, cases)


def _time(work: str, name: str, cases: Cases) -> float:
    return float(_contender(cases, work, name)["ns_per_operation"]["median"])


def _ms(work: str, cases: Cases) -> float:
    return _time(work, OURS, cases) / 1e6


def _slowest_over_first(works: Sequence[str], contender: str, cases: Cases) -> float:
    times = [_time(work, contender, cases) for work in works]
    return max(times) / times[0]


def _largest_figure(works: Sequence[str], contender: str, name: str, cases: Cases) -> float:
    return max(float(_contender(cases, work, contender)["figures"][name]["max"]) for work in works)


def _stages_off_percent(work: str, cases: Cases) -> float:
    figures = _contender(cases, work, OURS)["figures"]
    whole = float(figures["mean_of_whole_ns"]["median"])
    return 100 * abs(float(figures["sum_of_stage_means_ns"]["median"]) - whole) / whole
