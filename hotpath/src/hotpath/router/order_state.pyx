"""Order state machine and order table. See order_state.pxd for the states and the rules."""
cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memset

from hotpath.ipc.messages cimport (
    EVENT_ACCEPTED, EVENT_BROKEN, EVENT_CANCEL_SENT, EVENT_CANCELED, EVENT_EXECUTED, EVENT_MASS_CANCEL_SENT,
    EVENT_NEW_SENT, EVENT_ORDER_UNKNOWN, EVENT_REFUSED, EVENT_REJECTED, EVENT_REPLACE_SENT, EVENT_REPLACED,
    INTENT_CANCEL, INTENT_NEW, INTENT_REPLACE, ORDER_CANCELED, ORDER_FILLED, ORDER_LIVE, ORDER_PENDING_CANCEL, ORDER_PENDING_NEW, ORDER_PENDING_REPLACE,
    ORDER_REFUSED, ORDER_REJECTED, ORDER_REPLACED, ORDER_UNKNOWN, REFUSED_INVALID, REFUSED_STALE_EPOCH, Intent,
    OrderEvent,
)
from hotpath.protocols.ouch cimport (
    OUCH_CANCEL_SUPERVISORY, OUCH_OUT_ACCOUNT_QUERY_RESPONSE, OUCH_OUT_AIQ_CANCELED, OUCH_OUT_BROKEN_TRADE, OUCH_OUT_CANCEL_PENDING,
    OUCH_OUT_DISABLE_ORDER_ENTRY_RESPONSE, OUCH_OUT_ENABLE_ORDER_ENTRY_RESPONSE, OUCH_OUT_MASS_CANCEL_RESPONSE,
    OUCH_OUT_ORDER_ACCEPTED, OUCH_OUT_ORDER_CANCELED, OUCH_OUT_ORDER_EXECUTED, OUCH_OUT_ORDER_REPLACED,
    OUCH_OUT_ORDER_RESTATED, OUCH_OUT_PRIORITY_UPDATE, OUCH_OUT_REJECTED, OUCH_OUT_SYSTEM_EVENT, OUCH_STATE_DEAD,
)

from hotpath.ipc.layouts import OrderState, decode_order_event

cdef enum:
    ID_DIGITS = 7                 # base 36, enough for 32 bits; two of them fill a ClOrdID


cdef bint is_open(uint8_t state) noexcept nogil:
    return (state == ORDER_PENDING_NEW or state == ORDER_LIVE or state == ORDER_PENDING_REPLACE
            or state == ORDER_PENDING_CANCEL or state == ORDER_UNKNOWN)


cdef inline int64_t _at_least_zero(int64_t value) noexcept nogil:
    return value if value > 0 else 0


cdef void _format_base36(char* out, uint32_t value) noexcept nogil:
    cdef int i
    cdef uint32_t digit
    for i in range(ID_DIGITS - 1, -1, -1):
        digit = value % 36
        out[i] = <char>(c'0' + digit if digit < 10 else c'A' + digit - 10)
        value //= 36


cdef bint _parse_base36(const char* text, uint32_t* value) noexcept nogil:
    cdef uint64_t total = 0
    cdef uint64_t digit
    cdef int i
    for i in range(ID_DIGITS):
        if c'0' <= text[i] <= c'9':
            digit = text[i] - c'0'
        elif c'A' <= text[i] <= c'Z':
            digit = text[i] - c'A' + 10
        else:
            return False
        total = total * 36 + digit
    if total >> 32:
        return False
    value[0] = <uint32_t>total
    return True


cdef void format_cl_ord_id(char* out, uint32_t strategy_epoch, uint32_t order_id) noexcept nogil:
    """14 characters that carry the strategy's own id, so that an order is known again from the venue's stream alone."""
    _format_base36(out, strategy_epoch)
    _format_base36(out + ID_DIGITS, order_id)


cdef bint parse_cl_ord_id(const char* text, uint32_t* strategy_epoch, uint32_t* order_id) noexcept nogil:
    return _parse_base36(text, strategy_epoch) and _parse_base36(text + ID_DIGITS, order_id)


@cython.overflowcheck(False)  # a hash wraps on purpose
cdef inline uint32_t _mix(uint64_t key) noexcept nogil:
    key ^= key >> 33
    key *= <uint64_t>0xFF51AFD7ED558CCD
    key ^= key >> 33
    return <uint32_t>key


