"""Control groups of the isolation benchmark: made with a quota, always removed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from benchmarks.tick_to_order import cpu_group
from benchmarks.tick_to_order.cpu_group import PREFIX, CpuGroup, unavailable


@pytest.fixture(autouse=True)
def groups_can_be_made() -> None:
    reason = unavailable()
    if reason is not None:
        pytest.skip(reason)


def test_quota_is_kept_and_the_group_goes(tmp_path: Path) -> None:
    group = CpuGroup("test", 0.2)
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        group.add(busy.pid)
        deadline = time.monotonic() + 10
        while group.throttled()["periods"] < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert group.throttled()["periods"] >= 2
        assert group.throttled()["ns"] > 0
    finally:
        busy.kill()
        busy.wait()
        group.close()
    assert not group.folder.exists()


def test_what_a_killed_run_left_is_removed_by_the_next() -> None:
    program = "from benchmarks.tick_to_order.cpu_group import CpuGroup\n"
    program += "print(CpuGroup('left', None).folder, flush=True)\ninput()"
    run = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(cpu_group.__file__).parents[2],
    )
    assert run.stdout is not None
    left = Path(run.stdout.readline().strip())
    assert left.exists()
    assert left.name.startswith(PREFIX)
    CpuGroup("test", None).close()
    assert left.exists(), "that of a living run stays"
    run.send_signal(signal.SIGKILL)
    run.communicate()
    CpuGroup("test", None).close()
    assert not left.exists()


def test_a_group_that_cannot_be_made_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cpu_group, "_ROOT", tmp_path)
    assert unavailable() == f"no CPU controller below {tmp_path}"
