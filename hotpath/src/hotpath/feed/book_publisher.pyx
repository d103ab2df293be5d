"""Book events into the ring and the top block. See book_publisher.pxd."""
from libc.stdint cimport int64_t, uint32_t, uint64_t

from hotpath.feed.book_builder cimport BookBuilder
from hotpath.feed.book_events cimport BookEvents
from hotpath.ipc.clock cimport monotonic_ns
from hotpath.ipc.histogram cimport HistogramWriter
from hotpath.ipc.messages cimport (
    BOOK_RECOVERED, BOOK_RESET, BOOK_STALE, BOOK_TRADE, BOOK_TRADING_STATE, BOOK_UPDATE, BookEvent,
)
from hotpath.ipc.ring cimport RingProducer
from hotpath.ipc.seqlock cimport SeqlockWriter

# What waits goes out in this order: first what voids, then what informs.
cdef int[6] SEND_ORDER = [BOOK_RESET, BOOK_STALE, BOOK_RECOVERED, BOOK_TRADING_STATE, BOOK_TRADE, BOOK_UPDATE]


cdef class BookPublisher(BookEvents):
    def __init__(self, BookBuilder builder not None, RingProducer ring not None, SeqlockWriter top not None,
                 HistogramWriter histogram not None):
        if ring.slot_size != sizeof(BookEvent):
            raise ValueError(f"ring of {ring.slot_size}-byte slots: BookEvent needs {sizeof(BookEvent)}")
        BookEvents.__init__(self, builder)
        self.ring = ring
        self.top = top
        self.histogram = histogram
        self.write_top(monotonic_ns())

    cdef void _emit(self, int kind) noexcept nogil:
        cdef uint32_t bit = <uint32_t>1 << kind
        cdef uint64_t before = self.published
        cdef int64_t now
        if self.pending & bit:
            self.conflated += 1
        self.pending |= bit
        self.flush()
        now = monotonic_ns()
        self.write_top(now)
        if self.published != before and (kind == BOOK_UPDATE or kind == BOOK_TRADE):
            self.histogram.record(0, now - self.received_ns)

    cdef void flush(self) noexcept nogil:
        cdef int i, kind
        cdef BookEvent* event
        if self.pending == 0:
            return
        for i in range(6):
            kind = SEND_ORDER[i]
            if not self.pending & (<uint32_t>1 << kind):
                continue
            event = <BookEvent*>self.ring.claim()
            if event == NULL:
                return
            self._fill(event, kind, monotonic_ns())
            self.ring.publish()
            self._sent(kind)

    cdef void write_top(self, int64_t now_ns) noexcept nogil:
        cdef BookEvent event
        self._fill(&event, BOOK_STALE if self.stale else BOOK_UPDATE, now_ns)
        self.top.write(&event)
