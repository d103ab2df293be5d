"""Every alert says what happened, how bad it is, and where its runbook is; what it becomes on Kubernetes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from components.observability import rules as module
from components.observability.rules import RUNBOOKS, AlertRules, AlertRulesArgs, rule_files, rules
from tests.recorder import deploy

ROOT = Path(__file__).resolve().parents[3]


def sections() -> dict[str, str]:
    """Section of the runbook page by title."""
    text = (ROOT / RUNBOOKS).read_text()
    found = re.split(r"^### (\w+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


def test_every_alert_has_its_runbook_and_every_runbook_its_alert() -> None:
    assert set(sections()) == {rule.name for rule in rules()}


def test_every_runbook_says_what_it_means_where_to_look_and_what_to_do() -> None:
    for name, text in sections().items():
        parts = re.findall(r"^\*\*(Means|Look|Do)\.\*\* (.+)$", text, re.MULTILINE)
        assert [part for part, _ in parts] == ["Means", "Look", "Do"], name
        assert all(len(said) > 15 for _, said in parts), name


def test_names_are_unique() -> None:
    names = [rule.name for rule in rules()]
    assert len(names) == len(set(names))


def test_templates_name_only_labels_that_the_alert_has() -> None:
    """An aggregation drops labels; a template that names one prints nothing."""
    for rule in rules():
        kept = re.match(r"(?:max|min|sum|count) by \(([^)]*)\)", rule.expression)
        used = set(re.findall(r"\$labels\.(\w+)", rule.summary))
        if kept:
            assert used <= {label.strip() for label in kept[1].split(",")}, rule.name


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"labels": {"severity": "page"}}, "labels.severity page: use critical or warning"),
        ({"annotations": {"summary": "x", "runbook": "docs/runbooks.md#other"}}, "annotations.runbook must be"),
        ({"annotations": {"runbook": "docs/runbooks.md#a"}}, "annotations.summary is missing"),
    ],
)
def test_an_incomplete_rule_is_refused(monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], told: str) -> None:
    rule = {
        "alert": "A",
        "expr": "up == 0",
        "labels": {"severity": "warning"},
        "annotations": {"summary": "x", "runbook": "docs/runbooks.md#a"},
    }
    monkeypatch.setattr(module, "_documents", lambda: {"f": {"groups": [{"name": "g", "rules": [rule | change]}]}})
    with pytest.raises(ValueError, match=told):
        rule_files()


def test_a_repository_makes_runbooks_links() -> None:
    document = rule_files("https://git.test/ironlane/blob/main/")["bus"]
    annotations = document["groups"][0]["rules"][0]["annotations"]
    assert annotations["runbook_url"] == "https://git.test/ironlane/blob/main/docs/runbooks.md#natsserverdown"


def test_each_file_is_a_rule_object_with_all_of_its_alerts() -> None:
    recording = deploy(lambda: AlertRules("alerts", AlertRulesArgs(namespace="monitoring")) and None)
    objects = recording.of_type("kubernetes:monitoring.coreos.com/v1:PrometheusRule")
    alerts = [rule["alert"] for each in objects for group in each.inputs["spec"]["groups"] for rule in group["rules"]]
    assert sorted(alerts) == sorted(rule.name for rule in rules())
    assert {each.inputs["metadata"]["namespace"] for each in objects} == {"monitoring"}
