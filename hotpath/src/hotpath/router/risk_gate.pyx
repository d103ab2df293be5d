"""Pre-trade risk gate. See risk_gate.pxd for units and inputs; REFUSALS is the one table of its answers."""
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memset

from typing import NamedTuple

from hotpath.ipc.messages cimport (
    BOOK_RESET, BOOK_STALE, INTENT_CANCEL, INTENT_MASS_CANCEL, INTENT_NEW, INTENT_POST_ONLY, INTENT_REPLACE,
    MODE_ACTIVE, MODE_HALTED, MODE_REDUCING, REFUSED_AUDIT_FULL, REFUSED_DUPLICATE_ID, REFUSED_HALTED, REFUSED_INVALID,
    REFUSED_KILLED, REFUSED_MAX_NOTIONAL, REFUSED_MAX_ORDER_SIZE, REFUSED_MESSAGE_RATE, REFUSED_NO_REFERENCE_PRICE,
    REFUSED_NONE, REFUSED_POSITION_LIMIT, REFUSED_PRICE_COLLAR, REFUSED_REDUCE_ONLY, REFUSED_SESSION_DOWN,
    REFUSED_STALE_EPOCH, REFUSED_TOO_MANY_ORDERS, REFUSED_UNKNOWN_ORDER, BookEvent, ControlBlock, Intent,
)
from hotpath.protocols.ouch cimport OUCH_MAX_LIMIT_PRICE, OUCH_MAX_QUANTITY, OUCH_TIF_DAY, OUCH_TIF_IOC

cdef extern from *:
    """
    static inline int64_t saturating_add(int64_t a, int64_t b) {
        int64_t sum;
        if (__builtin_add_overflow(a, b, &sum)) return b > 0 ? INT64_MAX : INT64_MIN;
        return sum;
    }
    """
    int64_t saturating_add(int64_t a, int64_t b) noexcept nogil

cdef enum:
    BPS = 10000
    MAX_COLLAR_BPS = 1000000      # a wider collar is no collar; keeps collar x price inside 64 bits
    MAX_RATE = 10000000

cdef int64_t SECOND_NS = 1000000000
cdef int64_t MAX_LIMIT = <int64_t>1 << 60
cdef int64_t MAX_INTENT_AGE_NS = 1000000000


class Refusal(NamedTuple):
    """One reason for which the router sends nothing."""

    code: int
    name: str
    text: str


# Used for counters, logs and documentation.
REFUSALS = (
    Refusal(REFUSED_KILLED, "killed", "the kill switch is latched"),
    Refusal(REFUSED_HALTED, "halted", "trading mode is HALTED, or reconciliation with the venue is not done"),
    Refusal(REFUSED_REDUCE_ONLY, "reduce_only", "mode is REDUCING and the order could open or flip a position"),
    Refusal(REFUSED_MAX_ORDER_SIZE, "max_order_size", "more shares than max_order_quantity"),
    Refusal(REFUSED_MAX_NOTIONAL, "max_notional", "price x shares above max_notional"),
    Refusal(REFUSED_PRICE_COLLAR, "price_collar", "further than collar_bps from the reference price"),
    Refusal(REFUSED_POSITION_LIMIT, "position_limit", "with all open orders filled, the position would exceed max_position"),
    Refusal(REFUSED_MESSAGE_RATE, "message_rate", "more messages than max_messages_per_second"),
    Refusal(REFUSED_DUPLICATE_ID, "duplicate_id", "the order id is not above the last one of this strategy epoch"),
    Refusal(REFUSED_STALE_EPOCH, "stale_epoch", "meant for an earlier router epoch, from an earlier strategy, or more than 1 s old"),
    Refusal(REFUSED_SESSION_DOWN, "session_down", "the order-entry session is not up"),
    Refusal(REFUSED_UNKNOWN_ORDER, "unknown_order", "the order to replace or cancel is not open for that"),
    Refusal(REFUSED_INVALID, "invalid", "a field is out of range: kind, side, quantity, price, tick, time in force, flags, locate"),
    Refusal(REFUSED_TOO_MANY_ORDERS, "too_many_orders", "max_open_orders are open, or the order pool is full"),
    Refusal(REFUSED_AUDIT_FULL, "audit_full", "the journal or the order-event ring has no room for the events"),
    Refusal(REFUSED_NO_REFERENCE_PRICE, "no_reference_price", "the collar cannot be checked: the book is stale, empty or absent"),
)


