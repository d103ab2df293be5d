# cython: nonecheck=False
# In-place arithmetic on a field of self counts as a None check, which nogil code cannot have.
"""Price-time-priority matching of one symbol."""
from typing import NamedTuple

from libc.string cimport memset

from hotpath.book.arena cimport map_pages, unmap_pages
from hotpath.book.limit_order_book cimport (
    can_rest,
    decrease,
    find_own,
    join_queue,
    leave_queue,
    mix,
    rest,
    side_character,
    side_index,
    take_off,
    valid_price,
    valid_shares,
)
from hotpath.book.order_pool cimport (
    Order,
    either,
    find_in_slot,
    index_order,
    reference_slot,
    unindex_order,
)
from hotpath.book.order_store cimport OrderStore
from hotpath.book.price_levels cimport Side, level_available, level_key

# A step emits at most two events and one may follow the last step; nothing starts or goes on with less room than this.
cdef enum:
    STEP_EVENTS = 4
    BOTH_SIDES = 2

MAX_OWNERS = 65_536


class Event(NamedTuple):
    """An EngineEvent as Python sees it; field meanings in matching_engine.pxd."""

    kind: int
    side: str
    reason: int
    on_book: bool
    owner: int
    contra_owner: int
    order_ref: int
    contra_ref: int
    price: int
    quantity: int
    leaves: int
    contra_leaves: int
    prevented: int
    token: int
    contra_token: int
    match_number: int


cdef inline bint valid_time_in_force(uint8_t time_in_force) noexcept nogil:
    return time_in_force == TIF_DAY or time_in_force == TIF_IOC


