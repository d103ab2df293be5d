"""Book building with few to millions of resting orders, message by message and in batches that look ahead.

The flow is generated against a model of its own (arrays by order number), whose counts the book must match.
"""
cimport cython
from libc.math cimport exp, log
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from benchmarks.native.resources cimport Resources, figures, resources
from benchmarks.native.samples cimport Samples
from hotpath.book.look_ahead cimport prefetch_index, prefetch_level, prefetch_order, prefetch_queue, prefetch_tail
from hotpath.book.order_book cimport Applied, OrderBook
from hotpath.book.order_pool cimport Order
from hotpath.book.order_store cimport OrderStore
from hotpath.ipc.clock cimport monotonic_ns

AGES = ("log-uniform", "uniform")

cdef enum:
    TICK = 100
    MIDDLE = 20_000               # ticks
    MEAN_DISTANCE = 300           # of a new order's price from the middle
    MAX_DISTANCE = 15_000
    # how many messages ahead each step of the look-ahead goes
    AHEAD_INDEX = 24
    AHEAD_ORDER = 16
    AHEAD_QUEUE = 8
    AHEAD_TAIL = 4

cdef enum ScaleKind:
    KIND_NONE = 0
    KIND_ADD = 1
    KIND_DELETE = 2
    KIND_REPLACE = 3
    KIND_EXECUTE = 4
    KIND_CANCEL = 5

cdef struct ScaleMessage:
    uint64_t reference
    uint64_t new_reference
    int32_t price
    uint32_t shares
    uint8_t kind
    uint8_t side                  # 0 buy, 1 sell; of the order named

cdef struct ModelOrder:
    uint32_t shares               # 0 = not resting
    uint32_t place                # index in `resting`
    int32_t tick
    uint8_t side


