"""Starts, restarts and stops one supervised service and waits until it is ready: what the Pulumi commands run.

python -m components.local.servicectl supervisor-start --run-dir DIR
python -m components.local.servicectl apply            --run-dir DIR   (unit JSON on standard input)
python -m components.local.servicectl remove           --run-dir DIR --name NAME
python -m components.local.servicectl supervisor-stop  --run-dir DIR --shm-prefix PREFIX
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from components.local.supervisor_config import SOCKET_PATH_LIMIT, render_program, render_supervisord
from components.unit import CommandReadiness, HttpReadiness, TcpReadiness, Unit

POLL_S = 0.05
PROBE_S = 3.0  # a readiness command may take this long even at the end of the wait
SHARED_MEMORY = Path("/dev/shm")
LOG_TAIL_LINES = 15


class ServiceError(Exception):
    """A service that could not be started or stopped; the text names it, the reason and its last log lines."""


def supervisor_socket(run_dir: Path) -> Path:
    """Beside the run folder when its path fits a socket address, else under /tmp by digest."""
    beside = run_dir / "supervisor.sock"
    if len(str(beside)) <= SOCKET_PATH_LIMIT - 20:  # supervisord binds a temporary name first
        return beside
    return Path("/tmp") / f"ironlane-{hashlib.sha256(str(run_dir).encode()).hexdigest()[:16]}.sock"


def connect(run_dir: Path) -> Any:
    """XML-RPC proxy of the stack's supervisord (its `supervisor` name space)."""
    transport = SupervisorTransport(None, None, f"unix://{supervisor_socket(run_dir)}")
    return xmlrpc.client.ServerProxy("http://supervisor", transport=transport).supervisor


def supervisor_pid(run_dir: Path) -> int | None:
    """The daemon's pid, or None when none answers."""
    try:
        return int(connect(run_dir).getPID())
    except (OSError, xmlrpc.client.Error):
        return None


