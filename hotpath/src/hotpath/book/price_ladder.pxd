"""Price ladder of one side: a place per tick, and bitmaps that give the next level without a search.

Positions count ticks from the side's best possible price, so on either side a smaller position is a better price.
A leaf spans 64 ticks and has its levels in blocks of eight; leaves are reached over two steps of 64 from a root in the
book. All of it comes from pools, as prices need it: there is no window to move, and a book with few levels is small.
That a level within its block needs no allocation is what makes orders come and go without a branch on whether they are
alone at their price. A price that is no multiple of the tick, lies beyond the span or finds the pools empty goes to the
tree (see price_levels.pxd).
"""
cimport cython
from libc.stdint cimport uint32_t, uint64_t

cdef extern from *:
    int trailing_zeros "__builtin_ctzll" (unsigned long long) noexcept nogil

cdef enum:
    RADIX_BITS = 6
    RADIX = 64
    RADIX_MASK = 63
    BLOCK_BITS = 3
    BLOCK_LEVELS = 8
    BLOCK_MASK = 7
    LEAF_BLOCKS = 8
    ROOT_SLOTS = 80               # reaches the largest price in penny ticks
    LADDER_HEIGHT = 3             # steps from the root to a leaf
    LADDER_SPAN = 20_971_520      # positions: 80 * 64 * 64 * 64; as a position: not on the ladder
    PRICE_BITS = 31

# One cache line.
cdef struct LadderLeaf:
    uint64_t bits                 # bit = there are orders at this tick
    uint32_t parent               # of a free leaf: the next free one
    uint32_t place                # slot in the parent
    uint32_t blocks[8]            # of levels, 0 = none at these eight ticks
    uint64_t reserved[2]

cdef struct LadderNode:
    uint64_t bits                 # bit = the slot is occupied; a node without any is free
    uint32_t parent               # 0 = the root; of a free node: the next free one
    uint32_t place                # slot in the parent
    uint32_t reserved[4]
    uint32_t slots[64]            # height 1: leaves; height 2: nodes of height 1; 0 = none

# Leaf 0 and node 0 stay empty and stand for all that are not there.
cdef struct LadderPool:
    LadderLeaf* leaves
    LadderNode* nodes
    uint32_t leaf_capacity        # leaves 1..capacity
    uint32_t leaf_live
    uint32_t leaf_high_water
    uint32_t leaf_free
    uint32_t capacity             # nodes 1..capacity
    uint32_t live
    uint32_t high_water
    uint32_t free_head

cdef struct LadderRoot:
    uint64_t bits[2]
    uint32_t slots[80]            # nodes of height 2

cdef struct Ladder:
    LadderRoot* root
    # Nodes of height 1 lately used, by the last bit of their number: a book lives in one or two neighbours.
    uint32_t near_number[2]
    uint32_t near[2]              # 0 = the node of this number does not exist

# Exact division by the tick for every price below 2^31, as multiplication and shift.
cdef struct TickSize:
    uint32_t tick
    uint32_t shift
    uint64_t reciprocal


cdef inline TickSize tick_size(uint32_t tick) noexcept nogil:
    cdef TickSize size
    size.tick = tick
    size.shift = PRICE_BITS
    while (<uint64_t>1 << (size.shift - PRICE_BITS)) < tick:
        size.shift += 1
    size.reciprocal = (<uint64_t>1 << size.shift) // tick + 1
    return size


@cython.overflowcheck(False)
cdef inline uint32_t ladder_position(const TickSize* size, int side, uint32_t price) noexcept nogil:
    """LADDER_SPAN for a price that has no place on the ladder."""
    cdef uint32_t ticks = <uint32_t>((<uint64_t>price * size.reciprocal) >> size.shift)
    if ticks * size.tick != price or ticks >= LADDER_SPAN:
        return LADDER_SPAN
    # from the other end for bids; sides alternate at random, so there is no branch on them
    return (ticks ^ (<uint32_t>side - 1)) + ((<uint32_t>side - 1) & LADDER_SPAN)


@cython.overflowcheck(False)
cdef inline uint32_t position_after(const TickSize* size, int side, uint32_t price) noexcept nogil:
    """First position whose price is worse than this one, on the ladder or not."""
    cdef uint32_t ticks = <uint32_t>((<uint64_t>price * size.reciprocal) >> size.shift)
    if side:
        return ticks + 1
    if ticks >= LADDER_SPAN:
        return 0
    return LADDER_SPAN - ticks if ticks * size.tick == price else LADDER_SPAN - 1 - ticks


