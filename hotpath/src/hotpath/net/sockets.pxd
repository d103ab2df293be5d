"""Nonblocking IPv4 sockets for the hot path: no exception, no Python object, every call `noexcept nogil`.

Results: a value >= 0 on success, else a negative errno (-EAGAIN: nothing to do now). Descriptors are plain ints owned
by whoever opened them; `close_socket` closes once and forgets the number.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    """

cdef extern from "<netinet/in.h>" nogil:
    struct in_addr:
        uint32_t s_addr
    ctypedef struct InetAddress "struct sockaddr_in":
        uint16_t sin_port       # network byte order
        in_addr sin_addr        # network byte order

cdef extern from "<sys/uio.h>" nogil:
    struct iovec:
        void* iov_base
        size_t iov_len

cdef extern from "<sys/socket.h>" nogil:
    struct msghdr:
        void* msg_name
        unsigned int msg_namelen
        iovec* msg_iov
        size_t msg_iovlen
        void* msg_control
        size_t msg_controllen
        int msg_flags
    struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len

# addresses: `host` is a dotted quad (resolve names at the Python edge); 0 or -EINVAL
cdef int inet_address(InetAddress* address, const char* host, int port) noexcept nogil
cdef int same_address(const InetAddress* a, const InetAddress* b) noexcept nogil
cdef int local_port(int fd) noexcept nogil                      # port in host order

# TCP. Sockets are nonblocking, close-on-exec, TCP_NODELAY set.
cdef int tcp_connect_start(const InetAddress* remote) noexcept nogil   # fd; the connection may still be in progress
cdef int tcp_connect_finish(int fd) noexcept nogil              # 0 connected, -EINPROGRESS, or why it failed
cdef int tcp_listen(const InetAddress* local, int backlog) noexcept nogil
cdef int tcp_accept(int listener, InetAddress* peer) noexcept nogil    # fd or -EAGAIN; peer may be NULL
cdef Py_ssize_t tcp_recv(int fd, void* data, size_t size) noexcept nogil     # 0 = the peer closed
cdef Py_ssize_t tcp_send(int fd, const void* data, size_t size) noexcept nogil   # may be short; never SIGPIPE
cdef int shutdown_socket(int fd) noexcept nogil

# UDP
cdef int udp_bind(const InetAddress* local) noexcept nogil      # port 0: any
cdef Py_ssize_t udp_recvfrom(int fd, void* data, size_t size, InetAddress* peer) noexcept nogil
cdef Py_ssize_t udp_sendto(int fd, const void* data, size_t size, const InetAddress* remote) noexcept nogil

# options
cdef int set_quickack(int fd) noexcept nogil                    # not sticky: repeat after each recv
cdef int set_receive_buffer(int fd, int size) noexcept nogil    # FORCE, else capped by rmem_max; returns bytes granted
cdef int set_send_buffer(int fd, int size) noexcept nogil
cdef int set_busy_poll(int fd, int microseconds) noexcept nogil
cdef int set_overflow_count(int fd) noexcept nogil              # SO_RXQ_OVFL, read by DatagramReceiver

cdef void close_socket(int* fd) noexcept nogil                  # closes when >= 0 and stores -1


cdef class DatagramReceiver:
    """recvmmsg into preallocated buffers, with the kernel's drop count of the socket (SO_RXQ_OVFL)."""
    cdef int capacity
    cdef size_t datagram_size
    cdef uint8_t* buffers
    cdef uint8_t* controls
    cdef iovec* vectors
    cdef InetAddress* peers
    cdef mmsghdr* headers
    cdef uint32_t last_drops
    cdef uint64_t drops                                         # datagrams the kernel dropped, cumulative

    cdef int receive(self, int fd) noexcept nogil               # datagrams read, or -EAGAIN/-errno
    cdef uint8_t* data(self, int index) noexcept nogil
    cdef size_t size(self, int index) noexcept nogil
    cdef bint truncated(self, int index) noexcept nogil         # longer than datagram_size: do not parse
    cdef const InetAddress* peer(self, int index) noexcept nogil


cdef class DatagramSender:
    """sendmmsg of datagrams the caller keeps alive until `flush` has sent them."""
    cdef int capacity
    cdef int queued
    cdef iovec* vectors
    cdef InetAddress* remotes
    cdef mmsghdr* headers
    cdef uint64_t dropped                                       # datagrams the kernel refused, cumulative

    cdef int add(self, const void* data, size_t size, const InetAddress* remote) noexcept nogil   # 0 or -ENOBUFS
    cdef int flush(self, int fd) noexcept nogil                 # datagrams sent; refused ones are counted, not kept
