# cython: nonecheck=False
# a None check of `self` in nogil code would need the GIL
"""Matching and its consequences. See market.pxd."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from hotpath.book.matching_engine cimport (
    CANCEL_SELF_MATCH, ENGINE_ACCEPTED, ENGINE_CANCELED, ENGINE_EXECUTED, ENGINE_MORE, ENGINE_REJECTED,
    ENGINE_REPLACED, ENGINE_RESTED, SMP_CANCEL_OLDEST, EngineEvent, MatchingEngine,
)
from hotpath.book.order_pool cimport Order
from hotpath.protocols.itch cimport ITCH_STATE_TRADING
from hotpath.protocols.ouch cimport OUCH_LIQUIDITY_ADDED, OUCH_LIQUIDITY_REMOVED
from hotpath.venue.execution_reports cimport ExecutionReports, reference_number, token_side
from hotpath.venue.market_data cimport MarketData


cdef class Market:
    def __init__(self, MatchingEngine engine, MarketData feed, ExecutionReports reports):
        self.engine = engine
        self.feed = feed
        self.reports = reports
        for owner in range(1, reports.count + 1):
            engine.set_self_match_prevention(owner, SMP_CANCEL_OLDEST)

    cdef void submit(self, uint64_t ref, uint16_t owner, uint8_t side, int64_t price, uint32_t shares,
                     uint8_t time_in_force, uint8_t flags, uint32_t token) noexcept nogil:
        self._drain(self.engine.submit(ref, owner, side, price, shares, time_in_force, flags, token))

    cdef void cancel(self, uint64_t ref, uint32_t new_total, uint8_t reason) noexcept nogil:
        self._drain(self.engine.cancel(ref, new_total, reason))

    cdef void reduce(self, uint64_t ref, uint32_t shares) noexcept nogil:
        self._drain(self.engine.reduce(ref, shares, c'U'))

    cdef void replace(self, uint64_t ref, uint64_t new_ref, int64_t price, uint32_t total, uint8_t time_in_force,
                      uint8_t flags, uint32_t token) noexcept nogil:
        self.replacement_made = False
        self._drain(self.engine.replace(ref, new_ref, price, total, time_in_force, flags, token))

    cdef void trade_against(self, uint64_t ref, uint32_t shares) noexcept nogil:
        self._drain(self.engine.trade_against(ref, shares))

    cdef void cancel_owner(self, uint16_t owner, uint8_t side, uint8_t reason) noexcept nogil:
        self._drain(self.engine.mass_cancel(owner, side, reason))

    cdef void cancel_clients(self, uint8_t reason) noexcept nogil:
        cdef int account
        for account in range(self.reports.count):
            self.cancel_owner(<uint16_t>(account + 1), 0, reason)

    cdef uint64_t take_match_number(self) noexcept nogil:
        cdef uint64_t number = self.engine.next_match_number
        self.engine.next_match_number += 1
        return number

    # --- session ---

    cdef void announce(self, uint8_t code) noexcept nogil:
        self.announced.timestamp_ns = self.timestamp_ns
        if self.announced.count < <int>sizeof(self.announced.codes):
            self.announced.codes[self.announced.count] = code
            self.announced.count += 1
        self.feed.system_event(self.timestamp_ns, code)

    cdef void set_trading_state(self, uint8_t state, const char* reason) noexcept nogil:
        self.halted = state != ITCH_STATE_TRADING
        self.announced.trading_state = state
        memcpy(self.announced.reason, reason, 4)
        self.announced.timestamp_ns = self.timestamp_ns
        self.feed.trading_action(self.timestamp_ns, state, reason)

    cdef void open_session(self, const char* session) noexcept nogil:
        """Begin a new feed session and tell it everything: events so far, directory, trading state, resting orders."""
        cdef uint32_t handle
        cdef const Order* order
        cdef int i
        self.feed.begin_session(session)
        for i in range(self.announced.count):
            self.feed.system_event(self.timestamp_ns, self.announced.codes[i])
        self.feed.directory(self.timestamp_ns)
        self.feed.trading_action(self.timestamp_ns, self.announced.trading_state, self.announced.reason)
        handle = self.engine.first_live()
        while handle:
            order = self.engine.order(handle)
            self.feed.add_order(self.timestamp_ns, order.reference, c'B' if order.side == 0 else c'S', order.shares,
                                order.price)
            handle = self.engine.next_live(handle)

    # --- engine events ---

    cdef void _drain(self, int status) noexcept nogil:
        cdef uint32_t i
        self.last_reject = 0
        self.traded = 0
        self.traded_apart = 0
        while True:
            for i in range(self.engine.event_count):
                self._dispatch(&self.engine.events[i])
            self.engine.clear_events()
            if status != ENGINE_MORE:
                break
            status = self.engine.resume()
        if self.replaced_ref:            # nothing of the replacement came to rest
            if not self.silent:
                self.feed.deleted(self.timestamp_ns, self.replaced_ref)
            self.replaced_ref = 0

    cdef void _dispatch(self, const EngineEvent* e) noexcept nogil:
        cdef int64_t ts = self.timestamp_ns
        if self.replaced_ref and not (e.kind == ENGINE_RESTED and e.order_ref == self.replacing_ref):
            # the replacement trades or dies first: the original leaves the feed's book on its own
            self.feed.deleted(ts, self.replaced_ref)
            self.replaced_ref = 0
        if e.kind == ENGINE_EXECUTED:
            self.counters.executions += 1
            self.counters.executed_shares += e.quantity
            self.traded += e.quantity
            if e.owner == 0 and e.contra_owner == 0:
                self.traded_apart += e.quantity
            if not self.silent:
                self.feed.executed(ts, e.contra_ref, e.quantity, e.match_number)
            if e.owner:
                self.counters.client_fills += 1
                self.counters.client_filled_shares += e.quantity
                self.reports.executed(e.owner - 1, ts, reference_number(e.order_ref), e.quantity, e.price,
                                      OUCH_LIQUIDITY_REMOVED, e.match_number, e.contra_ref if e.contra_owner else 0)
            if e.contra_owner:
                self.counters.client_fills += 1
                self.counters.client_filled_shares += e.quantity
                self.reports.executed(e.contra_owner - 1, ts, reference_number(e.contra_ref), e.quantity, e.price,
                                      OUCH_LIQUIDITY_ADDED, e.match_number, e.order_ref if e.owner else 0)
        elif e.kind == ENGINE_RESTED:
            if self.replaced_ref:
                self.feed.replaced(ts, self.replaced_ref, e.order_ref, e.leaves, e.price)
                self.replaced_ref = 0
            elif not self.silent:
                self.feed.add_order(ts, e.order_ref, e.side, e.leaves, e.price)
        elif e.kind == ENGINE_CANCELED:
            if e.on_book and not self.silent:
                if e.leaves:
                    self.feed.cancelled(ts, e.order_ref, e.quantity)
                else:
                    self.feed.deleted(ts, e.order_ref)
            if e.owner == 0:
                pass
            elif e.reason == CANCEL_SELF_MATCH:
                self.reports.self_matched(e.owner - 1, ts, reference_number(e.order_ref), e.quantity, e.prevented,
                                          e.price, e.on_book != 0)
            elif self.modifying and e.leaves:
                self.reports.modified(e.owner - 1, ts, reference_number(e.order_ref), token_side(e.token), e.leaves)
            else:
                self.reports.canceled(e.owner - 1, ts, reference_number(e.order_ref), e.quantity, e.reason)
        elif e.kind == ENGINE_ACCEPTED:
            if e.owner and self.entering != NULL:
                self.reports.accepted(e.owner - 1, ts, self.entering)
        elif e.kind == ENGINE_REPLACED:
            self.replaced_ref = e.contra_ref
            self.replacement_made = True
            self.replacing_ref = e.order_ref
            if e.owner and self.replacing != NULL:
                self.reports.replaced(e.owner - 1, ts, self.replacing, e.token, e.leaves)
        elif e.kind == ENGINE_REJECTED:
            self.last_reject = e.reason
            self.counters.engine_rejects += 1
