"""How durable each stream must be, and what the servers must do for it. Pure.

The names are those of the wire package, whose definitions say the rest; a test compares the two. A nats-server has one
`sync_interval` for all that it writes, so the strictest class that is on disk decides, and what does not deserve a disk
write is kept in memory.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class StreamClass(StrEnum):
    RECORD = "record"  # what was acknowledged survives a power failure
    TELEMETRY = "telemetry"  # may be lost with the servers


STREAM_CLASSES: Final = {
    "ORDER_EVENTS": StreamClass.RECORD,
    "KV_LEASES": StreamClass.RECORD,
    "TELEMETRY": StreamClass.TELEMETRY,
}

STORAGE: Final = {StreamClass.RECORD: "file", StreamClass.TELEMETRY: "memory"}

_SYNC: Final = {StreamClass.RECORD: "always"}
_OTHERWISE: Final = "2m"  # the server's own default


def sync_interval() -> str:
    """Of every server: what the strictest class that is on disk asks for."""
    on_disk = {each for each in STREAM_CLASSES.values() if STORAGE[each] == "file"}
    return next((_SYNC[each] for each in on_disk if each in _SYNC), _OTHERWISE)
