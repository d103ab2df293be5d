"""The fused engine as a Guaranteed pod sees it: a CPU quota, no CPU of its own, and a busy neighbour beside it.

The pod may use whole CPUs (requests = limits = 1, the kubelet's default CPU manager policy), the neighbour is another
pod of the same weight. Both have every CPU but the venue's, which stands for another machine.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack

from benchmarks.contender import Machine, Work
from benchmarks.tick_to_order.cpu_group import CpuGroup
from benchmarks.tick_to_order.exchange import Exchange
from benchmarks.tick_to_order.ironlane import ROLES, Group, Roles
from benchmarks.tick_to_order.session import TickToOrder

POD_CPUS = 1.0
_BUSY = """
import ctypes
ctypes.CDLL(None).prctl(1, 9)
while True:
    pass
"""


class Pod:
    """Engine and neighbours in their groups; everything goes with `close`. Raises RoleError, CpuGroupError."""

    polite_venue = False

    def __init__(self, exchange: Exchange, machine: Machine) -> None:
        self._stack = ExitStack()
        try:
            group = CpuGroup("pod", POD_CPUS)
            self._stack.callback(group.close)
            beside = CpuGroup("neighbour", None)
            self._stack.callback(beside.close)
            self._group = group
            self._neighbours: list[subprocess.Popen[bytes]] = []
            self._stack.callback(self._end_neighbours)
            self._roles = Roles(exchange, machine, [Group(ROLES, None, "spin")])
            self._stack.callback(self._roles.close)
            for pid in self._roles.pids:
                group.add(pid)
            cpus = set(machine.cpus) - {machine.cpu}
            for _ in cpus:
                neighbour = subprocess.Popen([sys.executable, "-c", _BUSY], stdin=subprocess.DEVNULL)
                self._neighbours.append(neighbour)
                os.sched_setaffinity(neighbour.pid, cpus)
                beside.add(neighbour.pid)
            self._throttled = group.throttled()
        except BaseException:
            self._stack.close()
            raise

    @property
    def pids(self) -> list[int]:
        return self._roles.pids

    def resume(self) -> None:
        self._throttled = self._group.throttled()
        self._roles.resume()
        for neighbour in self._neighbours:
            neighbour.send_signal(signal.SIGCONT)

    def pause(self) -> None:
        for neighbour in self._neighbours:
            neighbour.send_signal(signal.SIGSTOP)
        self._roles.pause()

    def stages(self, exchange: Exchange) -> tuple[Mapping[str, Mapping[str, int]], Mapping[str, float]]:
        stages, figures = self._roles.stages(exchange)
        now = self._group.throttled()
        return stages, {
            **figures,
            "cpu_quota_percent": POD_CPUS * 100,
            "neighbours": float(len(self._neighbours)),
            "throttled_periods": float(now["periods"] - self._throttled["periods"]),
            "throttled_ns": float(now["ns"] - self._throttled["ns"]),
        }

    def close(self) -> None:
        self._stack.close()

    def _end_neighbours(self) -> None:
        for neighbour in self._neighbours:
            neighbour.kill()
            neighbour.wait()


def pod(work: Work, machine: Machine) -> TickToOrder:
    return TickToOrder(work, machine, Pod)
