"""Latency samples and the cost of the timer itself. See samples.pxd."""
from libc.stdint cimport int64_t, uint32_t
from libc.stdlib cimport free, malloc, qsort
from libc.string cimport memset

from benchmarks.contender import QUANTILES
from hotpath.ipc.clock cimport monotonic_ns


cdef int _compare(const void* left, const void* right) noexcept nogil:
    cdef uint32_t a = (<const uint32_t*>left)[0]
    cdef uint32_t b = (<const uint32_t*>right)[0]
    return (a > b) - (a < b)


cdef class Samples:
    def __cinit__(self, size_t capacity):
        self.values = <uint32_t*>malloc(max(capacity, 1) * sizeof(uint32_t))
        if self.values == NULL:
            raise MemoryError(f"no memory for {capacity} latency samples")
        memset(self.values, 0, max(capacity, 1) * sizeof(uint32_t))
        self.capacity = capacity

    def __dealloc__(self):
        free(self.values)

    def clear(self):
        self.count = 0

    def add(self, int64_t ns):
        self.record(ns)

    def percentiles(self):
        """ns at each of QUANTILES (nearest rank); sorts the samples. Raises ValueError when empty."""
        if self.count == 0:
            raise ValueError("no latency was recorded")
        with nogil:
            qsort(self.values, self.count, sizeof(uint32_t), _compare)
        return {name: self.values[min(self.count - 1, int(rank * self.count))] for name, rank in QUANTILES.items()}


def timer_pair(Samples samples not None):
    """Fills the samples with what two clock readings in a row say: the part of every latency that is the timer's."""
    cdef int64_t started
    cdef size_t i
    samples.count = 0
    with nogil:
        for i in range(samples.capacity):
            started = monotonic_ns()
            samples.record(monotonic_ns() - started)
