"""Pipes, as Python has them."""

from __future__ import annotations

from benchmarks.link_peer import LinkContender

CONTENDERS = (
    LinkContender("os.pipe", "pipe", "non-blocking, spin"),
    LinkContender("multiprocessing.Pipe", "connection", "blocking"),
)
