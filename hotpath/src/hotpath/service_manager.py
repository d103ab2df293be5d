"""What a role tells systemd over the notify socket (sd_notify(3)): READY, STATUS, STOPPING and the watchdog's food.

Called from the Python edge, between two stretches of the hot loop. The loop itself makes no call: it writes its
heartbeat into the status block as ever, and the edge reads it. A thread of its own would share the hot core with the
loop, which spins there alone.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

LONGEST_INTERVAL_NS = 1_000_000_000
FEEDINGS_PER_WATCHDOG = 4  # two may be lost
STATUS_LIMIT = 240  # bytes: one line of `systemctl status`


class Heartbeat(Protocol):
    """A role's status block as its own process sees it (hotpath.ipc.status.StatusWriter)."""

    @property
    def heartbeat_ns(self) -> int: ...

    def summary(self) -> str: ...


class ServiceManager:
    """systemd's notify socket; without one every call does nothing.

    Never blocks: a manager that does not read must not hold up the hot core. `watchdog_ns` is 0 when none is set.
    """

    def __init__(self, address: str = "", watchdog_ns: int = 0) -> None:
        """address: NOTIFY_SOCKET, a path or an abstract name that begins with @."""
        self.watchdog_ns = watchdog_ns if address else 0
        self._socket: socket.socket | None = None
        self._address = "\0" + address[1:] if address.startswith("@") else address
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ServiceManager:
        """Of NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, as systemd sets them for one process."""
        watchdog = environment.get("WATCHDOG_USEC", "")
        meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        nanoseconds = int(watchdog) * 1000 if watchdog.isdecimal() and meant else 0
        return cls(environment.get("NOTIFY_SOCKET", ""), nanoseconds)

    @property
    def listening(self) -> bool:
        return self._socket is not None

    def send(self, *assignments: str) -> bool:
        """One datagram. False: it was not taken (no manager, or its queue is full); say it again later."""
        if self._socket is None or not assignments:
            return False
        try:
            self._socket.sendto("\n".join(assignments).encode(), self._address)
        except OSError:
            return False
        return True

    def close(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
            self._socket = None


class LoopReport:
    """Says READY after the first stretch of the loop, and feeds the watchdog while every heartbeat moves on.

    `heartbeats`: one per hot loop that this process turns; a single one that stands still starves the watchdog,
    whatever the Python edge does meanwhile.
    """

    def __init__(self, manager: ServiceManager, heartbeats: Sequence[Heartbeat]) -> None:
        self._manager = manager
        self._heartbeats = tuple(heartbeats)
        self._seen = [part.heartbeat_ns for part in heartbeats]
        self._interval_ns = min(
            LONGEST_INTERVAL_NS, manager.watchdog_ns // FEEDINGS_PER_WATCHDOG or LONGEST_INTERVAL_NS
        )
        self._due_ns = 0
        self._ready = False
        self._stopping = False
        self._status = ""

    def tick(self, *, started: bool = True) -> None:
        """After each stretch of the loop; cheap until something is due. started False: READY has to wait."""
        if not self._manager.listening:
            return
        now = time.monotonic_ns()
        if now < self._due_ns or not (self._ready or started):
            return
        beats = [part.heartbeat_ns for part in self._heartbeats]
        if any(beat <= seen for beat, seen in zip(beats, self._seen, strict=True)):
            return
        status = self._text()
        words = [] if self._ready else ["READY=1"]
        if self._manager.watchdog_ns:
            words.append("WATCHDOG=1")
        if status != self._status:
            words.append(f"STATUS={status}")
        if words and not self._manager.send(*words):
            return  # not taken: the next stretch tries again
        self._due_ns = now + self._interval_ns
        self._seen, self._ready, self._status = beats, True, status

    def stopping(self) -> None:
        """At the stop signal, before anything is cancelled or closed."""
        if not self._stopping:
            self._stopping = True
            self._status = self._text()
            self._manager.send("STOPPING=1", f"STATUS={self._status}")

    def _text(self) -> str:
        parts = ("stopping" if self._stopping else "", *(part.summary() for part in self._heartbeats))
        text = "; ".join(part for part in parts if part).replace("\n", " ")
        return text.encode()[:STATUS_LIMIT].decode(errors="ignore")
