# cython: nonecheck=False
# a None check of `self` in nogil code would need the GIL
"""OUCH 5.0 order entry over SoupBinTCP.

Loss of a connection (TCP close, logout, time-out, slow reader, takeover by another login) cancels the account's open
orders with reason S (supervisory). Orders the venue itself ends carry Z (restart, shutdown), H (halt) or E (close).
A message that cannot be decoded is answered with a Soup debug packet and counted; it has no number to reject.
"""
from cpython.ref cimport PyObject
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from hotpath.book.order_pool cimport Order
from hotpath.ipc.clock cimport monotonic_ns
from hotpath.ipc.histogram cimport HistogramWriter
from hotpath.ipc.journal cimport JournalReader
from hotpath.protocols.ouch cimport (
    OUCH_BUY, OUCH_CANCEL_CLOSED, OUCH_CANCEL_HALTED, OUCH_CANCEL_SUPERVISORY, OUCH_CANCEL_SYSTEM, OUCH_CANCEL_USER, OUCH_CAPACITY_AGENCY,
    OUCH_CAPACITY_OTHER, OUCH_CAPACITY_PRINCIPAL, OUCH_CAPACITY_RISKLESS, OUCH_CROSS_CONTINUOUS,
    OUCH_DISPLAY_ATTRIBUTABLE, OUCH_DISPLAY_VISIBLE, OUCH_IN_ACCOUNT_QUERY, OUCH_IN_CANCEL_ORDER,
    OUCH_IN_DISABLE_ORDER_ENTRY, OUCH_IN_ENABLE_ORDER_ENTRY, OUCH_IN_ENTER_ORDER, OUCH_IN_MASS_CANCEL,
    OUCH_IN_MODIFY_ORDER, OUCH_IN_REPLACE_ORDER, OUCH_MAX_LIMIT_PRICE, OUCH_MAX_QUANTITY,
    OUCH_REJECT_DESTINATION_CLOSED, OUCH_REJECT_FIRM_NOT_AUTHORIZED, OUCH_REJECT_HALTED,
    OUCH_REJECT_INVALID_CROSS_ORDER, OUCH_REJECT_INVALID_DISPLAY, OUCH_REJECT_INVALID_MAX_FLOOR,
    OUCH_REJECT_INVALID_MIN_QUANTITY, OUCH_REJECT_INVALID_PRICE, OUCH_REJECT_INVALID_QUANTITY,
    OUCH_REJECT_INVALID_SIDE, OUCH_REJECT_INVALID_SYMBOL, OUCH_REJECT_ISO_NOT_ALLOWED, OUCH_REJECT_OTHER,
    OUCH_REJECT_PEGGING_NOT_ALLOWED, OUCH_REJECT_PROCESSING_ERROR, OUCH_REJECT_RISK_MARKET_ORDER_NOT_ALLOWED,
    OUCH_REJECT_ROUTING_NOT_ALLOWED, OUCH_SELL, OUCH_SELL_SHORT, OUCH_SELL_SHORT_EXEMPT, OUCH_TAG_DISCRETION_PRICE,
    OUCH_TAG_EXPIRE_TIME_S, OUCH_TAG_FIRM, OUCH_TAG_GROUP_ID, OUCH_TAG_MAX_FLOOR, OUCH_TAG_MIN_QUANTITY,
    OUCH_TAG_POST_ONLY, OUCH_TAG_PRICE_TYPE, OUCH_TAG_ROUTE, OUCH_TAG_SIDE, OUCH_TAG_USER_REF_INDEX, OUCH_TIF_DAY,
    OUCH_TIF_IOC, OuchAppendage, OuchInAccountQuery, OuchInCancelOrder, OuchInDisableOrderEntry,
    OuchInEnableOrderEntry, OuchInEnterOrder, OuchInMassCancel, OuchInModifyOrder, OuchInReplaceOrder, OuchOptions,
    ouch_decode_in_account_query, ouch_decode_in_cancel_order, ouch_decode_in_disable_order_entry,
    ouch_decode_in_enable_order_entry, ouch_decode_in_enter_order, ouch_decode_in_mass_cancel,
    ouch_decode_in_modify_order, ouch_decode_in_replace_order, ouch_decode_options, ouch_has, ouch_is_market_price,
)
from hotpath.protocols.soupbintcp cimport (
    SOUP_DEBUG, SOUP_REJECT_NOT_AUTHORIZED, SOUP_REJECT_SESSION_UNAVAILABLE, SOUP_SEQUENCED_DATA,
    SoupLoginAccepted, SoupLoginRequest,
)
from hotpath.protocols.textfield cimport is_blank, same_text
from hotpath.venue.client_account cimport RECORD_BYTES, ClientAccount, SequencedRecord
from hotpath.venue.execution_reports cimport (
    client_reference, order_token, token_capacity, token_display, token_post_only, token_side,
)
from hotpath.venue.market cimport PHASE_OPEN, Market
from hotpath.venue.soup_server cimport CLOSE_EXHAUSTED, CLOSE_SLOW, CLOSE_TAKEOVER, CONNECTION_OPEN, MAX_CONNECTIONS, SoupServer

