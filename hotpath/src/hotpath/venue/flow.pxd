"""One row of other participants' order flow, and the source it comes from (a recorded file or the generator)."""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

cdef enum FlowKind:          # LOBSTER event types
    FLOW_ADD = 1
    FLOW_REDUCE = 2
    FLOW_DELETE = 3
    FLOW_EXECUTE = 4
    FLOW_HIDDEN = 5
    FLOW_CROSS = 6
    FLOW_HALT = 7            # price -1 halt, 0 quotation only, 1 trading resumes

cdef enum FlowFlag:
    FLOW_BEFORE_OPEN = 1     # the source never introduced this order: it rested before the recording starts

cdef struct FlowRow:
    int64_t time_ns          # since midnight, never decreasing
    uint64_t order_id
    int64_t price            # Price(4)
    int32_t size             # shares
    uint8_t kind
    uint8_t side             # 'B' or 'S': side of the order the row is about
    uint8_t flags
    uint8_t reserved

cdef class FlowSource:
    cdef readonly str name              # what status and logs call it
    cdef readonly str symbol            # empty when the source does not say
    cdef readonly uint64_t position     # rows consumed
    cdef readonly int64_t total         # rows in all, -1 = endless
    cdef readonly uint64_t bad_rows     # rows skipped at load

    cdef const FlowRow* peek(self) noexcept nogil     # next row, NULL at the end
    cdef void advance(self) noexcept nogil
