"""L3 order book built from feed messages (ITCH 5.0 semantics: E, C, X quantities are decrements, U is absolute)."""
cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from hotpath.book.limit_order_book cimport LimitOrderBook

cpdef enum ApplyStatus:
    APPLY_OK = 0
    APPLY_UNKNOWN_ORDER = 1       # reference not live (for example from before the session): counted, nothing changed
    APPLY_DUPLICATE_ORDER = 2     # reference already live: counted; a replace has still removed the original
    APPLY_INVALID = 3             # value out of range: counted; a replace has still removed the original
    APPLY_EXCESS_SHARES = 4       # more shares than the order had: the order is gone, counted
    APPLY_POOL_EXHAUSTED = 5      # no room for the order or its level: the book is now incomplete, do not trade on it

# What the message meant for the order it names (for replace: what was removed of the original).
cdef struct Applied:
    int64_t price                 # resting (display) price: what an E trades at
    uint32_t shares               # taken off the book
    uint32_t remaining
    uint8_t side                  # 'B' or 'S'

cdef struct BookCounters:
    uint64_t unknown_execute
    uint64_t unknown_execute_with_price
    uint64_t unknown_cancel
    uint64_t unknown_delete
    uint64_t unknown_replace
    uint64_t duplicate_order
    uint64_t invalid
    uint64_t excess_shares
    uint64_t pool_exhausted

@cython.final
cdef class OrderBook(LimitOrderBook):
    cdef BookCounters counters

    # All return an ApplyStatus; `out` may be NULL and is written only when the reference was live.
    cdef int add(self, uint64_t reference, uint8_t side, int64_t price, uint32_t shares) noexcept nogil
    cdef int execute(self, uint64_t reference, uint32_t shares, Applied* out) noexcept nogil
    cdef int execute_with_price(self, uint64_t reference, uint32_t shares, Applied* out) noexcept nogil
    cdef int cancel(self, uint64_t reference, uint32_t shares, Applied* out) noexcept nogil
    cdef int delete(self, uint64_t reference, Applied* out) noexcept nogil
    cdef int replace(self, uint64_t reference, uint64_t new_reference, int64_t price, uint32_t shares,
                     Applied* out) noexcept nogil
    cdef void reset_counters(self) noexcept nogil
    cdef void remove(self, uint32_t handle, Applied* out) noexcept nogil
    cdef int decrement(self, uint64_t reference, uint32_t shares, Applied* out, uint64_t* unknown) noexcept nogil
