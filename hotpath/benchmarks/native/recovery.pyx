"""A stream of orders that leaves many of them resting, as ITCH bytes; replayed into a feed's book or into an engine."""
cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from hotpath.book.matching_engine cimport CANCEL_USER, TIF_DAY, MatchingEngine
from hotpath.book.order_book cimport APPLY_OK, OrderBook
from hotpath.protocols.byteorder cimport load_be16, store_be16
from hotpath.protocols.itch cimport (
    ITCH_ADD_ORDER, ITCH_ORDER_DELETE, ItchAddOrder, ItchOrderDelete, itch_decode_add_order, itch_decode_order_delete,
    itch_encode_add_order, itch_encode_order_delete,
)

cdef enum:
    PREFIX = 2
    LONGEST = 36
    TICK = 100
    MID_TICK = 100_000
    BAND = 5_000                  # ticks on either side that hold orders
    MAX_SHARES = 500
    OWNERS = 8

SYMBOL = "IRON"

cdef struct Resting:
    uint64_t reference
    int32_t price
    uint8_t side


cdef class OrderStream:
    """Three messages per order that rests at the end: two adds, and the delete of any live order.

    `expected`: of the book after it, from the plain list of live orders. Raises ValueError, MemoryError.
    """
    cdef readonly bytes data
    cdef readonly uint64_t messages
    cdef readonly dict expected
    cdef uint64_t random

    def __init__(self, uint32_t orders, uint64_t seed=1):
        cdef Resting* live
        cdef uint8_t* out
        cdef uint32_t held = 0
        cdef uint32_t pick
        cdef uint32_t i
        cdef uint64_t number
        cdef uint64_t reference = 0
        cdef size_t size = 0
        cdef int64_t bid = 0
        cdef int64_t ask = 0
        if not 1 <= orders <= 4_000_000:
            raise ValueError(f"orders {orders}: must be 1 to 4,000,000")
        self.random = seed
        self.messages = 3 * <uint64_t>orders
        buffer = bytearray(self.messages * (PREFIX + LONGEST))
        out = buffer
        live = <Resting*>malloc((<size_t>orders + 2) * sizeof(Resting))
        if live == NULL:
            raise MemoryError(f"no memory for {orders} orders")
        with nogil:
            for number in range(self.messages):
                if number % 3 < 2:
                    reference += 1
                    live[held].reference = reference
                    live[held].side = c'S' if self._below(2) else c'B'
                    pick = 1 + self._below(BAND)
                    live[held].price = <int32_t>(
                        (MID_TICK + pick if live[held].side == c'S' else MID_TICK - pick) * TICK)
                    size += self._add(out + size, &live[held], number)
                    held += 1
                else:
                    pick = self._below(held)
                    size += self._delete(out + size, live[pick].reference, number)
                    held -= 1
                    live[pick] = live[held]
            for i in range(held):
                if live[i].side == c'B':
                    bid = max(bid, <int64_t>live[i].price)
                elif ask == 0 or live[i].price < ask:
                    ask = live[i].price
        free(live)
        del buffer[size:]
        self.data = bytes(buffer)
        self.expected = {"resting_orders": held, "best_bid": bid, "best_ask": ask}

    @cython.overflowcheck(False)
    cdef uint32_t _below(self, uint32_t limit) noexcept nogil:
        cdef uint64_t z
        self.random += <uint64_t>0x9E3779B97F4A7C15
        z = self.random
        z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
        z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
        return <uint32_t>(((z >> 32) * limit) >> 32)

    cdef size_t _add(self, uint8_t* out, const Resting* order, uint64_t number) noexcept nogil:
        cdef ItchAddOrder message
        memset(&message, 0, sizeof(message))
        message.stock_locate = 1
        message.timestamp_ns = <int64_t>number
        message.order_ref = order.reference
        message.side = order.side
        message.shares = 1 + self._below(MAX_SHARES)
        memcpy(message.stock, b"IRON    ", 8)
        message.price = order.price
        itch_encode_add_order(&message, out + PREFIX, LONGEST)
        store_be16(out, 36)
        return PREFIX + 36

    cdef size_t _delete(self, uint8_t* out, uint64_t reference, uint64_t number) noexcept nogil:
        cdef ItchOrderDelete message
        memset(&message, 0, sizeof(message))
        message.stock_locate = 1
        message.timestamp_ns = <int64_t>number
        message.order_ref = reference
        itch_encode_order_delete(&message, out + PREFIX, LONGEST)
        store_be16(out, 19)
        return PREFIX + 19


def replay_into_book(OrderBook book not None, const uint8_t[::1] data not None):
    """Decodes and applies; returns how many messages fitted."""
    cdef const uint8_t* p = &data[0]
    cdef const uint8_t* end = p + data.shape[0]
    cdef ItchAddOrder add
    cdef ItchOrderDelete deleted
    cdef uint16_t length
    cdef uint64_t fitted = 0
    with nogil:
        while end - p >= PREFIX:
            length = load_be16(p)
            p += PREFIX
            if p[0] == ITCH_ADD_ORDER and itch_decode_add_order(p, length, &add) > 0:
                fitted += book.add(add.order_ref, add.side, add.price, add.shares) == APPLY_OK
            elif p[0] == ITCH_ORDER_DELETE and itch_decode_order_delete(p, length, &deleted) > 0:
                fitted += book.delete(deleted.order_ref, NULL) == APPLY_OK
            p += length
    return fitted


def replay_into_engine(MatchingEngine engine not None, const uint8_t[::1] data not None):
    """Each add entered as a day order of one of eight owners, each delete as a cancel; returns how many events."""
    cdef const uint8_t* p = &data[0]
    cdef const uint8_t* end = p + data.shape[0]
    cdef ItchAddOrder add
    cdef ItchOrderDelete deleted
    cdef uint16_t length
    cdef uint64_t events = 0
    with nogil:
        while end - p >= PREFIX:
            length = load_be16(p)
            p += PREFIX
            if p[0] == ITCH_ADD_ORDER and itch_decode_add_order(p, length, &add) > 0:
                engine.submit(add.order_ref, <uint16_t>(1 + add.order_ref % OWNERS), add.side, add.price, add.shares,
                              TIF_DAY, 0, <uint32_t>add.order_ref)
            elif p[0] == ITCH_ORDER_DELETE and itch_decode_order_delete(p, length, &deleted) > 0:
                engine.cancel(deleted.order_ref, 0, CANCEL_USER)
            events += engine.event_count
            engine.clear_events()
            p += length
    return events
