"""Stops what has orders, and proves what became of each.

The order roles cancel everything at SIGTERM and leave a proof. It counts when it is of the unit's last run and lists no
order as unknown. No proof, an older one, or one with an unknown order: nobody can say, and the rollout must not go on.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import units
from .errors import Exit, RolloutError
from .places import Places
from .roles import order_roles, proof_folders, unit

PROOF = "cancel-proof.json"
SETTLED = ("cancelled", "filled", "replaced")
CLOCK_SLACK_S = 1.0  # between the clock of files and that of systemd
CLOSING_S = 10.0  # a role goes on closing its files after its proof


@dataclass(frozen=True)
class Proof:
    """written: seconds since the epoch, as the file system has it."""

    role: str
    written: float
    orders: tuple[dict[str, Any], ...]

    @property
    def unknown(self) -> list[dict[str, Any]]:
        """An outcome that this program does not know settles nothing."""
        return [order for order in self.orders if order.get("outcome") not in SETTLED]

    @property
    def text(self) -> str:
        counts = Counter(str(order.get("outcome")) for order in self.orders)
        listed = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items())) or "none"
        return f"{self.role}: {len(self.orders)} orders open at the signal: {listed}"


def drain(places: Places, roles: Sequence[str], limit_s: float) -> str:
    """Returns the account of every order. Raises RolloutError: UNKNOWN when any is not accounted for.

    Goes on to the router when the strategy did not come through: it cancels what is open at the venue, whoever asked.
    """
    deadline = time.monotonic() + limit_s
    here = [role for role in order_roles(roles) if not _absent(places, role)]
    folders = {role: proof_folders(places, role) for role in here}
    told: list[str] = []
    problems: list[RolloutError] = []
    for role, proofs in folders.items():
        try:
            stopped = _stopped(unit(role), max(deadline - time.monotonic(), 1.0))
        except RolloutError as error:
            problems.append(error)
            continue
        for name, folder in proofs.items():
            try:
                told.append(_settled(name, folder, stopped))
            except RolloutError as error:
                problems.append(error)
    if problems:
        raise RolloutError("\n".join([*map(str, problems), *told]), problems[0].code)
    return "\n".join(told or ["no role of this host has orders"])


def _absent(places: Places, role: str) -> bool:
    """A role that this host is not configured for, and that has not run since it started."""
    return not places.role(role).exists() and units.look(unit(role)).never_ran


def _stopped(name: str, limit_s: float) -> units.Unit:
    if units.look(name).active:
        units.stop([name], limit_s)
    found = units.look(name)
    if found.active:
        raise RolloutError(f"{name}: is active again after its stop; something starts it", Exit.UNKNOWN)
    return found


def _settled(role: str, folder: Path, stopped: units.Unit) -> str:
    proof = read_proof(role, folder)
    if stopped.started is None:
        if not folder.is_dir() or not any(folder.iterdir()):
            return f"{role}: never ran on this host"
        if proof is not None and not proof.unknown and not _ran_after(folder, proof):
            return f"{role}: has not run since the host started; {proof.text}"
        raise _unproven(role, folder, "it ran before the host was restarted and left no proof of that run")
    if proof is None:
        raise _unproven(role, folder, "it left no proof")
    if proof.written < stopped.started - CLOCK_SLACK_S:
        raise _unproven(role, folder, "its proof is of an earlier run; the last one ended without")
    if proof.unknown:
        listed = "\n".join(f"  {json.dumps(order, sort_keys=True)}" for order in proof.unknown[:20])
        raise _unproven(role, folder, f"{len(proof.unknown)} orders are unknown:\n{listed}\n")
    if stopped.exit_status != 0 or stopped.result != "success":
        raise _unproven(role, folder, f"it ended with {stopped.result}, exit status {stopped.exit_status}")
    return proof.text


def _unproven(role: str, folder: Path, why: str) -> RolloutError:
    return RolloutError(
        f"{role}: not proven that no order is open at the venue: {why} ({folder / PROOF}). Ask the venue; or start the"
        " role again: it cancels what is open, and the next drain proves it",
        Exit.UNKNOWN,
    )


def _ran_after(folder: Path, proof: Proof) -> bool:
    newest = max((file.stat().st_mtime for file in folder.iterdir() if file.name != PROOF), default=0.0)
    return newest > proof.written + CLOSING_S


def read_proof(role: str, folder: Path) -> Proof | None:
    """None when there is none. Raises RolloutError when it is none of ours."""
    file = folder / PROOF
    try:
        written = file.stat().st_mtime
        document = json.loads(file.read_text())
        orders = document["orders"]
        if not isinstance(orders, list) or not all(isinstance(order, dict) for order in orders):
            raise ValueError("no list of orders")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RolloutError(f"{file}: not a cancel proof ({error})", Exit.UNKNOWN) from None
    return Proof(role, written, tuple(orders))
