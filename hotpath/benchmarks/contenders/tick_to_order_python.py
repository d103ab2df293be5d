"""Tick to order on event loops in Python: nautilus_trader's, and a plain asyncio program."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.contender import Machine, OpenSession, Work
from benchmarks.tick_to_order.peer import session
from benchmarks.tick_to_order.session import TickToOrder


def _installed(machine: Machine, package: str) -> str | None:
    """Version of a package of the peers' Python; None: not there."""
    found = sorted((machine.peers / "python").glob(f"lib/python3*/site-packages/{package}-*.dist-info"))
    return found[0].name.removesuffix(".dist-info").rpartition("-")[2] if found else None


class _Peer:
    def __init__(self, name: str, version: str, program: str, package: str) -> None:
        self.NAME = name
        self.VERSION = version
        self._program = program
        self._package = package
        self.SESSIONS: Mapping[str, OpenSession] = {"tick-to-order": self._session}

    def missing(self, machine: Machine) -> str | None:
        if not (machine.peers / "python" / ".complete").exists() or _installed(machine, self._package) is None:
            return "not installed; `make bench PEERS=1` installs it"
        return None

    def _session(self, work: Work, machine: Machine) -> TickToOrder:
        return session(work, machine, self._program)


CONTENDERS = (
    _Peer("nautilus_trader", "TradingNode, uvloop", "tick_nautilus", "nautilus_trader"),
    _Peer("asyncio", "plain Python, uvloop", "tick_asyncio", "uvloop"),
)
