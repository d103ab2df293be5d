"""Bad input to `up`: a clear message, a non-zero exit, and nothing half started."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.local import servicectl
from tests.e2e.stack_driver import StackDriver

pytestmark = pytest.mark.e2e


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[StackDriver]:
    driver = StackDriver.create(f"bad-{os.getpid()}", tmp_path)
    yield driver
    driver.run("down", "--delete-data")


def refused(stack: StackDriver, *expected: str) -> None:
    done = stack.run("up")
    printed = done.stdout + done.stderr
    assert done.returncode != 0
    for text in (*expected, stack.file.name):
        assert text in printed, printed
    assert "Traceback" not in printed
    assert servicectl.supervisor_pid(stack.run_dir) is None
    assert stack.segments() == []


@pytest.mark.parametrize(
    ("section", "fields", "expected"),
    [
        ("strategy", {"quote_sise": 5}, ["ironlane:strategy.quote_sise = 5", "unknown key"]),
        ("limits", {"max_open_orders": "many"}, ["ironlane:limits.max_open_orders = 'many'", "valid integer"]),
        ("placement", {"venue": {"cpus": [0]}, "agent": {"cpus": [0]}}, ["venue and agent both claim cpu 0"]),
        ("placement", {"venue": {"cpus": [4096]}}, ["placement.venue.cpus", "no cpu [4096]"]),
        ("replay", {"file": "absent.csv"}, ["ironlane:replay.file = 'absent.csv'", "does not exist"]),
    ],
)
def test_a_bad_setting_is_named(stack: StackDriver, section: str, fields: dict[str, Any], expected: list[str]) -> None:
    stack.set(section, **fields)
    refused(stack, *expected)


def test_a_corrupt_row_is_named_by_its_line(stack: StackDriver, tmp_path: Path) -> None:
    replay = tmp_path / "TEST_flow.csv"
    replay.write_text("34200.1,1,1,100,1000000,1\n34200.2,1,two,100,1000000,1\n")
    stack.set("replay", file=str(replay))
    refused(stack, str(replay), "line 2")


def test_a_taken_port_is_named_with_its_holder(stack: StackDriver) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", stack.base + 7))
        holder.listen()
        refused(stack, f"port {stack.base + 7} (OMS) is held by pid {os.getpid()}")


def test_an_unknown_strategy_parameter_fails_the_start_and_leaves_nothing(stack: StackDriver) -> None:
    stack.set("strategy", parameters={"quote_sizes": 5})
    done = stack.run("up")
    assert done.returncode != 0
    assert "quote_sizes" in done.stdout + done.stderr
    assert servicectl.supervisor_pid(stack.run_dir) is None
    assert stack.segments() == []
