"""Goals are judged by the figures of the run, by nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.goals import Judgement, judge
from benchmarks.tables import goal_grid


def contender(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "contender": name, "verified": True, "missing": None, "wrong": None, "failed": None, "times_ours": {},
        "ns_per_operation": None, "latency_ns": {}, "figures": {}, **fields,
    }  # fmt: skip


def run_of(**cases: list[dict[str, Any]] | str) -> dict[str, Any]:
    """By name of the work with _ for -; text: why it was skipped."""
    made = [
        {
            "name": name.replace("_", "-"),
            "skipped": found if isinstance(found, str) else None,
            "contenders": [] if isinstance(found, str) else found,
        }
        for name, found in cases.items()
    ]
    return {"sections": [{"cases": made}]}


def median(value: float) -> dict[str, float]:
    return {"median": value, "min": value, "max": value}


def by_text(data: Mapping[str, Any]) -> dict[str, Judgement]:
    return {each.goal.text: each for each in judge(data)}


def test_a_goal_is_met_at_its_figure_and_not_below() -> None:
    rival = contender("exchange-core direct", times_ours={"time": median(3.0), "p50": 2.5, "p99": 1.99})
    found = by_text(run_of(matching_a=[contender("ironlane"), rival]))
    assert [each.met for each in found.values()] == [True, True, False]
    assert [each.measured for each in found.values()] == [3.0, 2.5, 1.99]


def test_only_goals_of_what_was_run_are_shown() -> None:
    assert judge(run_of(ouch_encode=[contender("ironlane")])) == []


def test_the_best_rival_counts_and_all_must_have_been_measured() -> None:
    ours = contender("ironlane", latency_ns={"p99.9": median(4_001)})
    aeron = contender("aeron ipc", times_ours={"p50": 1.4, "p99": 1.2})
    disruptor = contender("disruptor", times_ours={"p50": 0.9, "p99": 1.3})
    found = by_text(run_of(ring_round_trip=[ours, aeron, disruptor]))
    p50 = found["ring-round-trip: P50 of the faster of Aeron and Disruptor, x ours"]
    assert (p50.measured, p50.met) == (0.9, False)
    assert found["ring-round-trip: P99.9"].met is False, "an upper limit"
    python = found["ring-round-trip: P50 of the fastest that Python can call, x ours"]
    assert (python.met, python.why) == (None, "iceoryx2 did not take part")


def test_who_is_wrong_or_was_skipped_leaves_the_goal_unjudged() -> None:
    wrong = contender("itchy (Rust)", verified=False, wrong="counted 3, expected 4", times_ours={"time": median(9.0)})
    found = by_text(run_of(itch_decode=[contender("ironlane"), wrong], isolation="no control groups"))
    reasons = ["itchy (Rust): counted 3, expected 4", "skipped: no control groups"]
    assert [each.why for each in found.values()] == reasons
    assert all(each.met is None for each in found.values())


def test_scale_is_the_slowest_size_over_the_smallest() -> None:
    sizes = {
        f"book_symbols_{count}": [contender("ironlane", ns_per_operation=median(ns))]
        for count, ns in ((1, 50.0), (100, 40.0), (8000, 101.0))
    }
    (scale,) = judge(run_of(**sizes))
    assert scale.measured == 101.0 / 50.0
    assert scale.met is False
    assert judge(run_of(book_symbols_1=sizes["book_symbols_1"])) == [], "one size says nothing about scale"


def test_a_figure_is_judged_by_its_worst_round() -> None:
    figures = {"bytes_per_order": {"median": 80.0, "min": 80.0, "max": 97.0}}
    look = [contender("ironlane, looking ahead", ns_per_operation=median(30.0), figures=figures)]
    found = by_text(run_of(book_scale_any_10k=look, book_scale_any_2m=look))
    assert found["book-scale-any-*: bytes per order"].met is False
    assert "book-scale-any-*: page faults" not in found


def test_the_table_shows_what_falls_short_in_bold() -> None:
    rival = contender("exchange-core direct", times_ours={"time": median(3.25), "p50": 1.0, "p99": 2.0})
    grid = goal_grid(judge(run_of(matching_a=[contender("ironlane"), rival])))
    assert grid is not None
    assert [(row.ours, row.cells[1:]) for row in grid.rows] == [
        (False, ("≥ 3 x", "3.25 x", "met")),
        (True, ("≥ 2 x", "1 x", "falls short")),
        (False, ("≥ 2 x", "2 x", "met")),
    ]
    assert goal_grid([]) is None
