"""Reads what the roles leave in shared memory: status blocks, latency histograms, the router's position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hotpath.ipc.histogram import HistogramReader, HistogramSnapshot
from hotpath.ipc.layouts import POSITION_BLOCK_SIZE, PositionBlock, decode_position_block
from hotpath.ipc.segment import SegmentError
from hotpath.ipc.seqlock import SeqlockReader
from hotpath.ipc.status import StatusReader

if TYPE_CHECKING:  # typed dict of the stub, absent from the compiled module
    from hotpath.ipc.status import RoleStatus

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

    def position(self) -> PositionBlock | None:
        """The router's position block, or None when there is none."""
        try:
            if self._position is None:
                self._position = SeqlockReader(self._prefix, "position", POSITION_BLOCK_SIZE)
            self._position.reattach()
            data = self._position.read_bytes()
        except SegmentError:
            self._position = None
            return None
        return decode_position_block(data) if data is not None else None

    def router_epoch(self) -> int | None:
        """The fencing epoch of the running router, None when none runs."""
        status = self.status("order-router")
        return status["epoch"] if status is not None and status["alive"] else None
