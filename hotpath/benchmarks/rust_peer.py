"""Contenders written in Rust: each a program of its own, built from `peers/rust`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.contender import QUANTILES, Machine, OpenSession, Work
from benchmarks.peer_process import PeerProcess, PeerSession, exported


@dataclass(frozen=True)
class RustPeer:
    """program: of `peers/rust/Cargo.toml`; release: of its crate there."""

    NAME: str
    program: str
    release: str
    kinds: tuple[str, ...]
    note: str = ""

    @property
    def VERSION(self) -> str:  # noqa: N802  # as the protocol has it
        return f"{self.release}, {self.note}" if self.note else self.release

    @property
    def SESSIONS(self) -> Mapping[str, OpenSession]:  # noqa: N802
        return dict.fromkeys(self.kinds, self._open)

    def missing(self, machine: Machine) -> str | None:
        """Where not all can be built, the others are there."""
        if (machine.peers / "rust" / "bin" / self.program).is_file():
            return None
        return f"{self.program} is not built; `make bench PEERS=1` builds it where there is a Rust compiler"

    def _open(self, work: Work, machine: Machine) -> PeerSession:
        """Raises PeerError."""
        process = PeerProcess(
            [str(machine.peers / "rust" / "bin" / self.program)],
            machine.scratch / f"{self.program}-{work.name}.log",
            None if machine.cpu is None else {machine.cpu},
        )
        return PeerSession(process, {**exported(work, machine), "quantiles": dict(QUANTILES)})
