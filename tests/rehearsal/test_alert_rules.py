"""The alert rules under the real promtool: each fires on its cases, and is silent just short of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.paths import repository_layout
from cli.steps import StepLog
from components.observability.rules import Rule, rules
from components.observability.rules import rule_files as rule_documents
from rehearsal.toolchain import prometheus_tools

pytestmark = pytest.mark.slow
CASES: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "alert_cases.yaml").read_text())
TARGETS = {
    "@active": 'job="ironlane-agent",environment="prod",host="hot-a",duty="active"',
    "@standby": 'job="ironlane-agent",environment="prod",host="hot-b",duty="standby"',
    "@nats": 'job="ironlane-nats",environment="prod",host="nats-0"',
    "@host": 'job="ironlane-host",environment="prod",host="hot-a",kind="hot-path"',
    "@oms": 'job="ironlane-oms",namespace="trading",pod="oms-0"',
}


@pytest.fixture(scope="module")
def promtool() -> Path:
    layout = repository_layout()
    log = StepLog(layout.logs / "promtool.log", sys.stderr, "promtool")
    try:
        return prometheus_tools.ensure(layout, prometheus_tools.PROMTOOL, log.run, log.say, os.environ)
    except prometheus_tools.NoGoError as error:
        pytest.skip(str(error))
    finally:
        log.close("")


@pytest.fixture
def rule_files(tmp_path: Path) -> list[Path]:
    """The rules as Prometheus gets them."""
    files = []
    for name, document in rule_documents().items():
        files.append(tmp_path / f"{name}.yaml")
        files[-1].write_text(yaml.safe_dump(document))
    return files


def labels(text: str) -> str:
    for target, full in TARGETS.items():
        text = text.replace(target, full)
    return text


def series(case: dict[str, Any]) -> list[dict[str, str]]:
    # a bare 0x60 is the number 96 in YAML
    assert all(isinstance(values, str) for _, values in case["series"]), f"quote the values: {case['series']}"
    return [{"series": labels(selector), "values": values} for selector, values in case["series"]]


def test_group(rule: Rule, case: dict[str, Any], fires: bool) -> dict[str, Any]:
    """One promtool test: what ALERTS says of the rule at that time."""
    wanted = case.get("labels", []) if fires else []
    firing = f'ALERTS{{alertname="{rule.name}",alertstate="firing"'
    return {
        "name": f"{rule.name} {'fires' if fires else 'is silent'}",
        "interval": "5s",
        "input_series": series(case),
        "promql_expr_test": [
            {
                "expr": f"{firing}}}",
                "eval_time": case["at"],
                "exp_samples": [
                    {"labels": f'{firing},severity="{rule.severity}",{labels(each)}}}', "value": 1}
                    for each in ([wanted] if isinstance(wanted, str) else wanted)
                ],
            }
        ],
    }


test_group.__test__ = False  # type: ignore[attr-defined]


def run(promtool: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([promtool, *arguments], capture_output=True, text=True, timeout=120)


def test_every_file_is_valid(promtool: Path, rule_files: list[Path]) -> None:
    found = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", *map(str, rule_files))
    assert found.returncode == 0, found.stdout + found.stderr


def test_every_alert_has_cases() -> None:
    assert set(CASES) == {rule.name for rule in rules()}
    assert all(case["silent"] for case in CASES.values())


def document(rule_files: list[Path], groups: list[dict[str, Any]]) -> str:
    return yaml.safe_dump(
        {"rule_files": [str(file) for file in rule_files], "evaluation_interval": "5s", "tests": groups}
    )


def test_every_alert_fires_on_its_case_and_is_silent_beside_it(
    promtool: Path, rule_files: list[Path], tmp_path: Path
) -> None:
    groups = []
    for rule in rules():
        groups.append(test_group(rule, CASES[rule.name]["fires"], True))
        groups += [test_group(rule, case, False) for case in CASES[rule.name]["silent"]]
    (tmp_path / "test.yaml").write_text(document(rule_files, groups))
    found = run(promtool, "test", "rules", str(tmp_path / "test.yaml"))
    assert found.returncode == 0, found.stdout + found.stderr


def test_a_case_that_does_not_hold_fails(promtool: Path, rule_files: list[Path], tmp_path: Path) -> None:
    """A silent case asked to fire, and the other way round: the check above can fail."""
    (rule,) = [rule for rule in rules() if rule.name == "JournalFull"]
    for case, fires in ((CASES["JournalFull"]["fires"], False), (CASES["JournalFull"]["silent"][0], True)):
        group = test_group(rule, {**case, "labels": "@active"}, fires)
        (tmp_path / "test.yaml").write_text(document(rule_files, [group]))
        assert run(promtool, "test", "rules", str(tmp_path / "test.yaml")).returncode != 0
