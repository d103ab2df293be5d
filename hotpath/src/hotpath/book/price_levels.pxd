"""Price levels of both sides: a FIFO per level, found and ordered by a ladder of ticks, with a tree for other prices.

Keys are -price for bids and price for asks: the best level has the smallest key on either side. Every price has a
place, however far from the others. Levels, ladder nodes and tree nodes come from pools that many books may share.
"""
from libc.stdint cimport int32_t, int64_t, uint32_t

from hotpath.book.price_ladder cimport (
    LADDER_SPAN,
    RADIX_MASK,
    Ladder,
    LadderPool,
    TickSize,
    add_leaf,
    ladder_has_room,
    ladder_insert,
    ladder_leaf,
    ladder_position,
    ladder_remove,
    level_after,
    level_from,
    position_after,
)
from hotpath.book.price_tree cimport NodePool, PriceTree, tree_after, tree_find, tree_has_room, tree_insert, tree_remove

# Half a cache line.
cdef struct Level:
    int64_t shares
    int32_t price
    uint32_t orders
    uint32_t head             # highest time priority
    uint32_t tail
    uint32_t slot             # on the ladder, 0 = in the tree
    uint32_t next_free

cdef struct LevelPool:
    Level* levels
    LadderPool ladder
    NodePool tree
    uint32_t capacity
    uint32_t live
    uint32_t high_water
    uint32_t free_head

cdef struct Side:
    uint32_t best
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


cdef inline uint32_t find_level(PriceLevels* book, int side, int32_t price) noexcept nogil:
    """Handle of the level at this price, 0 when there is none."""
    cdef uint32_t position = ladder_position(&book.tick, side, <uint32_t>price)
    cdef uint32_t leaf
    cdef uint32_t level = 0
    if position != LADDER_SPAN:
        leaf = ladder_leaf(&book.pool.ladder, &book.sides[side].ladder, position)
        level = book.pool.ladder.nodes[leaf].slots[position & RADIX_MASK]
    if level == 0 and book.sides[side].tree.root != 0:
        level = tree_find(&book.pool.tree, &book.sides[side].tree, level_key(side, price))
    return level


cdef inline uint32_t next_level(const PriceLevels* book, int side, uint32_t level) noexcept nogil:
    """The next worse level of the side, 0 after the last one."""
    cdef const Side* own = &book.sides[side]
    cdef int32_t price = book.levels[level].price
    cdef uint32_t on_ladder
    cdef uint32_t in_tree
    if book.levels[level].slot != 0:
        on_ladder = level_after(&book.pool.ladder, &own.ladder, book.levels[level].slot)
    else:
        on_ladder = level_from(&book.pool.ladder, &own.ladder, position_after(&book.tick, side, <uint32_t>price))
    if own.tree.root == 0:
        return on_ladder
    in_tree = tree_after(&book.pool.tree, &own.tree, level_key(side, price))
    if on_ladder == 0:
        return in_tree
    if in_tree == 0 or (level_key(side, book.levels[on_ladder].price) < level_key(side, book.levels[in_tree].price)):
        return on_ladder
    return in_tree


cdef inline bint level_available(const PriceLevels* book) noexcept nogil:
    """Room for one more level wherever it falls."""
    return book.pool.live < book.pool.capacity and tree_has_room(&book.pool.tree)


cdef inline uint32_t add_level(PriceLevels* book, int side_index, int32_t price, uint32_t position,
                               uint32_t leaf) noexcept nogil:
    """An empty level at a price that has none; 0 when there is no room for it. leaf: that of the position, if any."""
    cdef Side* side = &book.sides[side_index]
    cdef LevelPool* pool = book.pool
    cdef uint32_t handle = pool.free_head
    cdef uint32_t slot = 0
    cdef Level* level
    if not level_available(book):
        return 0
    if handle != 0:
        pool.free_head = pool.levels[handle].next_free
    else:
        pool.high_water += 1
        handle = pool.high_water
    pool.live += 1
    side.count += 1
    if leaf == 0 and position != LADDER_SPAN and ladder_has_room(&pool.ladder):
        leaf = add_leaf(&pool.ladder, &side.ladder, position)
    if leaf != 0:
        slot = ladder_insert(&pool.ladder, leaf, position, handle)
    else:
        tree_insert(&pool.tree, &side.tree, level_key(side_index, price), handle)
    level = &pool.levels[handle]
    level.shares = 0
    level.price = price
    level.orders = 0
    level.head = 0
    level.tail = 0
    level.slot = slot
    if side.best == 0 or level_key(side_index, price) < level_key(side_index, book.levels[side.best].price):
        side.best = handle
    return handle


cdef inline uint32_t find_or_add_level(PriceLevels* book, int side, int32_t price) noexcept nogil:
    """Handle of the level at this price, made if need be; 0 when there is no room for it."""
    cdef uint32_t position = ladder_position(&book.tick, side, <uint32_t>price)
    cdef uint32_t leaf = 0
    cdef uint32_t level = 0
    if position != LADDER_SPAN:
        leaf = ladder_leaf(&book.pool.ladder, &book.sides[side].ladder, position)
        level = book.pool.ladder.nodes[leaf].slots[position & RADIX_MASK]
    if level == 0 and book.sides[side].tree.root != 0:
        level = tree_find(&book.pool.tree, &book.sides[side].tree, level_key(side, price))
    return level if level != 0 else add_level(book, side, price, position, leaf)


cdef inline void remove_level(PriceLevels* book, int side_index, uint32_t handle) noexcept nogil:
    """Takes an empty level out of its side."""
    cdef Side* side = &book.sides[side_index]
    cdef LevelPool* pool = book.pool
    cdef Level* level = &pool.levels[handle]
    if side.best == handle:
        side.best = next_level(book, side_index, handle)
    if level.slot != 0:
        ladder_remove(&pool.ladder, &side.ladder, level.slot)
    else:
        tree_remove(&pool.tree, &side.tree, level_key(side_index, level.price))
    level.next_free = pool.free_head
    pool.free_head = handle
    pool.live -= 1
    side.count -= 1
