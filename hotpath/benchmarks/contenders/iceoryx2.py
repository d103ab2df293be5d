"""iceoryx2's Python binding: publish-subscribe over shared memory."""

from __future__ import annotations

from benchmarks.link_peer import LinkContender

_NOTE = "Python binding, publish-subscribe both ways, spin"
CONTENDERS = (LinkContender("iceoryx2", "iceoryx2", _NOTE, ("iceoryx2", "0.10.0")),)
