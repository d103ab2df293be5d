"""What ITCH messages will touch of the order store, fetched while earlier messages are applied (see book/look_ahead.pxd).

A message passes four steps on its way to being applied; each looks at one entry of a small ring.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, uint8_t, uint64_t

from hotpath.book.look_ahead cimport prefetch, prefetch_index, prefetch_level, prefetch_order, prefetch_queue, prefetch_tail
from hotpath.book.order_pool cimport OrderPool
from hotpath.book.price_levels cimport LevelPool, PriceLevels
from hotpath.protocols.byteorder cimport load_be32, load_be64
from hotpath.protocols.itch cimport (
    ITCH_ADD_ORDER, ITCH_ADD_ORDER_ATTRIBUTED, ITCH_ORDER_CANCEL, ITCH_ORDER_DELETE, ITCH_ORDER_EXECUTED,
    ITCH_ORDER_EXECUTED_WITH_PRICE, ITCH_ORDER_REPLACE, itch_check,
)

# how many messages ahead each step goes
cdef enum:
    AHEAD_INDEX = 24
    AHEAD_ORDER = 16
    AHEAD_QUEUE = 8
    AHEAD_TAIL = 4
    AHEAD_RING = 32               # a power of two above AHEAD_INDEX
    AHEAD_MASK = 31

cdef enum AheadKind:
    AHEAD_NOTHING = 0             # no order message, not whole, or about an instrument without a book
    AHEAD_NEW = 1
    AHEAD_KNOWN = 2

cdef struct Ahead:
    const uint8_t* message
    const PriceLevels* levels
    uint64_t reference
    int32_t price
    uint8_t side                  # 0 buy, 1 sell
    uint8_t kind


cdef inline void ahead_index(Ahead* ahead, const OrderPool* pool, const PriceLevels* levels, const uint8_t* message,
                             size_t length) noexcept nogil:
    """levels: of the message's book, NULL = none."""
    cdef uint8_t kind
    ahead.message = message
    ahead.kind = AHEAD_NOTHING
    if levels == NULL or itch_check(message, length) < 0:
        return
    kind = message[0]
    if kind == ITCH_ADD_ORDER or kind == ITCH_ADD_ORDER_ATTRIBUTED:
        ahead.kind = AHEAD_NEW
        ahead.side = message[19] == c'S'
        ahead.price = <int32_t>load_be32(message + 32)
    elif (kind == ITCH_ORDER_DELETE or kind == ITCH_ORDER_EXECUTED or kind == ITCH_ORDER_CANCEL
          or kind == ITCH_ORDER_EXECUTED_WITH_PRICE or kind == ITCH_ORDER_REPLACE):
        ahead.kind = AHEAD_KNOWN
        if kind == ITCH_ORDER_REPLACE:
            prefetch_index(pool, load_be64(message + 19))
    else:
        return
    ahead.levels = levels
    ahead.reference = load_be64(message + 11)
    prefetch_index(pool, ahead.reference)
    prefetch(levels)
    prefetch(&levels.sides[0])
    prefetch(&levels.sides[1])


cdef inline void ahead_order(const Ahead* ahead, const OrderPool* pool) noexcept nogil:
    if ahead.kind != AHEAD_NOTHING:
        prefetch_order(pool, ahead.reference)


cdef inline void ahead_queue(const Ahead* ahead, const OrderPool* pool, const LevelPool* levels) noexcept nogil:
    if ahead.kind == AHEAD_KNOWN:
        prefetch_queue(pool, levels, ahead.reference)
    elif ahead.kind == AHEAD_NEW:
        prefetch_level(ahead.levels, ahead.side, ahead.price)


cdef inline void ahead_tail(const Ahead* ahead, const OrderPool* pool) noexcept nogil:
    if ahead.kind == AHEAD_NEW:
        prefetch_tail(ahead.levels, pool, ahead.side, ahead.price)
