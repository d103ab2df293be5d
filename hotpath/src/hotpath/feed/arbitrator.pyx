"""Line arbitration over redundant MoldUDP64 lines. See arbitrator.pxd for the rules and the counters."""
from libc.stdint cimport UINT64_MAX, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from hotpath.protocols.moldudp64 cimport (
    MOLD_END_OF_SESSION_COUNT, MOLD_MAX_COUNT, MOLD_SESSION_LENGTH, MoldBlock, MoldBlocks, MoldHeader,
    mold_next, mold_next_expected, mold_open, mold_same_session,
)

cdef enum:
    EARLIER_SESSIONS = 8

STATE_NAMES = ("no_session", "in_sequence", "gap", "needs_snapshot", "ended")
SOURCE_NAMES = ("line_a", "line_b", "rerequest")


cdef inline void _count(uint64_t* counter, uint64_t more) noexcept nogil:
    """Stops at the largest value: a few forged sequence numbers would otherwise take it around to a small one."""
    counter[0] += min(more, UINT64_MAX - counter[0])


cdef class Arbitrator:
    def __cinit__(self, *, int64_t gap_timeout_ns, int64_t rerequest_timeout_ns, int rerequest_retries,
                  uint64_t store_messages=65_536, uint64_t max_request_messages=1024, uint64_t max_gap_messages=16_384,
                  bint snapshot_on_join=False):
        if gap_timeout_ns < 0 or rerequest_timeout_ns <= 0 or rerequest_retries < 0:
            raise ValueError("Arbitrator: gap_timeout_ns >= 0, rerequest_timeout_ns > 0 and rerequest_retries >= 0 are needed")
        if not 2 <= store_messages <= 1 << 24 or store_messages & (store_messages - 1):
            raise ValueError("Arbitrator: store_messages must be a power of two, 2 to 16,777,216")
        if not 1 <= max_request_messages <= MOLD_MAX_COUNT or max_gap_messages < 1:
            raise ValueError("Arbitrator: max_request_messages must be 1 to 65,534 and max_gap_messages at least 1")
        self.gap_timeout_ns = gap_timeout_ns
        self.rerequest_timeout_ns = rerequest_timeout_ns
        self.rerequest_retries = rerequest_retries
        self.max_request_messages = max_request_messages
        self.max_gap_messages = max_gap_messages
        self.snapshot_on_join = snapshot_on_join
        self.store = <Stored*>calloc(store_messages, sizeof(Stored))
        if self.store == NULL:
            raise MemoryError(f"Arbitrator: no memory for {store_messages} stored messages")
        self.store_mask = store_messages - 1
        self.on_message = _collect
        self.on_session = _collect_session
        self.context = <void*>self
        self._delivered = []

    def __dealloc__(self):
        free(self.store)

    cdef void receive(self, int source, const uint8_t* packet, size_t size, int64_t now_ns) noexcept nogil:
        cdef MoldHeader header
        cdef MoldBlocks blocks
        cdef MoldBlock block
        cdef uint64_t before, after
        cdef SourceStats* stats = &self.sources[source]
        cdef int count = mold_open(packet, size, &header, &blocks)
        stats.packets += 1
        if count < 0 or header.sequence_number == 0:
            stats.malformed += 1
            return
        if not self._join(source, header.session, header.sequence_number, now_ns):
            stats.foreign += 1
            return
        after = mold_next_expected(&header)
        if count == 0:
            stats.heartbeats += 1
        stats.messages += <uint64_t>count
        self._account_line(source, header.sequence_number, after)
        if header.message_count == MOLD_END_OF_SESSION_COUNT and after > self.end_sequence:
            self.end_sequence = after
        if after > self.known_end:
            self.known_end = after
        before = self.expected
        while mold_next(&blocks, &block):
            if self.state != ARBITER_NEEDS_SNAPSHOT and block.sequence_number == self.expected:
                stats.first += 1
                self.expected += 1
                self.on_message(self.context, block.sequence_number, block.data, block.length, now_ns)
                if self.stored:
                    self._drain()
            elif block.sequence_number < self.expected:
                stats.duplicates += 1
            else:
                self._hold(source, block.sequence_number, block.data, block.length, now_ns)
        self._settle(source, before, now_ns)

    cdef void reject(self, int source) noexcept nogil:
        self.sources[source].packets += 1
        self.sources[source].malformed += 1

    cdef bint _join(self, int source, const char* session, uint64_t sequence, int64_t now_ns) noexcept nogil:
        cdef uint32_t i, kept
        if self.state != ARBITER_NO_SESSION:
            if mold_same_session(session, self.session):
                return True
            kept = self.session_ordinal - 1 if self.session_ordinal <= EARLIER_SESSIONS else EARLIER_SESSIONS
            for i in range(kept):
                if mold_same_session(session, self.earlier[i]):
                    return False
        if source == SOURCE_REREQUEST:      # an answer never starts a session: only the lines are authoritative
            return False
        if self.state != ARBITER_NO_SESSION:
            memcpy(self.earlier[(self.session_ordinal - 1) % EARLIER_SESSIONS], self.session, MOLD_SESSION_LENGTH)
            if self.state == ARBITER_GAP or self.state == ARBITER_NEEDS_SNAPSHOT:
                self.gaps.void_by_session += 1
        memcpy(self.session, session, MOLD_SESSION_LENGTH)
        self.session_ordinal += 1
        self.gaps.sessions += 1
        self.stored = 0
        self.expected = 1
        self.known_end = 1
        self.end_sequence = 0
        for i in range(SOURCES):
            self.line_next[i] = 0
        self.state = ARBITER_IN_SEQUENCE
        self.on_session(self.context, now_ns)
        if self.snapshot_on_join or sequence - 1 > (0 if self.session_ordinal == 1 else self.max_gap_messages):
            # in mid-session a snapshot is cheaper than every message since the start
            self.gaps.joined_by_snapshot += 1
            self.state = ARBITER_NEEDS_SNAPSHOT
        return True

    cdef void _account_line(self, int source, uint64_t sequence, uint64_t after) noexcept nogil:
        cdef uint64_t line_next = self.line_next[source]
        if source == SOURCE_REREQUEST:
            return
        if sequence < line_next:
            _count(&self.sources[source].late, (after if after < line_next else line_next) - sequence)
        elif line_next:
            _count(&self.sources[source].skipped, sequence - line_next)
        if after > line_next:
            self.line_next[source] = after

    cdef Stored* _slot(self, uint64_t sequence) noexcept nogil:
        return &self.store[sequence & self.store_mask]

    cdef bint _holds(self, uint64_t sequence) noexcept nogil:
        cdef Stored* slot = self._slot(sequence)
        return slot.sequence == sequence and slot.session == self.session_ordinal

    cdef void _hold(self, int source, uint64_t sequence, const uint8_t* data, uint16_t length,
                    int64_t now_ns) noexcept nogil:
        cdef Stored* slot = self._slot(sequence)
        cdef bint occupied = slot.session == self.session_ordinal and slot.sequence >= self.expected
        if occupied and slot.sequence == sequence:
            self.sources[source].duplicates += 1
            return
        if length > STORED_BYTES or (self.state != ARBITER_NEEDS_SNAPSHOT and sequence - self.expected > self.store_mask):
            self.sources[source].not_stored += 1
            return
        if occupied:        # only while waiting for a snapshot: the window slides, the newest messages are kept
            if slot.sequence > sequence:
                self.sources[source].not_stored += 1
                return
        else:
            self.stored += 1
        slot.sequence = sequence
        slot.received_ns = now_ns
        slot.session = self.session_ordinal
        slot.length = length
        memcpy(slot.data, data, length)
        self.sources[source].first += 1
        if self.state == ARBITER_GAP and sequence < self.gap_end:
            self.gap_end = sequence

    cdef void _drain(self) noexcept nogil:
        cdef Stored* slot
        while self.stored and self.state != ARBITER_NEEDS_SNAPSHOT and self._holds(self.expected):
            slot = self._slot(self.expected)
            self.stored -= 1
            self.expected += 1
            self.on_message(self.context, slot.sequence, slot.data, slot.length, slot.received_ns)

    cdef void _settle(self, int source, uint64_t expected_before, int64_t now_ns) noexcept nogil:
        """Bring the state in line with what was delivered, after each packet."""
        if self.state == ARBITER_NEEDS_SNAPSHOT or self.state == ARBITER_NO_SESSION:
            return
        if self.state == ARBITER_GAP:
            if self.expected >= self.gap_end:
                if source == SOURCE_REREQUEST:
                    self.gaps.closed_by_rerequest += 1
                else:
                    self.gaps.closed_by_line += 1
                self.state = ARBITER_IN_SEQUENCE
            elif self.expected > expected_before and self.request_attempts:
                # the rest is a new request: at once after a partial answer, else when the one under way may be lost
                self.request_attempts = 0
                self.request_deadline_ns = now_ns
                if source != SOURCE_REREQUEST:
                    self.request_deadline_ns += self.rerequest_timeout_ns
        if self.state != ARBITER_GAP:
            if self.expected < self.known_end:
                self._open_gap(now_ns)
            elif self.end_sequence == self.expected:
                self.state = ARBITER_ENDED
            else:
                self.state = ARBITER_IN_SEQUENCE

    cdef void _open_gap(self, int64_t now_ns) noexcept nogil:
        cdef uint64_t sequence = self.expected + 1
        cdef uint64_t limit = self.known_end
        self.gap_end = limit
        self.gap_opened_ns = now_ns
        if self.stored:
            if limit - self.expected > self.store_mask + 1:
                limit = self.expected + self.store_mask + 1
            while sequence < limit:
                if self._holds(sequence):
                    self.gap_end = sequence
                    # it has been missing since the message after it came
                    self.gap_opened_ns = self._slot(sequence).received_ns
                    break
                sequence += 1
        self.request_attempts = 0
        self.request_deadline_ns = self.gap_opened_ns + self.gap_timeout_ns
        self.state = ARBITER_GAP
        self.gaps.opened += 1
        if self.gap_end - self.expected > self.max_gap_messages:
            self.declare_gap()

    cdef bint poll_request(self, int64_t now_ns, uint64_t* sequence, uint16_t* count) noexcept nogil:
        cdef uint64_t wanted
        if self.state != ARBITER_GAP:
            return False
        if now_ns < self.request_deadline_ns:
            return False
        if self.request_attempts:
            self.gaps.request_timeouts += 1
            if self.request_attempts > self.rerequest_retries:
                self.declare_gap()
                return False
        wanted = self.gap_end - self.expected
        if wanted > self.max_request_messages:
            wanted = self.max_request_messages
        sequence[0] = self.expected
        count[0] = <uint16_t>wanted
        self.request_attempts += 1
        self.request_deadline_ns = now_ns + self.rerequest_timeout_ns
        self.gaps.requests += 1
        self.gaps.messages_requested += wanted
        return True

    cdef void declare_gap(self) noexcept nogil:
        if self.state == ARBITER_NEEDS_SNAPSHOT or self.state == ARBITER_NO_SESSION:
            return
        if self.state != ARBITER_GAP:
            self.gaps.opened += 1
        self.state = ARBITER_NEEDS_SNAPSHOT
        self.gaps.declared += 1

    cdef void resume(self, uint64_t sequence, int64_t now_ns) noexcept nogil:
        cdef uint64_t i
        cdef Stored* slot
        if self.state != ARBITER_NEEDS_SNAPSHOT:
            return
        if sequence > self.expected:
            _count(&self.gaps.skipped_by_snapshot, sequence - self.expected)
        self.gaps.closed_by_snapshot += 1
        self.expected = sequence
        # recount: a stray packet far ahead must not keep the gap open for ever, and the window may have slid
        self.stored = 0
        self.known_end = sequence if self.end_sequence < sequence else self.end_sequence
        for i in range(self.store_mask + 1):
            slot = &self.store[i]
            if slot.session != self.session_ordinal or slot.sequence < sequence:
                continue
            if slot.sequence - sequence > self.store_mask:
                slot.session = 0
                continue
            self.stored += 1
            if slot.sequence >= self.known_end:
                self.known_end = slot.sequence + 1
        self.state = ARBITER_IN_SEQUENCE
        self._drain()
        self._settle(SOURCE_LINE_A, sequence, now_ns)

    cdef bint overdue(self, int64_t now_ns) noexcept nogil:
        return self.state == ARBITER_NEEDS_SNAPSHOT or (
            self.state == ARBITER_GAP and now_ns - self.gap_opened_ns >= self.gap_timeout_ns)

    # Python surface: tests and tools. The feed handler uses the C methods.

    def feed(self, int source, const uint8_t[::1] packet not None, int64_t now_ns):
        """Take one packet; returns what it released as (sequence, message) pairs, (0, b'') where a session started."""
        if not 0 <= source < SOURCES:
            raise ValueError("source must be 0 (line A), 1 (line B) or 2 (re-request answer)")
        cdef const uint8_t* data = &packet[0] if packet.shape[0] else NULL
        self.receive(source, data, packet.shape[0], now_ns)
        return self._take()

    def due_request(self, int64_t now_ns):
        """(first sequence, count) of the re-request to send now, or None."""
        cdef uint64_t sequence = 0
        cdef uint16_t count = 0
        return (sequence, count) if self.poll_request(now_ns, &sequence, &count) else None

    def resume_at(self, uint64_t sequence, int64_t now_ns):
        """Go on from a snapshot whose first message to apply is `sequence`; returns what was buffered from there."""
        self.resume(sequence, now_ns)
        return self._take()

    def is_overdue(self, int64_t now_ns):
        """Whether what was delivered lags the market: a gap older than its timeout, or a declared one."""
        return self.overdue(now_ns)

    def _take(self):
        taken, self._delivered = self._delivered, []
        return taken

    @property
    def state_name(self):
        return STATE_NAMES[self.state]

    @property
    def next_sequence(self):
        """Sequence number of the next message to deliver."""
        return self.expected

    @property
    def session_id(self):
        return <bytes>self.session[:MOLD_SESSION_LENGTH]

    def source_stats(self, int source):
        """Counters of one source by name (see SourceStats)."""
        if not 0 <= source < SOURCES:
            raise ValueError("source must be 0 (line A), 1 (line B) or 2 (re-request answer)")
        return self.sources[source]

    def gap_stats(self):
        """Gap and re-request counters by name (see GapStats)."""
        return self.gaps


cdef void _collect(void* context, uint64_t sequence, const uint8_t* message, uint16_t length,
                   int64_t received_ns) noexcept with gil:
    (<Arbitrator>context)._delivered.append((sequence, <bytes>message[:length]))


cdef void _collect_session(void* context, int64_t received_ns) noexcept with gil:
    (<Arbitrator>context)._delivered.append((0, b""))
