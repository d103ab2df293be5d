"""The strategy process's loop. See runner.pxd; the process around it is in role.py."""
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from hotpath.ipc.clock cimport monotonic_ns
from hotpath.ipc.histogram cimport HistogramWriter
from hotpath.ipc.idle cimport IdleStrategy
from hotpath.ipc.messages cimport (
    BOOK_RECOVERED, BOOK_RESET, BOOK_STALE, BOOK_UPDATE, EVENT_MODE, EVENT_RECONCILED, EVENT_REFUSED,
    EVENT_ROUTER_STARTED, EVENT_SESSION_DOWN, EVENT_SESSION_UP, MODE_HALTED, BookEvent, Intent, OrderEvent,
    PositionBlock,
)
from hotpath.ipc.ring cimport RingConsumer, RingProducer
from hotpath.ipc.segment cimport PRODUCER_ALIVE, PRODUCER_SILENT
from hotpath.ipc.seqlock cimport SeqlockReader
from hotpath.ipc.status cimport ROLE_ACTIVE, ROLE_DRAINING, ROLE_STANDBY, StatusWriter
from hotpath.strategy.base cimport Strategy

from hotpath.ipc.segment import SegmentError, SegmentMissing, WrongInstrument
from hotpath.ipc.status import RoleState, read_status

ROLE = "strategy"
ROUTER = "order-router"
GATES = ("book", "router", "running")
STRATEGY_COUNTERS = ("book_events", "order_events", "intents", "outbox_full", "table_full", "closed_entry", "refused",
                     "rejected", "fills", "bought", "sold", "dropped_intents", "adopted_orders", "foreign_events")
OWN_COUNTERS = ("book_conflated", "intent_ring_full_passes", "book_ring_attached", "order_ring_attached",
                "stale_events_skipped", "open_orders", "position", "cash", "marked_pnl", "router_epoch")
COUNTERS = STRATEGY_COUNTERS + OWN_COUNTERS
LATENCIES = ("book_to_intent",)
STATES = ("none", "pending new", "live", "pending replace", "pending cancel", "filled", "canceled", "rejected", "replaced",
          "unknown", "refused")

cdef enum:
    RING_CAPACITY = 4096
    ORDERS_PER_PASS = 256
    BOOKS_PER_PASS = 256
    BACKLOG_TO_CONFLATE = 64      # book events waiting: from here on only the newest update counts
    HEARTBEAT_NS = 5_000_000
    TOP_YOUNG_NS = 1_000_000_000
    MASS_CANCEL_RETRY_NS = 100_000_000


