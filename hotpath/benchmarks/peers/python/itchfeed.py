"""itchfeed: ITCH messages into objects, in Python."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.peers.python.itch_input import frames
from benchmarks.peers.python.measuring import Answer, Stopwatch, throughput

_MASK = (1 << 64) - 1


class Decoding:
    """The order references are added up, so that no message can be left out. parser: has `parse_stream`."""

    def __init__(self, opening: Mapping[str, Any], parser: Any) -> None:
        self._operations: int = opening["operations"]
        self._data = b"".join(frames(Path(opening["file"]), self._operations))
        self._parser = parser

    def throughput(self) -> Answer:
        messages = total = 0
        watch = Stopwatch()
        for message in self._parser.parse_stream(self._data):
            messages += 1
            total += getattr(message, "order_reference_number", 0)
        times = watch.stop()
        return throughput(times, {"messages": messages, "reference_sum": total & _MASK}, self._operations)

    def latency(self) -> None:
        return None  # of one message of a stream, which is read ahead


def open_session(opening: Mapping[str, Any]) -> Decoding:
    # else it hands over to itchcpp, which takes part itself
    os.environ["ITCH_NO_CPP"] = "1"
    from itch.parser import MessageParser

    return Decoding(opening, MessageParser())
