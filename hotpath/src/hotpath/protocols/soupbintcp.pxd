"""SoupBinTCP 3.00, 4.00 and 4.10: packet framing over TCP, and every packet type.

packet_length counts the type byte and the payload. Sequence numbers are implied: count SOUP_SEQUENCED_DATA only.
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memmove

from hotpath.protocols.byteorder cimport load_be16, store_be16
from hotpath.protocols.codec cimport (
    CODEC_MALFORMED, CODEC_NO_SPACE, CODEC_RANGE, CODEC_TOO_LARGE, CODEC_TRAILING, CODEC_TRUNCATED,
    CODEC_UNEXPECTED_TYPE, CODEC_UNKNOWN_TYPE,
)
from hotpath.protocols.textfield cimport format_number, parse_number

cdef enum SoupType:
    SOUP_DEBUG = 0x2B  # +
    SOUP_LOGIN_ACCEPTED = 0x41  # A
    SOUP_LOGIN_REJECTED = 0x4A  # J
    SOUP_SEQUENCED_DATA = 0x53  # S
    SOUP_UNSEQUENCED_DATA = 0x55  # U
    SOUP_SERVER_HEARTBEAT = 0x48  # H
    SOUP_CLIENT_HEARTBEAT = 0x52  # R
    SOUP_END_OF_SESSION = 0x5A  # Z
    SOUP_LOGOUT_REQUEST = 0x4F  # O
    SOUP_LOGIN_REQUEST = 0x4C  # L

cdef enum SoupRejectReason:
    SOUP_REJECT_NOT_AUTHORIZED = 0x41  # A
    SOUP_REJECT_SESSION_UNAVAILABLE = 0x53  # S

cdef enum:
    SOUP_HEADER_LENGTH = 3
    SOUP_MAX_PAYLOAD = 65534
    SOUP_MAX_PACKET = 65537
    SOUP_LOGIN_REQUEST_LENGTH = 49        # 3.00 and 4.00
    SOUP_LOGIN_REQUEST_LENGTH_410 = 54    # 4.10 adds heartbeat_timeout
    SOUP_LOGIN_ACCEPTED_LENGTH = 33
    SOUP_LOGIN_REJECTED_LENGTH = 4

cdef struct SoupPacket:
    uint8_t packet_type
    uint16_t payload_length
    const uint8_t* payload                # points into the received bytes

# Text fields as on the wire; compare with textfield.same_text (username and password in any case).
cdef struct SoupLoginRequest:
    char username[6]
    char password[10]
    char requested_session[10]            # blank = current session
    uint64_t requested_sequence_number    # 0 = from the most recent message; a blank field reads as 0
    uint32_t heartbeat_timeout_ms
    uint8_t has_heartbeat_timeout         # 4.10 form

cdef struct SoupLoginAccepted:
    char session[10]
    uint64_t sequence_number              # of the next sequenced message

# Bytes received and not yet consumed: data[head:tail]. The memory belongs to the caller.
cdef struct SoupFramer:
    uint8_t* data
    size_t capacity
    size_t head
    size_t tail


cdef inline int soup_next(const uint8_t* p, size_t n, SoupPacket* packet) noexcept nogil:
    """Frame the packet at the start of `n` bytes.

    Returns its total length, 0 when more bytes are needed, CODEC_MALFORMED for packet_length 0.
    """
    cdef uint16_t length
    if n < 2:
        return 0
    length = load_be16(p)
    if length == 0:
        return CODEC_MALFORMED
    if n - 2 < length:
        return 0
    packet.packet_type = p[2]
    packet.payload = p + SOUP_HEADER_LENGTH
    packet.payload_length = length - 1
    return <int>length + 2


cdef inline int soup_check(const SoupPacket* packet) noexcept nogil:
    """Payload length if it suits the type, else CODEC_TRUNCATED, CODEC_TRAILING or CODEC_UNKNOWN_TYPE."""
    cdef uint16_t wanted
    cdef uint8_t kind = packet.packet_type
    if kind == SOUP_SEQUENCED_DATA or kind == SOUP_UNSEQUENCED_DATA or kind == SOUP_DEBUG:
        return packet.payload_length
    if (kind == SOUP_SERVER_HEARTBEAT or kind == SOUP_CLIENT_HEARTBEAT or kind == SOUP_END_OF_SESSION
            or kind == SOUP_LOGOUT_REQUEST):
        wanted = 0
    elif kind == SOUP_LOGIN_REJECTED:
        wanted = SOUP_LOGIN_REJECTED_LENGTH - SOUP_HEADER_LENGTH
    elif kind == SOUP_LOGIN_ACCEPTED:
        wanted = SOUP_LOGIN_ACCEPTED_LENGTH - SOUP_HEADER_LENGTH
    elif kind == SOUP_LOGIN_REQUEST:
        wanted = SOUP_LOGIN_REQUEST_LENGTH - SOUP_HEADER_LENGTH
        if packet.payload_length > wanted:
            wanted = SOUP_LOGIN_REQUEST_LENGTH_410 - SOUP_HEADER_LENGTH
    else:
        return CODEC_UNKNOWN_TYPE
    if packet.payload_length < wanted:
        return CODEC_TRUNCATED
    if packet.payload_length > wanted:
        return CODEC_TRAILING
    return wanted


cdef inline void soup_framer_init(SoupFramer* framer, uint8_t* buffer, size_t capacity) noexcept nogil:
    """`capacity` SOUP_MAX_PACKET accepts any packet; a smaller one refuses larger packets with CODEC_TOO_LARGE."""
    framer.data = buffer
    framer.capacity = capacity
    framer.head = 0
    framer.tail = 0


cdef inline void soup_framer_reset(SoupFramer* framer) noexcept nogil:
    """Forget buffered bytes, for a new connection."""
    framer.head = 0
    framer.tail = 0


cdef inline size_t soup_framer_space(SoupFramer* framer, uint8_t** where) noexcept nogil:
    """Where to receive into and how many bytes fit. It moves a partial packet to the front: framed packets are void."""
    if framer.head:
        memmove(framer.data, framer.data + framer.head, framer.tail - framer.head)
        framer.tail -= framer.head
        framer.head = 0
    where[0] = framer.data + framer.tail
    return framer.capacity - framer.tail


cdef inline void soup_framer_received(SoupFramer* framer, size_t n) noexcept nogil:
    """`n` bytes were written at soup_framer_space; n at most what it returned."""
    framer.tail += n


cdef inline int soup_framer_next(SoupFramer* framer, SoupPacket* packet) noexcept nogil:
    """Take the next whole packet: its total length, 0 when more bytes are needed, CODEC_MALFORMED, CODEC_TOO_LARGE.

    After an error the stream cannot be resynchronised: close the connection.
    """
    cdef size_t buffered = framer.tail - framer.head
    cdef int length = soup_next(framer.data + framer.head, buffered, packet)
    if length > 0:
        framer.head += <size_t>length
    elif length == 0 and buffered >= 2 and <size_t>load_be16(framer.data + framer.head) + 2 > framer.capacity:
        return CODEC_TOO_LARGE
    return length


cdef inline int soup_encode_header(uint8_t packet_type, size_t payload_length, uint8_t* out,
                                   size_t capacity) noexcept nogil:
    """Write the 3 header bytes of a packet whose payload is, or will be, at out + 3. Returns the total length."""
    if payload_length > SOUP_MAX_PAYLOAD:
        return CODEC_TOO_LARGE
    if capacity < SOUP_HEADER_LENGTH + payload_length:
        return CODEC_NO_SPACE
    store_be16(out, <uint16_t>(payload_length + 1))
    out[2] = packet_type
    return <int>(SOUP_HEADER_LENGTH + payload_length)


cdef inline int soup_encode_packet(uint8_t packet_type, const uint8_t* payload, size_t payload_length, uint8_t* out,
                                   size_t capacity) noexcept nogil:
    """Any packet: data (S, U), debug (+), and with payload_length 0 the heartbeats, logout and end of session."""
    cdef int length = soup_encode_header(packet_type, payload_length, out, capacity)
    if length > 0 and payload_length:
        memcpy(out + SOUP_HEADER_LENGTH, payload, payload_length)
    return length


cdef inline int soup_encode_login_request(const SoupLoginRequest* m, uint8_t* out, size_t capacity) noexcept nogil:
    """CODEC_RANGE when heartbeat_timeout_ms has more than 5 digits."""
    cdef size_t length = SOUP_LOGIN_REQUEST_LENGTH_410 if m.has_heartbeat_timeout else SOUP_LOGIN_REQUEST_LENGTH
    if capacity < length:
        return CODEC_NO_SPACE
    if m.has_heartbeat_timeout and m.heartbeat_timeout_ms > 99999:
        return CODEC_RANGE
    soup_encode_header(SOUP_LOGIN_REQUEST, length - SOUP_HEADER_LENGTH, out, capacity)
    memcpy(out + 3, m.username, 6)
    memcpy(out + 9, m.password, 10)
    memcpy(out + 19, m.requested_session, 10)
    format_number(out + 29, 20, m.requested_sequence_number)
    if m.has_heartbeat_timeout:
        format_number(out + 49, 5, m.heartbeat_timeout_ms)
    return <int>length


cdef inline int soup_decode_login_request(const SoupPacket* packet, SoupLoginRequest* m) noexcept nogil:
    """Both forms, told apart by length. Returns payload bytes read; CODEC_INVALID_FIELD for a bad number."""
    cdef int rc
    cdef uint64_t timeout = 0
    if packet.packet_type != SOUP_LOGIN_REQUEST:
        return CODEC_UNEXPECTED_TYPE
    rc = soup_check(packet)
    if rc < 0:
        return rc
    memcpy(m.username, packet.payload, 6)
    memcpy(m.password, packet.payload + 6, 10)
    memcpy(m.requested_session, packet.payload + 16, 10)
    rc = parse_number(packet.payload + 26, 20, &m.requested_sequence_number)
    if rc < 0:
        return rc
    m.has_heartbeat_timeout = packet.payload_length == 51
    if m.has_heartbeat_timeout:
        rc = parse_number(packet.payload + 46, 5, &timeout)
        if rc < 0:
            return rc
    m.heartbeat_timeout_ms = <uint32_t>timeout
    return packet.payload_length


cdef inline int soup_encode_login_accepted(const SoupLoginAccepted* m, uint8_t* out, size_t capacity) noexcept nogil:
    if capacity < SOUP_LOGIN_ACCEPTED_LENGTH:
        return CODEC_NO_SPACE
    soup_encode_header(SOUP_LOGIN_ACCEPTED, SOUP_LOGIN_ACCEPTED_LENGTH - SOUP_HEADER_LENGTH, out, capacity)
    memcpy(out + 3, m.session, 10)
    format_number(out + 13, 20, m.sequence_number)
    return SOUP_LOGIN_ACCEPTED_LENGTH


cdef inline int soup_decode_login_accepted(const SoupPacket* packet, SoupLoginAccepted* m) noexcept nogil:
    """Returns payload bytes read; CODEC_INVALID_FIELD or CODEC_RANGE for a bad sequence number."""
    cdef int rc
    if packet.packet_type != SOUP_LOGIN_ACCEPTED:
        return CODEC_UNEXPECTED_TYPE
    rc = soup_check(packet)
    if rc < 0:
        return rc
    memcpy(m.session, packet.payload, 10)
    rc = parse_number(packet.payload + 10, 20, &m.sequence_number)
    if rc < 0:
        return rc
    return packet.payload_length


cdef inline int soup_encode_login_rejected(uint8_t reason, uint8_t* out, size_t capacity) noexcept nogil:
    return soup_encode_packet(SOUP_LOGIN_REJECTED, &reason, 1, out, capacity)


cdef inline int soup_decode_login_rejected(const SoupPacket* packet, uint8_t* reason) noexcept nogil:
    """Returns payload bytes read and stores the SoupRejectReason."""
    cdef int rc
    if packet.packet_type != SOUP_LOGIN_REJECTED:
        return CODEC_UNEXPECTED_TYPE
    rc = soup_check(packet)
    if rc < 0:
        return rc
    reason[0] = packet.payload[0]
    return rc
