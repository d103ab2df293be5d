"""A small market maker: one post-only order a side around the mid, shifted against the inventory."""
from libc.stdint cimport int64_t, uint32_t

from hotpath.strategy.base cimport Strategy

# One side's working order and its pace.
cdef struct Quote:
    uint32_t order_id             # 0 = none; a replace under way hangs on it
    int64_t not_before_ns         # no new or replaced order earlier
    int64_t cancel_not_before_ns  # no second cancel earlier

cdef class MarketMaker(Strategy):
    """Quotes while the book is fresh, trading and two-sided; otherwise it has no order in the market."""
    cdef int64_t quote_size
    cdef int64_t position_limit
    cdef int64_t spread_ticks
    cdef int64_t spread_hundredths        # of a basis point
    cdef int64_t skew_ticks
    cdef int64_t refresh_ticks
    cdef int64_t requote_ns
    cdef int64_t cool_down_ns
    cdef Quote bid
    cdef Quote ask
    cdef int64_t outside_bid              # best price that is not our own; 0 = not known
    cdef int64_t outside_ask
    cdef int64_t bid_target               # 0 = no quote
    cdef int64_t ask_target

    cdef void _see_outside(self) noexcept nogil
    cdef void _aim(self) noexcept nogil
    cdef void _work(self) noexcept nogil
    cdef void _work_side(self, Quote* quote, unsigned char side, int64_t target, int64_t size) noexcept nogil
    cdef int64_t _own_limit(self, unsigned char side) noexcept nogil
