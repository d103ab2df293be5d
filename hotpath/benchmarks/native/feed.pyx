"""ITCH bytes as in a day file (u16 big-endian length before each message): generate, decode, build a book."""
cimport cython
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from benchmarks.native.samples cimport Samples
from hotpath.book.limit_order_book cimport TopOfBook
from hotpath.feed.book_builder cimport BookBuilder
from hotpath.ipc.clock cimport monotonic_ns
from hotpath.protocols.byteorder cimport load_be16, store_be16
from hotpath.protocols.itch cimport (
    ITCH_ADD_ORDER, ITCH_ADD_ORDER_ATTRIBUTED, ITCH_MAX_LENGTH, ITCH_ORDER_CANCEL, ITCH_ORDER_DELETE,
    ITCH_ORDER_EXECUTED, ITCH_ORDER_EXECUTED_WITH_PRICE, ITCH_ORDER_REPLACE, ITCH_TRADE, ItchAddOrder,
    ItchAddOrderAttributed, ItchOrderCancel, ItchOrderDelete, ItchOrderExecuted, ItchOrderExecutedWithPrice,
    ItchOrderReplace, ItchTrade, itch_check, itch_decode_add_order, itch_decode_add_order_attributed,
    itch_decode_order_cancel, itch_decode_order_delete, itch_decode_order_executed,
    itch_decode_order_executed_with_price, itch_decode_order_replace, itch_decode_trade, itch_encode_add_order,
    itch_encode_order_cancel, itch_encode_order_delete, itch_encode_order_executed, itch_encode_order_replace,
)

cdef enum:
    PREFIX = 2
    TICK = 100
    MID_TICK = 10_000
    BAND = 500                    # ticks on either side that hold orders
    MAX_SHARES = 500

cdef int64_t START_US = 34_200 * <int64_t>1_000_000    # 09:30

SYMBOL = "IRON"
LOCATE = 7

cdef struct LiveOrder:
    uint64_t reference
    uint32_t shares
    int32_t tick
    uint8_t side


cdef class SyntheticFeed:
    """Messages of one instrument: 45 % add, 40 % delete, 8 % execute, 4 % cancel, 3 % replace around `live` orders.

    `expected`: what a correct decoder and book say, from the plain list of live orders that the generator keeps.
    """
    cdef readonly bytes data
    cdef readonly uint64_t messages
    cdef readonly dict expected
    cdef readonly dict statistics
    cdef uint64_t random

    def __init__(self, uint64_t count, uint32_t live, uint64_t seed=1):
        cdef uint8_t* out
        cdef LiveOrder* orders
        cdef uint32_t held = 0
        cdef uint64_t i
        cdef uint64_t kinds[5]
        cdef uint64_t reference_sum = 0
        cdef uint64_t next_reference = 1
        cdef uint64_t held_sum = 0
        cdef size_t size = 0
        if not 1 <= count <= 50_000_000 or not 100 <= live <= 1_000_000:
            raise ValueError(f"count {count}, live {live}: must be 1 to 50,000,000 and 100 to 1,000,000")
        self.random = seed
        buffer = bytearray(count * (PREFIX + 36))
        out = buffer
        orders = <LiveOrder*>calloc(2 * live, sizeof(LiveOrder))
        if orders == NULL:
            raise MemoryError(f"no memory for {live} orders")
        for i in range(5):
            kinds[i] = 0
        with nogil:
            for i in range(count):
                size += self._message(out + size, i, orders, &held, live, kinds, &next_reference, &reference_sum)
                held_sum += held
        del buffer[size:]
        self.data = bytes(buffer)
        self.messages = count
        self.expected = _book_of(orders, held)
        free(orders)
        self.expected["messages"] = count
        self.expected["reference_sum"] = reference_sum
        self.expected["inconsistent"] = 0
        names = ("add", "delete", "execute", "cancel", "replace")
        self.statistics = {
            "messages": count,
            "bytes": size,
            **{f"{name}_percent": round(100.0 * kinds[i] / count, 2) for i, name in enumerate(names)},
            "resting_orders_average": round(<double>held_sum / count, 1),
            "resting_orders_at_end": held,
            "price_band_ticks": 2 * BAND,
        }

    @cython.overflowcheck(False)
    cdef uint32_t _below(self, uint32_t limit) noexcept nogil:
        cdef uint64_t z
        self.random += <uint64_t>0x9E3779B97F4A7C15
        z = self.random
        z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
        z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
        return <uint32_t>(((z >> 32) * limit) >> 32)

    cdef int32_t _tick(self, uint8_t side) noexcept nogil:
        cdef int32_t distance = 1 + <int32_t>self._below(BAND)
        return MID_TICK + distance if side == c'S' else MID_TICK - distance

    @cython.overflowcheck(False)
    cdef size_t _message(self, uint8_t* out, uint64_t number, LiveOrder* orders, uint32_t* held, uint32_t live,
                         uint64_t* kinds, uint64_t* next_reference, uint64_t* reference_sum) noexcept nogil:
        cdef uint32_t draw = self._below(100)
        cdef int64_t ns = (START_US + <int64_t>number) * 1000
        cdef uint32_t pick = self._below(held[0]) if held[0] else 0
        cdef LiveOrder* order = &orders[pick]
        cdef int size
        cdef uint32_t shares
        if held[0] < live // 2 or (draw < 45 and held[0] + 1 < 2 * live):
            order = &orders[held[0]]
            held[0] += 1
            order.reference = next_reference[0]
            next_reference[0] += 1
            order.side = c'S' if self._below(2) else c'B'
            order.tick = self._tick(order.side)
            order.shares = 1 + self._below(MAX_SHARES)
            size = _add(order, ns, out + PREFIX)
            kinds[0] += 1
            reference_sum[0] += order.reference
        elif draw < 85:
            size = _delete(order, ns, out + PREFIX)
            kinds[1] += 1
            reference_sum[0] += order.reference
            held[0] -= 1
            order[0] = orders[held[0]]
        elif draw < 93:
            # all of it while there are too many orders, so that their number holds
            shares = order.shares if held[0] > live else 1 + self._below(order.shares)
            size = _executed(order, ns, shares, number, out + PREFIX)
            kinds[2] += 1
            reference_sum[0] += order.reference
            order.shares -= shares
            if order.shares == 0:
                held[0] -= 1
                order[0] = orders[held[0]]
        elif draw < 97 and order.shares > 1:
            shares = 1 + self._below(order.shares - 1)
            size = _cancel(order, ns, shares, out + PREFIX)
            kinds[3] += 1
            reference_sum[0] += order.reference
            order.shares -= shares
        else:
            order.tick = self._tick(order.side)
            order.shares = 1 + self._below(MAX_SHARES)
            size = _replace(order, ns, next_reference[0], out + PREFIX)
            kinds[4] += 1
            reference_sum[0] += order.reference
            order.reference = next_reference[0]
            next_reference[0] += 1
        store_be16(out, <unsigned short>size)
        return PREFIX + <size_t>size


