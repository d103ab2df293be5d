"""What the feed's order book and the matching engine share: storage, queries, digest and the invariant checker."""
from typing import NamedTuple

cimport cython
from libc.string cimport memset

from hotpath.book.order_pool cimport reference_slot
from hotpath.book.order_store cimport OrderStore
from hotpath.book.order_store import InvariantError
from hotpath.book.price_ladder cimport (
    BLOCK_LEVELS,
    LEAF_BLOCKS,
    RADIX,
    RADIX_BITS,
    RADIX_MASK,
    ROOT_SLOTS,
    LadderLeaf,
    LadderNode,
    LadderRoot,
    ladder_leaf,
    ladder_position,
    level_at,
    tick_size,
)
from hotpath.book.price_levels cimport NO_KEY, Side, clear_levels, in_tree, level_key, next_level
from hotpath.book.price_tree cimport FANOUT, PAD, Node

MAX_TICK = 1_000_000


class OrderRow(NamedTuple):
    """A live order: price in Price(4), shares open; owner 0 = anonymous."""

    reference: int
    side: str
    price: int
    shares: int
    owner: int
    consumed: int
    token: int


class LevelRow(NamedTuple):
    price: int
    shares: int
    orders: int


cdef const char* check_node(const PriceLevels* levels, int side, uint32_t handle, uint32_t depth, int64_t* above,
                            uint32_t* nodes, uint32_t* held) noexcept nogil:
    """In-order walk; `above`: every key must be larger than this, the last one seen."""
    cdef const Node* node = &levels.pool.tree.nodes[handle]
    cdef const char* problem
    cdef int i
    nodes[0] += 1
    if node.keys[0] == PAD:
        return b"empty tree node"
    for i in range(FANOUT):
        if node.keys[i] == PAD:
            if i + 1 < FANOUT and node.keys[i + 1] != PAD:
                return b"gap in a tree node"
            continue
        if i > 0 and node.keys[i] <= node.keys[i - 1]:
            return b"tree keys out of order"
        if depth > 0:
            if above[0] >= node.keys[i]:
                return b"tree key not above what its left neighbour holds"
            problem = check_node(levels, side, node.children[i], depth - 1, above, nodes, held)
            if problem != NULL:
                return problem
        else:
            if above[0] >= node.keys[i]:
                return b"tree leaves out of order"
            above[0] = node.keys[i]
            held[0] += 1
            if not in_tree(levels.pool, node.children[i]):
                return b"level both in the tree and on the ladder"
            if node.keys[i] != level_key(side, levels.levels[node.children[i]].price):
                return b"tree key is not the level's price"
    return NULL


