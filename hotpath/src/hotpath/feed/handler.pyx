"""The feed handler's loop. See handler.pxd; the process around it is in role.py."""
from libc.errno cimport EAGAIN
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t
from libc.string cimport memcpy, strerror

from hotpath.feed.arbitrator cimport (
    ARBITER_GAP, ARBITER_NEEDS_SNAPSHOT, ARBITER_NO_SESSION, SOURCE_LINE_A, SOURCE_LINE_B, SOURCE_REREQUEST, Arbitrator,
)
from hotpath.feed.book_builder cimport DIRECTORY_CONFIRMED, BookBuilder
from hotpath.feed.book_publisher cimport BookPublisher
from hotpath.feed.itch_book cimport CHANGE_INCONSISTENT, CHANGE_NOT_OURS, STATE_TRADING
from hotpath.feed.snapshot_client cimport SNAPSHOT_DONE, SNAPSHOT_FAILED, SNAPSHOT_IDLE, SnapshotClient
from hotpath.ipc.clock cimport monotonic_ns
from hotpath.ipc.histogram cimport HistogramWriter
from hotpath.ipc.idle cimport IdleStrategy
from hotpath.ipc.messages cimport BookEvent
from hotpath.ipc.ring cimport RingProducer
from hotpath.ipc.seqlock cimport SeqlockWriter
from hotpath.ipc.status cimport ROLE_ACTIVE, ROLE_DRAINING, ROLE_STANDBY, ROLE_STARTING, StatusWriter
from hotpath.net.sockets cimport (
    DatagramReceiver, InetAddress, close_socket, inet_address, same_address, set_overflow_count, set_receive_buffer,
    udp_bind, udp_sendto,
)
from hotpath.protocols.moldudp64 cimport MOLD_REQUEST_LENGTH, MOLD_SESSION_LENGTH, MoldHeader, mold_encode_request
from hotpath.protocols.textfield cimport same_text

from hotpath.config import ConfigError
from hotpath.net.sockets import resolve_ipv4, socket_error

ROLE = "feed-handler"
GATES = ("session", "lines", "gap", "book")
LINE_COUNTERS = ("packets", "heartbeats", "messages", "first", "duplicates", "skipped", "late", "not_stored", "malformed",
                 "foreign")
GAP_COUNTERS = ("sessions", "joined_by_snapshot", "opened", "closed_by_line", "closed_by_rerequest", "declared",
                "closed_by_snapshot", "void_by_session", "requests", "messages_requested", "request_timeouts",
                "skipped_by_snapshot")
BOOK_COUNTERS = ("messages", "applied", "other_instruments", "unknown_types", "truncated", "inconsistent", "prints",
                 "broken_trades")
OWN_COUNTERS = ("line_a_kernel_drops", "line_b_kernel_drops", "line_a_receive_buffer", "line_b_receive_buffer",
                "lines_live", "events_published", "events_conflated", "snapshots_started", "snapshots_loaded",
                "snapshots_failed", "rerequest_strangers", "socket_errors", "send_failures", "next_sequence",
                "live_orders")
COUNTERS = (
    tuple(f"{source}_{name}" for source in ("line_a", "line_b", "rerequest") for name in LINE_COUNTERS)
    + tuple(f"gap_{name}" for name in GAP_COUNTERS)
    + tuple(f"itch_{name}" for name in BOOK_COUNTERS)
    + OWN_COUNTERS
)

LATENCIES = ("wire_to_book",)

DEFAULT_BATCH = 64                # datagrams of a line per pass

cdef enum:
    DATAGRAM_BYTES = 9216         # jumbo frame
    RING_CAPACITY = 16_384
    HEARTBEAT_NS = 5_000_000
    TOP_REFRESH_NS = 100_000_000
    SNAPSHOT_INTERVAL_NS = 100_000_000
    SNAPSHOT_MAX_BACKOFF_NS = 2_000_000_000