@cython.final
cdef class ScaleFlow:
    cdef ScaleMessage* messages   # the first `orders` fill the book and are not timed
    cdef ModelOrder* model        # by reference
    cdef uint32_t* resting        # references
    cdef uint32_t live
    cdef uint32_t next_reference
    cdef bint by_age
    cdef uint64_t random
    cdef uint64_t kinds[6]
    cdef readonly uint32_t orders
    cdef readonly uint32_t count
    cdef readonly str ages
    cdef readonly dict expected

    def __cinit__(self, uint32_t orders, uint32_t count, str ages, uint64_t seed=1):
        cdef uint32_t i
        cdef size_t total = <size_t>orders + count
        cdef uint64_t shares = 0
        cdef uint64_t sum_ = 0
        if ages not in AGES:
            raise ValueError(f"ages {ages!r}: known are {', '.join(AGES)}")
        if not 100 <= orders <= 50_000_000 or not 1 <= count <= 50_000_000:
            raise ValueError(f"orders {orders}, count {count}: must be 100 to 50,000,000 and 1 to 50,000,000")
        self.orders = orders
        self.count = count
        self.ages = ages
        self.by_age = ages == AGES[0]
        self.random = seed * 2 + 1
        self.next_reference = 1
        self.messages = <ScaleMessage*>calloc(total + AHEAD_INDEX, sizeof(ScaleMessage))
        self.model = <ModelOrder*>calloc(total + 1, sizeof(ModelOrder))
        self.resting = <uint32_t*>calloc(total, sizeof(uint32_t))
        if self.messages == NULL or self.model == NULL or self.resting == NULL:
            raise MemoryError(f"no memory for {total} messages")
        with nogil:
            for i in range(orders):
                self._add(&self.messages[i])
            for i in range(6):
                self.kinds[i] = 0
            for i in range(count):
                self._step(&self.messages[orders + i])
            for i in range(self.live):
                shares += self.model[self.resting[i]].shares
                sum_ += <uint64_t>self.resting[i] * self.model[self.resting[i]].shares
        self.expected = {"resting_orders": self.live, "open_shares": shares, "reference_sum": sum_ & ((1 << 62) - 1)}
        free(self.model)
        free(self.resting)
        self.model = NULL
        self.resting = NULL

    def __dealloc__(self):
        free(self.messages)
        free(self.model)
        free(self.resting)

    @property
    def statistics(self):
        names = ("add", "delete", "replace", "execute", "cancel")
        return {
            "messages": self.count,
            "orders_resting": self.orders,
            **{f"{name}_percent": round(100.0 * self.kinds[i + 1] / self.count, 1) for i, name in enumerate(names)},
            "mean_ticks_from_middle": MEAN_DISTANCE,
        }

    @cython.overflowcheck(False)
    cdef uint64_t _draw(self) noexcept nogil:
        cdef uint64_t z
        self.random += <uint64_t>0x9E3779B97F4A7C15
        z = self.random
        z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
        z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
        return z ^ (z >> 31)

    cdef uint32_t _below(self, uint32_t limit) noexcept nogil:
        return <uint32_t>(((self._draw() >> 32) * limit) >> 32)

    cdef double _unit(self) noexcept nogil:
        """In (0, 1]."""
        return (<double>(self._draw() >> 11) + 1.0) / 9007199254740992.0

    cdef uint32_t _victim(self) noexcept nogil:
        """A resting order: any, or one whose age in orders is log-uniform (the nearest that still rests)."""
        cdef uint32_t age, step
        if self.by_age:
            age = <uint32_t>exp(self._unit() * log(<double>self.next_reference - 1.0))
            for step in range(64):
                if 1 <= age + step < self.next_reference and self.model[self.next_reference - age - step].shares:
                    return self.next_reference - age - step
        return self.resting[self._below(self.live)]

    cdef void _enter(self, int32_t tick, uint8_t side, uint32_t shares) noexcept nogil:
        cdef ModelOrder* order = &self.model[self.next_reference]
        order.shares = shares
        order.tick = tick
        order.side = side
        order.place = self.live
        self.resting[self.live] = self.next_reference
        self.live += 1
        self.next_reference += 1

    cdef void _leave(self, uint32_t reference) noexcept nogil:
        cdef uint32_t place = self.model[reference].place
        self.model[reference].shares = 0
        self.live -= 1
        self.resting[place] = self.resting[self.live]
        self.model[self.resting[place]].place = place

    cdef void _add(self, ScaleMessage* message) noexcept nogil:
        cdef uint8_t side = <uint8_t>self._below(2)
        cdef int32_t distance = 1 + min(<int32_t>(-log(self._unit()) * MEAN_DISTANCE), <int32_t>MAX_DISTANCE)
        cdef int32_t tick = MIDDLE + distance if side else MIDDLE - distance
        message.kind = KIND_ADD
        message.side = side
        message.reference = self.next_reference
        message.price = tick * TICK
        message.shares = 1 + self._below(500)
        self._enter(tick, side, message.shares)

    cdef void _step(self, ScaleMessage* message) noexcept nogil:
        """44 % add, 40 % delete, 10 % replace, 4 % execute, 2 % cancel; the number of orders is held within 1 %."""
        cdef uint32_t draw = self._below(100)
        cdef uint32_t reference
        cdef ModelOrder* order
        if self.live > self.orders + self.orders // 100:
            draw = 50
        elif self.live < self.orders - self.orders // 100:
            draw = 0
        if draw < 44:
            self._add(message)
            self.kinds[<int>KIND_ADD] += 1
            return
        reference = self._victim()
        order = &self.model[reference]
        message.reference = reference
        message.side = order.side
        if draw < 84:
            message.kind = KIND_DELETE
            self._leave(reference)
        elif draw < 94:
            message.kind = KIND_REPLACE
            message.new_reference = self.next_reference
            message.shares = 1 + self._below(500)
            message.price = order.tick + <int32_t>self._below(21) - 10
            # keeps to its side of the middle
            message.price = max(message.price, MIDDLE + 1) if order.side else min(message.price, MIDDLE - 1)
            self._leave(reference)
            self._enter(message.price, order.side, message.shares)
            message.price *= TICK
        else:
            message.kind = KIND_EXECUTE if draw < 98 else KIND_CANCEL
            message.shares = 1 + self._below(order.shares)
            if message.shares == order.shares:
                self._leave(reference)
            else:
                order.shares -= message.shares
        self.kinds[message.kind] += 1


