"""Book events into `ring.book` and the `top` block. When the ring is full the newest state waits, and that is counted."""
from libc.stdint cimport int64_t, uint64_t

from hotpath.feed.book_events cimport BookEvents
from hotpath.ipc.histogram cimport HistogramWriter
from hotpath.ipc.ring cimport RingProducer
from hotpath.ipc.seqlock cimport SeqlockWriter

cdef class BookPublisher(BookEvents):
    """BookPublisher(builder, ring, top, histogram): starts stale. Latencies go to histogram 0."""
    cdef RingProducer ring
    cdef SeqlockWriter top
    cdef HistogramWriter histogram
    cdef uint64_t conflated               # events merged into a later one because the ring was full

    # Retry what waits for room.
    cdef void flush(self) noexcept nogil
    # Writes the top block; its published_ns tells a reader that the feed handler lives.
    cdef void write_top(self, int64_t now_ns) noexcept nogil
