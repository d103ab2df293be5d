"""Line arbitration over redundant MoldUDP64 lines: one gapless message sequence out of several lossy ones.

Pure logic: packets and the time go in; messages (by callback) and re-requests (by polling) come out. Times are ns of
one monotonic clock, sequence numbers count messages from 1 per session (MoldUDP64 1.00).
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum Source:
    SOURCE_LINE_A = 0
    SOURCE_LINE_B = 1
    SOURCE_REREQUEST = 2
    SOURCES = 3

cdef enum ArbiterState:
    ARBITER_NO_SESSION = 0        # nothing heard yet
    ARBITER_IN_SEQUENCE = 1       # every message known to exist was delivered
    ARBITER_GAP = 2               # a message is missing: later ones are held back
    ARBITER_NEEDS_SNAPSHOT = 3    # gap declared: messages are only buffered until resume()
    ARBITER_ENDED = 4             # end of session announced and everything before it delivered

cdef enum:
    STORED_BYTES = 104            # longest message that can wait in the store; ITCH 5.0 needs 50

# Messages of one session are delivered in order, each sequence number at most once unless resume() goes back.
ctypedef void (*deliver_callback)(void* context, uint64_t sequence, const uint8_t* message, uint16_t length,
                                  int64_t received_ns) noexcept nogil
# A session other than the one before starts: everything delivered so far is void.
ctypedef void (*session_callback)(void* context, int64_t received_ns) noexcept nogil

cdef struct SourceStats:
    uint64_t packets
    uint64_t heartbeats           # packets without messages, end of session included
    uint64_t messages
    uint64_t first                # messages whose first copy came from here
    uint64_t duplicates           # messages another copy of which came first
    uint64_t skipped              # sequence numbers this line jumped over when a packet arrived
    uint64_t late                 # messages behind this line's own sequence: reordered or repeated
    uint64_t not_stored           # ahead of a gap and outside the bounded store: to be re-requested
    uint64_t malformed            # packets
    uint64_t foreign              # packets of another session that were not merged

cdef struct GapStats:
    uint64_t sessions             # sessions started, the first one included
    uint64_t joined_by_snapshot   # of these, begun with a snapshot
    uint64_t opened
    uint64_t closed_by_line
    uint64_t closed_by_rerequest
    uint64_t declared             # given up: snapshot needed
    uint64_t closed_by_snapshot   # declared and joined_by_snapshot ones, at resume()
    uint64_t void_by_session      # open or declared when the session changed
    uint64_t requests
    uint64_t messages_requested
    uint64_t request_timeouts
    uint64_t skipped_by_snapshot  # messages never delivered because a snapshot covers them

cdef struct Stored:
    uint64_t sequence
    int64_t received_ns
    uint32_t session              # ordinal of the session it belongs to
    uint16_t length
    uint8_t unused[2]
    uint8_t data[STORED_BYTES]

cdef class Arbitrator:
    cdef deliver_callback on_message
    cdef session_callback on_session
    cdef void* context
    cdef char session[10]
    cdef char earlier[8][10]                # sessions that ended: their stragglers must not bring them back
    cdef uint32_t session_ordinal
    cdef ArbiterState state
    cdef uint64_t expected                  # next message to deliver
    cdef uint64_t known_end                 # one past the last message known to exist
    cdef uint64_t end_sequence              # announced end of session, 0 = none
    cdef uint64_t line_next[SOURCES]
    cdef SourceStats sources[SOURCES]
    cdef GapStats gaps
    cdef Stored* store
    cdef uint64_t store_mask
    cdef uint64_t stored
    cdef uint64_t gap_end                   # the open gap is expected..gap_end-1
    cdef int64_t gap_opened_ns
    cdef int64_t request_deadline_ns
    cdef int request_attempts               # since the gap last shrank
    cdef int64_t gap_timeout_ns
    cdef int64_t rerequest_timeout_ns
    cdef int rerequest_retries
    cdef uint64_t max_request_messages
    cdef uint64_t max_gap_messages
    cdef bint snapshot_on_join              # begin every session with a snapshot, even when heard from its first message
    cdef list _delivered

    cdef void receive(self, int source, const uint8_t* packet, size_t size, int64_t now_ns) noexcept nogil
    # Counts a packet that could not be read at all, for example one longer than the receive buffer.
    cdef void reject(self, int source) noexcept nogil
    # True: send a re-request for `count` messages from `sequence` of the current session now
    cdef bint poll_request(self, int64_t now_ns, uint64_t* sequence, uint16_t* count) noexcept nogil
    # the snapshot includes everything before `sequence`: go on from there
    cdef void resume(self, uint64_t sequence, int64_t now_ns) noexcept nogil
    # deliver no more until resume(): for a caller that lost its own state
    cdef void declare_gap(self) noexcept nogil
    # a gap older than gap_timeout_ns, or a declared one: what was delivered lags the market
    cdef bint overdue(self, int64_t now_ns) noexcept nogil

    cdef bint _join(self, int source, const char* session, uint64_t sequence, int64_t now_ns) noexcept nogil
    cdef void _account_line(self, int source, uint64_t sequence, uint64_t after) noexcept nogil
    cdef Stored* _slot(self, uint64_t sequence) noexcept nogil
    cdef bint _holds(self, uint64_t sequence) noexcept nogil
    cdef void _hold(self, int source, uint64_t sequence, const uint8_t* data, uint16_t length, int64_t now_ns) noexcept nogil
    cdef void _drain(self) noexcept nogil
    cdef void _settle(self, int source, uint64_t expected_before, int64_t now_ns) noexcept nogil
    cdef void _open_gap(self, int64_t now_ns) noexcept nogil
