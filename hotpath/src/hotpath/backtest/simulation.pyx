"""One session of a strategy on simulated time. See simulation.pxd."""
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from hotpath.backtest.links cimport AccountLink, DelayedBookEvents, FeedLink, SimulatedClock, WireMessage, WIRE_BYTES
from hotpath.backtest.timed_queue cimport NEVER, TimedQueue
from hotpath.book.matching_engine cimport MatchingEngine
from hotpath.feed.book_builder cimport BookBuilder
from hotpath.ipc.messages cimport (
    EVENT_MODE, EVENT_RECONCILED, EVENT_ROUTER_STARTED, EVENT_SESSION_UP, INTENT_CANCEL, INTENT_MASS_CANCEL,
    INTENT_NEW, INTENT_REPLACE, MODE_ACTIVE, REFUSED_INVALID, BookEvent, Intent, OrderEvent,
)
from hotpath.protocols.codec cimport CODEC_UNKNOWN_TYPE
from hotpath.protocols.itch cimport (
    ITCH_END_OF_MARKET_HOURS, ITCH_END_OF_MESSAGES, ITCH_END_OF_SYSTEM_HOURS, ITCH_START_OF_MARKET_HOURS,
    ITCH_START_OF_MESSAGES, ITCH_START_OF_SYSTEM_HOURS, ITCH_STATE_TRADING,
)
from hotpath.protocols.ouch cimport OUCH_CANCEL_CLOSED
from hotpath.router.order_state cimport (
    APPLY_ILLEGAL, MAX_EVENTS, NO_ORDER, Order, OrderTable, VenueMessage,
)
from hotpath.router.ouch_reader cimport read_venue_message
from hotpath.router.ouch_writer cimport (
    write_cancel_order, write_enter_order, write_mass_cancel, write_replace_order,
)
from hotpath.router.risk_gate cimport RiskContext, RiskGate, RiskLimits, RiskTarget, reference_price
from hotpath.strategy.base cimport Strategy
from hotpath.venue.execution_reports cimport ExecutionReports
from hotpath.venue.flow cimport FlowRow, FlowSource
from hotpath.venue.flow_rules cimport FlowRules
from hotpath.venue.market cimport PHASE_CLOSED, PHASE_OPEN, Market
from hotpath.venue.market_data cimport MarketData
from hotpath.venue.order_entry cimport OrderEntryServer

from hotpath.ipc.messages cimport PositionBlock
from hotpath.router.risk_gate import refusal_name
from hotpath.venue.client_account import ClientAccount

cdef int64_t DAY_NS = 86_400 * 1_000_000_000
cdef int64_t CLOSING_NS = 1_000_000_000      # as at the venue
# Strategy and router share a host: a hop through a ring. Above 0, so that no exchange between the two stands still.
cdef int64_t HOP_NS = 1_000
cdef int64_t SETTLING_NS = 1_000_000

cdef enum:
    ROUTER_EPOCH = 1
    ACCOUNT = 0
    MAX_LIVE_ORDERS = 1_048_576
    MAX_WAITING = 1_048_576       # things under way in one direction
    EVENT_CAPACITY = 4096
    SAMPLE_CAPACITY = 4096
    EVENTS_PER_STEP = 16          # more than one step can make

cdef const char* SESSION = b"BACKTEST01"
cdef const char* FIRM = b"IRON"
USERNAME = "BTEST"
HOP = HOP_NS

_EVENT_NAMES = ("", "router_started", "new_sent", "accepted", "refused", "rejected", "replace_sent", "replaced",
                "cancel_sent", "canceled", "executed", "broken", "mass_cancel_sent", "session_up", "session_down",
                "reconciled", "order_unknown", "mode", "cancel_proof", "strategy_lost", "cancel_proof_done")
_STATE_NAMES = ("", "pending_new", "live", "pending_replace", "pending_cancel", "filled", "canceled", "rejected",
                "replaced", "unknown", "refused")