cdef class StrategyRunner:
    """StrategyRunner(config, strategy, log): creates ring.intents, latency and status; the other rings come and go."""

    def __init__(self, config, Strategy strategy not None, log):
        prefix = config.runtime.shm_prefix
        self.config = config
        self.symbol = config.instrument.symbol
        self.strategy = strategy
        self.log = log
        self.idle = IdleStrategy(config.runtime.idle.mode, config.runtime.idle.max_sleep_us)
        self._position_epoch = -1       # order entry stays closed until the router's block has told the position
        self.timer_ns = config.timer_ms * 1_000_000
        self.status = StatusWriter(prefix, ROLE, strategy.strategy_epoch, GATES, COUNTERS)
        self.histogram = HistogramWriter(prefix, f"latency.{ROLE}", LATENCIES, strategy.strategy_epoch)
        self.intents = RingProducer(prefix, "ring.intents", sizeof(Intent), RING_CAPACITY, strategy.strategy_epoch,
                                    self.symbol)

    # ---- the hot loop

    cdef void run_until(self, int64_t deadline_ns) noexcept nogil:
        while True:
            if self.step():
                self.idle.reset()
            else:
                self.idle.idle()
            if monotonic_ns() >= deadline_ns:
                return

    cdef bint step(self) noexcept nogil:
        """One pass over rings and timers; True when there was work."""
        cdef bint worked = False
        cdef int64_t now
        if self.orders_attached:
            worked |= self._take_orders()
        if self.books_attached:
            worked |= self._take_books()
        now = monotonic_ns()
        if now >= self.timer_due_ns:
            self.timer_due_ns = now + self.timer_ns
            self.strategy.handle_timer(now)
        if self.mass_cancel_wanted and now >= self.mass_cancel_due_ns and self.strategy.open_orders:
            self.mass_cancel_due_ns = now + MASS_CANCEL_RETRY_NS
            self.strategy.now_ns = now
            self.strategy.cancel_all()
        worked |= self._flush(0)
        if now >= self.heartbeat_due_ns:
            self.heartbeat_due_ns = now + HEARTBEAT_NS
            self.intents.heartbeat(now)
            self.status.heartbeat(now)
            self.histogram.heartbeat(now)
            if self.books_attached:
                self.books.heartbeat(now)
            if self.orders_attached:
                self.orders.heartbeat(now)
        return worked

    cdef bint _take_orders(self) noexcept nogil:
        cdef const OrderEvent* event
        cdef int taken = 0
        cdef int64_t now
        while taken < ORDERS_PER_PASS:
            event = <const OrderEvent*>self.orders.poll()
            if event == NULL:
                break
            taken += 1
            now = monotonic_ns()
            self._note_router(event, now)
            self.strategy.handle_order(event, now)
            self.orders.release()
            self._flush(0)
        return taken > 0

    cdef void _note_router(self, const OrderEvent* event, int64_t now_ns) noexcept nogil:
        if event.kind == EVENT_ROUTER_STARTED:
            self.router_told = True
            self.session_up = False
            self.reconciled = False
            self.strategy.drop_intents()
            self.strategy.router_attached(event.epoch, NULL)
            self.epoch_known = True
        elif event.kind == EVENT_SESSION_UP:
            self.session_up = True
        elif event.kind == EVENT_SESSION_DOWN:
            self.router_told = True
            self.session_up = False
            self.reconciled = False
        elif event.kind == EVENT_RECONCILED:
            self.router_told = True
            self.session_up = True
            self.reconciled = True
            # a router cancels everything before it reconciles: what no event has settled by now is gone
            if not self.strategy.draining:
                self.strategy.forget_orders()
        elif event.kind == EVENT_MODE:
            self.mode_halted = event.reason == MODE_HALTED
        elif event.kind == EVENT_REFUSED and event.order_id == 0 and self.strategy.draining:
            self.mass_cancels_refused += 1
        self._open_or_close(now_ns)

    cdef void _open_or_close(self, int64_t now_ns) noexcept nogil:
        self.strategy.set_order_entry(self.router_alive and self.epoch_known and self.session_up and self.reconciled
                                      and not self.mode_halted and self._position_epoch == self.strategy.router_epoch,
                                      now_ns)

    cdef bint _take_books(self) noexcept nogil:
        cdef const BookEvent* event
        cdef BookEvent newest
        cdef bint held = False
        cdef bint conflate = self.books.has_backlog(BACKLOG_TO_CONFLATE)
        cdef int taken = 0
        while taken < BOOKS_PER_PASS:
            event = <const BookEvent*>self.books.poll()
            if event == NULL:
                break
            taken += 1
            if conflate and event.kind == BOOK_UPDATE:
                self.conflated += held
                memcpy(&newest, event, sizeof(BookEvent))
                held = True
                self.books.release()
                continue
            if held:        # this event carries the top of book too
                self.conflated += 1
                held = False
            self._book(event)
            self.books.release()
        if held:
            self._book(&newest)
        return taken > 0

    cdef void _book(self, const BookEvent* event) noexcept nogil:
        cdef int64_t published_ns = event.published_ns
        self.strategy.handle_book(event, monotonic_ns())
        self._flush(published_ns)

    cdef bint _flush(self, int64_t caused_ns) noexcept nogil:
        """Publish what the callbacks wrote; True when there was something. Orders are never dropped: a full ring waits."""
        cdef const Intent* intent = self.strategy.next_intent()
        cdef void* slot
        cdef bint worked = intent != NULL
        while intent != NULL:
            slot = self.intents.claim()
            if slot == NULL:
                self.stuck += 1
                return worked
            memcpy(slot, intent, sizeof(Intent))
            self.intents.publish()
            self.strategy.intent_taken()
            if caused_ns:
                self.histogram.record(0, monotonic_ns() - caused_ns)
            intent = self.strategy.next_intent()
        return worked

    # ---- the Python edge: what is slow

    def spin(self, int64_t milliseconds):
        """Run the loop for about this long without the GIL. The caller's signal handlers run between calls."""
        cdef int64_t deadline = monotonic_ns() + milliseconds * 1_000_000
        with nogil:
            self.run_until(deadline)

    def superseded(self):
        """Whether another strategy process has taken over the intent ring."""
        return self.intents.superseded()

    def attach(self):
        """Follow the rings' producers: attach, notice the dead, re-attach to their successors."""
        self._follow_books()
        self._follow_orders()

    def _follow_books(self):
        cdef int64_t now = monotonic_ns()
        cdef int state
        problem = None
        if self.books is None:
            try:
                self.books = RingConsumer(self.config.runtime.shm_prefix, "ring.book", sizeof(BookEvent), "tail",
                                          self.symbol)
            except WrongInstrument as error:
                problem = str(error)
            except SegmentMissing:
                problem = "no book ring yet; is the feed handler running?"
            except SegmentError as error:
                problem = str(error)
        elif not self.books_attached or self.books.superseded():
            try:
                if self.books.reattach("tail"):
                    self.reattached_books += 1
                    self.books_attached = False
            except SegmentError as error:
                problem = str(error)
        if self.books is not None:
            state = self.books.producer_state(now)
            alive = state == PRODUCER_ALIVE
            if alive and not self.books_attached:
                self.books_attached = True
                self.log.info("book ring attached", producer=self.books.segment.producer_pid)
                self._prime_from_top(now)
            elif not alive:
                # SILENT: the process is there, and its events may still come; the prices are not good meanwhile
                if state != PRODUCER_SILENT:
                    self.books_attached = False
                problem = problem or f"feed handler {_STATE_WORDS[state]}"
                if self.strategy.book_fresh:
                    self.strategy.book_lost(now)
            elif not self.strategy.book_fresh and self._book_problem:
                self._prime_from_top(now)
        if problem != self._book_problem and problem:
            self.log.warning("book lost", reason=problem)
        self._book_problem = problem

    def _prime_from_top(self, int64_t now):
        """The ring tells changes only; the `top` block tells what holds now."""
        cdef BookEvent top
        cdef SeqlockReader reader
        try:
            reader = SeqlockReader(self.config.runtime.shm_prefix, "top", sizeof(BookEvent), self.symbol)
        except SegmentError:
            return
        if reader.read(&top) == 0 or top.kind == BOOK_STALE or top.kind == BOOK_RESET:
            return
        if now - top.published_ns > TOP_YOUNG_NS:
            return
        top.kind = BOOK_RECOVERED
        self.strategy.handle_book(&top, monotonic_ns())
        self._flush(0)

    def _follow_orders(self):
        cdef int64_t now = monotonic_ns()
        cdef int state
        problem = None
        if self.orders is None:
            try:
                self.orders = RingConsumer(self.config.runtime.shm_prefix, "ring.orders", sizeof(OrderEvent), "tail",
                                           self.symbol)
            except WrongInstrument as error:
                problem = str(error)
            except SegmentMissing:
                problem = "no order-event ring yet; is the order router running?"
            except SegmentError as error:
                problem = str(error)
            else:
                self._join_router(now)
        elif not self.orders_attached or self.orders.superseded():
            while self.orders_attached and self._take_orders():
                pass        # the old ring's last events settle orders
            try:
                if self.orders.reattach("head"):
                    self.reattached_orders += 1
                    self.session_up = self.reconciled = self.mode_halted = False    # its first events tell
                    self.epoch_known = False
                    self._position_epoch = -1
                    self.router_told = True
                    self.orders_attached = True
                    self.strategy.drop_intents()
                    self.log.info("order router attached", epoch=self.orders.epoch())
            except SegmentError as error:
                problem = str(error)
        if self.orders is not None:
            state = self.orders.producer_state(now)
            self.router_alive = state == PRODUCER_ALIVE
            if state == PRODUCER_SILENT:
                problem = problem or "order router is silent"
            elif state != PRODUCER_ALIVE:
                if self.orders_attached:
                    while self._take_orders():
                        pass
                    self.orders_attached = False
                    self.strategy.drop_intents()
                problem = problem or f"order router {_STATE_WORDS[state]}"
            elif self.orders_attached and self.epoch_known:
                self._sync_position()
                if not self.router_told:
                    self._ask_router_status()
        self._open_or_close(monotonic_ns())
        self._flush(0)
        if problem is None and not self.strategy.order_entry_open:
            problem = ("order router epoch not known yet" if not self.epoch_known else "order session down"
                       if not self.session_up else "order router not reconciled" if not self.reconciled
                       else "trading mode HALTED" if self.mode_halted
                       else self._position_problem or "position not known yet")
        if problem != self._order_problem and problem:
            self.log.warning("order entry closed", reason=problem)
        elif problem is None and self._order_problem:
            self.log.info("order entry open", router_epoch=self.strategy.router_epoch)
        self._order_problem = problem

    def _join_router(self, int64_t now):
        """First attach: begin at the tail, as of the epoch in the ring's header."""
        self.orders_attached = True
        self.router_alive = True
        self.strategy.router_attached(self.orders.epoch(), NULL)
        self.epoch_known = True
        self._sync_position()
        self.router_told = False
        self.log.info("order router attached", epoch=self.orders.epoch())

    def _ask_router_status(self):
        """The events that told the router's state were before our time: its status block tells until the next ones."""
        try:
            status = read_status(self.config.runtime.shm_prefix, ROUTER)
        except SegmentError:
            return
        if not status["alive"] or status["epoch"] != self.strategy.router_epoch:
            return
        self.session_up = self.reconciled = status["state"].upper() in ("ACTIVE", "STANDBY")

    def _sync_position(self):
        """Once per router epoch, take over position and cash from its `position` block."""
        cdef PositionBlock block
        cdef SeqlockReader reader
        if self._position_epoch == self.strategy.router_epoch:
            return
        try:
            reader = SeqlockReader(self.config.runtime.shm_prefix, "position", sizeof(PositionBlock), self.symbol)
        except SegmentError as error:
            self._position_problem = str(error)
            return
        # the block of the very process whose events we read: not one that an earlier router left
        if (reader.segment.producer_pid != self.orders.segment.producer_pid or reader.read(&block) == 0
                or block.epoch != self.strategy.router_epoch):
            self._position_problem = f"position of router epoch {self.strategy.router_epoch} is not known yet"
            return
        self.strategy.router_attached(self.strategy.router_epoch, &block)
        self._position_epoch = self.strategy.router_epoch
        self._position_problem = None
        self.log.info("position taken over", symbol=self.symbol, position=block.position, router_epoch=block.epoch)

    def update_status(self):
        """Publish gates and counters; returns {gate: reason} for those that are closed."""
        closed = {}
        if self._book_problem:
            closed["book"] = self._book_problem
        elif not self.strategy.book_fresh:
            closed["book"] = "stale: the feed handler has no good book now"
        if self._order_problem:
            closed["router"] = self._order_problem
        if self.strategy.draining:
            closed["running"] = "stopping"
        for gate in GATES:
            self.status.gate(gate, gate not in closed, closed.get(gate, ""))
        self.status.set_state(ROLE_DRAINING if self.strategy.draining else ROLE_STANDBY if closed else ROLE_ACTIVE)
        for index, value in enumerate(self._counter_values()):
            self.status.set_counter(index, value)
        return closed

    def _counter_values(self):
        stats = self.strategy.stats()
        values = [stats[name] for name in STRATEGY_COUNTERS]
        skipped = self.books.discarded if self.books is not None else 0
        values += [self.conflated, self.stuck, self.books_attached, self.orders_attached, skipped,
                   self.strategy.open_orders, self.strategy.position, self.strategy.cash, self.strategy.marked_pnl(),
                   self.strategy.router_epoch]
        return values

    def counters(self):
        """Every counter by name, as in the status block."""
        return dict(zip(COUNTERS, self._counter_values(), strict=True))

    # ---- stopping

    def begin_drain(self):
        """Stop quoting and ask for all own orders to be cancelled; returns the ids of those open now.

        Orders whose intent never left this process count as refused, not as open.
        """
        self.strategy.begin_drain()
        self.strategy.drop_intents()
        self.status.set_state(ROLE_DRAINING)
        open_now = self.strategy.open_order_ids()
        self.mass_cancel_wanted = True
        self.mass_cancel_due_ns = 0
        return open_now

    def drained(self):
        """Whether every own order has ended."""
        return self.strategy.open_orders == 0 and self.strategy.next_intent() == NULL

    def close(self):
        """Mark the segments CLOSED and give up the consumer places."""
        self.intents.mark_closed()
        self.histogram.mark_closed()
        self.status.mark_closed()
        for ring in (self.books, self.orders):
            if ring is not None:
                ring.close()


_STATE_WORDS = ("", "alive", "is silent", "has died", "has stopped", "has been replaced")