@cython.overflowcheck(False)
cdef inline uint32_t level_at(const LadderLeaf* leaf, uint32_t place) noexcept nogil:
    """Handle of the level at a place of the leaf whose block exists."""
    return (leaf.blocks[place >> BLOCK_BITS] << BLOCK_BITS) | (place & BLOCK_MASK)


cdef inline uint32_t first_below(const LadderPool* pool, uint32_t node, int height) noexcept nogil:
    """The best level under a node of this height; 0: a leaf."""
    while height > 0:
        node = pool.nodes[node].slots[trailing_zeros(pool.nodes[node].bits)]
        height -= 1
    return level_at(&pool.leaves[node], <uint32_t>trailing_zeros(pool.leaves[node].bits))


@cython.overflowcheck(False)
cdef inline uint32_t root_from(const LadderRoot* ladder, uint32_t place) noexcept nogil:
    """Node in the first occupied root slot from place on, 0 = none."""
    cdef uint64_t bits
    if place < RADIX:
        bits = ladder.bits[0] >> place
        if bits != 0:
            return ladder.slots[place + <uint32_t>trailing_zeros(bits)]
        place = RADIX
    if place < ROOT_SLOTS:
        bits = ladder.bits[1] >> (place - RADIX)
        if bits != 0:
            return ladder.slots[place + <uint32_t>trailing_zeros(bits)]
    return 0


@cython.overflowcheck(False)
cdef inline uint32_t after_leaf(const LadderPool* pool, const Ladder* ladder, uint32_t leaf) noexcept nogil:
    """The best level behind all of a leaf's, 0 when there is none."""
    cdef uint32_t place = pool.leaves[leaf].place
    cdef uint32_t node = pool.leaves[leaf].parent
    cdef uint64_t bits
    cdef int height = 0
    while node != 0:
        bits = pool.nodes[node].bits >> place >> 1
        if bits != 0:
            return first_below(pool, pool.nodes[node].slots[place + 1 + <uint32_t>trailing_zeros(bits)], height)
        place = pool.nodes[node].place
        node = pool.nodes[node].parent
        height += 1
    node = root_from(ladder.root, place + 1)
    return first_below(pool, node, height) if node != 0 else 0


@cython.overflowcheck(False)
cdef inline uint32_t level_after(const LadderPool* pool, const Ladder* ladder, uint32_t slot) noexcept nogil:
    """The level behind a slot (leaf and place), 0 when there is none."""
    cdef const LadderLeaf* leaf = &pool.leaves[slot >> RADIX_BITS]
    cdef uint32_t place = slot & RADIX_MASK
    cdef uint64_t bits = leaf.bits >> place >> 1
    if bits != 0:
        return level_at(leaf, place + 1 + <uint32_t>trailing_zeros(bits))
    return after_leaf(pool, ladder, slot >> RADIX_BITS)


cdef inline uint32_t level_from(const LadderPool* pool, const Ladder* ladder, uint32_t start) noexcept nogil:
    """The level at the smallest occupied position from start on, 0 when there is none."""
    cdef uint32_t top, middle, leaf, place, node
    cdef uint64_t bits
    if start >= LADDER_SPAN:
        return 0
    top = ladder.root.slots[start >> 3 * RADIX_BITS]
    middle = pool.nodes[top].slots[(start >> 2 * RADIX_BITS) & RADIX_MASK]
    leaf = pool.nodes[middle].slots[(start >> RADIX_BITS) & RADIX_MASK]
    place = start & RADIX_MASK
    bits = pool.leaves[leaf].bits >> place
    if bits != 0:
        return level_at(&pool.leaves[leaf], place + <uint32_t>trailing_zeros(bits))
    place = (start >> RADIX_BITS) & RADIX_MASK
    bits = pool.nodes[middle].bits >> place >> 1
    if bits != 0:
        return first_below(pool, pool.nodes[middle].slots[place + 1 + <uint32_t>trailing_zeros(bits)], 0)
    place = (start >> 2 * RADIX_BITS) & RADIX_MASK
    bits = pool.nodes[top].bits >> place >> 1
    if bits != 0:
        return first_below(pool, pool.nodes[top].slots[place + 1 + <uint32_t>trailing_zeros(bits)], 1)
    node = root_from(ladder.root, (start >> 3 * RADIX_BITS) + 1)
    return first_below(pool, node, LADDER_HEIGHT - 1) if node != 0 else 0


