"""Aeron IPC (Java) between two processes, media driver on a third thread that backs off."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from benchmarks import java_peer
from benchmarks.contender import Machine, OpenSession, Round, Work
from benchmarks.peer_process import PeerSession

NAME = "aeron ipc"
LIBRARY = "1.51.0"
# a log that the writer does not fill while the driver thread sleeps
_TERM_BYTES = 1 << 24
_KINDS = ("ring-round-trip", "ring-open-loop", "ring-open-loop-fast", "ring-one-way")
VERSION = f"{LIBRARY} Java client, SHARED driver backing off, clients spin"
_FLAGS = (
    "-Xms512m",
    "-Xmx512m",
    "-XX:+UseParallelGC",
    "-Dagrona.disable.bounds.checks=true",
    "-Daeron.pre.touch.mapped.memory=true",
    "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED",
    "--add-opens=java.base/java.util.zip=ALL-UNNAMED",
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
)


def missing(machine: Machine) -> str | None:
    return java_peer.missing(machine)


class _Rings:
    """Owns the folder that the processes share."""

    in_process = False

    def __init__(self, work: Work, machine: Machine) -> None:
        self._folder = Path("/dev/shm") / f"ironlane-bench-{os.getpid()}-{secrets.token_hex(3)}.aeron"
        try:
            self._session: PeerSession = java_peer.java_session(
                machine,
                {"work": work.name, "kind": work.kind, "count": work.operations},
                module="rings",
                main="AeronRings",
                flags=_FLAGS,
                cpus=java_peer.all_cpus(machine),
                threads={"ping": machine.cpu, "pong": machine.peer_cpu},
                settings={
                    "folder": str(self._folder),
                    "term_bytes": str(_TERM_BYTES),
                    "per_second": str(work.statistics.get("per_second", 0)),
                },
            )
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    def throughput(self) -> Round | None:
        return self._session.throughput()

    def latency(self) -> Round | None:
        return self._session.latency()

    def close(self) -> None:
        self._session.close()
        shutil.rmtree(self._folder, ignore_errors=True)  # what a killed driver leaves behind


SESSIONS: Mapping[str, OpenSession] = dict.fromkeys(_KINDS, _Rings)
