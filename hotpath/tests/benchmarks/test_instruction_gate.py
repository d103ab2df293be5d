"""The gate's judgement, and the gate itself on an engine with a lookup too many."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.gate import compare as gate
from benchmarks.gate.callgrind import own_costs
from benchmarks.gate.compare import BaselineError, Builder, Cost, Verdict

HERE = Builder("x86_64", "cc 1")


def verdicts(before: Cost, after: Cost) -> tuple[Verdict, Verdict]:
    instructions, mispredictions = gate.compare({"x": before}, {"x": after})
    return instructions.verdict, mispredictions.verdict


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (Cost(104.9, 1.049), (Verdict.SAME, Verdict.SAME)),
        (Cost(105.0, 1.0), (Verdict.RISEN, Verdict.SAME)),
        (Cost(100.0, 1.06), (Verdict.SAME, Verdict.RISEN)),
        (Cost(95.0, 0.94), (Verdict.FALLEN, Verdict.FALLEN)),
        (Cost(95.1, 0.96), (Verdict.SAME, Verdict.SAME)),
    ],
)
def test_five_percent(after: Cost, expected: tuple[Verdict, Verdict]) -> None:
    assert verdicts(Cost(100.0, 1.0), after) == expected


def test_what_is_almost_nothing_may_double() -> None:
    assert verdicts(Cost(5.0, 0.0), Cost(5.4, 0.019)) == (Verdict.SAME, Verdict.SAME)
    assert verdicts(Cost(5.0, 0.0), Cost(5.6, 0.021)) == (Verdict.RISEN, Verdict.RISEN)


def test_an_operation_that_is_no_longer_measured_fails_and_a_new_one_does_not() -> None:
    changes = gate.compare({"old": Cost(1, 0)}, {"new": Cost(1, 0)})
    assert [(each.operation, each.verdict) for each in changes[::2]] == [("old", Verdict.GONE), ("new", Verdict.NEW)]
    assert {each.operation for each in gate.failed(changes)} == {"old"}
    assert gate.failed(gate.compare({"x": Cost(100, 1)}, {"x": Cost(100, 1)})) == []


def test_a_baseline_replaces_that_of_its_builder_only(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    other = Builder("aarch64", "cc 1")
    assert gate.read(file) == {}
    for builder, cost in ((HERE, Cost(1.0, 0.5)), (other, Cost(2.0, 0.5)), (HERE, Cost(3.00049, 0.25))):
        gate.write(file, builder, {"x": cost}, {"python": "3"})
    assert gate.read(file) == {HERE: {"x": Cost(3.0, 0.25)}, other: {"x": Cost(2.0, 0.5)}}


@pytest.mark.parametrize("text", ["{", "[]", '{"baselines": [{}]}', '{"baselines": 3}'])
def test_a_broken_baseline_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(text)
    with pytest.raises(BaselineError, match=r"baseline\.json.*UPDATE=1"):
        gate.read(file)


def test_own_costs_leave_out_what_callees_took() -> None:
    dump = """events: Ir Bc
fn=(1) outer
10 5 1
+2 7
cfn=(2) inner
calls=3 40
+1 900 3
* 1
fn=(2)
40 800 2
-3 100
fn=(1)
12 2
totals: 915 6
"""
    assert own_costs(dump) == {"outer": 5 + 7 + 1 + 2, "inner": 900}


def run_gate(folder: Path, baseline: Path, *options: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    hotpath = Path(__file__).resolve().parents[2]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(hotpath), os.environ["PYTHONPATH"]])}
    command = [sys.executable, "-P", "-m", "benchmarks.gate", "--build", str(folder), "--baseline", str(baseline)]
    return subprocess.run(
        [*command, *options], env=env if path is None else {**env, "PATH": path}, capture_output=True, text=True,
        timeout=900, check=False,
    )  # fmt: skip


def test_without_valgrind_or_baseline_it_is_skipped_with_the_reason(tmp_path: Path) -> None:
    done = run_gate(tmp_path, tmp_path / "none.json", path=str(tmp_path))
    assert (done.returncode, done.stdout) == (
        0, "skipped: instruction gate: no valgrind on PATH; `apt-get install valgrind` brings it\n",
    )  # fmt: skip
    if shutil.which("valgrind"):
        gate.write(tmp_path / "other.json", Builder("pdp11", "cc 7"), {"x": Cost(1, 0)}, {})
        done = run_gate(tmp_path, tmp_path / "other.json")
        assert done.returncode == 0, done.stderr
        assert "no baseline for" in done.stdout
        assert "pdp11, cc 7" in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="needs valgrind: apt-get install valgrind")
@pytest.mark.skipif("HOTPATH_DEBUG_REPORTS" in os.environ, reason="counts of a debug build say nothing")
def test_a_lookup_too_many_fails_the_gate(tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.json"
    done = run_gate(tmp_path / "build", baseline, "--update")
    assert done.returncode == 0, done.stderr
    assert run_gate(tmp_path / "build", baseline).returncode == 0, "the same code again"
    done = run_gate(tmp_path / "slow", baseline, "--slowdown")
    assert done.returncode == 1, done.stdout + done.stderr
    risen = [line.split()[0] for line in done.stdout.splitlines() if "RISEN" in line and " instructions " in line]
    assert risen == ["matching-a", "matching-b"]
    (stored,) = json.loads(baseline.read_text())["baselines"]
    assert stored["per_operation"]["matching-a"]["instructions"] > 50
