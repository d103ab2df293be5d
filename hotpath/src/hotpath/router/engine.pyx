"""The order router's loop. See engine.pxd for the parts; role.py drives it."""
from libc.errno cimport EAGAIN, EINPROGRESS
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy, memset

import os

from hotpath.ipc.atomics cimport load_relaxed_i64, store_relaxed_i64
from hotpath.ipc.clock cimport monotonic_ns, realtime_ns
from hotpath.ipc.journal cimport JournalReader
from hotpath.ipc.messages cimport (
    EVENT_ACCEPTED, EVENT_BROKEN, EVENT_CANCEL_PROOF, EVENT_CANCEL_PROOF_DONE, EVENT_CANCELED, EVENT_EXECUTED,
    EVENT_MODE, EVENT_RECONCILED, EVENT_REFUSED, EVENT_REJECTED, EVENT_REPLACED, EVENT_ROUTER_STARTED,
    EVENT_SESSION_DOWN, EVENT_SESSION_UP, EVENT_STRATEGY_LOST, INTENT_CANCEL, INTENT_MASS_CANCEL, INTENT_NEW,
    INTENT_REPLACE, MODE_ACTIVE, MODE_HALTED, REFUSED_AUDIT_FULL, REFUSED_HALTED,
    REFUSED_INVALID, REFUSED_SESSION_DOWN, BookEvent, ControlBlock, Intent, OrderEvent, PositionBlock,
)
from hotpath.ipc.segment cimport PRODUCER_ALIVE, PRODUCER_CLOSED, PRODUCER_DEAD, PRODUCER_SUPERSEDED
from hotpath.net.sockets cimport (
    close_socket, inet_address, set_quickack, tcp_connect_finish, tcp_connect_start, tcp_recv, tcp_send,
)
from hotpath.protocols.codec cimport CODEC_UNKNOWN_TYPE
from hotpath.protocols.ouch cimport (
    OUCH_OUT_ACCOUNT_QUERY_RESPONSE, OUCH_OUT_REJECTED, OuchInAccountQuery, ouch_encode_in_account_query,
)
from hotpath.protocols.soupbintcp cimport (
    SOUP_CLIENT_HEARTBEAT, SOUP_END_OF_SESSION, SOUP_HEADER_LENGTH, SOUP_LOGIN_ACCEPTED, SOUP_LOGIN_REJECTED,
    SOUP_LOGOUT_REQUEST, SOUP_MAX_PACKET, SOUP_SEQUENCED_DATA, SOUP_UNSEQUENCED_DATA, SoupLoginAccepted,
    SoupLoginRequest, SoupPacket, soup_decode_login_accepted, soup_decode_login_rejected, soup_encode_header,
    soup_encode_login_request, soup_encode_packet, soup_framer_init, soup_framer_next, soup_framer_received,
    soup_framer_reset, soup_framer_space,
)
from hotpath.router.order_state cimport (
    APPLIED, APPLY_DUPLICATE, APPLY_ILLEGAL, MARK_ACCEPTED, MAX_EVENTS, NO_ORDER, OWN_SYMBOL, Order, OrderTable,
    VenueMessage, is_open,
)
from hotpath.router.ouch_reader cimport read_venue_message
from hotpath.router.ouch_writer cimport (
    write_cancel_order, write_enter_order, write_mass_cancel, write_replace_order,
)
from hotpath.router.risk_gate cimport (
    RiskContext, RiskGate, RiskLimits, RiskTarget, effective_mode, lease_held, reference_price,
)

from hotpath.router.risk_gate import REFUSALS

cdef extern from "<unistd.h>" nogil:
    int access(const char* path, int mode)

cdef enum:
    OUT_BUFFER_BYTES = 65536
    OUT_RESERVE = 128             # more than any OUCH message we send, framed
    WAITING_EVENTS = 8192         # venue messages the router takes in while the strategy does not read
    INTENTS_PER_PASS = 16
    PACKETS_PER_PASS = 256
    AUDIT_RESERVE = 4096          # journal records kept back from new orders, for the venue's messages
    RING_RESERVE = 64             # ring slots an intent must leave for answers to what is already sent

cdef int64_t MILLISECOND = 1000000
cdef int64_t HEARTBEAT_AFTER = 1000 * MILLISECOND
cdef int64_t SILENT_AFTER = 5000 * MILLISECOND
cdef int64_t CONNECT_TIMEOUT = 2000 * MILLISECOND
cdef int64_t LOGIN_TIMEOUT = 5000 * MILLISECOND
cdef int64_t KILL_FILE_EVERY = 2 * MILLISECOND
cdef int64_t STRATEGY_EVERY = 5 * MILLISECOND
cdef int64_t MASS_CANCEL_EVERY = 250 * MILLISECOND

AUDIT_RESERVE_RECORDS = AUDIT_RESERVE
GATES = ("epoch", "session", "reconciled", "not_killed", "mode", "lease", "journal", "position", "instrument")
COUNTERS = (
    "intents", "sent_new", "sent_replace", "sent_cancel", "sent_mass_cancel", "accepted", "replaced", "fills", "canceled",
    "rejected", "broken", "refused", "reconnects", "stale_intents_discarded", "ring_stalls", "ring_events_dropped",
    "refusals_not_journaled", "venue_messages", "venue_duplicates", "venue_unknown_types", "venue_illegal_messages",
    "orders_adopted", "events", "open_orders", "position", "mode", "killed",
    *(f"refused_{refusal.name}" for refusal in REFUSALS),
)
LATENCIES = ("intent_to_wire", "tick_to_order", "order_to_ack")
SESSION_STATES = ("idle", "connecting", "logging in", "recovering", "settled", "up")
DOWN_TEXTS = {
    DOWN_CONNECT: "cannot connect", DOWN_CLOSED: "the venue closed the connection", DOWN_SEND: "send failed",
    DOWN_OUT_BUFFER: "the venue does not read: output buffer full", DOWN_SILENT: "no heartbeat from the venue",
    DOWN_LOGIN_REJECTED: "login rejected", DOWN_END_OF_SESSION: "the venue ended the session",
    DOWN_FRAMING: "broken SoupBinTCP framing", DOWN_MESSAGE: "damaged OUCH message",
    DOWN_SEQUENCE: "the venue starts at another sequence number than asked for",
    DOWN_MASS_CANCEL_REJECTED: "the venue rejected the mass cancel; check account.firm",
    DOWN_TIMEOUT: "no answer in time", DOWN_ASKED: "closed by the router", DOWN_FENCED: "open orders are cancelled",
}


