"""ZeroMQ's Python binding."""

from __future__ import annotations

from benchmarks.link_peer import LinkContender

_NOTE = "PAIR over ipc, blocking: its I/O threads need the CPUs"
CONTENDERS = (LinkContender("pyzmq", "zmq", _NOTE, ("pyzmq", "27.3.0")),)
