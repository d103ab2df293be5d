# cython: nonecheck=False
# a None check of `self` in nogil code would need the GIL
"""SoupBinTCP 3.00 to 4.10 server over nonblocking TCP. See soup_server.pxd."""
from libc.errno cimport EAGAIN
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memmove, memset

from hotpath.net.sockets cimport (InetAddress, close_socket, inet_address, set_quickack, tcp_accept, tcp_listen,
                                  tcp_recv, tcp_send)
from hotpath.net.sockets import resolve_ipv4, socket_error
from hotpath.protocols.soupbintcp cimport (
    SOUP_CLIENT_HEARTBEAT, SOUP_DEBUG, SOUP_HEADER_LENGTH, SOUP_LOGIN_ACCEPTED_LENGTH, SOUP_LOGIN_REJECTED,
    SOUP_LOGIN_REQUEST, SOUP_LOGOUT_REQUEST, SOUP_REJECT_NOT_AUTHORIZED, SOUP_SERVER_HEARTBEAT,
    SOUP_UNSEQUENCED_DATA, SoupLoginAccepted, SoupLoginRequest, SoupPacket, soup_decode_login_request,
    soup_encode_login_accepted, soup_encode_packet, soup_framer_init, soup_framer_next, soup_framer_received,
    soup_framer_reset, soup_framer_space,
)

cdef int64_t LOGIN_TIMEOUT_NS = 30_000_000_000
cdef int64_t STALL_NS = 5_000_000_000      # the socket took nothing for this long
cdef int64_t CLOSING_NS = 1_000_000_000


