"""How one row of recorded or generated flow acts on the market."""
cimport cython
from libc.stdint cimport int64_t, uint64_t

from hotpath.venue.flow cimport FlowRow
from hotpath.venue.market cimport Market

cdef struct FlowCounters:
    int64_t rows[8]                  # applied, by FlowKind
    int64_t before_open[8]           # about orders the source never introduced, by FlowKind
    int64_t gone[8]                  # about orders that our own trading had already removed, by FlowKind
    int64_t shortened                # reductions or executions larger than what was left
    int64_t refused                  # adds the engine refused (pool full)
    int64_t crossed_shares           # adds that met other recorded orders
    int64_t unfilled_shares          # of executions: nothing was left to hit
    int64_t client_shares            # adds and executions that traded with clients

@cython.final
cdef class FlowRules:
    cdef Market market
    cdef FlowCounters counters

    cdef void apply(self, const FlowRow* row) noexcept nogil
    cdef void _execute(self, const FlowRow* row) noexcept nogil
    cdef void _halt(self, const FlowRow* row) noexcept nogil
