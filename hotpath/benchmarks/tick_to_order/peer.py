"""A peer at tick to order: a program of its own, told where lines and order port are."""

from __future__ import annotations

import secrets
import struct
from collections.abc import Mapping
from pathlib import Path

from benchmarks.contender import Machine, Work
from benchmarks.peer_process import PeerProcess
from benchmarks.tick_to_order.exchange import Exchange
from benchmarks.tick_to_order.session import TickToOrder

_ENVIRONMENT = {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}


class Peer:
    """Started, listening, logged in. Raises PeerError."""

    polite_venue = False

    def __init__(self, exchange: Exchange, machine: Machine, program: str) -> None:
        name = f"tick-{secrets.token_hex(3)}"
        opening = machine.scratch / f"{name}.opening"
        opening.write_bytes(b"".join(struct.pack(">H", len(each)) + each for each in exchange.opening))
        python = machine.peers / "python" / "bin" / "python"
        others = {cpu for cpu in machine.cpus if cpu != machine.cpu}
        cpus = {min(others)} if others else None
        self._process = PeerProcess(
            [str(python), "-P", "-m", f"benchmarks.peers.python.{program}"],
            machine.scratch / f"{name}.errors",
            cpus,
            _ENVIRONMENT,
        )
        try:
            exchange.serve()
            self._process.ask(
                {
                    "do": "open",
                    "opening": str(opening),
                    "lines": exchange.lines,
                    "order_entry": exchange.order_entry_port,
                }
            )
            exchange.hand_over()
        except BaseException:
            self._process.close()
            raise

    @property
    def pids(self) -> list[int]:
        return [self._process.pid]

    def resume(self) -> None:
        self._process.resume()

    def pause(self) -> None:
        self._process.pause()

    def stages(self, exchange: Exchange) -> tuple[Mapping[str, Mapping[str, int]], Mapping[str, float]]:
        return {}, {}

    def close(self) -> None:
        self._process.close()


def session(work: Work, machine: Machine, program: str) -> TickToOrder:
    return TickToOrder(work, machine, lambda exchange, machine: Peer(exchange, machine, program))
