# cython: nonecheck=False
# a None check of `self` in nogil code would need the GIL
"""GLIMPSE 5.0 over SoupBinTCP. Any login is accepted: what it serves is the public feed. See glimpse.pxd."""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from hotpath.book.order_pool cimport Order
from hotpath.protocols.byteorder cimport load_be16, store_be16
from hotpath.protocols.glimpse cimport GLIMPSE_END_OF_SNAPSHOT_LENGTH, glimpse_encode_end_of_snapshot
from hotpath.protocols.soupbintcp cimport (
    SOUP_REJECT_SESSION_UNAVAILABLE, SOUP_SEQUENCED_DATA, SoupLoginAccepted, SoupLoginRequest,
)
from hotpath.venue.market_data cimport MarketData
from hotpath.venue.soup_server cimport MAX_CONNECTIONS, SoupServer

cdef enum:
    MESSAGE_SLOT = 48            # u16 and the longest message of a snapshot (R, 39 bytes)
    FIXED_MESSAGES = 16          # events, directory, trading state, end of snapshot


cdef class GlimpseServer(SoupServer):
    def __dealloc__(self):
        for i in range(MAX_CONNECTIONS):
            free(self.snapshots[i].data)

    cdef uint8_t on_login(self, int index, const SoupLoginRequest* request, SoupLoginAccepted* accepted) noexcept nogil:
        self._drop(index)
        if not self._build(&self.snapshots[index]):
            self.failed += 1
            return SOUP_REJECT_SESSION_UNAVAILABLE
        self.connections[index].account = index
        memcpy(accepted.session, self.feed.session, 10)
        accepted.sequence_number = 1
        self.served += 1
        return 0

    cdef void on_closed(self, int index, int reason) noexcept nogil:
        self._drop(index)

    cdef void _drop(self, int index) noexcept nogil:
        free(self.snapshots[index].data)
        self.snapshots[index].data = NULL
        self.snapshots[index].size = 0
        self.snapshots[index].cursor = 0

    cdef void fill(self, int index) noexcept nogil:
        cdef Snapshot* s = &self.snapshots[index]
        cdef uint16_t length
        while s.cursor < s.size:
            length = load_be16(s.data + s.cursor)
            if self.room(index) < length or not self.put(index, SOUP_SEQUENCED_DATA, s.data + s.cursor + 2, length):
                return
            s.cursor += 2 + length

    cdef bint _build(self, Snapshot* snapshot) noexcept nogil:
        cdef size_t capacity = (<size_t>self.book.live_orders() + FIXED_MESSAGES) * MESSAGE_SLOT
        cdef uint8_t* out = <uint8_t*>malloc(capacity)
        cdef size_t used = 0
        cdef int length, i
        cdef uint32_t handle
        cdef const Order* order
        cdef int64_t ts = self.events.timestamp_ns
        if out == NULL:
            return False
        for i in range(self.events.count):
            length = self.feed.encode_event(ts, self.events.codes[i], out + used + 2, MESSAGE_SLOT)
            store_be16(out + used, <uint16_t>length)
            used += 2 + <size_t>length
        length = self.feed.encode_directory(ts, out + used + 2, MESSAGE_SLOT)
        store_be16(out + used, <uint16_t>length)
        used += 2 + <size_t>length
        length = self.feed.encode_action(ts, self.events.trading_state, self.events.reason, out + used + 2, MESSAGE_SLOT)
        store_be16(out + used, <uint16_t>length)
        used += 2 + <size_t>length
        handle = self.book.first_live()
        while handle:
            order = self.book.order(handle)
            length = self.feed.encode_add(ts, order.reference, c'B' if order.side == 0 else c'S', order.shares,
                                          order.price, out + used + 2, MESSAGE_SLOT)
            store_be16(out + used, <uint16_t>length)
            used += 2 + <size_t>length
            handle = self.book.next_live(handle)
        length = glimpse_encode_end_of_snapshot(self.feed.next_sequence, out + used + 2, GLIMPSE_END_OF_SNAPSHOT_LENGTH)
        store_be16(out + used, <uint16_t>length)
        used += 2 + <size_t>length
        snapshot.data = out
        snapshot.size = used
        snapshot.cursor = 0
        return True
