"""The strategy process's loop: book and order events in, callbacks, intents out, and the drain at the end."""
from libc.stdint cimport int64_t, uint32_t, uint64_t

from hotpath.ipc.histogram cimport HistogramWriter
from hotpath.ipc.idle cimport IdleStrategy
from hotpath.ipc.messages cimport BookEvent, OrderEvent
from hotpath.ipc.ring cimport RingConsumer, RingProducer
from hotpath.ipc.status cimport StatusWriter
from hotpath.strategy.base cimport Strategy

cdef class StrategyRunner:
    cdef readonly Strategy strategy
    cdef object config
    cdef str symbol
    cdef object log
    cdef RingProducer intents
    cdef RingConsumer books               # None while there is no feed handler
    cdef RingConsumer orders              # None while there is no router
    cdef HistogramWriter histogram
    cdef readonly StatusWriter status
    cdef IdleStrategy idle
    cdef bint books_attached
    cdef bint orders_attached
    cdef int64_t timer_ns
    cdef int64_t timer_due_ns
    cdef int64_t heartbeat_due_ns
    # what the router has said, in events or at attach
    cdef bint router_alive
    cdef bint router_told                 # by events; False = only its status block knows
    cdef bint session_up
    cdef bint reconciled
    cdef bint mode_halted
    cdef bint epoch_known
    cdef uint64_t conflated               # book updates skipped for a newer one
    cdef uint64_t stuck                   # passes that found no room for an intent
    cdef uint64_t reattached_books
    cdef uint64_t reattached_orders
    cdef uint64_t mass_cancels_refused
    cdef int64_t mass_cancel_due_ns
    cdef bint mass_cancel_wanted
    cdef int64_t _position_epoch          # router epoch whose position block was taken over; -1 = none
    cdef object _book_problem
    cdef object _order_problem
    cdef object _position_problem

    cdef void run_until(self, int64_t deadline_ns) noexcept nogil
    cdef bint step(self) noexcept nogil
    cdef bint _take_orders(self) noexcept nogil
    cdef bint _take_books(self) noexcept nogil
    cdef void _open_or_close(self, int64_t now_ns) noexcept nogil
    cdef void _note_router(self, const OrderEvent* event, int64_t now_ns) noexcept nogil
    cdef bint _flush(self, int64_t caused_ns) noexcept nogil
    cdef void _book(self, const BookEvent* event) noexcept nogil
