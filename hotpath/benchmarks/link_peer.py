"""Contenders that are a link between two Python processes (peers/python/links.py): one message, one call."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from benchmarks.contender import Machine, OpenSession, Work
from benchmarks.peer_process import PeerProcess, PeerSession

_PROGRAM = ("-m", "benchmarks.peers.python", "messaging")
_FOLDER = Path(__file__).resolve().parents[1]


class LinkContender:
    """link: as in `LINKS`; note: how it is set up; package: (name, release) that the peers' environment must have, as
    in requirements/peers.txt, None = Python alone."""

    def __init__(self, name: str, link: str, note: str, package: tuple[str, str] | None = None) -> None:
        self.NAME = name
        self.VERSION = f"{package[1] if package else 'Python ' + platform.python_version()}, {note}"
        self._package = package
        opened = partial(_open, link, package is not None)
        self.SESSIONS: Mapping[str, OpenSession] = dict.fromkeys(
            ("ring-round-trip", "ring-open-loop", "ring-one-way"), opened
        )

    def missing(self, machine: Machine) -> str | None:
        if self._package is None:
            return None
        name, release = self._package
        if any((machine.peers / "python").glob(f"lib/python3.*/site-packages/{name}-{release}.dist-info")):
            return None
        return f"{name} {release} is not installed; `make bench PEERS=1` installs it"


def _open(link: str, installed: bool, work: Work, machine: Machine) -> PeerSession:
    """Raises PeerError."""
    python = str(machine.peers / "python" / "bin" / "python") if installed else sys.executable
    opening = {
        "kind": work.kind,
        "count": min(work.prefixes, default=work.operations),
        "link": link,
        "slots": work.payload,
        "per_second": work.statistics.get("per_second", 0),
        "cpu": machine.cpu,
        "peer_cpu": machine.peer_cpu,
    }
    errors = machine.scratch / f"{link}-{work.name}.log"
    process = PeerProcess([python, *_PROGRAM], errors, None, {"PYTHONPATH": str(_FOLDER), "PYTHONSAFEPATH": "1"})
    return PeerSession(process, opening)
