"""The roles of one host as real processes, started and killed: how long until each is ready again."""

from __future__ import annotations

import ctypes
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from hotpath.ipc.segment import remove_segments
from hotpath.ipc.status import read_status

# each can get ready only after those before it
ROLES = ("venue", "feed-handler", "order-router", "strategy", "agent")
# what stays closed here: there is no bus to connect to
IGNORED_GATES = {"agent": {"bus"}}
_LIMIT_S = 30.0
_POLL_S = 0.0005
_STOP_S = 10.0
_PORTS = range(15_000, 30_000)
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC = ctypes.CDLL(None)
_COMMAND = "import sys; from hotpath.cli import main; sys.exit(main(sys.argv[1:]))"
_LIMITS = {
    "max_order_quantity": 1_000,
    "max_notional": 2_000_000_000,
    "max_position": 5_000,
    "collar_bps": 500,
    "max_messages_per_second": 500,
    "max_open_orders": 20,
}


class ChainError(Exception):
    """A role did not start, or did not get ready in time; the text has the end of its log."""


class RoleChain:
    """Folders and ports of its own below `folder`. flow: the venue's (see VenueConfig.flow); cpus: for all the roles
    together, empty = those of this process."""

    def __init__(self, folder: Path, flow: dict[str, Any], cpus: Collection[int] = ()) -> None:
        self._folder = folder
        self._cpus = cpus
        self._prefix = f"ironlane-bench-{os.getpid()}-{secrets.token_hex(3)}"
        self._flow = flow
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        folder.mkdir(parents=True)
        (folder / "password").write_text("secret\n")
        for role, config in self._configs().items():
            self._config(role).write_text(json.dumps(config))

    def start_all(self) -> dict[str, int]:
        """Every role from nothing, one after the other; ns from the start of each until it was ready."""
        return {role: self._start(role) for role in ROLES}

    def restart_killed(self, role: str) -> int:
        """ns from SIGKILL until the process that was started at once in its place is ready."""
        process = self._processes[role]
        began = time.perf_counter_ns()
        process.send_signal(signal.SIGKILL)
        process.wait()
        self._start(role)
        return time.perf_counter_ns() - began

    def wait_ready(self) -> None:
        """Until the roles that lost a neighbour have it back. Raises ChainError."""
        for role in ROLES:
            self._wait(role)

    def counter(self, role: str, name: str) -> int:
        return int(read_status(self._prefix, role)["counters"][name])

    def check(self) -> int:
        """How many roles `hotpath ready` calls ready."""
        return sum(self._ready_command(role) == 0 for role in ROLES)

    def wipe(self) -> None:
        """Stops every role and forgets all that they kept."""
        for role in reversed(ROLES):
            process = self._processes.pop(role, None)
            if process is not None:
                process.kill()
                process.wait(_STOP_S)
        remove_segments(self._prefix)
        shutil.rmtree(self._folder / "data", ignore_errors=True)

    def close(self) -> None:
        self.wipe()

    def _config(self, role: str) -> Path:
        return self._folder / f"{role}.json"

    def _log(self, role: str) -> Path:
        return self._folder / f"{role}.log"

    def _start(self, role: str) -> int:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        command = [sys.executable, "-P", "-c", _COMMAND, "run", role, "--config", str(self._config(role))]
        with self._log(role).open("ab") as log:
            began = time.perf_counter_ns()
            process = subprocess.Popen(
                command, stderr=log, stdout=log, env=environment, preexec_fn=_end_with_the_benchmark
            )
        self._processes[role] = process
        if self._cpus:
            os.sched_setaffinity(process.pid, self._cpus)
        self._wait(role)
        return time.perf_counter_ns() - began

    def _wait(self, role: str) -> None:
        """As `hotpath ready` judges, without the time that command takes to start."""
        process, ignored = self._processes[role], IGNORED_GATES.get(role, set())
        deadline = time.monotonic() + _LIMIT_S
        while True:
            status = read_status(self._prefix, role)
            closed = {gate["name"] for gate in status["gates"] if not gate["ok"]}
            if status["pid"] == process.pid and closed <= ignored and len(status["problems"]) == len(closed):
                return
            if process.poll() is not None or time.monotonic() > deadline:
                tail = self._log(role).read_text(errors="replace")[-600:]
                raise ChainError(f"{role} is not ready: {'; '.join(status['problems'])}\n{tail}")
            time.sleep(_POLL_S)

    def _ready_command(self, role: str) -> int:
        command = [sys.executable, "-P", "-c", _COMMAND, "ready", role, "--config", str(self._config(role))]
        command += ["--timeout", "5"]
        for gate in sorted(IGNORED_GATES.get(role, ())):
            command += ["--except", gate]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        return subprocess.run(command, env=environment, capture_output=True, timeout=_LIMIT_S, check=False).returncode

    def _configs(self) -> dict[str, dict[str, Any]]:
        order_entry, glimpse, admin, http, nobody, rerequest, line_a, line_b = (
            {"host": "127.0.0.1", "port": port} for port in _free_ports(5, 3)
        )
        account = {"username": "ROUTER", "password_file": str(self._folder / "password"), "firm": "IRON"}
        feed = {"lines": [line_a, line_b], "rerequest": rerequest, "glimpse": glimpse}
        own: dict[str, dict[str, Any]] = {
            "venue": {
                **feed,
                "flow": self._flow,
                "flow_id": "one",
                "order_entry": order_entry,
                "admin": admin,
                "accounts": [account],
            },
            "feed-handler": feed,
            "order-router": {"order_entry": order_entry, "account": account, "limits": _LIMITS},
            "strategy": {},
            "agent": {
                "http": http,
                # order events wait in the journal
                "nats": {
                    "servers": [f"nats://127.0.0.1:{nobody['port']}"],
                    "user": "agent",
                    "password_file": str(self._folder / "password"),
                },
                "limits": _LIMITS,
                "roles": list(ROLES[1:4]),
                "journal_dir": str(self._folder / "data" / "order-router"),
            },
        }
        return {
            role: {
                "runtime": {
                    "host": "bench",
                    "environment": "bench",
                    "shm_prefix": self._prefix,
                    "run_dir": str(self._folder),
                    "data_dir": str(self._folder / "data" / role),
                },
                "instrument": {"symbol": "IRON"},
                **config,
            }
            for role, config in own.items()
        }


def _end_with_the_benchmark() -> None:
    """In the new process: it is killed when this one ends, however that happens."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _free_ports(tcp: int, udp: int) -> list[int]:
    """Free a moment ago, all different, and not from the range that the kernel gives to whoever asks for any: they must
    still be free after the process that listens there has been killed."""
    kinds = [socket.SOCK_STREAM] * tcp + [socket.SOCK_DGRAM] * udp
    candidates = iter(random.SystemRandom().sample(_PORTS, 50 * len(kinds)))
    return [next(port for port in candidates if _is_free(kind, port)) for kind in kinds]


def _is_free(kind: socket.SocketKind, port: int) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