cdef class OrderTable:
    def __cinit__(self, int capacity, str symbol not None):
        cdef bytes text = symbol.encode("ascii", "replace").ljust(8)
        if not 1 <= capacity <= 1 << 26:
            raise ValueError(f"OrderTable: capacity {capacity} is not in 1..{1 << 26} orders; correct max_orders")
        if len(text) != 8 or text.isspace():
            raise ValueError(f"instrument.symbol {symbol!r} has more than 8 characters or none")
        cdef uint32_t buckets = 16
        while buckets < <uint32_t>capacity:
            buckets <<= 1
        self.capacity = capacity
        self.bucket_mask = buckets - 1
        self.orders = <Order*>calloc(capacity, sizeof(Order))
        self.fills = <Fill*>calloc(capacity, sizeof(Fill))
        self.totals = <SymbolTotals*>calloc(MAX_SYMBOLS, sizeof(SymbolTotals))
        self.by_number = <int32_t*>calloc(buckets, sizeof(int32_t))
        self.by_id = <int32_t*>calloc(buckets, sizeof(int32_t))
        self.by_match = <int32_t*>calloc(buckets, sizeof(int32_t))
        if not (self.orders and self.fills and self.totals and self.by_number and self.by_id and self.by_match):
            raise MemoryError(f"OrderTable: no memory for {capacity} orders; lower max_orders")
        memset(self.by_number, 0xFF, buckets * sizeof(int32_t))
        memset(self.by_id, 0xFF, buckets * sizeof(int32_t))
        memset(self.by_match, 0xFF, buckets * sizeof(int32_t))
        memset(self.session, c' ', sizeof(self.session))
        memcpy(self.totals[<int>OWN_SYMBOL].symbol, <const char*>text, 8)
        self.own = &self.totals[<int>OWN_SYMBOL]
        self.symbols_used = 1
        self.open.first = self.open.last = self.dead.first = self.dead.last = NO_ORDER

    def __dealloc__(self):
        free(self.by_match)
        free(self.by_id)
        free(self.by_number)
        free(self.totals)
        free(self.fills)
        free(self.orders)

    # ---- lookup

    cdef int32_t find(self, uint32_t user_ref_num) noexcept nogil:
        cdef uint64_t key = (<uint64_t>self.session_index << 32) | user_ref_num
        cdef int32_t slot = self.by_number[_mix(key) & self.bucket_mask]
        while slot != NO_ORDER:
            if self.orders[slot].user_ref_num == user_ref_num and self.orders[slot].session_index == self.session_index:
                return slot
            slot = self.orders[slot].next_by_number
        return NO_ORDER

    cdef int32_t find_id(self, uint32_t strategy_epoch, uint32_t order_id) noexcept nogil:
        cdef uint64_t key = (<uint64_t>strategy_epoch << 32) | order_id
        cdef int32_t slot = self.by_id[_mix(key) & self.bucket_mask]
        while slot != NO_ORDER:
            if self.orders[slot].order_id == order_id and self.orders[slot].strategy_epoch == strategy_epoch:
                return slot
            slot = self.orders[slot].next_by_id
        return NO_ORDER

    cdef int32_t find_own(self, uint32_t strategy_epoch, uint32_t order_id) noexcept nogil:
        cdef int32_t slot = self.find_id(strategy_epoch, order_id)
        if slot != NO_ORDER and self.orders[slot].symbol_index != OWN_SYMBOL:
            return NO_ORDER
        return slot

    cdef int32_t find_symbol(self, const char* symbol) noexcept nogil:
        cdef int32_t i
        if memcmp(self.totals[self.symbol_seen].symbol, symbol, 8) == 0:
            return self.symbol_seen
        for i in range(self.symbols_used):
            if memcmp(self.totals[i].symbol, symbol, 8) == 0:
                return i
        return NO_ORDER

    cdef int32_t _symbol(self, const char* symbol) noexcept nogil:
        """Its index, a new one at first sight; NO_ORDER when there is no room for another symbol."""
        cdef int32_t i = self.find_symbol(symbol)
        if i == NO_ORDER:
            if self.symbols_used == MAX_SYMBOLS:
                self.symbols_full = True
                return NO_ORDER
            i = self.symbols_used
            self.symbols_used += 1
            memcpy(self.totals[i].symbol, symbol, 8)
        self.symbol_seen = i
        return i

    cdef bint has_room(self) noexcept nogil:
        return self.open_count < self.capacity

    cdef bint is_unknown(self, int32_t slot) noexcept nogil:
        return self.orders[slot].state == ORDER_UNKNOWN

    # ---- pools and lists

    cdef void _link(self, OrderList* which, int32_t slot) noexcept nogil:
        self.orders[slot].previous = which.last
        self.orders[slot].next = NO_ORDER
        if which.last == NO_ORDER:
            which.first = slot
        else:
            self.orders[which.last].next = slot
        which.last = slot

    cdef void _unlink(self, OrderList* which, int32_t slot) noexcept nogil:
        cdef Order* order = &self.orders[slot]
        if order.previous == NO_ORDER:
            which.first = order.next
        else:
            self.orders[order.previous].next = order.next
        if order.next == NO_ORDER:
            which.last = order.previous
        else:
            self.orders[order.next].previous = order.previous

    cdef void _recycle(self) noexcept nogil:
        cdef int32_t slot = self.dead.first
        cdef Order* order = &self.orders[slot]
        cdef int32_t* link = &self.by_number[
            _mix((<uint64_t>order.session_index << 32) | order.user_ref_num) & self.bucket_mask]
        while link[0] != slot:
            link = &self.orders[link[0]].next_by_number
        link[0] = order.next_by_number
        link = &self.by_id[_mix((<uint64_t>order.strategy_epoch << 32) | order.order_id) & self.bucket_mask]
        while link[0] != slot:
            link = &self.orders[link[0]].next_by_id
        link[0] = order.next_by_id
        self._unlink(&self.dead, slot)
        if order.session_index == self.session_index and order.user_ref_num > self.recycled_number:
            self.recycled_number = order.user_ref_num
        # the slot goes straight back: the caller of _insert takes it
        self.orders[slot].next = NO_ORDER

    cdef int32_t _insert(self, uint32_t user_ref_num, uint32_t strategy_epoch, uint32_t order_id,
                         int32_t symbol_index) noexcept nogil:
        cdef int32_t slot
        cdef int32_t* bucket
        cdef Order* order
        if self.used < self.capacity:
            slot = self.used
            self.used += 1
        elif self.dead.first != NO_ORDER:
            slot = self.dead.first
            self._recycle()
        else:
            return NO_ORDER
        order = &self.orders[slot]
        memset(order, 0, sizeof(Order))
        order.user_ref_num = user_ref_num
        order.strategy_epoch = strategy_epoch
        order.order_id = order_id
        order.session_index = self.session_index
        order.symbol_index = symbol_index
        order.state = ORDER_PENDING_NEW
        bucket = &self.by_number[_mix((<uint64_t>self.session_index << 32) | user_ref_num) & self.bucket_mask]
        order.next_by_number = bucket[0]
        bucket[0] = slot
        bucket = &self.by_id[_mix((<uint64_t>strategy_epoch << 32) | order_id) & self.bucket_mask]
        order.next_by_id = bucket[0]
        bucket[0] = slot
        self._link(&self.open, slot)
        self.open_count += 1
        self.totals[symbol_index].open_count += 1
        if user_ref_num > self.last_number:
            self.last_number = user_ref_num
        return slot

    cdef void _expose(self, int32_t slot, int64_t exposure) noexcept nogil:
        cdef Order* order = &self.orders[slot]
        if order.side == c'B':
            self.totals[order.symbol_index].open_buy += exposure - order.exposure
        else:
            self.totals[order.symbol_index].open_sell += exposure - order.exposure
        order.exposure = exposure

    cdef void _set_state(self, int32_t slot, uint8_t state) noexcept nogil:
        cdef Order* order = &self.orders[slot]
        if (order.state == ORDER_UNKNOWN) != (state == ORDER_UNKNOWN):
            self.unknown_count += 1 if state == ORDER_UNKNOWN else -1
        if is_open(order.state) and not is_open(state):
            self._unlink(&self.open, slot)
            self._link(&self.dead, slot)
            self.open_count -= 1
            self.totals[order.symbol_index].open_count -= 1
            order.leaves = 0
            self._expose(slot, 0)
        order.state = state

    cdef void consume_id(self, uint32_t strategy_epoch, uint32_t order_id) noexcept nogil:
        if strategy_epoch > self.id_epoch:
            self.id_epoch = strategy_epoch
            self.last_order_id = order_id
        elif strategy_epoch == self.id_epoch and order_id > self.last_order_id:
            self.last_order_id = order_id

    cdef void refuse(self, const Intent* intent, int reason, OrderEvent* event) noexcept nogil:
        cdef bint entry = intent.kind == INTENT_NEW or intent.kind == INTENT_REPLACE
        # a refused cancel leaves its order as it is
        self.describe(self.find_own(intent.strategy_epoch, intent.order_id) if intent.kind == INTENT_CANCEL else NO_ORDER,
                      EVENT_REFUSED, event)
        event.reason = <uint8_t>reason
        event.strategy_epoch = intent.strategy_epoch
        event.order_id = intent.order_id
        event.tick_received_ns = intent.tick_received_ns
        if not entry:
            return
        event.state = ORDER_REFUSED
        event.side = intent.side
        event.time_in_force = intent.time_in_force
        event.flags = intent.flags
        event.price = intent.price
        event.quantity = intent.quantity
        if intent.kind == INTENT_REPLACE:
            event.order_id = intent.new_order_id
            event.orig_order_id = intent.order_id
            event.user_ref_num = 0
        # an id is used up by an intent that was understood, sent or not; a stale or malformed one proves nothing
        if reason != REFUSED_STALE_EPOCH and reason != REFUSED_INVALID:
            self.consume_id(intent.strategy_epoch, event.order_id)

    # ---- events

    cdef void describe(self, int32_t slot, uint8_t kind, OrderEvent* event) noexcept nogil:
        cdef Order* order
        cdef int32_t original
        memset(event, 0, sizeof(OrderEvent))
        event.kind = kind
        if slot == NO_ORDER:
            event.position = self.own.position
            memcpy(event.symbol, self.own.symbol, sizeof(event.symbol))
            return
        order = &self.orders[slot]
        event.position = self.totals[order.symbol_index].position
        memcpy(event.symbol, self.totals[order.symbol_index].symbol, sizeof(event.symbol))
        event.strategy_epoch = order.strategy_epoch
        event.state = order.state
        event.side = order.side
        event.time_in_force = order.time_in_force
        event.flags = order.flags
        event.order_id = order.order_id
        event.user_ref_num = order.user_ref_num
        event.orig_user_ref_num = order.orig_user_ref_num
        if order.orig_user_ref_num and order.session_index == self.session_index:
            original = self.find(order.orig_user_ref_num)
            if original != NO_ORDER:
                event.orig_order_id = self.orders[original].order_id
        event.price = order.price
        event.quantity = order.quantity
        event.leaves = order.leaves
        event.filled = order.filled
        event.order_reference_number = order.order_reference_number
        event.tick_received_ns = order.tick_received_ns
        event.sent_ns = order.sent_ns
        memcpy(event.cl_ord_id, order.cl_ord_id, sizeof(event.cl_ord_id))

    # ---- our own actions

    cdef int32_t add_new(self, uint32_t user_ref_num, uint32_t strategy_epoch, uint32_t order_id, uint8_t side,
                         uint8_t time_in_force, uint8_t flags, int64_t price, int64_t quantity,
                         int64_t tick_received_ns, int64_t sent_ns, OrderEvent* event) noexcept nogil:
        cdef int32_t slot = self._insert(user_ref_num, strategy_epoch, order_id, OWN_SYMBOL)
        cdef Order* order
        if slot == NO_ORDER:
            return slot
        order = &self.orders[slot]
        order.side = side
        order.time_in_force = time_in_force
        order.flags = flags
        order.price = price
        order.quantity = quantity
        order.leaves = quantity
        order.tick_received_ns = tick_received_ns
        order.sent_ns = sent_ns
        format_cl_ord_id(order.cl_ord_id, strategy_epoch, order_id)
        self._expose(slot, quantity)
        self.consume_id(strategy_epoch, order_id)
        self.describe(slot, EVENT_NEW_SENT, event)
        return slot

    cdef int32_t add_replace(self, int32_t original, uint32_t user_ref_num, uint32_t order_id, int64_t price,
                             int64_t quantity, int64_t tick_received_ns, int64_t sent_ns,
                             OrderEvent* event) noexcept nogil:
        cdef Order* source = &self.orders[original]
        cdef Order* order
        cdef int32_t slot = self._insert(user_ref_num, source.strategy_epoch, order_id, source.symbol_index)
        if slot == NO_ORDER:
            return slot
        order = &self.orders[slot]
        order.state = ORDER_PENDING_REPLACE
        order.side = source.side
        order.time_in_force = source.time_in_force
        order.flags = source.flags
        order.price = price
        order.quantity = quantity
        order.filled = source.filled
        order.leaves = _at_least_zero(quantity - source.filled)
        order.orig_user_ref_num = source.user_ref_num
        order.tick_received_ns = tick_received_ns
        order.sent_ns = sent_ns
        format_cl_ord_id(order.cl_ord_id, source.strategy_epoch, order_id)
        source.next_user_ref_num = user_ref_num
        # either the original trades out first and the replace is void, or the chain trades its new total: the larger
        self._expose(slot, _at_least_zero(order.leaves - source.leaves))
        self.consume_id(source.strategy_epoch, order_id)
        self.describe(slot, EVENT_REPLACE_SENT, event)
        return slot

    cdef bint can_replace(self, int32_t slot) noexcept nogil:
        return (self.orders[slot].state == ORDER_LIVE and self.orders[slot].next_user_ref_num == 0
                and self.orders[slot].session_index == self.session_index)

    cdef bint can_cancel(self, int32_t slot) noexcept nogil:
        # the number of an order of an earlier session may be another order's in this one
        cdef uint8_t state = self.orders[slot].state
        return (is_open(state) and state != ORDER_PENDING_CANCEL
                and self.orders[slot].session_index == self.session_index)

    cdef void cancel_sent(self, int32_t slot, int64_t sent_ns, OrderEvent* event) noexcept nogil:
        self._set_state(slot, ORDER_PENDING_CANCEL)
        self.describe(slot, EVENT_CANCEL_SENT, event)
        event.sent_ns = sent_ns

    cdef void mass_cancel_sent(self, uint32_t user_ref_num, OrderEvent* event) noexcept nogil:
        cdef int32_t slot = self.open.first
        while slot != NO_ORDER:
            if self.orders[slot].session_index == self.session_index:
                self._set_state(slot, ORDER_PENDING_CANCEL)
            slot = self.orders[slot].next
        if user_ref_num > self.last_number:
            self.last_number = user_ref_num
        self.describe(NO_ORDER, EVENT_MASS_CANCEL_SENT, event)
        event.user_ref_num = user_ref_num

    cdef void mark_unknown(self, int32_t slot, OrderEvent* event) noexcept nogil:
        self._set_state(slot, ORDER_UNKNOWN)
        self.describe(slot, EVENT_ORDER_UNKNOWN, event)

    # ---- the venue's messages

    cdef int apply(self, const VenueMessage* message, OrderEvent* events) noexcept nogil:
        cdef int count = 0
        cdef int i
        cdef uint8_t type = message.type
        if message.sequence <= self.venue_sequence:
            self.outcome = APPLY_DUPLICATE
            return 0
        self.venue_sequence = message.sequence
        self.outcome = APPLIED
        if type == OUCH_OUT_ORDER_ACCEPTED:
            count = self._accepted(message, events)
        elif type == OUCH_OUT_ORDER_REPLACED:
            count = self._replaced(message, events)
        elif type == OUCH_OUT_ORDER_CANCELED or type == OUCH_OUT_AIQ_CANCELED:
            count = self._canceled(message, events)
        elif type == OUCH_OUT_ORDER_EXECUTED:
            count = self._executed(message, events)
        elif type == OUCH_OUT_BROKEN_TRADE:
            count = self._broken(message, events)
        elif type == OUCH_OUT_REJECTED:
            count = self._rejected(message, events)
        elif type == OUCH_OUT_PRIORITY_UPDATE:
            i = self.find(message.user_ref_num)
            if i == NO_ORDER or not is_open(self.orders[i].state):
                return self._illegal(message)
            self.orders[i].order_reference_number = message.order_reference_number
            self.outcome = APPLIED_NO_EVENT
        elif (type == OUCH_OUT_SYSTEM_EVENT or type == OUCH_OUT_MASS_CANCEL_RESPONSE
              or type == OUCH_OUT_ORDER_RESTATED or type == OUCH_OUT_CANCEL_PENDING
              or type == OUCH_OUT_DISABLE_ORDER_ENTRY_RESPONSE or type == OUCH_OUT_ENABLE_ORDER_ENTRY_RESPONSE
              or type == OUCH_OUT_ACCOUNT_QUERY_RESPONSE):
            self.outcome = APPLIED_NO_EVENT
        else:       # M and I answer requests that the router never makes
            return self._illegal(message)
        for i in range(count):
            events[i].venue_sequence = message.sequence
            events[i].venue_ns = message.venue_ns
        return count

    cdef int _illegal(self, const VenueMessage* message) noexcept nogil:
        self.illegal += 1
        self.illegal_number = message.user_ref_num
        self.illegal_type = message.type
        self.outcome = APPLY_ILLEGAL
        return 0

    cdef int32_t _adopt(self, const VenueMessage* message) noexcept nogil:
        cdef uint32_t strategy_epoch = 0
        cdef uint32_t order_id = 0
        cdef int32_t slot
        cdef int32_t symbol_index = self._symbol(message.symbol)
        cdef Order* order
        if symbol_index == NO_ORDER:
            return NO_ORDER
        if not parse_cl_ord_id(message.cl_ord_id, &strategy_epoch, &order_id):
            strategy_epoch = order_id = 0
        slot = self._insert(message.user_ref_num, strategy_epoch, order_id, symbol_index)
        if slot == NO_ORDER:
            return slot
        order = &self.orders[slot]
        order.side = message.side
        order.time_in_force = message.time_in_force
        memcpy(order.cl_ord_id, message.cl_ord_id, sizeof(order.cl_ord_id))
        self.consume_id(strategy_epoch, order_id)
        self.adopted += 1
        return slot

    cdef int _accepted(self, const VenueMessage* message, OrderEvent* events) noexcept nogil:
        cdef int32_t slot = self.find(message.user_ref_num)
        cdef Order* order
        if slot == NO_ORDER:
            slot = self._adopt(message)
            if slot == NO_ORDER:
                return self._illegal(message)
            self.orders[slot].quantity = message.quantity
        order = &self.orders[slot]
        if (not is_open(order.state) or order.marks & MARK_ACCEPTED or order.orig_user_ref_num
                or order.side != message.side or message.quantity > order.quantity
                or memcmp(self.totals[order.symbol_index].symbol, message.symbol, 8) != 0):
            return self._illegal(message)
        order.marks |= MARK_ACCEPTED
        order.price = message.price
        order.quantity = message.quantity
        order.leaves = message.quantity
        order.order_reference_number = message.order_reference_number
        order.time_in_force = message.time_in_force
        if message.order_state == OUCH_STATE_DEAD:
            self._set_state(slot, ORDER_CANCELED)
        else:
            self._expose(slot, message.quantity)
            if order.state != ORDER_PENDING_CANCEL:
                self._set_state(slot, ORDER_LIVE)
        self.describe(slot, EVENT_ACCEPTED, events)
        return 1

    cdef int _replaced(self, const VenueMessage* message, OrderEvent* events) noexcept nogil:
        cdef int32_t original = self.find(message.orig_user_ref_num)
        cdef int32_t slot = self.find(message.user_ref_num)
        cdef Order* order
        cdef Order* source
        if (original == NO_ORDER
                or memcmp(self.totals[self.orders[original].symbol_index].symbol, message.symbol, 8) != 0):
            return self._illegal(message)
        if slot == NO_ORDER:
            slot = self._adopt(message)
            if slot == NO_ORDER:
                return self._illegal(message)
            order = &self.orders[slot]
            source = &self.orders[original]
            order.state = ORDER_PENDING_REPLACE
            order.side = source.side
            order.flags = source.flags
            order.orig_user_ref_num = message.orig_user_ref_num
            order.filled = source.filled
            order.quantity = source.filled + message.quantity
            source.next_user_ref_num = message.user_ref_num
        order = &self.orders[slot]
        source = &self.orders[original]
        if (not is_open(source.state) or not source.marks & MARK_ACCEPTED or not is_open(order.state)
                or order.marks & MARK_ACCEPTED or order.orig_user_ref_num != message.orig_user_ref_num
                or message.quantity > _at_least_zero(order.quantity - source.filled)):
            return self._illegal(message)
        self._set_state(original, ORDER_REPLACED)
        order.marks |= MARK_ACCEPTED
        order.price = message.price
        order.filled = source.filled
        order.leaves = message.quantity
        order.order_reference_number = message.order_reference_number
        order.time_in_force = message.time_in_force
        if message.order_state == OUCH_STATE_DEAD:
            self._set_state(slot, ORDER_CANCELED)
        else:
            self._expose(slot, message.quantity)
            if order.state != ORDER_PENDING_CANCEL:
                self._set_state(slot, ORDER_LIVE)
        self.describe(slot, EVENT_REPLACED, events)
        return 1

    cdef int _canceled(self, const VenueMessage* message, OrderEvent* events) noexcept nogil:
        cdef int32_t slot = self.find(message.user_ref_num)
        cdef Order* order
        if slot == NO_ORDER:
            return self._illegal(message)
        order = &self.orders[slot]
        if not is_open(order.state) or not order.marks & MARK_ACCEPTED or message.quantity > order.leaves:
            return self._illegal(message)
        order.leaves -= message.quantity
        self._expose(slot, order.leaves)
        self._expose_replace(slot)
        if order.leaves == 0:
            self._set_state(slot, ORDER_CANCELED)
        elif order.state == ORDER_UNKNOWN:
            self._set_state(slot, ORDER_LIVE)
        self.describe(slot, EVENT_CANCELED, events)
        events.last_quantity = message.quantity
        events.reason = <uint8_t>message.reason
        return 1 + (self._lapse(slot, events + 1) if order.leaves == 0 else 0)

    cdef int _lapse(self, int32_t original, OrderEvent* event) noexcept nogil:
        """The venue ignores a replace whose original is gone, without an answer: it ends with its original."""
        cdef uint32_t number = self.orders[original].next_user_ref_num
        cdef int32_t slot = self.find(number) if number else NO_ORDER
        if slot == NO_ORDER or not is_open(self.orders[slot].state) or self.orders[slot].marks & MARK_ACCEPTED:
            return 0
        self._set_state(slot, ORDER_REJECTED)
        self.describe(slot, EVENT_REJECTED, event)
        event.reason = REASON_LAPSED
        return 1

    cdef void _trade(self, int32_t symbol_index, uint8_t side, int64_t price, int64_t quantity) noexcept nogil:
        cdef SymbolTotals* totals = &self.totals[symbol_index]
        if side == c'B':
            totals.position += quantity
            totals.bought += quantity
            totals.bought_notional += price * quantity
        else:
            totals.position -= quantity
            totals.sold += quantity
            totals.sold_notional += price * quantity

    cdef void _record_fill(self, uint32_t user_ref_num, uint64_t match_number, int64_t price, int64_t quantity) noexcept nogil:
        cdef Fill* fill = &self.fills[self.fill_next]
        cdef int32_t* link
        if self.fills_used == self.capacity:        # the oldest fill makes room
            link = &self.by_match[_mix(fill.match_number) & self.bucket_mask]
            while link[0] != self.fill_next:
                link = &self.fills[link[0]].next
            link[0] = fill.next
        else:
            self.fills_used += 1
        fill.match_number = match_number
        fill.user_ref_num = user_ref_num
        fill.session_index = self.session_index
        fill.price = price
        fill.quantity = quantity
        fill.broken = False
        link = &self.by_match[_mix(match_number) & self.bucket_mask]
        fill.next = link[0]
        link[0] = self.fill_next
        self.fill_next = self.fill_next + 1 if self.fill_next + 1 < self.capacity else 0

    cdef Fill* _find_fill(self, uint32_t user_ref_num, uint64_t match_number) noexcept nogil:
        cdef int32_t slot = self.by_match[_mix(match_number) & self.bucket_mask]
        cdef Fill* fill
        while slot != NO_ORDER:
            fill = &self.fills[slot]
            if (fill.match_number == match_number and fill.user_ref_num == user_ref_num
                    and fill.session_index == self.session_index):
                return fill
            slot = fill.next
        return NULL

    cdef void _chain_filled(self, int32_t slot, int64_t delta) noexcept nogil:
        """An order's filled counts its whole chain, so later links move with it."""
        cdef Order* order
        while slot != NO_ORDER:
            order = &self.orders[slot]
            order.filled += delta
            if order.state == ORDER_PENDING_REPLACE or (order.orig_user_ref_num and not order.marks & MARK_ACCEPTED
                                                        and is_open(order.state)):
                order.leaves = _at_least_zero(order.quantity - order.filled)
            slot = self.find(order.next_user_ref_num) if order.next_user_ref_num else NO_ORDER

    cdef void _expose_replace(self, int32_t slot) noexcept nogil:
        """After a partial cancel or a break: the chain's replace on its way asks for more beyond its original than before."""
        cdef int32_t replacement
        while self.orders[slot].next_user_ref_num:
            replacement = self.find(self.orders[slot].next_user_ref_num)
            if replacement == NO_ORDER:
                return
            if is_open(self.orders[replacement].state) and not self.orders[replacement].marks & MARK_ACCEPTED:
                self._expose(replacement, _at_least_zero(self.orders[replacement].leaves - self.orders[slot].leaves))
                return
            slot = replacement

    cdef int _executed(self, const VenueMessage* message, OrderEvent* events) noexcept nogil:
        cdef int32_t slot = self.find(message.user_ref_num)
        cdef Order* order
        cdef bint legal
        cdef int count = 1
        if slot == NO_ORDER:
            return self._illegal(message)
        order = &self.orders[slot]
        legal = (is_open(order.state) and order.marks & MARK_ACCEPTED and message.quantity > 0
                 and message.quantity <= order.leaves)
        if not legal:
            self._illegal(message)
        self._trade(order.symbol_index, order.side, message.price, message.quantity)
        self._record_fill(message.user_ref_num, message.match_number, message.price, message.quantity)
        self._chain_filled(slot, message.quantity)
        if is_open(order.state):
            order.leaves = _at_least_zero(order.leaves - message.quantity)
            self._expose(slot, order.leaves)
            if order.leaves == 0:
                self._set_state(slot, ORDER_FILLED)
            elif order.state == ORDER_UNKNOWN:
                self._set_state(slot, ORDER_LIVE)
        self.describe(slot, EVENT_EXECUTED, events)
        events.last_price = message.price
        events.last_quantity = message.quantity
        events.match_number = message.match_number
        if order.state == ORDER_FILLED:
            count += self._lapse(slot, events + 1)
        return count

    cdef int _broken(self, const VenueMessage* message, OrderEvent* events) noexcept nogil:
        cdef int32_t slot = self.find(message.user_ref_num)
        cdef Fill* fill = self._find_fill(message.user_ref_num, message.match_number)
        if slot == NO_ORDER or fill == NULL or fill.broken:
            return self._illegal(message)
        fill.broken = True
        self._trade(self.orders[slot].symbol_index, self.orders[slot].side, fill.price, -fill.quantity)
        self._chain_filled(slot, -fill.quantity)
        self._expose_replace(slot)
        self.describe(slot, EVENT_BROKEN, events)
        events.last_price = fill.price
        events.last_quantity = fill.quantity
        events.match_number = message.match_number
        events.reason = <uint8_t>message.reason
        return 1

    cdef int _rejected(self, const VenueMessage* message, OrderEvent* events) noexcept nogil:
        cdef int32_t slot = self.find(message.user_ref_num)
        cdef int32_t original
        if slot == NO_ORDER:    # a rejected mass cancel, or an order that only an earlier journal knew
            if message.user_ref_num > self.last_number:
                self.last_number = message.user_ref_num
            self.outcome = APPLIED_NO_EVENT
            return 0
        if not is_open(self.orders[slot].state) or self.orders[slot].marks & MARK_ACCEPTED:
            return self._illegal(message)
        self._set_state(slot, ORDER_REJECTED)
        if self.orders[slot].orig_user_ref_num:
            original = self.find(self.orders[slot].orig_user_ref_num)
            if original != NO_ORDER:    # untouched by the rejected replace: it may be replaced again
                self.orders[original].next_user_ref_num = 0
        self.describe(slot, EVENT_REJECTED, events)
        events.reason = <uint8_t>message.reason
        return 1

    # ---- recovery

    cdef int settle_unacknowledged(self, uint32_t fence, OrderEvent* event) noexcept nogil:
        cdef int32_t slot = self.open.first
        cdef Order* order
        cdef int32_t original
        while slot != NO_ORDER:
            order = &self.orders[slot]
            if (order.session_index == self.session_index and order.user_ref_num < fence
                    and not order.marks & MARK_ACCEPTED):
                self._set_state(slot, ORDER_REJECTED)
                original = self.find(order.orig_user_ref_num) if order.orig_user_ref_num else NO_ORDER
                if original != NO_ORDER:
                    self.orders[original].next_user_ref_num = 0
                self.describe(slot, EVENT_REJECTED, event)
                event.reason = REASON_LAPSED
                return 1
            slot = order.next
        return 0

    cdef int settle_lapsed(self, OrderEvent* event) noexcept nogil:
        cdef int32_t slot = self.open.first
        cdef int32_t original
        cdef Order* order
        while slot != NO_ORDER:
            order = &self.orders[slot]
            if order.orig_user_ref_num and not order.marks & MARK_ACCEPTED and order.session_index == self.session_index:
                original = self.find(order.orig_user_ref_num)
                if original != NO_ORDER and not is_open(self.orders[original].state) and self._lapse(original, event):
                    return 1
            slot = order.next
        return 0

    cdef int settle_foreign(self, OrderEvent* event) noexcept nogil:
        cdef int32_t slot = self.open.first
        cdef int64_t leaves
        while slot != NO_ORDER:
            if self.orders[slot].session_index != self.session_index:
                leaves = self.orders[slot].leaves
                self._set_state(slot, ORDER_CANCELED)
                self.foreign_open -= 1
                self.describe(slot, EVENT_CANCELED, event)
                event.last_quantity = leaves
                event.reason = OUCH_CANCEL_SUPERVISORY
                return 1
            slot = self.orders[slot].next
        return 0

    cdef void begin_session(self, const char* session) noexcept nogil:
        """A new venue day: numbers and sequences start again. Orders still open keep their exposure, their fate unknown."""
        cdef int32_t i
        memcpy(self.session, session, sizeof(self.session))
        self.session_index += 1
        self.foreign_open = self.open_count
        self.last_number = 0
        self.recycled_number = 0
        self.venue_sequence = 0
        for i in range(self.symbols_used):
            self.totals[i].session_base = self.totals[i].position

    cdef void adopt_session(self, OrderTable other) noexcept nogil:
        if memcmp(self.session, other.session, sizeof(self.session)) != 0:
            self.begin_session(other.session)

    cdef void _restore_base(self, const OrderEvent* event) noexcept nogil:
        """A symbol's position begins at 0, or when the oldest records are gone with what the first that is left tells."""
        cdef int32_t i = self._symbol(event.symbol)
        cdef SymbolTotals* totals
        if self.first_record == 0:
            self.first_record = event.sequence
        if i == NO_ORDER or self.totals[i].restored:
            return
        totals = &self.totals[i]
        totals.restored = True
        if self.first_record > 1:
            totals.position = event.position
            if event.kind == EVENT_EXECUTED or event.kind == EVENT_BROKEN:      # which it has in already
                if (event.side == c'B') == (event.kind == EVENT_EXECUTED):
                    totals.position -= event.last_quantity
                else:
                    totals.position += event.last_quantity
            totals.session_base = totals.position

    cdef void restore(self, const OrderEvent* event) noexcept nogil:
        """Apply one journal record; records come in the order in which they were written."""
        cdef int32_t slot
        cdef int32_t original
        cdef int32_t symbol_index
        cdef Order* order
        cdef Fill* fill
        cdef OrderEvent unused
        self._restore_base(event)
        if event.session[0] != 0 and memcmp(event.session, self.session, sizeof(self.session)) != 0:
            self.begin_session(event.session)
        if event.venue_sequence > self.venue_sequence:
            self.venue_sequence = event.venue_sequence
        if event.kind == EVENT_MASS_CANCEL_SENT:
            self.mass_cancel_sent(event.user_ref_num, &unused)
        if (event.kind == EVENT_REFUSED and event.state == ORDER_REFUSED and event.reason != REFUSED_STALE_EPOCH
                and event.reason != REFUSED_INVALID):
            self.consume_id(event.strategy_epoch, event.order_id)
        if event.kind == EVENT_CANCELED and event.venue_sequence == 0:     # of settle_foreign: not of this session
            slot = self.find_id(event.strategy_epoch, event.order_id)
            if slot != NO_ORDER and is_open(self.orders[slot].state) and self.orders[slot].session_index != self.session_index:
                self._set_state(slot, ORDER_CANCELED)
                self.foreign_open -= 1
            return
        if event.user_ref_num == 0 or not (
                event.kind in (EVENT_NEW_SENT, EVENT_ACCEPTED, EVENT_REJECTED, EVENT_REPLACE_SENT, EVENT_REPLACED)
                or event.kind in (EVENT_CANCEL_SENT, EVENT_CANCELED, EVENT_EXECUTED, EVENT_BROKEN, EVENT_ORDER_UNKNOWN)):
            return
        slot = self.find(event.user_ref_num)
        if slot == NO_ORDER:
            symbol_index = self._symbol(event.symbol)
            if symbol_index == NO_ORDER:
                return
            slot = self._insert(event.user_ref_num, event.strategy_epoch, event.order_id, symbol_index)
            if slot == NO_ORDER:
                return
            self.consume_id(event.strategy_epoch, event.order_id)
        order = &self.orders[slot]
        order.side = event.side
        order.time_in_force = event.time_in_force
        order.flags = event.flags
        order.price = event.price
        order.quantity = event.quantity
        order.order_reference_number = event.order_reference_number
        order.tick_received_ns = event.tick_received_ns
        order.sent_ns = event.sent_ns
        order.orig_user_ref_num = event.orig_user_ref_num
        memcpy(order.cl_ord_id, event.cl_ord_id, sizeof(order.cl_ord_id))
        original = self.find(event.orig_user_ref_num) if event.orig_user_ref_num else NO_ORDER
        if event.kind == EVENT_EXECUTED:
            self._trade(order.symbol_index, event.side, event.last_price, event.last_quantity)
            self._record_fill(event.user_ref_num, event.match_number, event.last_price, event.last_quantity)
            self._chain_filled(slot, event.last_quantity)
        elif event.kind == EVENT_BROKEN:
            self._trade(order.symbol_index, event.side, event.last_price, -event.last_quantity)
            self._chain_filled(slot, -event.last_quantity)
            fill = self._find_fill(event.user_ref_num, event.match_number)
            if fill != NULL:
                fill.broken = True
        elif event.kind == EVENT_ACCEPTED or event.kind == EVENT_REPLACED:
            order.marks |= MARK_ACCEPTED
        if original != NO_ORDER:
            if event.kind == EVENT_REPLACE_SENT or event.kind == EVENT_REPLACED:
                self.orders[original].next_user_ref_num = event.user_ref_num
            elif event.kind == EVENT_REJECTED and is_open(self.orders[original].state):
                self.orders[original].next_user_ref_num = 0
            if event.kind == EVENT_REPLACED:
                self._set_state(original, ORDER_REPLACED)
        order.filled = event.filled
        order.leaves = event.leaves
        if is_open(order.state):
            if event.kind == EVENT_REPLACE_SENT and original != NO_ORDER:
                self._expose(slot, _at_least_zero(order.leaves - self.orders[original].leaves))
            elif order.marks & MARK_ACCEPTED or order.orig_user_ref_num == 0:
                self._expose(slot, order.leaves)
            self._set_state(slot, event.state)
        if event.kind == EVENT_CANCELED or event.kind == EVENT_BROKEN:
            self._expose_replace(slot)

    # ---- Python edge, for tests and tools

    def new_order(self, *, int user_ref_num, int strategy_epoch, int order_id, str side, object price, object quantity,
                  str time_in_force="0", int flags=0):
        """Enter a new order; returns its NEW_SENT event, or None when the table is full of open orders."""
        cdef OrderEvent event
        if self.add_new(user_ref_num, strategy_epoch, order_id, ord(side), ord(time_in_force), flags, price, quantity,
                        0, 0, &event) == NO_ORDER:
            return None
        return event_fields(&event)

    def replace_order(self, *, int orig_user_ref_num, int user_ref_num, int order_id, object price, object quantity):
        """Replace a live order; None when it cannot be replaced now."""
        cdef OrderEvent event
        cdef int32_t slot = self.find(orig_user_ref_num)
        if slot == NO_ORDER or not self.can_replace(slot):
            return None
        if self.add_replace(slot, user_ref_num, order_id, price, quantity, 0, 0, &event) == NO_ORDER:
            return None
        return event_fields(&event)

    def cancel_order(self, int user_ref_num):
        """Note that a cancel was sent; None when there is nothing to cancel."""
        cdef OrderEvent event
        cdef int32_t slot = self.find(user_ref_num)
        if slot == NO_ORDER or not self.can_cancel(slot):
            return None
        self.cancel_sent(slot, 0, &event)
        return event_fields(&event)

    def mass_cancel(self, int user_ref_num):
        """Note that a mass cancel was sent under this number."""
        cdef OrderEvent event
        self.mass_cancel_sent(user_ref_num, &event)
        return event_fields(&event)

    def unknown_order(self, int user_ref_num):
        """Mark an open order as unknown; None when there is no such open order."""
        cdef OrderEvent event
        cdef int32_t slot = self.find(user_ref_num)
        if slot == NO_ORDER or not is_open(self.orders[slot].state):
            return None
        self.mark_unknown(slot, &event)
        return event_fields(&event)

    def apply_message(self, str type, *, sequence, user_ref_num=0, orig_user_ref_num=0, quantity=0, price=0,
                      side="B", time_in_force="0", order_state="L", reason=0, match_number=0,
                      order_reference_number=0, cl_ord_id="", venue_ns=0, symbol=None):
        """Apply one OUCH outbound message, of the own symbol unless another is given; returns (outcome, events)."""
        cdef VenueMessage message
        cdef OrderEvent events[MAX_EVENTS]
        cdef int i, count
        text = cl_ord_id.encode("ascii").ljust(14)
        named = (self.symbol if symbol is None else symbol).encode("ascii").ljust(8)
        memset(&message, 0, sizeof(message))
        memcpy(message.symbol, <const char*>named, 8)
        message.type = ord(type)
        message.sequence = sequence
        message.user_ref_num = user_ref_num
        message.orig_user_ref_num = orig_user_ref_num
        message.quantity = quantity
        message.price = price
        message.side = ord(side)
        message.time_in_force = ord(time_in_force)
        message.order_state = ord(order_state)
        message.reason = reason
        message.match_number = match_number
        message.order_reference_number = order_reference_number
        message.venue_ns = venue_ns
        memcpy(message.cl_ord_id, <const char*>text, 14)
        count = self.apply(&message, events)
        return self.outcome, [event_fields(&events[i]) for i in range(count)]

    def settle(self, int fence):
        """Events of all orders below the fence that never reached the venue, and of replaces that ended with their original."""
        cdef OrderEvent event
        settled = []
        while self.settle_lapsed(&event) or self.settle_unacknowledged(fence, &event):
            settled.append(event_fields(&event))
        return settled

    def restore_event(self, bytes record):
        """Apply one 256-byte journal record."""
        if len(record) != sizeof(OrderEvent):
            raise ValueError(f"an order event record has {sizeof(OrderEvent)} bytes, this one {len(record)}")
        self.restore(<const OrderEvent*><const char*>record)

    def resume_at(self, sequence):
        """Everything up to this sequence is in: a view that was restored from the journal up to there."""
        self.venue_sequence = sequence

    def start_session(self, str session):
        """Begin a venue session."""
        text = session.encode("ascii").ljust(10)[:10]
        self.begin_session(text)

    @property
    def symbol(self):
        """The configured instrument's; the totals below are of its orders alone."""
        return _symbol_text(self.own)

    @property
    def position(self):
        return self.own.position

    @property
    def session_base(self):
        return self.own.session_base

    @property
    def bought(self):
        return self.own.bought

    @property
    def sold(self):
        return self.own.sold

    @property
    def bought_notional(self):
        return self.own.bought_notional

    @property
    def sold_notional(self):
        return self.own.sold_notional

    @property
    def open_buy(self):
        return self.own.open_buy

    @property
    def open_sell(self):
        return self.own.open_sell

    def other_symbols(self):
        """{symbol: (position, open orders)} of every other symbol that is not flat with nothing open."""
        cdef int32_t i
        return {_symbol_text(&self.totals[i]): (self.totals[i].position, self.totals[i].open_count)
                for i in range(1, self.symbols_used) if self.totals[i].position or self.totals[i].open_count}

    @property
    def orders_held(self):
        """Orders in the pool, open and dead."""
        return self.used

    def order(self, int user_ref_num):
        """One order of the current session as a dict, or None."""
        cdef int32_t slot = self.find(user_ref_num)
        return None if slot == NO_ORDER else self._order_fields(slot)

    def open_orders(self):
        """All open orders as dicts, oldest first."""
        cdef int32_t slot = self.open.first
        result = []
        while slot != NO_ORDER:
            result.append(self._order_fields(slot))
            slot = self.orders[slot].next
        return result

    def compare(self, OrderTable venue not None):
        """(orders compared, breaks, the first breaks as (user_ref_num, field, here, venue))."""
        cdef Break found[MAX_BREAKS]
        cdef int64_t compared = 0
        cdef int64_t count = compare_tables(self, venue, found, &compared)
        cdef int i
        described = []
        for i in range(min(count, MAX_BREAKS)):
            field, here, there = BREAK_NAMES[found[i].field], found[i].here, found[i].venue
            if found[i].field == BREAK_POSITION:
                field = f"{field} of {found[i].symbol[:8].decode('ascii', 'replace').rstrip()}"
            elif found[i].field == BREAK_SYMBOL:
                here, there = (_symbol_text(&self.totals[here]), _symbol_text(&venue.totals[there]))
            described.append((found[i].user_ref_num, field, here, there))
        return compared, count, described

    cdef object _order_fields(self, int32_t slot):
        cdef Order* order = &self.orders[slot]
        return {
            "slot": slot, "user_ref_num": order.user_ref_num, "order_id": order.order_id, "strategy_epoch": order.strategy_epoch,
            "orig_user_ref_num": order.orig_user_ref_num, "state": OrderState(order.state).name.removeprefix('ORDER_'), "side": chr(order.side),
            "price": order.price, "quantity": order.quantity, "filled": order.filled, "leaves": order.leaves,
            "exposure": order.exposure, "symbol": _symbol_text(&self.totals[order.symbol_index]), "accepted": bool(order.marks & MARK_ACCEPTED),
            "cl_ord_id": order.cl_ord_id[:14].decode("ascii", "replace"),
            "this_session": order.session_index == self.session_index,
        }


