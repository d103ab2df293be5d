"""The pieces of work, in the order in which they run. Each is made when its turn comes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.contender import Skipped, Work
from benchmarks.itch_feed import Feed, synthetic_feed
from benchmarks.native.book_scale import ScaleFlow
from benchmarks.native.order_flow import OrderFlow
from benchmarks.native.tick_flow import MESSAGES_PER_TRIGGER
from benchmarks.recorded import recorded_feed
from benchmarks.recovery import book_works, role_works
from benchmarks.tick_to_order.session import Offered

_FRAME_BYTES = 47  # OUCH Enter Order with an empty appendage
_READ_BACK = 1024
_RING_SLOTS = 1024
_ISOLATION_RATE = 10_000
_WARM_UP_SHARE = 0.1  # of a tick-to-order round, before its measured stretch
# messages per second in open loop: one that every contender can hold, and one for those that need no Python call
_PACE = 10_000
_FAST_PACE = 500_000
_ONE_CPU = "needs two CPUs: two spinning processes on one measure its scheduler"
# first commands, for what takes microseconds for each
SHORT_FLOWS = (20_000, 100_000)


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
    paced: int
    one_way: int
    recovered_orders: int
    recovered_rows: int
    repeats: int
    flow_s: float  # measured stretch of a tick-to-order round
    rates: tuple[int, ...]  # tick to order, messages a second


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
    paced=500_000,
    one_way=5_000_000,
    recovered_orders=1_000_000,
    recovered_rows=50_000,
    repeats=12,
    flow_s=2.0,
    rates=(1_000, 10_000, 50_000, 100_000, 200_000),
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
    paced=100_000,
    one_way=500_000,
    recovered_orders=100_000,
    recovered_rows=2_000,
    repeats=3,
    flow_s=0.3,
    rates=(10_000, 100_000),
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
            "ring-round-trip": lambda: self._ring_latency("ring-round-trip", self._scale.round_trips, 0),
            "ring-open-loop": lambda: self._ring_latency("ring-open-loop", self._scale.paced // 50, _PACE),
            "ring-open-loop-fast": lambda: self._ring_latency("ring-open-loop-fast", self._scale.paced, _FAST_PACE),
            "ring-one-way": self._ring_one_way,
            **{f"tick-to-order-{rate // 1000}k": partial(self._tick_to_order, rate) for rate in self._scale.rates},
            "isolation": self._isolation,
            **book_works(self._scale.recovered_orders),
            **role_works(self._scale.recovered_rows),
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
            prefixes={count: OrderFlow(mix, count).expected for count in SHORT_FLOWS if count < flow.count},
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

    def _tick_to_order(self, rate: int) -> Work | Skipped:
        name, title = f"tick-to-order-{rate // 1000}k", "tick to order: UDP in, TCP out"
        return self._open_loop(name, title, "tick-to-order", rate, "tick-to-order", f"{rate // 1000} k messages/s")

    def _isolation(self) -> Work | Skipped:
        title = f"isolation: tick to order at {_ISOLATION_RATE // 1000} k messages/s, pinned or as a Guaranteed pod"
        return self._open_loop("isolation", title, "isolation", _ISOLATION_RATE)

    def _open_loop(
        self, name: str, title: str, kind: str, rate: int, group: str = "", case: str = ""
    ) -> Work | Skipped:
        if self._cpus < 2:
            return Skipped(name, title, "needs two CPUs: a spinning venue and a spinning engine", group, case)
        # whole cycles, so that each round begins with a trigger
        warm_up, measured = (
            int(seconds * rate) // MESSAGES_PER_TRIGGER * MESSAGES_PER_TRIGGER
            for seconds in (self._scale.flow_s * _WARM_UP_SHARE, self._scale.flow_s)
        )
        return Work(
            name,
            title,
            kind,
            "messages",
            measured,
            {"wrong": 0, "strangers": 0},
            Offered(rate, warm_up, measured),
            {"messages_per_second": rate, "messages": measured, "orders": measured // MESSAGES_PER_TRIGGER},
            "message due at the venue to its order read there, open loop",
            group,
            case,
        )


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