cdef class MatchingEngine:
    def __cinit__(self, max_orders: int | None = None, max_levels: int | None = None, bint prefault=False, *,
                  event_capacity: int = 65_536, max_owners: int = 256, first_match_number: int = 1, tick: int = 100,
                  OrderStore store=None):
        if not 2 * STEP_EVENTS <= event_capacity <= 1 << 24:
            raise ValueError(f"event_capacity={event_capacity}: must be {2 * STEP_EVENTS}..{1 << 24}")
        if not 1 <= max_owners <= MAX_OWNERS:
            raise ValueError(f"max_owners={max_owners}: must be 1..{MAX_OWNERS}")
        self.event_capacity = event_capacity
        self.max_owners = max_owners
        self.next_match_number = first_match_number
        self.events = <EngineEvent*>map_pages(event_capacity * sizeof(EngineEvent), prefault)
        self.owners = <OwnerOrders*>map_pages(max_owners * sizeof(OwnerOrders), prefault)
        if self.events == NULL or self.owners == NULL:
            raise MemoryError(f"no memory for event_capacity={event_capacity}, max_owners={max_owners}")

    def __dealloc__(self):
        if self.events != NULL:
            unmap_pages(self.events, self.event_capacity * sizeof(EngineEvent))
        if self.owners != NULL:
            unmap_pages(self.owners, self.max_owners * sizeof(OwnerOrders))

    # ---- operations ----------------------------------------------------------------------------------------------

    cdef int submit(self, uint64_t order_ref, uint16_t owner, uint8_t side, int64_t price, uint32_t quantity,
                    uint8_t time_in_force, uint8_t flags, uint32_t token) noexcept nogil:
        cdef int index = side_index(side)
        cdef uint8_t refusal = 0
        cdef uint32_t slot = reference_slot(self.pool, order_ref)
        cdef uint32_t handle
        cdef EngineEvent* event
        if self.busy():
            return ENGINE_BUSY
        if index < 0:
            refusal = REJECT_INVALID_SIDE
        elif not valid_price(price):
            refusal = REJECT_INVALID_PRICE
        elif not valid_shares(quantity):
            refusal = REJECT_INVALID_QUANTITY
        elif not valid_time_in_force(time_in_force):
            refusal = REJECT_INVALID_TIME_IN_FORCE
        elif owner >= self.max_owners:
            refusal = REJECT_INVALID_OWNER
        elif find_in_slot(self.pool, slot, order_ref) != 0:
            refusal = REJECT_DUPLICATE_ORDER
        elif time_in_force == TIF_DAY and not can_rest(self.pool, &self.levels, index, <int32_t>price):
            refusal = REJECT_POOL_EXHAUSTED
        if refusal:
            event = self.emit(ENGINE_REJECTED, order_ref, side, price)
            event.reason = refusal
            event.owner = owner
            event.token = token
            event.quantity = quantity
            return ENGINE_DONE
        event = self.emit(ENGINE_ACCEPTED, order_ref, side, price)
        event.owner = owner
        event.token = token
        event.quantity = quantity
        event.leaves = quantity
        if time_in_force == TIF_DAY and self.crossed_level(index, price) == 0:
            handle = rest(self.pool, &self.levels, order_ref, slot, index, <int32_t>price, quantity)
            self.place(handle, owner, 0, token)
            self.emit_rested(order_ref, side, price, owner, token, quantity)
            return ENGINE_DONE
        self.begin(order_ref, owner, index, price, quantity, 0, time_in_force, flags, token)
        return self.enter()

    cdef int cancel(self, uint64_t order_ref, uint32_t new_total, uint8_t reason) noexcept nogil:
        cdef uint32_t handle
        cdef const Order* order
        cdef uint32_t open
        if self.busy():
            return ENGINE_BUSY
        handle = find_own(self.pool, &self.levels, reference_slot(self.pool, order_ref), order_ref)
        if handle == 0:
            return self.refuse(order_ref, REJECT_UNKNOWN_ORDER)
        order = &self.pool.orders[handle]
        open = new_total - order.consumed if new_total > order.consumed else 0
        if open < order.shares:
            self.shrink(handle, order.shares - open, reason)
        return ENGINE_DONE

    cdef int reduce(self, uint64_t order_ref, uint32_t shares, uint8_t reason) noexcept nogil:
        cdef uint32_t handle
        if self.busy():
            return ENGINE_BUSY
        handle = find_own(self.pool, &self.levels, reference_slot(self.pool, order_ref), order_ref)
        if handle == 0:
            return self.refuse(order_ref, REJECT_UNKNOWN_ORDER)
        if shares == 0:
            return self.refuse(order_ref, REJECT_INVALID_QUANTITY)
        self.shrink(handle, min(shares, self.pool.orders[handle].shares), reason)
        return ENGINE_DONE

    cdef int replace(self, uint64_t order_ref, uint64_t new_ref, int64_t price, uint32_t quantity,
                     uint8_t time_in_force, uint8_t flags, uint32_t token) noexcept nogil:
        cdef uint32_t handle
        cdef uint32_t slot = reference_slot(self.pool, order_ref)
        cdef uint32_t new_slot = reference_slot(self.pool, new_ref)
        cdef Order* order
        cdef uint32_t consumed
        cdef uint32_t leaves
        cdef uint16_t owner
        cdef int side
        cdef EngineEvent* event
        if self.busy():
            return ENGINE_BUSY
        handle = find_own(self.pool, &self.levels, slot, order_ref)
        if handle == 0:
            return self.refuse(order_ref, REJECT_UNKNOWN_ORDER)
        if find_in_slot(self.pool, new_slot, new_ref) != 0:
            return self.refuse(new_ref, REJECT_DUPLICATE_ORDER)
        order = &self.pool.orders[handle]
        if not valid_price(price) or not valid_shares(quantity) or not valid_time_in_force(time_in_force):
            self.shrink(handle, order.shares, CANCEL_SYSTEM)
            return ENGINE_DONE
        if quantity <= order.consumed:
            self.shrink(handle, order.shares, CANCEL_USER)
            return ENGINE_DONE
        side = order.side
        owner = order.owner
        consumed = order.consumed
        leaves = quantity - consumed
        event = self.emit(ENGINE_REPLACED, new_ref, side_character(order.side), price)
        event.on_book = 1
        event.owner = owner
        event.contra_owner = owner
        event.contra_ref = order_ref
        event.contra_leaves = order.shares
        event.contra_token = order.token
        event.token = token
        event.quantity = leaves
        event.leaves = leaves
        if time_in_force == TIF_DAY and level_available(&self.levels) and self.crossed_level(side, price) == 0:
            # It rests for certain, so the order keeps its place in memory and in its owner's list.
            unindex_order(self.pool, slot, handle)
            index_order(self.pool, new_slot, handle)
            leave_queue(self.pool, &self.levels, order)
            order.reference = new_ref
            order.token = token
            join_queue(self.pool, &self.levels, handle, side, <int32_t>price, leaves)
            self.emit_rested(new_ref, side_character(<uint8_t>side), price, owner, token, leaves)
            return ENGINE_DONE
        self.remove(handle)
        self.begin(new_ref, owner, side, price, leaves, consumed, time_in_force, flags, token)
        return self.enter()

    cdef int mass_cancel(self, uint16_t owner, uint8_t side, uint8_t reason) noexcept nogil:
        cdef int index = side_index(side) if side != 0 else BOTH_SIDES
        if self.busy():
            return ENGINE_BUSY
        if index < 0:
            return self.refuse(0, REJECT_INVALID_SIDE)
        if owner == 0 or owner >= self.max_owners:
            return self.refuse(0, REJECT_INVALID_OWNER)
        self.sort_owner(owner)
        self.pending.operation = PENDING_MASS_CANCEL
        self.pending.side = <uint8_t>index
        self.pending.reason = reason
        self.pending.cursor = self.owners[owner].head
        return self.resume()

    cdef int trade_against(self, uint64_t order_ref, uint32_t shares) noexcept nogil:
        cdef uint32_t handle
        cdef Order* maker
        cdef EngineEvent* event
        if self.busy():
            return ENGINE_BUSY
        handle = self.find(order_ref)
        if handle == 0:
            return self.refuse(order_ref, REJECT_UNKNOWN_ORDER)
        if shares == 0:
            return self.refuse(order_ref, REJECT_INVALID_QUANTITY)
        maker = &self.pool.orders[handle]
        shares = min(shares, maker.shares)
        event = self.emit(ENGINE_EXECUTED, 0, side_character(1 - maker.side), maker.price)
        event.contra_ref = maker.reference
        event.contra_owner = maker.owner
        event.contra_token = maker.token
        event.quantity = shares
        event.contra_leaves = maker.shares - shares
        event.match_number = self.next_match_number
        self.next_match_number += 1
        maker.consumed += shares
        self.lessen(handle, shares)
        return ENGINE_DONE

    cdef bint owned_ahead(self, uint32_t handle) noexcept nogil:
        cdef const Order* order = &self.pool.orders[handle]
        cdef const Order* other
        cdef int64_t better
        cdef uint32_t owner
        cdef uint32_t at
        for owner in range(1, self.max_owners):
            at = self.owners[owner].head
            while at != 0:
                other = &self.pool.orders[at]
                better = <int64_t>other.price - order.price if order.side == 0 else <int64_t>order.price - other.price
                if other.side == order.side and (better > 0 or (better == 0 and other.sequence < order.sequence)):
                    return True
                at = other.owner_next
        return False

    cdef int resume(self) noexcept nogil:
        if self.pending.operation == PENDING_ENTRY:
            return self.match()
        if self.pending.operation == PENDING_MASS_CANCEL:
            return self.sweep()
        return ENGINE_DONE

    cdef void clear_events(self) noexcept nogil:
        self.event_count = 0

    # ---- settings and state --------------------------------------------------------------------------------------

    cdef bint set_self_match_prevention(self, uint16_t owner, uint8_t mode) noexcept nogil:
        if owner == 0 or owner >= self.max_owners or mode > SMP_OFF:
            return False
        self.owners[owner].smp = mode
        return True

    cdef uint32_t owner_open_orders(self, uint16_t owner) noexcept nogil:
        return self.owners[owner].count if 0 < owner < self.max_owners else 0

    cdef uint64_t engine_digest(self) noexcept nogil:
        cdef uint64_t digest = mix(self.book_digest(), self.next_match_number)
        cdef uint32_t handle = self.first_live()
        cdef const Order* order
        while handle != 0:
            order = &self.pool.orders[handle]
            digest = mix(mix(mix(digest, order.owner), order.consumed), order.token)
            handle = self.next_live(handle)
        return digest

    cdef void reset(self) noexcept nogil:
        cdef uint32_t owner
        LimitOrderBook.reset(self)
        for owner in range(self.max_owners):
            self.owners[owner].head = 0
            self.owners[owner].tail = 0
            self.owners[owner].count = 0
        memset(&self.pending, 0, sizeof(Pending))
        self.event_count = 0

    # ---- steps ---------------------------------------------------------------------------------------------------

    cdef inline bint busy(self) noexcept nogil:
        return self.pending.operation != PENDING_NONE or self.event_capacity - self.event_count < STEP_EVENTS

    cdef inline EngineEvent* emit(self, uint8_t kind, uint64_t order_ref, uint8_t side, int64_t price) noexcept nogil:
        cdef EngineEvent* event = &self.events[self.event_count]
        self.event_count += 1
        memset(event, 0, sizeof(EngineEvent))
        event.kind = kind
        event.order_ref = order_ref
        event.side = side
        event.price = price
        return event

    cdef int refuse(self, uint64_t order_ref, uint8_t reason) noexcept nogil:
        self.emit(ENGINE_REJECTED, order_ref, 0, 0).reason = reason
        return ENGINE_DONE

    cdef EngineEvent* emit_resting_canceled(self, const Order* order, uint32_t shares, uint8_t reason) noexcept nogil:
        cdef EngineEvent* event = self.emit(ENGINE_CANCELED, order.reference, side_character(order.side), order.price)
        event.reason = reason
        event.on_book = 1
        event.owner = order.owner
        event.token = order.token
        event.quantity = shares
        event.leaves = order.shares - shares
        return event

    cdef EngineEvent* emit_entry_canceled(self, uint32_t shares, uint8_t reason) noexcept nogil:
        cdef Pending* entry = &self.pending
        cdef EngineEvent* event = self.emit(ENGINE_CANCELED, entry.order_ref, side_character(entry.side), entry.price)
        event.reason = reason
        event.owner = entry.owner
        event.token = entry.token
        event.quantity = shares
        event.leaves = entry.leaves - shares
        return event

    cdef inline void disown(self, const Order* order) noexcept nogil:
        """Out of its owner's list."""
        cdef OwnerOrders* owned = &self.owners[order.owner]
        cdef uint32_t* before
        cdef uint32_t* after
        if order.owner == 0:
            return
        before = either(order.owner_prev, &self.pool.orders[order.owner_prev].owner_next, &owned.head)
        after = either(order.owner_next, &self.pool.orders[order.owner_next].owner_prev, &owned.tail)
        before[0] = order.owner_next
        after[0] = order.owner_prev
        owned.count -= 1

    cdef void remove(self, uint32_t handle) noexcept nogil:
        self.disown(&self.pool.orders[handle])
        take_off(self.pool, &self.levels, handle)

    cdef inline void lessen(self, uint32_t handle, uint32_t shares) noexcept nogil:
        if shares == self.pool.orders[handle].shares:
            self.remove(handle)
        else:
            decrease(self.pool, &self.levels, handle, shares)

    cdef inline void shrink(self, uint32_t handle, uint32_t shares, uint8_t reason) noexcept nogil:
        self.emit_resting_canceled(&self.pool.orders[handle], shares, reason)
        self.lessen(handle, shares)

    cdef inline void place(self, uint32_t handle, uint16_t owner, uint32_t consumed, uint32_t token) noexcept nogil:
        """Completes an order that has joined its queue."""
        cdef Order* order = &self.pool.orders[handle]
        cdef OwnerOrders* owned
        cdef uint32_t* link
        order.owner = owner
        order.consumed = consumed
        order.token = token
        if owner != 0:
            owned = &self.owners[owner]
            order.owner_next = 0
            order.owner_prev = owned.tail
            link = either(owned.tail, &self.pool.orders[owned.tail].owner_next, &owned.head)
            link[0] = handle
            owned.tail = handle
            owned.count += 1

    cdef inline void emit_rested(self, uint64_t order_ref, uint8_t side, int64_t price, uint16_t owner, uint32_t token,
                                 uint32_t shares) noexcept nogil:
        cdef EngineEvent* event = self.emit(ENGINE_RESTED, order_ref, side, price)
        event.owner = owner
        event.token = token
        event.quantity = shares
        event.leaves = shares

    cdef inline void begin(self, uint64_t order_ref, uint16_t owner, int side, int64_t price, uint32_t leaves,
                           uint32_t consumed, uint8_t time_in_force, uint8_t flags, uint32_t token) noexcept nogil:
        self.pending.operation = PENDING_ENTRY
        self.pending.order_ref = order_ref
        self.pending.owner = owner
        self.pending.side = <uint8_t>side
        self.pending.price = price
        self.pending.leaves = leaves
        self.pending.consumed = consumed
        self.pending.time_in_force = time_in_force
        self.pending.flags = flags
        self.pending.token = token

    cdef inline uint32_t crossed_level(self, int side, int64_t price) noexcept nogil:
        """Best contra level that an order of this side and limit can trade with, 0 when there is none."""
        cdef const Side* contra = &self.levels.sides[1 - side]
        return contra.best if contra.best_key <= -level_key(side, <int32_t>price) else 0

    cdef inline int enter(self) noexcept nogil:
        if self.pending.flags & SUBMIT_POST_ONLY and self.crossed_level(self.pending.side, self.pending.price) != 0:
            self.emit_entry_canceled(self.pending.leaves, CANCEL_POST_ONLY)
            self.pending.operation = PENDING_NONE
            return ENGINE_DONE
        return self.match()

    cdef int match(self) noexcept nogil:
        cdef Pending* entry = &self.pending
        cdef uint32_t level = self.crossed_level(entry.side, entry.price)
        cdef uint32_t handle
        cdef Order* maker
        cdef uint32_t shares
        cdef EngineEvent* event
        while level != 0 and entry.leaves != 0:
            if self.event_capacity - self.event_count < STEP_EVENTS:
                return ENGINE_MORE
            handle = self.levels.levels[level].head
            maker = &self.pool.orders[handle]
            shares = min(maker.shares, entry.leaves)
            if entry.owner != 0 and maker.owner == entry.owner and self.owners[entry.owner].smp != SMP_OFF:
                self.prevent_self_match(handle, shares)
            else:
                entry.leaves -= shares
                entry.consumed += shares
                event = self.emit(ENGINE_EXECUTED, entry.order_ref, side_character(entry.side), maker.price)
                event.owner = entry.owner
                event.token = entry.token
                event.contra_ref = maker.reference
                event.contra_owner = maker.owner
                event.contra_token = maker.token
                event.quantity = shares
                event.leaves = entry.leaves
                event.contra_leaves = maker.shares - shares
                event.match_number = self.next_match_number
                self.next_match_number += 1
                maker.consumed += shares
                self.lessen(handle, shares)
            level = self.crossed_level(entry.side, entry.price)
        if entry.leaves != 0:
            if entry.time_in_force == TIF_IOC:
                self.emit_entry_canceled(entry.leaves, CANCEL_IOC)
            else:
                self.rest_entry()
        entry.operation = PENDING_NONE
        return ENGINE_DONE

    cdef void prevent_self_match(self, uint32_t handle, uint32_t shares) noexcept nogil:
        cdef Pending* entry = &self.pending
        cdef Order* maker = &self.pool.orders[handle]
        cdef uint32_t mode = self.owners[entry.owner].smp
        cdef uint32_t off_resting = 0
        cdef uint32_t off_entry = 0
        cdef EngineEvent* event
        if mode == SMP_CANCEL_OLDEST:
            off_resting = maker.shares
        elif mode == SMP_CANCEL_NEWEST:
            off_entry = entry.leaves
        else:
            off_resting = shares
            off_entry = shares
        if off_resting != 0:
            event = self.emit_resting_canceled(maker, off_resting, CANCEL_SELF_MATCH)
            event.contra_ref = entry.order_ref
            event.contra_owner = entry.owner
            event.contra_token = entry.token
            event.contra_leaves = entry.leaves - off_entry
            event.prevented = shares
        if off_entry != 0:
            event = self.emit_entry_canceled(off_entry, CANCEL_SELF_MATCH)
            event.price = maker.price
            event.contra_ref = maker.reference
            event.contra_owner = maker.owner
            event.contra_token = maker.token
            event.contra_leaves = maker.shares - off_resting
            event.prevented = shares
            entry.leaves -= off_entry
            entry.consumed += off_entry
        if off_resting != 0:
            maker.consumed += off_resting
            self.lessen(handle, off_resting)

    cdef void rest_entry(self) noexcept nogil:
        cdef Pending* entry = &self.pending
        cdef uint32_t slot = reference_slot(self.pool, entry.order_ref)
        cdef uint32_t handle
        if not can_rest(self.pool, &self.levels, entry.side, <int32_t>entry.price):
            # Only a replace gets here: a new order's room is checked before it is accepted.
            self.emit_entry_canceled(entry.leaves, CANCEL_SYSTEM)
            return
        handle = rest(self.pool, &self.levels, entry.order_ref, slot, entry.side, <int32_t>entry.price, entry.leaves)
        self.place(handle, entry.owner, entry.consumed, entry.token)
        self.emit_rested(entry.order_ref, side_character(entry.side), entry.price, entry.owner, entry.token,
                         entry.leaves)

    cdef void sort_owner(self, uint16_t owner) noexcept nogil:
        """An owner's orders by time priority: a replace leaves them in place, for only a mass cancel needs it."""
        cdef Order* orders = self.pool.orders
        cdef OwnerOrders* owned = &self.owners[owner]
        cdef uint32_t width = 1
        cdef uint32_t merges = 2
        cdef uint32_t left, right, left_size, right_size, taken, last
        left = owned.head
        while left != 0 and (orders[left].owner_next == 0
                             or orders[left].sequence < orders[orders[left].owner_next].sequence):
            left = orders[left].owner_next
        if left == 0:
            return
        # bottom-up merge sort in place: runs of width orders are merged in pairs
        while merges > 1:
            left = owned.head
            owned.head = 0
            last = 0
            merges = 0
            while left != 0:
                merges += 1
                right = left
                left_size = 0
                while right != 0 and left_size < width:
                    right = orders[right].owner_next
                    left_size += 1
                right_size = width
                while left_size > 0 or (right_size > 0 and right != 0):
                    if left_size == 0 or (right_size > 0 and right != 0
                                          and orders[right].sequence < orders[left].sequence):
                        taken = right
                        right = orders[right].owner_next
                        right_size -= 1
                    else:
                        taken = left
                        left = orders[left].owner_next
                        left_size -= 1
                    either(last, &orders[last].owner_next, &owned.head)[0] = taken
                    orders[taken].owner_prev = last
                    last = taken
                left = right
            orders[last].owner_next = 0
            owned.tail = last
            width *= 2

    cdef int sweep(self) noexcept nogil:
        cdef uint32_t handle
        while self.pending.cursor != 0:
            if self.event_capacity - self.event_count < STEP_EVENTS:
                return ENGINE_MORE
            handle = self.pending.cursor
            self.pending.cursor = self.pool.orders[handle].owner_next
            if self.pending.side == BOTH_SIDES or self.pool.orders[handle].side == self.pending.side:
                self.shrink(handle, self.pool.orders[handle].shares, self.pending.reason)
        self.pending.operation = PENDING_NONE
        return ENGINE_DONE

    # ---- invariants ----------------------------------------------------------------------------------------------

    cdef const char* broken_invariant(self) noexcept nogil:
        cdef const char* problem = LimitOrderBook.broken_invariant(self)
        cdef uint32_t bid = self.levels.sides[0].best
        cdef uint32_t ask = self.levels.sides[1].best
        cdef uint32_t owner
        cdef uint32_t handle
        cdef uint32_t previous
        cdef uint32_t count
        cdef uint32_t owned = 0
        if problem != NULL:
            return problem
        if bid != 0 and ask != 0 and self.levels.levels[bid].price >= self.levels.levels[ask].price:
            return b"crossed book"
        for owner in range(1, self.max_owners):
            handle = self.owners[owner].head
            previous = 0
            count = 0
            while handle != 0:
                count += 1
                if count > self.pool.live:
                    return b"owner list has a cycle"
                if not self.pool.orders[handle].live or self.pool.orders[handle].owner != owner:
                    return b"owner list holds a foreign order"
                if self.pool.orders[handle].owner_prev != previous:
                    return b"owner list is not doubly linked"
                previous = handle
                handle = self.pool.orders[handle].owner_next
            if count != self.owners[owner].count or self.owners[owner].tail != previous:
                return b"owner count"
            owned += count
        handle = self.first_live()
        count = 0
        while handle != 0:
            count += self.pool.orders[handle].owner != 0
            handle = self.next_live(handle)
        if count != owned:
            return b"order missing from its owner's list"
        return NULL

    # ---- Python edge ---------------------------------------------------------------------------------------------

    def submit_order(self, uint64_t order_ref, side: str, int64_t price, uint32_t quantity, *, uint16_t owner=0,
                     time_in_force: str = "0", bint post_only=False, uint32_t token=0) -> EngineStatus:
        return EngineStatus(self.submit(order_ref, owner, ord(side), price, quantity, ord(time_in_force),
                                        SUBMIT_POST_ONLY if post_only else 0, token))

    def cancel_order(self, uint64_t order_ref, uint32_t new_total=0, reason: str = "U") -> EngineStatus:
        return EngineStatus(self.cancel(order_ref, new_total, ord(reason)))

    def reduce_order(self, uint64_t order_ref, uint32_t shares, reason: str = "U") -> EngineStatus:
        return EngineStatus(self.reduce(order_ref, shares, ord(reason)))

    def replace_order(self, uint64_t order_ref, uint64_t new_ref, int64_t price, uint32_t quantity, *,
                      time_in_force: str = "0", bint post_only=False, uint32_t token=0) -> EngineStatus:
        return EngineStatus(self.replace(order_ref, new_ref, price, quantity, ord(time_in_force),
                                         SUBMIT_POST_ONLY if post_only else 0, token))

    def mass_cancel_orders(self, uint16_t owner, side: str = "", reason: str = "U") -> EngineStatus:
        """side "" = both."""
        return EngineStatus(self.mass_cancel(owner, ord(side) if side else 0, ord(reason)))

    def resume_operation(self) -> EngineStatus:
        return EngineStatus(self.resume())

    def drain_events(self) -> list[Event]:
        """The buffered events, which are cleared."""
        cdef uint32_t i
        cdef const EngineEvent* event
        drained = []
        for i in range(self.event_count):
            event = &self.events[i]
            drained.append(Event(
                event.kind, chr(event.side) if event.side else "", event.reason, bool(event.on_book), event.owner,
                event.contra_owner, event.order_ref, event.contra_ref, event.price, event.quantity, event.leaves,
                event.contra_leaves, event.prevented, event.token, event.contra_token, event.match_number))
        self.clear_events()
        return drained

    def set_owner_self_match_prevention(self, uint16_t owner, mode: int) -> None:
        """Raises ValueError for an owner or mode that does not exist."""
        if not 0 <= mode <= SMP_OFF or not self.set_self_match_prevention(owner, mode):
            raise ValueError(f"owner={owner}, mode={mode}: owner must be 1..{self.max_owners - 1}, mode 0..{SMP_OFF:d}")

    def open_orders_of(self, uint16_t owner) -> int:
        return self.owner_open_orders(owner)

    def digest(self) -> int:
        """64 bits over the book and what the engine keeps beside it (owner, consumed, token, next match number)."""
        return self.engine_digest()
