"""GLIMPSE 5.0 snapshot over SoupBinTCP, as a nonblocking state machine that a feed loop polls between packets."""
from libc.stdint cimport int64_t, uint8_t, uint64_t

from hotpath.net.sockets cimport InetAddress
from hotpath.protocols.soupbintcp cimport SoupFramer

cdef enum SnapshotState:
    SNAPSHOT_IDLE = 0
    SNAPSHOT_CONNECTING = 1
    SNAPSHOT_LOGGING_IN = 2
    SNAPSHOT_LOADING = 3
    SNAPSHOT_DONE = 4             # next_sequence is the first live message to apply
    SNAPSHOT_FAILED = 5           # see failure

ctypedef void (*snapshot_callback)(void* context, const uint8_t* message, size_t length) noexcept nogil

cdef class SnapshotClient:
    """SnapshotClient(host, port): `host` a dotted quad. No data for timeout_ns, or a load longer than 10 of them, fails."""
    cdef InetAddress remote
    cdef int fd
    cdef SnapshotState state
    cdef SoupFramer framer
    cdef uint8_t* buffer
    cdef snapshot_callback on_message
    cdef void* context
    cdef int64_t timeout_ns
    cdef int64_t started_ns
    cdef int64_t progress_ns
    cdef int64_t heartbeat_ns
    cdef uint64_t messages                # of this snapshot
    cdef uint64_t next_sequence
    cdef char session[10]                 # the session the snapshot server named at login
    cdef const char* failure
    cdef int error_number                 # errno behind the failure, 0 = none

    cdef void start(self, int64_t now_ns) noexcept nogil
    # One bounded step; True when something happened.
    cdef bint poll(self, int64_t now_ns) noexcept nogil
    cdef void stop(self) noexcept nogil
    # For on_message: the content is no good.
    cdef void fail(self, const char* reason) noexcept nogil
    cdef bint _fail(self, const char* reason, int error_number) noexcept nogil
    cdef bint _connected(self, int64_t now_ns) noexcept nogil
    cdef bint _take_packets(self) noexcept nogil
