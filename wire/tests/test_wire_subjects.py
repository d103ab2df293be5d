"""The subject tree and its document."""

from __future__ import annotations

from pathlib import Path

import pytest

from wire import messages, subjects
from wire.docs import render
from wire.subjects import SubjectError, Subjects


def test_subjects_of_one_host() -> None:
    tree = Subjects("local")
    assert tree.order_event("h1") == "ironlane.local.order-event.h1.order-router"
    assert tree.latency("h1", "strategy", "book_to_intent") == "ironlane.local.latency.h1.strategy.book_to_intent"
    assert tree.command("h1", messages.Kill) == "ironlane.local.command.h1.order-router.kill"
    assert tree.commands_for("h1") == "ironlane.local.command.h1.>"
    assert tree.all_of(subjects.ORDER_EVENT) == "ironlane.local.order-event.>"


@pytest.mark.parametrize("bad", ["", "*", ">", "a.b", "a b", "a\n", "h" * 65, "é"])
def test_no_name_can_widen_a_subject(bad: str) -> None:
    with pytest.raises(SubjectError, match="host"):
        Subjects("local").order_event(bad)
    with pytest.raises(SubjectError, match="environment"):
        Subjects(bad)


def test_an_event_goes_by_its_own_header_and_only_to_its_environment() -> None:
    event = messages.OrderEventMessage(
        host="h1", role="order-router", environment="local", epoch=1, sequence=1, wall_ns=1,
        kind=messages.OrderEventKind.ROUTER_STARTED,
    )  # fmt: skip
    assert Subjects("local").for_event(event) == "ironlane.local.order-event.h1.order-router"
    with pytest.raises(SubjectError, match="prod"):
        Subjects("prod").for_event(event)


def test_the_committed_table_is_current() -> None:
    committed = Path(__file__).parents[2] / "docs" / "subjects.md"
    assert committed.read_text() == render(), "run `python -m wire.docs > docs/subjects.md`"