cdef inline uint32_t ladder_leaf(const LadderPool* pool, Ladder* ladder, uint32_t position) noexcept nogil:
    """The leaf of a position below LADDER_SPAN, 0 when it does not exist."""
    cdef uint32_t number = position >> 2 * RADIX_BITS
    cdef uint32_t top
    if ladder.near_number[number & 1] != number:
        top = ladder.root.slots[number >> RADIX_BITS]
        ladder.near[number & 1] = pool.nodes[top].slots[number & RADIX_MASK]
        ladder.near_number[number & 1] = number
    return pool.nodes[ladder.near[number & 1]].slots[(position >> RADIX_BITS) & RADIX_MASK]


cdef inline bint ladder_has_room(const LadderPool* pool) noexcept nogil:
    """Room for one more leaf and the way to it."""
    return pool.leaf_live < pool.leaf_capacity and pool.live + LADDER_HEIGHT - 1 <= pool.capacity


@cython.overflowcheck(False)
cdef inline uint32_t add_node(LadderPool* pool, uint32_t parent, uint32_t place) noexcept nogil:
    """An empty node, known to its parent unless that is the root."""
    cdef uint32_t node = pool.free_head
    if node != 0:
        pool.free_head = pool.nodes[node].parent
    else:
        pool.high_water += 1
        node = pool.high_water
    pool.live += 1
    pool.nodes[node].parent = parent
    pool.nodes[node].place = place
    if parent != 0:
        pool.nodes[parent].slots[place] = node
        pool.nodes[parent].bits |= <uint64_t>1 << place
    return node


@cython.overflowcheck(False)
cdef inline uint32_t add_leaf(LadderPool* pool, Ladder* ladder, uint32_t position) noexcept nogil:
    """Makes the leaf of a position that has none, and the way to it; ladder_has_room() must hold."""
    cdef uint32_t number = position >> 2 * RADIX_BITS
    cdef uint32_t place = number >> RADIX_BITS
    cdef uint32_t top = ladder.root.slots[place]
    cdef uint32_t middle
    cdef uint32_t leaf = pool.leaf_free
    if top == 0:
        top = add_node(pool, 0, place)
        ladder.root.slots[place] = top
        ladder.root.bits[place >> RADIX_BITS] |= <uint64_t>1 << (place & RADIX_MASK)
    middle = pool.nodes[top].slots[number & RADIX_MASK]
    if middle == 0:
        middle = add_node(pool, top, number & RADIX_MASK)
    ladder.near_number[number & 1] = number
    ladder.near[number & 1] = middle
    if leaf != 0:
        pool.leaf_free = pool.leaves[leaf].parent
    else:
        pool.leaf_high_water += 1
        leaf = pool.leaf_high_water
    pool.leaf_live += 1
    place = (position >> RADIX_BITS) & RADIX_MASK
    pool.leaves[leaf].parent = middle
    pool.leaves[leaf].place = place
    pool.nodes[middle].slots[place] = leaf
    pool.nodes[middle].bits |= <uint64_t>1 << place
    return leaf


@cython.overflowcheck(False)
cdef inline void drop_leaf(LadderPool* pool, Ladder* ladder, uint32_t leaf) noexcept nogil:
    """Takes out a leaf that has become empty, and the nodes above that thereby become so."""
    cdef uint32_t node = pool.leaves[leaf].parent
    cdef uint32_t place = pool.leaves[leaf].place
    cdef uint32_t parent
    pool.leaves[leaf].parent = pool.leaf_free
    pool.leaf_free = leaf
    pool.leaf_live -= 1
    while node != 0:
        pool.nodes[node].slots[place] = 0
        pool.nodes[node].bits &= ~(<uint64_t>1 << place)
        if pool.nodes[node].bits != 0:
            return
        if ladder.near[0] == node:
            ladder.near[0] = 0
        elif ladder.near[1] == node:
            ladder.near[1] = 0
        parent = pool.nodes[node].parent
        place = pool.nodes[node].place
        pool.nodes[node].parent = pool.free_head
        pool.free_head = node
        pool.live -= 1
        node = parent
    ladder.root.slots[place] = 0
    ladder.root.bits[place >> RADIX_BITS] &= ~(<uint64_t>1 << (place & RADIX_MASK))
