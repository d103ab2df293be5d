# cython: nonecheck=False
# a None check of `self` in nogil code would need the GIL
"""MoldUDP64 1.00 and ITCH 5.0 publisher. See market_data.pxd."""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from hotpath.ipc.clock cimport monotonic_ns
from hotpath.net.sockets cimport (InetAddress, close_socket, inet_address, set_send_buffer, udp_bind, udp_recvfrom,
                                  udp_sendto)
from hotpath.net.sockets import resolve_ipv4, socket_error
from hotpath.protocols.byteorder cimport load_be16, store_be16
from hotpath.protocols.itch cimport (
    ItchAddOrder, ItchCrossTrade, ItchOrderCancel, ItchOrderDelete, ItchOrderExecuted, ItchOrderReplace,
    ItchStockDirectory, ItchStockTradingAction, ItchSystemEvent, ItchTrade, itch_encode_add_order,
    itch_encode_cross_trade, itch_encode_order_cancel, itch_encode_order_delete, itch_encode_order_executed,
    itch_encode_order_replace, itch_encode_stock_directory, itch_encode_stock_trading_action,
    itch_encode_system_event, itch_encode_trade,
)
from hotpath.protocols.moldudp64 cimport (
    MOLD_HEADER_LENGTH, MOLD_MAX_COUNT, MoldBuilder, MoldHeader, mold_builder_add, mold_builder_begin,
    mold_builder_commit, mold_builder_finish, mold_builder_init, mold_builder_reserve, mold_decode_request,
    mold_encode_end_of_session, mold_encode_heartbeat, mold_same_session,
)

cdef enum:
    MESSAGE_BYTES = 44           # RETAINED_BYTES without the length


cdef class PacketSink:
    cdef void packet(self, const uint8_t* data, size_t size) noexcept nogil:
        pass


