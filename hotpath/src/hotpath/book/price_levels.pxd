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
    TickSize,
    add_leaf,
    drop_leaf,
    ladder_has_room,
    ladder_leaf,
    ladder_position,
    level_after,
    level_at,
    level_from,
    position_after,
)
from hotpath.book.price_tree cimport NodePool, PriceTree, tree_after, tree_find, tree_has_room, tree_insert, tree_remove

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

cdef struct Side:
    uint32_t best             # level, 0 = none
    int32_t best_key          # NO_KEY = none
    uint32_t count
    PriceTree tree
    Ladder ladder

# Those of one book.
cdef struct PriceLevels:
    LevelPool* pool
    Level* levels             # the pool's
    TickSize tick
    uint32_t orders           # live orders
    uint32_t book             # its number in the pool
    Side sides[2]


cdef inline int32_t level_key(int side, int32_t price) noexcept nogil:
    return (price ^ (side - 1)) - (side - 1)


@cython.overflowcheck(False)
cdef inline uint32_t level_slot(const LevelPool* pool, uint32_t level) noexcept nogil:
    """Where the level is on the ladder; below RADIX: in the tree."""
    return pool.homes[level >> BLOCK_BITS] | (level & BLOCK_MASK)


cdef inline bint in_tree(const LevelPool* pool, uint32_t level) noexcept nogil:
    return pool.homes[level >> BLOCK_BITS] == 0


cdef inline uint32_t find_level(PriceLevels* book, int side, int32_t price) noexcept nogil:
    """Handle of the level at this price, 0 when there is none."""
    cdef uint32_t position = ladder_position(&book.tick, side, <uint32_t>price)
    cdef uint32_t level = 0
    if position != LADDER_SPAN:
        level = level_at(&book.pool.ladder.leaves[ladder_leaf(&book.pool.ladder, &book.sides[side].ladder, position)],
                         position & RADIX_MASK)
        if level >= BLOCK_LEVELS and book.levels[level].orders != 0:
            return level
    if book.sides[side].tree.root == 0:
        return 0
    return tree_find(&book.pool.tree, &book.sides[side].tree, level_key(side, price))


cdef inline uint32_t next_level(const PriceLevels* book, int side, uint32_t level) noexcept nogil:
    """The next worse level of the side, 0 after the last one."""
    cdef const Side* own = &book.sides[side]
    cdef int32_t price = book.levels[level].price
    cdef uint32_t on_ladder
    cdef uint32_t beside
    if not in_tree(book.pool, level):
        on_ladder = level_after(&book.pool.ladder, &own.ladder, level_slot(book.pool, level))
    else:
        on_ladder = level_from(&book.pool.ladder, &own.ladder, position_after(&book.tick, side, <uint32_t>price))
    if own.tree.root == 0:
        return on_ladder
    beside = tree_after(&book.pool.tree, &own.tree, level_key(side, price))
    if on_ladder == 0:
        return beside
    if beside == 0 or (level_key(side, book.levels[on_ladder].price) < level_key(side, book.levels[beside].price)):
        return on_ladder
    return beside


cdef inline bint level_available(const PriceLevels* book) noexcept nogil:
    """Room for one more level wherever it falls."""
    return (book.pool.live < book.pool.capacity and book.pool.block_live < book.pool.block_capacity
            and tree_has_room(&book.pool.tree))


