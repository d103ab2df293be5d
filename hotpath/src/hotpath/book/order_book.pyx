# cython: nonecheck=False
# In-place arithmetic on a field of self counts as a None check, which nogil code cannot have.
"""L3 order book built from feed messages (ITCH 5.0)."""
from typing import NamedTuple

from libc.string cimport memset

from hotpath.book.limit_order_book cimport (
    can_rest,
    decrease,
    find_own,
    join_queue,
    leave_queue,
    rest,
    side_character,
    side_index,
    take_off,
    valid_price,
    valid_shares,
)
from hotpath.book.order_pool cimport Order, find_in_slot, index_order, reference_slot, unindex_order
from hotpath.book.order_store cimport OrderStore
from hotpath.book.price_levels cimport level_available


class ApplyOutcome(NamedTuple):
    """What a message did; for a live reference also the order's price, shares taken off, shares left and side."""

    status: ApplyStatus
    price: int
    shares: int
    remaining: int
    side: str


cdef object outcome(int status, const Applied* applied):
    return ApplyOutcome(ApplyStatus(status), applied.price, applied.shares, applied.remaining,
                        chr(applied.side) if applied.side else "")


cdef inline void describe_removal(const Order* order, Applied* out) noexcept nogil:
    if out != NULL:
        out.price = order.price
        out.shares = order.shares
        out.remaining = 0
        out.side = side_character(order.side)


cdef class OrderBook:
    def __cinit__(self, max_orders: int | None = None, max_levels: int | None = None, bint prefault=False, *,
                  tick: int = 100, OrderStore store=None):
        pass

    cdef int add(self, uint64_t reference, uint8_t side, int64_t price, uint32_t shares) noexcept nogil:
        cdef int index = side_index(side)
        cdef uint32_t slot = reference_slot(self.pool, reference)
        if index < 0 or not valid_price(price) or not valid_shares(shares):
            self.counters.invalid += 1
            return APPLY_INVALID
        if find_in_slot(self.pool, slot, reference) != 0:
            self.counters.duplicate_order += 1
            return APPLY_DUPLICATE_ORDER
        if not can_rest(self.pool, &self.levels, index, <int32_t>price):
            self.counters.pool_exhausted += 1
            return APPLY_POOL_EXHAUSTED
        rest(self.pool, &self.levels, reference, slot, index, <int32_t>price, shares)
        return APPLY_OK

    cdef int execute(self, uint64_t reference, uint32_t shares, Applied* out) noexcept nogil:
        return self.decrement(reference, shares, out, &self.counters.unknown_execute)

    cdef int execute_with_price(self, uint64_t reference, uint32_t shares, Applied* out) noexcept nogil:
        return self.decrement(reference, shares, out, &self.counters.unknown_execute_with_price)

    cdef int cancel(self, uint64_t reference, uint32_t shares, Applied* out) noexcept nogil:
        return self.decrement(reference, shares, out, &self.counters.unknown_cancel)

    cdef int delete(self, uint64_t reference, Applied* out) noexcept nogil:
        cdef uint32_t handle = find_own(self.pool, &self.levels, reference_slot(self.pool, reference), reference)
        if handle == 0:
            self.counters.unknown_delete += 1
            return APPLY_UNKNOWN_ORDER
        self.remove(handle, out)
        return APPLY_OK

    cdef int replace(self, uint64_t reference, uint64_t new_reference, int64_t price, uint32_t shares,
                     Applied* out) noexcept nogil:
        cdef uint32_t slot = reference_slot(self.pool, reference)
        cdef uint32_t new_slot = reference_slot(self.pool, new_reference)
        cdef uint32_t handle = find_own(self.pool, &self.levels, slot, reference)
        cdef Order* order
        cdef uint8_t side
        if handle == 0:
            self.counters.unknown_replace += 1
            return APPLY_UNKNOWN_ORDER
        order = &self.pool.orders[handle]
        if (not valid_price(price) or not valid_shares(shares) or not level_available(&self.levels)
                or find_in_slot(self.pool, new_slot, new_reference) != 0):
            side = side_character(order.side)
            self.remove(handle, out)
            return self.add(new_reference, side, price, shares)
        describe_removal(order, out)
        unindex_order(self.pool, slot, handle)
        index_order(self.pool, new_slot, handle)
        leave_queue(self.pool, &self.levels, order)
        order.reference = new_reference
        join_queue(self.pool, &self.levels, handle, order.side, <int32_t>price, shares)
        return APPLY_OK

    cdef void remove(self, uint32_t handle, Applied* out) noexcept nogil:
        describe_removal(&self.pool.orders[handle], out)
        take_off(self.pool, &self.levels, handle)

    cdef int decrement(self, uint64_t reference, uint32_t shares, Applied* out, uint64_t* unknown) noexcept nogil:
        cdef uint32_t handle = find_own(self.pool, &self.levels, reference_slot(self.pool, reference), reference)
        cdef uint32_t held
        if handle == 0:
            unknown[0] += 1
            return APPLY_UNKNOWN_ORDER
        held = self.pool.orders[handle].shares
        if shares >= held:
            self.remove(handle, out)
            if shares == held:
                return APPLY_OK
            self.counters.excess_shares += 1
            return APPLY_EXCESS_SHARES
        decrease(self.pool, &self.levels, handle, shares)
        if out != NULL:
            out.price = self.pool.orders[handle].price
            out.shares = shares
            out.remaining = held - shares
            out.side = side_character(self.pool.orders[handle].side)
        return APPLY_OK

    cdef void reset_counters(self) noexcept nogil:
        memset(&self.counters, 0, sizeof(BookCounters))

    # ---- Python edge ---------------------------------------------------------------------------------------------

    def add_order(self, uint64_t reference, side: str, int64_t price, uint32_t shares) -> ApplyStatus:
        """ITCH A/F."""
        return ApplyStatus(self.add(reference, ord(side), price, shares))

    def execute_order(self, uint64_t reference, uint32_t shares) -> ApplyOutcome:
        """ITCH E."""
        cdef Applied applied
        memset(&applied, 0, sizeof(Applied))
        return outcome(self.execute(reference, shares, &applied), &applied)

    def execute_order_with_price(self, uint64_t reference, uint32_t shares) -> ApplyOutcome:
        """ITCH C: the print has its own price, the book loses the shares all the same."""
        cdef Applied applied
        memset(&applied, 0, sizeof(Applied))
        return outcome(self.execute_with_price(reference, shares, &applied), &applied)

    def cancel_order(self, uint64_t reference, uint32_t shares) -> ApplyOutcome:
        """ITCH X."""
        cdef Applied applied
        memset(&applied, 0, sizeof(Applied))
        return outcome(self.cancel(reference, shares, &applied), &applied)

    def delete_order(self, uint64_t reference) -> ApplyOutcome:
        """ITCH D."""
        cdef Applied applied
        memset(&applied, 0, sizeof(Applied))
        return outcome(self.delete(reference, &applied), &applied)

    def replace_order(self, uint64_t reference, uint64_t new_reference, int64_t price, uint32_t shares) -> ApplyOutcome:
        """ITCH U; the outcome describes what was removed of the original."""
        cdef Applied applied
        memset(&applied, 0, sizeof(Applied))
        return outcome(self.replace(reference, new_reference, price, shares, &applied), &applied)

    @property
    def counts(self) -> dict[str, int]:
        """Messages that did not fit the book, by kind, since construction or reset_counts()."""
        return dict(self.counters)

    def reset_counts(self) -> None:
        self.reset_counters()
