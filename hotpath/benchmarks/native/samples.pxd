"""Latency samples of one round, exact to the ns, in memory that is touched before the round."""
cimport cython
from libc.stdint cimport UINT32_MAX, int64_t, uint32_t

@cython.final
cdef class Samples:
    cdef uint32_t* values
    cdef readonly size_t capacity
    cdef readonly size_t count

    # A sample beyond 4.29 s is kept as that; one beyond the capacity is dropped.
    cdef inline void record(self, int64_t ns) noexcept nogil:
        if self.count < self.capacity:
            self.values[self.count] = <uint32_t>min(ns, <int64_t>UINT32_MAX)
            self.count += 1
