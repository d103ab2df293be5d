"""The order router's loop: intents in, OUCH out, the venue's answers back into journal, ring and position block.

One thread owns everything here. `poll` runs without the GIL; between polls the role does what is slow (attach, connect,
gates, log). Nothing becomes visible in the ring or leaves for the venue before its event is in the journal.
"""
cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from hotpath.ipc.histogram cimport HistogramWriter
from hotpath.ipc.idle cimport IdleStrategy
from hotpath.ipc.journal cimport JournalWriter
from hotpath.ipc.messages cimport ControlBlock, Intent, OrderEvent, PositionBlock
from hotpath.ipc.ring cimport RingConsumer, RingProducer
from hotpath.ipc.seqlock cimport SeqlockReader, SeqlockWriter
from hotpath.ipc.status cimport StatusWriter
from hotpath.net.sockets cimport InetAddress
from hotpath.protocols.soupbintcp cimport SoupFramer, SoupPacket
from hotpath.router.order_state cimport OrderTable, VenueMessage
from hotpath.router.risk_gate cimport RiskContext, RiskGate, RiskLimits

cdef enum SessionState:
    SESSION_IDLE = 0              # no connection
    SESSION_CONNECTING = 1
    SESSION_LOGGING_IN = 2
    SESSION_RECOVERING = 3        # see RecoveryStep
    SESSION_SETTLED = 4           # recovered; the role has still to compare with the venue's stream
    SESSION_UP = 5

cdef enum RecoveryStep:
    RECOVERY_NONE = 0
    RECOVERY_NUMBER = 1           # first login, at the end of the stream: Account Query for the next number
    RECOVERY_FENCE = 2            # mass cancel sent under that number, second Account Query on its way
    RECOVERY_DRAIN = 3            # second login: reading the stream until every order has ended

cdef enum DownReason:
    DOWN_NONE = 0
    DOWN_CONNECT = 1
    DOWN_CLOSED = 2
    DOWN_SEND = 3
    DOWN_OUT_BUFFER = 4
    DOWN_SILENT = 5
    DOWN_LOGIN_REJECTED = 6
    DOWN_END_OF_SESSION = 7
    DOWN_FRAMING = 8
    DOWN_MESSAGE = 9
    DOWN_SEQUENCE = 10
    DOWN_MASS_CANCEL_REJECTED = 11
    DOWN_TIMEOUT = 12
    DOWN_ASKED = 13
    DOWN_FENCED = 14              # not a failure: the first of two logins is done

cdef enum:
    LATENCY_INTENT_TO_WIRE = 0
    LATENCY_TICK_TO_ORDER = 1
    LATENCY_ORDER_TO_ACK = 2

cdef enum CounterIndex:
    COUNT_INTENTS
    COUNT_SENT_NEW
    COUNT_SENT_REPLACE
    COUNT_SENT_CANCEL
    COUNT_SENT_MASS_CANCEL
    COUNT_ACCEPTED
    COUNT_REPLACED
    COUNT_FILLS
    COUNT_CANCELED
    COUNT_REJECTED
    COUNT_BROKEN
    COUNT_REFUSED
    COUNT_RECONNECTS
    COUNT_STALE_INTENTS
    COUNT_STALLS
    COUNT_RING_DROPPED
    COUNT_UNJOURNALED_REFUSALS
    COUNT_VENUE_MESSAGES
    COUNT_DUPLICATES
    COUNT_UNKNOWN_TYPES
    COUNT_ILLEGAL
    COUNT_ADOPTED
    COUNT_EVENTS
    COUNT_OPEN_ORDERS
    COUNT_POSITION
    COUNT_MODE
    COUNT_KILLED
    COUNT_FIRST_REFUSAL           # refused_<name>, in the order of risk_gate.REFUSALS


