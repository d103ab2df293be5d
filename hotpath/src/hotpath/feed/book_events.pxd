"""Which book events a stretch of feed messages makes, and what is in them. Where they go is up to a subclass."""
from libc.stdint cimport int64_t, uint32_t, uint64_t

from hotpath.book.limit_order_book cimport TopOfBook
from hotpath.feed.book_builder cimport BookBuilder
from hotpath.ipc.messages cimport BookEvent

cdef class BookEvents:
    """BookEvents(builder): starts stale."""
    cdef BookBuilder builder
    cdef TopOfBook shown                  # top of book of the last event
    cdef uint32_t pending                 # 1 << BookEventKind for each event that waits for room
    cdef uint32_t folded                  # messages since the last event
    cdef bint stale
    cdef uint64_t sequence                # of the last message applied
    cdef int64_t received_ns
    cdef uint64_t published

    # After each message; `changes` are BookChange bits.
    cdef void message(self, uint64_t sequence, int64_t received_ns, int changes) noexcept nogil
    # After the last message of a packet: one update for all of them.
    cdef void end_of_packet(self) noexcept nogil
    cdef void set_stale(self, bint stale) noexcept nogil
    cdef void session_reset(self) noexcept nogil
    cdef bint crossed(self) noexcept nogil

    # For the subclass: an event of this kind is due.
    cdef void _emit(self, int kind) noexcept nogil
    # Everything that the event tells.
    cdef void _fill(self, BookEvent* event, int kind, int64_t now_ns) noexcept nogil
    # The event is out.
    cdef void _sent(self, int kind) noexcept nogil
