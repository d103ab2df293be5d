"""Reads what the roles leave in shared memory: status blocks, latency histograms, the router's position."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hotpath.ipc.histogram import HistogramReader, HistogramSnapshot
from hotpath.ipc.segment import SegmentError
from hotpath.ipc.seqlock import SeqlockReader
from hotpath.ipc.status import RoleStatus, StatusReader

# struct PositionBlock of hotpath/ipc/messages.pxd; a test compares the two
POSITION_LAYOUT: Final = struct.Struct("<QIHH8q48x")


@dataclass(frozen=True)
class Position:
    """The router's own account of the instrument: shares, and Price(4) x shares."""

    sequence: int
    epoch: int
    position: int
    bought: int
    sold: int
    bought_notional: int
    sold_notional: int
    open_buy: int
    open_sell: int
    open_orders: int


class Observer:
    """Attaches lazily and again whenever a role was restarted. What cannot be read is absent, never guessed."""

    def __init__(self, shm_prefix: str, roles: Sequence[str]) -> None:
        self._prefix = shm_prefix
        self.roles = tuple(roles)
        self._status: dict[str, StatusReader] = {}
        self._latency: dict[str, HistogramReader] = {}
        self._position: SeqlockReader | None = None

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

    def position(self) -> Position | None:
        """The router's position block, or None when there is none."""
        try:
            if self._position is None:
                self._position = SeqlockReader(self._prefix, "position", POSITION_LAYOUT.size)
            self._position.reattach()
            data = self._position.read_bytes()
        except SegmentError:
            self._position = None
            return None
        if data is None:
            return None
        sequence, epoch, _, _, *rest = POSITION_LAYOUT.unpack(data)
        return Position(sequence, epoch, *rest)

    def router_epoch(self) -> int | None:
        """The fencing epoch of the running router, None when none runs."""
        status = self.status("order-router")
        return status["epoch"] if status is not None and status["alive"] else None