EVENT_COLUMNS = ("sequence", "time_ns", "event", "order_id", "orig_order_id", "user_ref_num", "state", "side",
                 "time_in_force", "post_only", "price", "quantity", "leaves", "filled", "last_price", "last_quantity",
                 "match_number", "reason", "venue_ns", "position")


cdef class Simulation:
    """Simulation(source, strategy, instrument, limits, ...): a market, a router and one strategy, before the first row.

    Latencies are one way, in ns. Raises ValueError for a source without rows, MemoryError.
    """

    def __cinit__(self, *_arguments, **_keywords):
        self.events = <OrderEvent*>malloc(EVENT_CAPACITY * sizeof(OrderEvent))
        self.samples = <Sample*>malloc(SAMPLE_CAPACITY * sizeof(Sample))
        if self.events == NULL or self.samples == NULL:
            raise MemoryError("no memory for the simulation's events")

    def __init__(self, FlowSource source not None, Strategy strategy not None, instrument, limits, *,
                 int64_t market_data_latency_ns, int64_t order_latency_ns, int64_t timer_ns, int64_t sample_ns):
        cdef const FlowRow* row = source.peek()
        cdef RiskLimits risk
        cdef BookBuilder builder
        if row == NULL:
            raise ValueError(f"{source.name}: no rows")
        if market_data_latency_ns < 0 or order_latency_ns < 0 or timer_ns < 1 or sample_ns < 1:
            raise ValueError("latencies must not be negative, timer and sampling intervals at least 1 ns")
        self.source = source
        self.strategy = strategy
        self.order_latency_ns = order_latency_ns
        self.clock = SimulatedClock()
        self.clock.now_ns = row.time_ns
        self.last_row_ns = row.time_ns
        self.to_venue = TimedQueue(sizeof(WireMessage), MAX_WAITING)
        self.to_router = TimedQueue(sizeof(WireMessage), MAX_WAITING)
        self.to_strategy = TimedQueue(sizeof(OrderEvent), MAX_WAITING)
        self.books = TimedQueue(sizeof(BookEvent), MAX_WAITING)
        self.intents = TimedQueue(sizeof(Intent), MAX_WAITING)
        builder = BookBuilder(instrument.symbol, instrument.locate, MAX_LIVE_ORDERS)
        self.feed = FeedLink(self.clock, builder, DelayedBookEvents(builder, self.books), market_data_latency_ns)
        self.answers = AccountLink(self.clock, self.to_router, order_latency_ns)
        account = ClientAccount(USERNAME, "none", "IRON", "", 0, self.answers)
        self.market = Market(
            MatchingEngine(MAX_LIVE_ORDERS, event_capacity=4096, max_owners=2, first_match_number=1),
            MarketData(instrument.symbol, instrument.locate, instrument.round_lot, [], None, 1, 1000, self.feed),
            ExecutionReports([account], instrument.symbol),
        )
        self.rules = FlowRules(self.market)
        self.entry = OrderEntryServer(self.market, b"BACKTEST01", instrument.tick, None, None, 0, 1000, 15_000)
        self.table = OrderTable(MAX_LIVE_ORDERS // 4, instrument.symbol)
        self.table.begin_session(SESSION)
        self.gate = RiskGate(instrument.locate, instrument.tick)
        risk.max_order_quantity = limits.max_order_quantity
        risk.max_notional = limits.max_notional
        risk.max_position = limits.max_position
        risk.collar_bps = limits.collar_bps
        risk.max_messages_per_second = limits.max_messages_per_second
        risk.max_open_orders = limits.max_open_orders
        self.gate.set_limits(&risk)
        self.timer_ns = timer_ns
        self.timer_due_ns = self.clock.now_ns + timer_ns
        self.sample_ns = sample_ns
        self.sample_due_ns = self.clock.now_ns
        self._open()

    def __dealloc__(self):
        free(self.samples)
        free(self.events)

    def _open(self):
        """The venue's session begins, and a reconciled router is there."""
        self.market.announced.trading_state = ITCH_STATE_TRADING
        for i in range(4):
            self.market.announced.reason[i] = c' '
        self.market.timestamp_ns = self.clock.now_ns % DAY_NS
        for code in (ITCH_START_OF_MESSAGES, ITCH_START_OF_SYSTEM_HOURS):
            self.market.announced.codes[self.market.announced.count] = code
            self.market.announced.count += 1
        self.market.open_session(SESSION)
        self.market.phase = PHASE_OPEN
        self.market.announce(ITCH_START_OF_MARKET_HOURS)
        self.feed.events.received_ns = self.clock.now_ns + self.feed.latency_ns
        self.feed.events.set_stale(False)
        self.market.feed.flush(self.clock.now_ns)
        self._emit_plain(EVENT_ROUTER_STARTED, 0)
        self._emit_plain(EVENT_MODE, MODE_ACTIVE)
        self._emit_plain(EVENT_SESSION_UP, 0)
        self._emit_plain(EVENT_RECONCILED, 0)

    # ---- time

    cdef int64_t _venue_due(self) noexcept nogil:
        cdef const FlowRow* row
        if self.phase != PHASE_FLOW:
            return self.venue_due_ns if self.phase != PHASE_OVER else NEVER
        row = self.source.peek()
        # the flow may tell a time before that of a row already applied: never back
        return row.time_ns if row != NULL and row.time_ns > self.last_row_ns else self.last_row_ns

    cdef void step(self) noexcept nogil:
        """What is due next. Nothing when the session is over."""
        cdef int64_t venue = self._venue_due()
        cdef int64_t due = min(min(min(venue, self.to_venue.next_due), min(self.to_router.next_due, self.intents.next_due)),
                               min(min(self.to_strategy.next_due, self.books.next_due), self.timer_due_ns))
        if self.phase == PHASE_OVER:
            return
        while self.sample_due_ns <= due:
            if self.sample_count + 1 >= SAMPLE_CAPACITY:
                return      # these have to be taken first
            self._sample(self.sample_due_ns)
            self.sample_due_ns += self.sample_ns
        self.steps += 1
        self.clock.now_ns = due
        if venue == due:
            self._venue()
        elif self.to_venue.next_due == due:
            self._client_message()
        elif self.to_router.next_due == due:
            self._answer()
        elif self.intents.next_due == due:
            self._intent(<const Intent*>self.intents.front())
            self.intents.pop()
        elif self.to_strategy.next_due == due:
            self._order_event()
        elif self.books.next_due == due:
            self._book_event()
        else:
            self.timer_due_ns = due + self.timer_ns
            self.strategy.handle_timer(due)
            self._take_intents()

    cdef void _sample(self, int64_t time_ns) noexcept nogil:
        cdef Sample* sample = &self.samples[self.sample_count]
        sample.time_ns = time_ns
        sample.position = self.table.own.position
        sample.cash = self.table.own.sold_notional - self.table.own.bought_notional
        sample.mid_x2 = self.mid_x2
        sample.events = self.sequence
        self.sample_count += 1

    # ---- the venue

    cdef void _venue(self) noexcept nogil:
        """The rows of one instant, in one packet; or the end of the session."""
        cdef const FlowRow* row
        cdef int64_t now = self.clock.now_ns
        self.market.timestamp_ns = now % DAY_NS
        if self.phase == PHASE_FLOW:
            row = self.source.peek()
            self.last_row_ns = now
            while row != NULL and row.time_ns <= now:
                self.rules.apply(row)
                self.source.advance()
                row = self.source.peek()
            if row == NULL:
                self.market.phase = PHASE_CLOSED
                self.market.announce(ITCH_END_OF_MARKET_HOURS)
                self.phase = PHASE_CLOSING
                self.venue_due_ns = now + CLOSING_NS
        elif self.phase == PHASE_CLOSING:
            self.market.cancel_clients(OUCH_CANCEL_CLOSED)
            self.market.announce(ITCH_END_OF_SYSTEM_HOURS)
            self.market.announce(ITCH_END_OF_MESSAGES)
            self.phase = PHASE_SETTLING
            self.venue_due_ns = now + 2 * self.order_latency_ns + self.feed.latency_ns + SETTLING_NS
        else:
            self.phase = PHASE_OVER
            self._sample(now)
        self.market.feed.flush(now)

    cdef void _client_message(self) noexcept nogil:
        cdef const WireMessage* message = <const WireMessage*>self.to_venue.front()
        self.market.timestamp_ns = self.clock.now_ns % DAY_NS
        if not self.entry.handle(ACCOUNT, message.data, message.length):
            self.illegal += 1
        self.to_venue.pop()
        self.market.feed.flush(self.clock.now_ns)

    # ---- the router

    cdef void _answer(self) noexcept nogil:
        cdef const WireMessage* wire = <const WireMessage*>self.to_router.front()
        cdef VenueMessage message
        cdef OrderEvent events[MAX_EVENTS]
        cdef int i, count
        cdef int rc = read_venue_message(wire.data, wire.length, &message)
        self.to_router.pop()
        self.venue_sequence += 1
        message.sequence = self.venue_sequence
        if rc < 0:
            self.illegal += rc != CODEC_UNKNOWN_TYPE
            return
        count = self.table.apply(&message, events)
        if self.table.outcome == APPLY_ILLEGAL:
            self.illegal += 1
        for i in range(count):
            self._emit(&events[i])

    cdef void _intent(self, const Intent* intent) noexcept nogil:
        cdef RiskContext context
        cdef int reason
        memset(&context, 0, sizeof(context))
        context.now_ns = self.clock.now_ns
        context.position = self.table.own.position
        context.open_buy = self.table.own.open_buy
        context.open_sell = self.table.own.open_sell
        context.open_orders = self.table.open_count
        context.reference_price = reference_price(&self.top)
        context.router_epoch = ROUTER_EPOCH
        context.strategy_epoch = self.table.id_epoch
        context.last_order_id = self.table.last_order_id
        context.mode = MODE_ACTIVE
        context.session_up = True
        context.pool_full = not self.table.has_room()
        if intent.kind == INTENT_NEW:
            self._new(intent, &context)
        elif intent.kind == INTENT_REPLACE:
            self._replace(intent, &context)
        elif intent.kind == INTENT_CANCEL:
            self._cancel(intent, &context)
        elif intent.kind == INTENT_MASS_CANCEL:
            reason = self.gate.check_mass_cancel(intent, &context)
            if reason:
                self._refuse(intent, reason)
            elif self.table.open_count:
                self._mass_cancel()
        else:
            self._refuse(intent, REFUSED_INVALID)

    cdef void _new(self, const Intent* intent, const RiskContext* context) noexcept nogil:
        cdef OrderEvent event
        cdef WireMessage* message
        cdef uint32_t number = self.table.last_number + 1
        cdef int reason = self.gate.check_new(intent, context)
        if reason:
            self._refuse(intent, reason)
            return
        message = <WireMessage*>self.to_venue.push(self.clock.now_ns + self.order_latency_ns)
        if message == NULL:
            self.stuck = True
            return
        message.length = <uint16_t>write_enter_order(intent, number, self.table.own.symbol, message.data, WIRE_BYTES)
        self.table.add_new(number, intent.strategy_epoch, intent.order_id, intent.side, intent.time_in_force,
                           intent.flags, intent.price, intent.quantity, intent.tick_received_ns, self.clock.now_ns, &event)
        self._emit(&event)

    cdef void _replace(self, const Intent* intent, const RiskContext* context) noexcept nogil:
        cdef OrderEvent event
        cdef RiskTarget target
        cdef WireMessage* message
        cdef Order* order = NULL
        cdef int reason
        cdef uint32_t number = self.table.last_number + 1
        cdef int32_t slot = self.table.find_own(intent.strategy_epoch, intent.order_id)
        memset(&target, 0, sizeof(target))
        if slot != NO_ORDER:
            order = &self.table.orders[slot]
            target.live = self.table.can_replace(slot)
            target.side = order.side
            target.filled = order.filled
            target.leaves = order.leaves
        reason = self.gate.check_replace(intent, &target, context)
        if reason:
            self._refuse(intent, reason)
            return
        message = <WireMessage*>self.to_venue.push(self.clock.now_ns + self.order_latency_ns)
        if message == NULL:
            self.stuck = True
            return
        message.length = <uint16_t>write_replace_order(intent, order, number, message.data, WIRE_BYTES)
        self.table.add_replace(slot, number, intent.new_order_id, intent.price, intent.quantity, intent.tick_received_ns,
                               self.clock.now_ns, &event)
        self._emit(&event)

    cdef void _cancel(self, const Intent* intent, const RiskContext* context) noexcept nogil:
        cdef RiskTarget target
        cdef uint32_t replacement
        cdef int reason
        cdef int32_t slot = self.table.find_own(intent.strategy_epoch, intent.order_id)
        memset(&target, 0, sizeof(target))
        if slot != NO_ORDER:
            target.live = self.table.can_cancel(slot)
        reason = self.gate.check_cancel(intent, &target, context)
        if reason:
            self._refuse(intent, reason)
            return
        replacement = self.table.orders[slot].next_user_ref_num
        self._send_cancel(slot)
        # a replace may be on its way: whichever of the two the venue has when it reads this, it goes
        slot = self.table.find(replacement) if replacement else NO_ORDER
        if slot != NO_ORDER and self.table.can_cancel(slot):
            self._send_cancel(slot)

    cdef void _send_cancel(self, int32_t slot) noexcept nogil:
        cdef OrderEvent event
        cdef WireMessage* message = <WireMessage*>self.to_venue.push(self.clock.now_ns + self.order_latency_ns)
        if message == NULL:
            self.stuck = True
            return
        message.length = <uint16_t>write_cancel_order(self.table.orders[slot].user_ref_num, message.data, WIRE_BYTES)
        self.table.cancel_sent(slot, self.clock.now_ns, &event)
        self._emit(&event)

    cdef void _mass_cancel(self) noexcept nogil:
        cdef OrderEvent event
        cdef uint32_t number = self.table.last_number + 1
        cdef WireMessage* message = <WireMessage*>self.to_venue.push(self.clock.now_ns + self.order_latency_ns)
        if message == NULL:
            self.stuck = True
            return
        message.length = <uint16_t>write_mass_cancel(number, FIRM, message.data, WIRE_BYTES)
        self.table.mass_cancel_sent(number, &event)
        event.sent_ns = self.clock.now_ns
        self._emit(&event)

    cdef void _refuse(self, const Intent* intent, int reason) noexcept nogil:
        cdef OrderEvent event
        self.table.refuse(intent, reason, &event)
        self._emit(&event)

    cdef void _emit_plain(self, uint8_t kind, uint8_t reason) noexcept nogil:
        cdef OrderEvent event
        self.table.describe(NO_ORDER, kind, &event)
        event.reason = reason
        self._emit(&event)

    cdef void _emit(self, OrderEvent* event) noexcept nogil:
        """Into the log, and to the strategy."""
        cdef OrderEvent* told = <OrderEvent*>self.to_strategy.push(self.clock.now_ns + HOP_NS)
        self.sequence += 1
        event.sequence = self.sequence
        event.epoch = ROUTER_EPOCH
        event.locate = self.gate.locate
        event.mono_ns = self.clock.now_ns
        memcpy(event.session, self.table.session, sizeof(event.session))
        if told == NULL or self.event_count == EVENT_CAPACITY:
            self.stuck = True
            return
        memcpy(told, event, sizeof(OrderEvent))
        self.events[self.event_count] = event[0]
        self.event_count += 1

    # ---- the strategy

    cdef void _order_event(self) noexcept nogil:
        cdef const OrderEvent* event = <const OrderEvent*>self.to_strategy.front()
        cdef int64_t now = self.clock.now_ns
        if event.kind == EVENT_ROUTER_STARTED:
            self.strategy.router_attached(event.epoch, NULL)
        elif event.kind == EVENT_RECONCILED:
            self.strategy.set_order_entry(True, now)
        self.strategy.handle_order(event, now)
        self.to_strategy.pop()
        self._take_intents()

    cdef void _book_event(self) noexcept nogil:
        memcpy(&self.top, self.books.front(), sizeof(BookEvent))
        self.books.pop()
        if self.top.bid_price > 0 and self.top.ask_price > self.top.bid_price:
            self.mid_x2 = self.top.bid_price + self.top.ask_price
        self.strategy.handle_book(&self.top, self.clock.now_ns)
        self._take_intents()

    cdef void _take_intents(self) noexcept nogil:
        cdef const Intent* intent = self.strategy.next_intent()
        cdef void* place
        while intent != NULL:
            place = self.intents.push(self.clock.now_ns + HOP_NS)
            if place == NULL:
                self.stuck = True
                return
            memcpy(place, intent, sizeof(Intent))
            self.strategy.intent_taken()
            intent = self.strategy.next_intent()

    # ---- the Python edge

    def run(self, uint64_t steps):
        """Take up to `steps` steps; True when the session is over. Stops early for events and samples to be taken."""
        cdef uint64_t until = self.steps + steps
        with nogil:
            while (self.steps < until and self.phase != PHASE_OVER and not self.stuck
                   and self.event_count + EVENTS_PER_STEP < EVENT_CAPACITY and self.sample_count + 1 < SAMPLE_CAPACITY):
                self.step()
        return self.phase == PHASE_OVER

    def take_events(self):
        """The order events since the last call, as tuples in the order of EVENT_COLUMNS."""
        cdef size_t i
        cdef const OrderEvent* e
        rows = []
        for i in range(self.event_count):
            e = &self.events[i]
            rows.append((
                e.sequence, e.mono_ns, _EVENT_NAMES[e.kind], e.order_id, e.orig_order_id, e.user_ref_num,
                _STATE_NAMES[e.state], chr(e.side) if e.side else "", chr(e.time_in_force) if e.time_in_force else "",
                e.flags & 1, e.price, e.quantity, e.leaves, e.filled, e.last_price, e.last_quantity, e.match_number,
                _reason(e), e.venue_ns, e.position,
            ))
        self.event_count = 0
        return rows

    def take_samples(self):
        """(time_ns, position, cash, mid_x2, events so far) since the last call."""
        cdef size_t i
        rows = [(self.samples[i].time_ns, self.samples[i].position, self.samples[i].cash, self.samples[i].mid_x2,
                 self.samples[i].events) for i in range(self.sample_count)]
        self.sample_count = 0
        return rows

    def problem(self):
        """Why what was simulated cannot be trusted; None when nothing speaks against it."""
        if self.stuck or self.feed.events.lost or self.answers.lost:
            return f"more than {MAX_WAITING} messages are under way: the strategy answers faster than latency lets them go"
        if self.illegal or self.feed.faults:
            return f"the parts disagree ({self.illegal} order and {self.feed.faults} feed messages): a defect"
        return None

    def view(self):
        """Where the simulation stands, by name."""
        kinds = ("add", "reduce", "delete", "execute", "hidden", "cross", "halt")
        rules = &self.rules.counters
        return {
            "time_ns": self.clock.now_ns, "steps": self.steps, "rows": self.source.position,
            "bad_rows": self.source.bad_rows, "mid_x2": self.mid_x2, "open_orders": self.table.open_count,
            "position": self.table.own.position, "bought": self.table.own.bought, "sold": self.table.own.sold,
            "cash": self.table.own.sold_notional - self.table.own.bought_notional,
            "feed_messages": self.market.feed.counters.messages,
            "rows_by_kind": {kinds[i]: rules.rows[i + 1] for i in range(7)},
            "before_open_by_kind": {kinds[i]: rules.before_open[i + 1] for i in range(7)},
            "gone_by_kind": {kinds[i]: rules.gone[i + 1] for i in range(7)},
            "client_shares": rules.client_shares,
        }


cdef _reason(const OrderEvent* event):
    name = _EVENT_NAMES[event.kind]
    if name == "refused":
        return refusal_name(event.reason) or ""
    if name == "canceled":
        return chr(event.reason) if event.reason else ""
    return str(event.reason) if event.reason else ""
