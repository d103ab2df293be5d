"""Unix sockets, as Python has them."""

from __future__ import annotations

from benchmarks.link_peer import LinkContender

CONTENDERS = (
    LinkContender("unix stream socket", "unix-stream", "socketpair, non-blocking, spin"),
    LinkContender("unix datagram socket", "unix-dgram", "socketpair, non-blocking, spin"),
)
