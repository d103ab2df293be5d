"""Our engine as a pod: what isolation is worth. Pinned and without quota it is in ironlane.py."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.contender import Machine, OpenSession
from benchmarks.contenders.ironlane import VERSION
from benchmarks.tick_to_order.cpu_group import unavailable
from benchmarks.tick_to_order.pod import pod

__all__ = ["NAME", "SESSIONS", "VERSION", "missing"]

NAME = "ironlane, as a pod"


def missing(machine: Machine) -> str | None:
    return unavailable()


SESSIONS: Mapping[str, OpenSession] = {"isolation": pod}
