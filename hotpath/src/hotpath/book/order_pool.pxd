"""Fixed-capacity order pool of one or many books and its index by order reference, as inline functions over C structs.

Orders are addressed by handle (a pool index, 0 = none). The index is a table of handles; orders that share a slot are
chained through the orders themselves, so a removal moves nothing and leaves nothing behind.
"""
cimport cython
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t

# `other` for a handle, `otherwise` for 0. List ends are met at random, so a branch would be mispredicted; the empty
# statement keeps the compiler from making one, which it does when it may compute `other` only if needed.
cdef extern from *:
    """
    #include <stdint.h>
    static inline uint32_t *hotpath_either(uint32_t handle, uint32_t *other, uint32_t *otherwise) {
        __asm__("" : "+r"(other));
        return handle ? other : otherwise;
    }
    """
    uint32_t* either "hotpath_either" (uint32_t handle, uint32_t* other, uint32_t* otherwise) noexcept nogil

cdef enum:
    RUN_BITS = 10             # references that stay together in the index: a page of slots
    RUN_MASK = 1023

# One cache line. price in Price(4), quantities in shares.
cdef struct Order:
    uint64_t reference
    uint64_t sequence         # time priority: grows with each queueing in this pool
    uint32_t next             # FIFO of the level, towards lower priority; free list when not live
    uint32_t prev
    uint32_t level            # handle of the price level
    uint32_t shares           # open
    uint32_t owner_next       # orders of one owner, in no order that counts
    uint32_t owner_prev
    uint32_t consumed         # executed or decremented by self-match prevention, over the replace chain
    uint32_t token            # caller's own word, given back in every event
    int32_t price
    uint16_t owner            # 0 = anonymous
    uint8_t side              # 0 buy, 1 sell
    uint8_t live
    uint32_t collision        # next order of the same index slot
    uint32_t book             # number of the book that holds it, 1..; meaningless when not live

cdef struct OrderPool:
    Order* orders
    uint32_t* slots           # a power of two, at least a run, each the first order of its chain
    uint32_t capacity
    uint32_t live
    uint32_t high_water       # handles 1..high_water have been handed out at least once
    uint32_t free_head
    uint32_t slot_shift       # 64 less the bits of a slot number
    uint64_t next_sequence


@cython.overflowcheck(False)
cdef inline uint32_t reference_slot(const OrderPool* pool, uint64_t reference) noexcept nogil:
    """References given out in a row have neighbouring slots; where the row is, and its order, is a hash."""
    return <uint32_t>(((reference >> RUN_BITS) * <uint64_t>0x9E3779B97F4A7C15) >> pool.slot_shift) ^ (
        <uint32_t>reference & RUN_MASK)


cdef inline bint order_available(const OrderPool* pool) noexcept nogil:
    return pool.live < pool.capacity


cdef inline uint32_t find_in_slot(const OrderPool* pool, uint32_t slot, uint64_t reference) noexcept nogil:
    """Handle of a live order, 0 when the reference is unknown. slot: that of the reference."""
    cdef uint32_t handle = pool.slots[slot]
    while handle != 0 and pool.orders[handle].reference != reference:
        handle = pool.orders[handle].collision
    return handle


cdef inline void index_order(OrderPool* pool, uint32_t slot, uint32_t handle) noexcept nogil:
    pool.orders[handle].collision = pool.slots[slot]
    pool.slots[slot] = handle


cdef inline void unindex_order(OrderPool* pool, uint32_t slot, uint32_t handle) noexcept nogil:
    cdef uint32_t* link = &pool.slots[slot]
    while link[0] != handle:
        link = &pool.orders[link[0]].collision
    link[0] = pool.orders[handle].collision


cdef inline uint32_t allocate_order(OrderPool* pool) noexcept nogil:
    """A live order, not yet indexed and with no field set; order_available() must hold."""
    cdef uint32_t handle = pool.free_head
    if handle != 0:
        pool.free_head = pool.orders[handle].next
    else:
        pool.high_water += 1
        handle = pool.high_water
    pool.live += 1
    pool.orders[handle].live = 1
    return handle


cdef inline void free_order(OrderPool* pool, uint32_t handle) noexcept nogil:
    """Back to the pool; unindexing is the caller's."""
    pool.orders[handle].live = 0
    pool.orders[handle].next = pool.free_head
    pool.free_head = handle
    pool.live -= 1
