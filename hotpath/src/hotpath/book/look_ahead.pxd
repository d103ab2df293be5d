"""Cache lines of a message fetched while earlier messages are applied, for callers that have several at hand.

A random access to memory takes as long as several messages do. Each call below needs what the one before has fetched,
so a batch makes them at growing nearness to the message, for example:

    12 messages ahead   prefetch_index(store.pool, reference), for a replace also of the new one
     8 messages ahead   prefetch_order(store.pool, reference)
     4 messages ahead   prefetch_queue(store.pool, store.levels, reference); prefetch_level(book.levels, side, price)
     2 messages ahead   prefetch_tail(book.levels, store.pool, side, price)

Nothing here changes a book or depends on what the messages between do: a wrong guess costs its time only.
"""
from libc.stdint cimport int32_t, uint32_t, uint64_t

from hotpath.book.order_pool cimport Order, OrderPool, reference_slot
from hotpath.book.price_ladder cimport LADDER_SPAN, RADIX_BITS, RADIX_MASK, LadderLeaf, ladder_position, level_at
from hotpath.book.price_levels cimport LevelPool, PriceLevels, Side

# The empty statement: the compiler takes a function that only prefetches for one without effect, and drops it.
cdef extern from *:
    """
    static inline void hotpath_prefetch(const void *address) {
        __builtin_prefetch(address);
        __asm__ volatile("");
    }
    """
    void prefetch "hotpath_prefetch" (const void* address) noexcept nogil


cdef inline void prefetch_index(const OrderPool* pool, uint64_t reference) noexcept nogil:
    prefetch(&pool.slots[reference_slot(pool, reference)])


cdef inline void prefetch_order(const OrderPool* pool, uint64_t reference) noexcept nogil:
    """The first order of the reference's slot: nearly always it, or what a new reference has to be told from."""
    prefetch(&pool.orders[pool.slots[reference_slot(pool, reference)]])


cdef inline void prefetch_queue(const OrderPool* pool, const LevelPool* levels, uint64_t reference) noexcept nogil:
    """The order's neighbours and level."""
    cdef const Order* order = &pool.orders[pool.slots[reference_slot(pool, reference)]]
    prefetch(&pool.orders[order.next])
    prefetch(&pool.orders[order.prev])
    prefetch(&levels.levels[order.level])
    prefetch(&levels.homes[order.level >> 3])


cdef inline const LadderLeaf* near_leaf(const PriceLevels* book, int side, uint32_t position) noexcept nogil:
    """Leaf 0 unless the position is in the part of the ladder lately used."""
    cdef const Side* own = &book.sides[side]
    cdef uint32_t number = position >> 2 * RADIX_BITS
    if own.ladder.near_number[number & 1] != number:
        return &book.pool.ladder.leaves[0]
    return &book.pool.ladder.leaves[
        book.pool.ladder.nodes[own.ladder.near[number & 1]].slots[(position >> RADIX_BITS) & RADIX_MASK]]


cdef inline void prefetch_level(const PriceLevels* book, int side, int32_t price) noexcept nogil:
    """The level that an order at this price would join. side: 0 buy, 1 sell."""
    cdef uint32_t position = ladder_position(&book.tick, side, <uint32_t>price)
    if position != LADDER_SPAN:
        prefetch(&book.levels[level_at(near_leaf(book, side, position), position & RADIX_MASK)])


cdef inline void prefetch_tail(const PriceLevels* book, const OrderPool* pool, int side, int32_t price) noexcept nogil:
    """The last order of that level."""
    cdef uint32_t position = ladder_position(&book.tick, side, <uint32_t>price)
    cdef uint32_t level
    if position != LADDER_SPAN:
        level = level_at(near_leaf(book, side, position), position & RADIX_MASK)
        prefetch(&pool.orders[book.levels[level].tail])
