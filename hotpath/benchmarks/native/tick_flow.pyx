"""The market of the tick-to-order benchmark. See tick_flow.pxd."""
cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from hotpath.protocols.itch cimport (
    ITCH_MAX_LENGTH, ItchAddOrder, ItchOrderCancel, ItchOrderDelete, ItchOrderExecuted, ItchOrderReplace,
    itch_encode_add_order, itch_encode_order_cancel, itch_encode_order_delete, itch_encode_order_executed,
    itch_encode_order_replace,
)

from hotpath.protocols import itch

SYMBOL = "IRON"
LOCATE = 7
TICK_SIZE = TICK
MESSAGES_PER_TRIGGER = CYCLE

cdef enum:
    LIVE = 1000                   # orders away from the best prices, about
    MAX_LIVE = 2000
    BAND = 400                    # ticks on either side that hold them
    OFFER_REFERENCE = 2
    FIRST_REFERENCE = 10
    BEST_SHARES = 9_000_000

cdef int64_t OPEN_NS = 34_200 * <int64_t>1_000_000_000    # 09:30


cdef class TickFlow:
    def __cinit__(self, uint32_t capacity):
        if not 1 <= capacity <= 10_000_000:
            raise ValueError(f"capacity {capacity}: must be 1 to 10,000,000")
        self.data = <uint8_t*>calloc(capacity, ITCH_MAX_LENGTH)
        self.offsets = <uint32_t*>calloc(capacity + 1, sizeof(uint32_t))
        self.kinds = <uint8_t*>calloc(capacity, 1)
        self.resting = <Resting*>calloc(MAX_LIVE, sizeof(Resting))
        if not (self.data and self.offsets and self.kinds and self.resting):
            raise MemoryError(f"no memory for {capacity} messages")
        self.capacity = capacity
        self.next_reference = FIRST_REFERENCE
        self.random = 1

    def __dealloc__(self):
        free(self.data)
        free(self.offsets)
        free(self.kinds)
        free(self.resting)

    def opening(self):
        """What the session begins with: directory, trading state, best prices and the orders behind them."""
        cdef uint8_t message[64]
        cdef Resting* order
        cdef int size
        stock = itch.StockDirectory(LOCATE, 0, 1, SYMBOL, "Q", "N", 100, "N", "C", "Z", "T", "N", "N", "1", "N", 0, "N")
        messages = [
            itch.encode(itch.SystemEvent(0, 0, 1, "O")),
            itch.encode(stock),
            itch.encode(itch.SystemEvent(0, 0, 1, "Q")),
            itch.encode(itch.StockTradingAction(LOCATE, 0, 1, SYMBOL, "T", " ", "")),
            itch.encode(itch.AddOrder(LOCATE, 0, 1, 1, "B", 100, SYMBOL, BID_TICK * TICK)),
            itch.encode(itch.AddOrder(LOCATE, 0, 1, OFFER_REFERENCE, "S", BEST_SHARES, SYMBOL, ASK_TICK * TICK)),
        ]
        while self.held < LIVE:
            order = &self.resting[self.held]
            self.held += 1
            size = self._add(order, message)
            messages.append(<bytes>message[:size])
        return messages

    def make(self, uint32_t count):
        """The next `count` messages become the batch."""
        if count > self.capacity:
            raise ValueError(f"{count} messages: at most {self.capacity}")
        with nogil:
            self._make(count)

    def messages(self):
        """The batch."""
        return [<bytes>self.data[self.offsets[i]:self.offsets[i + 1]] for i in range(self.count)]

    cdef void _make(self, uint32_t count) noexcept nogil:
        cdef uint32_t i
        cdef uint32_t at = 0
        self.first_trigger = self.triggers_made
        self.triggers = 0
        self.count = count
        for i in range(count):
            self.offsets[i] = at
            at += <uint32_t>self._message(self.data + at, &self.kinds[i])
            self.triggers += self.kinds[i] == TRIGGER
        self.offsets[count] = at

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
        return ASK_TICK + distance if side == c'S' else BID_TICK - distance

    cdef int _add(self, Resting* order, uint8_t* out) noexcept nogil:
        cdef ItchAddOrder m
        order.reference = self.next_reference
        self.next_reference += 1
        order.side = c'S' if self._below(2) else c'B'
        order.tick = self._tick(order.side)
        order.shares = 2 + self._below(500)
        m.stock_locate = 7
        m.tracking_number = 0
        m.timestamp_ns = OPEN_NS + <int64_t>self.made * 1000
        m.order_ref = order.reference
        m.side = order.side
        m.shares = order.shares
        memcpy(m.stock, b"IRON    ", 8)
        m.price = <int64_t>order.tick * TICK
        return itch_encode_add_order(&m, out, ITCH_MAX_LENGTH)

    cdef int _message(self, uint8_t* out, uint8_t* kind) noexcept nogil:
        cdef ItchAddOrder add
        cdef ItchOrderDelete deleted
        cdef ItchOrderCancel cancel
        cdef ItchOrderExecuted executed
        cdef ItchOrderReplace replace
        cdef Resting* order
        cdef uint32_t draw
        cdef int64_t ns = OPEN_NS + <int64_t>self.made * 1000
        cdef uint64_t place = self.made % CYCLE
        self.made += 1
        kind[0] = PLAIN
        if place == 0:
            kind[0] = TRIGGER
            self.trigger_reference = self.next_reference
            self.next_reference += 1
            add.stock_locate = 7
            add.tracking_number = 0
            add.timestamp_ns = ns
            add.order_ref = self.trigger_reference
            add.side = c'B'
            add.shares = 1 + <uint32_t>(self.triggers_made % MAX_NUMBER)
            self.triggers_made += 1
            memcpy(add.stock, b"IRON    ", 8)
            add.price = TRIGGER_TICK * TICK
            return itch_encode_add_order(&add, out, ITCH_MAX_LENGTH)
        if place == CYCLE // 2:
            kind[0] = TRIGGER_END
            deleted.stock_locate = 7
            deleted.tracking_number = 0
            deleted.timestamp_ns = ns
            deleted.order_ref = self.trigger_reference
            return itch_encode_order_delete(&deleted, out, ITCH_MAX_LENGTH)
        draw = self._below(100)
        if draw < 6:
            executed.stock_locate = 7
            executed.tracking_number = 0
            executed.timestamp_ns = ns
            executed.order_ref = OFFER_REFERENCE
            executed.executed_shares = 1
            executed.match_number = self.made
            return itch_encode_order_executed(&executed, out, ITCH_MAX_LENGTH)
        if self.held < LIVE // 2 or (draw < 52 and self.held < MAX_LIVE):
            order = &self.resting[self.held]
            self.held += 1
            return self._add(order, out)
        order = &self.resting[self._below(self.held)]
        if draw < 64 and order.shares > 1:
            cancel.stock_locate = 7
            cancel.tracking_number = 0
            cancel.timestamp_ns = ns
            cancel.order_ref = order.reference
            cancel.cancelled_shares = 1
            order.shares -= 1
            return itch_encode_order_cancel(&cancel, out, ITCH_MAX_LENGTH)
        if draw < 70:
            replace.stock_locate = 7
            replace.tracking_number = 0
            replace.timestamp_ns = ns
            replace.original_order_ref = order.reference
            replace.new_order_ref = self.next_reference
            order.tick = self._tick(order.side)
            order.shares = 2 + self._below(500)
            replace.shares = order.shares
            replace.price = <int64_t>order.tick * TICK
            order.reference = self.next_reference
            self.next_reference += 1
            return itch_encode_order_replace(&replace, out, ITCH_MAX_LENGTH)
        deleted.stock_locate = 7
        deleted.tracking_number = 0
        deleted.timestamp_ns = ns
        deleted.order_ref = order.reference
        self.held -= 1
        order[0] = self.resting[self.held]
        return itch_encode_order_delete(&deleted, out, ITCH_MAX_LENGTH)
