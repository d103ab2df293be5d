"""Reads what the roles leave in shared memory: status blocks, latency histograms, the router's position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from hotpath.ipc.histogram import HistogramReader, HistogramSnapshot
from hotpath.ipc.layouts import (
    BOOK_EVENT_SIZE,
    POSITION_BLOCK_SIZE,
    PositionBlock,
    decode_book_event,
    decode_position_block,
)
from hotpath.ipc.ring import RingGauge
from hotpath.ipc.segment import SegmentError, WrongInstrument
from hotpath.ipc.seqlock import SeqlockReader
from hotpath.ipc.status import StatusReader

if TYPE_CHECKING:  # typed dict of the stub, absent from the compiled module
    from hotpath.ipc.status import RoleStatus


RINGS: Final = ("ring.book", "ring.intents", "ring.orders")


class RingFill(NamedTuple):
    """Messages that wait in a ring, and how many it can hold."""

    unread: int
    capacity: int


class Observer:
    """Attaches lazily and again whenever a role was restarted. What cannot be read is absent, never guessed."""

    def __init__(self, shm_prefix: str, roles: Sequence[str], symbol: str) -> None:
        self._prefix = shm_prefix
        self._symbol = symbol
        self._strangers: dict[str, str] = {}  # block about another instrument -> what is wrong
        self.roles = tuple(roles)
        self._status: dict[str, StatusReader] = {}
        self._latency: dict[str, HistogramReader] = {}
        self._rings: dict[str, RingGauge] = {}
        self._position: SeqlockReader | None = None
        self._top: SeqlockReader | None = None

    def status(self, role: str) -> RoleStatus | None:
        """The role's block, or None when there is none that can be read."""
        try:
            reader = self._status.get(role)
            if reader is None:
                reader = self._status[role] = StatusReader(self._prefix, role)
            reader.reattach()
            return reader.read()
        except SegmentError:
            self._status.pop(role, None)
            return None

    def latency(self, role: str) -> dict[str, HistogramSnapshot]:
        """Every stage of the role, by name."""
        try:
            reader = self._latency.get(role)
            if reader is None:
                reader = self._latency[role] = HistogramReader(self._prefix, f"latency.{role}")
            reader.reattach()
            return reader.snapshots()
        except SegmentError:
            self._latency.pop(role, None)
            return {}

    def rings(self) -> dict[str, RingFill]:
        """How full each ring is, by name without the prefix `ring.`."""
        found = {}
        for name in RINGS:
            try:
                gauge = self._rings.get(name)
                if gauge is None:
                    gauge = self._rings[name] = RingGauge(self._prefix, name)
                gauge.reattach()
                found[name.removeprefix("ring.")] = RingFill(gauge.unread, gauge.capacity)
            except SegmentError:
                self._rings.pop(name, None)
        return found

    def position(self) -> PositionBlock | None:
        """The router's position block, or None when there is none."""
        self._position, data = self._block(self._position, "position", POSITION_BLOCK_SIZE)
        return decode_position_block(data) if data is not None else None

    def mark(self) -> int | None:
        """Mid of the last top of book, else the last trade, Price(4); None when there is neither."""
        self._top, data = self._block(self._top, "top", BOOK_EVENT_SIZE)
        if data is None:
            return None
        top = decode_book_event(data)
        if top.bid_price and top.ask_price:
            return (top.bid_price + top.ask_price) // 2
        return top.last_price or None

    def _block(self, reader: SeqlockReader | None, name: str, size: int) -> tuple[SeqlockReader | None, bytes | None]:
        try:
            reader = reader or SeqlockReader(self._prefix, name, size, self._symbol)
            reader.reattach()
            self._strangers.pop(name, None)
            return reader, reader.read_bytes()
        except WrongInstrument as error:
            self._strangers[name] = str(error)
        except SegmentError:
            self._strangers.pop(name, None)
        return None, None

    def instrument_problem(self) -> str:
        """Which of the blocks is about another instrument; "" when none is."""
        self.position()
        self.mark()
        return "; ".join(self._strangers.values())

    def router_epoch(self) -> int | None:
        """The fencing epoch of the running router, None when none runs."""
        status = self.status("order-router")
        return status["epoch"] if status is not None and status["alive"] else None
