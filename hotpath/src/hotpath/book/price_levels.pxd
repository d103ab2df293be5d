"""Price levels of both sides: a FIFO per level, levels linked best to worst, and a B+tree from price to level.

A node is 32 sorted keys and 32 children (256 bytes); unused keys are PAD, so a search is a fixed-length, branch-free
count of smaller keys and no node needs a size field. Keys are -price for bids and price for asks: the best level has
the smallest key on either side, and any price has a place, however far from the others.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memcpy, memmove

cdef enum:
    FANOUT = 32
    HALF = 16
    SPARSE = 8                # at or below this a node tries to merge with a neighbour
    MERGED = 24               # and does so when both fit in this many slots
    MAX_DEPTH = 10
    PAD = 2_147_483_647

cdef struct Level:
    int64_t shares
    int32_t price
    uint32_t orders
    uint32_t head             # highest time priority
    uint32_t tail
    uint32_t better           # neighbours in price order, 0 at the ends; worse doubles as free list
    uint32_t worse

cdef struct Node:
    int32_t keys[32]
    uint32_t children[32]     # leaf: levels; above: nodes, keys are lower bounds of what is below

cdef struct Side:
    uint32_t best
    uint32_t root             # 0 = empty
    uint32_t depth            # nodes above the leaves on a path
    uint32_t count

cdef struct PriceLevels:
    Level* levels
    Node* nodes
    Side sides[2]
    uint32_t level_capacity
    uint32_t level_live
    uint32_t level_high_water
    uint32_t level_free
    uint32_t node_capacity
    uint32_t node_live
    uint32_t node_high_water
    uint32_t node_free


cdef inline int32_t level_key(int side, int32_t price) noexcept nogil:
    return price if side else -price


cdef inline int keys_below(const int32_t* keys, int32_t key) noexcept nogil:
    cdef int i
    cdef int count = 0
    for i in range(FANOUT):
        count += keys[i] < key
    return count


cdef inline int child_slot(const int32_t* keys, int32_t key) noexcept nogil:
    """The child whose range holds the key: the last one that starts at or below it."""
    cdef int i
    cdef int count = 0
    for i in range(FANOUT):
        count += keys[i] <= key
    return count - (count > 0)


cdef inline uint32_t allocate_node(PriceLevels* book) noexcept nogil:
    cdef uint32_t handle = book.node_free
    cdef int i
    if handle != 0:
        book.node_free = book.nodes[handle].children[0]
    else:
        book.node_high_water += 1
        handle = book.node_high_water
    book.node_live += 1
    for i in range(FANOUT):
        book.nodes[handle].keys[i] = PAD
    return handle


cdef inline void free_node(PriceLevels* book, uint32_t handle) noexcept nogil:
    book.nodes[handle].children[0] = book.node_free
    book.node_free = handle
    book.node_live -= 1


cdef inline void insert_slot(Node* node, int slot, int32_t key, uint32_t child) noexcept nogil:
    cdef size_t moved = <size_t>(FANOUT - 1 - slot) * sizeof(int32_t)
    memmove(&node.keys[slot + 1], &node.keys[slot], moved)
    memmove(&node.children[slot + 1], &node.children[slot], moved)
    node.keys[slot] = key
    node.children[slot] = child


cdef inline void remove_slot(Node* node, int slot) noexcept nogil:
    cdef size_t moved = <size_t>(FANOUT - 1 - slot) * sizeof(int32_t)
    memmove(&node.keys[slot], &node.keys[slot + 1], moved)
    memmove(&node.children[slot], &node.children[slot + 1], moved)
    node.keys[FANOUT - 1] = PAD


cdef inline uint32_t split_node(PriceLevels* book, uint32_t handle) noexcept nogil:
    """Moves the upper half of a full node to a new right neighbour."""
    cdef uint32_t right = allocate_node(book)
    cdef Node* source = &book.nodes[handle]
    cdef Node* target = &book.nodes[right]
    cdef int i
    memcpy(&target.keys[0], &source.keys[HALF], HALF * sizeof(int32_t))
    memcpy(&target.children[0], &source.children[HALF], HALF * sizeof(uint32_t))
    for i in range(HALF, FANOUT):
        source.keys[i] = PAD
    return right


cdef inline uint32_t find_level(const PriceLevels* book, int side, int32_t price) noexcept nogil:
    """Handle of the level at this price, 0 when there is none."""
    cdef int32_t key = level_key(side, price)
    cdef uint32_t node = book.sides[side].root
    cdef uint32_t depth = book.sides[side].depth
    cdef int slot
    if node == 0:
        return 0
    while depth > 0:
        node = book.nodes[node].children[child_slot(&book.nodes[node].keys[0], key)]
        depth -= 1
    slot = keys_below(&book.nodes[node].keys[0], key)
    if slot < FANOUT and book.nodes[node].keys[slot] == key:
        return book.nodes[node].children[slot]
    return 0


cdef inline bint level_available(const PriceLevels* book) noexcept nogil:
    """Room for one more level wherever it falls: a slot and a split at every depth of the tree."""
    return book.level_live < book.level_capacity and book.node_live + MAX_DEPTH < book.node_capacity


cdef inline uint32_t find_or_add_level(PriceLevels* book, int side_index, int32_t price) noexcept nogil:
    """Handle of the level at this price, made if need be; 0 when there is no room for it."""
    cdef Side* side = &book.sides[side_index]
    cdef int32_t key
    cdef uint32_t path[MAX_DEPTH]
    cdef int slots[MAX_DEPTH]
    cdef uint32_t depth = 0
    cdef uint32_t node
    cdef uint32_t child
    cdef uint32_t right
    cdef uint32_t level
    cdef uint32_t better
    cdef uint32_t worse
    cdef int slot = 0
    if side.best != 0 and book.levels[side.best].price == price:
        return side.best
    key = level_key(side_index, price)
    node = side.root
    if node != 0:
        while depth < side.depth:
            slot = child_slot(&book.nodes[node].keys[0], key)
            if key < book.nodes[node].keys[0]:
                book.nodes[node].keys[0] = key  # stays a lower bound of the first child
            path[depth] = node
            slots[depth] = slot
            node = book.nodes[node].children[slot]
            depth += 1
        slot = keys_below(&book.nodes[node].keys[0], key)
        if slot < FANOUT and book.nodes[node].keys[slot] == key:
            return book.nodes[node].children[slot]
    if not level_available(book):
        return 0

    level = book.level_free
    if level != 0:
        book.level_free = book.levels[level].worse
    else:
        book.level_high_water += 1
        level = book.level_high_water
    book.level_live += 1
    if node == 0:
        node = allocate_node(book)
        side.root = node
        better = 0
        worse = 0
    elif slot < FANOUT and book.nodes[node].keys[slot] != PAD:
        worse = book.nodes[node].children[slot]
        better = book.levels[worse].better
    else:
        better = book.nodes[node].children[slot - 1]
        worse = book.levels[better].worse
    book.levels[level].price = price
    book.levels[level].shares = 0
    book.levels[level].orders = 0
    book.levels[level].head = 0
    book.levels[level].tail = 0
    book.levels[level].better = better
    book.levels[level].worse = worse
    if better != 0:
        book.levels[better].worse = level
    else:
        side.best = level
    if worse != 0:
        book.levels[worse].better = level
    side.count += 1

    child = level
    while book.nodes[node].keys[FANOUT - 1] != PAD:
        right = split_node(book, node)
        if slot > HALF:
            insert_slot(&book.nodes[right], slot - HALF, key, child)
        else:
            insert_slot(&book.nodes[node], slot, key, child)
        key = book.nodes[right].keys[0]
        child = right
        if depth == 0:
            right = node
            node = allocate_node(book)
            book.nodes[node].keys[0] = book.nodes[right].keys[0]
            book.nodes[node].children[0] = right
            side.root = node
            side.depth += 1
            slot = 1
        else:
            depth -= 1
            node = path[depth]
            slot = slots[depth] + 1
    insert_slot(&book.nodes[node], slot, key, child)
    return level


cdef inline bint merge_right(PriceLevels* book, Node* parent, int slot) noexcept nogil:
    """Merges the child at slot + 1 into the one at slot when both fit; the caller removes slot + 1 from the parent."""
    cdef Node* left = &book.nodes[parent.children[slot]]
    cdef uint32_t right_handle = parent.children[slot + 1]
    cdef Node* right = &book.nodes[right_handle]
    cdef int held = keys_below(&left.keys[0], PAD)
    cdef int moved = keys_below(&right.keys[0], PAD)
    if held + moved > MERGED:
        return False
    memcpy(&left.keys[held], &right.keys[0], <size_t>moved * sizeof(int32_t))
    memcpy(&left.children[held], &right.children[0], <size_t>moved * sizeof(uint32_t))
    free_node(book, right_handle)
    return True


cdef inline void remove_level(PriceLevels* book, int side_index, uint32_t level) noexcept nogil:
    """Takes an empty level out of its side."""
    cdef Side* side = &book.sides[side_index]
    cdef int32_t key = level_key(side_index, book.levels[level].price)
    cdef uint32_t better = book.levels[level].better
    cdef uint32_t worse = book.levels[level].worse
    cdef uint32_t path[MAX_DEPTH]
    cdef int slots[MAX_DEPTH]
    cdef uint32_t depth = 0
    cdef uint32_t node = side.root
    cdef Node* parent
    cdef int slot
    if better != 0:
        book.levels[better].worse = worse
    else:
        side.best = worse
    if worse != 0:
        book.levels[worse].better = better
    book.levels[level].worse = book.level_free
    book.level_free = level
    book.level_live -= 1
    side.count -= 1

    while depth < side.depth:
        slot = child_slot(&book.nodes[node].keys[0], key)
        path[depth] = node
        slots[depth] = slot
        node = book.nodes[node].children[slot]
        depth += 1
    slot = keys_below(&book.nodes[node].keys[0], key)
    while True:
        remove_slot(&book.nodes[node], slot)
        if depth == 0:
            break
        slot = slots[depth - 1]
        parent = &book.nodes[path[depth - 1]]
        if book.nodes[node].keys[0] == PAD:
            free_node(book, node)
        elif book.nodes[node].keys[SPARSE] != PAD:
            return
        elif slot + 1 < FANOUT and parent.keys[slot + 1] != PAD and merge_right(book, parent, slot):
            slot += 1
        elif slot == 0 or not merge_right(book, parent, slot - 1):
            return
        depth -= 1
        node = path[depth]
    while side.depth > 0 and book.nodes[side.root].keys[1] == PAD:
        node = side.root
        side.root = book.nodes[node].children[0]
        side.depth -= 1
        free_node(book, node)
    if book.nodes[side.root].keys[0] == PAD:
        free_node(book, side.root)
        side.root = 0
