# cython: nonecheck=False
# a None check of `self` in nogil code would need the GIL
"""The venue's loop: single thread, no GIL, no Python object per message. See venue.pxd."""
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memset

from hotpath.book.matching_engine cimport TIF_DAY, MatchingEngine
from hotpath.ipc.clock cimport monotonic_ns
from hotpath.ipc.histogram cimport HistogramWriter
from hotpath.ipc.idle cimport IDLE_MAX_FDS, IdleStrategy
from hotpath.ipc.status cimport StatusWriter
from hotpath.protocols.itch cimport (
    ITCH_END_OF_MARKET_HOURS, ITCH_END_OF_MESSAGES, ITCH_END_OF_SYSTEM_HOURS, ITCH_START_OF_MARKET_HOURS,
    ITCH_START_OF_MESSAGES, ITCH_START_OF_SYSTEM_HOURS, ITCH_STATE_TRADING,
)
from hotpath.protocols.ouch cimport OUCH_CANCEL_CLOSED, OUCH_CANCEL_SYSTEM
from hotpath.venue.execution_reports cimport ExecutionReports
from hotpath.venue.flow cimport FlowRow, FlowSource
from hotpath.venue.flow_rules cimport FlowRules
from hotpath.venue.generator cimport GeneratedFlow
from hotpath.venue.glimpse cimport GlimpseServer
from hotpath.venue.market cimport PHASE_CLOSED, PHASE_OPEN, Market
from hotpath.venue.market_data cimport MarketData
from hotpath.venue.order_entry cimport OrderEntryServer
from hotpath.venue.progress cimport FlowProgress
from hotpath.venue.soup_server cimport (
    CLOSE_LOGOUT, CLOSE_MALFORMED, CLOSE_PEER, CLOSE_SLOW, CLOSE_TAKEOVER, CLOSE_TIMEOUT, CONNECTION_CLOSED,
    CONNECTION_OPEN, MAX_CONNECTIONS,
)

cdef int64_t DAY_NS = 86_400 * 1_000_000_000
cdef int64_t SECOND_NS = 1_000_000_000
cdef int64_t MAX_LATE_NS = 1_000_000_000       # a flow further behind is not caught up with a burst
cdef int64_t MAX_BURST_NS = 10_000_000         # rows saved up at speed 0
cdef int64_t CLOSING_NS = 1_000_000_000
cdef int64_t PUBLISH_NS = 5_000_000

cdef enum:
    ROWS_PER_PASS = 64
    COUNTER_COUNT = 40

GATES = ("flow", "ports", "ledger")
COUNTERS = (
    "flow_rows", "flow_bad_rows", "flow_rows_before_open", "flow_rows_gone", "flow_late_ns", "flow_late_max_ns",
    "flow_reanchors", "live_orders", "executions", "executed_shares", "client_fills", "client_filled_shares",
    "feed_messages", "feed_packets", "feed_send_failures", "rerequests", "rerequested_messages",
    "refused_rerequests", "snapshots_served", "connections", "logins", "rejected_logins", "clients",
    "closed_by_peer", "closed_by_logout", "closed_by_timeout", "closed_by_takeover", "closed_slow",
    "closed_malformed", "orders_entered", "orders_replaced", "cancel_requests", "mass_cancels", "orders_rejected",
    "retransmissions", "requests_ignored", "malformed_messages", "cancels_on_disconnect", "sequenced_messages",
    "sequenced_messages_lost",
)
assert len(COUNTERS) == COUNTER_COUNT
_STATES = ("waiting", "running", "closing", "done")


