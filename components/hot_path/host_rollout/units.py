"""systemd on this host, by `systemctl` alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import RolloutError
from .process import expect, run

_SHOW_S = 30.0
_PROPERTIES = ("ActiveState", "Result", "ExecMainStatus", "ExecMainStartTimestampMonotonic")


@dataclass(frozen=True)
class Unit:
    """started: wall clock of the last start in this boot, in seconds; None when there was none."""

    name: str
    active: bool
    result: str
    exit_status: int
    started: float | None

    @property
    def never_ran(self) -> bool:
        return not self.active and self.started is None


def look(name: str) -> Unit:
    """Raises RolloutError when systemd does not answer."""
    output = expect(["systemctl", "show", f"--property={','.join(_PROPERTIES)}", name], limit_s=_SHOW_S)
    values = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    try:
        started_us = int(values["ExecMainStartTimestampMonotonic"] or 0)
        return Unit(
            name,
            # on its way down it still holds its orders
            active=values["ActiveState"] not in ("inactive", "failed"),
            result=values["Result"],
            exit_status=int(values["ExecMainStatus"]),
            started=time.time() - (time.monotonic() - started_us / 1e6) if started_us else None,
        )
    except (KeyError, ValueError) as error:
        raise RolloutError(f"systemctl show {name}: not as expected ({error!r}):\n{output}") from None


def stop(names: Sequence[str], limit_s: float) -> None:
    """Returns when they are down. Raises RolloutError, also when the time is over."""
    if names:
        expect(["systemctl", "stop", *names], limit_s=limit_s)


def start(names: Sequence[str], limit_s: float) -> None:
    """Returns when systemd holds all of them for started. Raises RolloutError that names those which are not."""
    code, output = run(["systemctl", "start", *names], limit_s=limit_s)
    if code != 0:
        down = [name for name in names if not look(name).active]
        raise RolloutError(
            f"did not start: {', '.join(down) or 'unknown'}; `journalctl -u NAME` says why\n{output.rstrip()}"
        )
