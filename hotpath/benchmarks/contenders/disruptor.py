"""LMAX Disruptor (Java): rings between two threads of one process, which is all that it does."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks import java_peer
from benchmarks.contender import Machine, OpenSession, Work
from benchmarks.peer_process import PeerSession

NAME = "disruptor"
LIBRARY = "4.0.0"
VERSION = f"{LIBRARY}, busy spin, two threads of one JVM"
# a ring that stays in the cache for the round trip; one that the writer does not fill for the rate
_SLOTS = {
    "ring-round-trip": 1 << 10,
    "ring-open-loop": 1 << 16,
    "ring-open-loop-fast": 1 << 16,
    "ring-one-way": 1 << 16,
}
# objects on cache lines of their own: a message that lies across fewer of them travels faster
_FLAGS = ("-Xms1g", "-Xmx1g", "-XX:+UseParallelGC", "-XX:ObjectAlignmentInBytes=64")


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
        settings={"slots": str(_SLOTS[work.kind]), "per_second": str(work.statistics.get("per_second", 0))},
    )


SESSIONS: Mapping[str, OpenSession] = dict.fromkeys(_SLOTS, _open)
