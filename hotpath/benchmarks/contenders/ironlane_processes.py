"""Our engine with its roles in processes of their own, as many as there are CPUs; else as in ironlane.py."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.contender import Machine, OpenSession
from benchmarks.contenders.ironlane import VERSION
from benchmarks.tick_to_order.ironlane import processes

__all__ = ["NAME", "SESSIONS", "VERSION", "missing"]

NAME = "ironlane, processes"


def missing(machine: Machine) -> str | None:
    return None


SESSIONS: Mapping[str, OpenSession] = {"tick-to-order": processes}
