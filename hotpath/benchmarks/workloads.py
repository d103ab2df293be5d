"""The pieces of work, in the order in which they run. Each is made when its turn comes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.contender import Skipped, Work
from benchmarks.native import feed as native_feed
from benchmarks.native.order_flow import OrderFlow
from benchmarks.recorded import Feed, recorded_feed

_FRAME_BYTES = 47  # OUCH Enter Order with an empty appendage
_READ_BACK = 1024
_RING_SLOTS = 1024
# messages per second in open loop: one that every contender can hold, and one for those that need no Python call
_PACE = 10_000
_FAST_PACE = 500_000
_ONE_CPU = "needs two CPUs: two spinning processes on one measure its scheduler"


@dataclass(frozen=True)
class Scale:
    """Sizes of the inputs and number of repeats."""

    commands: int
    messages: int
    frames: int
    round_trips: int
    paced: int
    one_way: int
    repeats: int


FULL = Scale(3_000_000, 5_000_000, 10_000_000, 300_000, 500_000, 5_000_000, 12)
QUICK = Scale(200_000, 300_000, 500_000, 20_000, 100_000, 500_000, 3)

_FLOWS = {
    "A": "9 % GTC, 3 % IOC, 6 % cancel, 82 % move",
    "B": "50 % new (5 % crossing), 50 % cancel",
}


class Workloads:
    """Makes work; the synthetic feed is generated once for decoding and for building."""

    def __init__(self, scale: Scale, recorded: Path | None, cpus: int) -> None:
        self._scale = scale
        self._recorded_file = recorded
        self._cpus = cpus
        self._synthetic: Feed | None = None
        self._recorded: Feed | None = None

    def makers(self) -> Mapping[str, Callable[[], Work | Skipped]]:
        return {
            "matching-a": lambda: self._matching("A"),
            "matching-b": lambda: self._matching("B"),
            "book-synthetic": lambda: self._book("book-synthetic", self._synthetic_feed(), "synthetic"),
            "book-recorded": self._book_recorded,
            "itch-decode": self._decoding,
            "ouch-encode": self._order_entry,
            "ring-round-trip": lambda: self._ring_latency("ring-round-trip", self._scale.round_trips, 0),
            "ring-open-loop": lambda: self._ring_latency("ring-open-loop", self._scale.paced // 50, _PACE),
            "ring-open-loop-fast": lambda: self._ring_latency("ring-open-loop-fast", self._scale.paced, _FAST_PACE),
            "ring-one-way": self._ring_one_way,
        }

    def _matching(self, mix: str) -> Work:
        flow = OrderFlow(mix, self._scale.commands)
        return Work(
            f"matching-{mix.lower()}",
            f"matching, flow {mix}: {_FLOWS[mix]}",
            "matching",
            "commands",
            flow.count,
            flow.expected,
            flow,
            flow.statistics,
        )

    def _synthetic_feed(self) -> Feed:
        if self._synthetic is None:
            made = native_feed.SyntheticFeed(self._scale.messages, 10_000)
            self._synthetic = Feed(
                native_feed.SYMBOL, native_feed.LOCATE, made.data, made.messages, made.expected, made.statistics
            )
        return self._synthetic

    def _book(self, name: str, feed: Feed, what: str) -> Work:
        expected = {key: value for key, value in feed.expected.items() if key != "reference_sum"}
        title = f"ITCH bytes to L3 book, {what}"
        return Work(name, title, "book-building", "messages", feed.messages, expected, feed, feed.statistics)

    def _book_recorded(self) -> Work | Skipped:
        file = self._recorded_file
        if file is None or not file.is_file():
            where = "no file was given or found" if file is None else f"{file} is not there"
            return Skipped("book-recorded", "ITCH bytes to L3 book, recorded session", f"{where} (--recorded FILE)")
        if self._recorded is None:
            self._recorded = recorded_feed(file)
        return self._book("book-recorded", self._recorded, f"recorded session {self._recorded.symbol}")

    def _decoding(self) -> Work:
        feed = self._synthetic_feed()
        expected = {key: feed.expected[key] for key in ("messages", "reference_sum")}
        title = "ITCH decode alone, synthetic"
        return Work("itch-decode", title, "decoding", "messages", feed.messages, expected, feed, feed.statistics)

    def _order_entry(self) -> Work:
        count = self._scale.frames
        expected = {"bytes": count * _FRAME_BYTES, "read_back": min(count, _READ_BACK)}
        return Work("ouch-encode", "OUCH Enter Order encode", "order-entry", "messages", count, expected, None)

    def _ring_latency(self, kind: str, count: int, per_second: int) -> Work | Skipped:
        """per_second: when each message is due, whatever became of the earlier ones; 0 = one after the other."""
        group, title = "ring-latency", "ring between processes, 64 B messages, spin: round trip"
        case = f"open loop, {per_second:,}/s from intended start" if per_second else "closed loop"
        if self._cpus < 2:
            return Skipped(kind, title, _ONE_CPU, group, case)
        work = self._ring(kind, title, count, {"per_second": per_second} if per_second else {})
        return replace(work, latency_title="round trip", group=group, case=case)

    def _ring_one_way(self) -> Work | Skipped:
        kind, title = "ring-one-way", "ring between processes, 64 B messages, spin: one way"
        return Skipped(kind, title, _ONE_CPU) if self._cpus < 2 else self._ring(kind, title, self._scale.one_way, {})

    def _ring(self, kind: str, title: str, count: int, more: Mapping[str, int]) -> Work:
        """What Python drives message by message does the first twentieth, unless messages come at a rate."""
        few = count if more else count // 20
        statistics = {"messages": count, "slots": _RING_SLOTS, "message_bytes": 64, **more}
        expected, prefixes = {"messages": count}, {few: {"messages": few}}
        return Work(kind, title, kind, "messages", count, expected, _RING_SLOTS, statistics, prefixes=prefixes)
