"""What stands between the parts in one process instead of sockets and rings: the same bytes, later in simulated time."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t

from hotpath.backtest.timed_queue cimport TimedQueue
from hotpath.feed.book_builder cimport BookBuilder
from hotpath.feed.book_events cimport BookEvents
from hotpath.venue.client_account cimport MessageSink
from hotpath.venue.market_data cimport PacketSink

cdef enum:
    WIRE_BYTES = 128              # more than any OUCH message

# One OUCH message on its way.
cdef struct WireMessage:
    uint16_t length
    uint8_t data[128]

cdef class SimulatedClock:
    cdef int64_t now_ns

cdef class DelayedBookEvents(BookEvents):
    """Book events into a queue, due when their packet arrives."""
    cdef TimedQueue queue
    cdef int64_t lost                     # no room in the queue

cdef class FeedLink(PacketSink):
    """Packets of the venue into a book, `latency_ns` later."""
    cdef SimulatedClock clock
    cdef BookBuilder builder
    cdef DelayedBookEvents events
    cdef int64_t latency_ns
    cdef uint64_t faults                  # packets or messages that do not fit: a defect

cdef class AccountLink(MessageSink):
    """The venue's answers into a queue, due `latency_ns` later."""
    cdef SimulatedClock clock
    cdef TimedQueue queue
    cdef int64_t latency_ns
    cdef int64_t lost
