"""B+tree from an int32 key to a handle, for the prices that the ladder does not hold.

A node is 32 sorted keys and 32 children (256 bytes); unused keys are PAD, so a search is a fixed-length, branch-free
count of smaller keys and no node needs a size field.
"""
from libc.stdint cimport int32_t, uint32_t
from libc.string cimport memcpy, memmove

cdef enum:
    FANOUT = 32
    HALF = 16
    SPARSE = 8                # at or below this a node tries to merge with a neighbour
    MERGED = 24               # and does so when both fit in this many slots
    MAX_DEPTH = 10
    PAD = 2_147_483_647

cdef struct Node:
    int32_t keys[32]
    uint32_t children[32]     # leaf: what the keys stand for; above: nodes, keys are lower bounds of what is below

cdef struct NodePool:
    Node* nodes
    uint32_t capacity
    uint32_t live
    uint32_t high_water
    uint32_t free_head

cdef struct PriceTree:
    uint32_t root             # 0 = empty
    uint32_t depth            # nodes above the leaves on a path


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


cdef inline uint32_t allocate_node(NodePool* pool) noexcept nogil:
    cdef uint32_t handle = pool.free_head
    cdef int i
    if handle != 0:
        pool.free_head = pool.nodes[handle].children[0]
    else:
        pool.high_water += 1
        handle = pool.high_water
    pool.live += 1
    for i in range(FANOUT):
        pool.nodes[handle].keys[i] = PAD
    return handle


cdef inline void free_node(NodePool* pool, uint32_t handle) noexcept nogil:
    pool.nodes[handle].children[0] = pool.free_head
    pool.free_head = handle
    pool.live -= 1


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


cdef inline uint32_t split_node(NodePool* pool, uint32_t handle) noexcept nogil:
    """Moves the upper half of a full node to a new right neighbour."""
    cdef uint32_t right = allocate_node(pool)
    cdef Node* source = &pool.nodes[handle]
    cdef Node* target = &pool.nodes[right]
    cdef int i
    memcpy(&target.keys[0], &source.keys[HALF], HALF * sizeof(int32_t))
    memcpy(&target.children[0], &source.children[HALF], HALF * sizeof(uint32_t))
    for i in range(HALF, FANOUT):
        source.keys[i] = PAD
    return right


cdef inline uint32_t tree_find(const NodePool* pool, const PriceTree* tree, int32_t key) noexcept nogil:
    """What stands at the key, 0 for nothing."""
    cdef uint32_t node = tree.root
    cdef uint32_t depth = tree.depth
    cdef int slot
    if node == 0:
        return 0
    while depth > 0:
        node = pool.nodes[node].children[child_slot(&pool.nodes[node].keys[0], key)]
        depth -= 1
    slot = keys_below(&pool.nodes[node].keys[0], key)
    if slot < FANOUT and pool.nodes[node].keys[slot] == key:
        return pool.nodes[node].children[slot]
    return 0


cdef inline uint32_t tree_after(const NodePool* pool, const PriceTree* tree, int32_t key) noexcept nogil:
    """What stands at the smallest key above this one, 0 for nothing."""
    cdef uint32_t node = tree.root
    cdef uint32_t depth = tree.depth
    cdef uint32_t right = 0           # nearest neighbour to the right of the path, and its depth
    cdef uint32_t right_depth = 0
    cdef int slot
    if node == 0:
        return 0
    while depth > 0:
        slot = child_slot(&pool.nodes[node].keys[0], key)
        depth -= 1
        if slot + 1 < FANOUT and pool.nodes[node].keys[slot + 1] != PAD:
            right = pool.nodes[node].children[slot + 1]
            right_depth = depth
        node = pool.nodes[node].children[slot]
    slot = keys_below(&pool.nodes[node].keys[0], key + 1)
    if slot < FANOUT and pool.nodes[node].keys[slot] != PAD:
        return pool.nodes[node].children[slot]
    if right == 0:
        return 0
    while right_depth > 0:
        right = pool.nodes[right].children[0]
        right_depth -= 1
    return pool.nodes[right].children[0]


