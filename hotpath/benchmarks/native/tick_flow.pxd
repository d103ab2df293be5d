"""ITCH messages that now and then improve the best bid by one tick: each such trigger is worth one order.

Every CYCLE messages one Add Order betters the bid; its shares are its number, which no other trigger of the session has,
and half a cycle later it is deleted again. The others add, delete, cancel and replace below and above, or execute a
share of the best offer.
"""
cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

cdef enum:
    CYCLE = 10                    # messages per trigger
    TICK = 100                    # Price(4) units
    BID_TICK = 9_999
    TRIGGER_TICK = 10_000
    ASK_TICK = 10_001             # an order has to name this price
    MAX_NUMBER = 900_000          # OUCH takes less than 1,000,000 shares

cdef enum MessageKind:
    PLAIN = 0
    TRIGGER = 1                   # ends its packet, so that no later message of it hides the trigger
    TRIGGER_END = 2               # too

cdef struct Resting:
    uint64_t reference
    int32_t tick
    uint32_t shares
    uint8_t side


@cython.final
cdef class TickFlow:
    cdef readonly uint32_t capacity       # messages of one batch
    cdef readonly uint32_t count          # of the present batch
    cdef uint8_t* data
    cdef uint32_t* offsets                # count + 1
    cdef uint8_t* kinds
    cdef Resting* resting
    cdef uint32_t held
    cdef uint64_t next_reference
    cdef uint64_t trigger_reference
    cdef uint64_t made                    # messages since the session began, the opening aside
    cdef uint64_t triggers_made
    cdef uint64_t first_trigger           # number, from 0, of the batch's first trigger
    cdef uint32_t triggers                # of the batch
    cdef uint64_t random

    cdef uint32_t _below(self, uint32_t limit) noexcept nogil
    cdef int32_t _tick(self, uint8_t side) noexcept nogil
    cdef int _message(self, uint8_t* out, uint8_t* kind) noexcept nogil
    cdef int _add(self, Resting* order, uint8_t* out) noexcept nogil
    cdef void _make(self, uint32_t count) noexcept nogil