cdef inline void _apply(OrderBook book, const ScaleMessage* message, Applied* applied) noexcept nogil:
    if message.kind == KIND_ADD:
        book.add(message.reference, c'S' if message.side else c'B', message.price, message.shares)
    elif message.kind == KIND_DELETE:
        book.delete(message.reference, applied)
    elif message.kind == KIND_REPLACE:
        book.replace(message.reference, message.new_reference, message.price, message.shares, applied)
    elif message.kind == KIND_EXECUTE:
        book.execute(message.reference, message.shares, applied)
    else:
        book.cancel(message.reference, message.shares, applied)


cdef inline void _look_ahead(OrderBook book, const ScaleMessage* now) noexcept nogil:
    """What the messages ahead of this one will need."""
    cdef const ScaleMessage* ahead = now + AHEAD_INDEX
    prefetch_index(book.pool, ahead.reference)
    prefetch_index(book.pool, ahead.new_reference)
    ahead = now + AHEAD_ORDER
    prefetch_order(book.pool, ahead.reference)
    prefetch_order(book.pool, ahead.new_reference)
    ahead = now + AHEAD_QUEUE
    if ahead.kind != KIND_ADD:
        prefetch_queue(book.pool, book.levels.pool, ahead.reference)
    if ahead.price != 0:
        prefetch_level(&book.levels, ahead.side, ahead.price)
    ahead = now + AHEAD_TAIL
    if ahead.price != 0:
        prefetch_tail(&book.levels, book.pool, ahead.side, ahead.price)


@cython.final
cdef class ScaleRun:
    """One book, reused for every round; its memory is touched before the first."""
    cdef OrderStore store
    cdef OrderBook book
    cdef ScaleFlow flow
    cdef Samples samples
    cdef bint look_ahead

    def __init__(self, ScaleFlow flow not None, Samples samples not None, bint look_ahead):
        self.flow = flow
        self.samples = samples
        self.look_ahead = look_ahead
        self.store = OrderStore(flow.orders + flow.orders // 50, prefault=True)
        self.book = OrderBook(store=self.store)

    cdef void _run(self, const ScaleMessage* messages, uint32_t count, bint timed) noexcept nogil:
        cdef Applied applied
        cdef int64_t before
        cdef uint32_t i
        for i in range(count):
            before = monotonic_ns() if timed else 0
            if self.look_ahead:
                _look_ahead(self.book, &messages[i])
            _apply(self.book, &messages[i], &applied)
            if timed:
                self.samples.record(monotonic_ns() - before)

    def round(self, bint timed):
        """(ns for the timed messages, what was counted, what they used); timed: latencies go to the samples."""
        cdef Resources before, after
        cdef int64_t ns
        cdef uint64_t shares = 0
        cdef uint64_t sum_ = 0
        cdef uint32_t handle
        cdef const Order* order
        cdef const ScaleMessage* messages = self.flow.messages
        self.samples.count = 0
        with nogil:
            self.book.reset()
            self._run(messages, self.flow.orders, False)
            before = resources()
            ns = monotonic_ns()
            self._run(messages + self.flow.orders, self.flow.count, timed)
            ns = monotonic_ns() - ns
            after = resources()
            handle = self.book.first_live()
            while handle != 0:
                order = self.book.order(handle)
                shares += order.shares
                sum_ += order.reference * order.shares
                handle = self.book.next_live(handle)
        return ns, {
            "resting_orders": self.book.live_orders(),
            "open_shares": shares,
            "reference_sum": sum_ & ((1 << 62) - 1),
        }, {**figures(&before, &after), "bytes_per_order": self.store.used_bytes / max(1, self.book.live_orders())}