cdef inline int _add(const LiveOrder* order, int64_t ns, uint8_t* out) noexcept nogil:
    cdef ItchAddOrder m
    m.stock_locate = 7
    m.tracking_number = 0
    m.timestamp_ns = ns
    m.order_ref = order.reference
    m.side = order.side
    m.shares = order.shares
    memcpy(m.stock, b"IRON    ", 8)
    m.price = <int64_t>order.tick * TICK
    return itch_encode_add_order(&m, out, ITCH_MAX_LENGTH)


cdef inline int _delete(const LiveOrder* order, int64_t ns, uint8_t* out) noexcept nogil:
    cdef ItchOrderDelete m
    m.stock_locate = 7
    m.tracking_number = 0
    m.timestamp_ns = ns
    m.order_ref = order.reference
    return itch_encode_order_delete(&m, out, ITCH_MAX_LENGTH)


cdef inline int _executed(const LiveOrder* order, int64_t ns, uint32_t shares, uint64_t match, uint8_t* out) noexcept nogil:
    cdef ItchOrderExecuted m
    m.stock_locate = 7
    m.tracking_number = 0
    m.timestamp_ns = ns
    m.order_ref = order.reference
    m.executed_shares = shares
    m.match_number = match
    return itch_encode_order_executed(&m, out, ITCH_MAX_LENGTH)


cdef inline int _cancel(const LiveOrder* order, int64_t ns, uint32_t shares, uint8_t* out) noexcept nogil:
    cdef ItchOrderCancel m
    m.stock_locate = 7
    m.tracking_number = 0
    m.timestamp_ns = ns
    m.order_ref = order.reference
    m.cancelled_shares = shares
    return itch_encode_order_cancel(&m, out, ITCH_MAX_LENGTH)


cdef inline int _replace(const LiveOrder* order, int64_t ns, uint64_t reference, uint8_t* out) noexcept nogil:
    cdef ItchOrderReplace m
    m.stock_locate = 7
    m.tracking_number = 0
    m.timestamp_ns = ns
    m.original_order_ref = order.reference
    m.new_order_ref = reference
    m.shares = order.shares
    m.price = <int64_t>order.tick * TICK
    return itch_encode_order_replace(&m, out, ITCH_MAX_LENGTH)


cdef dict _book_of(const LiveOrder* orders, uint32_t count):
    """Top of book and number of orders, by looking at every order."""
    cdef int64_t bid = 0, ask = 0, bid_shares = 0, ask_shares = 0
    cdef int64_t price
    cdef uint32_t i
    for i in range(count):
        price = <int64_t>orders[i].tick * TICK
        if orders[i].side == c'B':
            if price > bid:
                bid, bid_shares = price, 0
            if price == bid:
                bid_shares += orders[i].shares
        else:
            if ask == 0 or price < ask:
                ask, ask_shares = price, 0
            if price == ask:
                ask_shares += orders[i].shares
    return {"resting_orders": count, "bid_price": bid, "bid_shares": bid_shares, "ask_price": ask, "ask_shares": ask_shares}


