"""The report of a run: what is in the tables, who is compared, and the files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks.contender import QUANTILES, Round, Skipped, Work
from benchmarks.publish import main as publish_again
from benchmarks.publish import publish
from benchmarks.report import as_data, updated
from benchmarks.runner import Outcome
from benchmarks.tables import as_markdown, figure_grid, main_grid, number, stage_grid, summary_grid, unit_for

STATED = {
    "date": "2026-01-02T03:04:05", "cpu": "Some CPU", "cpus_usable": 2, "hypervisor": True, "engine": "0.1.0",
    "governor": None, "compiler_flags": ["-O2", "-g0"], "load_average_at_start": [0.5, 0.4, 0.3],
}  # fmt: skip
TIMER = {"p50": 22, "p99": 30}


def latency(base: int) -> dict[str, int]:
    return {name: base * (1 + step) for step, name in enumerate(QUANTILES)}


def work(name: str = "matching-a", **fields: object) -> Work:
    return Work(name, "Matching", "matching", "commands", 1_000, {"trades": 7}, None, **fields)  # type: ignore[arg-type]


def ran(of: Work, name: str, *rounds: Round) -> Outcome:
    outcome = Outcome(name, "1.0", of.operations)
    for each in rounds:
        outcome.take(of, each, 1.0)
    return outcome


def timed(ns: int, trades: int = 7, **fields: object) -> Round:
    return Round(ns, {"trades": trades}, **fields)  # type: ignore[arg-type]


def data_of(*done: object) -> dict[str, object]:
    return as_data(done, STATED, TIMER)  # type: ignore[arg-type]


def test_times_of_ours_are_taken_round_by_round() -> None:
    one = work()
    ours = ran(one, "ironlane", timed(10_000), timed(40_000), timed(10_000))
    rival = ran(one, "rival", timed(30_000), timed(80_000), timed(20_000))
    (section,) = data_of((one, [ours, rival]))["sections"]  # type: ignore[attr-defined]
    ratios = section["cases"][0]["contenders"][1]["times_ours"]
    assert ratios["time"] == {"median": 2.0, "min": 2.0, "max": 3.0}, "a slow round of both does not count"
    assert section["cases"][0]["contenders"][0]["times_ours"] == {}


def test_who_is_wrong_fails_or_is_missing_is_shown_as_that_and_not_compared() -> None:
    one = work(prefixes={100: {"trades": 2}})
    wrong = ran(one, "wrong", timed(1_000, trades=8))
    short = ran(one, "short", timed(5_000, trades=2, operations=100))
    failed = Outcome("failed", "1", 1_000, failed="it | broke")
    missing = Outcome("absent", "?", 1_000, missing="not installed")
    data = data_of((one, [missing, failed, wrong, short, ran(one, "ironlane", timed(10_000))]))
    grid = main_grid(data["sections"][0])  # type: ignore[index]
    assert "case" not in grid.header
    rows = {row.cells[0]: row.cells for row in grid.rows}
    assert list(rows)[:2] == ["ironlane", "short"], "ours, then those that can be compared"
    assert rows["wrong"][-1] == "WRONG: round 1: trades 8, expected 7"
    assert rows["failed"][-1] == "FAILED: it | broke"
    assert rows["absent"][-1] == "missing: not installed"
    assert rows["short"][-1] == "verified, first 100 only"
    ratio = grid.header.index("time, x ours")
    assert rows["short"][ratio] == "5.00", "per operation, of as many as it did"
    assert all(rows[name][ratio] == "" for name in ("wrong", "failed", "absent", "ironlane"))
    text = as_markdown(data, {}, None)
    assert "it \\| broke" in text
    assert "**ironlane**" in text


def test_fewer_operations_than_there_is_a_reference_for_are_refused() -> None:
    with pytest.raises(ValueError, match="50 of 1000 operations"):
        ran(work(), "short", timed(5_000, operations=50))


def test_cases_of_a_group_are_one_section_with_stages_and_figures() -> None:
    stages = {"feed": latency(100), "router": latency(50)}
    done: list[object] = []
    for rate in ("1 k/s", "10 k/s"):
        one = work(f"tick-{rate[:-4]}", group="tick", case=rate)
        done.append(
            (one, [ran(one, "ironlane", Round(None, {"trades": 7}, latency(160), None, None, stages, {"sent": 3}))])
        )
    done.append(Skipped("tick-100", "Matching", "one CPU only", "tick", "100 k/s"))
    (section,) = data_of(*done)["sections"]  # type: ignore[attr-defined]
    grid = main_grid(section)
    assert [row.cells[0] for row in grid.rows] == ["1 k/s", "10 k/s", "100 k/s"]
    assert grid.rows[2].cells[-1] == "skipped: one CPU only"
    parts = stage_grid(section)
    assert parts is not None
    p50 = list(QUANTILES).index("p50") + 1
    total = number(100 * p50 + 50 * p50)
    assert [row.cells[2:4] for row in parts.rows[:4]] == [
        ("feed", number(100 * p50)), ("router", number(50 * p50)), ("sum of P50", total), ("whole", number(160 * p50)),
    ]  # fmt: skip
    more = figure_grid(section)
    assert more is not None
    assert [row.cells for row in more.rows] == [("1 k/s", "ironlane", "3"), ("10 k/s", "ironlane", "3")]
    assert [row.cells[0] for row in summary_grid(data_of(*done)).rows] == [
        "tick, 1 k/s",
        "tick, 10 k/s",
        "tick, 100 k/s",
    ]


@pytest.mark.parametrize(("ns", "unit"), [(31.0, "ns"), (19_999.0, "ns"), (20_001.0, "µs"), (3e8, "ms"), (4e12, "s")])
def test_units(ns: float, unit: str) -> None:
    assert unit_for(ns)[1] == unit


def test_files_are_the_same_again_and_stale_plots_go(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="plots are drawn where matplotlib is")
    one, other = work("matching-a"), work("book", group="book", case="1 symbol")
    third = work("book-2", group="book", case="2 symbols")
    ours, rival = timed(10_000, latency=latency(50)), timed(99_000, latency=latency(90))
    done = [
        (one, [ran(one, "ironlane", ours), ran(one, "x", rival)]),
        (other, [ran(other, "ironlane", timed(10_000))]),
        (third, [ran(third, "ironlane", timed(12_000))]),
    ]  # fmt: skip
    (tmp_path / "latency-gone.png").touch()
    (tmp_path / "kept.png").touch()
    page = publish(tmp_path, data_of(*done), None)
    names = {file.name for file in tmp_path.iterdir()}
    pictures = {"latency-matching-a.png", "ratio-matching-a.png", "ratio-book.png"}
    assert names == {"results.json", "results.md", "kept.png", *pictures}
    for name in pictures:
        assert f"({name})" in page.read_text()
        assert (tmp_path / name).stat().st_size < 150_000
    assert json.loads((tmp_path / "results.json").read_text())["sections"][0]["name"] == "matching-a"
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    publish_again(tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_work_measured_again_takes_the_place_of_its_own_figures_and_says_so() -> None:
    works = [work(name) for name in ("matching-a", "matching-b")]
    earlier = data_of(*((each, [ran(each, "ironlane", timed(10_000))]) for each in works))
    later = as_data([(works[1], [ran(works[1], "ironlane", timed(5_000))])], {**STATED, "niceness": -20}, TIMER)
    both = updated(earlier, later)
    took = [case["contenders"][0]["rounds_ns"] for section in both["sections"] for case in section["cases"]]
    assert took == [[10_000], [5_000]]
    page = as_markdown(both, {}, None)
    assert "matching-b was measured again: " in page
    assert "niceness -20" in page
    assert "matching-a was measured again" not in page


@pytest.mark.parametrize(
    ("changed", "told"),
    [({"kernel": "another"}, "another kernel"), ({"compiler_flags": ["-O3"]}, "another compiler flags")],
)
def test_figures_of_another_machine_or_build_are_not_put_on_one_page(changed: dict[str, object], told: str) -> None:
    one = work()
    earlier = data_of((one, [ran(one, "ironlane", timed(10_000))]))
    later = as_data([(one, [ran(one, "ironlane", timed(5_000))])], {**STATED, **changed}, TIMER)
    with pytest.raises(ValueError, match=told):
        updated(earlier, later)


def test_a_work_that_the_report_has_not_is_an_error() -> None:
    one, other = work(), work("matching-c")
    earlier = data_of((one, [ran(one, "ironlane", timed(10_000))]))
    later = data_of((other, [ran(other, "ironlane", timed(5_000))]))
    with pytest.raises(ValueError, match="no matching-c"):
        updated(earlier, later)
