"""Who holds a local port, for error messages: read from /proc, no privilege needed for our own processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_TABLES = ("tcp", "tcp6", "udp", "udp6")
_TCP_LISTEN = "0A"


def describe_port_holder(port: int) -> str:
    """`pid NAME` of the process bound to the TCP or UDP port, or `unknown` when /proc does not tell."""
    inodes = set(_bound_inodes(port))
    if not inodes:
        return "unknown"
    targets = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if any(str(link.readlink()) in targets for link in (process / "fd").iterdir()):
                return f"{process.name} {(process / 'comm').read_text().strip()}"
        except OSError:  # it ended meanwhile, or belongs to another user
            continue
    return "unknown"


def _bound_inodes(port: int) -> Iterator[str]:
    for table in _TABLES:
        try:
            lines = Path("/proc/net", table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) != port:
                continue
            if table.startswith("tcp") and fields[3] != _TCP_LISTEN:
                continue
            yield fields[9]