cdef class MarketData:
    def __cinit__(self, str symbol, int locate, int round_lot, lines, rerequest, uint64_t window, int64_t heartbeat_ms,
                  PacketSink sink=None):
        self.send_fd = -1
        self.rerequest_fd = -1
        if sink is None and len(lines) != LINES:
            raise ValueError(f"lines: {len(lines)} given; the feed has exactly {LINES}, A then B")
        if not 1 <= window <= 1 << 26:
            raise ValueError(f"rerequest_window: {window} must be 1 to {1 << 26} messages")
        encoded = symbol.encode("ascii")
        if not 1 <= len(encoded) <= 8:
            raise ValueError(f"instrument.symbol: {symbol!r} must be 1 to 8 characters")
        memset(self.symbol, c' ', 8)
        memcpy(self.symbol, <const char*>encoded, len(encoded))
        self.locate = <uint16_t>locate
        self.round_lot = <uint32_t>round_lot
        self.window = window
        self.heartbeat_ns = heartbeat_ms * 1_000_000
        self.retained = <uint8_t*>calloc(window, RETAINED_BYTES)
        if self.retained == NULL:
            raise MemoryError(f"no memory to retain {window} messages for re-request")
        self.sink = sink
        if sink is not None:
            return
        for i in range(LINES):
            host, port = lines[i]
            inet_address(&self.lines[i], resolve_ipv4(host).encode(), port)
        cdef InetAddress local
        inet_address(&local, b"0.0.0.0", 0)
        self.send_fd = udp_bind(&local)
        if self.send_fd < 0:
            raise socket_error(self.send_fd, "feed lines")
        set_send_buffer(self.send_fd, 4 << 20)
        host, port = rerequest
        inet_address(&local, resolve_ipv4(host).encode(), port)
        self.rerequest_fd = udp_bind(&local)
        if self.rerequest_fd < 0:
            raise socket_error(self.rerequest_fd, f"re-request UDP port {port}", port)

    def __dealloc__(self):
        close_socket(&self.send_fd)
        close_socket(&self.rerequest_fd)
        free(self.retained)

    def close(self):
        close_socket(&self.send_fd)
        close_socket(&self.rerequest_fd)

    cdef void begin_session(self, const char* session) noexcept nogil:
        memcpy(self.session, session, 10)
        self.next_sequence = 1
        mold_builder_init(&self.builder, self.packet, PACKET_BYTES, self.session, 1)

    # --- encoders ---

    cdef int encode_event(self, int64_t ts, uint8_t code, uint8_t* out, size_t n) noexcept nogil:
        cdef ItchSystemEvent m
        m.stock_locate = 0
        m.tracking_number = 0
        m.timestamp_ns = ts
        m.event_code = code
        return itch_encode_system_event(&m, out, n)

    cdef int encode_directory(self, int64_t ts, uint8_t* out, size_t n) noexcept nogil:
        cdef ItchStockDirectory m
        m.stock_locate = self.locate
        m.tracking_number = 0
        m.timestamp_ns = ts
        memcpy(m.stock, self.symbol, 8)
        m.market_category = c'Q'
        m.financial_status = c'N'
        m.round_lot_size = self.round_lot
        m.round_lots_only = c'N'
        m.issue_classification = c'C'
        m.issue_sub_type[0] = c'Z'
        m.issue_sub_type[1] = c' '
        m.authenticity = c'T'            # a simulated venue: nothing here is a live security
        m.short_sale_threshold = c'N'
        m.ipo_flag = c'N'
        m.luld_tier = c'1'
        m.etp_flag = c'N'
        m.etp_leverage_factor = 0
        m.inverse_indicator = c'N'
        return itch_encode_stock_directory(&m, out, n)

    cdef int encode_action(self, int64_t ts, uint8_t state, const char* reason, uint8_t* out, size_t n) noexcept nogil:
        cdef ItchStockTradingAction m
        m.stock_locate = self.locate
        m.tracking_number = 0
        m.timestamp_ns = ts
        memcpy(m.stock, self.symbol, 8)
        m.trading_state = state
        m.reserved = c' '
        memcpy(m.reason, reason, 4)
        return itch_encode_stock_trading_action(&m, out, n)

    cdef int encode_add(self, int64_t ts, uint64_t ref, uint8_t side, uint32_t shares, int64_t price, uint8_t* out,
                        size_t n) noexcept nogil:
        cdef ItchAddOrder m
        m.stock_locate = self.locate
        m.tracking_number = 0
        m.timestamp_ns = ts
        m.order_ref = ref
        m.side = side
        m.shares = shares
        memcpy(m.stock, self.symbol, 8)
        m.price = price
        return itch_encode_add_order(&m, out, n)

    # --- messages ---

    cdef uint8_t* _reserve(self) noexcept nogil:
        cdef uint8_t* where = mold_builder_reserve(&self.builder, MESSAGE_BYTES)
        if where == NULL:
            self.flush(monotonic_ns())
            where = mold_builder_reserve(&self.builder, MESSAGE_BYTES)
        return where

    cdef void _commit(self, int length) noexcept nogil:
        cdef uint8_t* kept
        if length <= 0:
            return
        kept = self.retained + (self.next_sequence % self.window) * RETAINED_BYTES
        store_be16(kept, <uint16_t>length)
        memcpy(kept + 2, self.builder.data + self.builder.length + 2, length)
        mold_builder_commit(&self.builder, <uint16_t>length)
        self.next_sequence += 1
        self.counters.messages += 1

    cdef void system_event(self, int64_t ts, uint8_t code) noexcept nogil:
        self._commit(self.encode_event(ts, code, self._reserve(), MESSAGE_BYTES))

    cdef void directory(self, int64_t ts) noexcept nogil:
        self._commit(self.encode_directory(ts, self._reserve(), MESSAGE_BYTES))

    cdef void trading_action(self, int64_t ts, uint8_t state, const char* reason) noexcept nogil:
        self._commit(self.encode_action(ts, state, reason, self._reserve(), MESSAGE_BYTES))

    cdef void add_order(self, int64_t ts, uint64_t ref, uint8_t side, uint32_t shares, int64_t price) noexcept nogil:
        self._commit(self.encode_add(ts, ref, side, shares, price, self._reserve(), MESSAGE_BYTES))

    cdef void executed(self, int64_t ts, uint64_t ref, uint32_t shares, uint64_t match) noexcept nogil:
        cdef ItchOrderExecuted m
        m.stock_locate = self.locate
        m.tracking_number = 0
        m.timestamp_ns = ts
        m.order_ref = ref
        m.executed_shares = shares
        m.match_number = match
        self._commit(itch_encode_order_executed(&m, self._reserve(), MESSAGE_BYTES))

    cdef void cancelled(self, int64_t ts, uint64_t ref, uint32_t shares) noexcept nogil:
        cdef ItchOrderCancel m
        m.stock_locate = self.locate
        m.tracking_number = 0
        m.timestamp_ns = ts
        m.order_ref = ref
        m.cancelled_shares = shares
        self._commit(itch_encode_order_cancel(&m, self._reserve(), MESSAGE_BYTES))

    cdef void deleted(self, int64_t ts, uint64_t ref) noexcept nogil:
        cdef ItchOrderDelete m
        m.stock_locate = self.locate
        m.tracking_number = 0
        m.timestamp_ns = ts
        m.order_ref = ref
        self._commit(itch_encode_order_delete(&m, self._reserve(), MESSAGE_BYTES))

    cdef void replaced(self, int64_t ts, uint64_t old, uint64_t new, uint32_t shares, int64_t price) noexcept nogil:
        cdef ItchOrderReplace m
        m.stock_locate = self.locate
        m.tracking_number = 0
        m.timestamp_ns = ts
        m.original_order_ref = old
        m.new_order_ref = new
        m.shares = shares
        m.price = price
        self._commit(itch_encode_order_replace(&m, self._reserve(), MESSAGE_BYTES))

    cdef void trade(self, int64_t ts, uint32_t shares, int64_t price, uint64_t match) noexcept nogil:
        cdef ItchTrade m
        m.stock_locate = self.locate
        m.tracking_number = 0
        m.timestamp_ns = ts
        m.order_ref = 0
        m.side = c'B'
        m.shares = shares
        memcpy(m.stock, self.symbol, 8)
        m.price = price
        m.match_number = match
        self._commit(itch_encode_trade(&m, self._reserve(), MESSAGE_BYTES))

    cdef void cross(self, int64_t ts, uint64_t shares, int64_t price, uint64_t match, uint8_t kind) noexcept nogil:
        cdef ItchCrossTrade m
        m.stock_locate = self.locate
        m.tracking_number = 0
        m.timestamp_ns = ts
        m.shares = shares
        memcpy(m.stock, self.symbol, 8)
        m.cross_price = price
        m.match_number = match
        m.cross_type = kind
        self._commit(itch_encode_cross_trade(&m, self._reserve(), MESSAGE_BYTES))

    # --- the wire ---

    cdef void _send(self, const uint8_t* data, size_t size) noexcept nogil:
        cdef int i
        if self.sink is not None:
            self.sink.packet(data, size)
            self.counters.packets += 1
            return
        for i in range(LINES):
            if udp_sendto(self.send_fd, data, size, &self.lines[i]) != <Py_ssize_t>size:
                self.counters.send_failures += 1
        self.counters.packets += 1

    cdef void flush(self, int64_t now) noexcept nogil:
        if self.builder.count == 0:
            return
        self._send(self.packet, mold_builder_finish(&self.builder))
        mold_builder_begin(&self.builder, self.next_sequence)
        self.last_packet_ns = now

    cdef void heartbeat(self, int64_t now) noexcept nogil:
        cdef uint8_t out[MOLD_HEADER_LENGTH]
        if now - self.last_packet_ns < self.heartbeat_ns:
            return
        mold_encode_heartbeat(self.session, self.next_sequence, out, sizeof(out))
        self._send(out, sizeof(out))
        self.last_packet_ns = now

    cdef void end_session(self) noexcept nogil:
        cdef uint8_t out[MOLD_HEADER_LENGTH]
        self.flush(monotonic_ns())
        mold_encode_end_of_session(self.session, self.next_sequence, out, sizeof(out))
        self._send(out, sizeof(out))

    cdef int serve_rerequests(self) noexcept nogil:
        cdef uint8_t request[64]
        cdef uint8_t answer[PACKET_BYTES]
        cdef MoldBuilder builder
        cdef MoldHeader header
        cdef InetAddress peer
        cdef const uint8_t* kept
        cdef Py_ssize_t size
        cdef uint64_t sequence, sent_until, last
        cdef int handled = 0
        # what is still in the packet under construction has not been published yet
        while handled < REREQUESTS_PER_PASS:
            size = udp_recvfrom(self.rerequest_fd, request, sizeof(request), &peer)
            if size < 0:
                break
            handled += 1
            self.counters.rerequests += 1
            sent_until = self.builder.sequence_number
            if (mold_decode_request(request, <size_t>size, &header) < 0 or header.message_count == 0
                    or not mold_same_session(header.session, self.session) or header.sequence_number == 0
                    or header.sequence_number >= sent_until
                    or self.next_sequence - header.sequence_number > self.window):
                self.counters.refused_rerequests += 1
                continue
            mold_builder_init(&builder, answer, PACKET_BYTES, self.session, header.sequence_number)
            last = header.sequence_number + min(header.message_count, <uint16_t>MOLD_MAX_COUNT)
            if last > sent_until:
                last = sent_until
            sequence = header.sequence_number
            while sequence < last:
                kept = self.retained + (sequence % self.window) * RETAINED_BYTES
                if mold_builder_add(&builder, kept + 2, load_be16(kept)) < 0:
                    break
                sequence += 1
            self.counters.rerequested_messages += builder.count
            size = mold_builder_finish(&builder)
            if udp_sendto(self.rerequest_fd, answer, <size_t>size, &peer) != size:
                self.counters.send_failures += 1
        return handled
