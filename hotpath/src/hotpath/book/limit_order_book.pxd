"""What the feed's order book and the matching engine share: price levels in FIFO order over an order
pool, their own or one shared by many books.

Prices are Price(4) integers in 1..MAX_PRICE (any price in it, no window); quantities are shares.
Sides are the wire's characters 'B' and 'S' at the API.
"""
cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from hotpath.book.order_pool cimport (
    Order,
    OrderPool,
    allocate_order,
    either,
    find_in_slot,
    free_order,
    index_order,
    order_available,
    reference_slot,
    unindex_order,
)
from hotpath.book.order_store cimport OrderStore
from hotpath.book.price_ladder cimport LadderNode
from hotpath.book.price_levels cimport (
    Level,
    PriceLevels,
    claim_level,
    find_level,
    level_available,
    level_joined,
    level_left,
)

cdef enum:
    MAX_PRICE = 2_000_000_000   # 200,000.0000, the largest price ITCH allows
    MAX_SHARES = 2_147_483_647

cdef enum:
    SIDE_BUY = 66               # 'B'
    SIDE_SELL = 83              # 'S'

# The fields of BookEvent; price 0 = side empty.
cdef struct TopOfBook:
    int64_t bid_price
    int64_t ask_price
    int64_t bid_shares
    int64_t ask_shares
    int32_t bid_orders
    int32_t ask_orders

cdef struct LevelView:
    int64_t price
    int64_t shares
    int64_t orders

cdef class LimitOrderBook:
    """With memory of its own, or in a store that books share: then only its own orders are seen and dropped here."""
    cdef OrderPool* pool          # the store's
    cdef PriceLevels levels
    cdef OrderStore store

    cdef void top(self, TopOfBook* out) noexcept nogil
    # Fills at most `count` levels from the best on; returns how many. side: 'B' or 'S'.
    cdef int copy_levels(self, uint8_t side, LevelView* out, int count) noexcept nogil
    # 0 = unknown reference; the handle is good until the next change of the book.
    cdef uint32_t find(self, uint64_t reference) noexcept nogil
    cdef const Order* order(self, uint32_t handle) noexcept nogil
    # All live orders: bids from the best down, then asks from the best up, FIFO within a level. 0 ends.
    cdef uint32_t first_live(self) noexcept nogil
    cdef uint32_t next_live(self, uint32_t handle) noexcept nogil
    cdef uint32_t live_orders(self) noexcept nogil
    cdef uint64_t book_digest(self) noexcept nogil
    cdef void reset(self) noexcept nogil
    cdef void drop_orders(self) noexcept nogil
    # NULL when all is well, else what is broken. Slow: for tests and the debug build.
    cdef const char* broken_invariant(self) noexcept nogil
    cdef const char* broken_ladder(self, int side, uint32_t* nodes, uint32_t* leaves, uint32_t* blocks,
                                   uint32_t* levels) noexcept nogil
    cdef const char* broken_node(self, const LadderNode* node, uint32_t parent, uint32_t place) noexcept nogil
    cdef const char* broken_leaf(self, int side, uint32_t handle, uint32_t parent, uint32_t number, uint32_t* blocks,
                                 uint32_t* levels) noexcept nogil
    cdef const char* broken_side(self, int side, uint32_t* levels, uint32_t* orders) noexcept nogil
    cdef object row(self, uint32_t handle)


cdef inline int side_index(uint8_t side) noexcept nogil:
    """0 buy, 1 sell, -1 neither; no branch on the side, which alternates at random."""
    cdef int sell = side == SIDE_SELL
    cdef int buy = side == SIDE_BUY
    return 2 * sell + buy - 1


cdef inline uint8_t side_character(uint8_t index) noexcept nogil:
    return <uint8_t>(SIDE_BUY + index * (SIDE_SELL - SIDE_BUY))


cdef inline bint valid_price(int64_t price) noexcept nogil:
    return 1 <= price <= MAX_PRICE


