"""The pieces of work, in the order in which they run. Each is made when its turn comes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.contender import Skipped, Work
from benchmarks.native import feed as native_feed
from benchmarks.native.book_scale import ScaleFlow
from benchmarks.native.order_flow import OrderFlow
from benchmarks.recorded import Feed, recorded_feed

_FRAME_BYTES = 47  # OUCH Enter Order with an empty appendage
_READ_BACK = 1024
_RING_SLOTS = 1024


@dataclass(frozen=True)
class Scale:
    """Sizes of the inputs and number of repeats."""

    commands: int
    messages: int
    scale_messages: int
    frames: int
    round_trips: int
    one_way: int
    repeats: int


FULL = Scale(3_000_000, 5_000_000, 2_000_000, 10_000_000, 300_000, 5_000_000, 12)
QUICK = Scale(200_000, 300_000, 200_000, 500_000, 20_000, 500_000, 3)

_BOOK_SIZES = {"10k": 10_000, "100k": 100_000, "1m": 1_000_000, "2m": 2_000_000}
# which order a message names: in markets mostly a young one; any with the same chance is the worst case
_BOOK_AGES = {"young": "log-uniform", "any": "uniform"}

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
            **{
                f"book-scale-{age}-{size}": partial(self._book_scale, age, size)
                for age in _BOOK_AGES
                for size in _BOOK_SIZES
            },
            "itch-decode": self._decoding,
            "ouch-encode": self._order_entry,
            "ring-round-trip": lambda: self._ring("ring-round-trip", self._scale.round_trips),
            "ring-one-way": lambda: self._ring("ring-one-way", self._scale.one_way),
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

    def _book_scale(self, age: str, size: str) -> Work:
        flow = ScaleFlow(_BOOK_SIZES[size], self._scale.scale_messages, _BOOK_AGES[age])
        return Work(
            f"book-scale-{age}-{size}",
            f"L3 book by number of resting orders; age of the order that a message names: {flow.ages}",
            "book-scale",
            "messages",
            flow.count,
            flow.expected,
            flow,
            flow.statistics,
            group=f"book-scale-{age}",
            case=f"{flow.orders:,} orders",
        )

    def _decoding(self) -> Work:
        feed = self._synthetic_feed()
        expected = {key: feed.expected[key] for key in ("messages", "reference_sum")}
        title = "ITCH decode alone, synthetic"
        return Work("itch-decode", title, "decoding", "messages", feed.messages, expected, feed, feed.statistics)

    def _order_entry(self) -> Work:
        count = self._scale.frames
        expected = {"bytes": count * _FRAME_BYTES, "read_back": min(count, _READ_BACK)}
        return Work("ouch-encode", "OUCH Enter Order encode", "order-entry", "messages", count, expected, None)

    def _ring(self, kind: str, count: int) -> Work | Skipped:
        title = {
            "ring-round-trip": "ring between processes, 64 B, spin, round trip in closed loop",
            "ring-one-way": "ring between processes, 64 B, spin, one way",
        }[kind]
        if self._cpus < 2:
            return Skipped(kind, title, "needs two CPUs: two spinning processes on one measure its scheduler")
        statistics = {"messages": count, "slots": _RING_SLOTS, "slot_bytes": 64}
        latency = "round trip"
        return Work(kind, title, kind, "messages", count, {"messages": count}, _RING_SLOTS, statistics, latency)