cdef inline uint32_t other_level(PriceLevels* book, int side_index, int32_t price, uint32_t position) noexcept nogil:
    """find_or_add_level() for what the ladder alone cannot answer: a new block, or a side with levels in the tree."""
    cdef Side* side = &book.sides[side_index]
    cdef LevelPool* pool = book.pool
    cdef uint32_t place = position & RADIX_MASK
    cdef uint32_t leaf = 0
    cdef uint32_t level = 0
    cdef uint32_t block
    if position != LADDER_SPAN:
        leaf = ladder_leaf(&pool.ladder, &side.ladder, position)
        level = level_at(&pool.ladder.leaves[leaf], place)
        if level >= BLOCK_LEVELS and pool.levels[level].orders != 0:
            return level
    if side.tree.root != 0:
        block = tree_find(&pool.tree, &side.tree, level_key(side_index, price))
        if block != 0:
            return block
    if level >= BLOCK_LEVELS:
        return level
    block = pool.block_free
    if block != 0:
        pool.block_free = pool.homes[block]
    else:
        pool.block_high_water += 1
        block = pool.block_high_water
    pool.block_live += 1
    if position != LADDER_SPAN and (leaf != 0 or ladder_has_room(&pool.ladder)):
        if leaf == 0:
            leaf = add_leaf(&pool.ladder, &side.ladder, position)
        pool.ladder.leaves[leaf].blocks[place >> BLOCK_BITS] = block
        pool.homes[block] = (leaf << RADIX_BITS) | (place & OCTET_MASK)
        return (block << BLOCK_BITS) | (place & BLOCK_MASK)
    pool.homes[block] = 0
    tree_insert(&pool.tree, &side.tree, level_key(side_index, price), block << BLOCK_BITS)
    return block << BLOCK_BITS


cdef inline uint32_t find_or_add_level(PriceLevels* book, int side, int32_t price) noexcept nogil:
    """Handle of the level at this price. When it has no orders yet level_available() must hold, and one must join."""
    cdef uint32_t position = ladder_position(&book.tick, side, <uint32_t>price)
    cdef uint32_t level
    if position != LADDER_SPAN and book.sides[side].tree.root == 0:
        level = level_at(&book.pool.ladder.leaves[ladder_leaf(&book.pool.ladder, &book.sides[side].ladder, position)],
                         position & RADIX_MASK)
        if level >= BLOCK_LEVELS:
            return level
    return other_level(book, side, price, position)


@cython.overflowcheck(False)
cdef inline void level_joined(PriceLevels* book, int side, uint32_t level, int32_t price, bint first) noexcept nogil:
    """After an order has joined the level. first: it is alone there."""
    cdef LevelPool* pool = book.pool
    cdef Side* own = &book.sides[side]
    cdef uint32_t slot = level_slot(pool, level)
    cdef int32_t key = level_key(side, price)
    pool.ladder.leaves[slot >> RADIX_BITS].bits |= <uint64_t>(slot > BLOCK_MASK) << (slot & RADIX_MASK)
    pool.live += first
    own.count += first
    if key < own.best_key:
        own.best_key = key
        own.best = level


cdef inline void drop_block(PriceLevels* book, int side_index, uint32_t level) noexcept nogil:
    """Gives back the block of a level that no order is left in."""
    cdef Side* side = &book.sides[side_index]
    cdef LevelPool* pool = book.pool
    cdef uint32_t block = level >> BLOCK_BITS
    cdef uint32_t home = pool.homes[block]
    cdef LadderLeaf* leaf = &pool.ladder.leaves[home >> RADIX_BITS]
    if home == 0:
        tree_remove(&pool.tree, &side.tree, level_key(side_index, pool.levels[level].price))
    else:
        leaf.blocks[(home & RADIX_MASK) >> BLOCK_BITS] = 0
        if leaf.bits == 0:
            drop_leaf(&pool.ladder, &side.ladder, home >> RADIX_BITS)
    pool.homes[block] = pool.block_free
    pool.block_free = block
    pool.block_live -= 1


@cython.overflowcheck(False)
cdef inline void level_left(PriceLevels* book, int side, uint32_t level, bint last) noexcept nogil:
    """After an order has left the level. last: no other is there. Levels are left at random, so that is no branch."""
    cdef LevelPool* pool = book.pool
    cdef Side* own = &book.sides[side]
    cdef uint32_t slot = level_slot(pool, level)
    cdef LadderLeaf* leaf = &pool.ladder.leaves[slot >> RADIX_BITS]
    leaf.bits &= ~(<uint64_t>last << (slot & RADIX_MASK))
    pool.live -= last
    own.count -= last
    if own.best == level and last:
        own.best = next_level(book, side, level)
        own.best_key = level_key(side, book.levels[own.best].price) if own.best != 0 else NO_KEY
    # levels of the tree get here each time: leaf 0 has no bits
    if (leaf.bits >> (slot & OCTET_MASK)) & OCTET == 0 and book.levels[level].orders == 0:
        drop_block(book, side, level)
