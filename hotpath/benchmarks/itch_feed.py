"""Feeds that books are built from, with what a correct book must come to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Feed:
    """Bytes as in an ITCH day file: each message after its length, u16 big-endian.

    symbols: stock locate → symbol; peak_orders: most orders resting at once, over all symbols. prefixes: what is
    expected after the first messages only, by their number.
    """

    symbols: Mapping[int, str]
    data: bytes
    messages: int
    peak_orders: int
    expected: Mapping[str, int]
    statistics: Mapping[str, int | float]
    prefixes: Mapping[int, Mapping[str, int]] = field(default_factory=dict)


def synthetic_feed(messages: int, symbols: int, resting: int, prefixes: tuple[int, ...] = ()) -> Feed:
    """About `resting` orders over all symbols. Raises ValueError for sizes out of range."""
    # compiled, so not there for whoever only reads a feed
    from benchmarks.native.itch_day import ItchDay

    day = ItchDay(messages, symbols, resting)
    # a shorter day has the same messages, but for the last one: the end of the session
    shorter = {count: ItchDay(count + 1, symbols, resting).expected for count in prefixes if count < messages}
    return Feed(
        day.symbols,
        day.data,
        day.messages,
        day.peak_orders,
        day.expected,
        day.statistics,
        {count: {**expected, "messages": count} for count, expected in shorter.items()},
    )


def messages(data: bytes) -> Iterator[bytes]:
    """Each message of a day file's bytes, without its length."""
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        yield data[at + 2 : at + 2 + length]
        at += 2 + length
