cimport cython
from libc.stdint cimport int64_t, uint8_t, uint64_t

cdef struct ProgressBlock:
    uint64_t magic
    uint64_t position            # rows of the flow applied
    uint64_t started             # the flow was started (matters when it waits for a request)
    int64_t clock_ns             # flow time
    char identity[232]           # flow id and source, NUL padded

@cython.final
cdef class FlowProgress:
    cdef ProgressBlock* block
    cdef readonly bint resumed
    cdef object _map
    cdef uint8_t[::1] _view
