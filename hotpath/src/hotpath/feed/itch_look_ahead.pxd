"""What ITCH messages will touch of the order store, fetched while earlier messages are applied (see book/look_ahead.pxd).

A message passes these steps on its way to being applied; each looks at one entry of a small ring, and at what the step
before has fetched.
"""
cimport cython
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from hotpath.book.look_ahead cimport prefetch
from hotpath.book.order_pool cimport Order, OrderPool, reference_slot
from hotpath.book.price_ladder cimport BLOCK_BITS, RADIX_BITS, RADIX_MASK, LadderLeaf, ladder_position, level_at
from hotpath.book.price_levels cimport LevelPool, PriceLevels
from hotpath.protocols.byteorder cimport load_be32, load_be64
from hotpath.protocols.itch cimport ITCH_ORDER_REPLACE, itch_check, itch_stock_locate

cdef extern from * nogil:
    """
    #include <stdint.h>
    /* 1: enters an order, 2: names one */
    static const uint8_t hotpath_ahead_kinds[256] = {
        ['A'] = 1, ['F'] = 1, ['D'] = 2, ['E'] = 2, ['C'] = 2, ['X'] = 2, ['U'] = 2,
    };
    """
    const uint8_t hotpath_ahead_kinds[256]

# how many messages ahead each step goes
cdef enum:
    AHEAD_SEEN = 32
    AHEAD_INDEX = 24
    AHEAD_ORDER = 16
    AHEAD_LEAF = 12
    AHEAD_QUEUE = 8
    AHEAD_TAIL = 4
    AHEAD_RING = 64               # a power of two above AHEAD_SEEN
    AHEAD_MASK = 63

# What the steps have found out. It may be out of date when it is used: that costs a fetch for nothing, no more.
cdef struct Ahead:
    const uint8_t* message
    const PriceLevels* levels     # of its book; NULL = none, or the message names no order or is not whole
    uint64_t reference
    uint32_t slot                 # of the reference in the index
    uint32_t order                # handle of the order first in that slot
    uint32_t price                # of a new order
    uint32_t position             # of that price on the ladder
    uint32_t level                # handle of the level that a new order will join
    uint16_t locate
    uint8_t side                  # of a new order: 0 buy, 1 sell
    uint8_t kind                  # of hotpath_ahead_kinds

# Whether a message enters an order or names one is as good as random, and a branch on it costs more than what it would
# spare: each step does the same for both. What one of them lacks is 0, and leads to entries that are always near.


@cython.overflowcheck(False)
cdef inline void ahead_seen(Ahead* ahead, const uint8_t* message, size_t length) noexcept nogil:
    """What the message names, taken out once for all steps."""
    cdef uint32_t entering
    ahead.message = message
    ahead.levels = NULL
    ahead.kind = 0
    ahead.locate = 0
    if itch_check(message, length) < 0:
        return
    ahead.locate = itch_stock_locate(message)
    ahead.kind = hotpath_ahead_kinds[message[0]]
    if ahead.kind == 0:
        return
    # all bits for a message that has a side and price, else none: then the first byte is read instead
    entering = <uint32_t>0 - <uint32_t>(ahead.kind & 1)
    ahead.reference = load_be64(message + 11)
    ahead.price = load_be32(message + (32 & entering)) & entering
    ahead.side = (message[19 & entering] == c'S') & entering


cdef inline void ahead_index(Ahead* ahead, const OrderPool* pool, const PriceLevels* levels) noexcept nogil:
    """levels: of the message's book, NULL = none."""
    if levels == NULL or ahead.kind == 0:
        return
    ahead.levels = levels
    ahead.slot = reference_slot(pool, ahead.reference)
    prefetch(&pool.slots[ahead.slot])
    if ahead.message[0] == ITCH_ORDER_REPLACE:
        prefetch(&pool.slots[reference_slot(pool, load_be64(ahead.message + 19))])
    prefetch(levels)
    prefetch(&levels.sides[0])
    prefetch(&levels.sides[1])


cdef inline void ahead_order(Ahead* ahead, const OrderPool* pool) noexcept nogil:
    """The order, or what a new reference has to be told from; the way to a new order's level."""
    cdef const PriceLevels* levels = ahead.levels
    cdef uint32_t number
    if levels == NULL:
        return
    ahead.order = pool.slots[ahead.slot]
    prefetch(&pool.orders[ahead.order])
    ahead.position = ladder_position(&levels.tick, ahead.side, ahead.price)
    number = ahead.position >> 2 * RADIX_BITS
    prefetch(&levels.pool.ladder.nodes[levels.sides[ahead.side].ladder.near[number & 1]].slots[
        (ahead.position >> RADIX_BITS) & RADIX_MASK])


@cython.overflowcheck(False)
cdef inline const LadderLeaf* ahead_leaf_of(const Ahead* ahead) noexcept nogil:
    """Leaf 0 unless the position is in the part of the ladder lately used."""
    cdef const PriceLevels* levels = ahead.levels
    cdef uint32_t number = ahead.position >> 2 * RADIX_BITS
    cdef uint32_t known = <uint32_t>0 - <uint32_t>(levels.sides[ahead.side].ladder.near_number[number & 1] == number)
    cdef uint32_t node = levels.sides[ahead.side].ladder.near[number & 1] & known
    return &levels.pool.ladder.leaves[
        levels.pool.ladder.nodes[node].slots[(ahead.position >> RADIX_BITS) & RADIX_MASK]]


cdef inline void ahead_leaf(const Ahead* ahead) noexcept nogil:
    if ahead.levels != NULL:
        prefetch(ahead_leaf_of(ahead))


cdef inline void ahead_queue(Ahead* ahead, const OrderPool* pool, const LevelPool* levels) noexcept nogil:
    """The level, and the order's neighbours there."""
    cdef const Order* order
    if ahead.levels == NULL:
        return
    order = &pool.orders[ahead.order]
    prefetch(&pool.orders[order.next])
    prefetch(&pool.orders[order.prev])
    prefetch(&levels.levels[order.level])
    prefetch(&levels.homes[order.level >> BLOCK_BITS])
    ahead.level = level_at(ahead_leaf_of(ahead), ahead.position & RADIX_MASK)
    prefetch(&levels.levels[ahead.level])


cdef inline void ahead_tail(const Ahead* ahead, const OrderPool* pool, const LevelPool* levels) noexcept nogil:
    """The order that a new one comes behind; the part of the ladder that may go with the order's level."""
    if ahead.levels == NULL:
        return
    prefetch(&levels.ladder.leaves[levels.homes[pool.orders[ahead.order].level >> BLOCK_BITS] >> RADIX_BITS])
    prefetch(&pool.orders[levels.levels[ahead.level].tail])
