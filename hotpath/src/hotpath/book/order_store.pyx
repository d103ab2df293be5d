"""Storage that one book owns or many books share."""
from libc.string cimport memset

from hotpath.book.arena cimport map_pages, unmap_pages
from hotpath.book.order_pool cimport RUN_MASK, Order
from hotpath.book.price_ladder cimport BLOCK_LEVELS, LadderLeaf, LadderNode
from hotpath.book.price_levels cimport Level
from hotpath.book.price_tree cimport MAX_DEPTH, Node

LEVEL_FLOOR = 8192
BLOCK_FLOOR = 4096
BOOK_LEVELS = 128
BOOK_BLOCKS = 16
MAX_ORDERS = 1 << 30
MAX_LEVELS = 1 << 28
MAX_BOOKS = 1 << 20


class InvariantError(AssertionError):
    """The storage of a book contradicts itself: a bug in the engine."""


cdef class OrderStore:
    def __cinit__(self, max_orders: int, max_levels: int | None = None, bint prefault=False, *, max_books: int = 1):
        cdef size_t order_bytes, slot_bytes, level_bytes, leaf_bytes, tree_bytes, node_bytes
        cdef size_t slots = RUN_MASK + 1
        cdef size_t blocks, leaves, tree_nodes, nodes
        cdef char* at
        if not 1 <= max_orders <= MAX_ORDERS:
            raise ValueError(f"max_orders={max_orders}: must be 1..{MAX_ORDERS}")
        if not 1 <= max_books <= MAX_BOOKS:
            raise ValueError(f"max_books={max_books}: must be 1..{MAX_BOOKS}")
        if max_levels is None:
            max_levels = min(max_orders, max(LEVEL_FLOOR, max_orders // 8, BOOK_LEVELS * max_books))
        if not 1 <= max_levels <= min(max_orders, MAX_LEVELS):
            raise ValueError(f"max_levels={max_levels}: must be 1..max_orders ({max_orders}), at most {MAX_LEVELS}")
        while slots < 2 * <size_t>max_orders:
            slots *= 2
        # Small pools have a block for each level; in large ones levels are taken to stand two to a block at least, but
        # for a few of each book: the levels of an idle symbol stand alone.
        blocks = min(<size_t>max_levels,
                     max(<size_t>max_levels // 2, BOOK_BLOCKS * <size_t>max_books) + BLOCK_FLOOR)
        leaves = min(blocks, max(blocks // 2, BOOK_BLOCKS // 2 * <size_t>max_books) + BLOCK_FLOOR // 2)
        nodes = 64 + blocks // 16 + 6 * <size_t>max_books
        # Neighbouring nodes hold more than MERGED children together, so this many nodes outlast the levels.
        tree_nodes = blocks // 6 + 3 * MAX_DEPTH + 6 * <size_t>max_books
        order_bytes = (<size_t>max_orders + 1) * sizeof(Order)
        slot_bytes = slots * sizeof(uint32_t)
        level_bytes = (blocks + 1) * BLOCK_LEVELS * sizeof(Level)
        leaf_bytes = (leaves + 1) * sizeof(LadderLeaf)
        tree_bytes = (tree_nodes + 1) * sizeof(Node)
        node_bytes = (nodes + 1) * sizeof(LadderNode)
        self.arena_bytes = (order_bytes + slot_bytes + level_bytes + leaf_bytes + tree_bytes + node_bytes
                            + (blocks + 1) * sizeof(uint32_t))
        self.arena = map_pages(self.arena_bytes, prefault)
        if self.arena == NULL:
            raise MemoryError(f"no {self.arena_bytes} bytes for max_orders={max_orders}, max_levels={max_levels}")
        # all sizes up to the nodes' are whole cache lines
        at = <char*>self.arena
        self.pool.orders = <Order*>at
        at += order_bytes
        self.pool.slots = <uint32_t*>at
        at += slot_bytes
        self.levels.levels = <Level*>at
        at += level_bytes
        self.levels.ladder.leaves = <LadderLeaf*>at
        at += leaf_bytes
        self.levels.tree.nodes = <Node*>at
        at += tree_bytes
        self.levels.ladder.nodes = <LadderNode*>at
        at += node_bytes
        self.levels.homes = <uint32_t*>at
        self.pool.capacity = max_orders
        self.pool.slot_shift = 64
        while (<size_t>1 << (64 - self.pool.slot_shift)) < slots:
            self.pool.slot_shift -= 1
        self.pool.next_sequence = 1
        self.levels.capacity = max_levels
        self.levels.block_capacity = <uint32_t>blocks
        self.levels.tree.capacity = <uint32_t>tree_nodes
        self.levels.ladder.leaf_capacity = <uint32_t>leaves
        self.levels.ladder.capacity = <uint32_t>nodes
        self.max_books = max_books

    def __dealloc__(self):
        if self.arena != NULL:
            unmap_pages(self.arena, self.arena_bytes)

    cdef void wipe(self) noexcept nogil:
        if self.pool.live != 0:
            memset(self.pool.slots, 0, (<size_t>1 << (64 - self.pool.slot_shift)) * sizeof(uint32_t))
            memset(&self.levels.levels[BLOCK_LEVELS], 0,
                   <size_t>self.levels.block_high_water * BLOCK_LEVELS * sizeof(Level))
            memset(&self.levels.ladder.leaves[1], 0, <size_t>self.levels.ladder.leaf_high_water * sizeof(LadderLeaf))
            memset(&self.levels.ladder.nodes[1], 0, <size_t>self.levels.ladder.high_water * sizeof(LadderNode))
        self.pool.live = 0
        self.pool.high_water = 0
        self.pool.free_head = 0
        self.pool.next_sequence = 1
        self.levels.live = 0
        self.levels.block_live = 0
        self.levels.block_high_water = 0
        self.levels.block_free = 0
        self.levels.tree.live = 0
        self.levels.tree.high_water = 0
        self.levels.tree.free_head = 0
        self.levels.ladder.leaf_live = 0
        self.levels.ladder.leaf_high_water = 0
        self.levels.ladder.leaf_free = 0
        self.levels.ladder.live = 0
        self.levels.ladder.high_water = 0
        self.levels.ladder.free_head = 0

    cdef const char* broken_storage(self) noexcept nogil:
        cdef uint32_t handle = self.pool.free_head
        cdef uint32_t count = 0
        cdef uint32_t place
        cdef const Level* level
        cdef size_t slot
        while handle != 0:
            count += 1
            if count > self.pool.capacity or self.pool.orders[handle].live:
                return b"order free list"
            handle = self.pool.orders[handle].next
        if count + self.pool.live != self.pool.high_water:
            return b"orders leaked"
        count = 0
        for slot in range(<size_t>1 << (64 - self.pool.slot_shift)):
            handle = self.pool.slots[slot]
            while handle != 0:
                count += 1
                if count > self.pool.live or not self.pool.orders[handle].live:
                    return b"index holds dead orders"
                handle = self.pool.orders[handle].collision
        if count != self.pool.live:
            return b"index misses orders"
        handle = self.levels.block_free
        count = 0
        while handle != 0:
            count += 1
            if count > self.levels.block_capacity:
                return b"block free list"
            for place in range(BLOCK_LEVELS):
                level = &self.levels.levels[handle * BLOCK_LEVELS + place]
                if level.orders != 0 or level.shares != 0 or level.head != 0 or level.tail != 0:
                    return b"free block is not empty"
            handle = self.levels.homes[handle]
        if count + self.levels.block_live != self.levels.block_high_water:
            return b"blocks leaked"
        handle = self.levels.tree.free_head
        count = 0
        while handle != 0:
            count += 1
            if count > self.levels.tree.capacity:
                return b"tree node free list"
            handle = self.levels.tree.nodes[handle].children[0]
        if count + self.levels.tree.live != self.levels.tree.high_water:
            return b"tree nodes leaked"
        handle = self.levels.ladder.leaf_free
        count = 0
        while handle != 0:
            count += 1
            if count > self.levels.ladder.leaf_capacity or self.levels.ladder.leaves[handle].bits != 0:
                return b"ladder leaf free list"
            handle = self.levels.ladder.leaves[handle].parent
        if count + self.levels.ladder.leaf_live != self.levels.ladder.leaf_high_water:
            return b"ladder leaves leaked"
        if self.levels.ladder.leaves[0].bits != 0 or self.levels.ladder.nodes[0].bits != 0:
            return b"what stands for missing ladder nodes is not empty"
        handle = self.levels.ladder.free_head
        count = 0
        while handle != 0:
            count += 1
            if count > self.levels.ladder.capacity or self.levels.ladder.nodes[handle].bits != 0:
                return b"ladder node free list"
            handle = self.levels.ladder.nodes[handle].parent
        if count + self.levels.ladder.live != self.levels.ladder.high_water:
            return b"ladder nodes leaked"
        return NULL

    # ---- Python edge ---------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Live orders of all books."""
        return self.pool.live

    @property
    def max_orders(self) -> int:
        return self.pool.capacity

    @property
    def max_levels(self) -> int:
        return self.levels.capacity

    @property
    def memory_bytes(self) -> int:
        """Address space reserved; pages are touched as they are needed."""
        return self.arena_bytes

    @property
    def used_bytes(self) -> int:
        """Of memory_bytes, what orders and levels have needed at most at one time, with the whole index."""
        return ((<size_t>1 << (64 - self.pool.slot_shift)) * sizeof(uint32_t)
                + <size_t>self.pool.high_water * sizeof(Order)
                + <size_t>self.levels.block_high_water * (BLOCK_LEVELS * sizeof(Level) + sizeof(uint32_t))
                + <size_t>self.levels.ladder.leaf_high_water * sizeof(LadderLeaf)
                + <size_t>self.levels.ladder.high_water * sizeof(LadderNode)
                + <size_t>self.levels.tree.high_water * sizeof(Node))

    def check_invariants(self) -> None:
        """Raises InvariantError naming the first contradiction found in what the books share."""
        cdef const char* problem = self.broken_storage()
        if problem != NULL:
            raise InvariantError((<bytes>problem).decode())
