"""How a provider plugin reaches the rehearsal's API server: a private file whose path is in the environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "IRONLANE_REHEARSAL_CLUSTER"
_TAIL_LINES = 5


class ClusterError(RuntimeError):
    """There is no API server to ask; the message says why, and what to do."""


@dataclass(frozen=True)
class Connection:
    """url: of the API server. authority: its own certificate, which it writes while it starts.

    definitions: folder of the kinds that charts bring, `<group>_<plural>.yaml`. folder: of the processes' logs.
    """

    url: str
    token: str
    authority: str
    processes: Mapping[str, int]
    folder: str
    definitions: str

    def write(self, file: Path) -> None:
        """Readable by its owner only."""
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            json.dump(asdict(self), stream)

    def ended(self) -> str | None:
        """What one of its processes that is gone wrote last, else None."""
        for name, pid in self.processes.items():
            if not _runs(pid):
                try:
                    lines = Path(self.folder, f"{name}.log").read_text(errors="replace").splitlines()
                except OSError:
                    lines = []
                return "\n".join([f"{name} of the rehearsal has ended:", *lines[-_TAIL_LINES:]])
        return None


def handed_over(env: Mapping[str, str]) -> Connection:
    """What the environment names. Raises ClusterError when it names nothing that can be read."""
    file = env.get(VARIABLE)
    if not file:
        raise ClusterError(
            "no API server has been started for this rehearsal: run `make preview` or `make rehearse`, or in a test"
            " have Stack.cluster set by rehearsal.cluster.servers.running()"
        )
    try:
        return Connection(**json.loads(Path(file).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise ClusterError(f"{VARIABLE}={file}: {error}; the rehearsal that it belongs to may have ended") from None


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:  # a child that nobody has waited for yet
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
