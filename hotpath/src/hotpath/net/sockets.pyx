"""Nonblocking IPv4 sockets over libc for the hot path. See sockets.pxd for the calls and their results."""
from libc.errno cimport EAGAIN, EINPROGRESS, EINTR, EINVAL, ENOBUFS, EPERM, errno
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

import errno as _errno
import os
import socket as _socket

from hotpath.net.ports import describe_port_holder

cdef extern from "<arpa/inet.h>" nogil:
    int inet_pton(int family, const char* source, void* destination)
    uint16_t htons(uint16_t value)
    uint16_t ntohs(uint16_t value)

cdef extern from "<time.h>" nogil:
    struct timespec:
        pass

cdef extern from "<netinet/in.h>" nogil:
    int IPPROTO_TCP

cdef extern from "<netinet/tcp.h>" nogil:
    int TCP_NODELAY
    int TCP_QUICKACK

cdef extern from "<unistd.h>" nogil:
    int close(int fd)

cdef extern from "<sys/socket.h>" nogil:
    struct sockaddr:
        pass
    struct cmsghdr:
        size_t cmsg_len
        int cmsg_level
        int cmsg_type
    int AF_INET, SOCK_STREAM, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_CLOEXEC
    int SOL_SOCKET, SO_REUSEADDR, SO_ERROR, SO_RCVBUF, SO_RCVBUFFORCE, SO_SNDBUF, SO_SNDBUFFORCE, SO_BUSY_POLL
    int SO_RXQ_OVFL, MSG_NOSIGNAL, MSG_DONTWAIT, MSG_TRUNC, SHUT_RDWR
    int socket(int family, int kind, int protocol)
    int bind(int fd, const sockaddr* address, unsigned int size)
    int listen(int fd, int backlog)
    int connect(int fd, const sockaddr* address, unsigned int size)
    int accept4(int fd, sockaddr* address, unsigned int* size, int flags)
    int getsockname(int fd, sockaddr* address, unsigned int* size)
    int getpeername(int fd, sockaddr* address, unsigned int* size)
    int setsockopt(int fd, int level, int name, const void* value, unsigned int size)
    int getsockopt(int fd, int level, int name, void* value, unsigned int* size)
    int c_shutdown "shutdown"(int fd, int how)
    Py_ssize_t recv(int fd, void* data, size_t size, int flags)
    Py_ssize_t send(int fd, const void* data, size_t size, int flags)
    Py_ssize_t recvfrom(int fd, void* data, size_t size, int flags, sockaddr* address, unsigned int* length)
    Py_ssize_t sendto(int fd, const void* data, size_t size, int flags, const sockaddr* address, unsigned int length)
    int recvmmsg(int fd, mmsghdr* messages, unsigned int count, int flags, timespec* timeout)
    int sendmmsg(int fd, mmsghdr* messages, unsigned int count, int flags)
    cmsghdr* CMSG_FIRSTHDR(msghdr* message)
    cmsghdr* CMSG_NXTHDR(msghdr* message, cmsghdr* control)
    unsigned char* CMSG_DATA(cmsghdr* control)

cdef enum:
    CONTROL_BYTES = 64


cdef inline int _result(int code) noexcept nogil:
    return code if code >= 0 else -errno


cdef inline int _set_int(int fd, int level, int name, int value) noexcept nogil:
    return _result(setsockopt(fd, level, name, &value, sizeof(value)))


cdef int inet_address(InetAddress* address, const char* host, int port) noexcept nogil:
    memset(address, 0, sizeof(InetAddress))
    if port < 0 or port > 65535 or inet_pton(AF_INET, host, &address.sin_addr) != 1:
        return -EINVAL
    _set_family(address)
    address.sin_port = htons(<uint16_t>port)
    return 0


cdef extern from *:
    """
    static void _set_family(struct sockaddr_in *address) { address->sin_family = AF_INET; }
    """
    void _set_family(InetAddress* address) noexcept nogil


cdef int same_address(const InetAddress* a, const InetAddress* b) noexcept nogil:
    return a.sin_port == b.sin_port and a.sin_addr.s_addr == b.sin_addr.s_addr


cdef int local_port(int fd) noexcept nogil:
    cdef InetAddress address
    cdef unsigned int size = sizeof(address)
    if getsockname(fd, <sockaddr*>&address, &size) < 0:
        return -errno
    return ntohs(address.sin_port)


cdef int tcp_connect_start(const InetAddress* remote) noexcept nogil:
    cdef int code
    cdef int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
    if fd < 0:
        return -errno
    _set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1)
    if connect(fd, <const sockaddr*>remote, sizeof(InetAddress)) < 0 and errno != EINPROGRESS:
        code = -errno
        close(fd)
        return code
    return fd


cdef int tcp_connect_finish(int fd) noexcept nogil:
    cdef InetAddress peer
    cdef unsigned int size = sizeof(peer)
    cdef int pending = 0
    cdef unsigned int pending_size = sizeof(pending)
    if getsockopt(fd, SOL_SOCKET, SO_ERROR, &pending, &pending_size) < 0:
        return -errno
    if pending != 0:
        return -pending
    if getpeername(fd, <sockaddr*>&peer, &size) < 0:
        return -EINPROGRESS
    return 0