cdef class Venue:
    def __init__(self, MarketData feed, MatchingEngine engine, ExecutionReports reports, FlowSource source,
                 FlowProgress progress, IdleStrategy idle, StatusWriter status, HistogramWriter latency,
                 double speed, int64_t max_rows_per_second):
        if not 0.0 <= speed <= 1e6:
            raise ValueError(f"flow.speed: {speed} must be 0 (paced by max_rows_per_second) to 1000000")
        if not 1 <= max_rows_per_second <= 10_000_000:
            raise ValueError(f"flow.max_rows_per_second: {max_rows_per_second} must be 1 to 10000000")
        self.feed = feed
        self.market = Market(engine, feed, reports)
        self.rules = FlowRules(self.market)
        self.source = source
        self.progress = progress
        self.idle = idle
        self.status = status
        self.latency = latency
        self.speed = speed
        self.rate = max_rows_per_second
        self.market.announced.trading_state = ITCH_STATE_TRADING
        for i in range(4):
            self.market.announced.reason[i] = c' '

    # --- start ---

    def rebuild(self):
        cdef uint64_t position = self.progress.block.position
        cdef const FlowRow* row
        cdef GeneratedFlow generated
        self.market.silent = True
        if isinstance(self.source, GeneratedFlow):
            generated = self.source
            generated.skip_to(position)
            for number, side, price, size in generated.live_orders():
                self.market.submit(number, 0, ord(side), price, size, TIF_DAY, 0, 0)
        else:
            with nogil:
                while self.source.position < position:
                    row = self.source.peek()
                    if row == NULL:
                        break
                    self.clock_ns = row.time_ns
                    self.rules.apply(row)
                    self.source.advance()
        row = self.source.peek()
        if position == 0 and row != NULL:
            self.clock_ns = row.time_ns
        self.market.silent = False
        if self.progress.block.clock_ns > self.clock_ns:
            self.clock_ns = self.progress.block.clock_ns if row == NULL else min(self.progress.block.clock_ns, row.time_ns)
        self.last_row_ns = self.clock_ns
        memset(&self.rules.counters, 0, sizeof(self.rules.counters))
        memset(&self.market.counters, 0, sizeof(self.market.counters))
        self.market.timestamp_ns = self.clock_ns % DAY_NS

    def serve_on(self, OrderEntryServer entry, GlimpseServer glimpse):
        self.entry = entry
        self.glimpse = glimpse

    def open(self, bytes session, bint start_flow):
        if len(session) != 10:
            raise ValueError(f"session {session!r}: must have 10 bytes")
        cdef int64_t now = monotonic_ns()
        self.last_row_mono_ns = now
        self.market.announced.timestamp_ns = self.market.timestamp_ns
        for code in (ITCH_START_OF_MESSAGES, ITCH_START_OF_SYSTEM_HOURS):
            self.market.announced.codes[self.market.announced.count] = code
            self.market.announced.count += 1
        self.market.open_session(session)
        if start_flow or self.progress.block.started:
            self._open(now)
        self.feed.flush(now)

    def roll_session(self, bytes session):
        if len(session) != 10:
            raise ValueError(f"session {session!r}: must have 10 bytes")
        self.feed.end_session()
        self.market.open_session(session)
        self.feed.flush(monotonic_ns())

    def start_flow(self):
        if self.state != FLOW_WAITING:
            return False
        self._open(monotonic_ns())
        return True

    cdef void _open(self, int64_t now) noexcept nogil:
        self.progress.block.started = 1
        self.state = FLOW_RUNNING
        self.market.phase = PHASE_OPEN
        self.market.announce(ITCH_START_OF_MARKET_HOURS)
        self._anchor(now)

    # --- the loop ---

    def run(self, int64_t duration_ms):
        """Turn the loop for this long, at least once."""
        cdef int64_t now = monotonic_ns()
        cdef int64_t until = now + duration_ms * 1_000_000
        cdef int fds[IDLE_MAX_FDS]
        cdef int count
        with nogil:
            while True:
                if self._pass(now):
                    self.idle.reset()
                elif now < until:
                    fds[0] = self.feed.rerequest_fd
                    count = 1 + self.entry.watch(fds + 1, IDLE_MAX_FDS - 1)
                    count += self.glimpse.watch(fds + count, IDLE_MAX_FDS - count)
                    if self.entry.output_waits() or self.glimpse.output_waits():
                        self.idle.idle_until_fds(fds, count)
                    else:
                        self.idle.idle_until_due(fds, count, now, min(until, self._due(now)))
                now = monotonic_ns()
                if now >= until:
                    break

    cdef int _pass(self, int64_t now) noexcept nogil:
        cdef int work
        self._clock(now)
        work = self.entry.serve(now)
        work += self._flow(now)
        self.feed.flush(now)
        work += self.feed.serve_rerequests()
        work += self.glimpse.serve(now)
        self.feed.heartbeat(now)
        self.passes += 1
        if now - self.published_ns >= PUBLISH_NS:
            self._publish(now)
        return work

    cdef int64_t _due(self, int64_t now) noexcept nogil:
        """When the next row or the next status is due; timers of the protocols may wait for the status."""
        cdef int64_t due = self.published_ns + PUBLISH_NS
        cdef const FlowRow* row = self.source.peek() if self.state == FLOW_RUNNING else NULL
        cdef double ahead
        if row != NULL:
            if self.speed > 0:
                ahead = <double>(row.time_ns - self.flow_base_ns) / self.speed
            else:
                ahead = <double>(self.paced_rows + 1) * 1e9 / <double>self.rate
            ahead -= <double>(now - self.mono_base_ns)
            if ahead < <double>(due - now):
                due = now + <int64_t>max(ahead, 0.0) + 1
        return due

    cdef void _anchor(self, int64_t now) noexcept nogil:
        """The schedule goes on from the flow time reached."""
        self.mono_base_ns = now
        self.paced_rows = 0
        self.flow_base_ns = self.clock_ns

    cdef void _clock(self, int64_t now) noexcept nogil:
        """Flow time now: it follows the schedule, stays behind the next row, and never runs back."""
        cdef int64_t flow = self.last_row_ns
        cdef const FlowRow* row
        if self.state == FLOW_RUNNING and self.speed > 0:
            flow = self.flow_base_ns + <int64_t>(<double>(now - self.mono_base_ns) * self.speed)
        elif self.state != FLOW_WAITING:
            flow += now - self.last_row_mono_ns
        if self.state == FLOW_RUNNING:
            row = self.source.peek()
            if row != NULL and flow > row.time_ns:
                flow = row.time_ns
        if flow > self.clock_ns:
            self.clock_ns = flow
        self.progress.block.clock_ns = self.clock_ns
        self.market.timestamp_ns = self.clock_ns % DAY_NS
        self.market.announced.timestamp_ns = self.market.timestamp_ns

    cdef void _apply(self, int64_t now) noexcept nogil:
        cdef const FlowRow* row = self.source.peek()
        if row.time_ns > self.clock_ns:
            self.clock_ns = row.time_ns
        self.market.timestamp_ns = self.clock_ns % DAY_NS
        self.last_row_ns = row.time_ns
        self.last_row_mono_ns = now
        self.rules.apply(row)
        self.source.advance()
        self.progress.block.position = self.source.position

    cdef int _flow(self, int64_t now) noexcept nogil:
        cdef const FlowRow* row
        cdef int rows = 0
        cdef int64_t due, late
        if self.state == FLOW_CLOSING:
            if now >= self.close_at_ns:
                self.market.cancel_clients(OUCH_CANCEL_CLOSED)
                self.market.announce(ITCH_END_OF_SYSTEM_HOURS)
                self.market.announce(ITCH_END_OF_MESSAGES)
                self.state = FLOW_DONE
                return 1
            return 0
        if self.state != FLOW_RUNNING:
            return 0
        if self.speed > 0:
            due = self.flow_base_ns + <int64_t>(<double>(now - self.mono_base_ns) * self.speed)
            row = self.source.peek()
            late = 0
            if row != NULL and row.time_ns < due:
                late = <int64_t>(<double>(due - row.time_ns) / self.speed)
            if late > MAX_LATE_NS:
                self.reanchors += 1
                self._anchor(now)
                self.flow_base_ns = row.time_ns
                due = row.time_ns
                late = 0
            while rows < ROWS_PER_PASS and row != NULL and row.time_ns <= due:
                self._apply(now)
                rows += 1
                row = self.source.peek()
        else:
            due = <int64_t>(<double>(now - self.mono_base_ns) * <double>self.rate / 1e9)
            late = <int64_t>(<double>(due - self.paced_rows) * 1e9 / <double>self.rate)
            if late > MAX_BURST_NS:      # saved-up rows would go out as one burst: give them up
                if late > MAX_LATE_NS:
                    self.reanchors += 1
                self.mono_base_ns = now
                self.paced_rows = 0
                due = <int64_t>(<double>MAX_BURST_NS * <double>self.rate / 1e9)
                self.mono_base_ns -= MAX_BURST_NS
            row = self.source.peek()
            while rows < ROWS_PER_PASS and row != NULL and self.paced_rows < due:
                self._apply(now)
                self.paced_rows += 1
                rows += 1
                row = self.source.peek()
        self.late_ns = late
        if late > self.late_max_ns:
            self.late_max_ns = late
        if row == NULL:
            self.market.phase = PHASE_CLOSED
            self.market.announce(ITCH_END_OF_MARKET_HOURS)
            self.state = FLOW_CLOSING
            self.close_at_ns = now + CLOSING_NS
            return 1
        return rows

    def shut_down(self, int64_t drain_ms):
        """Cancel client orders, publish, and give clients `drain_ms` to take what is theirs; True when all did."""
        cdef int64_t now = monotonic_ns()
        cdef int64_t until = now + drain_ms * 1_000_000
        cdef bint waiting = True
        cdef int i
        if self.entry is None:
            return True
        self._clock(now)
        self.market.phase = PHASE_CLOSED
        self.market.cancel_clients(OUCH_CANCEL_SYSTEM)
        with nogil:
            while waiting and now < until:
                now = monotonic_ns()
                self.entry.serve(now)
                self.feed.flush(now)
                waiting = False
                for i in range(MAX_CONNECTIONS):
                    if self.entry.connections[i].state == CONNECTION_OPEN and (
                            self.entry.connections[i].head != self.entry.connections[i].tail or not self.entry.caught_up[i]):
                        waiting = True
                if waiting:
                    self.idle.idle()
        self.feed.end_session()
        self._publish(now)
        return not waiting

    cdef void _counters(self, int64_t* values) noexcept nogil:
        """In the order of COUNTERS."""
        cdef int i
        cdef int64_t before_open = 0
        cdef int64_t gone = 0
        cdef int64_t clients = 0
        for i in range(8):
            before_open += self.rules.counters.before_open[i]
            gone += self.rules.counters.gone[i]
        for i in range(MAX_CONNECTIONS):
            if self.entry.connections[i].state == CONNECTION_OPEN:
                clients += 1
        values[0] = <int64_t>self.source.position
        values[1] = <int64_t>self.source.bad_rows
        values[2] = before_open
        values[3] = gone
        values[4] = self.late_ns
        values[5] = self.late_max_ns
        values[6] = self.reanchors
        values[7] = self.market.engine.live_orders()
        values[8] = self.market.counters.executions
        values[9] = self.market.counters.executed_shares
        values[10] = self.market.counters.client_fills
        values[11] = self.market.counters.client_filled_shares
        values[12] = self.feed.counters.messages
        values[13] = self.feed.counters.packets
        values[14] = self.feed.counters.send_failures
        values[15] = self.feed.counters.rerequests
        values[16] = self.feed.counters.rerequested_messages
        values[17] = self.feed.counters.refused_rerequests
        values[18] = self.glimpse.served
        values[19] = self.entry.counters.connections
        values[20] = self.entry.counters.logins
        values[21] = self.entry.counters.rejected_logins
        values[22] = clients
        values[23] = self.entry.counters.closed[<int>CLOSE_PEER]
        values[24] = self.entry.counters.closed[<int>CLOSE_LOGOUT]
        values[25] = self.entry.counters.closed[<int>CLOSE_TIMEOUT]
        values[26] = self.entry.counters.closed[<int>CLOSE_TAKEOVER]
        values[27] = self.entry.counters.closed[<int>CLOSE_SLOW]
        values[28] = self.entry.counters.closed[<int>CLOSE_MALFORMED]
        values[29] = self.entry.entry.entered
        values[30] = self.entry.entry.replaced
        values[31] = self.entry.entry.cancel_requests
        values[32] = self.entry.entry.mass_cancels
        values[33] = self.entry.entry.rejected
        values[34] = self.entry.entry.retransmissions
        values[35] = self.entry.entry.ignored
        values[36] = self.entry.entry.malformed
        values[37] = self.entry.entry.cancels_on_disconnect
        values[38] = self.market.reports.written
        values[39] = self.market.reports.lost

    cdef void _publish(self, int64_t now) noexcept nogil:
        cdef int64_t values[COUNTER_COUNT]
        cdef int i
        self._counters(values)
        for i in range(COUNTER_COUNT):
            self.status.set_counter(i, values[i])
        self.status.heartbeat(now)
        self.latency.heartbeat(now)
        self.published_ns = now

    def snapshot(self):
        """Numbers for the admin port. Aligned words written by the loop: each is whole, they need not be of one instant."""
        cdef int64_t values[COUNTER_COUNT]
        self._counters(values)
        kinds = ("add", "reduce", "delete", "execute", "hidden", "cross", "halt")
        rules = &self.rules.counters
        return {
            "counters": {COUNTERS[i]: values[i] for i in range(COUNTER_COUNT)},
            "state": _STATES[self.state],
            "position": self.source.position,
            "total": self.source.total,
            "rows_by_kind": {kinds[i]: rules.rows[i + 1] for i in range(7)},
            "before_open_by_kind": {kinds[i]: rules.before_open[i + 1] for i in range(7)},
            "gone_by_kind": {kinds[i]: rules.gone[i + 1] for i in range(7)},
            "shortened": rules.shortened, "refused": rules.refused, "crossed_shares": rules.crossed_shares,
            "unfilled_shares": rules.unfilled_shares, "client_shares": rules.client_shares,
            "flow_time_ns": self.clock_ns % DAY_NS,
            "feed_session": self.feed.session[:10].decode("ascii"),
            "feed_next_sequence": self.feed.next_sequence,
            "halted": bool(self.market.halted),
        }

    @property
    def flow_state(self):
        return _STATES[self.state]

    @property
    def timestamp_ns(self):
        return self.market.timestamp_ns

    @property
    def feed_sequence(self):
        return self.feed.next_sequence


def make_entry(Venue venue, bytes session, int64_t tick, str host, int port, int64_t heartbeat_ms, int64_t timeout_ms):
    return OrderEntryServer(venue.market, session, tick, venue.latency, host, port, heartbeat_ms, timeout_ms)


def make_glimpse(Venue venue, str host, int port, int64_t heartbeat_ms, int64_t timeout_ms):
    cdef GlimpseServer server = GlimpseServer("GLIMPSE", host, port, 1 << 18, heartbeat_ms, timeout_ms)
    server.feed = venue.feed
    server.book = venue.market.engine
    server.events = &venue.market.announced      # lives as long as the venue, which keeps the server
    return server