cdef bytes _padded(str text, int width, str what):
    raw = text.encode("ascii", "replace")
    if len(raw) > width:
        raise ValueError(f"{what} {text!r} has more than {width} characters")
    return raw.ljust(width)


cdef class RouterEngine:
    def __cinit__(self, *, OrderTable table, RiskGate gate, JournalWriter journal, RingProducer orders,
                  SeqlockWriter position, StatusWriter status, HistogramWriter latency, IdleStrategy idle, int epoch,
                  int locate, str symbol, str firm, str username, str password, str host, int port, limits,
                  str kill_file, int recovery_timeout_ms):
        cdef bytes text
        cdef int i
        if not (table and gate and journal and orders and position and status and latency and idle):
            raise TypeError("RouterEngine: every part is required")
        self.table = table
        self.gate = gate
        self.journal = journal
        self.orders = orders
        self.position_writer = position
        self.status = status
        self.latency = latency
        self.idle = idle
        self.epoch = epoch
        self._locate = locate
        text = _padded(symbol, 8, "instrument.symbol")
        memcpy(self._symbol, <const char*>text, 8)
        text = _padded(firm, 4, "account.firm")
        memcpy(self._firm, <const char*>text, 4)
        text = _padded(username, 6, "account.username")
        memcpy(self._username, <const char*>text, 6)
        text = _padded(password, 10, "the password in account.password_file")
        memcpy(self._password, <const char*>text, 10)
        text = host.encode()
        if inet_address(&self._remote, text, port) < 0:
            raise ValueError(f"order_entry {host}:{port} is not an IPv4 address and port")
        self._kill_path = os.fsencode(kill_file)
        self._kill_file = self._kill_path
        self._fd = -1
        self._recovery_timeout_ns = recovery_timeout_ms * MILLISECOND
        self._in_buffer = <uint8_t*>malloc(SOUP_MAX_PACKET)
        self._out = <uint8_t*>malloc(OUT_BUFFER_BYTES)
        self._out_capacity = OUT_BUFFER_BYTES
        self._waiting = <OrderEvent*>calloc(WAITING_EVENTS, sizeof(OrderEvent))
        if not (self._in_buffer and self._out and self._waiting):
            raise MemoryError("RouterEngine: no memory for the buffers")
        soup_framer_init(&self._framer, self._in_buffer, SOUP_MAX_PACKET)
        for i in range(len(COUNTERS)):
            self._counters[i] = status.counter(i)
        memset(self._refusal_counter, 0, sizeof(self._refusal_counter))
        for i, refusal in enumerate(REFUSALS):
            self._refusal_counter[refusal.code] = COUNT_FIRST_REFUSAL + i
        self._config_limits.max_order_quantity = limits.max_order_quantity
        self._config_limits.max_notional = limits.max_notional
        self._config_limits.max_position = limits.max_position
        self._config_limits.collar_bps = limits.collar_bps
        self._config_limits.max_messages_per_second = limits.max_messages_per_second
        self._config_limits.max_open_orders = limits.max_open_orders
        self.gate.set_limits(&self._config_limits)
        self.mode = MODE_ACTIVE
        self.lease_ok = True

    def __dealloc__(self):
        close_socket(&self._fd)
        free(self._waiting)
        free(self._out)
        free(self._in_buffer)

    # ---- the loop

    def poll(self, int64_t until_ns):
        """Run until the monotonic time, or until `attention`: something that the role has to see. Releases the GIL."""
        cdef int64_t now
        cdef bint worked
        with nogil:
            self.attention = False
            while True:
                now = monotonic_ns()
                worked = self._pass(now)
                if self.attention or now >= until_ns:
                    break
                if worked:
                    self.idle.reset()
                else:
                    self.idle.idle_until_fd(self._fd)

    cdef bint _pass(self, int64_t now) noexcept nogil:
        cdef bint worked
        self._heartbeats(now)
        self._check_control(now)
        self._check_kill_file(now)
        self._check_strategy(now)
        worked = self._poll_session(now)
        if self._waiting_head != self._waiting_tail:
            worked |= self._publish_waiting()
        worked |= self._poll_intents(now)
        self._flatten(now)
        if self._out_head != self._out_tail:
            self._flush(now)
        self._store(COUNT_OPEN_ORDERS, self.table.open_count)
        return worked

    cdef void _heartbeats(self, int64_t now) noexcept nogil:
        self.status.heartbeat(now)
        self.orders.heartbeat(now)
        self.position_writer.heartbeat(now)
        self.latency.heartbeat(now)
        if self._intents is not None:
            self._intents.heartbeat(now)

    cdef void _count(self, int index) noexcept nogil:
        store_relaxed_i64(self._counters[index], load_relaxed_i64(self._counters[index]) + 1)

    cdef void _store(self, int index, int64_t value) noexcept nogil:
        store_relaxed_i64(self._counters[index], value)

    # ---- control: limits, mode, kill

    cdef void _check_control(self, int64_t now) noexcept nogil:
        cdef ControlBlock block
        cdef RiskLimits limits
        cdef int mode = MODE_ACTIVE
        cdef bint rearmed = False
        if self._control is not None:
            if self._control.version() != self._control_version or not self.control_present:
                self._control_version = self._control.read(&block)
                if self._control_version:
                    rearmed = self._rearms_known and block.rearms > self._rearms
                    self._rearms = block.rearms
                    self._rearms_known = True
                    self._control_block = block
                    self.control_present = True
                    limits.max_order_quantity = block.max_order_quantity
                    limits.max_notional = block.max_notional
                    limits.max_position = block.max_position
                    limits.collar_bps = block.collar_bps
                    limits.max_messages_per_second = block.max_messages_per_second
                    limits.max_open_orders = block.max_open_orders
                    self.gate.set_limits(&limits)
            if self.control_present:
                mode = effective_mode(&self._control_block, now)
                self.lease_required = self._control_block.lease_expires_mono_ns != 0
                self.lease_ok = lease_held(&self._control_block, now)
        if self.halted:
            mode = MODE_HALTED
        if mode != self.mode:
            if mode < self.mode:
                self._want_flat = True
            self.mode = mode
            self._store(COUNT_MODE, mode)
            self._emit_plain(EVENT_MODE, 0, 0, mode)
            self.attention = True
        if self.control_present and self._control_block.killed:
            self._latch_kill()
        elif self.killed and rearmed:
            self._kill_checked_ns = 0            # the file may have come since the last look
            self._check_kill_file(now)
            if not self.kill_file_present:
                self.killed = False
                self._store(COUNT_KILLED, 0)
                self.attention = True

    cdef void _latch_kill(self) noexcept nogil:
        if not self.killed:
            self.killed = True
            self._want_flat = True
            self._store(COUNT_KILLED, 1)
            self.attention = True

    cdef void _check_kill_file(self, int64_t now) noexcept nogil:
        if now - self._kill_checked_ns < KILL_FILE_EVERY:
            return
        self._kill_checked_ns = now
        self.kill_file_present = access(self._kill_file, 0) == 0
        if self.kill_file_present:
            self._latch_kill()

    cdef void _check_strategy(self, int64_t now) noexcept nogil:
        cdef int state
        if not self.strategy_present or now - self._strategy_checked_ns < STRATEGY_EVERY:
            return
        self._strategy_checked_ns = now
        state = self._intents.producer_state(now)
        if state == PRODUCER_DEAD or state == PRODUCER_CLOSED or state == PRODUCER_SUPERSEDED:
            self.strategy_present = False
            self._store(COUNT_STALE_INTENTS,
                        load_relaxed_i64(self._counters[<int>COUNT_STALE_INTENTS]) + <int64_t>self._intents.skip_to_tail())
            self._emit_plain(EVENT_STRATEGY_LOST, self.table.open_count, 0, <uint8_t>state)
            self._want_flat = True
            self.attention = True

    cdef void _flatten(self, int64_t now) noexcept nogil:
        """Nothing may stay open while killed, halted or draining, nor what was open when the mode fell or the strategy died."""
        if self.draining or self.killed or self.halted:
            self._want_flat = True
        if not self._want_flat:
            return
        if self.table.open_count == self.table.foreign_open:
            self._want_flat = False
            self.attention |= self.draining
        elif self.session_state >= SESSION_SETTLED and now - self._mass_cancel_ns >= MASS_CANCEL_EVERY:
            self._send_mass_cancel(now)

    # ---- session

    cdef bint _poll_session(self, int64_t now) noexcept nogil:
        cdef int code
        cdef bint worked = False
        if self.session_state == SESSION_IDLE:
            return False
        if self.session_state == SESSION_CONNECTING:
            code = tcp_connect_finish(self._fd)
            if code == 0:
                self._send_login(now)
                return True
            if code != -EINPROGRESS:
                self._down(DOWN_CONNECT, -code)
            elif now > self._phase_deadline_ns:
                self._down(DOWN_TIMEOUT, SESSION_CONNECTING)
            return False
        worked = self._receive(now)
        if self.session_state == SESSION_IDLE:
            return worked
        if self.session_state == SESSION_LOGGING_IN or self.session_state == SESSION_RECOVERING:
            if now > self._phase_deadline_ns:
                self._down(DOWN_TIMEOUT, self.session_state)
                return worked
        if self.recovery == RECOVERY_DRAIN:
            self._check_drained(now)
        if now - self._received_ns > SILENT_AFTER:
            self._down(DOWN_SILENT, 0)
        elif now - self._sent_ns > HEARTBEAT_AFTER and self._out_head == self._out_tail:
            self._send_plain(SOUP_CLIENT_HEARTBEAT)
        return worked

    cdef void _down(self, int reason, int detail) noexcept nogil:
        cdef bint was_in = self.session_state >= SESSION_RECOVERING and self.recovery != RECOVERY_NUMBER
        if self.recovery == RECOVERY_FENCE:
            was_in = False
        close_socket(&self._fd)
        self.session_state = SESSION_IDLE
        self.recovery = RECOVERY_NONE
        self.reconciled = False
        self.down_reason = reason
        self.down_detail = detail
        self._out_head = self._out_tail = 0
        soup_framer_reset(&self._framer)
        if was_in:
            self._emit_plain(EVENT_SESSION_DOWN, self.table.open_count, 0, reason)
        self.attention = True

    cdef uint8_t* _reserve(self, size_t size) noexcept nogil:
        if self._out_head == self._out_tail:
            self._out_head = self._out_tail = 0
        if self._out_tail + size > self._out_capacity:
            self._down(DOWN_OUT_BUFFER, 0)
            return NULL
        return self._out + self._out_tail

    cdef void _commit(self, size_t size) noexcept nogil:
        self._out_tail += size

    cdef void _flush(self, int64_t now) noexcept nogil:
        cdef Py_ssize_t count
        while self._out_head != self._out_tail:
            count = tcp_send(self._fd, self._out + self._out_head, self._out_tail - self._out_head)
            if count == -EAGAIN:
                return
            if count <= 0:
                self._down(DOWN_SEND, <int>-count)
                return
            self._out_head += <size_t>count
            self._sent_ns = now
        self._out_head = self._out_tail = 0

    cdef void _send_plain(self, uint8_t packet_type) noexcept nogil:
        cdef uint8_t* out = self._reserve(SOUP_HEADER_LENGTH)
        if out != NULL:
            self._commit(soup_encode_packet(packet_type, NULL, 0, out, SOUP_HEADER_LENGTH))

    cdef void _send_login(self, int64_t now) noexcept nogil:
        cdef SoupLoginRequest login
        cdef uint8_t* out = self._reserve(64)
        if out == NULL:
            return
        memset(&login, 0, sizeof(login))
        memcpy(login.username, self._username, sizeof(login.username))
        memcpy(login.password, self._password, sizeof(login.password))
        memset(login.requested_session, c' ', sizeof(login.requested_session))
        login.requested_sequence_number = self._login_sequence
        self._commit(soup_encode_login_request(&login, out, 64))
        self.session_state = SESSION_LOGGING_IN
        self._phase_deadline_ns = now + LOGIN_TIMEOUT
        self._received_ns = now
        self._flush(now)

    cdef bint _receive(self, int64_t now) noexcept nogil:
        cdef uint8_t* where
        cdef size_t space
        cdef Py_ssize_t count
        cdef int length
        cdef int packets = 0
        cdef SoupPacket packet
        cdef bint more = True
        cdef int state
        while packets < PACKETS_PER_PASS:
            length = 0
            if not self._room(MAX_EVENTS):      # never read what cannot be journaled; TCP holds it for us
                if not self.audit_full:
                    self.audit_full = True
                    self.attention = True
                return packets > 0
            length = soup_framer_next(&self._framer, &packet)
            if length < 0:
                self._down(DOWN_FRAMING, length)
                return True
            if length > 0:
                packets += 1
                self._on_packet(&packet, now)
                if self.session_state == SESSION_IDLE:
                    return True
                continue
            if not more:
                break
            space = soup_framer_space(&self._framer, &where)
            count = tcp_recv(self._fd, where, space)
            if count == -EAGAIN:
                break
            if count <= 0:
                self._down(DOWN_CLOSED, <int>-count)
                return True
            # not `now`: a process that was held up since then would call a session silent that it has just heard
            self._received_ns = monotonic_ns()
            set_quickack(self._fd)
            soup_framer_received(&self._framer, <size_t>count)
            more = <size_t>count == space
        return packets > 0

    cdef void _on_packet(self, const SoupPacket* packet, int64_t now) noexcept nogil:
        cdef uint8_t reason = 0
        cdef uint8_t kind = packet.packet_type
        if kind == SOUP_SEQUENCED_DATA or kind == SOUP_UNSEQUENCED_DATA:
            if self.session_state < SESSION_RECOVERING:
                self._down(DOWN_FRAMING, kind)
                return
            self._on_message(packet.payload, packet.payload_length, kind == SOUP_SEQUENCED_DATA, now)
        elif kind == SOUP_LOGIN_ACCEPTED and self.session_state == SESSION_LOGGING_IN:
            self._on_login_accepted(packet, now)
        elif kind == SOUP_LOGIN_REJECTED:
            soup_decode_login_rejected(packet, &reason)
            self._down(DOWN_LOGIN_REJECTED, reason)
        elif kind == SOUP_END_OF_SESSION:
            self._down(DOWN_END_OF_SESSION, 0)

    cdef void _on_login_accepted(self, const SoupPacket* packet, int64_t now) noexcept nogil:
        cdef SoupLoginAccepted accepted
        cdef OrderEvent event
        cdef int32_t slot
        if soup_decode_login_accepted(packet, &accepted) < 0:
            self._down(DOWN_FRAMING, packet.packet_type)
            return
        if memcmp(accepted.session, self.table.session, sizeof(accepted.session)) != 0:
            # a new venue day: what was open in the old one can no longer be asked about
            slot = self.table.open.first
            while slot != NO_ORDER and self._room(AUDIT_RESERVE // 2):
                if self.table.orders[slot].session_index == self.table.session_index:
                    self.table.mark_unknown(slot, &event)
                    self._emit(&event)
                slot = self.table.orders[slot].next
            if self.table.session_index:
                self.session_changed = True
            self.table.begin_session(accepted.session)
            if self._login_sequence:
                self._down(DOWN_SEQUENCE, 0)
                return
        if self._login_sequence == 0:
            self._next_sequence = accepted.sequence_number
            self.recovery = RECOVERY_NUMBER
        elif accepted.sequence_number != self._login_sequence:
            self._down(DOWN_SEQUENCE, 0)
            return
        else:
            self._next_sequence = accepted.sequence_number
            self.recovery = RECOVERY_DRAIN
            if self._view is not None:
                self._view.adopt_session(self.table)
        self.session_state = SESSION_RECOVERING
        self._phase_deadline_ns = now + self._recovery_timeout_ns
        if self.recovery == RECOVERY_NUMBER:
            self._send_account_query()
        else:
            self._emit_plain(EVENT_SESSION_UP, 0, 0, 0)

    cdef void _on_message(self, const uint8_t* data, size_t size, bint sequenced, int64_t now) noexcept nogil:
        cdef VenueMessage message
        cdef OrderEvent events[MAX_EVENTS]
        cdef OrderEvent ignored[MAX_EVENTS]
        cdef uint64_t adopted = self.table.adopted
        cdef int rc = read_venue_message(data, size, &message)
        cdef int count, i
        if rc < 0 and rc != CODEC_UNKNOWN_TYPE:
            self.halted = True
            self._down(DOWN_MESSAGE, message.type)
            return
        if sequenced:
            message.sequence = self._next_sequence
            self._next_sequence += 1
        self._count(COUNT_VENUE_MESSAGES)
        if rc == CODEC_UNKNOWN_TYPE:
            self._count(COUNT_UNKNOWN_TYPES)
            return
        if self.recovery == RECOVERY_NUMBER or self.recovery == RECOVERY_FENCE:
            # the second connection reads these in their place in the stream
            if message.type == OUCH_OUT_ACCOUNT_QUERY_RESPONSE:
                self._on_query_response(message.user_ref_num, now)
            elif (message.type == OUCH_OUT_REJECTED and message.user_ref_num == self._fence
                    and self.recovery == RECOVERY_FENCE):
                self._down(DOWN_MASS_CANCEL_REJECTED, message.reason)
            return
        if sequenced:
            if self._view is not None:
                self._view.apply(&message, ignored)
            count = self.table.apply(&message, events)
            if self.table.outcome == APPLY_DUPLICATE:
                self._count(COUNT_DUPLICATES)
            elif self.table.outcome == APPLY_ILLEGAL:
                self._count(COUNT_ILLEGAL)
            if self.table.adopted != adopted:
                self._count(COUNT_ADOPTED)
            if self.session_state == SESSION_UP and (
                    self.table.outcome == APPLY_ILLEGAL or self.table.adopted != adopted):
                self.halted = True      # our picture of the venue is wrong: stop and let a person look
                self.attention = True
            for i in range(count):
                if events[i].kind == EVENT_ACCEPTED:
                    self._count(COUNT_ACCEPTED)
                elif events[i].kind == EVENT_REPLACED:
                    self._count(COUNT_REPLACED)
                elif events[i].kind == EVENT_EXECUTED:
                    self._count(COUNT_FILLS)
                elif events[i].kind == EVENT_CANCELED:
                    self._count(COUNT_CANCELED)
                elif events[i].kind == EVENT_REJECTED:
                    self._count(COUNT_REJECTED)
                elif events[i].kind == EVENT_BROKEN:
                    self._count(COUNT_BROKEN)
                if (self.session_state == SESSION_UP and events[i].sent_ns
                        and (events[i].kind == EVENT_ACCEPTED or events[i].kind == EVENT_REPLACED)):
                    self.latency.record(LATENCY_ORDER_TO_ACK, now - events[i].sent_ns)
                self._emit(&events[i])

    cdef void _on_query_response(self, uint32_t next_number, int64_t now) noexcept nogil:
        """A stale response can be read only as the one message before the login: its number is then still the right one."""
        if self.recovery == RECOVERY_NUMBER:
            if next_number and next_number - 1 > self.table.last_number:
                self.table.last_number = next_number - 1
            if self._send_mass_cancel(now) and self._send_account_query():
                self.recovery = RECOVERY_FENCE
        elif next_number > self._fence:
            # from here on the venue ignores every number up to the fence, and the stream up to here settles all orders
            self._stream_end = self._next_sequence
            self._down(DOWN_FENCED, 0)

    cdef void _check_drained(self, int64_t now) noexcept nogil:
        cdef int32_t slot = self.table.open.first
        cdef OrderEvent event
        if self._next_sequence < self._stream_end:
            return
        while slot != NO_ORDER:
            if (self.table.orders[slot].session_index == self.table.session_index
                    and self.table.orders[slot].marks & MARK_ACCEPTED):
                return
            slot = self.table.orders[slot].next
        while self._room(AUDIT_RESERVE // 2) and (
                self.table.settle_lapsed(&event) or self.table.settle_unacknowledged(self._fence, &event)):
            self._emit(&event)
        self.recovery = RECOVERY_NONE
        self.session_state = SESSION_SETTLED
        self.attention = True

    cdef bint _send_account_query(self) noexcept nogil:
        cdef OuchInAccountQuery query
        cdef uint8_t* out = self._reserve(OUT_RESERVE)
        cdef int size
        if out == NULL:
            return False
        memset(&query, 0, sizeof(query))
        size = ouch_encode_in_account_query(&query, out + SOUP_HEADER_LENGTH, OUT_RESERVE - SOUP_HEADER_LENGTH)
        self._commit(soup_encode_header(SOUP_UNSEQUENCED_DATA, size, out, OUT_RESERVE))
        return True

    cdef bint _send_mass_cancel(self, int64_t now) noexcept nogil:
        cdef OrderEvent event
        cdef uint32_t number = self.table.last_number + 1
        cdef int size
        cdef uint8_t* out
        if not self._room(1):
            return False
        out = self._reserve(OUT_RESERVE)
        if out == NULL:
            return False
        size = write_mass_cancel(number, self._firm, out + SOUP_HEADER_LENGTH, OUT_RESERVE - SOUP_HEADER_LENGTH)
        self.table.mass_cancel_sent(number, &event)
        event.sent_ns = now
        self._journal(&event)
        self._commit(soup_encode_header(SOUP_UNSEQUENCED_DATA, size, out, OUT_RESERVE))
        self._flush(now)
        self._publish(&event)
        self._fence = number
        self._mass_cancel_ns = now
        self._count(COUNT_SENT_MASS_CANCEL)
        return self.session_state != SESSION_IDLE

    # ---- intents

    cdef bint _poll_intents(self, int64_t now) noexcept nogil:
        cdef const Intent* intent
        cdef int i
        if not self.strategy_present:
            return False
        for i in range(INTENTS_PER_PASS):
            if self._waiting_head != self._waiting_tail or self.orders.free_slots() < RING_RESERVE:
                if self._intents.poll() != NULL:
                    if self.orders.reclaim() < 0:       # a live strategy that does not read: it has to wait
                        self._count(COUNT_STALLS)
                        return i > 0
            intent = <const Intent*>self._intents.poll()
            if intent == NULL:
                return i > 0
            self._count(COUNT_INTENTS)
            self._on_intent(intent, monotonic_ns())
            self._intents.release()
        return True

    cdef void _fill_context(self, RiskContext* context, const Intent* intent, int64_t now) noexcept nogil:
        context.now_ns = now
        context.position = self.table.own.position
        context.open_buy = self.table.own.open_buy
        context.open_sell = self.table.own.open_sell
        context.open_orders = self.table.open_count
        context.reference_price = 0
        context.router_epoch = self.epoch
        context.strategy_epoch = self.table.id_epoch
        context.last_order_id = self.table.last_order_id
        context.mode = <uint8_t>self.mode
        context.killed = self.killed
        context.session_up = self.session_state >= SESSION_SETTLED
        context.pool_full = not self.table.has_room()
        # a session that is down is its own reason, so halting for reconciliation counts only while one is up
        if self.draining or (context.session_up and not self.reconciled):
            context.mode = MODE_HALTED
        if intent.kind == INTENT_NEW or intent.kind == INTENT_REPLACE:
            context.reference_price = self._reference(now)

    cdef int64_t _reference(self, int64_t now) noexcept nogil:
        cdef BookEvent book
        if self._top is None or self._top.writer_state(now) != PRODUCER_ALIVE or self._top.read(&book) == 0:
            return 0
        return reference_price(&book)

    cdef void _on_intent(self, const Intent* intent, int64_t now) noexcept nogil:
        cdef RiskContext context
        cdef int reason
        if not self._room(AUDIT_RESERVE) and (intent.kind == INTENT_NEW or intent.kind == INTENT_REPLACE):
            self.audit_full = True
            self._refuse(intent, REFUSED_AUDIT_FULL)
            return
        self._fill_context(&context, intent, now)
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
            elif self.table.open_count != self.table.foreign_open:
                self._send_mass_cancel(now)
        else:
            self._refuse(intent, REFUSED_INVALID)

    cdef void _new(self, const Intent* intent, RiskContext* context) noexcept nogil:
        cdef OrderEvent event
        cdef uint8_t* out
        cdef uint32_t number = self.table.last_number + 1
        cdef int size
        cdef int64_t sent
        cdef int reason = self.gate.check_new(intent, context)
        if reason:
            self._refuse(intent, reason)
            return
        out = self._reserve(OUT_RESERVE)
        if out == NULL:
            self._refuse(intent, REFUSED_SESSION_DOWN)
            return
        size = write_enter_order(intent, number, self._symbol, out + SOUP_HEADER_LENGTH, OUT_RESERVE - SOUP_HEADER_LENGTH)
        sent = monotonic_ns()
        if size < 0 or self.table.add_new(number, intent.strategy_epoch, intent.order_id, intent.side,
                                          intent.time_in_force, intent.flags, intent.price, intent.quantity,
                                          intent.tick_received_ns, sent, &event) == NO_ORDER:
            self._refuse(intent, REFUSED_INVALID)
            return
        if not self._journal(&event):
            return
        self._commit(soup_encode_header(SOUP_UNSEQUENCED_DATA, size, out, OUT_RESERVE))
        self._flush(sent)
        self._record_sent(intent)
        self._publish(&event)
        self._count(COUNT_SENT_NEW)

    cdef void _record_sent(self, const Intent* intent) noexcept nogil:
        cdef int64_t done = monotonic_ns()
        self.latency.record(LATENCY_INTENT_TO_WIRE, done - intent.created_ns)
        if intent.tick_received_ns:
            self.latency.record(LATENCY_TICK_TO_ORDER, done - intent.tick_received_ns)

    cdef void _replace(self, const Intent* intent, RiskContext* context) noexcept nogil:
        cdef OrderEvent event
        cdef RiskTarget target
        cdef uint8_t* out
        cdef uint32_t number = self.table.last_number + 1
        cdef int size, reason
        cdef int64_t sent
        cdef Order* order = NULL
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
        out = self._reserve(OUT_RESERVE)
        if out == NULL:
            self._refuse(intent, REFUSED_SESSION_DOWN)
            return
        size = write_replace_order(intent, order, number, out + SOUP_HEADER_LENGTH, OUT_RESERVE - SOUP_HEADER_LENGTH)
        sent = monotonic_ns()
        if size < 0 or self.table.add_replace(slot, number, intent.new_order_id, intent.price,
                                              intent.quantity, intent.tick_received_ns, sent, &event) == NO_ORDER:
            self._refuse(intent, REFUSED_INVALID)
            return
        if not self._journal(&event):
            return
        self._commit(soup_encode_header(SOUP_UNSEQUENCED_DATA, size, out, OUT_RESERVE))
        self._flush(sent)
        self._record_sent(intent)
        self._publish(&event)
        self._count(COUNT_SENT_REPLACE)

    cdef void _cancel(self, const Intent* intent, RiskContext* context) noexcept nogil:
        cdef RiskTarget target
        cdef int reason
        cdef uint32_t replacement
        cdef int32_t slot = self.table.find_own(intent.strategy_epoch, intent.order_id)
        memset(&target, 0, sizeof(target))
        if slot != NO_ORDER:
            target.live = self.table.can_cancel(slot)
        reason = self.gate.check_cancel(intent, &target, context)
        if reason:
            self._refuse(intent, reason)
            return
        replacement = self.table.orders[slot].next_user_ref_num
        if not self._send_cancel(slot, context.now_ns):
            self._refuse(intent, REFUSED_SESSION_DOWN)
            return
        # a replace may be on its way: whichever of the two the venue has when it reads this, it goes
        slot = self.table.find(replacement) if replacement else NO_ORDER
        if slot != NO_ORDER and self.table.can_cancel(slot):
            self._send_cancel(slot, context.now_ns)

    cdef bint _send_cancel(self, int32_t slot, int64_t now) noexcept nogil:
        cdef OrderEvent event
        cdef int size
        cdef uint8_t* out
        if not self._room(1):
            return False
        out = self._reserve(OUT_RESERVE)
        if out == NULL:
            return False
        size = write_cancel_order(self.table.orders[slot].user_ref_num, out + SOUP_HEADER_LENGTH,
                                  OUT_RESERVE - SOUP_HEADER_LENGTH)
        self.table.cancel_sent(slot, now, &event)
        self._journal(&event)
        self._commit(soup_encode_header(SOUP_UNSEQUENCED_DATA, size, out, OUT_RESERVE))
        self._flush(now)
        self._publish(&event)
        self._count(COUNT_SENT_CANCEL)
        return True

    cdef void _refuse(self, const Intent* intent, int reason) noexcept nogil:
        cdef OrderEvent event
        self._count(COUNT_REFUSED)
        self._count(self._refusal_counter[reason])
        if not self._room(AUDIT_RESERVE // 2):
            self._count(COUNT_UNJOURNALED_REFUSALS)
            return
        self.table.refuse(intent, reason, &event)
        self._emit(&event)

    # ---- events

    cdef bint _room(self, uint64_t records) noexcept nogil:
        return self.journal.free_records() >= records

    cdef bint _is_own(self, const OrderEvent* event) noexcept nogil:
        return memcmp(event.symbol, self._symbol, sizeof(event.symbol)) == 0

    cdef bint _journal(self, OrderEvent* event) noexcept nogil:
        """Whether it is on record, which an order must be before it is sent. Callers have checked _room."""
        event.wall_ns = realtime_ns()
        event.mono_ns = monotonic_ns()
        event.epoch = self.epoch
        # the locates of other symbols are not known here
        event.locate = self._locate if self._is_own(event) else 0
        memcpy(event.session, self.table.session, sizeof(event.session))
        event.sequence = self.journal.next_sequence()
        if self.journal.append(event) == 0:
            # only a disk error can bring us here: what is not on record must not go on
            self.audit_full = True
            self.halted = True
            self.attention = True
            event.sequence = 0
            return False
        self._count(COUNT_EVENTS)
        return True

    cdef void _publish(self, const OrderEvent* event) noexcept nogil:
        cdef void* slot
        self._write_position(event.sequence)
        if not self._is_own(event):     # the ring is the instrument's; the journal has the event
            return
        if self._waiting_head == self._waiting_tail:
            slot = self.orders.claim()
            if slot == NULL and self.orders.reclaim() > 0:
                slot = self.orders.claim()
            if slot != NULL:
                memcpy(slot, event, sizeof(OrderEvent))
                self.orders.publish()
                return
        if self._waiting_tail - self._waiting_head == WAITING_EVENTS:
            # the strategy is alive but has not read for long: the journal has the event, its copy has a gap
            self._count(COUNT_RING_DROPPED)
            self._want_flat = True
            return
        self._waiting[self._waiting_tail % WAITING_EVENTS] = event[0]
        self._waiting_tail += 1

    cdef bint _publish_waiting(self) noexcept nogil:
        cdef void* slot
        cdef bint worked = False
        while self._waiting_head != self._waiting_tail:
            slot = self.orders.claim()
            if slot == NULL:
                if self.orders.reclaim() > 0:
                    continue
                return worked
            memcpy(slot, &self._waiting[self._waiting_head % WAITING_EVENTS], sizeof(OrderEvent))
            self.orders.publish()
            self._waiting_head += 1
            worked = True
        return worked

    cdef void _emit(self, OrderEvent* event) noexcept nogil:
        self._journal(event)
        self._publish(event)

    cdef void _emit_plain(self, uint8_t kind, int64_t quantity, int64_t last_quantity, uint8_t reason) noexcept nogil:
        cdef OrderEvent event
        if not self._room(1):
            return
        self.table.describe(NO_ORDER, kind, &event)
        event.quantity = quantity
        event.last_quantity = last_quantity
        event.reason = reason
        self._emit(&event)

    cdef void _write_position(self, uint64_t sequence) noexcept nogil:
        cdef PositionBlock block
        memset(&block, 0, sizeof(block))
        block.sequence = sequence
        block.epoch = self.epoch
        block.locate = self._locate
        block.position = self.table.own.position
        block.bought = self.table.own.bought
        block.sold = self.table.own.sold
        block.bought_notional = self.table.own.bought_notional
        block.sold_notional = self.table.own.sold_notional
        block.open_buy = self.table.own.open_buy
        block.open_sell = self.table.own.open_sell
        block.open_orders = self.table.own.open_count
        self.position_writer.write(&block)
        self._store(COUNT_POSITION, self.table.own.position)

    # ---- what the role asks for

    def connect(self, uint64_t sequence=0, OrderTable view=None):
        """Start a connection to the venue's current session.

        sequence 0: the fence. Cancel everything, under a number above all others, and learn where the stream ends
        then; the connection closes with `fenced`. Otherwise log in at `sequence`, at most one above the own table's last,
        and read on from there: once nothing is open and the fence is passed, the session is settled. `view` gets the same
        stream as the own table, for the comparison afterwards.
        """
        if self.session_state != SESSION_IDLE:
            raise ValueError("connect: there is a connection already")
        self._login_sequence = sequence
        self._view = view
        self.session_changed = False
        self.down_reason = DOWN_NONE
        self._fd = tcp_connect_start(&self._remote)
        if self._fd < 0:
            self.down_reason = DOWN_CONNECT
            self.down_detail = -self._fd
            self._fd = -1
            return
        self.session_state = SESSION_CONNECTING
        self._phase_deadline_ns = monotonic_ns() + CONNECT_TIMEOUT

    def disconnect(self, bint logout=False):
        """Close the connection, after a Logout Request when asked."""
        if self.session_state == SESSION_IDLE:
            return
        if logout and self.session_state >= SESSION_RECOVERING:
            self._send_plain(SOUP_LOGOUT_REQUEST)
            self._flush(monotonic_ns())
        if self.session_state != SESSION_IDLE:
            self._down(DOWN_ASKED, 0)

    def start(self):
        """First event of the epoch."""
        self._emit_plain(EVENT_ROUTER_STARTED, 0, 0, 0)
        self._store(COUNT_MODE, self.mode)

    def finish_recovery(self, compared, breaks, bint within, bint reconciled):
        """Journal the comparison's result. Not within the allowed breaks: halted. Reconciled: the session takes orders."""
        self._view = None
        self._emit_plain(EVENT_RECONCILED, compared, breaks, 0)
        if not within:
            self.halted = True
        self.reconciled = reconciled
        self.session_state = SESSION_UP

    def count_reconnect(self):
        self._count(COUNT_RECONNECTS)

    def attach_intents(self, RingConsumer intents not None):
        """Take intents from this ring, from its tail on."""
        self._intents = intents
        self.strategy_present = True
        self._store(COUNT_STALE_INTENTS,
                    load_relaxed_i64(self._counters[<int>COUNT_STALE_INTENTS]) + <int64_t>intents.discarded)

    def attach_control(self, SeqlockReader control):
        """The block that governs limits, mode and kill; None: the configured limits and mode ACTIVE do."""
        self._control = control
        if control is not None and control.segment.header.instance != self._control_instance:
            self._control_instance = control.segment.header.instance
            self._control_version = 0
            self._rearms_known = False

    def attach_top(self, SeqlockReader top):
        self._top = top

    def latch_kill(self):
        """As if the kill file were there: a kill from before this process started."""
        self._latch_kill()

    def check_kill_file(self):
        self._kill_checked_ns = 0
        self._check_kill_file(monotonic_ns())

    def audit_has_room(self):
        """Whether new orders may be journaled; clears `audit_full` when there is room again."""
        if self.audit_full and self._room(AUDIT_RESERVE) and not self.halted:
            self.audit_full = False
        return not self.audit_full and self._room(AUDIT_RESERVE)

    def mark_open_unknown(self):
        """EVENT_ORDER_UNKNOWN for every open order that is not unknown yet; returns how many."""
        cdef OrderEvent event
        cdef int32_t slot = self.table.open.first
        count = 0
        while slot != NO_ORDER:
            if not self.table.is_unknown(slot) and self._room(1):
                self.table.mark_unknown(slot, &event)
                self._emit(&event)
                count += 1
            slot = self.table.orders[slot].next
        return count

    def settle_foreign(self):
        """A person vouches that nothing of an earlier venue session is open: EVENT_CANCELED, reason S. Returns how many."""
        cdef OrderEvent event
        count = 0
        while self._room(1) and self.table.settle_foreign(&event):
            self._emit(&event)
            count += 1
        return count

    def write_proof(self, list proven):
        """Journal the proof: one event per order of `proven` (dicts of table.open_orders() at the signal), then the summary event.

        Returns the orders as they are now, and the number of unknown ones.
        """
        cdef OrderEvent event
        cdef int32_t slot
        cdef int64_t unknown = 0
        final = []
        for order in proven:
            slot = order["slot"]    # open ones are never moved; one that died is reused only when the pool is full
            if self.table.orders[slot].user_ref_num != order["user_ref_num"]:
                unknown += 1
                final.append(order | {"state": "UNKNOWN"})
                continue
            if is_open(self.table.orders[slot].state):
                unknown += 1
            if self._room(1):
                self.table.describe(slot, EVENT_CANCEL_PROOF, &event)
                self._emit(&event)
            final.append(self.table._order_fields(slot))
        self._emit_plain(EVENT_CANCEL_PROOF_DONE, len(proven), unknown, 0)
        return final, unknown

    @property
    def fd(self):
        return self._fd

    @property
    def session(self):
        return self.table.session[:10]

    @property
    def login_sequence(self):
        return self._login_sequence

    @property
    def max_position(self):
        return self.gate.limits.max_position

    @property
    def next_venue_sequence(self):
        return self._next_sequence

    @property
    def events_waiting(self):
        return self._waiting_tail - self._waiting_head

    def describe_down(self):
        """Why the last connection ended, as one phrase."""
        text = DOWN_TEXTS.get(self.down_reason, "")
        if self.down_reason in (DOWN_CONNECT, DOWN_SEND, DOWN_CLOSED) and self.down_detail:
            text += f" ({os.strerror(self.down_detail)})"
        elif self.down_reason == DOWN_LOGIN_REJECTED:
            text += {ord("A"): " (not authorized: check account.username and account.password_file)",
                     ord("S"): " (session not available)"}.get(self.down_detail, f" ({chr(self.down_detail)})")
        elif self.down_reason == DOWN_MESSAGE:
            text += f" of type {chr(self.down_detail)}"
        elif self.down_reason == DOWN_TIMEOUT:
            text += f" while {SESSION_STATES[self.down_detail]}"
        elif self.down_reason == DOWN_MASS_CANCEL_REJECTED:
            text += f" (reason 0x{self.down_detail:02X})"
        return text

    @property
    def fenced(self):
        """The last connection ended because the fence is in place: log in again to read the stream."""
        return self.down_reason == DOWN_FENCED


def restore_table(OrderTable table not None, JournalReader reader not None, uint64_t before_venue_sequence=0):
    """Apply journal records up to the end, or up to the first of the last session from `before_venue_sequence` on.

    Returns (records applied, last epoch).
    """
    cdef const OrderEvent* event
    cdef uint64_t count = 0
    cdef uint32_t epoch = 0
    with nogil:
        while True:
            event = <const OrderEvent*>reader.poll()
            if event == NULL:
                break
            if (before_venue_sequence and event.venue_sequence >= before_venue_sequence
                    and memcmp(event.session, table.session, 10) == 0):
                break
            table.restore(event)
            count += 1
            if event.epoch > epoch:
                epoch = event.epoch
    if table.symbols_full:
        raise OSError("order-event journal: orders of more symbols than one router keeps apart; begin a new data_dir")
    if reader.failed():
        raise OSError(f"order-event journal: {reader.failure}")
    return count, epoch
