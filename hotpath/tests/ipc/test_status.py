"""Status block: readiness from another process's view, gates, counters, death."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from hotpath.ipc.segment import SegmentError
from hotpath.ipc.status import RoleState, StatusReader, StatusWriter, read_status

Start = Callable[..., subprocess.Popen[str]]


def test_gates_are_closed_until_checked(prefix: str) -> None:
    writer = StatusWriter(prefix, "order-router", epoch=3, gates=["session", "risk"], counters=["orders", "fills"])
    reader = StatusReader(prefix, "order-router")
    status = reader.read()
    assert (status["state"], status["epoch"], status["ready"]) == ("STARTING", 3, False)
    assert status["problems"] == ["session: not checked yet", "risk: not checked yet"]
    writer.gate("session", True)
    writer.gate("risk", False, "no limits loaded")
    writer.count("fills", -7)
    writer.enter(RoleState.RECONCILING)
    status = reader.read()
    assert status["gates"] == [
        {"name": "session", "ok": True, "reason": ""},
        {"name": "risk", "ok": False, "reason": "no limits loaded"},
    ]
    assert status["counters"] == {"orders": 0, "fills": -7}
    assert (status["state"], status["problems"]) == ("RECONCILING", ["risk: no limits loaded"])
    writer.gate("risk", True)
    writer.beat()
    status = reader.read()
    assert status["ready"]
    assert status["alive"]
    assert status["problems"] == []
    assert json.loads(json.dumps(status)) == status


def test_long_reason_is_cut_between_characters(prefix: str) -> None:
    writer = StatusWriter(prefix, "agent", gates=["g"])
    writer.gate("g", False, "x" * 94 + "é and more")
    assert StatusReader(prefix, "agent").read()["gates"][0]["reason"] == "x" * 94


def test_dead_role_is_never_ready(prefix: str, start_child: Start) -> None:
    child = start_child("hold_status", prefix, "venue")
    reader = StatusReader(prefix, "venue")
    assert reader.read()["ready"]
    child.communicate("\n", timeout=10)
    status = reader.read()
    assert (status["alive"], status["ready"], status["liveness"]) == (False, False, "DEAD")
    assert status["problems"] == [f"process {child.pid} is dead"]
    restarted = StatusWriter(prefix, "venue", epoch=5)
    restarted.beat()
    status = reader.read()
    assert (status["epoch"], status["ready"]) == (5, True), "the reader follows the restarted role"
    restarted.close()
    assert reader.read()["problems"][0].endswith("is closed")


def test_old_heartbeat_is_not_ready(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from hotpath.ipc import status as module

    StatusWriter(prefix, "venue")
    reader = StatusReader(prefix, "venue")
    assert reader.read()["ready"]
    monkeypatch.setattr(module, "HEARTBEAT_LIMIT_NS", 1)
    status = reader.read()
    assert not status["ready"]
    assert status["alive"]
    assert "last heartbeat" in status["problems"][0]


def test_absent_role_is_reported(prefix: str) -> None:
    status = read_status(prefix, "strategy")
    assert (status["alive"], status["ready"], status["state"]) == (False, False, "UNKNOWN")
    assert status["heartbeat_age_ns"] is None
    assert "has not started" in status["problems"][0]


@pytest.mark.parametrize(
    ("gates", "counters"),
    [
        (["g" * 24], []),
        (["a", "a"], []),
        ([str(n) for n in range(33)], []),
        ([], ["c" * 40]),
        ([], [str(n) for n in range(129)]),
        ([""], []),
    ],
)
def test_names_are_checked(prefix: str, gates: list[str], counters: list[str]) -> None:
    with pytest.raises(SegmentError, match="of agent"):
        StatusWriter(prefix, "agent", gates=gates, counters=counters)


def test_unknown_names_are_refused(prefix: str) -> None:
    writer = StatusWriter(prefix, "agent", gates=["g"], counters=["c"])
    with pytest.raises(KeyError, match="not one of the gates"):
        writer.gate("h", True)
    with pytest.raises(KeyError, match="not one of the counters"):
        writer.count("d", 1)