cdef inline bint valid_shares(uint32_t shares) noexcept nogil:
    return 1 <= shares <= MAX_SHARES


cdef inline bint can_rest(OrderPool* pool, PriceLevels* levels, int side, int32_t price) noexcept nogil:
    return order_available(pool) and (level_available(levels) or find_level(levels, side, price) != 0)


cdef inline uint32_t find_own(const OrderPool* pool, const PriceLevels* levels, uint32_t slot,
                              uint64_t reference) noexcept nogil:
    """Handle of the book's live order, 0 when the reference is unknown. slot: that of the reference."""
    cdef uint32_t handle = find_in_slot(pool, slot, reference)
    return handle if pool.orders[handle].book == levels.book else 0


@cython.overflowcheck(False)
cdef inline uint64_t mix(uint64_t digest, uint64_t value) noexcept nogil:
    digest = (digest ^ value) * <uint64_t>0x9E3779B97F4A7C15
    return digest ^ (digest >> 29)


cdef inline void join_queue(OrderPool* pool, PriceLevels* levels, uint32_t handle, int side, int32_t price,
                            uint32_t shares) noexcept nogil:
    """To the tail of its price's level, for which there must be room."""
    cdef uint32_t level = claim_level(levels, side, price)
    cdef Order* orders = pool.orders
    cdef Order* order = &orders[handle]
    cdef Level* queue = &levels.levels[level]
    cdef uint32_t tail = queue.tail
    cdef uint32_t* link = either(tail, &orders[tail].next, &queue.head)
    order.sequence = pool.next_sequence
    pool.next_sequence += 1
    order.price = price
    order.shares = shares
    order.level = level
    order.next = 0
    order.prev = tail
    link[0] = handle
    queue.tail = handle
    queue.price = price
    queue.orders += 1
    queue.shares += shares
    level_joined(levels, side, level, price, tail == 0)


cdef inline void leave_queue(OrderPool* pool, PriceLevels* levels, const Order* order) noexcept nogil:
    """Out of its level, which goes when this was the last order there."""
    cdef Order* orders = pool.orders
    cdef uint32_t level = order.level
    cdef uint32_t next = order.next
    cdef uint32_t prev = order.prev
    cdef Level* queue = &levels.levels[level]
    cdef uint32_t* before = either(prev, &orders[prev].next, &queue.head)
    cdef uint32_t* after = either(next, &orders[next].prev, &queue.tail)
    before[0] = next
    after[0] = prev
    queue.orders -= 1
    queue.shares -= order.shares
    level_left(levels, order.side, level, (next | prev) == 0)


cdef inline uint32_t rest(OrderPool* pool, PriceLevels* levels, uint64_t reference, uint32_t slot, int side,
                          int32_t price, uint32_t shares) noexcept nogil:
    """New order at the tail of its level; the reference must be new, slot is its own; can_rest() must hold."""
    cdef uint32_t handle = allocate_order(pool)
    cdef Order* order = &pool.orders[handle]
    index_order(pool, slot, handle)
    order.reference = reference
    order.side = <uint8_t>side
    order.book = levels.book
    levels.orders += 1
    join_queue(pool, levels, handle, side, price, shares)
    return handle


cdef inline void take_off(OrderPool* pool, PriceLevels* levels, uint32_t handle) noexcept nogil:
    """Removes a live order, and its level when it was the last one there."""
    leave_queue(pool, levels, &pool.orders[handle])
    unindex_order(pool, reference_slot(pool, pool.orders[handle].reference), handle)
    free_order(pool, handle)
    levels.orders -= 1


cdef inline void decrease(OrderPool* pool, PriceLevels* levels, uint32_t handle, uint32_t shares) noexcept nogil:
    """Fewer shares, same priority. `shares` must be below what is open."""
    pool.orders[handle].shares -= shares
    levels.levels[pool.orders[handle].level].shares -= shares
