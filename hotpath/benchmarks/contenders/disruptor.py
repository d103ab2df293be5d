"""LMAX Disruptor (Java): rings between two threads of one process, which is all that it does."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks import java_peer
from benchmarks.contender import Machine, OpenSession, Work
from benchmarks.peer_process import PeerSession

NAME = "disruptor"
LIBRARY = "4.0.0"
VERSION = f"{LIBRARY}, busy spin, two threads of one JVM"
_FLAGS = ("-Xms1g", "-Xmx1g", "-XX:+UseParallelGC")


def missing(machine: Machine) -> str | None:
    return java_peer.missing(machine)


def _open(work: Work, machine: Machine) -> PeerSession:
    return java_peer.java_session(
        machine,
        {"work": work.name, "kind": work.kind, "count": work.operations},
        module="rings",
        main="DisruptorRings",
        flags=_FLAGS,
        cpus=java_peer.all_cpus(machine),
        threads={"ping": machine.cpu, "pong": machine.peer_cpu},
        settings={"slots": str(work.payload)},
    )


SESSIONS: Mapping[str, OpenSession] = {"ring-round-trip": _open, "ring-one-way": _open}
