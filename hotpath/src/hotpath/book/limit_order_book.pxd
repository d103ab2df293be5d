"""What the feed's order book and the matching engine share: price levels in FIFO order over one order pool.

Prices are Price(4) integers in 1..MAX_PRICE (any price in it, no window); quantities are shares.
Sides are the wire's characters 'B' and 'S' at the API.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from hotpath.book.order_pool cimport Order, OrderPool
from hotpath.book.price_levels cimport PriceLevels

cdef enum BookLimits:
    MAX_PRICE = 2_000_000_000   # 200,000.0000, the largest price ITCH allows
    MAX_SHARES = 2_147_483_647

cdef enum BookSide:
    SIDE_BUY = 66               # 'B'
    SIDE_SELL = 83              # 'S'

# The fields of BookEvent; price 0 = side empty.
cdef struct TopOfBook:
    int64_t bid_price
    int64_t ask_price
    int64_t bid_shares
    int64_t ask_shares
    int32_t bid_orders
    int32_t ask_orders

cdef struct LevelView:
    int64_t price
    int64_t shares
    int64_t orders

cdef class LimitOrderBook:
    cdef OrderPool pool
    cdef PriceLevels levels
    cdef uint64_t next_sequence
    cdef void* arena
    cdef size_t arena_bytes

    cdef void top(self, TopOfBook* out) noexcept nogil
    # Fills at most `count` levels from the best on; returns how many. side: 'B' or 'S'.
    cdef int copy_levels(self, uint8_t side, LevelView* out, int count) noexcept nogil
    # 0 = unknown reference; the handle is good until the next change of the book.
    cdef uint32_t find(self, uint64_t reference) noexcept nogil
    cdef const Order* order(self, uint32_t handle) noexcept nogil
    # All live orders: bids from the best down, then asks from the best up, FIFO within a level. 0 ends.
    cdef uint32_t first_live(self) noexcept nogil
    cdef uint32_t next_live(self, uint32_t handle) noexcept nogil
    cdef uint32_t live_orders(self) noexcept nogil
    cdef uint64_t book_digest(self) noexcept nogil
    cdef void reset(self) noexcept nogil
    # NULL when all is well, else what is broken. Slow: for tests and the debug build.
    cdef const char* broken_invariant(self) noexcept nogil
