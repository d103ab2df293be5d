from libc.stdint cimport int64_t, uint64_t

from hotpath.venue.flow cimport FlowRow, FlowSource

cdef class RecordedFlow(FlowSource):
    cdef FlowRow* rows
    cdef uint64_t count
    cdef readonly int64_t first_time_ns
    cdef readonly int64_t last_time_ns
