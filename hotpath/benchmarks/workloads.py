"""The pieces of work, in the order in which they run. Each is made when its turn comes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.contender import Skipped, Work
from benchmarks.itch_feed import Feed, synthetic_feed
from benchmarks.native.book_scale import ScaleFlow
from benchmarks.native.order_flow import OrderFlow
from benchmarks.recorded import recorded_feed

_FRAME_BYTES = 47  # OUCH Enter Order with an empty appendage
_READ_BACK = 1024
_RING_SLOTS = 1024


@dataclass(frozen=True)
class Scale:
    """Sizes of the inputs and number of repeats."""

    commands: int
    day_messages: int
    day_symbols: int
    day_orders: int
    decoded_messages: int
    called_messages: int
    symbols_messages: int
    symbols_orders: int
    scale_messages: int
    frames: int
    round_trips: int
    one_way: int
    repeats: int


FULL = Scale(
    commands=3_000_000,
    day_messages=20_000_000,
    day_symbols=500,
    day_orders=250_000,
    decoded_messages=2_000_000,
    called_messages=300_000,
    symbols_messages=3_000_000,
    symbols_orders=100_000,
    scale_messages=2_000_000,
    frames=10_000_000,
    round_trips=300_000,
    one_way=5_000_000,
    repeats=12,
)
QUICK = Scale(
    commands=200_000,
    day_messages=300_000,
    day_symbols=50,
    day_orders=5_000,
    decoded_messages=300_000,
    called_messages=50_000,
    symbols_messages=100_000,
    symbols_orders=10_000,
    scale_messages=200_000,
    frames=500_000,
    round_trips=20_000,
    one_way=500_000,
    repeats=3,
)

_SYMBOLS = (1, 100, 1_000, 8_000)  # of book-symbols
_CALLED_ORDERS = 1_000
_PREFIXES = (300_000, 2_000_000)  # for contenders that would take minutes for all messages
_BOOK_SIZES = {"10k": 10_000, "100k": 100_000, "1m": 1_000_000, "2m": 2_000_000}
# which order a message names: in markets mostly a young one; any with the same chance is the worst case
_BOOK_AGES = {"young": "log-uniform", "any": "uniform"}

_FLOWS = {
    "A": "9 % GTC, 3 % IOC, 6 % cancel, 82 % move",
    "B": "50 % new (5 % crossing), 50 % cancel",
}


class Workloads:
    """Makes work."""

    def __init__(self, scale: Scale, recorded: Path | None, cpus: int) -> None:
        self._scale = scale
        self._recorded_file = recorded
        self._cpus = cpus

    def makers(self) -> Mapping[str, Callable[[], Work | Skipped]]:
        return {
            "matching-a": lambda: self._matching("A"),
            "matching-b": lambda: self._matching("B"),
            "book-day": self._book_day,
            "book-recorded": self._book_recorded,
            "book-per-message": self._book_per_message,
            **{f"book-symbols-{count}": partial(self._book_symbols, count) for count in _SYMBOLS},
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

    def _book_day(self) -> Work:
        scale = self._scale
        feed = synthetic_feed(scale.day_messages, scale.day_symbols, scale.day_orders, _PREFIXES)
        title = f"ITCH bytes to L3 books, synthetic day of {scale.day_symbols} symbols"
        return _book("book-day", title, "book-building", feed)

    def _book_recorded(self) -> Work | Skipped:
        file = self._recorded_file
        if file is None or not file.is_file():
            where = "no file was given or found" if file is None else f"{file} is not there"
            return Skipped("book-recorded", "ITCH bytes to L3 book, recorded session", f"{where} (--recorded FILE)")
        feed = recorded_feed(file)
        (symbol,) = feed.symbols.values()
        return _book("book-recorded", f"ITCH bytes to L3 book, recorded session {symbol}", "book-building", feed)

    def _book_per_message(self) -> Work:
        feed = synthetic_feed(self._scale.called_messages, 1, _CALLED_ORDERS)
        title = "L3 book, one call from Python per message"
        return _book("book-per-message", title, "book-per-message", feed)

    def _book_symbols(self, symbols: int) -> Work:
        feed = synthetic_feed(self._scale.symbols_messages, symbols, self._scale.symbols_orders, _PREFIXES)
        title = "ITCH bytes to L3 books, by number of symbols"
        case = f"{symbols:,} symbol{'' if symbols == 1 else 's'}"
        return _book(f"book-symbols-{symbols}", title, "book-building", feed, "book-symbols", case)

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
        feed = synthetic_feed(
            self._scale.decoded_messages, self._scale.day_symbols, self._scale.day_orders, _PREFIXES[:1]
        )
        return Work(
            "itch-decode",
            "ITCH decode alone, synthetic day",
            "itch-decoding",
            "messages",
            feed.messages,
            _decoded(feed.expected),
            feed,
            feed.statistics,
            prefixes={count: _decoded(expected) for count, expected in feed.prefixes.items()},
        )

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


def _book(name: str, title: str, kind: str, feed: Feed, group: str = "", case: str = "") -> Work:
    return Work(
        name,
        title,
        kind,
        "messages",
        feed.messages,
        _built(feed.expected),
        feed,
        feed.statistics,
        group=group,
        case=case,
        prefixes={count: _built(expected) for count, expected in feed.prefixes.items()},
    )


def _built(expected: Mapping[str, int]) -> dict[str, int]:
    return {key: value for key, value in expected.items() if key != "reference_sum"}


def _decoded(expected: Mapping[str, int]) -> dict[str, int]:
    return {key: expected[key] for key in ("messages", "reference_sum")}
