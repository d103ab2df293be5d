"""The one market of this venue: the matching engine, and what each of its events means to the feed and to clients."""
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from hotpath.book.matching_engine cimport EngineEvent, MatchingEngine
from hotpath.protocols.ouch cimport OuchInEnterOrder, OuchInReplaceOrder
from hotpath.venue.execution_reports cimport ExecutionReports
from hotpath.venue.glimpse cimport SessionEvents
from hotpath.venue.market_data cimport MarketData

cdef enum MarketPhase:
    PHASE_PRE_OPEN = 0           # start of messages and system hours announced, market hours not begun
    PHASE_OPEN = 1
    PHASE_CLOSED = 2             # market hours over

cdef struct MarketCounters:
    int64_t executions           # E messages
    int64_t executed_shares
    int64_t client_fills         # one per client side
    int64_t client_filled_shares
    int64_t engine_rejects

@cython.final
cdef class Market:
    cdef MatchingEngine engine
    cdef MarketData feed
    cdef ExecutionReports reports
    cdef MarketCounters counters
    cdef SessionEvents announced
    cdef uint8_t phase
    cdef bint halted
    cdef bint silent             # rebuilding: nothing is published
    cdef int64_t timestamp_ns    # venue clock for everything published now, ns since midnight
    cdef uint8_t last_reject     # EngineReject of the operation just done, 0 = none
    cdef uint64_t traded         # shares executed by the operation just done
    cdef uint64_t traded_apart   # of these, with no client on either side
    # context of the client operation in progress
    cdef const OuchInEnterOrder* entering
    cdef const OuchInReplaceOrder* replacing
    cdef bint modifying
    cdef uint64_t replaced_ref   # taken off by a replace and not yet announced
    cdef uint64_t replacing_ref
    cdef bint replacement_made   # the last replace() put a new order in place of the old one

    cdef void submit(self, uint64_t ref, uint16_t owner, uint8_t side, int64_t price, uint32_t shares,
                     uint8_t time_in_force, uint8_t flags, uint32_t token) noexcept nogil
    cdef void cancel(self, uint64_t ref, uint32_t new_total, uint8_t reason) noexcept nogil
    cdef void reduce(self, uint64_t ref, uint32_t shares) noexcept nogil
    cdef void replace(self, uint64_t ref, uint64_t new_ref, int64_t price, uint32_t total, uint8_t time_in_force,
                      uint8_t flags, uint32_t token) noexcept nogil
    # The recorded order trades, whoever stands before it.
    cdef void trade_against(self, uint64_t ref, uint32_t shares) noexcept nogil
    cdef void cancel_owner(self, uint16_t owner, uint8_t side, uint8_t reason) noexcept nogil
    cdef void cancel_clients(self, uint8_t reason) noexcept nogil
    cdef uint64_t take_match_number(self) noexcept nogil

    cdef void announce(self, uint8_t code) noexcept nogil        # system event
    cdef void set_trading_state(self, uint8_t state, const char* reason) noexcept nogil
    cdef void open_session(self, const char* session) noexcept nogil

    cdef void _drain(self, int status) noexcept nogil
    cdef void _dispatch(self, const EngineEvent* event) noexcept nogil
