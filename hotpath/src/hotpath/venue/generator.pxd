from libc.stdint cimport int32_t, int64_t, uint64_t

from hotpath.venue.flow cimport FlowRow, FlowSource

cdef enum:
    TARGET_ORDERS = 400          # live orders the book is drawn to
    MAX_ORDERS = 800             # twice the target, which the model cannot pass

cdef struct LiveOrder:
    uint64_t order_id
    int32_t tick
    int32_t size

# Flat on purpose: the whole state is saved and restored as bytes.
cdef struct GeneratorState:
    uint64_t version
    uint64_t random
    uint64_t produced            # rows generated, the peeked one included
    uint64_t next_order_id
    int64_t time_ns
    int64_t fair_offset          # ticks from the reference price
    int32_t counts[2]            # live orders: bids, asks
    int32_t best[2]              # best tick per side
    int32_t target               # index of the order that `row` is about, unless it adds one
    int32_t reserved
    LiveOrder live[2][MAX_ORDERS]
    FlowRow row                  # the next row, already generated

cdef class GeneratedFlow(FlowSource):
    cdef GeneratorState state
    cdef int64_t tick_size
    cdef int64_t reference_tick
    cdef double mean_gap_ns

    cdef void _generate(self) noexcept nogil
    cdef void _apply(self) noexcept nogil
    cdef void _add(self, int side) noexcept nogil
    cdef void _take(self, int kind, int side, int index, int32_t size) noexcept nogil
    cdef void _execute(self, int side) noexcept nogil
    cdef void _hidden(self) noexcept nogil
    cdef void _remove(self, int side, int index) noexcept nogil
    cdef void _rescan(self, int side) noexcept nogil
