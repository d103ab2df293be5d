"""What the feed's order book and the matching engine share: storage, queries, digest and the invariant checker."""
from typing import NamedTuple

from libc.string cimport memset

from hotpath.book.arena cimport map_pages, unmap_pages
from hotpath.book.order_pool cimport find_order
from hotpath.book.price_ladder cimport (
    DIRECTORY_PAGES,
    DIRECTORY_SUMMARY_WORDS,
    DIRECTORY_WORDS,
    LADDER_SPAN,
    PAGE_TICKS,
    PAGE_WORDS,
    Ladder,
    LadderPage,
    ladder_position,
    next_page,
    tick_size,
)
from hotpath.book.price_levels cimport Side, level_key, next_level
from hotpath.book.price_tree cimport FANOUT, MAX_DEPTH, PAD, Node

LEVEL_FLOOR = 8192
MAX_ORDERS = 1 << 30
MAX_PAGES = 4096
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


class InvariantError(AssertionError):
    """The book's storage contradicts itself: a bug in the engine."""


cdef const char* check_node(const PriceLevels* levels, int side, uint32_t handle, uint32_t depth, int64_t* above,
                            uint32_t* nodes, uint32_t* held) noexcept nogil:
    """In-order walk; `above`: every key must be larger than this, the last one seen."""
    cdef const Node* node = &levels.nodes.nodes[handle]
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
            if levels.levels[node.children[i]].position != LADDER_SPAN:
                return b"level both in the tree and on the ladder"
            if node.keys[i] != level_key(side, levels.levels[node.children[i]].price):
                return b"tree key is not the level's price"
    return NULL


