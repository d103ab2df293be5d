"""SoupBinTCP server: connections, framing, login, heartbeats and time-outs. What the payload means is up to a subclass."""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from hotpath.net.sockets cimport InetAddress
from hotpath.protocols.soupbintcp cimport SoupFramer, SoupLoginAccepted, SoupLoginRequest

cdef enum:
    MAX_CONNECTIONS = 16
    RECEIVE_BYTES = 8192         # client packets are small; a larger one is malformed here

cdef enum ConnectionState:
    CONNECTION_CLOSED = 0
    CONNECTION_LOGIN = 1         # TCP is up, no login yet
    CONNECTION_OPEN = 2
    CONNECTION_CLOSING = 3       # the last bytes are on their way, nothing is read any more

cdef enum CloseReason:
    CLOSE_PEER = 0               # TCP closed or reset by the client
    CLOSE_LOGOUT = 1
    CLOSE_TIMEOUT = 2            # silent for longer than the client time-out
    CLOSE_LOGIN_TIMEOUT = 3
    CLOSE_TAKEOVER = 4           # the same user logged in on another connection
    CLOSE_SLOW = 5               # does not read what it is sent
    CLOSE_MALFORMED = 6
    CLOSE_REJECTED = 7           # login refused
    CLOSE_SHUTDOWN = 8
    CLOSE_EXHAUSTED = 9          # the account's stream has no room for new business
    CLOSE_REASONS = 10

cdef struct Connection:
    int fd
    uint8_t state
    int account                  # subclass's index, -1 before login
    int64_t opened_ns
    int64_t received_ns          # last bytes in
    int64_t sent_ns              # last bytes out
    int64_t progress_ns          # output was empty, or the socket took some
    int64_t timeout_ns
    SoupFramer framer
    uint8_t* received
    uint8_t* output
    size_t head                  # output[head:tail] waits for the socket
    size_t tail

cdef struct ServerCounters:
    int64_t connections          # accepted since start
    int64_t refused_connections  # more than MAX_CONNECTIONS
    int64_t logins
    int64_t rejected_logins
    int64_t closed[10]           # by CloseReason

cdef class SoupServer:
    cdef Connection connections[16]
    cdef ServerCounters counters
    cdef int listener
    cdef int open_count
    cdef size_t output_bytes
    cdef int64_t heartbeat_ns
    cdef int64_t timeout_ns

    cdef int serve(self, int64_t now) noexcept nogil             # one pass; > 0 when there was something to do
    cdef int watch(self, int* fds, int capacity) noexcept nogil  # descriptors worth waiting for
    cdef bint output_waits(self) noexcept nogil                  # a socket did not take everything: no descriptor tells when it will
    cdef void close_connection(self, int index, int reason) noexcept nogil
    cdef void finish_connection(self, int index, int reason) noexcept nogil    # close once the output is sent
    # Appends one packet to the output; False when there is no room for it.
    cdef bint put(self, int index, uint8_t packet_type, const uint8_t* payload, size_t size) noexcept nogil
    cdef size_t room(self, int index) noexcept nogil
    cdef void pump(self, int index, int64_t now) noexcept nogil  # fill() and send

    # For the subclass.
    # 0 = accepted (fill in `accepted`), else the SoupRejectReason to answer with.
    cdef uint8_t on_login(self, int index, const SoupLoginRequest* request, SoupLoginAccepted* accepted) noexcept nogil
    cdef void on_message(self, int index, const uint8_t* payload, size_t size) noexcept nogil
    cdef void on_closed(self, int index, int reason) noexcept nogil    # only for connections that had logged in
    cdef void on_handled(self, int index, int64_t received) noexcept nogil     # a batch of messages was answered
    cdef void fill(self, int index) noexcept nogil               # put() what is ready

    cdef int _accept(self, int64_t now) noexcept nogil
    cdef int _receive(self, int index, int64_t now) noexcept nogil
    cdef int _send(self, int index, int64_t now) noexcept nogil
    cdef bint _login(self, int index, const SoupLoginRequest* request, int64_t now) noexcept nogil
    cdef void _timers(self, int index, int64_t now) noexcept nogil
