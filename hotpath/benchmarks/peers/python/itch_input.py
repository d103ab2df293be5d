"""A file of ITCH 5.0 messages, each after its length (u16 big-endian), worked out into what the peers are fed with."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import islice
from pathlib import Path
from typing import NamedTuple

_ADD = struct.Struct(">x2x2x6xQBI8xI")
_REDUCE = struct.Struct(">x2x2x6xQI")
_DELETE = struct.Struct(">x2x2x6xQ")
_REPLACE = struct.Struct(">x2x2x6xQQII")
_BUY = ord("B")


class Action(IntEnum):
    ADD = 1
    UPDATE = 2  # fewer shares, same place
    DELETE = 3


class Change(NamedTuple):
    """Of one order in a book; a replace is two of them. shares: what it has afterwards, of a deleted one before."""

    action: Action
    reference: int
    is_buy: bool
    price: int  # Price(4)
    shares: int


class LevelChange(NamedTuple):
    """Shares at one price afterwards, 0: the level is gone."""

    is_buy: bool
    price: int
    shares: int


def each_frame(file: Path) -> Iterator[bytes]:
    """Messages with their length before them. Raises ValueError when one is cut off."""
    data = file.read_bytes()
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data):
            raise ValueError(f"{file}: the message at byte {at} is cut off")
        yield data[at:end]
        at = end


def frames(file: Path, count: int | None = None) -> list[bytes]:
    """count of them or all. Raises ValueError when there are fewer."""
    found = list(islice(each_frame(file), count))
    if count is not None and len(found) < count:
        raise ValueError(f"{file}: {len(found)} messages, expected {count}")
    return found


@dataclass
class Orders:
    """Open orders, kept for peers that must be told what ITCH says only once. unknown: messages about others."""

    unknown: int = 0
    _open: dict[int, tuple[bool, int, int]] = field(default_factory=dict)

    def changes(self, message: bytes) -> tuple[Change, ...]:
        """What one message (without length) does to the book."""
        match message[0:1]:
            case b"A" | b"F":
                reference, side, shares, price = _ADD.unpack_from(message)
                return (self._add(reference, side == _BUY, price, shares),)
            case b"E" | b"C" | b"X":
                reference, shares = _REDUCE.unpack_from(message)
                return self._reduce(reference, shares)
            case b"D":
                (reference,) = _DELETE.unpack_from(message)
                return self._delete(reference)
            case b"U":
                reference, new_reference, shares, price = _REPLACE.unpack_from(message)
                deleted = self._delete(reference)
                if not deleted:
                    return ()
                return (*deleted, self._add(new_reference, deleted[0].is_buy, price, shares))
        return ()

    def _add(self, reference: int, is_buy: bool, price: int, shares: int) -> Change:
        self._open[reference] = (is_buy, price, shares)
        return Change(Action.ADD, reference, is_buy, price, shares)

    def _reduce(self, reference: int, shares: int) -> tuple[Change, ...]:
        known = self._open.get(reference)
        if known is None or known[2] <= shares:
            return self._delete(reference)
        is_buy, price, before = known
        self._open[reference] = (is_buy, price, before - shares)
        return (Change(Action.UPDATE, reference, is_buy, price, before - shares),)

    def _delete(self, reference: int) -> tuple[Change, ...]:
        known = self._open.pop(reference, None)
        if known is None:
            self.unknown += 1
            return ()
        is_buy, price, shares = known
        return (Change(Action.DELETE, reference, is_buy, price, shares),)


def order_changes(messages: Iterable[bytes], orders: Orders) -> list[Change]:
    return [change for message in messages for change in orders.changes(message[2:])]


def level_changes(changes: Iterable[Change]) -> Iterator[LevelChange]:
    """The same as a feed of price levels."""
    levels: dict[tuple[bool, int], int] = {}
    orders: dict[int, int] = {}
    for action, reference, is_buy, price, shares in changes:
        before = orders.pop(reference, 0)
        after = 0 if action is Action.DELETE else shares
        if after:
            orders[reference] = after
        total = levels.get((is_buy, price), 0) + after - before
        levels[(is_buy, price)] = total
        yield LevelChange(is_buy, price, total)


def top_of_book(bid: tuple[int, int] | None, ask: tuple[int, int] | None) -> Mapping[str, int]:
    """The work's expected counts for one book: (price, shares) of both sides, None = empty."""
    bid, ask = bid or (0, 0), ask or (0, 0)
    return {"bid_prices": bid[0], "bid_shares": bid[1], "ask_prices": ask[0], "ask_shares": ask[1]}
