"""What a preview shows at the end, from the engine's events."""

from __future__ import annotations

from typing import Any

import pytest

from cli.console import console
from cli.planned import PlannedSteps, counted, counts, glance
from cli.pulumi import Outcome, _account

INSTANCE = "aws:ec2/instance:Instance"


def event(op: str, type_: str, name: str, *paths: str, replaces: bool = False) -> dict[str, Any]:
    kind = "update-replace" if replaces else "update"
    urn = f"urn:pulumi:prod::ironlane::{type_}::{name}"
    return {
        "resourcePreEvent": {
            "metadata": {
                "op": op,
                "type": type_,
                "urn": urn,
                "new": {"custom": True},
                "detailedDiff": {path: {"kind": kind} for path in paths},
            }
        }
    }


def error(urn: str) -> dict[str, Any]:
    return {"diagnosticEvent": {"severity": "error", "message": "no", "urn": urn}}


@pytest.mark.parametrize(
    ("paths", "stopped"),
    [(("instanceType",), ["hot-a"]), (("tags.Name",), []), (("tags.Name", "instanceType"), ["hot-a"])],
)
def test_a_change_that_stops_a_host_is_told_without_the_provider(paths: tuple[str, ...], stopped: list[str]) -> None:
    steps = PlannedSteps()
    with console.capture():
        steps(event("update", INSTANCE, "hot-a", *paths))
        steps(event("update", "other:index:Kind", "else", "instanceType"))
    assert steps.stopped == stopped


def test_the_glance_names_what_hurts_and_nothing_else() -> None:
    outcome = Outcome(created=["a"], updated=["b"], replaced=["c"], deleted=["d", "e"], refused=["f"])
    assert list(glance(outcome, ["b"])) == [
        "refused (1): f",
        "replaced (1): c",
        "deleted (2): d, e",
        "stopped and started (1): b",
    ]
    assert list(glance(Outcome(replaced=["a"], refused=["a"]), ["a"])) == ["refused (1): a"]
    assert list(glance(Outcome(created=["a"], unchanged=["b"]), [])) == []
    assert counted(outcome) == "1 created, 1 replaced, 1 updated, 2 deleted"
    assert counted(Outcome()) == "nothing"


def test_what_is_refused_is_read_off_the_errors() -> None:
    outcome, errors = Outcome(), list[str]()
    for urn in (
        f"urn:pulumi:prod::ironlane::{INSTANCE}::hot-a",
        "urn:pulumi:prod::ironlane::pulumi:pulumi:Stack::x",
        "",
    ):
        for _ in range(2):
            _account(error(urn), "preview", outcome, errors, counts)
    assert outcome.refused == ["hot-a"]
    assert errors == ["no"]