@cython.final
cdef class RouterEngine:
    # ---- what it works on
    cdef readonly OrderTable table
    cdef readonly RiskGate gate
    cdef readonly JournalWriter journal
    cdef readonly RingProducer orders
    cdef readonly SeqlockWriter position_writer
    cdef readonly StatusWriter status
    cdef readonly HistogramWriter latency
    cdef readonly IdleStrategy idle
    cdef RingConsumer _intents
    cdef SeqlockReader _control
    cdef SeqlockReader _top
    cdef OrderTable _view                # the venue's stream applied to an empty table, during recovery

    # ---- identity
    cdef readonly uint32_t epoch
    cdef char _symbol[8]
    cdef char _firm[4]
    cdef uint16_t _locate
    cdef char _username[6]
    cdef char _password[10]
    cdef bytes _kill_path
    cdef const char* _kill_file          # its characters

    # ---- session
    cdef readonly int session_state
    cdef readonly int recovery
    cdef readonly int down_reason
    cdef readonly int down_detail        # errno, reject code or message type
    cdef int _fd
    cdef InetAddress _remote
    cdef SoupFramer _framer
    cdef uint8_t* _in_buffer
    cdef uint8_t* _out
    cdef size_t _out_capacity
    cdef size_t _out_head
    cdef size_t _out_tail
    cdef uint64_t _next_sequence
    cdef uint64_t _login_sequence
    cdef uint64_t _stream_end           # first sequence after the fence
    cdef uint32_t _fence
    cdef int64_t _sent_ns
    cdef int64_t _received_ns
    cdef int64_t _phase_deadline_ns
    cdef int64_t _recovery_timeout_ns
    cdef readonly bint session_changed   # the venue has a new session: orders of the old one are unknown

    # ---- trading state
    cdef readonly int mode               # effective TradingMode
    cdef readonly bint killed
    cdef readonly bint halted            # by a break or an illegal message; only a new start clears it
    cdef public bint draining
    cdef public bint reconciled
    cdef readonly bint kill_file_present
    cdef readonly bint lease_ok
    cdef readonly bint lease_required
    cdef readonly bint control_present
    cdef readonly bint audit_full
    cdef readonly bint strategy_present
    cdef bint _want_flat
    cdef bint _rearms_known              # of the agent now attached: what it counted before does not re-arm
    cdef uint64_t _rearms
    cdef uint64_t _control_version
    cdef uint64_t _control_instance
    cdef ControlBlock _control_block
    cdef RiskLimits _config_limits
    cdef int64_t _kill_checked_ns
    cdef int64_t _mass_cancel_ns
    cdef int64_t _strategy_checked_ns
    cdef readonly bint attention         # the role has something to do: poll returned early

    # ---- outbound events that wait for room in the ring
    cdef OrderEvent* _waiting
    cdef uint64_t _waiting_head
    cdef uint64_t _waiting_tail
    cdef int64_t* _counters[64]
    cdef int _refusal_counter[256]

    cdef bint _pass(self, int64_t now) noexcept nogil
    cdef void _heartbeats(self, int64_t now) noexcept nogil
    # session
    cdef bint _poll_session(self, int64_t now) noexcept nogil
    cdef void _down(self, int reason, int detail) noexcept nogil
    cdef bint _receive(self, int64_t now) noexcept nogil
    cdef void _on_packet(self, const SoupPacket* packet, int64_t now) noexcept nogil
    cdef void _on_login_accepted(self, const SoupPacket* packet, int64_t now) noexcept nogil
    cdef void _on_message(self, const uint8_t* data, size_t size, bint sequenced, int64_t now) noexcept nogil
    cdef void _on_query_response(self, uint32_t next_number, int64_t now) noexcept nogil
    cdef void _check_drained(self, int64_t now) noexcept nogil
    cdef uint8_t* _reserve(self, size_t size) noexcept nogil
    cdef void _commit(self, size_t size) noexcept nogil
    cdef void _flush(self, int64_t now) noexcept nogil
    cdef void _send_login(self, int64_t now) noexcept nogil
    cdef void _send_plain(self, uint8_t packet_type) noexcept nogil
    cdef bint _send_account_query(self) noexcept nogil
    cdef bint _send_mass_cancel(self, int64_t now) noexcept nogil
    cdef void _flatten(self, int64_t now) noexcept nogil
    # intents
    cdef bint _poll_intents(self, int64_t now) noexcept nogil
    cdef void _on_intent(self, const Intent* intent, int64_t now) noexcept nogil
    cdef void _new(self, const Intent* intent, RiskContext* context) noexcept nogil
    cdef void _replace(self, const Intent* intent, RiskContext* context) noexcept nogil
    cdef void _cancel(self, const Intent* intent, RiskContext* context) noexcept nogil
    cdef void _record_sent(self, const Intent* intent) noexcept nogil
    cdef bint _send_cancel(self, int32_t slot, int64_t now) noexcept nogil
    cdef void _refuse(self, const Intent* intent, int reason) noexcept nogil
    cdef int64_t _reference(self, int64_t now) noexcept nogil
    cdef void _fill_context(self, RiskContext* context, const Intent* intent, int64_t now) noexcept nogil
    cdef void _check_strategy(self, int64_t now) noexcept nogil
    # control
    cdef void _check_control(self, int64_t now) noexcept nogil
    cdef void _latch_kill(self) noexcept nogil
    cdef void _check_kill_file(self, int64_t now) noexcept nogil
    # events
    cdef bint _room(self, uint64_t records) noexcept nogil
    cdef bint _is_own(self, const OrderEvent* event) noexcept nogil
    cdef bint _journal(self, OrderEvent* event) noexcept nogil
    cdef void _publish(self, const OrderEvent* event) noexcept nogil
    cdef void _emit(self, OrderEvent* event) noexcept nogil
    cdef void _emit_plain(self, uint8_t kind, int64_t quantity, int64_t last_quantity, uint8_t reason) noexcept nogil
    cdef bint _publish_waiting(self) noexcept nogil
    cdef void _write_position(self, uint64_t sequence) noexcept nogil
    cdef void _count(self, int index) noexcept nogil
    cdef void _store(self, int index, int64_t value) noexcept nogil
