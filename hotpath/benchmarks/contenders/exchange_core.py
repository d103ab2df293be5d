"""exchange-core (Java): its fastest order book in a loop, and the whole pipeline with risk checks."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks import java_peer
from benchmarks.contender import Machine, OpenSession, Work
from benchmarks.peer_process import PeerSession, exported

LIBRARY = "0.5.3"
_MODULE = "exchange-core"
_PACKAGES = ("java.lang", "java.lang.reflect", "java.nio", "java.util", "jdk.internal.ref", "sun.nio.ch")
# its libraries reach into the JDK
_OPEN = tuple(f"--add-opens=java.base/{each}=ALL-UNNAMED" for each in _PACKAGES)
_FLAGS = ("-Xms2g", "-Xmx2g", "-Xmn1500m", "-XX:+UseSerialGC", "-XX:+UseTransparentHugePages", *_OPEN)
# its latency settings with the ring of its throughput ones: the fastest pair on two CPUs
_RING = 1 << 16


class Direct:
    """OrderBookDirectImpl, one thread."""

    NAME = "exchange-core direct"
    VERSION = f"{LIBRARY}, SerialGC"

    def __init__(self) -> None:
        self.SESSIONS: Mapping[str, OpenSession] = {"matching": self._open}

    def missing(self, machine: Machine) -> str | None:
        return java_peer.missing(machine)

    def _open(self, work: Work, machine: Machine) -> PeerSession:
        return java_peer.java_session(
            machine,
            exported(work, machine),
            module=_MODULE,
            main="DirectBook",
            flags=_FLAGS,
            cpus=java_peer.one_cpu(machine),
        )


class Pipeline:
    """ExchangeCore behind ExchangeApi: risk checks per currency, one matching and one risk engine. No latency: five
    threads on two CPUs would show the scheduler's, not its own."""

    NAME = "exchange-core pipeline"
    VERSION = f"{LIBRARY}, SerialGC, YIELDING, ring {_RING}, 5 threads"

    def __init__(self) -> None:
        self.SESSIONS: Mapping[str, OpenSession] = {"matching": self._open}

    def missing(self, machine: Machine) -> str | None:
        return java_peer.missing(machine)

    def _open(self, work: Work, machine: Machine) -> PeerSession:
        return java_peer.java_session(
            machine,
            exported(work, machine),
            module=_MODULE,
            main="Pipeline",
            flags=_FLAGS,
            cpus=java_peer.all_cpus(machine),
            settings={"ring": str(_RING)},
        )


CONTENDERS = (Direct(), Pipeline())
