"""Seeded order flow for matching engines, with what a correct engine must make of it.

The flow is generated against a model of its own: one array slot per tick, best price by scanning, orders by number. It
shares nothing with the engine under test, so its counts are an independent reference.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum CommandKind:
    COMMAND_NEW = 1               # day order
    COMMAND_IOC = 2
    COMMAND_CANCEL = 3            # of an order that may have been filled already
    COMMAND_MOVE = 4              # new price, same open quantity, time priority lost

cdef struct Command:
    uint64_t reference            # the order's reference now: the one its last move gave it
    uint64_t new_reference        # MOVE: reference from now on; engines that keep ids use order_id instead
    int64_t price                 # Price(4)
    uint32_t order_id             # never changes
    uint32_t quantity             # entered size; MOVE: the same (OUCH chain total)
    uint16_t owner                # 1..OWNERS
    uint8_t kind
    uint8_t side                  # 'B' or 'S'
    uint32_t reserved

cdef enum:
    OWNERS = 1000
    WINDOW = 16384                # ticks
    MIDDLE = 8192
    DRIFT = 2000                  # the middle walks at most this far
    TICK = 100                    # Price(4) units
    MAX_QUANTITY = 100
    TARGET_ORDERS = 1000

cdef struct ModelOrder:
    uint64_t reference
    uint32_t total
    uint32_t leaves               # 0 = not resting
    uint32_t next
    uint32_t prev
    uint32_t place                # index in `open`
    int32_t tick
    uint16_t owner
    uint8_t side                  # 0 buy, 1 sell

cdef class OrderFlow:
    cdef Command* commands        # the first `prefill` of them fill the book and are not timed
    cdef readonly uint32_t prefill
    cdef readonly uint32_t count  # timed commands
    cdef readonly str mix
    cdef bint cancel_filled       # flow B: filled orders are cancelled too, and unknown by then
    cdef ModelOrder* orders
    cdef uint32_t order_count
    cdef uint32_t* open           # orders that a cancel or move may name
    cdef uint32_t open_count
    cdef uint32_t heads[16384]
    cdef uint32_t tails[16384]
    cdef uint64_t random
    cdef uint64_t next_reference
    cdef int32_t best[2]
    cdef int32_t middle
    cdef int32_t width
    cdef uint32_t resting[2]
    cdef uint32_t levels
    cdef uint64_t trades
    cdef uint64_t volume
    cdef uint64_t unknown_cancels
    cdef uint64_t kinds[5]
    cdef uint64_t trading
    cdef uint64_t resting_sum
    cdef uint64_t level_sum

    cdef uint32_t _below(self, uint32_t limit) noexcept nogil
    cdef void _queue(self, uint32_t handle) noexcept nogil
    cdef void _unqueue(self, uint32_t handle) noexcept nogil
    cdef void _match(self, uint32_t handle) noexcept nogil
    cdef int32_t _passive(self, int side) noexcept nogil
    cdef void _keep(self, uint32_t handle) noexcept nogil
    cdef void _forget(self, uint32_t handle) noexcept nogil
    cdef uint32_t _new(self, int side, uint32_t quantity) noexcept nogil
    cdef void _enter(self, Command* command, uint8_t kind, int side, int32_t tick, uint32_t quantity) noexcept nogil
    cdef void _cancel(self, Command* command) noexcept nogil
    cdef void _move(self, Command* command) noexcept nogil
    cdef int _side(self) noexcept nogil
    cdef void _step(self, Command* command) noexcept nogil
    cdef void _mixed(self, Command* command) noexcept nogil
    cdef void _halves(self, Command* command) noexcept nogil
