"""Market data out: ITCH 5.0 in MoldUDP64 on two identical lines, and the re-request server."""
cimport cython
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from hotpath.net.sockets cimport InetAddress
from hotpath.protocols.moldudp64 cimport MoldBuilder

cdef enum:
    LINES = 2
    PACKET_BYTES = 1400
    RETAINED_BYTES = 46          # u16 length and the longest message sent here (P, 44 bytes)
    REREQUESTS_PER_PASS = 64

# Written by the venue thread only; readers elsewhere see whole, perhaps slightly old words.
cdef struct MarketDataCounters:
    int64_t messages
    int64_t packets              # per line
    int64_t send_failures        # datagrams the kernel refused, both lines
    int64_t rerequests
    int64_t rerequested_messages
    int64_t refused_rerequests   # other session, malformed, or outside the retained window: answered with silence

# Takes the packets of one line when there are no sockets: a backtest in one process.
cdef class PacketSink:
    cdef void packet(self, const uint8_t* data, size_t size) noexcept nogil

@cython.final
cdef class MarketData:
    cdef MarketDataCounters counters
    cdef uint64_t next_sequence
    cdef char session[10]
    cdef MoldBuilder builder
    cdef uint8_t packet[1400]
    cdef uint8_t* retained
    cdef uint64_t window
    cdef PacketSink sink                 # None = the sockets
    cdef int send_fd
    cdef int rerequest_fd
    cdef InetAddress lines[2]
    cdef int64_t heartbeat_ns
    cdef int64_t last_packet_ns
    cdef uint16_t locate
    cdef char symbol[8]
    cdef uint32_t round_lot

    cdef void begin_session(self, const char* session) noexcept nogil

    # Messages: queued into the current packet, retained for re-request. ts = ns since midnight.
    cdef void system_event(self, int64_t ts, uint8_t code) noexcept nogil
    cdef void directory(self, int64_t ts) noexcept nogil
    cdef void trading_action(self, int64_t ts, uint8_t state, const char* reason) noexcept nogil
    cdef void add_order(self, int64_t ts, uint64_t ref, uint8_t side, uint32_t shares, int64_t price) noexcept nogil
    cdef void executed(self, int64_t ts, uint64_t ref, uint32_t shares, uint64_t match) noexcept nogil
    cdef void cancelled(self, int64_t ts, uint64_t ref, uint32_t shares) noexcept nogil
    cdef void deleted(self, int64_t ts, uint64_t ref) noexcept nogil
    cdef void replaced(self, int64_t ts, uint64_t old, uint64_t new, uint32_t shares, int64_t price) noexcept nogil
    cdef void trade(self, int64_t ts, uint32_t shares, int64_t price, uint64_t match) noexcept nogil
    cdef void cross(self, int64_t ts, uint64_t shares, int64_t price, uint64_t match, uint8_t kind) noexcept nogil

    cdef void flush(self, int64_t now) noexcept nogil            # send what is queued
    cdef void heartbeat(self, int64_t now) noexcept nogil        # when nothing was sent for heartbeat_ns
    cdef void end_session(self) noexcept nogil                   # flush, then the end-of-session packet
    cdef int serve_rerequests(self) noexcept nogil               # requests handled

    # The same encoders, for a snapshot: bytes written to `out`.
    cdef int encode_event(self, int64_t ts, uint8_t code, uint8_t* out, size_t n) noexcept nogil
    cdef int encode_directory(self, int64_t ts, uint8_t* out, size_t n) noexcept nogil
    cdef int encode_action(self, int64_t ts, uint8_t state, const char* reason, uint8_t* out, size_t n) noexcept nogil
    cdef int encode_add(self, int64_t ts, uint64_t ref, uint8_t side, uint32_t shares, int64_t price, uint8_t* out,
                        size_t n) noexcept nogil

    cdef uint8_t* _reserve(self) noexcept nogil
    cdef void _commit(self, int length) noexcept nogil
    cdef void _send(self, const uint8_t* data, size_t size) noexcept nogil