cdef class DecodeRun:
    """Every message into its struct; the order references are added up so that nothing can be left out."""

    def round(self, const uint8_t[::1] data not None):
        """(ns, counts)"""
        cdef ItchAddOrder add
        cdef ItchAddOrderAttributed attributed
        cdef ItchOrderExecuted executed
        cdef ItchOrderExecutedWithPrice priced
        cdef ItchOrderCancel cancel
        cdef ItchOrderDelete deleted
        cdef ItchOrderReplace replace
        cdef ItchTrade trade
        cdef const uint8_t* p = &data[0]
        cdef const uint8_t* end = p + data.shape[0]
        cdef size_t length
        cdef uint64_t messages = 0, refused = 0, reference_sum = 0, other = 0
        cdef int64_t started = monotonic_ns()
        with nogil:
            while end - p >= PREFIX:
                length = load_be16(p)
                p += PREFIX
                if <size_t>(end - p) < length or itch_check(p, length) < 0:
                    refused += 1
                    break
                # all fields are used: a decoder that skips some is not one
                if p[0] == ITCH_ADD_ORDER:
                    itch_decode_add_order(p, length, &add)
                    reference_sum += add.order_ref
                    other ^= <uint64_t>add.price + add.shares + add.side + <uint64_t>add.timestamp_ns + add.stock[0]
                elif p[0] == ITCH_ORDER_DELETE:
                    itch_decode_order_delete(p, length, &deleted)
                    reference_sum += deleted.order_ref
                    other ^= <uint64_t>deleted.timestamp_ns + deleted.stock_locate
                elif p[0] == ITCH_ORDER_EXECUTED:
                    itch_decode_order_executed(p, length, &executed)
                    reference_sum += executed.order_ref
                    other ^= executed.executed_shares + executed.match_number + <uint64_t>executed.timestamp_ns
                elif p[0] == ITCH_ORDER_CANCEL:
                    itch_decode_order_cancel(p, length, &cancel)
                    reference_sum += cancel.order_ref
                    other ^= cancel.cancelled_shares + <uint64_t>cancel.timestamp_ns
                elif p[0] == ITCH_ORDER_REPLACE:
                    itch_decode_order_replace(p, length, &replace)
                    reference_sum += replace.original_order_ref
                    other ^= replace.new_order_ref + <uint64_t>replace.price + replace.shares
                elif p[0] == ITCH_ADD_ORDER_ATTRIBUTED:
                    itch_decode_add_order_attributed(p, length, &attributed)
                    reference_sum += attributed.order_ref
                    other ^= <uint64_t>attributed.price + attributed.shares
                elif p[0] == ITCH_ORDER_EXECUTED_WITH_PRICE:
                    itch_decode_order_executed_with_price(p, length, &priced)
                    reference_sum += priced.order_ref
                    other ^= <uint64_t>priced.execution_price + priced.executed_shares
                elif p[0] == ITCH_TRADE:
                    itch_decode_trade(p, length, &trade)
                    reference_sum += trade.order_ref
                    other ^= <uint64_t>trade.price + trade.shares
                messages += 1
                p += length
        started = monotonic_ns() - started
        return started, {"messages": messages + refused, "reference_sum": reference_sum}, other


cdef class BuildRun:
    """ITCH bytes through the feed handler's book builder; one builder, reused for every round."""
    cdef BookBuilder builder
    cdef Samples samples

    def __init__(self, str symbol, int locate, int max_orders, Samples samples not None):
        self.builder = BookBuilder(symbol, locate, max_orders)
        self.samples = samples

    def round(self, const uint8_t[::1] data not None, bint timed):
        """(ns, counts); timed: each message's latency goes to the samples."""
        cdef const uint8_t* p = &data[0]
        cdef const uint8_t* end = p + data.shape[0]
        cdef size_t length
        cdef TopOfBook top
        cdef uint64_t messages = 0
        cdef uint64_t wrong
        cdef int64_t started, before
        cdef BookBuilder builder = self.builder
        self.samples.count = 0
        builder.reset()
        wrong = builder.counters.inconsistent + builder.counters.truncated + builder.counters.unknown_types
        with nogil:
            started = monotonic_ns()
            while end - p >= PREFIX:
                length = load_be16(p)
                p += PREFIX
                if <size_t>(end - p) < length:
                    break
                if timed:
                    before = monotonic_ns()
                    builder.apply(p, length)
                    self.samples.record(monotonic_ns() - before)
                else:
                    builder.apply(p, length)
                messages += 1
                p += length
            started = monotonic_ns() - started
            builder.book.top(&top)
        wrong = builder.counters.inconsistent + builder.counters.truncated + builder.counters.unknown_types - wrong
        return started, {
            "messages": messages,
            "inconsistent": wrong,
            "resting_orders": builder.book.live_orders(),
            "bid_price": top.bid_price,
            "bid_shares": top.bid_shares,
            "ask_price": top.ask_price,
            "ask_shares": top.ask_shares,
        }