cdef str _symbol_text(const SymbolTotals* totals):
    return totals.symbol[:8].decode("ascii", "replace").rstrip()


cdef void _note(Break* breaks, int64_t count, uint32_t number, int field, int64_t here, int64_t venue) noexcept nogil:
    if count < MAX_BREAKS:
        breaks[count].user_ref_num = number
        breaks[count].field = field
        breaks[count].here = here
        breaks[count].venue = venue


cdef int64_t _session_change(const SymbolTotals* totals) noexcept nogil:
    return totals.position - totals.session_base


cdef int64_t _compare_position(Break* breaks, int64_t count, const char* symbol, int64_t here,
                               int64_t venue) noexcept nogil:
    if here == venue:
        return 0
    _note(breaks, count, 0, BREAK_POSITION, here, venue)
    if count < MAX_BREAKS:
        memcpy(breaks[count].symbol, symbol, 8)
    return 1


cdef int64_t compare_tables(OrderTable here, OrderTable venue, Break* breaks, int64_t* compared) noexcept nogil:
    cdef int64_t count = 0
    cdef int32_t i, other
    cdef Order* mine
    cdef Order* theirs
    compared[0] = 0
    if venue.illegal:
        _note(breaks, count, venue.illegal_number, BREAK_ILLEGAL_MESSAGE, here.illegal, venue.illegal)
        count += 1
    for i in range(venue.used):
        theirs = &venue.orders[i]
        if theirs.session_index != venue.session_index or not theirs.marks & MARK_ACCEPTED:
            continue
        if theirs.user_ref_num <= here.recycled_number and not is_open(theirs.state):
            continue    # dead so long that its slot may have been reused
        compared[0] += 1
        other = here.find(theirs.user_ref_num)
        if other == NO_ORDER:
            _note(breaks, count, theirs.user_ref_num, BREAK_MISSING_HERE, 0, theirs.state)
            count += 1
            continue
        mine = &here.orders[other]
        if mine.side != theirs.side:
            _note(breaks, count, theirs.user_ref_num, BREAK_SIDE, mine.side, theirs.side)
            count += 1
        if memcmp(here.totals[mine.symbol_index].symbol, venue.totals[theirs.symbol_index].symbol, 8) != 0:
            _note(breaks, count, theirs.user_ref_num, BREAK_SYMBOL, mine.symbol_index, theirs.symbol_index)
            count += 1
        # how an open order is pending is ours alone; what the venue knows is open or how it ended
        if is_open(mine.state) != is_open(theirs.state) or (not is_open(theirs.state) and mine.state != theirs.state):
            _note(breaks, count, theirs.user_ref_num, BREAK_STATE, mine.state, theirs.state)
            count += 1
        if mine.filled != theirs.filled:
            _note(breaks, count, theirs.user_ref_num, BREAK_FILLED, mine.filled, theirs.filled)
            count += 1
        if mine.leaves != theirs.leaves:
            _note(breaks, count, theirs.user_ref_num, BREAK_LEAVES, mine.leaves, theirs.leaves)
            count += 1
    for i in range(here.used):
        mine = &here.orders[i]
        if mine.session_index != here.session_index or not mine.marks & MARK_ACCEPTED:
            continue
        if mine.user_ref_num <= venue.recycled_number and not is_open(mine.state):
            continue
        if venue.find(mine.user_ref_num) == NO_ORDER:
            compared[0] += 1
            _note(breaks, count, mine.user_ref_num, BREAK_MISSING_AT_VENUE, mine.state, 0)
            count += 1
    for i in range(here.symbols_used):
        other = venue.find_symbol(here.totals[i].symbol)
        count += _compare_position(breaks, count, here.totals[i].symbol, _session_change(&here.totals[i]),
                                   _session_change(&venue.totals[other]) if other != NO_ORDER else 0)
    for i in range(venue.symbols_used):
        if here.find_symbol(venue.totals[i].symbol) == NO_ORDER:
            count += _compare_position(breaks, count, venue.totals[i].symbol, 0, _session_change(&venue.totals[i]))
    return count


BREAK_NAMES = {BREAK_MISSING_HERE: "missing here", BREAK_MISSING_AT_VENUE: "missing at venue", BREAK_STATE: "state",
               BREAK_FILLED: "filled", BREAK_LEAVES: "leaves", BREAK_SIDE: "side", BREAK_POSITION: "position",
               BREAK_ILLEGAL_MESSAGE: "message that fits no order", BREAK_SYMBOL: "symbol"}


cdef object event_fields(const OrderEvent* event):
    return decode_order_event((<const char*>event)[:sizeof(OrderEvent)])

