"""Price levels of both sides: a FIFO per level, found and ordered by a ladder of ticks, with a tree for other prices.

Keys are -price for bids and price for asks: the best level has the smallest key on either side. Every price has a
place, however far from the others.
"""
from libc.stdint cimport int32_t, int64_t, uint32_t

from hotpath.book.price_ladder cimport (
    LADDER_SPAN,
    Ladder,
    LadderPool,
    TickSize,
    ladder_find,
    ladder_from,
    ladder_has_room,
    ladder_insert,
    ladder_position,
    ladder_remove,
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
    uint32_t position         # on the ladder, LADDER_SPAN = in the tree
    uint32_t next_free

cdef struct Side:
    uint32_t best
    uint32_t count
    PriceTree tree

cdef struct PriceLevels:
    Level* levels
    Ladder* ladders           # one per side
    LadderPool pages
    NodePool nodes
    TickSize tick
    Side sides[2]
    uint32_t level_capacity
    uint32_t level_live
    uint32_t level_high_water
    uint32_t level_free


cdef inline int32_t level_key(int side, int32_t price) noexcept nogil:
    return (price ^ (side - 1)) - (side - 1)


cdef inline uint32_t find_level(const PriceLevels* book, int side, int32_t price) noexcept nogil:
    """Handle of the level at this price, 0 when there is none."""
    cdef uint32_t position = ladder_position(&book.tick, side, <uint32_t>price)
    cdef uint32_t level = 0
    if position != LADDER_SPAN:
        level = ladder_find(&book.pages, &book.ladders[side], position)
    if level == 0 and book.sides[side].tree.root != 0:
        level = tree_find(&book.nodes, &book.sides[side].tree, level_key(side, price))
    return level


cdef inline uint32_t next_level(const PriceLevels* book, int side, uint32_t level) noexcept nogil:
    """The next worse level of the side, 0 after the last one."""
    cdef int32_t price = book.levels[level].price
    cdef uint32_t on_ladder
    cdef uint32_t in_tree
    if book.levels[level].position != LADDER_SPAN:
        on_ladder = ladder_from(&book.pages, &book.ladders[side], book.levels[level].position + 1)
    else:
        on_ladder = ladder_from(&book.pages, &book.ladders[side], position_after(&book.tick, side, <uint32_t>price))
    if book.sides[side].tree.root == 0:
        return on_ladder
    in_tree = tree_after(&book.nodes, &book.sides[side].tree, level_key(side, price))
    if on_ladder == 0:
        return in_tree
    if in_tree == 0 or (level_key(side, book.levels[on_ladder].price) < level_key(side, book.levels[in_tree].price)):
        return on_ladder
    return in_tree


cdef inline bint level_available(const PriceLevels* book) noexcept nogil:
    """Room for one more level wherever it falls."""
    return book.level_live < book.level_capacity and tree_has_room(&book.nodes)


cdef inline uint32_t add_level(PriceLevels* book, int side_index, int32_t price, uint32_t position) noexcept nogil:
    """An empty level at a price that has none; 0 when there is no room for it."""
    cdef Side* side = &book.sides[side_index]
    cdef uint32_t handle = book.level_free
    cdef Level* level
    if not level_available(book):
        return 0
    if handle != 0:
        book.level_free = book.levels[handle].next_free
    else:
        book.level_high_water += 1
        handle = book.level_high_water
    book.level_live += 1
    side.count += 1
    if position != LADDER_SPAN and ladder_has_room(&book.pages, &book.ladders[side_index], position):
        ladder_insert(&book.pages, &book.ladders[side_index], position, handle)
    else:
        position = LADDER_SPAN
        tree_insert(&book.nodes, &side.tree, level_key(side_index, price), handle)
    level = &book.levels[handle]
    level.shares = 0
    level.price = price
    level.orders = 0
    level.head = 0
    level.tail = 0
    level.position = position
    if side.best == 0 or level_key(side_index, price) < level_key(side_index, book.levels[side.best].price):
        side.best = handle
    return handle


cdef inline uint32_t find_or_add_level(PriceLevels* book, int side, int32_t price) noexcept nogil:
    """Handle of the level at this price, made if need be; 0 when there is no room for it."""
    cdef uint32_t position = ladder_position(&book.tick, side, <uint32_t>price)
    cdef uint32_t level = 0
    if position != LADDER_SPAN:
        level = ladder_find(&book.pages, &book.ladders[side], position)
    if level == 0 and book.sides[side].tree.root != 0:
        level = tree_find(&book.nodes, &book.sides[side].tree, level_key(side, price))
    return level if level != 0 else add_level(book, side, price, position)


cdef inline void remove_level(PriceLevels* book, int side_index, uint32_t handle) noexcept nogil:
    """Takes an empty level out of its side."""
    cdef Side* side = &book.sides[side_index]
    cdef Level* level = &book.levels[handle]
    if side.best == handle:
        side.best = next_level(book, side_index, handle)
    if level.position != LADDER_SPAN:
        ladder_remove(&book.pages, &book.ladders[side_index], level.position)
    else:
        tree_remove(&book.nodes, &side.tree, level_key(side_index, level.price))
    level.next_free = book.level_free
    book.level_free = handle
    book.level_live -= 1
    side.count -= 1
