"""Pre-trade risk gate: every order passes here before it is encoded. Pure integer logic, no I/O, no clock.

Prices are Price(4), quantities shares, notionals price units x shares, *_ns CLOCK_MONOTONIC. Cancels only reduce risk:
no limit, kill, mode or message rate refuses them.
"""
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from hotpath.ipc.messages cimport BookEvent, ControlBlock, Intent

cdef struct RiskLimits:
    int64_t max_order_quantity
    int64_t max_notional
    int64_t max_position
    int64_t collar_bps
    int64_t max_messages_per_second
    int64_t max_open_orders

# What the gate needs to know about the moment.
cdef struct RiskContext:
    int64_t now_ns
    int64_t position
    int64_t open_buy              # worst case shares that open orders can still buy, and sell
    int64_t open_sell
    int64_t open_orders
    int64_t reference_price       # 0 = none: see reference_price()
    uint32_t router_epoch
    uint32_t strategy_epoch       # newest seen; an older one is a dead strategy's
    uint32_t last_order_id        # of strategy_epoch
    uint8_t mode                  # TradingMode, after effective_mode()
    bint killed
    bint session_up
    bint pool_full

# The order that a replace or cancel names.
cdef struct RiskTarget:
    bint live                     # it may be replaced (or canceled) now
    uint8_t side
    int64_t filled                # of the chain
    int64_t leaves

# 0 when the book is stale, reset or empty: mid, or the one side that is there
cdef int64_t reference_price(const BookEvent* book) noexcept nogil
# the mode of the block, at most REDUCING once the lease has expired
cdef uint8_t effective_mode(const ControlBlock* control, int64_t now_ns) noexcept nogil
cdef bint lease_held(const ControlBlock* control, int64_t now_ns) noexcept nogil


@cython.final
cdef class RiskGate:
    """RiskGate(locate, tick): all limits 0, so everything is refused until `set_limits`."""
    cdef readonly uint16_t locate
    cdef readonly int64_t tick
    cdef RiskLimits limits
    cdef int64_t _message_interval_ns
    cdef int64_t _burst_ns
    cdef int64_t _next_message_ns     # theoretical arrival time of the token bucket

    cdef void set_limits(self, const RiskLimits* limits) noexcept nogil
    # each returns a RefusalReason; REFUSED_NONE = may be sent, and its message has been counted against the rate
    cdef int check_new(self, const Intent* intent, const RiskContext* context) noexcept nogil
    cdef int check_replace(self, const Intent* intent, const RiskTarget* target, const RiskContext* context) noexcept nogil
    cdef int check_cancel(self, const Intent* intent, const RiskTarget* target, const RiskContext* context) noexcept nogil
    cdef int check_mass_cancel(self, const Intent* intent, const RiskContext* context) noexcept nogil

    cdef int _check_origin(self, const Intent* intent, const RiskContext* context) noexcept nogil
    cdef int _check_state(self, const RiskContext* context) noexcept nogil
    cdef int _check_limits(self, uint8_t side, int64_t price, int64_t open_quantity, int64_t added,
                           const RiskContext* context) noexcept nogil
    cdef bint _take_message(self, int64_t now_ns) noexcept nogil
    cdef void _count_message(self, int64_t now_ns) noexcept nogil
