"""What price_levels.pxd does not do inline: new blocks and leaves, the tree, the search for the next level."""
cimport cython
from libc.string cimport memset

from hotpath.book.price_ladder cimport (
    add_leaf,
    drop_leaf,
    ladder_has_room,
    ladder_leaf,
    level_after,
    level_from,
    position_after,
)
from hotpath.book.price_tree cimport tree_after, tree_find, tree_insert, tree_remove


cdef void clear_levels(PriceLevels* book) noexcept nogil:
    cdef int side
    memset(&book.sides[0], 0, 2 * sizeof(Side))
    memset(&book.roots[0], 0, 2 * sizeof(LadderRoot))
    for side in range(2):
        book.sides[side].best_key = NO_KEY
        book.sides[side].ladder.root = &book.roots[side]


cdef uint32_t find_level(PriceLevels* book, int side, int32_t price) noexcept nogil:
    cdef uint32_t position = ladder_position(&book.tick, side, <uint32_t>price)
    cdef uint32_t level
    if position != LADDER_SPAN:
        level = level_at(&book.pool.ladder.leaves[ladder_leaf(&book.pool.ladder, &book.sides[side].ladder, position)],
                         position & RADIX_MASK)
        if level >= BLOCK_LEVELS and book.levels[level].orders != 0:
            return level
    if book.sides[side].tree.root == 0:
        return 0
    return tree_find(&book.pool.tree, &book.sides[side].tree, level_key(side, price))


cdef uint32_t next_level(const PriceLevels* book, int side, uint32_t level) noexcept nogil:
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


@cython.overflowcheck(False)
cdef uint32_t claim_other_level(PriceLevels* book, int side, int32_t price, uint32_t position) noexcept nogil:
    cdef Side* own = &book.sides[side]
    cdef LevelPool* pool = book.pool
    cdef uint32_t place = position & RADIX_MASK
    cdef uint32_t leaf = 0
    cdef uint32_t level = 0
    cdef uint32_t block
    if position != LADDER_SPAN:
        leaf = ladder_leaf(&pool.ladder, &own.ladder, position)
        level = level_at(&pool.ladder.leaves[leaf], place)
    if own.tree.root != 0 and (level < BLOCK_LEVELS or pool.levels[level].orders == 0):
        # a price stays in the tree as long as it has orders, even when the ladder has got room for it
        block = tree_find(&pool.tree, &own.tree, level_key(side, price))
        if block != 0:
            return block
    if level < BLOCK_LEVELS:
        block = pool.block_free
        if block != 0:
            pool.block_free = pool.homes[block]
        else:
            pool.block_high_water += 1
            block = pool.block_high_water
        pool.block_live += 1
        level = block << BLOCK_BITS
        if position == LADDER_SPAN or (leaf == 0 and not ladder_has_room(&pool.ladder)):
            pool.homes[block] = 0
            tree_insert(&pool.tree, &own.tree, level_key(side, price), level)
            return level
        if leaf == 0:
            leaf = add_leaf(&pool.ladder, &own.ladder, position)
        pool.ladder.leaves[leaf].blocks[place >> BLOCK_BITS] = block
        pool.homes[block] = (leaf << RADIX_BITS) | (place & OCTET_MASK)
        level |= place & BLOCK_MASK
    pool.ladder.leaves[leaf].bits |= <uint64_t>1 << place
    return level


cdef void drop_best(PriceLevels* book, int side) noexcept nogil:
    cdef Side* own = &book.sides[side]
    own.best = next_level(book, side, own.best)
    own.best_key = level_key(side, book.levels[own.best].price) if own.best != 0 else NO_KEY


cdef void drop_block(PriceLevels* book, int side, uint32_t level) noexcept nogil:
    cdef Side* own = &book.sides[side]
    cdef LevelPool* pool = book.pool
    cdef uint32_t block = level >> BLOCK_BITS
    cdef uint32_t home = pool.homes[block]
    cdef LadderLeaf* leaf = &pool.ladder.leaves[home >> RADIX_BITS]
    if home == 0:
        tree_remove(&pool.tree, &own.tree, level_key(side, pool.levels[level].price))
    else:
        leaf.blocks[(home & RADIX_MASK) >> BLOCK_BITS] = 0
        if leaf.bits == 0:
            drop_leaf(&pool.ladder, &own.ladder, home >> RADIX_BITS)
    pool.homes[block] = pool.block_free
    pool.block_free = block
    pool.block_live -= 1
