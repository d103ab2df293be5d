"""Book events into `ring.book` and the `top` block. When the ring is full the newest state waits, and that is counted."""
from libc.stdint cimport int64_t, uint32_t, uint64_t

from hotpath.book.limit_order_book cimport TopOfBook
from hotpath.feed.book_builder cimport BookBuilder
from hotpath.ipc.histogram cimport HistogramWriter
from hotpath.ipc.messages cimport BookEvent
from hotpath.ipc.ring cimport RingProducer
from hotpath.ipc.seqlock cimport SeqlockWriter

cdef class BookPublisher:
    """BookPublisher(builder, ring, top, histogram): starts stale. Latencies go to histogram 0."""
    cdef BookBuilder builder
    cdef RingProducer ring
    cdef SeqlockWriter top
    cdef HistogramWriter histogram
    cdef TopOfBook shown                  # top of book of the last event
    cdef uint32_t pending                 # 1 << BookEventKind for each event that waits for room
    cdef uint32_t folded                  # messages since the last event
    cdef bint stale
    cdef uint64_t sequence                # of the last message applied
    cdef int64_t received_ns
    cdef uint64_t published
    cdef uint64_t conflated               # events merged into a later one because the ring was full

    # After each message; `changes` are BookChange bits.
    cdef void message(self, uint64_t sequence, int64_t received_ns, int changes) noexcept nogil
    # After the last message of a packet: one update for all of them.
    cdef void end_of_packet(self) noexcept nogil
    cdef void set_stale(self, bint stale) noexcept nogil
    cdef void session_reset(self) noexcept nogil
    # Retry what waits for room.
    cdef void flush(self) noexcept nogil
    # Writes the top block; its published_ns tells a reader that the feed handler lives.
    cdef void write_top(self, int64_t now_ns) noexcept nogil
    cdef bint crossed(self) noexcept nogil
    cdef void _emit(self, int kind) noexcept nogil
    cdef void _fill(self, BookEvent* event, int kind, int64_t now_ns) noexcept nogil