cdef inline int64_t _clamped(int64_t value) noexcept nogil:
    return 0 if value < 0 else (MAX_LIMIT if value > MAX_LIMIT else value)


cdef int64_t reference_price(const BookEvent* book) noexcept nogil:
    if book.kind == BOOK_STALE or book.kind == BOOK_RESET:
        return 0
    if book.bid_price > 0 and book.ask_price > 0:
        return book.bid_price + (book.ask_price - book.bid_price) // 2
    if book.bid_price > 0:
        return book.bid_price
    return book.ask_price if book.ask_price > 0 else 0


cdef bint lease_held(const ControlBlock* control, int64_t now_ns) noexcept nogil:
    return control.lease_expires_mono_ns == 0 or now_ns < control.lease_expires_mono_ns


cdef uint8_t effective_mode(const ControlBlock* control, int64_t now_ns) noexcept nogil:
    if control.mode == MODE_ACTIVE:
        return MODE_ACTIVE if lease_held(control, now_ns) else MODE_REDUCING
    return MODE_REDUCING if control.mode == MODE_REDUCING else MODE_HALTED


cdef class RiskGate:
    def __cinit__(self, int locate, int tick):
        if not 1 <= tick <= OUCH_MAX_LIMIT_PRICE:
            raise ValueError(f"RiskGate: tick {tick} is not in 1..{OUCH_MAX_LIMIT_PRICE} Price(4) units; correct instrument.tick")
        cdef RiskLimits none
        memset(&none, 0, sizeof(none))
        self.locate = locate
        self.tick = tick
        self.set_limits(&none)

    cdef void set_limits(self, const RiskLimits* limits) noexcept nogil:
        cdef int64_t rate, burst
        self.limits.max_order_quantity = _clamped(limits.max_order_quantity)
        self.limits.max_notional = _clamped(limits.max_notional)
        self.limits.max_position = _clamped(limits.max_position)
        self.limits.max_open_orders = _clamped(limits.max_open_orders)
        self.limits.collar_bps = _clamped(limits.collar_bps)
        if self.limits.collar_bps > MAX_COLLAR_BPS:
            self.limits.collar_bps = MAX_COLLAR_BPS
        rate = _clamped(limits.max_messages_per_second)
        if rate > MAX_RATE:
            rate = MAX_RATE
        if rate == self.limits.max_messages_per_second and rate:
            return      # the bucket keeps its level when other limits change
        self.limits.max_messages_per_second = rate
        # a bucket of `burst` refilled at rate - burst + 1 per second never lets more than `rate` pass in any second
        burst = rate // 10 if rate >= 10 else 1
        self._message_interval_ns = SECOND_NS if rate == 0 else (SECOND_NS + rate - burst) // (rate - burst + 1)
        self._burst_ns = (burst - 1) * self._message_interval_ns

    cdef bint _take_message(self, int64_t now_ns) noexcept nogil:
        if self.limits.max_messages_per_second == 0 or self._next_message_ns - now_ns > self._burst_ns:
            return False
        self._count_message(now_ns)
        return True

    cdef void _count_message(self, int64_t now_ns) noexcept nogil:
        cdef int64_t most = now_ns + self._burst_ns + self._message_interval_ns
        if self._next_message_ns < now_ns:
            self._next_message_ns = now_ns
        self._next_message_ns += self._message_interval_ns
        if self._next_message_ns > most:    # a burst of cancels must not mute new orders for longer than one token
            self._next_message_ns = most

    cdef int _check_origin(self, const Intent* intent, const RiskContext* context) noexcept nogil:
        if intent.router_epoch != context.router_epoch or intent.strategy_epoch < context.strategy_epoch:
            return REFUSED_STALE_EPOCH
        if (context.now_ns - intent.created_ns > MAX_INTENT_AGE_NS
                and (intent.kind == INTENT_NEW or intent.kind == INTENT_REPLACE)):
            return REFUSED_STALE_EPOCH      # the market that it was meant for is gone
        if intent.locate != self.locate:
            return REFUSED_INVALID
        return REFUSED_NONE

    cdef int _check_state(self, const RiskContext* context) noexcept nogil:
        if context.killed:
            return REFUSED_KILLED
        if context.mode == MODE_HALTED:
            return REFUSED_HALTED
        if not context.session_up:
            return REFUSED_SESSION_DOWN
        return REFUSED_NONE

    cdef int _check_limits(self, uint8_t side, int64_t price, int64_t open_quantity, int64_t added,
                           const RiskContext* context) noexcept nogil:
        cdef int64_t distance, exposed
        if open_quantity > self.limits.max_order_quantity:
            return REFUSED_MAX_ORDER_SIZE
        if price * open_quantity > self.limits.max_notional:    # both in OUCH range: at most 2e15
            return REFUSED_MAX_NOTIONAL
        if context.reference_price <= 0 or context.reference_price > OUCH_MAX_LIMIT_PRICE:
            return REFUSED_NO_REFERENCE_PRICE
        distance = price - context.reference_price
        if distance < 0:
            distance = -distance
        if distance * BPS > self.limits.collar_bps * context.reference_price:
            return REFUSED_PRICE_COLLAR
        exposed = saturating_add(context.open_buy if side == c'B' else context.open_sell, added)
        if context.mode == MODE_REDUCING:
            # with only this side filled the position must end between where it is and flat
            if side == c'B' and not (context.position < 0 and saturating_add(context.position, exposed) <= 0):
                return REFUSED_REDUCE_ONLY
            if side != c'B' and not (context.position > 0 and saturating_add(context.position, -exposed) >= 0):
                return REFUSED_REDUCE_ONLY
        if side == c'B':
            if saturating_add(context.position, exposed) > self.limits.max_position:
                return REFUSED_POSITION_LIMIT
        elif saturating_add(context.position, -exposed) < -self.limits.max_position:
            return REFUSED_POSITION_LIMIT
        if not self._take_message(context.now_ns):
            return REFUSED_MESSAGE_RATE
        return REFUSED_NONE

    cdef int check_new(self, const Intent* intent, const RiskContext* context) noexcept nogil:
        cdef int reason = self._check_origin(intent, context)
        if reason:
            return reason
        if (intent.kind != INTENT_NEW or (intent.side != c'B' and intent.side != c'S')
                or (intent.time_in_force != OUCH_TIF_DAY and intent.time_in_force != OUCH_TIF_IOC)
                or intent.flags & ~INTENT_POST_ONLY or intent.order_id == 0
                or intent.quantity < 1 or intent.quantity > OUCH_MAX_QUANTITY
                or intent.price < 1 or intent.price > OUCH_MAX_LIMIT_PRICE or intent.price % self.tick):
            return REFUSED_INVALID
        if intent.strategy_epoch == context.strategy_epoch and intent.order_id <= context.last_order_id:
            return REFUSED_DUPLICATE_ID
        reason = self._check_state(context)
        if reason:
            return reason
        if context.pool_full or context.open_orders >= self.limits.max_open_orders:
            return REFUSED_TOO_MANY_ORDERS
        return self._check_limits(intent.side, intent.price, intent.quantity, intent.quantity, context)

    cdef int check_replace(self, const Intent* intent, const RiskTarget* target, const RiskContext* context) noexcept nogil:
        cdef int64_t open_quantity, added
        cdef int reason = self._check_origin(intent, context)
        if reason:
            return reason
        if (intent.kind != INTENT_REPLACE or intent.flags & ~INTENT_POST_ONLY or intent.new_order_id == 0
                or intent.quantity < 1 or intent.quantity > OUCH_MAX_QUANTITY
                or intent.price < 1 or intent.price > OUCH_MAX_LIMIT_PRICE or intent.price % self.tick):
            return REFUSED_INVALID
        if intent.strategy_epoch == context.strategy_epoch and intent.new_order_id <= context.last_order_id:
            return REFUSED_DUPLICATE_ID
        if not target.live:
            return REFUSED_UNKNOWN_ORDER
        open_quantity = intent.quantity - target.filled
        if open_quantity < 1:       # nothing would be left open: that is a cancel
            return REFUSED_INVALID
        reason = self._check_state(context)
        if reason:
            return reason
        if context.pool_full:
            return REFUSED_TOO_MANY_ORDERS
        # until the venue answers, either order may trade, never both: the larger one counts
        added = open_quantity - target.leaves if open_quantity > target.leaves else 0
        return self._check_limits(target.side, intent.price, open_quantity, added, context)

    cdef int check_cancel(self, const Intent* intent, const RiskTarget* target, const RiskContext* context) noexcept nogil:
        cdef int reason = self._check_origin(intent, context)
        if reason:
            return reason
        if not context.session_up:
            return REFUSED_SESSION_DOWN
        if not target.live:
            return REFUSED_UNKNOWN_ORDER
        self._count_message(context.now_ns)
        return REFUSED_NONE

    cdef int check_mass_cancel(self, const Intent* intent, const RiskContext* context) noexcept nogil:
        cdef int reason = self._check_origin(intent, context)
        if reason:
            return reason
        if not context.session_up:
            return REFUSED_SESSION_DOWN
        self._count_message(context.now_ns)
        return REFUSED_NONE

    # ---- Python edge, for tests and tools

    def configure(self, *, max_order_quantity, max_notional, max_position, collar_bps, max_messages_per_second,
                  max_open_orders):
        """Set all limits. Negative ones count as 0, and 0 refuses everything that the limit concerns."""
        cdef RiskLimits limits
        limits.max_order_quantity = max_order_quantity
        limits.max_notional = max_notional
        limits.max_position = max_position
        limits.collar_bps = collar_bps
        limits.max_messages_per_second = max_messages_per_second
        limits.max_open_orders = max_open_orders
        self.set_limits(&limits)

    def check(self, str kind, *, price=0, quantity=0, side="B", time_in_force="0", flags=0, order_id=1, new_order_id=0,
              locate=1, strategy_epoch=1, intent_router_epoch=1, now_ns=0, age_ns=0, position=0, open_buy=0, open_sell=0,
              open_orders=0, reference=0, router_epoch=1, newest_strategy_epoch=1, last_order_id=0, mode="ACTIVE",
              killed=False, session_up=True, pool_full=False, target_live=False, target_side="B", target_filled=0,
              target_leaves=0):
        """The name of the refusal, or None when the intent may be sent. kind: new, replace, cancel, mass_cancel."""
        cdef Intent intent
        cdef RiskContext context
        cdef RiskTarget target
        cdef int reason
        memset(&intent, 0, sizeof(intent))
        intent.kind = {"new": INTENT_NEW, "replace": INTENT_REPLACE, "cancel": INTENT_CANCEL,
                       "mass_cancel": INTENT_MASS_CANCEL}[kind]
        intent.side = ord(side)
        intent.time_in_force = ord(time_in_force)
        intent.flags = flags
        intent.locate = locate
        intent.strategy_epoch = strategy_epoch
        intent.router_epoch = intent_router_epoch
        intent.order_id = order_id
        intent.new_order_id = new_order_id
        intent.price = price
        intent.quantity = quantity
        intent.created_ns = now_ns - age_ns
        context.now_ns = now_ns
        context.position = position
        context.open_buy = open_buy
        context.open_sell = open_sell
        context.open_orders = open_orders
        context.reference_price = reference
        context.router_epoch = router_epoch
        context.strategy_epoch = newest_strategy_epoch
        context.last_order_id = last_order_id
        context.mode = {"HALTED": MODE_HALTED, "REDUCING": MODE_REDUCING, "ACTIVE": MODE_ACTIVE}[mode]
        context.killed = killed
        context.session_up = session_up
        context.pool_full = pool_full
        target.live = target_live
        target.side = ord(target_side)
        target.filled = target_filled
        target.leaves = target_leaves
        if kind == "new":
            reason = self.check_new(&intent, &context)
        elif kind == "replace":
            reason = self.check_replace(&intent, &target, &context)
        elif kind == "cancel":
            reason = self.check_cancel(&intent, &target, &context)
        else:
            reason = self.check_mass_cancel(&intent, &context)
        return refusal_name(reason)


def refusal_name(int code):
    """The table's name for a reason code; None for 0, `reason_N` for a code that it does not hold."""
    if code == REFUSED_NONE:
        return None
    for refusal in REFUSALS:
        if refusal.code == code:
            return refusal.name
    return f"reason_{code}"


def reference_price_of(*, kind, bid_price, ask_price):
    """The collar's reference for a book event; 0 when there is none."""
    cdef BookEvent book
    memset(&book, 0, sizeof(book))
    book.kind = kind
    book.bid_price = bid_price
    book.ask_price = ask_price
    return reference_price(&book)


def effective_mode_of(*, mode, lease_expires_mono_ns, now_ns):
    """The TradingMode code that counts, given the block's mode and its lease."""
    cdef ControlBlock control
    memset(&control, 0, sizeof(control))
    control.mode = mode
    control.lease_expires_mono_ns = lease_expires_mono_ns
    return effective_mode(&control, now_ns)
