"""Base class of strategies: own orders, position, actions. See base.pxd for how to use it."""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from hotpath.ipc.messages cimport (
    BOOK_RESET, BOOK_STALE, EVENT_BROKEN, EVENT_CANCELED, EVENT_EXECUTED, EVENT_REFUSED, EVENT_REJECTED, EVENT_REPLACED,
    EVENT_REPLACE_SENT, INTENT_CANCEL, INTENT_MASS_CANCEL, INTENT_NEW, INTENT_POST_ONLY, INTENT_REPLACE, ORDER_CANCELED,
    ORDER_LIVE, ORDER_NONE, ORDER_PENDING_CANCEL, ORDER_PENDING_NEW, ORDER_PENDING_REPLACE, ORDER_REFUSED,
    ORDER_REJECTED, ORDER_REPLACED, ORDER_UNKNOWN, BookEvent, Intent, OrderEvent, PositionBlock,
)

import msgspec

cdef enum:
    STATE_TRADING = 84            # 'T'
    # literals: under overflowcheck an enum value cannot be computed
    SLOT_MASK = 1023              # MAX_OWN_ORDERS - 1
    OUTBOX_MASK = 63              # OUTBOX_INTENTS - 1


class NoParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of a strategy that takes none."""


cdef inline bint state_is_open(uint8_t state) noexcept nogil:
    return (state == ORDER_LIVE or state == ORDER_PENDING_NEW or state == ORDER_PENDING_REPLACE
            or state == ORDER_PENDING_CANCEL or state == ORDER_UNKNOWN)


cdef bint order_is_open(const OwnOrder* order) noexcept nogil:
    return state_is_open(order.state)


cdef class Strategy:
    """Strategy(parameters, instrument, strategy_epoch). `parameters` is an instance of the class's Parameters.

    Subclasses prepare themselves in `setup`, which runs once with everything above set.
    """

    Parameters = NoParameters
    CANCEL_WHEN_STALE = True

    def __cinit__(self, *args, **kwargs):
        self._orders = <OwnOrder*>calloc(MAX_OWN_ORDERS, sizeof(OwnOrder))
        self._outbox = <Intent*>calloc(OUTBOX_INTENTS, sizeof(Intent))
        if self._orders == NULL or self._outbox == NULL:
            raise MemoryError("Strategy: no memory for the order table")
        self._open_first = NO_SLOT
        self._open_last = NO_SLOT

    def __init__(self, parameters, instrument, uint32_t strategy_epoch=1):
        self.parameters = parameters
        self.locate = instrument.locate
        self.tick = instrument.tick
        self.round_lot = instrument.round_lot
        self.strategy_epoch = strategy_epoch
        self._cancel_when_stale = self.CANCEL_WHEN_STALE
        self.setup()

    def __dealloc__(self):
        free(self._outbox)
        free(self._orders)

    def setup(self):
        """Override: read self.parameters. Raise ValueError for values that cannot work together."""

    # ---- callbacks

    cdef void on_book(self, const BookEvent* event) noexcept nogil:
        pass

    cdef void on_order_event(self, const OrderEvent* event) noexcept nogil:
        pass

    cdef void on_timer(self, int64_t now_ns) noexcept nogil:
        pass

    # ---- actions

    cdef bint _may_enter(self) noexcept nogil:
        if self.order_entry_open and not self.draining:
            return True
        self.counters.closed_entry += 1
        return False

    cdef Intent* _new_intent(self, uint8_t kind) noexcept nogil:
        cdef Intent* intent
        if self._outbox_tail - self._outbox_head == OUTBOX_INTENTS:
            self.counters.outbox_full += 1
            return NULL
        intent = &self._outbox[self._outbox_tail & OUTBOX_MASK]
        memset(intent, 0, sizeof(Intent))
        intent.kind = kind
        intent.locate = self.locate
        intent.strategy_epoch = self.strategy_epoch
        intent.router_epoch = self.router_epoch
        intent.tick_received_ns = self._tick_received_ns
        intent.created_ns = self.now_ns
        self._outbox_tail += 1
        self.counters.intents += 1
        return intent

    cdef OwnOrder* _next_free(self) noexcept nogil:
        """The slot of the next order id; ids whose slot is taken by an open order are skipped."""
        cdef int tries
        cdef OwnOrder* order
        for tries in range(MAX_OWN_ORDERS):
            self._last_order_id += 1
            order = &self._orders[self._last_order_id & SLOT_MASK]
            if not order_is_open(order):
                return order
        self.counters.table_full += 1
        return NULL

    cdef OwnOrder* _add(self, uint32_t order_id) noexcept nogil:
        """Start an open order in its slot, which must not hold an open one."""
        cdef int32_t slot = <int32_t>(order_id & SLOT_MASK)
        cdef OwnOrder* order = &self._orders[slot]
        memset(order, 0, sizeof(OwnOrder))
        order.order_id = order_id
        order.state = ORDER_PENDING_NEW
        order.next = NO_SLOT
        order.previous = self._open_last
        if self._open_last == NO_SLOT:
            self._open_first = slot
        else:
            self._orders[self._open_last].next = slot
        self._open_last = slot
        self.open_orders += 1
        return order

    cdef void _set_state(self, OwnOrder* order, uint8_t state) noexcept nogil:
        cdef bint was_open = order_is_open(order)
        order.state = state
        if not was_open or order_is_open(order):
            return
        if order.previous == NO_SLOT:
            self._open_first = order.next
        else:
            self._orders[order.previous].next = order.next
        if order.next == NO_SLOT:
            self._open_last = order.previous
        else:
            self._orders[order.next].previous = order.previous
        order.leaves = 0
        order.closed_ns = self.now_ns
        self.open_orders -= 1

    cdef uint32_t _enter(self, uint8_t side, int64_t price, int64_t quantity, bint post_only,
                         uint8_t time_in_force) noexcept nogil:
        cdef OwnOrder* order
        cdef Intent* intent
        if not self._may_enter():
            return 0
        order = self._next_free()
        if order == NULL:
            return 0
        intent = self._new_intent(INTENT_NEW)
        if intent == NULL:
            return 0
        intent.order_id = self._last_order_id
        intent.side = side
        intent.time_in_force = time_in_force
        intent.flags = INTENT_POST_ONLY if post_only else 0
        intent.price = price
        intent.quantity = quantity
        order = self._add(self._last_order_id)
        order.side = side
        order.time_in_force = time_in_force
        order.flags = intent.flags
        order.price = price
        order.quantity = quantity
        order.leaves = quantity
        return order.order_id

    cdef uint32_t buy(self, int64_t price, int64_t quantity, bint post_only, uint8_t time_in_force) noexcept nogil:
        return self._enter(SIDE_BUY, price, quantity, post_only, time_in_force)

    cdef uint32_t sell(self, int64_t price, int64_t quantity, bint post_only, uint8_t time_in_force) noexcept nogil:
        return self._enter(SIDE_SELL, price, quantity, post_only, time_in_force)

    cdef uint32_t replace(self, uint32_t order_id, int64_t price, int64_t quantity) noexcept nogil:
        cdef OwnOrder* source = self.order(order_id)
        cdef OwnOrder* order
        cdef Intent* intent
        if source == NULL or source.state != ORDER_LIVE or source.replaced_by or not self._may_enter():
            return 0
        order = self._next_free()
        if order == NULL:
            return 0
        intent = self._new_intent(INTENT_REPLACE)
        if intent == NULL:
            return 0
        intent.order_id = order_id
        intent.new_order_id = self._last_order_id
        intent.side = source.side
        intent.time_in_force = source.time_in_force
        intent.flags = source.flags
        intent.price = price
        intent.quantity = quantity
        order = self._add(self._last_order_id)
        order.state = ORDER_PENDING_REPLACE
        order.replaces = order_id
        order.side = source.side
        order.time_in_force = source.time_in_force
        order.flags = source.flags
        order.price = price
        order.quantity = quantity
        order.filled = source.filled
        order.leaves = quantity - source.filled if quantity > source.filled else 0
        source.replaced_by = order.order_id
        return order.order_id

    cdef bint cancel(self, uint32_t order_id) noexcept nogil:
        cdef OwnOrder* order = self.order(order_id)
        cdef Intent* intent
        if order == NULL or not order_is_open(order) or order.state == ORDER_PENDING_CANCEL:
            return False
        intent = self._new_intent(INTENT_CANCEL)
        if intent == NULL:
            return False
        intent.order_id = order_id
        self._set_state(order, ORDER_PENDING_CANCEL)
        return True

    cdef bint cancel_all(self) noexcept nogil:
        cdef OwnOrder* order
        if self._new_intent(INTENT_MASS_CANCEL) == NULL:
            return False
        order = self.first_open()
        while order != NULL:
            order.state = ORDER_PENDING_CANCEL
            order = self.next_open(order)
        return True

    # ---- own orders

    cdef OwnOrder* order(self, uint32_t order_id) noexcept nogil:
        cdef OwnOrder* order = &self._orders[order_id & SLOT_MASK]
        return order if order_id and order.order_id == order_id else NULL

    cdef OwnOrder* latest(self, uint32_t order_id) noexcept nogil:
        cdef OwnOrder* order = self.order(order_id)
        cdef OwnOrder* following
        while order != NULL and order.state == ORDER_REPLACED:
            following = self.order(order.replaced_by)
            if following == NULL:
                break
            order = following
        return order

    cdef OwnOrder* first_open(self) noexcept nogil:
        return &self._orders[self._open_first] if self._open_first != NO_SLOT else NULL

    cdef OwnOrder* next_open(self, const OwnOrder* order) noexcept nogil:
        return &self._orders[order.next] if order.next != NO_SLOT else NULL

    cdef int own_orders_at(self, uint8_t side, int64_t price) noexcept nogil:
        cdef int count = 0
        cdef uint32_t back
        cdef OwnOrder* order = self.first_open()
        while order != NULL:
            if order.side == side and order.price == price:
                count += 1
            order = self.next_open(order)
        for back in range(8):       # only the newest ids can have ended so recently at this pace
            if back >= self._last_order_id:
                break
            order = self.order(self._last_order_id - back)
            if (order != NULL and order.closed_ns and order.side == side and order.price == price
                    and self.now_ns - order.closed_ns < OWN_ECHO_NS):
                count += 1
        return count

    # ---- prices

    cdef bint can_quote(self) noexcept nogil:
        return (self.book_fresh and self.order_entry_open and not self.draining
                and self.book.trading_state == STATE_TRADING and self.book.bid_price > 0
                and self.book.ask_price > self.book.bid_price)

    cdef int64_t floor_tick(self, int64_t price) noexcept nogil:
        cdef int64_t rest = price % self.tick
        if rest < 0:
            rest += self.tick
        return price - rest

    cdef int64_t ceil_tick(self, int64_t price) noexcept nogil:
        return -self.floor_tick(-price)

    cdef int64_t marked_pnl(self) noexcept nogil:
        return self.cash + self.position * self._mark // 2

    # ---- for the runner

    cdef void handle_book(self, const BookEvent* event, int64_t now_ns) noexcept nogil:
        self.now_ns = now_ns
        self.counters.book_events += 1
        memcpy(&self.book, event, sizeof(BookEvent))
        self.book_fresh = event.kind != BOOK_STALE and event.kind != BOOK_RESET and not (
            # a state change is told while stale too, and then it carries no prices
            event.bid_price == 0 and event.ask_price == 0)
        if self.book_fresh and event.bid_price > 0 and event.ask_price > event.bid_price:
            self._mark = event.bid_price + event.ask_price
        self._tick_received_ns = event.received_ns
        if self.book_fresh:
            self._stale_cancel_due_ns = 0
        self.on_book(event)
        self._cancel_unpriced()
        self._tick_received_ns = 0

    cdef void handle_order(self, const OrderEvent* event, int64_t now_ns) noexcept nogil:
        self.now_ns = now_ns
        self.counters.order_events += 1
        self._apply(event)
        self.on_order_event(event)

    cdef void handle_timer(self, int64_t now_ns) noexcept nogil:
        self.now_ns = now_ns
        self.on_timer(now_ns)
        self._cancel_unpriced()

    cdef void _cancel_unpriced(self) noexcept nogil:
        """Nothing may rest on prices that are not known; what the strategy has cancelled itself is left alone."""
        cdef OwnOrder* order = self.first_open()
        if (self.book_fresh or not self._cancel_when_stale or self.draining or not self.order_entry_open
                or self.now_ns < self._stale_cancel_due_ns):
            return
        while order != NULL and order.state == ORDER_PENDING_CANCEL:
            order = self.next_open(order)
        # a mass cancel also takes orders and replaces whose answers are still on their way
        if order != NULL and self.cancel_all():
            self._stale_cancel_due_ns = self.now_ns + STALE_CANCEL_RETRY_NS

    cdef void book_lost(self, int64_t now_ns) noexcept nogil:
        cdef BookEvent event
        memcpy(&event, &self.book, sizeof(BookEvent))
        event.kind = BOOK_STALE
        event.bid_price = event.ask_price = event.bid_shares = event.ask_shares = 0
        event.bid_orders = event.ask_orders = 0
        event.received_ns = 0
        event.published_ns = now_ns
        self.handle_book(&event, now_ns)

    cdef void router_attached(self, uint32_t epoch, const PositionBlock* block) noexcept nogil:
        """Take over the router's books. `block` may be NULL: nothing traded yet."""
        self.router_epoch = epoch
        if block != NULL:
            self.position = block.position
            self.cash = block.sold_notional - block.bought_notional
            self._cash_sequence = block.sequence

    cdef void set_order_entry(self, bint opened, int64_t now_ns) noexcept nogil:
        if opened != self.order_entry_open:
            self.order_entry_open = opened
            self.handle_timer(now_ns)

    cdef void begin_drain(self) noexcept nogil:
        self.draining = True

    cdef const Intent* next_intent(self) noexcept nogil:
        if self._outbox_head == self._outbox_tail:
            return NULL
        return &self._outbox[self._outbox_head & OUTBOX_MASK]

    cdef void intent_taken(self) noexcept nogil:
        self._outbox_head += 1

    cdef int drop_intents(self) noexcept nogil:
        cdef int dropped = 0
        cdef const Intent* intent = self.next_intent()
        cdef OwnOrder* order
        while intent != NULL:
            if intent.kind == INTENT_NEW or intent.kind == INTENT_REPLACE:
                order = self.order(intent.order_id if intent.kind == INTENT_NEW else intent.new_order_id)
                if order != NULL:
                    self._set_state(order, ORDER_REFUSED)
                    self._end_replace(order)
            elif intent.kind == INTENT_CANCEL:
                order = self.order(intent.order_id)
                if order != NULL and order.state == ORDER_PENDING_CANCEL:
                    order.state = ORDER_LIVE
            self.intent_taken()
            dropped += 1
            intent = self.next_intent()
        self.counters.dropped_intents += dropped
        return dropped

    cdef void forget_orders(self) noexcept nogil:
        cdef OwnOrder* order = self.first_open()
        while order != NULL:
            self._set_state(order, ORDER_NONE)
            order = self.first_open()

    # ---- order events

    cdef void _end_replace(self, OwnOrder* order) noexcept nogil:
        """`order` will not replace its original after all."""
        cdef OwnOrder* source = self.order(order.replaces) if order.replaces else NULL
        if source != NULL and source.replaced_by == order.order_id and source.state != ORDER_REPLACED:
            source.replaced_by = 0

    cdef void _refused(self, const OrderEvent* event) noexcept nogil:
        """Nothing was sent. The event names the new order, or for a replace or cancel possibly its target."""
        cdef OwnOrder* order = self.order(event.order_id)
        cdef OwnOrder* replacement
        self.counters.refused += 1
        if order == NULL:
            return
        if order.state == ORDER_PENDING_NEW or order.state == ORDER_PENDING_REPLACE:
            self._set_state(order, ORDER_REFUSED)
            self._end_replace(order)
            return
        replacement = self.order(order.replaced_by) if order.replaced_by else NULL
        if replacement != NULL and replacement.state == ORDER_PENDING_REPLACE:
            self._set_state(replacement, ORDER_REFUSED)
            self._end_replace(replacement)
        elif order.state == ORDER_PENDING_CANCEL:
            order.state = ORDER_LIVE

    cdef void _apply(self, const OrderEvent* event) noexcept nogil:
        cdef OwnOrder* order
        cdef OwnOrder* source
        cdef int64_t notional = event.last_price * event.last_quantity
        if event.kind == EVENT_EXECUTED or event.kind == EVENT_BROKEN:
            self.position = event.position
            if event.kind == EVENT_BROKEN:
                notional = -notional
            else:
                self.counters.fills += 1
                if event.side == SIDE_BUY:
                    self.counters.bought += event.last_quantity
                else:
                    self.counters.sold += event.last_quantity
            if event.sequence > self._cash_sequence:
                self.cash += -notional if event.side == SIDE_BUY else notional
        if event.order_id == 0:
            return
        if event.strategy_epoch != self.strategy_epoch:
            self.counters.foreign_events += 1
            return
        if event.kind == EVENT_REFUSED:
            self._refused(event)
            return
        if event.state == ORDER_NONE:
            return
        order = self.order(event.order_id)
        if order == NULL or (state_is_open(event.state) and not order_is_open(order)):
            # forgotten at a reconciliation, or its slot was used again: the event is right, not our memory
            if event.order_id > self._last_order_id or order_is_open(&self._orders[event.order_id & SLOT_MASK]):
                return
            order = self._add(event.order_id)
            order.side = event.side
            order.time_in_force = event.time_in_force
            order.flags = event.flags
            self.counters.adopted_orders += 1
        if event.kind == EVENT_REJECTED:
            self.counters.rejected += 1
        order.price = event.price
        order.quantity = event.quantity
        order.filled = event.filled
        order.leaves = event.leaves
        if event.kind == EVENT_REPLACED or event.kind == EVENT_REPLACE_SENT:
            source = self.order(event.orig_order_id)
            if source != NULL:
                source.replaced_by = order.order_id
                order.replaces = source.order_id
                if event.kind == EVENT_REPLACED:
                    self._set_state(source, ORDER_REPLACED)
        # our own cancel may still be on its way to the router when an earlier answer comes
        if not (order.state == ORDER_PENDING_CANCEL and (event.state == ORDER_LIVE or event.state == ORDER_PENDING_NEW
                                                         or event.state == ORDER_PENDING_REPLACE)):
            self._set_state(order, event.state)
        if not order_is_open(order):
            self._end_replace(order)

    # ---- Python edge: replaying events into a strategy without a runner, for tests and research

    def open_entry(self, uint32_t router_epoch, int64_t now_ns=0):
        """As if a reconciled router of this epoch had appeared."""
        self.router_attached(router_epoch, NULL)
        self.set_order_entry(True, now_ns)

    def close_entry(self, int64_t now_ns=0):
        self.set_order_entry(False, now_ns)

    def feed_book(self, const unsigned char[::1] event not None, int64_t now_ns):
        """Deliver one encoded BookEvent. Raises ValueError for another size."""
        if event.shape[0] != sizeof(BookEvent):
            raise ValueError(f"{event.shape[0]} bytes are not a BookEvent ({sizeof(BookEvent)})")
        self.handle_book(<const BookEvent*>&event[0], now_ns)

    def feed_order(self, const unsigned char[::1] event not None, int64_t now_ns):
        """Deliver one encoded OrderEvent. Raises ValueError for another size."""
        if event.shape[0] != sizeof(OrderEvent):
            raise ValueError(f"{event.shape[0]} bytes are not an OrderEvent ({sizeof(OrderEvent)})")
        self.handle_order(<const OrderEvent*>&event[0], now_ns)

    def feed_timer(self, int64_t now_ns):
        self.handle_timer(now_ns)

    def take_intents(self):
        """The encoded intents written since the last call."""
        taken = []
        cdef const Intent* intent = self.next_intent()
        while intent != NULL:
            taken.append(<bytes>(<const char*>intent)[:sizeof(Intent)])
            self.intent_taken()
            intent = self.next_intent()
        return taken

    def drop_unsent(self):
        """Forget the intents that were not taken; their orders end as refused."""
        return self.drop_intents()

    # ---- Python edge: looking

    def view(self):
        """Position, P&L and order counts by name."""
        return {"position": self.position, "cash": self.cash, "marked_pnl": self.marked_pnl(),
                "open_orders": self.open_orders, "book_fresh": self.book_fresh,
                "order_entry_open": self.order_entry_open, "router_epoch": self.router_epoch}

    def stats(self):
        """Counters by name (see StrategyCounters)."""
        return self.counters

    def order_view(self, uint32_t order_id):
        """One own order by field name; None when unknown or forgotten."""
        cdef OwnOrder* order = self.order(order_id)
        return None if order == NULL else order[0]

    def open_order_ids(self):
        """Ids of the open orders, oldest first."""
        ids = []
        cdef OwnOrder* order = self.first_open()
        while order != NULL:
            ids.append(order.order_id)
            order = self.next_open(order)
        return ids