cdef int tcp_listen(const InetAddress* local, int backlog) noexcept nogil:
    cdef int code
    cdef int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
    if fd < 0:
        return -errno
    _set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    if bind(fd, <const sockaddr*>local, sizeof(InetAddress)) < 0 or listen(fd, backlog) < 0:
        code = -errno
        close(fd)
        return code
    return fd


cdef int tcp_accept(int listener, InetAddress* peer) noexcept nogil:
    cdef InetAddress unused
    cdef unsigned int size = sizeof(InetAddress)
    cdef int fd = accept4(listener, <sockaddr*>(peer if peer != NULL else &unused), &size, SOCK_NONBLOCK | SOCK_CLOEXEC)
    if fd < 0:
        return -EAGAIN if errno == EINTR else -errno
    _set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1)
    return fd


cdef Py_ssize_t tcp_recv(int fd, void* data, size_t size) noexcept nogil:
    cdef Py_ssize_t count = recv(fd, data, size, MSG_DONTWAIT)
    if count < 0:
        return -EAGAIN if errno == EINTR else -errno
    return count


cdef Py_ssize_t tcp_send(int fd, const void* data, size_t size) noexcept nogil:
    cdef Py_ssize_t count = send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL)
    if count < 0:
        return -EAGAIN if errno == EINTR else -errno
    return count


cdef int shutdown_socket(int fd) noexcept nogil:
    return _result(c_shutdown(fd, SHUT_RDWR))


cdef int udp_bind(const InetAddress* local) noexcept nogil:
    cdef int code
    cdef int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
    if fd < 0:
        return -errno
    if bind(fd, <const sockaddr*>local, sizeof(InetAddress)) < 0:
        code = -errno
        close(fd)
        return code
    return fd


cdef Py_ssize_t udp_recvfrom(int fd, void* data, size_t size, InetAddress* peer) noexcept nogil:
    cdef InetAddress unused
    cdef unsigned int length = sizeof(InetAddress)
    cdef Py_ssize_t count = recvfrom(fd, data, size, MSG_DONTWAIT, <sockaddr*>(peer if peer != NULL else &unused), &length)
    if count < 0:
        return -EAGAIN if errno == EINTR else -errno
    return count


cdef Py_ssize_t udp_sendto(int fd, const void* data, size_t size, const InetAddress* remote) noexcept nogil:
    cdef Py_ssize_t count = sendto(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL, <const sockaddr*>remote, sizeof(InetAddress))
    if count < 0:
        return -EAGAIN if errno == EINTR else -errno
    return count


cdef int set_quickack(int fd) noexcept nogil:
    return _set_int(fd, IPPROTO_TCP, TCP_QUICKACK, 1)


cdef int _set_buffer(int fd, int forced, int plain, int size) noexcept nogil:
    cdef int granted = 0
    cdef unsigned int length = sizeof(granted)
    cdef int code = _set_int(fd, SOL_SOCKET, forced, size)
    if code == -EPERM:
        code = _set_int(fd, SOL_SOCKET, plain, size)
    if code < 0:
        return code
    if getsockopt(fd, SOL_SOCKET, plain, &granted, &length) < 0:
        return -errno
    return granted // 2     # Linux reports twice the usable size, for its own bookkeeping


cdef int set_receive_buffer(int fd, int size) noexcept nogil:
    return _set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, size)


cdef int set_send_buffer(int fd, int size) noexcept nogil:
    return _set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, size)


cdef int set_busy_poll(int fd, int microseconds) noexcept nogil:
    return _set_int(fd, SOL_SOCKET, SO_BUSY_POLL, microseconds)


cdef int set_overflow_count(int fd) noexcept nogil:
    return _set_int(fd, SOL_SOCKET, SO_RXQ_OVFL, 1)


cdef void close_socket(int* fd) noexcept nogil:
    if fd[0] >= 0:
        close(fd[0])    # never retried: after EINTR Linux has already freed the number
        fd[0] = -1


