"""Fixed-capacity order pool and its index by order reference, as inline functions over C structs.

Orders are addressed by handle (a pool index, 0 = none). The index is open addressing with linear probing; a bucket
keeps 32 hash bits beside the handle, so a probe touches an order only when it most likely is the one asked for.
"""
cimport cython
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t

# One cache line. price in Price(4), quantities in shares.
cdef struct Order:
    uint64_t reference
    uint64_t sequence         # time priority: grows with each queueing in this book
    uint32_t next             # FIFO of the level, towards lower priority; free list when not live
    uint32_t prev
    uint32_t level            # handle of the price level
    uint32_t shares           # open
    uint32_t owner_next       # orders of one owner, oldest first
    uint32_t owner_prev
    uint32_t consumed         # executed or decremented by self-match prevention, over the replace chain
    uint32_t token            # caller's own word, given back in every event
    int32_t price
    uint16_t owner            # 0 = anonymous
    uint8_t side              # 0 buy, 1 sell
    uint8_t live
    uint64_t reserved

cdef struct Bucket:
    uint32_t hash
    uint32_t handle

cdef struct OrderPool:
    Order* orders
    Bucket* buckets
    uint32_t capacity
    uint32_t live
    uint32_t high_water       # handles 1..high_water have been handed out at least once
    uint32_t free_head
    uint32_t bucket_mask
    uint32_t bucket_shift
    uint64_t next_sequence


@cython.overflowcheck(False)
cdef inline uint32_t reference_hash(uint64_t reference) noexcept nogil:
    return <uint32_t>((reference * <uint64_t>0x9E3779B97F4A7C15) >> 32)


cdef inline bint order_available(const OrderPool* pool) noexcept nogil:
    return pool.live < pool.capacity


cdef inline uint32_t find_order(const OrderPool* pool, uint64_t reference) noexcept nogil:
    """Handle of a live order, 0 when the reference is unknown."""
    cdef uint32_t hash = reference_hash(reference)
    cdef uint32_t slot = hash >> pool.bucket_shift
    while pool.buckets[slot].handle != 0:
        if pool.buckets[slot].hash == hash and pool.orders[pool.buckets[slot].handle].reference == reference:
            return pool.buckets[slot].handle
        slot = (slot + 1) & pool.bucket_mask
    return 0


cdef inline uint32_t allocate_order(OrderPool* pool, uint64_t reference) noexcept nogil:
    """A live, indexed order with only its reference set; 0 when the pool is exhausted. The reference must be new."""
    cdef uint32_t handle = pool.free_head
    cdef uint32_t hash
    cdef uint32_t slot
    if handle != 0:
        pool.free_head = pool.orders[handle].next
    elif pool.high_water < pool.capacity:
        pool.high_water += 1
        handle = pool.high_water
    else:
        return 0
    pool.live += 1
    pool.orders[handle].reference = reference
    pool.orders[handle].live = 1
    hash = reference_hash(reference)
    slot = hash >> pool.bucket_shift
    while pool.buckets[slot].handle != 0:
        slot = (slot + 1) & pool.bucket_mask
    pool.buckets[slot].hash = hash
    pool.buckets[slot].handle = handle
    return handle


@cython.overflowcheck(False)
cdef inline void free_order(OrderPool* pool, uint32_t handle) noexcept nogil:
    """Back to the pool and out of the index; later buckets move up, so no tombstones build up."""
    cdef uint32_t slot = reference_hash(pool.orders[handle].reference) >> pool.bucket_shift
    cdef uint32_t probe
    cdef uint32_t home
    while pool.buckets[slot].handle != handle:
        slot = (slot + 1) & pool.bucket_mask
    probe = slot
    while True:
        probe = (probe + 1) & pool.bucket_mask
        if pool.buckets[probe].handle == 0:
            break
        home = pool.buckets[probe].hash >> pool.bucket_shift
        if ((probe - home) & pool.bucket_mask) >= ((probe - slot) & pool.bucket_mask):
            pool.buckets[slot] = pool.buckets[probe]
            slot = probe
    pool.buckets[slot].handle = 0
    pool.orders[handle].live = 0
    pool.orders[handle].next = pool.free_head
    pool.free_head = handle
    pool.live -= 1