cdef class FeedHandler:
    def __cinit__(self, config, *_):
        self.fds[0] = self.fds[1] = self.fds[2] = -1

    def __init__(self, config, int batch=DEFAULT_BATCH):
        """Open sockets and segments. batch: most datagrams of a line that one pass reads. Raises ConfigError, OSError (the text names port and holder), SegmentError."""
        runtime, instrument = config.runtime, config.instrument
        if not 1 <= len(config.lines) <= 2:
            raise ConfigError(f"lines: {len(config.lines)} given; name line A, or lines A and B")
        try:
            self.builder = BookBuilder(instrument.symbol, instrument.locate, config.max_orders)
            self.idle = IdleStrategy(runtime.idle.mode, runtime.idle.max_sleep_us)
            self.arbitrator = Arbitrator(
                gap_timeout_ns=config.gap_timeout_us * 1_000,
                rerequest_timeout_ns=config.rerequest_timeout_ms * 1_000_000,
                rerequest_retries=config.rerequest_retries,
                snapshot_on_join=True,
            )
        except ValueError as error:
            raise ConfigError(str(error)) from error
        self.config = config
        self.silence_ns = config.silence_ms * 1_000_000
        self.line_count = len(config.lines)
        self.receiver_a = DatagramReceiver(batch, DATAGRAM_BYTES)
        self.receiver_b = DatagramReceiver(batch, DATAGRAM_BYTES)
        self.receiver_answers = DatagramReceiver(batch, DATAGRAM_BYTES)
        self.receive_buffers = []
        for line in range(self.line_count):
            self._open_line(line, config.lines[line])
        self._open_rerequest(config.rerequest)
        self.snapshot = SnapshotClient(resolve_ipv4(config.glimpse.host), config.glimpse.port)
        self.ring = RingProducer(runtime.shm_prefix, "ring.book", sizeof(BookEvent), RING_CAPACITY,
                                 symbol=instrument.symbol)
        self.top = SeqlockWriter(runtime.shm_prefix, "top", sizeof(BookEvent), symbol=instrument.symbol)
        self.histogram = HistogramWriter(runtime.shm_prefix, f"latency.{ROLE}", LATENCIES)
        self.status = StatusWriter(runtime.shm_prefix, ROLE, 0, GATES, COUNTERS)
        self.publisher = BookPublisher(self.builder, self.ring, self.top, self.histogram)
        self.stale_reason = STALE_NO_SESSION
        self.snapshot_backoff_ns = SNAPSHOT_INTERVAL_NS
        self.arbitrator.context = <void*>self
        self.arbitrator.on_message = _on_message
        self.arbitrator.on_session = _on_session
        self.snapshot.context = <void*>self
        self.snapshot.on_message = _on_snapshot_message

    def _open_line(self, int line, endpoint):
        cdef InetAddress local
        name = f"feed line {'AB'[line]} (UDP {endpoint.host}:{endpoint.port})"
        if inet_address(&local, resolve_ipv4(endpoint.host).encode(), endpoint.port) < 0:
            raise ConfigError(f"lines[{line}]: {endpoint.host}:{endpoint.port} is not an address and port")
        fd = udp_bind(&local)
        if fd < 0:
            raise socket_error(fd, name, endpoint.port)
        self.fds[line] = fd
        granted = set_receive_buffer(fd, self.config.receive_buffer_bytes)
        if granted < 0:
            raise socket_error(granted, f"{name}: receive_buffer_bytes {self.config.receive_buffer_bytes}")
        self.receive_buffers.append(granted)
        set_overflow_count(fd)

    def _open_rerequest(self, endpoint):
        cdef InetAddress local
        if inet_address(&self.rerequest, resolve_ipv4(endpoint.host).encode(), endpoint.port) < 0:
            raise ConfigError(f"rerequest: {endpoint.host}:{endpoint.port} is not an address and port")
        inet_address(&local, b"0.0.0.0", 0)
        self.fds[2] = udp_bind(&local)
        if self.fds[2] < 0:
            raise socket_error(self.fds[2], "re-request socket")

    def __dealloc__(self):
        for i in range(3):
            close_socket(&self.fds[i])

    # ---- the hot loop

    cdef void run_until(self, int64_t deadline_ns) noexcept nogil:
        while True:
            if self.step():
                self.idle.reset()
            elif (self.arbitrator.state == ARBITER_GAP or self.arbitrator.state == ARBITER_NEEDS_SNAPSHOT
                    or self.publisher.pending):
                # timers of microseconds, the snapshot's socket, a full ring: more than the descriptors can tell
                self.idle.idle_until_fds(self.fds, 3)
            else:
                self.idle.idle_until_due(self.fds, 3, monotonic_ns(), min(deadline_ns, self.housekept_ns + HEARTBEAT_NS))
            if monotonic_ns() >= deadline_ns:
                return

    cdef bint step(self) noexcept nogil:
        """One pass over all inputs and timers; True when there was work."""
        cdef int64_t now
        cdef bint worked = self._drain(SOURCE_LINE_A, self.receiver_a)
        if self.line_count > 1:
            worked |= self._drain(SOURCE_LINE_B, self.receiver_b)
        worked |= self._drain(SOURCE_REREQUEST, self.receiver_answers)
        now = monotonic_ns()
        if self.arbitrator.state == ARBITER_GAP:
            self._request(now)
        if self.arbitrator.state == ARBITER_NEEDS_SNAPSHOT:
            worked |= self._recover(now)
        self._judge(now)
        self.publisher.flush()
        if now - self.housekept_ns >= HEARTBEAT_NS:
            self.housekept_ns = now
            self.ring.heartbeat(now)
            self.top.heartbeat(now)
            self.status.heartbeat(now)
            self.histogram.heartbeat(now)
            if now - self.top_written_ns >= TOP_REFRESH_NS:
                self.top_written_ns = now
                self.publisher.write_top(now)
        return worked

    cdef bint _drain(self, int source, DatagramReceiver receiver) noexcept nogil:
        cdef int i
        cdef int64_t now
        cdef int count = receiver.receive(self.fds[source])
        if count < 0:
            # an ICMP "port unreachable" after a request lands here too: the retry timer handles it
            if count != -EAGAIN:
                self.socket_errors += 1
            return False
        if count == 0:
            return False
        now = monotonic_ns()
        for i in range(count):
            if receiver.truncated(i):
                self.arbitrator.reject(source)
                continue
            if source == SOURCE_REREQUEST:
                if not same_address(receiver.peer(i), &self.rerequest):
                    self.strangers += 1
                    continue
            else:
                self.heard_ns[source] = now
            self.arbitrator.receive(source, receiver.data(i), receiver.size(i), now)
            self.publisher.end_of_packet()
        return True

    cdef void _take(self, uint64_t sequence, const uint8_t* message, size_t length, int64_t received_ns) noexcept nogil:
        cdef int changes = self.builder.apply(message, length)
        if changes & CHANGE_INCONSISTENT:
            self.arbitrator.declare_gap()
            self.publisher.set_stale(True)
            return
        if changes & CHANGE_NOT_OURS:       # before the end of the packet could tell prices
            self.publisher.set_stale(True)
        self.publisher.message(sequence, received_ns, changes)

    cdef void _new_session(self) noexcept nogil:
        self.snapshot.stop()
        self.builder.reset()
        self.publisher.session_reset()

    cdef void _request(self, int64_t now_ns) noexcept nogil:
        cdef MoldHeader request
        cdef uint8_t packet[MOLD_REQUEST_LENGTH]
        cdef uint64_t sequence = 0
        cdef uint16_t count = 0
        if not self.arbitrator.poll_request(now_ns, &sequence, &count):
            return
        memcpy(request.session, self.arbitrator.session, MOLD_SESSION_LENGTH)
        request.sequence_number = sequence
        request.message_count = count
        mold_encode_request(&request, packet, sizeof(packet))
        if udp_sendto(self.fds[2], packet, sizeof(packet), &self.rerequest) != sizeof(packet):
            self.send_failures += 1     # the request timeout covers it

    cdef bint _recover(self, int64_t now_ns) noexcept nogil:
        """Drive the snapshot; True when there was work."""
        cdef bint worked
        if self.snapshot.state == SNAPSHOT_IDLE:
            if now_ns < self.snapshot_not_before_ns:
                return False
            self.snapshot_not_before_ns = now_ns + self.snapshot_backoff_ns
            self.snapshots_started += 1
            self.publisher.set_stale(True)
            self.builder.clear_book()
            self.snapshot.start(now_ns)
        worked = self.snapshot.poll(now_ns)
        if self.snapshot.state == SNAPSHOT_DONE:
            self.snapshot.stop()
            if not same_text(self.snapshot.session, 10, self.arbitrator.session, 10, False):
                # the venue has begun another session, of which no line has told us yet
                self.snapshots_failed += 1
                return True
            self.snapshots_loaded += 1
            self.snapshot_backoff_ns = SNAPSHOT_INTERVAL_NS
            self.arbitrator.resume(self.snapshot.next_sequence, now_ns)
            if self.arbitrator.state == ARBITER_NEEDS_SNAPSHOT:     # what was buffered did not fit the snapshot
                self._back_off(now_ns)
        elif self.snapshot.state == SNAPSHOT_FAILED:
            self.snapshot.stop()
            self.snapshots_failed += 1
            self._back_off(now_ns)
        return worked

    cdef void _back_off(self, int64_t now_ns) noexcept nogil:
        self.snapshot_not_before_ns = now_ns + self.snapshot_backoff_ns
        self.snapshot_backoff_ns = min(2 * self.snapshot_backoff_ns, <int64_t>SNAPSHOT_MAX_BACKOFF_NS)

    cdef void _take_snapshot_message(self, const uint8_t* message, size_t length) noexcept nogil:
        cdef int changes = self.builder.apply(message, length)
        if changes & CHANGE_INCONSISTENT:
            self.snapshot.fail(b"the snapshot does not fit the book (see max_orders and the inconsistent counter)")
            return
        self.publisher.message(self.publisher.sequence, self.publisher.received_ns, changes)

    cdef void _judge(self, int64_t now_ns) noexcept nogil:
        """May the book be quoted on? Tells the publisher when the answer changes."""
        cdef int64_t heard = self.heard_ns[0] if self.heard_ns[0] > self.heard_ns[1] else self.heard_ns[1]
        if self.arbitrator.state == ARBITER_NO_SESSION:
            self.stale_reason = STALE_NO_SESSION
        elif self.arbitrator.state == ARBITER_NEEDS_SNAPSHOT:
            self.stale_reason = STALE_SNAPSHOT
        elif self.builder.directory != DIRECTORY_CONFIRMED:
            self.stale_reason = STALE_INSTRUMENT
        elif self.arbitrator.overdue(now_ns):
            self.stale_reason = STALE_GAP
        elif now_ns - heard > self.silence_ns:
            self.stale_reason = STALE_SILENT
        else:
            self.stale_reason = STALE_NOT
        self.publisher.set_stale(self.stale_reason != STALE_NOT)

    # ---- the Python edge

    def spin(self, int64_t milliseconds):
        """Run the loop for about this long without the GIL. The caller's signal handlers run between calls."""
        cdef int64_t deadline = monotonic_ns() + milliseconds * 1_000_000
        with nogil:
            self.run_until(deadline)

    def superseded(self):
        """Whether another feed handler has taken over the segments."""
        return self.ring.superseded()

    def update_status(self):
        """Publish gates and counters; returns {gate: reason} for those that are closed."""
        cdef int64_t now = monotonic_ns()
        closed = {}
        live = [bool(self.heard_ns[line]) and now - self.heard_ns[line] <= self.silence_ns
                for line in range(self.line_count)]
        if self.arbitrator.state == ARBITER_NO_SESSION:
            where = " or ".join(f"{e.host}:{e.port}" for e in self.config.lines)
            closed["session"] = f"no MoldUDP64 packet on {where} yet; is the venue running?"
        elif self.stale_reason == STALE_INSTRUMENT:
            closed["session"] = self.builder.directory_problem()
        if not any(live):
            closed["lines"] = f"no packet on any line for {self.config.silence_ms} ms"
        if self.stale_reason == STALE_GAP:
            closed["gap"] = (f"messages {self.arbitrator.expected} to {self.arbitrator.gap_end - 1} missing, "
                             f"re-request attempt {self.arbitrator.request_attempts}")
        elif self.arbitrator.state == ARBITER_NEEDS_SNAPSHOT:
            closed["gap"] = f"waiting for a snapshot: {self.snapshot_problem() or 'loading'}"
        if self.stale_reason != STALE_NOT:
            closed["book"] = "stale: " + ("", "no session", "no snapshot yet", "open gap", "silent feed",
                                        "another instrument")[self.stale_reason]
        elif self.builder.state.trading_state == STATE_TRADING and self.publisher.crossed():
            closed["book"] = "crossed: best bid is not below best ask"
        for gate in GATES:
            self.status.gate(gate, gate not in closed, closed.get(gate, ""))
        if self.stopping:
            self.status.set_state(ROLE_DRAINING)
        elif not closed:
            self.status.set_state(ROLE_ACTIVE)
        else:
            self.status.set_state(ROLE_STARTING if self.arbitrator.state == ARBITER_NO_SESSION else ROLE_STANDBY)
        for index, value in enumerate(self._counter_values(sum(live))):
            self.status.set_counter(index, value)
        return closed

    def _counter_values(self, lines_live):
        values = []
        for source in range(3):
            stats = self.arbitrator.source_stats(source)
            values += [stats[name] for name in LINE_COUNTERS]
        gaps = self.arbitrator.gap_stats()
        values += [gaps[name] for name in GAP_COUNTERS]
        book = self.builder.stats()
        values += [book[name] for name in BOOK_COUNTERS]
        buffers = self.receive_buffers + [0, 0]
        values += [self.receiver_a.drops, self.receiver_b.drops, buffers[0], buffers[1], lines_live,
                   self.publisher.published, self.publisher.conflated, self.snapshots_started, self.snapshots_loaded,
                   self.snapshots_failed, self.strangers, self.socket_errors, self.send_failures,
                   self.arbitrator.expected, self.builder.book.live_orders()]
        return values

    def counters(self):
        """Every counter by name, as in the status block."""
        cdef int64_t now = monotonic_ns()
        live = sum(1 for line in range(self.line_count)
                   if self.heard_ns[line] and now - self.heard_ns[line] <= self.silence_ns)
        return dict(zip(COUNTERS, self._counter_values(live), strict=True))

    def snapshot_problem(self):
        """Why the last snapshot failed; None when it did not."""
        if self.snapshot.failure == NULL:
            return None
        text = self.snapshot.failure.decode()
        if self.snapshot.error_number:
            text += f" ({strerror(self.snapshot.error_number).decode()})"
        return f"{self.config.glimpse.host}:{self.config.glimpse.port}: {text}"

    def session(self):
        """Current MoldUDP64 session, '' before the first packet."""
        return self.arbitrator.session[:10].decode("latin-1").strip("\0 ")

    def book_digest(self):
        """Digest of the book as it is now, stale or not (see LimitOrderBook.digest)."""
        return self.builder.book.book_digest()

    def begin_stop(self):
        """Tell readers of the status block that this role is going down."""
        self.stopping = True
        self.status.set_state(ROLE_DRAINING)

    def close(self):
        """Mark the segments CLOSED (consumers then know that no more will come) and close the sockets."""
        self.publisher.set_stale(True)
        self.publisher.flush()
        self.ring.mark_closed()
        self.top.mark_closed()
        self.histogram.mark_closed()
        self.status.mark_closed()
        self.snapshot.stop()
        for i in range(3):
            close_socket(&self.fds[i])


cdef void _on_message(void* context, uint64_t sequence, const uint8_t* message, uint16_t length,
                      int64_t received_ns) noexcept nogil:
    (<FeedHandler>context)._take(sequence, message, length, received_ns)


cdef void _on_session(void* context, int64_t received_ns) noexcept nogil:
    (<FeedHandler>context)._new_session()


cdef void _on_snapshot_message(void* context, const uint8_t* message, size_t length) noexcept nogil:
    (<FeedHandler>context)._take_snapshot_message(message, length)