cdef class SoupServer:
    def __cinit__(self, *_arguments, **_keywords):
        self.listener = -1
        memset(&self.counters, 0, sizeof(self.counters))
        memset(self.connections, 0, sizeof(self.connections))
        for i in range(MAX_CONNECTIONS):
            self.connections[i].fd = -1

    def __init__(self, str what, str host, int port, size_t output_bytes, int64_t heartbeat_ms, int64_t timeout_ms):
        cdef InetAddress local
        self.output_bytes = output_bytes
        self.heartbeat_ns = heartbeat_ms * 1_000_000
        self.timeout_ns = timeout_ms * 1_000_000
        if host is None:        # nobody connects: messages are handed in by the same process
            return
        for i in range(MAX_CONNECTIONS):
            self.connections[i].received = <uint8_t*>malloc(RECEIVE_BYTES)
            self.connections[i].output = <uint8_t*>malloc(output_bytes)
            if self.connections[i].received == NULL or self.connections[i].output == NULL:
                raise MemoryError(f"{what}: no memory for connection buffers")
            soup_framer_init(&self.connections[i].framer, self.connections[i].received, RECEIVE_BYTES)
        inet_address(&local, resolve_ipv4(host).encode(), port)
        self.listener = tcp_listen(&local, MAX_CONNECTIONS)
        if self.listener < 0:
            raise socket_error(self.listener, f"{what} TCP port {port}", port)

    def __dealloc__(self):
        for i in range(MAX_CONNECTIONS):
            close_socket(&self.connections[i].fd)
            free(self.connections[i].received)
            free(self.connections[i].output)
        close_socket(&self.listener)

    def close(self):
        for i in range(MAX_CONNECTIONS):
            if self.connections[i].state != CONNECTION_CLOSED:
                self.close_connection(i, CLOSE_SHUTDOWN)
        close_socket(&self.listener)

    # --- for subclasses to override ---

    cdef uint8_t on_login(self, int index, const SoupLoginRequest* request, SoupLoginAccepted* accepted) noexcept nogil:
        return SOUP_REJECT_NOT_AUTHORIZED

    cdef void on_message(self, int index, const uint8_t* payload, size_t size) noexcept nogil:
        pass

    cdef void on_closed(self, int index, int reason) noexcept nogil:
        pass

    cdef void on_handled(self, int index, int64_t received) noexcept nogil:
        pass

    cdef void fill(self, int index) noexcept nogil:
        pass

    # --- connections ---

    cdef int serve(self, int64_t now) noexcept nogil:
        cdef int index
        cdef int work = self._accept(now)
        if self.open_count == 0:
            return work
        for index in range(MAX_CONNECTIONS):
            if self.connections[index].state == CONNECTION_CLOSED:
                continue
            if self.connections[index].state != CONNECTION_CLOSING:
                work += self._receive(index, now)
            if self.connections[index].state == CONNECTION_OPEN:
                self.fill(index)
            if self.connections[index].state != CONNECTION_CLOSED:
                work += self._send(index, now)
            if self.connections[index].state != CONNECTION_CLOSED:
                self._timers(index, now)
        return work

    cdef int watch(self, int* fds, int capacity) noexcept nogil:
        cdef int index
        cdef int count = 0
        if count < capacity:
            fds[count] = self.listener
            count += 1
        for index in range(MAX_CONNECTIONS):
            if self.connections[index].state != CONNECTION_CLOSED and count < capacity:
                fds[count] = self.connections[index].fd
                count += 1
        return count

    cdef bint output_waits(self) noexcept nogil:
        cdef int index
        for index in range(MAX_CONNECTIONS):
            if (self.connections[index].state != CONNECTION_CLOSED
                    and self.connections[index].head != self.connections[index].tail):
                return True
        return False

    cdef int _accept(self, int64_t now) noexcept nogil:
        cdef Connection* c
        cdef int index
        cdef int fd = tcp_accept(self.listener, NULL)
        if fd < 0:
            return 0
        for index in range(MAX_CONNECTIONS):
            c = &self.connections[index]
            if c.state == CONNECTION_CLOSED:
                c.fd = fd
                c.state = CONNECTION_LOGIN
                c.account = -1
                c.opened_ns = now
                c.received_ns = now
                c.sent_ns = now
                c.progress_ns = now
                c.timeout_ns = self.timeout_ns
                c.head = 0
                c.tail = 0
                soup_framer_reset(&c.framer)
                self.open_count += 1
                self.counters.connections += 1
                return 1
        close_socket(&fd)
        self.counters.refused_connections += 1
        return 1

    cdef int _receive(self, int index, int64_t now) noexcept nogil:
        cdef Connection* c = &self.connections[index]
        cdef SoupPacket packet
        cdef SoupLoginRequest request
        cdef uint8_t* where
        cdef size_t space = soup_framer_space(&c.framer, &where)
        cdef Py_ssize_t size = tcp_recv(c.fd, where, space)
        cdef int framed
        cdef bint handled = False
        if size == -EAGAIN:
            return 0
        if size <= 0:
            self.close_connection(index, CLOSE_PEER)
            return 1
        c.received_ns = now
        soup_framer_received(&c.framer, <size_t>size)
        set_quickack(c.fd)
        while True:
            framed = soup_framer_next(&c.framer, &packet)
            if framed == 0:
                break
            if framed < 0:
                self.close_connection(index, CLOSE_MALFORMED)
                return 1
            if c.state == CONNECTION_LOGIN:
                if packet.packet_type == SOUP_DEBUG:
                    continue
                if packet.packet_type != SOUP_LOGIN_REQUEST or soup_decode_login_request(&packet, &request) < 0:
                    self.close_connection(index, CLOSE_MALFORMED)
                    return 1
                if not self._login(index, &request, now):
                    return 1
            elif packet.packet_type == SOUP_UNSEQUENCED_DATA:
                handled = True
                self.on_message(index, packet.payload, packet.payload_length)
                if c.state != CONNECTION_OPEN:
                    return 1
            elif packet.packet_type == SOUP_LOGOUT_REQUEST:
                self.close_connection(index, CLOSE_LOGOUT)
                return 1
            elif packet.packet_type != SOUP_CLIENT_HEARTBEAT and packet.packet_type != SOUP_DEBUG:
                self.close_connection(index, CLOSE_MALFORMED)
                return 1
        if handled:
            self.pump(index, now)
            if c.state == CONNECTION_OPEN:
                self.on_handled(index, now)
        return 1

    cdef bint _login(self, int index, const SoupLoginRequest* request, int64_t now) noexcept nogil:
        cdef Connection* c = &self.connections[index]
        cdef SoupLoginAccepted accepted
        cdef uint8_t out[SOUP_LOGIN_ACCEPTED_LENGTH]
        cdef uint8_t reason = self.on_login(index, request, &accepted)
        if reason:
            self.counters.rejected_logins += 1
            self.put(index, SOUP_LOGIN_REJECTED, &reason, 1)
            self.finish_connection(index, CLOSE_REJECTED)
            self._send(index, now)
            return False
        soup_encode_login_accepted(&accepted, out, sizeof(out))
        self.put(index, out[2], out + SOUP_HEADER_LENGTH, sizeof(out) - SOUP_HEADER_LENGTH)
        if request.has_heartbeat_timeout and request.heartbeat_timeout_ms > 0:
            c.timeout_ns = <int64_t>request.heartbeat_timeout_ms * 1_000_000
        c.state = CONNECTION_OPEN
        self.counters.logins += 1
        return True

    cdef int _send(self, int index, int64_t now) noexcept nogil:
        cdef Connection* c = &self.connections[index]
        cdef Py_ssize_t sent
        if c.head == c.tail:
            c.progress_ns = now
            if c.state == CONNECTION_CLOSING:
                close_socket(&c.fd)
                c.state = CONNECTION_CLOSED
                self.open_count -= 1
            return 0
        sent = tcp_send(c.fd, c.output + c.head, c.tail - c.head)
        if sent == -EAGAIN:
            return 0
        if sent < 0:
            self.close_connection(index, CLOSE_PEER)
            return 1
        c.head += <size_t>sent
        c.sent_ns = now
        c.progress_ns = now
        if c.head == c.tail:
            c.head = 0
            c.tail = 0
        return 1

    cdef void pump(self, int index, int64_t now) noexcept nogil:
        if self.connections[index].state == CONNECTION_OPEN:
            self.fill(index)
        if self.connections[index].state != CONNECTION_CLOSED:
            self._send(index, now)

    cdef void _timers(self, int index, int64_t now) noexcept nogil:
        cdef Connection* c = &self.connections[index]
        if c.state == CONNECTION_LOGIN and now - c.opened_ns > LOGIN_TIMEOUT_NS:
            self.close_connection(index, CLOSE_LOGIN_TIMEOUT)
        elif c.state == CONNECTION_CLOSING and now - c.progress_ns > CLOSING_NS:
            c.head = c.tail
            self._send(index, now)
        elif c.state == CONNECTION_OPEN:
            if now - c.received_ns > c.timeout_ns:
                self.close_connection(index, CLOSE_TIMEOUT)
            elif c.head != c.tail and now - c.progress_ns > STALL_NS:
                self.close_connection(index, CLOSE_SLOW)
            elif now - c.sent_ns >= self.heartbeat_ns and c.head == c.tail:
                self.put(index, SOUP_SERVER_HEARTBEAT, NULL, 0)
                self._send(index, now)

    cdef size_t room(self, int index) noexcept nogil:
        """Payload bytes that the next put() can take."""
        cdef size_t free_bytes = self.output_bytes - (self.connections[index].tail - self.connections[index].head)
        return free_bytes - SOUP_HEADER_LENGTH if free_bytes > SOUP_HEADER_LENGTH else 0

    cdef bint put(self, int index, uint8_t packet_type, const uint8_t* payload, size_t size) noexcept nogil:
        cdef Connection* c = &self.connections[index]
        cdef int length
        if self.output_bytes - c.tail < SOUP_HEADER_LENGTH + size and c.head:
            memmove(c.output, c.output + c.head, c.tail - c.head)
            c.tail -= c.head
            c.head = 0
        length = soup_encode_packet(packet_type, payload, size, c.output + c.tail, self.output_bytes - c.tail)
        if length < 0:
            return False
        c.tail += <size_t>length
        return True

    cdef void finish_connection(self, int index, int reason) noexcept nogil:
        cdef Connection* c = &self.connections[index]
        cdef bint was_open = c.state == CONNECTION_OPEN
        if c.state == CONNECTION_CLOSED or c.state == CONNECTION_CLOSING:
            return
        c.state = CONNECTION_CLOSING
        self.counters.closed[reason] += 1
        if was_open:
            self.on_closed(index, reason)

    cdef void close_connection(self, int index, int reason) noexcept nogil:
        cdef Connection* c = &self.connections[index]
        cdef bint was_open = c.state == CONNECTION_OPEN
        if c.state == CONNECTION_CLOSED:
            return
        if c.state != CONNECTION_CLOSING:
            self.counters.closed[reason] += 1
        close_socket(&c.fd)
        c.state = CONNECTION_CLOSED      # before the hook, so that what it publishes is not sent here
        self.open_count -= 1
        if was_open:
            self.on_closed(index, reason)
