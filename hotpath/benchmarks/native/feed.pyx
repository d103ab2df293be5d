"""ITCH bytes as in a day file (u16 big-endian length before each message): decode them, build the market's books."""
cimport cython
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from benchmarks.native.samples cimport Samples
from hotpath.book.limit_order_book cimport TopOfBook
from hotpath.book.order_book cimport OrderBook
from hotpath.feed.market_builder cimport MarketBuilder
from hotpath.ipc.clock cimport monotonic_ns
from hotpath.protocols.byteorder cimport load_be16
from hotpath.protocols.itch cimport ItchMessage, itch_decode

cdef extern from *:
    """
    /* the compiler must take every byte of m for read */
    #define use_all(m) __asm__ volatile("" : : "r"(m) : "memory")

    /* message types that name an order, all at the same place in their struct */
    static const uint8_t names_order[256] = {
        ['A'] = 1, ['F'] = 1, ['E'] = 1, ['C'] = 1, ['X'] = 1, ['D'] = 1, ['U'] = 1, ['P'] = 1,
    };
    """
    void use_all(ItchMessage* m) noexcept nogil
    const uint8_t names_order[256]

cdef enum:
    PREFIX = 2


@cython.overflowcheck(False)
cdef inline uint64_t plus_reference(uint64_t total, const ItchMessage* m) noexcept nogil:
    return total + names_order[m.message_type] * m.body.order_delete.order_ref


cdef class DecodeRun:
    """Every message into its struct, all fields; the order references are added up as proof."""

    def round(self, const uint8_t[::1] data not None):
        """(ns, counts)"""
        cdef ItchMessage m
        cdef const uint8_t* p = &data[0]
        cdef const uint8_t* end = p + data.shape[0]
        cdef size_t length
        cdef uint64_t messages = 0, reference_sum = 0
        cdef int64_t started = monotonic_ns()
        with nogil:
            while end - p >= PREFIX:
                length = load_be16(p)
                p += PREFIX
                if <size_t>(end - p) < length or itch_decode(p, length, &m) < 0:
                    break
                use_all(&m)
                reference_sum = plus_reference(reference_sum, &m)
                messages += 1
                p += length
            started = monotonic_ns() - started
        return started, {"messages": messages, "reference_sum": reference_sum}


cdef class BuildRun:
    """ITCH bytes through the market builder; one builder, reused for every round."""
    cdef MarketBuilder market
    cdef Samples samples
    cdef uint64_t messages

    def __init__(self, MarketBuilder market not None, Samples samples not None):
        self.market = market
        self.samples = samples

    def batch(self, const uint8_t[::1] data not None, size_t size):
        """(ns, counts): the bytes in pieces of `size`, the calls from Python not counted in."""
        cdef const uint8_t* p = &data[0]
        cdef const uint8_t* end = p + data.shape[0]
        cdef const uint8_t* stop
        cdef int64_t started
        cdef uint64_t before = self.begin()
        with nogil:
            started = monotonic_ns()
            while p != end:
                stop = self.market.take_frames(p, p + size if <size_t>(end - p) > size else end)
                if stop == p:
                    break
                p = stop
            started = monotonic_ns() - started
        return started, self.counts(before)

    def each(self, const uint8_t[::1] data not None):
        """Counts; each message's latency, without look-ahead, goes to the samples."""
        cdef const uint8_t* p = &data[0]
        cdef const uint8_t* end = p + data.shape[0]
        cdef size_t length
        cdef int64_t started
        cdef uint64_t before = self.begin()
        with nogil:
            while end - p >= PREFIX:
                length = load_be16(p)
                p += PREFIX
                if <size_t>(end - p) < length:
                    break
                started = monotonic_ns()
                self.market.take_one(p, length)
                self.samples.record(monotonic_ns() - started)
                p += length
        return self.counts(before)

    cdef uint64_t begin(self):
        """Empty books; returns what has been wrong so far."""
        self.samples.count = 0
        self.market.begin_session()
        self.messages = self.market.counters.messages
        return self.wrong()

    cdef uint64_t wrong(self):
        return self.market.counters.inconsistent + self.market.counters.truncated + self.market.counters.unknown_types

    cdef dict counts(self, uint64_t before):
        cdef TopOfBook top
        cdef uint64_t orders = 0
        cdef int64_t bids = 0, asks = 0, bid_shares = 0, ask_shares = 0
        cdef uint32_t i
        for i in range(self.market.books_used):
            (<OrderBook>self.market.books[i]).top(&top)
            orders += (<OrderBook>self.market.books[i]).live_orders()
            bids += top.bid_price
            asks += top.ask_price
            bid_shares += top.bid_shares
            ask_shares += top.ask_shares
        return {
            "messages": self.market.counters.messages - self.messages,
            "inconsistent": self.wrong() - before,
            "resting_orders": orders,
            "bid_prices": bids,
            "bid_shares": bid_shares,
            "ask_prices": asks,
            "ask_shares": ask_shares,
        }
