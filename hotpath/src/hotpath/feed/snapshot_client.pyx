"""GLIMPSE snapshot client. See snapshot_client.pxd."""
from libc.errno cimport EAGAIN, EINPROGRESS
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from hotpath.net.sockets cimport (
    close_socket, inet_address, tcp_connect_finish, tcp_connect_start, tcp_recv, tcp_send,
)
from hotpath.protocols.glimpse cimport GLIMPSE_END_OF_SNAPSHOT, glimpse_decode_end_of_snapshot
from hotpath.protocols.soupbintcp cimport (
    SOUP_CLIENT_HEARTBEAT, SOUP_DEBUG, SOUP_END_OF_SESSION, SOUP_LOGIN_ACCEPTED, SOUP_LOGIN_REJECTED,
    SOUP_LOGIN_REQUEST_LENGTH, SOUP_LOGOUT_REQUEST, SOUP_SEQUENCED_DATA, SOUP_SERVER_HEARTBEAT,
    SOUP_UNSEQUENCED_DATA, SoupLoginAccepted, SoupLoginRequest, SoupPacket, soup_decode_login_accepted,
    soup_encode_login_request, soup_encode_packet, soup_framer_init, soup_framer_next, soup_framer_received,
    soup_framer_reset, soup_framer_space,
)

cdef enum:
    BUFFER_BYTES = 262_144
    READS_PER_POLL = 8            # live lines are drained between polls
    HEARTBEAT_NS = 1_000_000_000
    LOAD_TIMEOUTS = 10


