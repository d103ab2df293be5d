"""Our engine at tick to order: the roles of `hotpath run` with the benchmark's strategy, in one process or several."""

from __future__ import annotations

import json
import mmap
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.contender import Machine, Work
from benchmarks.native.tick_flow import LOCATE, SYMBOL, TICK_SIZE
from benchmarks.tick_to_order.exchange import HOST, Exchange
from benchmarks.tick_to_order.session import TickToOrder
from hotpath.ipc.journal import JournalReader
from hotpath.ipc.layouts import ORDER_EVENT_SIZE
from hotpath.ipc.segment import remove_segments
from hotpath.ipc.status import read_status

STAMPED_NUMBERS = 900_001  # of native/tick_flow.pxd
STAMPS_BYTES = STAMPED_NUMBERS * 3 * 8
READY_S = 30.0
STOP_S = 10.0
ROLES = ("feed-handler", "strategy", "order-router")
SHORT_SLEEP_US = 20
LIMITS = {
    "max_order_quantity": 1_000_000,
    "max_notional": 10**13,
    "max_position": 10**12,
    "collar_bps": 500,
    "max_messages_per_second": 1_000_000,
    "max_open_orders": 100_000,
}


class RoleError(Exception):
    """A role did not start, was not ready in time, or did not end as it should."""


@dataclass(frozen=True)
class Group:
    """Roles of one process, the CPU that it is pinned to (None: not pinned), and how it waits."""

    roles: Sequence[str]
    cpu: int | None
    idle: str


def fused(work: Work, machine: Machine) -> TickToOrder:
    """All three roles in one spinning process."""
    group = Group(ROLES, _others(machine)[0], "spin")
    return TickToOrder(work, machine, lambda exchange, machine: Roles(exchange, machine, [group]))


def processes(work: Work, machine: Machine) -> TickToOrder:
    """As many processes as CPUs, at most one a role; the last one shares the venue's CPU when there are too few."""
    cpus = _others(machine)
    if len(cpus) >= len(ROLES):
        groups = [Group((role,), cpu, "spin") for role, cpu in zip(ROLES, cpus, strict=False)]
        polite = False
    elif len(cpus) == 2:
        groups = [Group(ROLES[:2], cpus[0], "spin"), Group(ROLES[2:], cpus[1], "spin")]
        polite = False
    else:
        groups = [Group(ROLES[:2], cpus[0], "spin"), Group(ROLES[2:], machine.cpu, "yield")]
        polite = True
    return TickToOrder(work, machine, lambda exchange, machine: Roles(exchange, machine, groups, polite))


def _others(machine: Machine) -> list[int | None]:
    """CPUs that the venue does not have."""
    others: list[int | None] = [cpu for cpu in machine.cpus if cpu != machine.cpu]
    return others if machine.cpu is not None and others else [None]