cdef enum:
    OUTPUT_BYTES = 262_144       # a client that is this far behind is cut off


cdef class OrderEntryServer(SoupServer):
    def __init__(self, Market market, bytes session, int64_t tick, HistogramWriter latency, str host, int port,
                 int64_t heartbeat_ms, int64_t timeout_ms):
        if len(session) != 10:
            raise ValueError(f"session {session!r}: must have 10 bytes")
        SoupServer.__init__(self, "order entry", host, port, OUTPUT_BYTES, heartbeat_ms, timeout_ms)
        self.market = market
        self.tick = tick
        self.latency = latency
        self.readers = [None] * MAX_CONNECTIONS
        memcpy(self.session, <const char*>session, 10)

    # --- sessions ---

    cdef uint8_t on_login(self, int index, const SoupLoginRequest* request, SoupLoginAccepted* accepted) noexcept nogil:
        cdef int account = -1
        cdef int i
        cdef uint64_t sequence, following
        for i in range(self.market.reports.count):
            if same_text((<ClientAccount>self.market.reports.handles[i]).user_field, 6, request.username, 6, True):
                account = i
        if account < 0:
            return SOUP_REJECT_NOT_AUTHORIZED
        if not same_text((<ClientAccount>self.market.reports.handles[account]).password_field, 10, request.password, 10, True):
            return SOUP_REJECT_NOT_AUTHORIZED
        if not is_blank(request.requested_session, 10) and not same_text(request.requested_session, 10, self.session, 10, False):
            return SOUP_REJECT_SESSION_UNAVAILABLE
        if not (<ClientAccount>self.market.reports.handles[account]).has_room():
            return SOUP_REJECT_SESSION_UNAVAILABLE
        if (<ClientAccount>self.market.reports.handles[account]).connection >= 0:
            self.close_connection((<ClientAccount>self.market.reports.handles[account]).connection, CLOSE_TAKEOVER)
        following = (<ClientAccount>self.market.reports.handles[account]).journal.next_sequence()
        sequence = request.requested_sequence_number
        if sequence == 0:
            sequence = following - 1 if following > 1 else 1
        elif sequence > following:
            sequence = following
        if not self._open_stream(index, account, sequence):
            return SOUP_REJECT_SESSION_UNAVAILABLE
        self.connections[index].account = account
        self.caught_up[index] = sequence == following
        (<ClientAccount>self.market.reports.handles[account]).connection = index
        memcpy(accepted.session, self.session, 10)
        accepted.sequence_number = sequence
        return 0

    cdef bint _open_stream(self, int index, int account, uint64_t sequence) noexcept nogil:
        with gil:
            try:
                reader = JournalReader((<ClientAccount>self.market.reports.handles[account]).directory, RECORD_BYTES, sequence)
            except Exception:       # unreadable: the login is refused, the account's gate names the trouble
                return False
            self.readers[index] = reader
            self.reader_handles[index] = <PyObject*>reader
        return True

    cdef void on_closed(self, int index, int reason) noexcept nogil:
        cdef int account = self.connections[index].account
        if (<ClientAccount>self.market.reports.handles[account]).connection == index:
            (<ClientAccount>self.market.reports.handles[account]).connection = -1
            if self.market.engine.owner_open_orders(<uint16_t>(account + 1)):
                self.entry.cancels_on_disconnect += 1
                self.market.cancel_owner(<uint16_t>(account + 1), 0, OUCH_CANCEL_SUPERVISORY)

    cdef void on_handled(self, int index, int64_t received) noexcept nogil:
        self.latency.record(0, monotonic_ns() - received)

    cdef void fill(self, int index) noexcept nogil:
        cdef const SequencedRecord* record
        cdef int account = self.connections[index].account
        if (<ClientAccount>self.market.reports.handles[account]).exhausted:
            self.close_connection(index, CLOSE_EXHAUSTED)
            return
        while (<JournalReader>self.reader_handles[index]).position() < (<ClientAccount>self.market.reports.handles[account]).journal.next_sequence():
            if self.room(index) < RECORD_BYTES:
                if self.caught_up[index]:
                    self.close_connection(index, CLOSE_SLOW)
                return
            record = <const SequencedRecord*>(<JournalReader>self.reader_handles[index]).poll()
            if record == NULL:
                return
            self.put(index, SOUP_SEQUENCED_DATA, record.message, record.length)
        self.caught_up[index] = True

    # --- messages ---

    cdef void on_message(self, int index, const uint8_t* p, size_t n) noexcept nogil:
        if not self.handle(self.connections[index].account, p, n):
            self.put(index, SOUP_DEBUG, b"message is not OUCH 5.0", 23)

    cdef bint handle(self, int account, const uint8_t* p, size_t n) noexcept nogil:
        cdef OuchInAccountQuery query
        cdef int64_t malformed = self.entry.malformed
        cdef uint8_t kind = p[0] if n else 0
        if kind == OUCH_IN_ENTER_ORDER:
            self._enter(account, p, n)
        elif kind == OUCH_IN_REPLACE_ORDER:
            self._replace(account, p, n)
        elif kind == OUCH_IN_CANCEL_ORDER:
            self._cancel(account, p, n)
        elif kind == OUCH_IN_MODIFY_ORDER:
            self._modify(account, p, n)
        elif kind == OUCH_IN_MASS_CANCEL:
            self._mass_cancel(account, p, n)
        elif kind == OUCH_IN_DISABLE_ORDER_ENTRY:
            self._switch(account, p, n, False)
        elif kind == OUCH_IN_ENABLE_ORDER_ENTRY:
            self._switch(account, p, n, True)
        elif kind == OUCH_IN_ACCOUNT_QUERY and ouch_decode_in_account_query(p, n, &query) >= 0:
            self.market.reports.account_state(account, self.market.timestamp_ns)
        else:
            self.entry.malformed += 1
        return self.entry.malformed == malformed

    cdef bint _fresh(self, int account, uint32_t number) noexcept nogil:
        """Whether the number is above the last one used; consumes it."""
        if number <= (<ClientAccount>self.market.reports.handles[account]).last_user_ref_num:
            self.entry.retransmissions += 1
            return False
        (<ClientAccount>self.market.reports.handles[account]).last_user_ref_num = number
        return True

    cdef bint _own_firm(self, int account, const char* firm) noexcept nogil:
        return is_blank(firm, 4) or memcmp(firm, (<ClientAccount>self.market.reports.handles[account]).firm, 4) == 0

    cdef uint16_t _check(self, int account, int64_t price, uint32_t quantity, uint8_t time_in_force, uint8_t display,
                         uint8_t iso, const OuchAppendage* appendage, OuchOptions* options) noexcept nogil:
        """What Enter and Replace have in common: 0, or the OUCH reject reason."""
        if appendage.length > MAX_ECHOED_APPENDAGE or ouch_decode_options(appendage, options) < 0:
            return OUCH_REJECT_OTHER
        if quantity < 1 or quantity > OUCH_MAX_QUANTITY:
            return OUCH_REJECT_INVALID_QUANTITY
        if ouch_is_market_price(price):
            return OUCH_REJECT_RISK_MARKET_ORDER_NOT_ALLOWED
        if price < 1 or price > OUCH_MAX_LIMIT_PRICE or price % self.tick:
            return OUCH_REJECT_INVALID_PRICE
        if time_in_force != OUCH_TIF_DAY and time_in_force != OUCH_TIF_IOC:
            return OUCH_REJECT_OTHER
        if display != OUCH_DISPLAY_VISIBLE and display != OUCH_DISPLAY_ATTRIBUTABLE:
            return OUCH_REJECT_INVALID_DISPLAY
        if iso != c'N':
            return OUCH_REJECT_ISO_NOT_ALLOWED
        if ouch_has(options, OUCH_TAG_FIRM) and not self._own_firm(account, options.firm):
            return OUCH_REJECT_FIRM_NOT_AUTHORIZED
        if ouch_has(options, OUCH_TAG_MIN_QUANTITY) and options.min_quantity:
            return OUCH_REJECT_INVALID_MIN_QUANTITY
        if ouch_has(options, OUCH_TAG_MAX_FLOOR) and options.max_floor:
            return OUCH_REJECT_INVALID_MAX_FLOOR
        if ouch_has(options, OUCH_TAG_PRICE_TYPE) and options.price_type != c'L':
            return OUCH_REJECT_PEGGING_NOT_ALLOWED
        if ouch_has(options, OUCH_TAG_ROUTE):
            return OUCH_REJECT_ROUTING_NOT_ALLOWED
        if ouch_has(options, OUCH_TAG_POST_ONLY) and options.post_only != c'P' and options.post_only != c'N':
            return OUCH_REJECT_OTHER
        if (ouch_has(options, OUCH_TAG_EXPIRE_TIME_S) and options.expire_time_s) \
                or (ouch_has(options, OUCH_TAG_DISCRETION_PRICE) and options.discretion_price) \
                or (ouch_has(options, OUCH_TAG_GROUP_ID) and options.group_id) \
                or (ouch_has(options, OUCH_TAG_USER_REF_INDEX) and options.user_ref_index):
            return OUCH_REJECT_OTHER
        return 0

    cdef void _enter(self, int account, const uint8_t* p, size_t n) noexcept nogil:
        cdef OuchInEnterOrder m
        cdef OuchOptions options
        cdef uint16_t refusal
        cdef bint post_only
        if ouch_decode_in_enter_order(p, n, &m) < 0:
            self.entry.malformed += 1
            return
        if not self._fresh(account, m.user_ref_num):
            return
        self.entry.entered += 1
        refusal = self._check(account, m.price, m.quantity, m.time_in_force, m.display, m.iso_eligibility, &m.appendage, &options)
        if self.market.phase != PHASE_OPEN:
            refusal = OUCH_REJECT_DESTINATION_CLOSED
        elif self.market.halted:
            refusal = OUCH_REJECT_HALTED
        elif (<ClientAccount>self.market.reports.handles[account]).disabled:
            refusal = OUCH_REJECT_FIRM_NOT_AUTHORIZED
        elif memcmp(m.symbol, self.market.reports.symbol, 8) != 0:
            refusal = OUCH_REJECT_INVALID_SYMBOL
        elif m.side != OUCH_BUY and m.side != OUCH_SELL and m.side != OUCH_SELL_SHORT and m.side != OUCH_SELL_SHORT_EXEMPT:
            refusal = OUCH_REJECT_INVALID_SIDE
        elif m.cross_type != OUCH_CROSS_CONTINUOUS:
            refusal = OUCH_REJECT_INVALID_CROSS_ORDER
        elif refusal == 0 and m.capacity != OUCH_CAPACITY_AGENCY and m.capacity != OUCH_CAPACITY_PRINCIPAL \
                and m.capacity != OUCH_CAPACITY_RISKLESS and m.capacity != OUCH_CAPACITY_OTHER:
            refusal = OUCH_REJECT_OTHER
        elif refusal == 0 and self.market.engine.owner_open_orders(<uint16_t>(account + 1)) >= MAX_OPEN_ORDERS:
            refusal = OUCH_REJECT_OTHER
        elif refusal == 0 and not (<ClientAccount>self.market.reports.handles[account]).has_room():
            refusal = OUCH_REJECT_PROCESSING_ERROR
        if refusal == 0:
            post_only = ouch_has(&options, OUCH_TAG_POST_ONLY) and options.post_only == c'P'
            self.market.entering = &m
            self.market.submit(client_reference(account, m.user_ref_num), <uint16_t>(account + 1),
                               OUCH_BUY if m.side == OUCH_BUY else OUCH_SELL, m.price, m.quantity, m.time_in_force, post_only,
                               order_token(m.side, m.capacity, m.display, post_only))
            self.market.entering = NULL
            if self.market.last_reject:
                refusal = OUCH_REJECT_PROCESSING_ERROR
        if refusal:
            self.entry.rejected += 1
            self.market.reports.rejected(account, self.market.timestamp_ns, m.user_ref_num, refusal, m.cl_ord_id)

    cdef void _replace(self, int account, const uint8_t* p, size_t n) noexcept nogil:
        cdef OuchInReplaceOrder m
        cdef OuchOptions options
        cdef uint64_t original
        cdef uint32_t handle, token
        cdef uint8_t side
        cdef uint8_t refusal = 0
        cdef bint post_only
        if ouch_decode_in_replace_order(p, n, &m) < 0:
            self.entry.malformed += 1
            return
        if m.user_ref_num <= (<ClientAccount>self.market.reports.handles[account]).last_user_ref_num:
            self.entry.retransmissions += 1
            return
        original = client_reference(account, m.orig_user_ref_num)
        handle = self.market.engine.find(original)
        if handle == 0:
            self.entry.ignored += 1
            return
        token = self.market.engine.order(handle).token
        side = token_side(token)
        if self.market.phase != PHASE_OPEN:
            refusal = OUCH_CANCEL_CLOSED
        elif self.market.halted:
            refusal = OUCH_CANCEL_HALTED
        elif self._check(account, m.price, m.quantity, m.time_in_force, m.display, m.iso_eligibility, &m.appendage, &options) \
                or (ouch_has(&options, OUCH_TAG_SIDE) and (options.side == OUCH_BUY) != (side == OUCH_BUY)) \
                or (<ClientAccount>self.market.reports.handles[account]).disabled \
                or not (<ClientAccount>self.market.reports.handles[account]).has_room():
            refusal = OUCH_CANCEL_SYSTEM
        if refusal:
            # a replacement that cannot be entered ends the original and leaves the new number unused
            self.entry.rejected += 1
            self.market.cancel(original, 0, refusal)
            return
        self.entry.replaced += 1
        if ouch_has(&options, OUCH_TAG_SIDE):
            side = options.side
        post_only = options.post_only == c'P' if ouch_has(&options, OUCH_TAG_POST_ONLY) else token_post_only(token)
        self.market.replacing = &m
        self.market.replace(original, client_reference(account, m.user_ref_num), m.price, m.quantity, m.time_in_force,
                            post_only, order_token(side, token_capacity(token), m.display, post_only))
        self.market.replacing = NULL
        if self.market.replacement_made:
            (<ClientAccount>self.market.reports.handles[account]).last_user_ref_num = m.user_ref_num

    cdef void _cancel(self, int account, const uint8_t* p, size_t n) noexcept nogil:
        cdef OuchInCancelOrder m
        if ouch_decode_in_cancel_order(p, n, &m) < 0:
            self.entry.malformed += 1
            return
        self.entry.cancel_requests += 1
        self.market.cancel(client_reference(account, m.user_ref_num), m.quantity, OUCH_CANCEL_USER)
        if self.market.last_reject:
            self.entry.ignored += 1

    cdef void _modify(self, int account, const uint8_t* p, size_t n) noexcept nogil:
        cdef OuchInModifyOrder m
        cdef uint64_t reference
        cdef uint32_t handle, token, before
        cdef Order* order
        cdef uint8_t side
        if ouch_decode_in_modify_order(p, n, &m) < 0:
            self.entry.malformed += 1
            return
        self.entry.modify_requests += 1
        reference = client_reference(account, m.user_ref_num)
        handle = self.market.engine.find(reference)
        if handle == 0:
            self.entry.ignored += 1
            return
        order = &self.market.engine.pool.orders[handle]
        token = order.token
        side = token_side(token)
        # only S, T and E may change into each other
        if (m.side == OUCH_SELL or m.side == OUCH_SELL_SHORT or m.side == OUCH_SELL_SHORT_EXEMPT) and side != OUCH_BUY:
            order.token = order_token(m.side, token_capacity(token), token_display(token), token_post_only(token))
            side = m.side
        before = order.shares
        self.market.modifying = True
        self.market.cancel(reference, m.quantity, OUCH_CANCEL_USER)
        self.market.modifying = False
        handle = self.market.engine.find(reference)
        if handle and self.market.engine.order(handle).shares == before:
            self.market.reports.modified(account, self.market.timestamp_ns, m.user_ref_num, side, before)

    cdef void _mass_cancel(self, int account, const uint8_t* p, size_t n) noexcept nogil:
        cdef OuchInMassCancel m
        cdef OuchOptions options
        cdef uint8_t side = 0
        cdef uint16_t refusal = 0
        cdef char blank[14]
        if ouch_decode_in_mass_cancel(p, n, &m) < 0:
            self.entry.malformed += 1
            return
        if not self._fresh(account, m.user_ref_num):
            return
        self.entry.mass_cancels += 1
        if ouch_decode_options(&m.appendage, &options) < 0:
            refusal = OUCH_REJECT_OTHER
        elif not self._own_firm(account, m.firm):
            refusal = OUCH_REJECT_FIRM_NOT_AUTHORIZED
        elif not is_blank(m.symbol, 8) and memcmp(m.symbol, self.market.reports.symbol, 8) != 0:
            refusal = OUCH_REJECT_INVALID_SYMBOL
        if refusal:
            self.entry.rejected += 1
            memset(blank, c' ', 14)
            self.market.reports.rejected(account, self.market.timestamp_ns, m.user_ref_num, refusal, blank)
            return
        self.market.reports.mass_cancelled(account, self.market.timestamp_ns, m.user_ref_num, m.firm, m.symbol)
        if ouch_has(&options, OUCH_TAG_GROUP_ID) and options.group_id:
            return                   # no order here has a group
        if ouch_has(&options, OUCH_TAG_SIDE):
            side = OUCH_BUY if options.side == OUCH_BUY else OUCH_SELL
        self.market.cancel_owner(<uint16_t>(account + 1), side, OUCH_CANCEL_USER)

    cdef void _switch(self, int account, const uint8_t* p, size_t n, bint on) noexcept nogil:
        cdef OuchInDisableOrderEntry disable
        cdef OuchInEnableOrderEntry enable
        cdef uint32_t number
        cdef const char* firm
        cdef char blank[14]
        if (ouch_decode_in_enable_order_entry(p, n, &enable) if on else ouch_decode_in_disable_order_entry(p, n, &disable)) < 0:
            self.entry.malformed += 1
            return
        number = enable.user_ref_num if on else disable.user_ref_num
        firm = <const char*>enable.firm if on else <const char*>disable.firm
        if not self._fresh(account, number):
            return
        if not self._own_firm(account, firm):
            self.entry.rejected += 1
            memset(blank, c' ', 14)
            self.market.reports.rejected(account, self.market.timestamp_ns, number, OUCH_REJECT_FIRM_NOT_AUTHORIZED, blank)
            return
        (<ClientAccount>self.market.reports.handles[account]).disabled = not on
        if on:
            self.market.reports.enabled(account, self.market.timestamp_ns, number, firm)
        else:
            self.market.reports.disabled(account, self.market.timestamp_ns, number, firm)
