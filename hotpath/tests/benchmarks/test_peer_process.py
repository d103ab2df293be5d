"""Peers in processes of their own, against a small program that speaks their lines, well and badly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from benchmarks.peer_process import PeerError, PeerProcess, PeerSession

_PEER = """
import json, os, sys, time
for line in sys.stdin:
    request = json.loads(line)
    do = request["do"]
    how = request.get("how")
    if do == "open":
        opened = request
        print("{}", flush=True)
    elif opened.get(do) == "null":
        print("null", flush=True)
    elif opened.get(do) == "error":
        print(json.dumps({"error": "book is full"}), flush=True)
    elif opened.get(do) == "die":
        print("no room left", file=sys.stderr)
        sys.exit(3)
    elif opened.get(do) == "garbage":
        print("hello", flush=True)
    elif opened.get(do) == "silence":
        time.sleep(1.5)
    else:
        cpus = sorted(os.sched_getaffinity(0))
        print(json.dumps({"ns": 200, "cpu_ns": 150, "observed": {"trades": 3, "cpus": cpus}, "latency": {"p50": 9}}))
        sys.stdout.flush()
"""

Start = Callable[..., PeerProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    program = tmp_path / "peer.py"
    program.write_text(_PEER)
    started: list[PeerProcess] = []

    def starting(cpus: set[int] | None = None, answer_s: float = 20.0) -> PeerProcess:
        command = [sys.executable, "-S", str(program)]
        started.append(PeerProcess(command, tmp_path / "errors.log", cpus, answer_s=answer_s))
        return started[-1]

    yield starting
    for each in started:
        each.close()


def _state(pid: int) -> str:
    """R, S, T... as in /proc; empty: there is no such process, or only its exit code."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
    return "" if state in "ZX" else state


def _wait(pid: int, state: str) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if _state(pid) == state:
            return True
        time.sleep(0.01)
    return False


def test_a_round_is_read_and_the_peer_is_stopped_in_between(start: Start) -> None:
    process = start()
    session = PeerSession(process, {"latency": "null"})
    assert _wait(process.pid, "T")
    done = session.throughput()
    assert done is not None
    assert (done.ns, done.cpu_share, done.latency) == (200, 0.75, {"p50": 9})
    assert done.observed["trades"] == 3
    assert _wait(process.pid, "T")
    assert session.latency() is None
    session.close()
    assert _state(process.pid) == ""


def test_it_runs_where_it_is_pinned_and_we_stay_where_we_were(start: Start) -> None:
    ours = os.sched_getaffinity(0)
    cpu = max(ours)
    done = PeerSession(start({cpu}), {}).throughput()
    assert done is not None
    assert done.observed["cpus"] == [cpu]
    assert os.sched_getaffinity(0) == ours


def test_threads_are_pinned_by_name_and_only_its_own(start: Start) -> None:
    cpu = min(os.sched_getaffinity(0))
    process = start()
    name = Path(f"/proc/{process.pid}/comm")
    session = PeerSession(process, {}, {name.read_text().strip(): cpu})
    done = session.throughput()
    assert done is not None
    assert done.observed["cpus"] == [cpu]
    other = start()
    process.pin({name.read_text().strip(): cpu})
    assert os.sched_getaffinity(other.pid) == os.sched_getaffinity(0)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("error", "book is full"),
        ("die", "ended at throughput: no room left"),
        ("garbage", "answer to throughput is not JSON: hello"),
    ],
)
def test_what_goes_wrong_is_said(start: Start, how: str, message: str) -> None:
    session = PeerSession(start(), {"throughput": how})
    with pytest.raises(PeerError, match=message):
        session.throughput()


def test_an_answer_that_does_not_come_has_a_limit_and_the_peer_takes_no_more_time(start: Start) -> None:
    process = start(answer_s=0.5)
    session = PeerSession(process, {"throughput": "silence"})
    with pytest.raises(PeerError, match="no answer to throughput within 0"):
        session.throughput()
    assert _wait(process.pid, "T")


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PeerError, match="cannot start /nowhere/peer: No such file"):
        PeerProcess(["/nowhere/peer"], tmp_path / "errors.log", None)


def test_a_stopped_peer_does_not_outlive_a_killed_run(tmp_path: Path) -> None:
    program = tmp_path / "peer.py"
    program.write_text(_PEER)
    run = (
        "import sys, time\nfrom pathlib import Path\n"
        "from benchmarks.peer_process import PeerProcess, PeerSession\n"
        f"program, errors = {str(program)!r}, Path({str(tmp_path / 'errors.log')!r})\n"
        "process = PeerProcess([sys.executable, '-S', program], errors, None)\n"
        "session = PeerSession(process, {})\nprint(process.pid, flush=True)\ntime.sleep(60)\n"
    )
    folder = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", run], cwd=folder, stdout=subprocess.PIPE, text=True) as bench:
        assert bench.stdout is not None
        peer = int(bench.stdout.readline())
        assert _wait(peer, "T")
        os.kill(bench.pid, signal.SIGKILL)
    assert _wait(peer, "")