class Roles:
    """Started, ready, and connected to the exchange. Raises RoleError."""

    def __init__(self, exchange: Exchange, machine: Machine, groups: Sequence[Group], polite: bool = False) -> None:
        self.polite_venue = polite
        self._prefix = f"ironlane-bench-{os.getpid()}-{secrets.token_hex(3)}"
        self._folder = machine.scratch / self._prefix
        self._folder.mkdir()
        self._stamps_file = Path("/dev/shm") / f"{self._prefix}.stamps"
        self._processes: list[subprocess.Popen[bytes]] = []
        try:
            with self._stamps_file.open("w+b") as file:
                file.truncate(STAMPS_BYTES)
                self._stamps = memoryview(mmap.mmap(file.fileno(), STAMPS_BYTES)).cast("q")
            for group in groups:
                self._spawn(group, exchange, machine)
            exchange.serve()
            self._await_ready()
            exchange.hand_over()
            self._journal = JournalReader(str(self._data("order-router")), ORDER_EVENT_SIZE)
        except BaseException:
            self.close(check=False)
            raise

    def _data(self, role: str) -> Path:
        return self._folder / role

    def _spawn(self, group: Group, exchange: Exchange, machine: Machine) -> None:
        idle = {"mode": group.idle, "max_sleep_us": SHORT_SLEEP_US}
        for role in group.roles:
            self._write(role, self._config(role, exchange, idle))
        role = group.roles[0]
        if len(group.roles) > 1:
            role = "composite"
            files = {each.replace("-", "_"): str(self._folder / f"{each}.json") for each in group.roles}
            self._write(role, {"idle": idle, **files})
        log = (self._folder / f"{role}.log").open("wb")
        command = [sys.executable, "-P", "-m", "benchmarks.tick_to_order.role_process"]
        with log:
            process = subprocess.Popen(
                [*command, str(machine.libraries), role, str(self._folder / f"{role}.json")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        usable = set(machine.cpus) - {machine.cpu} if group.cpu is None else {group.cpu}
        if usable:
            os.sched_setaffinity(process.pid, usable)

    def _write(self, role: str, document: Mapping[str, Any]) -> None:
        (self._folder / f"{role}.json").write_text(json.dumps(document))

    def _config(self, role: str, exchange: Exchange, idle: Mapping[str, Any]) -> dict[str, Any]:
        data = self._data(role)
        data.mkdir()
        runtime = {
            "host": "bench",
            "environment": "bench",
            "shm_prefix": self._prefix,
            "run_dir": str(self._folder),
            "data_dir": str(data),
            "idle": idle,
        }
        common = {"runtime": runtime, "instrument": {"symbol": SYMBOL, "locate": LOCATE, "tick": TICK_SIZE}}
        if role == "feed-handler":
            return {
                **common,
                "lines": [_endpoint(port) for port in exchange.lines],
                "rerequest": _endpoint(exchange.rerequest_port),
                "glimpse": _endpoint(exchange.glimpse_port),
            }
        if role == "strategy":
            strategy = {"strategy": "benchmarks.native.tick_taker:TickTaker"}
            return {**common, **strategy, "parameters": {"stamps": str(self._stamps_file)}}
        password = self._folder / "password"
        password.write_text("bench\n")
        return {
            **common,
            "order_entry": _endpoint(exchange.order_entry_port),
            "account": {"username": "IRON01", "password_file": str(password)},
            "limits": LIMITS,
        }

    def _await_ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while True:
            states = [read_status(self._prefix, role) for role in ROLES]
            if all(state["ready"] for state in states):
                return
            self._check_alive()
            if time.monotonic() > deadline:
                problems = "; ".join(f"{s['role']}: {', '.join(s['problems'])}" for s in states if not s["ready"])
                raise RoleError(f"not ready within {READY_S:.0f} s: {problems}")
            time.sleep(0.02)

    def _check_alive(self) -> None:
        for process in self._processes:
            if process.poll() is not None:
                raise RoleError(f"a role ended with {process.returncode}: {self._tail()}")

    def _tail(self) -> str:
        lines = [
            line for log in self._folder.glob("*.log") for line in log.read_text(errors="replace").splitlines()[-4:]
        ]
        return " | ".join(lines)

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._processes]

    def resume(self) -> None:
        self._check_alive()
        self._signal(signal.SIGCONT)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(number)

    def stages(self, exchange: Exchange) -> tuple[Mapping[str, Mapping[str, int]], Mapping[str, float]]:
        return exchange.venue.stages(self._stamps, self._journal)

    def close(self, check: bool = True) -> None:
        """Stops the roles; raises RoleError when one cannot prove that no order is left."""
        codes = []
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self._processes:
            try:
                codes.append(process.wait(STOP_S))
            except subprocess.TimeoutExpired:
                process.kill()
                codes.append(process.wait())
        tail = self._tail()
        remove_segments(self._prefix)
        self._stamps_file.unlink(missing_ok=True)
        shutil.rmtree(self._folder, ignore_errors=True)
        if check and any(codes):
            raise RoleError(f"exit codes {codes}: {tail}")


def _endpoint(port: int) -> dict[str, Any]:
    return {"host": HOST, "port": port}
