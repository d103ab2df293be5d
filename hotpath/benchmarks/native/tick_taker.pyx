"""The strategy of the tick-to-order benchmark: one IOC buy for each improvement of the best bid.

At the best offer's price, with as many shares as the best bid has: by those the venue knows which message it answers.
Every order's times (CLOCK_MONOTONIC, ns) go to a file that the benchmark reads: packet received, book event published,
callback begun; at the trigger's number.
"""
from libc.stdint cimport int64_t

from hotpath.ipc.messages cimport BookEvent
from hotpath.strategy.base cimport TIF_IOC, Strategy

import mmap
from pathlib import Path

import msgspec

cdef enum:
    STAMPS = 3


class TickTakerParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """stamps: file of STAMPS int64 per number, made by the benchmark."""

    stamps: str


cdef class TickTaker(Strategy):
    Parameters = TickTakerParameters
    cdef int64_t bid_price
    cdef int64_t[::1] stamps
    cdef int64_t numbers

    def setup(self):
        with Path(self.parameters.stamps).open("r+b") as file:
            self.stamps = memoryview(mmap.mmap(file.fileno(), 0)).cast("q")
        self.numbers = self.stamps.shape[0] // STAMPS

    cdef void on_book(self, const BookEvent* event) noexcept nogil:
        cdef int64_t before = self.bid_price
        cdef int64_t at
        self.bid_price = event.bid_price
        if event.bid_price <= before or before == 0 or not self.can_quote():
            return
        if self.buy(event.ask_price, event.bid_shares, False, TIF_IOC) and event.bid_shares < self.numbers:
            at = event.bid_shares * STAMPS
            self.stamps[at] = event.received_ns
            self.stamps[at + 1] = event.published_ns
            self.stamps[at + 2] = self.now_ns