@contextlib.contextmanager
def _exclusive(run_dir: Path) -> Iterator[None]:
    # reloadConfig and addProcessGroup are two calls; parallel commands must not interleave them
    with (run_dir / "supervisor.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def start_supervisor(run_dir: Path) -> int:
    """Start supervisord unless it runs, with every unit that was applied before. Returns its pid."""
    for folder in ("data", "log", "units"):
        (run_dir / folder).mkdir(parents=True, exist_ok=True)
    with _exclusive(run_dir):
        if pid := supervisor_pid(run_dir):
            return pid
        file = run_dir / "supervisord.conf"
        file.write_text(render_supervisord(run_dir, supervisor_socket(run_dir), run_dir.name))
        done = subprocess.run(
            [sys.executable, "-m", "components.local.supervisord", "--configuration", str(file)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        if done.returncode:
            raise ServiceError(f"supervisord did not start: {done.stderr.strip() or done.stdout.strip()}")
        pid = _until(lambda: supervisor_pid(run_dir), 10, "supervisord does not answer on its socket")
        return int(pid)


def stop_supervisor(run_dir: Path, shm_prefix: str) -> None:
    """Stop every service, then supervisord, wait until it is gone, and remove the units and shared memory left."""
    if pid := supervisor_pid(run_dir):
        connect(run_dir).shutdown()
        _until(lambda: not Path(f"/proc/{pid}").exists() or None, 120, f"supervisord (pid {pid}) does not stop")
    supervisor_socket(run_dir).unlink(missing_ok=True)
    for unit in (run_dir / "units").glob("*"):  # of an operation that was killed; the next start would run them
        unit.unlink()
    for segment in SHARED_MEMORY.glob(f"{shm_prefix}.*"):
        segment.unlink(missing_ok=True)


def write_file(path: Path, content: str) -> None:
    """Put a private file in place, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
    unfinished.replace(path)


def stored_unit(run_dir: Path, name: str) -> Unit:
    """The unit as it was applied. Raises OSError when it was not."""
    return Unit.model_validate_json((run_dir / "units" / f"{name}.json").read_text())


def _until(probe: Any, timeout_s: float, failure: str) -> Any:
    deadline = time.monotonic() + timeout_s
    while True:
        if (value := probe()) is not None:
            return value
        if time.monotonic() > deadline:
            raise ServiceError(failure)
        time.sleep(POLL_S)


def log_tail(run_dir: Path, name: str, lines: int = LOG_TAIL_LINES) -> str:
    """The last lines of a service's log."""
    try:
        text = (run_dir / "log" / f"{name}.log").read_text(errors="replace")
    except OSError:
        return "(no log yet)"
    return "\n".join("    " + line for line in text.splitlines()[-lines:])


def _stop_and_forget(run_dir: Path, name: str, proof_file: str | None) -> None:
    rpc = connect(run_dir)
    try:
        info = rpc.getProcessInfo(name)
    except xmlrpc.client.Fault:
        return  # not known to the supervisor
    proof = Path(proof_file) if proof_file else None
    before = proof.stat().st_mtime_ns if proof and proof.exists() else 0
    if info["statename"] in ("RUNNING", "STARTING", "BACKOFF"):
        with contextlib.suppress(xmlrpc.client.Fault):  # it may end by itself meanwhile
            rpc.stopProcess(name, True)
        info = rpc.getProcessInfo(name)
        print(f"{name}: stopped, exit status {info['exitstatus']}")
        if proof and proof.exists() and proof.stat().st_mtime_ns != before:
            print(f"{name}: cancel proof {json.dumps(json.loads(proof.read_text()))}")
    with _exclusive(run_dir), contextlib.suppress(xmlrpc.client.Fault):
        rpc.removeProcessGroup(name)


def apply(run_dir: Path, unit: Unit) -> None:
    """Stop the service if it runs, install the unit, start it and wait until it is ready."""
    rpc = connect(run_dir)
    previous = run_dir / "units" / f"{unit.name}.json"
    old = Unit.model_validate_json(previous.read_text()) if previous.exists() else None
    _stop_and_forget(run_dir, unit.name, old.cancel_proof if old else None)
    with _exclusive(run_dir):
        (run_dir / "units" / f"{unit.name}.conf").write_text(render_program(unit, run_dir / "log"))
        previous.write_text(unit.model_dump_json())
        rpc.reloadConfig()
        rpc.addProcessGroup(unit.name)
    try:
        _wait_ready(run_dir, unit)
    except ServiceError:
        remove(run_dir, unit.name)  # a service that cannot get ready is not left half started
        raise
    print(f"{unit.name}: ready, pid {rpc.getProcessInfo(unit.name)['pid']}")


def remove(run_dir: Path, name: str) -> None:
    """Stop the service and forget its unit. Quiet when there is nothing to stop."""
    stored = run_dir / "units" / f"{name}.json"
    unit = Unit.model_validate_json(stored.read_text()) if stored.exists() else None
    if supervisor_pid(run_dir):
        _stop_and_forget(run_dir, name, unit.cancel_proof if unit else None)
    stored.unlink(missing_ok=True)
    stored.with_suffix(".conf").unlink(missing_ok=True)


def _wait_ready(run_dir: Path, unit: Unit) -> None:
    rpc = connect(run_dir)
    deadline = time.monotonic() + unit.readiness.timeout_s
    detail = ""
    while True:
        state = rpc.getProcessInfo(unit.name)
        if state["statename"] in ("BACKOFF", "FATAL", "EXITED", "STOPPED", "UNKNOWN"):
            detail = f"it ended while starting ({state['spawnerr'] or state['description']})"
            break
        ready, detail = probe(unit, max(0.2, deadline - time.monotonic()))
        if ready:
            return
        if time.monotonic() > deadline:
            break
        time.sleep(POLL_S)
    raise ServiceError(f"{unit.name} is not ready: {detail}\n  last lines of its log:\n{log_tail(run_dir, unit.name)}")


def probe(unit: Unit, patience_s: float) -> tuple[bool, str]:
    """One readiness probe: (ready, what was seen)."""
    check = unit.readiness
    if isinstance(check, CommandReadiness):
        try:
            done = subprocess.run(
                check.command, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                timeout=max(patience_s, PROBE_S), env={**os.environ, **unit.environment},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return False, f"`{' '.join(check.command)}` did not finish"
        return done.returncode == 0, (done.stdout + done.stderr).strip()
    if isinstance(check, HttpReadiness):
        try:
            with urllib.request.urlopen(check.url, timeout=1) as answer:
                return answer.status == 200, f"{check.url} answered {answer.status}"
        except urllib.error.HTTPError as error:
            return False, f"{check.url} answered {error.code}: {error.read(2000).decode(errors='replace')}"
        except OSError as error:
            return False, f"{check.url}: {error}"
    assert isinstance(check, TcpReadiness)
    try:
        with socket.create_connection((check.host, check.port), timeout=1):
            return True, "accepts connections"
    except OSError as error:
        return False, f"{check.host}:{check.port}: {error}"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="servicectl", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("action", choices=("supervisor-start", "supervisor-stop", "apply", "remove"))
    parser.add_argument("--run-dir", type=Path, required=True)
    parser.add_argument("--name", help="the service (remove)")
    parser.add_argument("--shm-prefix", help="of the stack's shared-memory segments (supervisor-stop)")
    args = parser.parse_args()
    try:
        if args.action == "supervisor-start":
            print(f"supervisord: pid {start_supervisor(args.run_dir)}")
        elif args.action == "supervisor-stop":
            if not args.shm_prefix:
                parser.error("supervisor-stop needs --shm-prefix")
            stop_supervisor(args.run_dir, args.shm_prefix)
        elif args.action == "apply":
            apply(args.run_dir, Unit.model_validate_json(sys.stdin.read()))
        elif args.name:
            remove(args.run_dir, args.name)
        else:
            parser.error("remove needs --name")
    except ServiceError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
