"""One session of a strategy in one thread, on simulated time. The parts are those of the venue, the feed handler, the
strategy and the order router; only what connects them is different: queues in place of sockets and rings.

Time is the session's: ns since midnight, in steps from one thing that is due to the next. Of things due at once the
venue's come first (flow, then our orders), then the router's (answers, then intents), then the strategy's (order
events, book events, timer). So the same input gives the same events.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from hotpath.backtest.links cimport AccountLink, FeedLink, SimulatedClock
from hotpath.backtest.timed_queue cimport TimedQueue
from hotpath.ipc.messages cimport BookEvent, Intent, OrderEvent
from hotpath.router.order_state cimport OrderTable
from hotpath.router.risk_gate cimport RiskContext, RiskGate
from hotpath.strategy.base cimport Strategy
from hotpath.venue.flow cimport FlowSource
from hotpath.venue.flow_rules cimport FlowRules
from hotpath.venue.market cimport Market
from hotpath.venue.order_entry cimport OrderEntryServer

cdef enum SimulationPhase:
    PHASE_FLOW = 0
    PHASE_CLOSING = 1             # market hours over, clients have a moment to cancel
    PHASE_SETTLING = 2            # client orders are gone, the last messages are on their way
    PHASE_OVER = 3

# Where the strategy stands; at the sample's time, after `events` order events.
cdef struct Sample:
    int64_t time_ns
    int64_t position
    int64_t cash
    int64_t mid_x2                # of the last two-sided book the strategy saw; 0 = none yet
    uint64_t events

cdef class Simulation:
    cdef FlowSource source
    cdef Market market
    cdef FlowRules rules
    cdef OrderEntryServer entry
    cdef FeedLink feed
    cdef AccountLink answers
    cdef OrderTable table
    cdef RiskGate gate
    cdef readonly Strategy strategy
    cdef SimulatedClock clock
    cdef TimedQueue to_venue
    cdef TimedQueue to_router
    cdef TimedQueue to_strategy
    cdef TimedQueue books
    cdef TimedQueue intents
    cdef BookEvent top                    # the last one delivered: what the price collar refers to
    cdef int64_t mid_x2
    cdef uint8_t phase
    cdef int64_t order_latency_ns
    cdef int64_t timer_ns
    cdef int64_t timer_due_ns
    cdef int64_t sample_ns
    cdef int64_t sample_due_ns
    cdef int64_t venue_due_ns             # end of the phase, once there are no more rows
    cdef int64_t last_row_ns
    cdef uint64_t venue_sequence
    cdef uint64_t sequence                # of order events
    cdef uint64_t illegal
    cdef uint64_t steps
    cdef bint stuck                       # a queue is full
    cdef OrderEvent* events               # not yet taken
    cdef size_t event_count
    cdef Sample* samples
    cdef size_t sample_count

    cdef void step(self) noexcept nogil
    cdef int64_t _venue_due(self) noexcept nogil
    cdef void _venue(self) noexcept nogil
    cdef void _client_message(self) noexcept nogil
    cdef void _answer(self) noexcept nogil
    cdef void _order_event(self) noexcept nogil
    cdef void _book_event(self) noexcept nogil
    cdef void _take_intents(self) noexcept nogil
    cdef void _sample(self, int64_t time_ns) noexcept nogil
    # the router
    cdef void _intent(self, const Intent* intent) noexcept nogil
    cdef void _new(self, const Intent* intent, const RiskContext* context) noexcept nogil
    cdef void _replace(self, const Intent* intent, const RiskContext* context) noexcept nogil
    cdef void _cancel(self, const Intent* intent, const RiskContext* context) noexcept nogil
    cdef void _send_cancel(self, int32_t slot) noexcept nogil
    cdef void _mass_cancel(self) noexcept nogil
    cdef void _refuse(self, const Intent* intent, int reason) noexcept nogil
    cdef void _emit(self, OrderEvent* event) noexcept nogil
    cdef void _emit_plain(self, uint8_t kind, uint8_t reason) noexcept nogil