cdef class SnapshotClient:
    def __cinit__(self, str host, int port, *, int64_t timeout_ns=2_000_000_000):
        self.fd = -1
        self.timeout_ns = timeout_ns
        if inet_address(&self.remote, host.encode("ascii", "replace"), port) < 0:
            raise ValueError(f"glimpse {host}:{port}: must be an IPv4 address and a port")
        self.buffer = <uint8_t*>malloc(BUFFER_BYTES)
        if self.buffer == NULL:
            raise MemoryError("SnapshotClient: no memory for the receive buffer")
        soup_framer_init(&self.framer, self.buffer, BUFFER_BYTES)

    def __dealloc__(self):
        close_socket(&self.fd)
        free(self.buffer)

    cdef void start(self, int64_t now_ns) noexcept nogil:
        cdef int code
        self.stop()
        soup_framer_reset(&self.framer)
        self.messages = 0
        self.next_sequence = 0
        self.failure = NULL
        self.error_number = 0
        self.started_ns = now_ns
        self.progress_ns = now_ns
        self.heartbeat_ns = now_ns
        memset(self.session, c' ', 10)
        code = tcp_connect_start(&self.remote)
        if code < 0:
            self._fail("cannot connect", -code)
            return
        self.fd = code
        self.state = SNAPSHOT_CONNECTING

    cdef void stop(self) noexcept nogil:
        close_socket(&self.fd)
        self.state = SNAPSHOT_IDLE

    cdef void fail(self, const char* reason) noexcept nogil:
        self._fail(reason, 0)

    cdef bint _fail(self, const char* reason, int error_number) noexcept nogil:
        close_socket(&self.fd)
        self.failure = reason
        self.error_number = error_number
        self.state = SNAPSHOT_FAILED
        return True

    cdef bint poll(self, int64_t now_ns) noexcept nogil:
        cdef uint8_t* where
        cdef uint8_t packet[3]
        cdef size_t space
        cdef Py_ssize_t count
        cdef int reads
        cdef bint worked = False
        if self.state == SNAPSHOT_CONNECTING:
            if self._connected(now_ns):
                return True
        elif self.state == SNAPSHOT_LOGGING_IN or self.state == SNAPSHOT_LOADING:
            for reads in range(READS_PER_POLL):
                space = soup_framer_space(&self.framer, &where)
                count = tcp_recv(self.fd, where, space)
                if count == -EAGAIN:
                    break
                if count == 0:
                    return self._fail("the server closed the connection before the end of the snapshot", 0)
                if count < 0:
                    return self._fail("the connection broke", <int>-count)
                worked = True
                self.progress_ns = now_ns
                soup_framer_received(&self.framer, <size_t>count)
                if self._take_packets():
                    return True
            if now_ns - self.heartbeat_ns >= HEARTBEAT_NS:
                self.heartbeat_ns = now_ns
                soup_encode_packet(SOUP_CLIENT_HEARTBEAT, NULL, 0, packet, sizeof(packet))
                if tcp_send(self.fd, packet, sizeof(packet)) != sizeof(packet):
                    return self._fail("a heartbeat could not be sent", 0)
        else:
            return False
        if now_ns - self.progress_ns > self.timeout_ns or now_ns - self.started_ns > LOAD_TIMEOUTS * self.timeout_ns:
            return self._fail("timed out", 0)
        return worked

    cdef bint _connected(self, int64_t now_ns) noexcept nogil:
        """True when the state changed."""
        cdef SoupLoginRequest login
        cdef uint8_t packet[SOUP_LOGIN_REQUEST_LENGTH]
        cdef int code = tcp_connect_finish(self.fd)
        if code == -EINPROGRESS:
            return False
        if code < 0:
            return self._fail("cannot connect", -code)
        # GLIMPSE: blank session, from sequence 1. Market data has no account here, so the names are blank too.
        memset(&login, c' ', sizeof(login))
        login.requested_sequence_number = 1
        login.has_heartbeat_timeout = 0
        soup_encode_login_request(&login, packet, sizeof(packet))
        if tcp_send(self.fd, packet, sizeof(packet)) != sizeof(packet):
            return self._fail("the login could not be sent", 0)
        self.progress_ns = now_ns
        self.state = SNAPSHOT_LOGGING_IN
        return True

    cdef bint _take_packets(self) noexcept nogil:
        """Handle what was received; True when the snapshot ended, well or not."""
        cdef SoupPacket packet
        cdef SoupLoginAccepted accepted
        cdef uint8_t logout[3]
        cdef int length
        while True:
            length = soup_framer_next(&self.framer, &packet)
            if length == 0:
                return False
            if length < 0:
                return self._fail("broken SoupBinTCP framing", 0)
            if packet.packet_type == SOUP_SERVER_HEARTBEAT or packet.packet_type == SOUP_DEBUG:
                continue
            if packet.packet_type == SOUP_LOGIN_ACCEPTED and self.state == SNAPSHOT_LOGGING_IN:
                if soup_decode_login_accepted(&packet, &accepted) < 0 or accepted.sequence_number != 1:
                    return self._fail("the login answer is not that of a snapshot from sequence 1", 0)
                memcpy(self.session, accepted.session, 10)
                self.state = SNAPSHOT_LOADING
            elif packet.packet_type == SOUP_LOGIN_REJECTED:
                return self._fail("the login was rejected", 0)
            elif packet.packet_type == SOUP_END_OF_SESSION:
                return self._fail("the session ended before the end of the snapshot", 0)
            elif self.state != SNAPSHOT_LOADING:
                return self._fail("data before the login answer", 0)
            elif packet.packet_type == SOUP_SEQUENCED_DATA:
                if packet.payload_length and packet.payload[0] == GLIMPSE_END_OF_SNAPSHOT:
                    if (glimpse_decode_end_of_snapshot(packet.payload, packet.payload_length, &self.next_sequence) < 0
                            or self.next_sequence == 0):
                        return self._fail("a malformed end of snapshot", 0)
                    soup_encode_packet(SOUP_LOGOUT_REQUEST, NULL, 0, logout, sizeof(logout))
                    tcp_send(self.fd, logout, sizeof(logout))
                    close_socket(&self.fd)
                    self.state = SNAPSHOT_DONE
                    return True
                self.messages += 1
                self.on_message(self.context, packet.payload, packet.payload_length)
                if self.state == SNAPSHOT_FAILED:
                    return True
            elif packet.packet_type != SOUP_UNSEQUENCED_DATA:
                return self._fail("an unexpected SoupBinTCP packet", 0)
