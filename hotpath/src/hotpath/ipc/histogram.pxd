"""Log-linear latency histograms in shared memory: values in ns, one writer thread, any number of readers."""
cimport cython
from libc.stdint cimport int64_t, uint64_t

from hotpath.ipc.atomics cimport highest_bit_u64, load_relaxed_u64, store_relaxed_i64, store_relaxed_u64, store_release_u64
from hotpath.ipc.segment cimport Segment

cdef enum:
    HISTOGRAM_SUB_BITS = 7        # 128 linear buckets per power of two: a bucket is at most 1/128 of its value wide
    HISTOGRAM_MAX_BITS = 40       # values from 2^40 ns (18 min) on are counted in the last bucket and as overflow
    HISTOGRAM_BUCKETS = 4352      # (MAX_BITS - SUB_BITS + 1) << SUB_BITS
    HISTOGRAM_NAME_SIZE = 40
    HISTOGRAM_MAX_COUNT = 64      # histograms per segment

cdef struct HistogramBlock:
    char name[40]
    uint64_t negative             # values below 0: counted here only
    uint64_t overflow             # values of 2^40 or more: also in the last bucket
    uint64_t sum
    int64_t minimum               # of what was recorded; INT64_MAX when nothing was
    int64_t maximum               # -1 when nothing was
    char reserved[48]
    uint64_t counts[4352]

cdef inline int histogram_bucket(uint64_t value) noexcept nogil:
    cdef int shift
    if value < (1 << HISTOGRAM_SUB_BITS):
        return <int>value
    if value >> HISTOGRAM_MAX_BITS:
        return HISTOGRAM_BUCKETS - 1
    shift = highest_bit_u64(value) - HISTOGRAM_SUB_BITS
    return (shift << HISTOGRAM_SUB_BITS) + <int>(value >> shift)

@cython.final
cdef class HistogramWriter:
    """HistogramWriter(shm_prefix, name, names, epoch): index of a histogram = its place in names."""
    cdef readonly Segment segment
    cdef readonly tuple names
    cdef HistogramBlock *_blocks
    cdef int _count

    # Adds one latency; index out of range is ignored.
    cdef inline void record(self, int index, int64_t ns) noexcept nogil:
        cdef HistogramBlock *block
        cdef uint64_t *slot
        if index < 0 or index >= self._count:
            return
        block = &self._blocks[index]
        if ns < 0:
            store_relaxed_u64(&block.negative, block.negative + 1)
            return
        if ns >> HISTOGRAM_MAX_BITS:
            store_relaxed_u64(&block.overflow, block.overflow + 1)
        if ns > block.maximum:
            store_relaxed_i64(&block.maximum, ns)
        if ns < block.minimum:
            store_relaxed_i64(&block.minimum, ns)
        store_relaxed_u64(&block.sum, block.sum + <uint64_t>ns)
        slot = &block.counts[histogram_bucket(<uint64_t>ns)]
        store_release_u64(slot, load_relaxed_u64(slot) + 1)  # last: whoever sees the count sees the extremes

    cdef inline void heartbeat(self, int64_t now_ns) noexcept nogil:
        self.segment.heartbeat(now_ns)

    cdef void mark_closed(self) noexcept nogil

@cython.final
cdef class HistogramSnapshot:
    """A copy of one histogram, or the difference or sum of several."""
    cdef readonly uint64_t instance       # of the segment it was read from; 0 = merged
    cdef readonly str name
    cdef readonly uint64_t count
    cdef readonly uint64_t sum
    cdef readonly uint64_t negative
    cdef readonly uint64_t overflow
    cdef int64_t _minimum
    cdef int64_t _maximum
    cdef uint64_t _counts[4352]

@cython.final
cdef class HistogramReader:
    """HistogramReader(shm_prefix, name): attaches to the segment that is there."""
    cdef readonly Segment segment
    cdef readonly str shm_prefix
    cdef readonly str name
    cdef readonly tuple names
    cdef HistogramBlock *_blocks

    cdef object _bind(self, Segment segment)