cdef inline bint tree_has_room(const NodePool* pool) noexcept nogil:
    """Room for one more key wherever it falls: a split at every depth."""
    return pool.live + MAX_DEPTH < pool.capacity


cdef inline void tree_insert(NodePool* pool, PriceTree* tree, int32_t key, uint32_t child) noexcept nogil:
    """The key must be new and tree_has_room()."""
    cdef uint32_t path[MAX_DEPTH]
    cdef int slots[MAX_DEPTH]
    cdef uint32_t depth = 0
    cdef uint32_t node = tree.root
    cdef uint32_t right
    cdef int slot = 0
    if node == 0:
        node = allocate_node(pool)
        tree.root = node
    while depth < tree.depth:
        slot = child_slot(&pool.nodes[node].keys[0], key)
        if key < pool.nodes[node].keys[0]:
            pool.nodes[node].keys[0] = key  # stays a lower bound of the first child
        path[depth] = node
        slots[depth] = slot
        node = pool.nodes[node].children[slot]
        depth += 1
    slot = keys_below(&pool.nodes[node].keys[0], key)
    while pool.nodes[node].keys[FANOUT - 1] != PAD:
        right = split_node(pool, node)
        if slot > HALF:
            insert_slot(&pool.nodes[right], slot - HALF, key, child)
        else:
            insert_slot(&pool.nodes[node], slot, key, child)
        key = pool.nodes[right].keys[0]
        child = right
        if depth == 0:
            right = node
            node = allocate_node(pool)
            pool.nodes[node].keys[0] = pool.nodes[right].keys[0]
            pool.nodes[node].children[0] = right
            tree.root = node
            tree.depth += 1
            slot = 1
        else:
            depth -= 1
            node = path[depth]
            slot = slots[depth] + 1
    insert_slot(&pool.nodes[node], slot, key, child)


cdef inline bint merge_right(NodePool* pool, Node* parent, int slot) noexcept nogil:
    """Merges the child at slot + 1 into the one at slot when both fit; the caller removes slot + 1 from the parent."""
    cdef Node* left = &pool.nodes[parent.children[slot]]
    cdef uint32_t right_handle = parent.children[slot + 1]
    cdef Node* right = &pool.nodes[right_handle]
    cdef int held = keys_below(&left.keys[0], PAD)
    cdef int moved = keys_below(&right.keys[0], PAD)
    if held + moved > MERGED:
        return False
    memcpy(&left.keys[held], &right.keys[0], <size_t>moved * sizeof(int32_t))
    memcpy(&left.children[held], &right.children[0], <size_t>moved * sizeof(uint32_t))
    free_node(pool, right_handle)
    return True


cdef inline void tree_remove(NodePool* pool, PriceTree* tree, int32_t key) noexcept nogil:
    """The key must be there."""
    cdef uint32_t path[MAX_DEPTH]
    cdef int slots[MAX_DEPTH]
    cdef uint32_t depth = 0
    cdef uint32_t node = tree.root
    cdef Node* parent
    cdef int slot
    while depth < tree.depth:
        slot = child_slot(&pool.nodes[node].keys[0], key)
        path[depth] = node
        slots[depth] = slot
        node = pool.nodes[node].children[slot]
        depth += 1
    slot = keys_below(&pool.nodes[node].keys[0], key)
    while True:
        remove_slot(&pool.nodes[node], slot)
        if depth == 0:
            break
        slot = slots[depth - 1]
        parent = &pool.nodes[path[depth - 1]]
        if pool.nodes[node].keys[0] == PAD:
            free_node(pool, node)
        elif pool.nodes[node].keys[SPARSE] != PAD:
            return
        elif slot + 1 < FANOUT and parent.keys[slot + 1] != PAD and merge_right(pool, parent, slot):
            slot += 1
        elif slot == 0 or not merge_right(pool, parent, slot - 1):
            return
        depth -= 1
        node = path[depth]
    while tree.depth > 0 and pool.nodes[tree.root].keys[1] == PAD:
        node = tree.root
        tree.root = pool.nodes[node].children[0]
        tree.depth -= 1
        free_node(pool, node)
    if pool.nodes[tree.root].keys[0] == PAD:
        free_node(pool, tree.root)
        tree.root = 0