cdef class DatagramReceiver:
    def __cinit__(self, int capacity=32, size_t datagram_size=2048):
        if not 1 <= capacity <= 1024 or not 64 <= datagram_size <= 65536:
            raise ValueError("DatagramReceiver: capacity must be 1..1024 datagrams of 64..65536 bytes")
        self.capacity = capacity
        self.datagram_size = datagram_size
        self.buffers = <uint8_t*>calloc(capacity, datagram_size)
        self.controls = <uint8_t*>calloc(capacity, CONTROL_BYTES)
        self.vectors = <iovec*>calloc(capacity, sizeof(iovec))
        self.peers = <InetAddress*>calloc(capacity, sizeof(InetAddress))
        self.headers = <mmsghdr*>calloc(capacity, sizeof(mmsghdr))
        if not (self.buffers and self.controls and self.vectors and self.peers and self.headers):
            raise MemoryError("DatagramReceiver: no memory for the receive buffers")
        cdef int i
        for i in range(capacity):
            self.vectors[i].iov_base = self.buffers + i * datagram_size
            self.vectors[i].iov_len = datagram_size
            self.headers[i].msg_hdr.msg_iov = &self.vectors[i]
            self.headers[i].msg_hdr.msg_iovlen = 1
            self.headers[i].msg_hdr.msg_name = &self.peers[i]
            self.headers[i].msg_hdr.msg_control = self.controls + i * CONTROL_BYTES

    def __dealloc__(self):
        free(self.headers)
        free(self.peers)
        free(self.vectors)
        free(self.controls)
        free(self.buffers)

    cdef int receive(self, int fd) noexcept nogil:
        cdef int i, count
        cdef uint32_t seen
        cdef cmsghdr* control
        for i in range(self.capacity):
            self.headers[i].msg_hdr.msg_namelen = sizeof(InetAddress)
            self.headers[i].msg_hdr.msg_controllen = CONTROL_BYTES
        count = recvmmsg(fd, self.headers, self.capacity, MSG_DONTWAIT, NULL)
        if count < 0:
            return -EAGAIN if errno == EINTR else -errno
        if count > 0:
            # the counter is cumulative and 32 bits wide: the last datagram's is enough, differences survive the wrap
            control = CMSG_FIRSTHDR(&self.headers[count - 1].msg_hdr)
            while control != NULL:
                if control.cmsg_level == SOL_SOCKET and control.cmsg_type == SO_RXQ_OVFL:
                    memcpy(&seen, CMSG_DATA(control), sizeof(seen))
                    self.drops += <uint32_t>(seen - self.last_drops)
                    self.last_drops = seen
                control = CMSG_NXTHDR(&self.headers[count - 1].msg_hdr, control)
        return count

    cdef uint8_t* data(self, int index) noexcept nogil:
        return self.buffers + index * self.datagram_size

    cdef size_t size(self, int index) noexcept nogil:
        return self.headers[index].msg_len

    cdef bint truncated(self, int index) noexcept nogil:
        return (self.headers[index].msg_hdr.msg_flags & MSG_TRUNC) != 0

    cdef const InetAddress* peer(self, int index) noexcept nogil:
        return &self.peers[index]


cdef class DatagramSender:
    def __cinit__(self, int capacity=64):
        if not 1 <= capacity <= 1024:
            raise ValueError("DatagramSender: capacity must be 1..1024 datagrams")
        self.capacity = capacity
        self.vectors = <iovec*>calloc(capacity, sizeof(iovec))
        self.remotes = <InetAddress*>calloc(capacity, sizeof(InetAddress))
        self.headers = <mmsghdr*>calloc(capacity, sizeof(mmsghdr))
        if not (self.vectors and self.remotes and self.headers):
            raise MemoryError("DatagramSender: no memory for the send queue")
        cdef int i
        for i in range(capacity):
            self.headers[i].msg_hdr.msg_iov = &self.vectors[i]
            self.headers[i].msg_hdr.msg_iovlen = 1
            self.headers[i].msg_hdr.msg_name = &self.remotes[i]
            self.headers[i].msg_hdr.msg_namelen = sizeof(InetAddress)

    def __dealloc__(self):
        free(self.headers)
        free(self.remotes)
        free(self.vectors)

    cdef int add(self, const void* data, size_t size, const InetAddress* remote) noexcept nogil:
        if self.queued == self.capacity:
            return -ENOBUFS
        self.vectors[self.queued].iov_base = <void*>data
        self.vectors[self.queued].iov_len = size
        self.remotes[self.queued] = remote[0]
        self.queued += 1
        return 0

    cdef int flush(self, int fd) noexcept nogil:
        cdef int sent = 0, offset = 0, count
        while offset < self.queued:
            count = sendmmsg(fd, self.headers + offset, self.queued - offset, MSG_DONTWAIT | MSG_NOSIGNAL)
            if count > 0:
                sent += count
                offset += count
            elif count < 0 and errno == EINTR:
                continue
            else:       # sendmmsg names only the first refused datagram; skip it and try the rest
                self.dropped += 1
                offset += 1
        self.queued = 0
        return sent


def resolve_ipv4(str host):
    """The dotted quad of a host name. Raises OSError naming the host when it has no IPv4 address."""
    try:
        return _socket.getaddrinfo(host, None, _socket.AF_INET, _socket.SOCK_STREAM)[0][4][0]
    except OSError as error:
        raise OSError(error.errno, f"{host}: no IPv4 address ({error.strerror}); correct the host in the configuration") from error


def socket_error(int code, str what, int port=0):
    """The OSError for a negative errno result; for a taken port it names the holder."""
    cdef int number = -code
    text = f"{what}: {os.strerror(number)}"
    if number == _errno.EADDRINUSE and port:
        text += f"; held by {describe_port_holder(port)}"
    return OSError(number, text)