# A book refers to nothing that could refer back to it, and its store must be there until the last moment.
@cython.no_gc
cdef class LimitOrderBook:
    def __cinit__(self, max_orders: int | None = None, max_levels: int | None = None, bint prefault=False, *args,
                  tick: int = 100, OrderStore store=None, **kwargs):
        if type(self) is LimitOrderBook:
            raise TypeError("LimitOrderBook is the common base: use OrderBook or MatchingEngine")
        if not 1 <= tick <= MAX_TICK:
            raise ValueError(f"tick={tick}: must be 1..{MAX_TICK}")
        if (max_orders is None) == (store is None):
            raise ValueError("a book needs either max_orders, for memory of its own, or a store")
        if store is None:
            store = OrderStore(max_orders, max_levels, prefault)
        elif max_levels is not None or prefault:
            raise ValueError("max_levels and prefault are the store's, when one is given")
        if store.books == store.max_books:
            raise ValueError(f"the store has room for {store.max_books} books")
        store.books += 1
        self.store = store
        self.pool = &store.pool
        self.levels.pool = &store.levels
        self.levels.levels = store.levels.levels
        self.levels.book = store.books
        self.levels.tick = tick_size(tick)
        clear_levels(&self.levels)

    def __dealloc__(self):
        if self.levels.orders != 0:
            self.drop_orders()

    # ---- queries -------------------------------------------------------------------------------------------------

    cdef void top(self, TopOfBook* out) noexcept nogil:
        cdef const Level* level
        memset(out, 0, sizeof(TopOfBook))
        if self.levels.sides[0].best != 0:
            level = &self.levels.levels[self.levels.sides[0].best]
            out.bid_price = level.price
            out.bid_shares = level.shares
            out.bid_orders = <int32_t>level.orders
        if self.levels.sides[1].best != 0:
            level = &self.levels.levels[self.levels.sides[1].best]
            out.ask_price = level.price
            out.ask_shares = level.shares
            out.ask_orders = <int32_t>level.orders

    cdef int copy_levels(self, uint8_t side, LevelView* out, int count) noexcept nogil:
        cdef int index = side_index(side)
        cdef int copied = 0
        cdef uint32_t level
        if index < 0:
            return 0
        level = self.levels.sides[index].best
        while level != 0 and copied < count:
            out[copied].price = self.levels.levels[level].price
            out[copied].shares = self.levels.levels[level].shares
            out[copied].orders = self.levels.levels[level].orders
            copied += 1
            level = next_level(&self.levels, index, level)
        return copied

    cdef uint32_t find(self, uint64_t reference) noexcept nogil:
        return find_own(self.pool, &self.levels, reference_slot(self.pool, reference), reference)

    cdef const Order* order(self, uint32_t handle) noexcept nogil:
        return &self.pool.orders[handle]

    cdef uint32_t first_live(self) noexcept nogil:
        cdef uint32_t level = self.levels.sides[0].best
        if level == 0:
            level = self.levels.sides[1].best
        return self.levels.levels[level].head if level != 0 else 0

    cdef uint32_t next_live(self, uint32_t handle) noexcept nogil:
        cdef const Order* order = &self.pool.orders[handle]
        cdef uint32_t level
        if order.next != 0:
            return order.next
        level = next_level(&self.levels, order.side, order.level)
        if level == 0 and order.side == 0:
            level = self.levels.sides[1].best
        return self.levels.levels[level].head if level != 0 else 0

    cdef uint32_t live_orders(self) noexcept nogil:
        return self.levels.orders

    cdef uint64_t book_digest(self) noexcept nogil:
        cdef uint64_t digest = 0
        cdef uint32_t level
        cdef uint32_t handle
        cdef const Level* queue
        cdef int side
        for side in range(2):
            digest = mix(digest, side_character(<uint8_t>side))
            level = self.levels.sides[side].best
            while level != 0:
                queue = &self.levels.levels[level]
                digest = mix(mix(mix(digest, <uint64_t>queue.price), <uint64_t>queue.shares), queue.orders)
                handle = queue.head
                while handle != 0:
                    digest = mix(mix(digest, self.pool.orders[handle].reference), self.pool.orders[handle].shares)
                    handle = self.pool.orders[handle].next
                level = next_level(&self.levels, side, level)
        return digest

    cdef void reset(self) noexcept nogil:
        if self.levels.orders == self.pool.live:
            self.store.wipe()
            self.levels.orders = 0
            clear_levels(&self.levels)
        else:
            self.drop_orders()

    cdef void drop_orders(self) noexcept nogil:
        cdef uint32_t handle = self.first_live()
        while handle != 0:
            take_off(self.pool, &self.levels, handle)
            handle = self.first_live()

    # ---- invariants ----------------------------------------------------------------------------------------------

    cdef const char* broken_invariant(self) noexcept nogil:
        cdef const char* problem
        cdef Side* own
        cdef uint32_t tree_nodes = 0
        cdef uint32_t ladder_nodes = 0
        cdef uint32_t leaves = 0
        cdef uint32_t blocks = 0
        cdef uint32_t levels = 0
        cdef uint32_t orders = 0
        cdef uint32_t placed, chained
        cdef uint32_t beside
        cdef int64_t above
        cdef int side
        for side in range(2):
            own = &self.levels.sides[side]
            chained = levels
            problem = self.broken_side(side, &levels, &orders)
            if problem != NULL:
                return problem
            placed = 0
            problem = self.broken_ladder(side, &ladder_nodes, &leaves, &blocks, &placed)
            if problem != NULL:
                return problem
            if own.tree.root != 0:
                above = -(<int64_t>1 << 62)
                beside = 0
                problem = check_node(&self.levels, side, own.tree.root, own.tree.depth, &above, &tree_nodes, &beside)
                if problem != NULL:
                    return problem
                placed += beside
                blocks += beside
            if placed != levels - chained:
                return b"ladder and tree do not hold the side's levels"
        if orders != self.levels.orders:
            return b"live count differs from what the sides hold"
        if self.levels.orders == self.pool.live:
            if levels != self.levels.pool.live:
                return b"live levels differ from what the sides hold"
            if tree_nodes != self.levels.pool.tree.live or ladder_nodes != self.levels.pool.ladder.live:
                return b"live tree or ladder nodes differ from what the sides hold"
            if leaves != self.levels.pool.ladder.leaf_live or blocks != self.levels.pool.block_live:
                return b"live ladder leaves or blocks differ from what the sides hold"
        return self.store.broken_storage()

    cdef const char* broken_ladder(self, int side, uint32_t* nodes, uint32_t* leaves, uint32_t* blocks,
                                   uint32_t* levels) noexcept nogil:
        cdef const LadderRoot* ladder = &self.levels.roots[side]
        cdef const LadderNode* top
        cdef const LadderNode* middle
        cdef const char* problem
        cdef uint32_t number, place, below
        for number in range(ROOT_SLOTS):
            if (ladder.slots[number] != 0) != ((ladder.bits[number >> RADIX_BITS] >> (number & RADIX_MASK)) & 1):
                return b"ladder root slot differs from its bit"
            if ladder.slots[number] == 0:
                continue
            nodes[0] += 1
            top = &self.levels.pool.ladder.nodes[ladder.slots[number]]
            problem = self.broken_node(top, 0, number)
            if problem != NULL:
                return problem
            for place in range(RADIX):
                if top.slots[place] == 0:
                    continue
                nodes[0] += 1
                middle = &self.levels.pool.ladder.nodes[top.slots[place]]
                problem = self.broken_node(middle, ladder.slots[number], place)
                if problem != NULL:
                    return problem
                for below in range(RADIX):
                    if middle.slots[below] == 0:
                        continue
                    leaves[0] += 1
                    problem = self.broken_leaf(side, middle.slots[below], top.slots[place],
                                               (number * RADIX + place) * RADIX + below, blocks, levels)
                    if problem != NULL:
                        return problem
        return NULL

    cdef const char* broken_node(self, const LadderNode* node, uint32_t parent, uint32_t place) noexcept nogil:
        cdef uint32_t slot
        if node.bits == 0:
            return b"empty ladder node"
        if node.parent != parent or node.place != place:
            return b"ladder node does not know its parent"
        for slot in range(RADIX):
            if (node.slots[slot] != 0) != ((node.bits >> slot) & 1):
                return b"ladder slot differs from its bit"
        return NULL

    cdef const char* broken_leaf(self, int side, uint32_t handle, uint32_t parent, uint32_t number, uint32_t* blocks,
                                 uint32_t* levels) noexcept nogil:
        """number: that of the leaf among all of the ladder."""
        cdef const LadderLeaf* leaf = &self.levels.pool.ladder.leaves[handle]
        cdef const Level* level
        cdef uint32_t place
        if leaf.bits == 0:
            return b"empty ladder leaf"
        if leaf.parent != parent or leaf.place != (number & RADIX_MASK):
            return b"ladder leaf does not know its parent"
        if ladder_leaf(&self.levels.pool.ladder, &self.levels.sides[side].ladder, number * RADIX) != handle:
            return b"ladder leaf not found by its position"
        for place in range(LEAF_BLOCKS):
            if (leaf.blocks[place] != 0) != (((leaf.bits >> (place * BLOCK_LEVELS)) & 255) != 0):
                return b"ladder block without levels, or levels without a block"
            if leaf.blocks[place] == 0:
                continue
            blocks[0] += 1
            if self.levels.pool.homes[leaf.blocks[place]] != handle * RADIX + place * BLOCK_LEVELS:
                return b"block does not know its place on the ladder"
        for place in range(RADIX):
            if leaf.blocks[place // BLOCK_LEVELS] == 0:
                continue
            level = &self.levels.levels[level_at(leaf, place)]
            if (level.orders != 0) != ((leaf.bits >> place) & 1):
                return b"level differs from its bit"
            if level.orders == 0:
                if level.shares != 0 or level.head != 0 or level.tail != 0:
                    return b"level without orders is not empty"
                continue
            levels[0] += 1
            if ladder_position(&self.levels.tick, side, <uint32_t>level.price) != number * RADIX + place:
                return b"level's price is not that of its place on the ladder"
        return NULL

    cdef const char* broken_side(self, int side, uint32_t* levels, uint32_t* orders) noexcept nogil:
        cdef uint32_t level = self.levels.sides[side].best
        cdef uint32_t better = 0
        cdef uint32_t count = 0
        cdef uint32_t handle
        cdef uint32_t previous
        cdef uint32_t queued
        cdef int64_t shares
        cdef const Level* queue
        cdef const Order* order
        if self.levels.sides[side].best_key != (NO_KEY if level == 0
                                                else level_key(side, self.levels.levels[level].price)):
            return b"best price of the side"
        while level != 0:
            queue = &self.levels.levels[level]
            count += 1
            if count > self.levels.pool.capacity:
                return b"level chain has a cycle"
            if find_level(&self.levels, side, queue.price) != level:
                return b"level not found by its price"
            if better != 0 and level_key(side, queue.price) <= level_key(side, self.levels.levels[better].price):
                return b"levels out of price order"
            handle = queue.head
            previous = 0
            queued = 0
            shares = 0
            while handle != 0:
                order = &self.pool.orders[handle]
                queued += 1
                if queued > self.pool.capacity:
                    return b"order queue has a cycle"
                if (not order.live or order.book != self.levels.book or order.level != level or order.side != side
                        or order.price != queue.price):
                    return b"order does not belong to its level"
                if order.prev != previous:
                    return b"order queue is not doubly linked"
                if previous != 0 and order.sequence <= self.pool.orders[previous].sequence:
                    return b"time priority broken"
                if order.shares == 0:
                    return b"order without shares"
                if self.find(order.reference) != handle:
                    return b"order not found by its reference"
                shares += order.shares
                previous = handle
                handle = order.next
            if queued == 0 or queued != queue.orders or shares != queue.shares or queue.tail != previous:
                return b"level sums differ from its orders"
            orders[0] += queued
            better = level
            level = next_level(&self.levels, side, level)
        levels[0] += count
        return NULL

    # ---- Python edge ---------------------------------------------------------------------------------------------

    cdef object row(self, uint32_t handle):
        cdef const Order* order = &self.pool.orders[handle]
        return OrderRow(order.reference, chr(side_character(order.side)), order.price, order.shares, order.owner,
                        order.consumed, order.token)

    def __len__(self) -> int:
        return self.levels.orders

    @property
    def max_orders(self) -> int:
        return self.pool.capacity

    @property
    def max_levels(self) -> int:
        return self.levels.pool.capacity

    @property
    def memory_bytes(self) -> int:
        """Address space that the book's store reserves; pages are touched as they are needed."""
        return self.store.arena_bytes

    def top_of_book(self) -> tuple[LevelRow | None, LevelRow | None]:
        """Best bid and best ask."""
        cdef TopOfBook top
        self.top(&top)
        return (LevelRow(top.bid_price, top.bid_shares, top.bid_orders) if top.bid_orders else None,
                LevelRow(top.ask_price, top.ask_shares, top.ask_orders) if top.ask_orders else None)

    def top_levels(self, side: str, count: int) -> list[LevelRow]:
        """The best `count` levels of side "B" or "S", best first."""
        cdef int index = side_index(ord(side))
        cdef uint32_t level
        if index < 0:
            raise ValueError(f"side={side!r}: must be 'B' or 'S'")
        rows = []
        level = self.levels.sides[index].best
        while level != 0 and len(rows) < count:
            rows.append(LevelRow(self.levels.levels[level].price, self.levels.levels[level].shares,
                                 self.levels.levels[level].orders))
            level = next_level(&self.levels, index, level)
        return rows

    def lookup(self, uint64_t reference) -> OrderRow | None:
        cdef uint32_t handle = self.find(reference)
        return self.row(handle) if handle else None

    def orders(self) -> list[OrderRow]:
        """Every live order: bids from the best down, then asks from the best up, by time within a level."""
        rows = []
        cdef uint32_t handle = self.first_live()
        while handle != 0:
            rows.append(self.row(handle))
            handle = self.next_live(handle)
        return rows

    def digest(self) -> int:
        """64 bits over every level and, in priority order, every order: equal books have equal digests."""
        return self.book_digest()

    def clear(self) -> None:
        """Drops every order of this book."""
        self.reset()

    def check_invariants(self) -> None:
        """Raises InvariantError naming the first contradiction found in the storage."""
        cdef const char* problem = self.broken_invariant()
        if problem != NULL:
            raise InvariantError((<bytes>problem).decode())
