"""The entry of every make target, when the set-up cannot be brought up to date."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest

import cli.__main__ as entry
from cli.steps import BootstrapError


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands that were gone on with."""
    commands: list[list[str]] = []

    def fail(*args: Any, **options: Any) -> None:
        raise BootstrapError("the engine: strategies/alpha.pyx:3:1: no such thing")

    def take(program: str, arguments: list[str], env: Any) -> int:
        commands.append(arguments[3:])
        return 0

    monkeypatch.setattr(entry, "ensure", fail)
    monkeypatch.setattr(os, "execve", take)
    return commands


@pytest.mark.parametrize("command", ["down", "status", "logs", "reconcile", "kill"])
def test_a_running_stack_is_stopped_and_seen_whatever_does_not_compile(
    command: str, started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["cli", "--stack", "local", command])
    assert entry.main() == 0
    assert started == [["--stack", "local", command]]


@pytest.mark.parametrize("command", ["up", "backtest", "engine"])
def test_nothing_is_started_on_an_engine_that_is_not_the_one_asked_for(
    command: str, started: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["cli", command])
    assert entry.main() == 1
    assert started == []
    assert "alpha.pyx:3:1" in capsys.readouterr().err


def test_own_strategies_are_those_of_the_engine_command(monkeypatch: pytest.MonkeyPatch) -> None:
    assert entry._own_strategies(["engine", "--strategies", "x"]) == "x"
    assert entry._own_strategies(["backtest", "--strategies", "x"]) is None
    assert entry._own_strategies(["engine", "--strategies"]) is None


@pytest.mark.parametrize(
    ("command", "cloud", "needed"),
    [
        (["preview"], True, True),
        (["preview"], False, False),
        (["rehearse"], True, True),
        (["up"], True, False),
        (["test"], False, False),
        (["test", "--slow"], False, True),
    ],
)
def test_the_api_server_is_built_only_for_what_asks_it(
    command: list[str], cloud: bool, needed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "has_credentials", lambda env: False)
    assert entry._rehearses(command, cloud) is needed


def test_with_credentials_a_preview_asks_the_real_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "has_credentials", lambda env: True)
    assert not entry._rehearses(["preview"], cloud=True)
    assert entry._rehearses(["rehearse"], cloud=True)
