"""The feed handler's loop: sockets, line arbitration, snapshot recovery, book, publication."""
from libc.stdint cimport int64_t, uint64_t

from hotpath.feed.arbitrator cimport Arbitrator
from hotpath.feed.book_builder cimport BookBuilder
from hotpath.feed.book_publisher cimport BookPublisher
from hotpath.feed.snapshot_client cimport SnapshotClient
from hotpath.ipc.histogram cimport HistogramWriter
from hotpath.ipc.idle cimport IdleStrategy
from hotpath.ipc.ring cimport RingProducer
from hotpath.ipc.seqlock cimport SeqlockWriter
from hotpath.ipc.status cimport StatusWriter
from hotpath.net.sockets cimport DatagramReceiver, InetAddress

cdef enum StaleReason:
    STALE_NOT = 0
    STALE_NO_SESSION = 1
    STALE_SNAPSHOT = 2
    STALE_GAP = 3
    STALE_SILENT = 4
    STALE_INSTRUMENT = 5          # the stock directory has not confirmed that this is our book, or denies it

cdef class FeedHandler:
    cdef object config
    cdef Arbitrator arbitrator
    cdef BookBuilder builder
    cdef BookPublisher publisher
    cdef SnapshotClient snapshot
    cdef RingProducer ring
    cdef SeqlockWriter top
    cdef HistogramWriter histogram
    cdef readonly StatusWriter status
    cdef IdleStrategy idle
    cdef DatagramReceiver receiver_a
    cdef DatagramReceiver receiver_b
    cdef DatagramReceiver receiver_answers
    cdef int fds[3]                       # line A, line B, re-request
    cdef int line_count
    cdef InetAddress rerequest
    cdef readonly list receive_buffers    # bytes the kernel granted per line
    cdef int64_t heard_ns[2]              # last packet of each line
    cdef int64_t silence_ns
    cdef int64_t housekept_ns
    cdef int64_t top_written_ns
    cdef int64_t snapshot_not_before_ns
    cdef int64_t snapshot_backoff_ns
    cdef StaleReason stale_reason
    cdef bint stopping
    cdef uint64_t strangers               # packets on the re-request socket from someone else
    cdef uint64_t socket_errors
    cdef uint64_t send_failures
    cdef uint64_t snapshots_started
    cdef uint64_t snapshots_loaded
    cdef uint64_t snapshots_failed

    cdef bint step(self) noexcept nogil
    cdef void run_until(self, int64_t deadline_ns) noexcept nogil
    cdef bint _drain(self, int source, DatagramReceiver receiver) noexcept nogil
    cdef void _request(self, int64_t now_ns) noexcept nogil
    cdef bint _recover(self, int64_t now_ns) noexcept nogil
    cdef void _back_off(self, int64_t now_ns) noexcept nogil
    cdef void _judge(self, int64_t now_ns) noexcept nogil
    cdef void _take(self, uint64_t sequence, const unsigned char* message, size_t length, int64_t received_ns) noexcept nogil
    cdef void _take_snapshot_message(self, const unsigned char* message, size_t length) noexcept nogil
    cdef void _new_session(self) noexcept nogil
