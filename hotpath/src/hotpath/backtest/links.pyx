"""Feed and order entry without sockets. See links.pxd."""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t
from libc.string cimport memcpy

from hotpath.backtest.timed_queue cimport TimedQueue
from hotpath.feed.book_builder cimport BookBuilder
from hotpath.feed.book_events cimport BookEvents
from hotpath.feed.itch_book cimport CHANGE_INCONSISTENT, CHANGE_NOT_OURS
from hotpath.ipc.messages cimport BookEvent
from hotpath.protocols.moldudp64 cimport MoldBlock, MoldBlocks, MoldHeader, mold_next, mold_open


cdef class DelayedBookEvents(BookEvents):
    def __init__(self, BookBuilder builder not None, TimedQueue queue not None):
        BookEvents.__init__(self, builder)
        self.queue = queue

    cdef void _emit(self, int kind) noexcept nogil:
        cdef BookEvent* event = <BookEvent*>self.queue.push(self.received_ns)
        if event == NULL:
            self.lost += 1
            return
        self._fill(event, kind, self.received_ns)
        self._sent(kind)


cdef class FeedLink(PacketSink):
    def __init__(self, SimulatedClock clock not None, BookBuilder builder not None, DelayedBookEvents events not None,
                 int64_t latency_ns):
        self.clock = clock
        self.builder = builder
        self.events = events
        self.latency_ns = latency_ns

    cdef void packet(self, const uint8_t* data, size_t size) noexcept nogil:
        cdef MoldHeader header
        cdef MoldBlocks blocks
        cdef MoldBlock block
        cdef int changes
        if mold_open(data, size, &header, &blocks) < 0:
            self.faults += 1
            return
        while mold_next(&blocks, &block):
            changes = self.builder.apply(block.data, block.length)
            if changes & (CHANGE_INCONSISTENT | CHANGE_NOT_OURS):
                self.faults += 1
            self.events.message(block.sequence_number, self.clock.now_ns + self.latency_ns, changes)
        self.events.end_of_packet()


cdef class AccountLink(MessageSink):
    def __init__(self, SimulatedClock clock not None, TimedQueue queue not None, int64_t latency_ns):
        self.clock = clock
        self.queue = queue
        self.latency_ns = latency_ns

    cdef void message(self, const uint8_t* data, size_t size) noexcept nogil:
        cdef WireMessage* message = <WireMessage*>self.queue.push(self.clock.now_ns + self.latency_ns)
        if message == NULL or size > WIRE_BYTES:
            self.lost += 1
            return
        message.length = <uint16_t>size
        memcpy(message.data, data, size)