cdef class LimitOrderBook:
    def __cinit__(self, max_orders: int, max_levels: int | None = None, bint prefault=False, *args,
                  tick: int = 100, **kwargs):
        cdef size_t order_bytes, slot_bytes, level_bytes, node_bytes, ladder_bytes
        cdef size_t slots = 16
        cdef size_t nodes, pages
        cdef char* at
        if type(self) is LimitOrderBook:
            raise TypeError("LimitOrderBook is the common base: use OrderBook or MatchingEngine")
        if not 1 <= max_orders <= MAX_ORDERS:
            raise ValueError(f"max_orders={max_orders}: must be 1..{MAX_ORDERS}")
        if max_levels is None:
            max_levels = min(max_orders, max(LEVEL_FLOOR, max_orders // 8))
        if not 1 <= max_levels <= max_orders:
            raise ValueError(f"max_levels={max_levels}: must be 1..max_orders ({max_orders})")
        if not 1 <= tick <= MAX_TICK:
            raise ValueError(f"tick={tick}: must be 1..{MAX_TICK}")
        while slots < 2 * <size_t>max_orders:
            slots *= 2
        # Neighbouring nodes hold more than MERGED children together, so this many nodes outlast the levels.
        nodes = <size_t>max_levels // 6 + 3 * MAX_DEPTH
        pages = min(MAX_PAGES, 16 + <size_t>max_orders // 2048)
        order_bytes = (<size_t>max_orders + 1) * sizeof(Order)
        slot_bytes = slots * sizeof(uint32_t)
        level_bytes = (<size_t>max_levels + 2) // 2 * 2 * sizeof(Level)
        node_bytes = (nodes + 1) * sizeof(Node)
        ladder_bytes = 2 * sizeof(Ladder)
        self.arena_bytes = (order_bytes + slot_bytes + level_bytes + node_bytes + (pages + 1) * sizeof(LadderPage)
                            + ladder_bytes)
        self.arena = map_pages(self.arena_bytes, prefault)
        if self.arena == NULL:
            raise MemoryError(f"no {self.arena_bytes} bytes for max_orders={max_orders}, max_levels={max_levels}")
        at = <char*>self.arena
        self.pool.orders = <Order*>at
        at += order_bytes
        self.pool.slots = <uint32_t*>at
        at += slot_bytes
        self.levels.levels = <Level*>at
        at += level_bytes
        self.levels.nodes.nodes = <Node*>at
        at += node_bytes
        self.levels.pages.pages = <LadderPage*>at
        at += (pages + 1) * sizeof(LadderPage)
        self.levels.ladders = <Ladder*>at
        self.pool.capacity = max_orders
        self.pool.slot_shift = 64
        while (<size_t>1 << (64 - self.pool.slot_shift)) < slots:
            self.pool.slot_shift -= 1
        self.levels.level_capacity = max_levels
        self.levels.nodes.capacity = <uint32_t>nodes
        self.levels.pages.capacity = <uint32_t>pages
        self.levels.tick = tick_size(tick)
        self.pool.next_sequence = 1

    def __dealloc__(self):
        if self.arena != NULL:
            unmap_pages(self.arena, self.arena_bytes)

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
        return find_order(&self.pool, reference)

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
        return self.pool.live

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
        cdef int side
        cdef uint32_t number
        if self.pool.live != 0:
            memset(self.pool.slots, 0, (<size_t>1 << (64 - self.pool.slot_shift)) * sizeof(uint32_t))
            for side in range(2):
                number = next_page(&self.levels.ladders[side], 0)
                while number != DIRECTORY_PAGES:
                    memset(&self.levels.pages.pages[self.levels.ladders[side].directory[number]], 0, sizeof(LadderPage))
                    self.levels.ladders[side].directory[number] = 0
                    number = next_page(&self.levels.ladders[side], number + 1)
                memset(&self.levels.ladders[side].pages[0], 0, DIRECTORY_WORDS * sizeof(uint64_t))
                memset(&self.levels.ladders[side].summary[0], 0, DIRECTORY_SUMMARY_WORDS * sizeof(uint64_t))
        self.pool.live = 0
        self.pool.high_water = 0
        self.pool.free_head = 0
        memset(&self.levels.sides[0], 0, 2 * sizeof(Side))
        self.levels.level_live = 0
        self.levels.level_high_water = 0
        self.levels.level_free = 0
        self.levels.nodes.live = 0
        self.levels.nodes.high_water = 0
        self.levels.nodes.free_head = 0
        self.levels.pages.live = 0
        self.levels.pages.high_water = 0
        self.levels.pages.free_head = 0
        self.pool.next_sequence = 1

    # ---- invariants ----------------------------------------------------------------------------------------------

    cdef const char* broken_invariant(self) noexcept nogil:
        cdef const char* problem
        cdef const Side* book_side
        cdef uint32_t nodes = 0
        cdef uint32_t pages = 0
        cdef uint32_t levels = 0
        cdef uint32_t orders = 0
        cdef uint32_t placed
        cdef int64_t above
        cdef int side
        for side in range(2):
            book_side = &self.levels.sides[side]
            problem = self.broken_side(side, &levels, &orders)
            if problem != NULL:
                return problem
            placed = 0
            problem = self.broken_ladder(side, &pages, &placed)
            if problem != NULL:
                return problem
            if book_side.tree.root != 0:
                above = -(<int64_t>1 << 62)
                problem = check_node(&self.levels, side, book_side.tree.root, book_side.tree.depth, &above, &nodes,
                                     &placed)
                if problem != NULL:
                    return problem
            if placed != book_side.count:
                return b"ladder and tree do not hold the side's levels"
        if orders != self.pool.live or levels != self.levels.level_live:
            return b"live counts differ from what the sides hold"
        if nodes != self.levels.nodes.live or pages != self.levels.pages.live:
            return b"live tree nodes or ladder pages differ from what the sides hold"
        return self.broken_storage()

    cdef const char* broken_ladder(self, int side, uint32_t* pages, uint32_t* levels) noexcept nogil:
        cdef const Ladder* ladder = &self.levels.ladders[side]
        cdef const LadderPage* page
        cdef const Level* level
        cdef uint32_t held
        cdef int number
        cdef int place
        cdef int word
        for word in range(DIRECTORY_WORDS):
            if (ladder.pages[word] != 0) != ((ladder.summary[word >> 6] >> (word & 63)) & 1):
                return b"ladder summary differs from its words"
        for number in range(DIRECTORY_PAGES):
            if (ladder.directory[number] != 0) != ((ladder.pages[number >> 6] >> (number & 63)) & 1):
                return b"ladder directory differs from its bitmap"
            if ladder.directory[number] == 0:
                continue
            pages[0] += 1
            page = &self.levels.pages.pages[ladder.directory[number]]
            held = 0
            for place in range(PAGE_TICKS):
                if (page.slots[place] != 0) != ((page.words[place >> 6] >> (place & 63)) & 1):
                    return b"ladder slot differs from its bit"
                if page.slots[place] == 0:
                    continue
                held += 1
                level = &self.levels.levels[page.slots[place]]
                if level.position != <uint32_t>(number * PAGE_TICKS + place):
                    return b"ladder slot holds another level"
                if ladder_position(&self.levels.tick, side, <uint32_t>level.price) != level.position:
                    return b"level's price is not that of its position"
            for word in range(PAGE_WORDS):
                if (page.words[word] != 0) != ((page.occupied >> word) & 1):
                    return b"ladder page summary differs from its words"
            if held == 0:
                return b"empty ladder page"
            levels[0] += held
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
        while level != 0:
            queue = &self.levels.levels[level]
            count += 1
            if count > self.levels.level_capacity:
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
                if not order.live or order.level != level or order.side != side or order.price != queue.price:
                    return b"order does not belong to its level"
                if order.prev != previous:
                    return b"order queue is not doubly linked"
                if previous != 0 and order.sequence <= self.pool.orders[previous].sequence:
                    return b"time priority broken"
                if order.shares == 0:
                    return b"order without shares"
                if find_order(&self.pool, order.reference) != handle:
                    return b"order not found by its reference"
                shares += order.shares
                previous = handle
                handle = order.next
            if queued == 0 or queued != queue.orders or shares != queue.shares or queue.tail != previous:
                return b"level sums differ from its orders"
            orders[0] += queued
            better = level
            level = next_level(&self.levels, side, level)
        if count != self.levels.sides[side].count:
            return b"level count of the side"
        levels[0] += count
        return NULL

    cdef const char* broken_storage(self) noexcept nogil:
        cdef uint32_t handle = self.pool.free_head
        cdef uint32_t count = 0
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
        handle = self.levels.level_free
        count = 0
        while handle != 0:
            count += 1
            if count > self.levels.level_capacity:
                return b"level free list"
            handle = self.levels.levels[handle].next_free
        if count + self.levels.level_live != self.levels.level_high_water:
            return b"levels leaked"
        handle = self.levels.nodes.free_head
        count = 0
        while handle != 0:
            count += 1
            if count > self.levels.nodes.capacity:
                return b"node free list"
            handle = self.levels.nodes.nodes[handle].children[0]
        if count + self.levels.nodes.live != self.levels.nodes.high_water:
            return b"nodes leaked"
        handle = self.levels.pages.free_head
        count = 0
        while handle != 0:
            count += 1
            if count > self.levels.pages.capacity or self.levels.pages.pages[handle].occupied != 0:
                return b"page free list"
            handle = self.levels.pages.pages[handle].next_free
        if count + self.levels.pages.live != self.levels.pages.high_water:
            return b"pages leaked"
        return NULL

    # ---- Python edge ---------------------------------------------------------------------------------------------

    cdef object row(self, uint32_t handle):
        cdef const Order* order = &self.pool.orders[handle]
        return OrderRow(order.reference, chr(side_character(order.side)), order.price, order.shares, order.owner,
                        order.consumed, order.token)

    def __len__(self) -> int:
        return self.pool.live

    @property
    def max_orders(self) -> int:
        return self.pool.capacity

    @property
    def max_levels(self) -> int:
        return self.levels.level_capacity

    @property
    def memory_bytes(self) -> int:
        """Address space reserved; pages are touched as they are needed."""
        return self.arena_bytes

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
        cdef uint32_t handle = find_order(&self.pool, reference)
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
        """Drops every order."""
        self.reset()

    def check_invariants(self) -> None:
        """Raises InvariantError naming the first contradiction found in the storage."""
        cdef const char* problem = self.broken_invariant()
        if problem != NULL:
            raise InvariantError((<bytes>problem).decode())
