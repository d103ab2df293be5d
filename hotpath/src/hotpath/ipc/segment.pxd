"""Shared-memory segments: /dev/shm/<prefix>.<name>, one header, one producer process."""
cimport cython
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from hotpath.ipc.atomics cimport load_acquire_u32, store_release_i64

cdef enum:
    SEGMENT_VERSION = 3
    SEGMENT_DATA_OFFSET = 4096    # data starts on its own page; the control lines of each kind lie below it

cdef enum SegmentKind:
    KIND_RING = 1
    KIND_SEQLOCK = 2
    KIND_HISTOGRAM = 3
    KIND_STATUS = 4

cdef enum SegmentState:
    SEGMENT_INIT = 0
    SEGMENT_LIVE = 1
    SEGMENT_CLOSED = 2
    SEGMENT_SUPERSEDED = 3

cdef enum ProducerStateCode:
    PRODUCER_ALIVE = 1
    PRODUCER_SILENT = 2           # process runs, heartbeat older than silent_after_ns
    PRODUCER_DEAD = 3             # process gone, a zombie, or its pid now belongs to another one
    PRODUCER_CLOSED = 4
    PRODUCER_SUPERSEDED = 5

# First 256 bytes of every segment. The first two lines never change after the rename that makes it visible.
cdef struct SegmentHeader:
    uint64_t magic
    uint32_t version
    uint32_t kind
    uint32_t slot_size
    uint32_t data_offset
    uint64_t capacity
    uint64_t size                 # of the whole file, bytes
    uint64_t instance             # CLOCK_MONOTONIC ns at creation: tells a segment from its successor
    int64_t created_wall_ns
    uint64_t producer_start       # clock ticks after boot, /proc/PID/stat field 22
    int32_t producer_pid
    uint32_t epoch
    char symbol[8]                # instrument it is about, padded with spaces; blank = about none
    char reserved0[48]
    # written by the producer
    int64_t heartbeat_ns          # CLOCK_MONOTONIC
    char reserved1[56]
    uint32_t state
    char reserved2[60]

cdef class Segment

# 1 = that very process runs, 0 = gone, a zombie, or another process has the pid. Costs a few us (reads /proc).
cdef bint process_alive(int32_t pid, uint64_t start_ticks) noexcept nogil
# The same from the low 32 bits of the start time.
cdef bint process_alive_short(int32_t pid, uint32_t start_ticks) noexcept nogil
cdef uint64_t own_start_ticks() noexcept nogil

# For the other modules of this package. create -> name_instrument -> fill in the control area -> publish.
cdef Segment create_segment(
    str shm_prefix, str name, uint32_t kind, uint32_t slot_size, uint64_t capacity, size_t size, uint32_t epoch
)
cdef name_instrument(Segment segment, str symbol)
cdef publish_segment(Segment segment)
cdef Segment attach_segment(str shm_prefix, str name, uint32_t kind, uint32_t slot_size, bint writable)
cdef Segment attach_successor(Segment segment, str shm_prefix, str name, uint32_t kind, uint32_t slot_size, bint writable)
# Raises WrongInstrument unless the segment is about that symbol ("" = about none).
cdef require_instrument(Segment segment, str symbol)

@cython.final
cdef class Segment:
    """One mapped segment; unmapped when the object goes away."""
    cdef char *base
    cdef size_t size
    cdef SegmentHeader *header
    cdef readonly str path
    cdef readonly bint owner              # this object created it
    cdef readonly uint64_t device
    cdef readonly uint64_t inode
    cdef public int64_t silent_after_ns   # default 1 s
    cdef public int64_t probe_interval_ns # /proc is read at most once per this; default 20 ms
    cdef int64_t _probed_ns
    cdef bint _probed_alive

    cdef inline void heartbeat(self, int64_t now_ns) noexcept nogil:
        store_release_i64(&self.header.heartbeat_ns, now_ns)

    cdef inline uint32_t state(self) noexcept nogil:
        return load_acquire_u32(&self.header.state)

    cdef inline bint superseded(self) noexcept nogil:
        return load_acquire_u32(&self.header.state) == SEGMENT_SUPERSEDED

    # One of ProducerStateCode. now_ns = monotonic_ns().
    cdef int producer_state(self, int64_t now_ns) noexcept nogil
    cdef void mark_closed(self) noexcept nogil
