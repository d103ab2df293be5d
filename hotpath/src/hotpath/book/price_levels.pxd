"""Price levels of both sides: a FIFO per level, found and ordered by a ladder of ticks, with a tree for other prices.

Keys are -price for bids and price for asks: the best level has the smallest key on either side. Every price has a
place, however far from the others. Levels, ladder and tree come from pools that many books may share.
"""
cimport cython
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from hotpath.book.price_ladder cimport (
    BLOCK_BITS,
    BLOCK_LEVELS,
    BLOCK_MASK,
    LADDER_SPAN,
    RADIX_BITS,
    RADIX_MASK,
    Ladder,
    LadderLeaf,
    LadderPool,
    LadderRoot,
    TickSize,
    ladder_position,
    level_at,
)
from hotpath.book.price_tree cimport NodePool, PriceTree, tree_has_room

cdef enum:
    NO_KEY = 2_147_483_647        # above the key of every price
    OCTET = 255
    OCTET_MASK = 56

cdef struct Level:
    int64_t shares
    int32_t price             # good while there are orders
    uint32_t orders
    uint32_t head             # highest time priority
    uint32_t tail

# Levels come in blocks of eight: those of eight ticks, or a single one of the tree (then the first).
cdef struct LevelPool:
    Level* levels             # handle = block * 8 + place in the block
    uint32_t* homes           # by block: the ladder's slot (leaf and place) of its first level, 0 = in the tree;
                              # of a free block: the next free one
    LadderPool ladder
    NodePool tree
    uint32_t capacity         # levels with orders
    uint32_t live
    uint32_t block_capacity   # blocks 1..capacity
    uint32_t block_live
    uint32_t block_high_water
    uint32_t block_free

# One cache line.
cdef struct Side:
    uint32_t best             # level, 0 = none
    int32_t best_key          # NO_KEY = none
    PriceTree tree
    Ladder ladder
    uint64_t reserved[3]

# Those of one book.
cdef struct PriceLevels:
    LevelPool* pool
    Level* levels             # the pool's
    TickSize tick
    uint32_t orders           # live orders
    uint32_t book             # its number in the pool
    Side sides[2]
    LadderRoot roots[2]

# Not inline: what few messages need must not crowd the registers of all.

# No levels, whatever was there; the pools are the caller's.
cdef void clear_levels(PriceLevels* book) noexcept nogil
# Handle of the level at this price, 0 when there is none.
cdef uint32_t find_level(PriceLevels* book, int side, int32_t price) noexcept nogil
# The next worse level of the side, 0 after the last one.
cdef uint32_t next_level(const PriceLevels* book, int side, uint32_t level) noexcept nogil
# claim_level() where the near part of the ladder cannot answer. position: of the price
cdef uint32_t claim_other_level(PriceLevels* book, int side, int32_t price, uint32_t position) noexcept nogil
# The best level has lost its last order.
cdef void drop_best(PriceLevels* book, int side) noexcept nogil
# Gives back the block of a level that no order is left in.
cdef void drop_block(PriceLevels* book, int side, uint32_t level) noexcept nogil


cdef inline int32_t level_key(int side, int32_t price) noexcept nogil:
    return (price ^ (side - 1)) - (side - 1)


@cython.overflowcheck(False)
cdef inline uint32_t level_slot(const LevelPool* pool, uint32_t level) noexcept nogil:
    """Where the level is on the ladder; below RADIX: in the tree."""
    return pool.homes[level >> BLOCK_BITS] | (level & BLOCK_MASK)


cdef inline bint in_tree(const LevelPool* pool, uint32_t level) noexcept nogil:
    return pool.homes[level >> BLOCK_BITS] == 0


cdef inline bint level_available(const PriceLevels* book) noexcept nogil:
    """Room for one more level wherever it falls."""
    return (book.pool.live < book.pool.capacity and book.pool.block_live < book.pool.block_capacity
            and tree_has_room(&book.pool.tree))


@cython.overflowcheck(False)
cdef inline uint32_t claim_level(PriceLevels* book, int side, int32_t price) noexcept nogil:
    """Handle of the level at this price, which an order must join. Without orders there level_available() must hold."""
    cdef const Side* own = &book.sides[side]
    cdef const LevelPool* pool = book.pool
    cdef uint32_t position = ladder_position(&book.tick, side, <uint32_t>price)
    cdef uint32_t number = position >> 2 * RADIX_BITS
    cdef LadderLeaf* leaf
    cdef uint32_t level
    # no near node has the number of LADDER_SPAN
    if own.ladder.near_number[number & 1] == number and own.tree.root == 0:
        leaf = &pool.ladder.leaves[
            pool.ladder.nodes[own.ladder.near[number & 1]].slots[(position >> RADIX_BITS) & RADIX_MASK]]
        level = level_at(leaf, position & RADIX_MASK)
        if level >= BLOCK_LEVELS:
            leaf.bits |= <uint64_t>1 << (position & RADIX_MASK)
            return level
    return claim_other_level(book, side, price, position)


@cython.overflowcheck(False)
cdef inline void level_joined(PriceLevels* book, int side, uint32_t level, int32_t price, bint first) noexcept nogil:
    """After an order has joined the level. first: it is alone there."""
    cdef Side* own = &book.sides[side]
    cdef int32_t key = level_key(side, price)
    book.pool.live += first
    if key < own.best_key:
        own.best_key = key
        own.best = level


@cython.overflowcheck(False)
cdef inline void level_left(PriceLevels* book, int side, uint32_t level, bint last) noexcept nogil:
    """After an order has left the level. last: no other is there. Levels are left at random, so that is no branch."""
    cdef LevelPool* pool = book.pool
    cdef uint32_t slot = level_slot(pool, level)
    cdef LadderLeaf* leaf = &pool.ladder.leaves[slot >> RADIX_BITS]
    cdef uint64_t bits = leaf.bits & ~(<uint64_t>last << (slot & RADIX_MASK))
    leaf.bits = bits
    pool.live -= last
    if book.sides[side].best == level and last:
        drop_best(book, side)
    # leaf 0, of all that is in the tree, has no bits
    if (bits >> (slot & OCTET_MASK)) & OCTET == 0 and last:
        drop_block(book, side, level)
