"""One block that one process writes and many read, under a sequence lock: readers never block the writer."""
cimport cython
from libc.stdint cimport int64_t, uint64_t

from hotpath.ipc.atomics cimport load_acquire_u64
from hotpath.ipc.segment cimport Segment

cdef enum:
    SEQLOCK_SEQUENCE_OFFSET = 4096  # own line; the payload follows at the next one
    SEQLOCK_PAYLOAD_OFFSET = 4160
    SEQLOCK_READ_RETRIES = 10000

@cython.final
cdef class SeqlockWriter:
    """SeqlockWriter(shm_prefix, name, payload_size, epoch, initial, symbol): creates the block, supersedes an older one."""
    cdef readonly Segment segment
    cdef uint64_t *_sequence
    cdef uint64_t *_payload
    cdef size_t _words
    cdef uint64_t _next

    # Publishes payload_size bytes. One thread of one process only.
    cdef void write(self, const void *payload) noexcept nogil

    cdef inline void heartbeat(self, int64_t now_ns) noexcept nogil:
        self.segment.heartbeat(now_ns)

    cdef inline bint superseded(self) noexcept nogil:
        return self.segment.superseded()

    cdef void mark_closed(self) noexcept nogil

@cython.final
cdef class SeqlockReader:
    """SeqlockReader(shm_prefix, name, payload_size, symbol): attaches to that instrument's block."""
    cdef readonly Segment segment
    cdef readonly str shm_prefix
    cdef readonly str name
    cdef readonly size_t payload_size
    cdef const uint64_t *_sequence
    cdef const uint64_t *_payload
    cdef size_t _words
    cdef readonly str symbol              # "" = of a block that is about no instrument

    # Copies a consistent payload to out and returns its version (1, 2, ...).
    # 0 = never written, or no consistent copy within SEQLOCK_READ_RETRIES (the writer died inside a write); out is undefined.
    cdef uint64_t read(self, void *out) noexcept nogil

    # Number of completed writes; compare with what read() returned to see whether a re-read is needed. One load.
    cdef inline uint64_t version(self) noexcept nogil:
        return load_acquire_u64(self._sequence) >> 1

    cdef inline bint superseded(self) noexcept nogil:
        return self.segment.superseded()

    cdef inline int writer_state(self, int64_t now_ns) noexcept nogil:
        return self.segment.producer_state(now_ns)

    cdef inline unsigned int epoch(self) noexcept nogil:
        return self.segment.header.epoch

    cdef object _bind(self, Segment segment)
