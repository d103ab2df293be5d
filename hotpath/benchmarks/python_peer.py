"""Contenders written for Python: each in a process of the peers' own environment, `benchmarks.peers.python`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.contender import Machine, OpenSession, UnfitError, Work
from benchmarks.peer_process import PeerProcess, PeerSession, exported

_ENVIRONMENT = {"PYTHONPATH": str(Path(__file__).parents[1]), "OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}


@dataclass(frozen=True)
class PythonPeer:
    """distribution, release: as in requirements/peers.txt; module: of `benchmarks.peers.python`; prefix: by kind of
    work, how many of the first operations it does where the work has that prefix; settings: what the module is opened
    with."""

    NAME: str
    distribution: str
    release: str
    module: str
    kinds: tuple[str, ...]
    note: str = ""
    prefix: Mapping[str, int] = field(default_factory=dict)
    one_symbol: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def VERSION(self) -> str:  # noqa: N802  # as the protocol has it
        return f"{self.release}, {self.note}" if self.note else self.release

    @property
    def SESSIONS(self) -> Mapping[str, OpenSession]:  # noqa: N802
        return dict.fromkeys(self.kinds, self._open)

    def missing(self, machine: Machine) -> str | None:
        """The environment may be there without this one: its parts are installed one by one where all fail together."""
        name = self.distribution.replace("-", "_").lower()
        found = (machine.peers / "python").glob(f"lib/python3.*/site-packages/{name}-{self.release}.dist-info")
        if any(found):
            return None
        return f"{self.distribution} {self.release} is not installed; `make bench PEERS=1` installs it"

    def _open(self, work: Work, machine: Machine) -> PeerSession:
        """Raises UnfitError, PeerError."""
        opening = {**exported(work, machine), **self.settings}
        if self.one_symbol and opening["symbols"] != 1:
            raise UnfitError("holds the book of one symbol")
        operations = self.prefix.get(work.kind, work.operations)
        opening["operations"] = operations if operations in work.prefixes else work.operations
        process = PeerProcess(
            [str(machine.peers / "python" / "bin" / "python"), "-P", "-m", "benchmarks.peers.python", self.module],
            machine.scratch / f"{self.NAME}-{work.name}.log".replace(" ", "-").replace("/", "-"),
            None if machine.cpu is None else {machine.cpu},
            _ENVIRONMENT,
        )
        return PeerSession(process, opening)
