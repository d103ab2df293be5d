"""Python edge of the SoupBinTCP codec: typed packets for tests and tools. The hot path cimports soupbintcp.pxd."""
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t
from libc.string cimport memcpy

from hotpath.protocols.codec cimport CODEC_MALFORMED, CODEC_TRAILING, CODEC_TRUNCATED, CODEC_UNKNOWN_TYPE
from hotpath.protocols.edge cimport centre_of, code_of, encoded, put_text, put_text_right, text_of, wire
from hotpath.protocols.soupbintcp cimport *
from hotpath.protocols.textfield cimport same_text as same_field

from hotpath.protocols.errors import CodecError, FieldRangeError, error_for
from hotpath.protocols.soupbintcp_types import (
    ClientHeartbeat,
    Debug,
    EndOfSession,
    LoginAccepted,
    LoginRejected,
    LoginRequest,
    LogoutRequest,
    Packet,
    SequencedData,
    ServerHeartbeat,
    UnsequencedData,
)

MAX_PACKET = SOUP_MAX_PACKET
MAX_PAYLOAD = SOUP_MAX_PAYLOAD

cdef dict _WITHOUT_PAYLOAD = {
    kind.type: kind for kind in (ServerHeartbeat, ClientHeartbeat, EndOfSession, LogoutRequest)
}


cdef object _error(int rc, const SoupPacket* packet):
    cdef str kind = chr(packet.packet_type)
    return error_for(rc, f"SoupBinTCP packet of type {kind!r}, payload {packet.payload_length} bytes")


cdef object _packet_of(const SoupPacket* packet):
    cdef SoupLoginRequest request
    cdef SoupLoginAccepted accepted
    cdef uint8_t kind = packet.packet_type
    cdef int rc = soup_check(packet)
    if rc < 0:
        raise _error(rc, packet)
    if kind == SOUP_SEQUENCED_DATA:
        return SequencedData(<bytes>(<const char*>packet.payload)[:packet.payload_length])
    if kind == SOUP_UNSEQUENCED_DATA:
        return UnsequencedData(<bytes>(<const char*>packet.payload)[:packet.payload_length])
    if kind == SOUP_DEBUG:
        return Debug((<bytes>(<const char*>packet.payload)[:packet.payload_length]).decode("latin-1"))
    if kind == SOUP_LOGIN_REJECTED:
        return LoginRejected(chr(packet.payload[0]))
    if kind == SOUP_LOGIN_ACCEPTED:
        rc = soup_decode_login_accepted(packet, &accepted)
        if rc < 0:
            raise _error(rc, packet)
        return LoginAccepted(centre_of(accepted.session, 10), accepted.sequence_number)
    if kind == SOUP_LOGIN_REQUEST:
        rc = soup_decode_login_request(packet, &request)
        if rc < 0:
            raise _error(rc, packet)
        return LoginRequest(
            text_of(request.username, 6), text_of(request.password, 10), centre_of(request.requested_session, 10),
            request.requested_sequence_number, request.heartbeat_timeout_ms if request.has_heartbeat_timeout else None,
        )
    return _WITHOUT_PAYLOAD[chr(kind)]()


def decode(bytes data not None):
    """Decode exactly one packet.

    Raises TruncatedError, MalformedError for packet_length 0, TrailingBytesError, UnknownTypeError, InvalidFieldError
    or FieldRangeError.
    """
    cdef SoupPacket packet
    cdef int rc = soup_next(wire(data), <size_t>len(data), &packet)
    if rc == 0:
        rc = CODEC_TRUNCATED
    elif 0 < rc < len(data):
        rc = CODEC_TRAILING
    if rc < 0:
        raise error_for(rc, f"SoupBinTCP packet in {len(data)} bytes")
    return _packet_of(&packet)


cdef bytes _with_payload(uint8_t kind, bytes payload):
    cdef bytes out = PyBytes_FromStringAndSize(NULL, SOUP_HEADER_LENGTH + len(payload))
    cdef int rc = soup_encode_packet(kind, wire(payload), <size_t>len(payload), <uint8_t*>wire(out), <size_t>len(out))
    if rc < 0:
        raise error_for(rc, f"SoupBinTCP packet of type {chr(kind)!r}, payload {len(payload)} bytes")
    return out


cdef bytes _encode_login_request(object packet):
    cdef SoupLoginRequest m
    cdef uint8_t out[SOUP_LOGIN_REQUEST_LENGTH_410]
    cdef int rc
    put_text(m.username, 6, packet.username, "username")
    put_text(m.password, 10, packet.password, "password")
    put_text_right(m.requested_session, 10, packet.requested_session, "requested_session")
    m.requested_sequence_number = packet.requested_sequence_number
    m.has_heartbeat_timeout = packet.heartbeat_timeout_ms is not None
    m.heartbeat_timeout_ms = packet.heartbeat_timeout_ms if m.has_heartbeat_timeout else 0
    rc = soup_encode_login_request(&m, out, sizeof(out))
    if rc < 0:
        raise error_for(rc, "SoupBinTCP login request: heartbeat_timeout_ms")
    return <bytes>(<char*>out)[:rc]


cdef bytes _encode_login_accepted(object packet):
    cdef SoupLoginAccepted m
    cdef uint8_t out[SOUP_LOGIN_ACCEPTED_LENGTH]
    put_text_right(m.session, 10, packet.session, "session")
    m.sequence_number = packet.sequence_number
    return <bytes>(<char*>out)[:soup_encode_login_accepted(&m, out, sizeof(out))]


cdef bytes _encode_login_rejected(object packet):
    cdef uint8_t out[SOUP_LOGIN_REJECTED_LENGTH]
    return <bytes>(<char*>out)[:soup_encode_login_rejected(code_of(packet.reason, "reason"), out, sizeof(out))]


def encode(packet not None):
    """Encode one packet. Raises FieldRangeError when a value does not fit its field, TooLargeError for the payload."""
    cdef object kind = type(packet)
    try:
        if kind is SequencedData:
            return _with_payload(SOUP_SEQUENCED_DATA, packet.message)
        if kind is UnsequencedData:
            return _with_payload(SOUP_UNSEQUENCED_DATA, packet.message)
        if kind is Debug:
            return _with_payload(SOUP_DEBUG, encoded(packet.text, SOUP_MAX_PAYLOAD, "text"))
        if kind is LoginRequest:
            return _encode_login_request(packet)
        if kind is LoginAccepted:
            return _encode_login_accepted(packet)
        if kind is LoginRejected:
            return _encode_login_rejected(packet)
        if kind in _WITHOUT_PAYLOAD.values():
            return _with_payload(code_of(packet.type, "type"), b"")
    except OverflowError as error:
        raise FieldRangeError(f"SoupBinTCP packet of type {packet.type!r}: {error}") from error
    raise TypeError(f"not a SoupBinTCP packet: {packet!r}")


def same_text(bytes a not None, bytes b not None, any_case=False):
    """Whether two fields hold the same text, whichever side each one is padded on."""
    return same_field(
        <const char*>wire(a), <size_t>len(a), <const char*>wire(b), <size_t>len(b), any_case
    )


class StreamError(CodecError):
    """The stream cannot be followed any further: close it. `packets` were decoded before the fault."""

    def __init__(self, message, packets):
        super().__init__(message)
        self.packets = packets


cdef class Decoder:
    """Packets out of a TCP byte stream, whichever way it is cut.

    Holds one packet of at most `capacity` bytes. `unknown` counts packets skipped because their type is not known.
    """

    cdef SoupFramer _framer
    cdef uint8_t* _buffer
    cdef readonly Py_ssize_t unknown

    def __cinit__(self, size_t capacity=SOUP_MAX_PACKET):
        if capacity < SOUP_HEADER_LENGTH:
            raise ValueError(f"capacity: at least {SOUP_HEADER_LENGTH} bytes wanted, got {capacity}")
        self._buffer = <uint8_t*>PyMem_Malloc(capacity)
        if self._buffer == NULL:
            raise MemoryError
        soup_framer_init(&self._framer, self._buffer, capacity)

    def __dealloc__(self):
        PyMem_Free(self._buffer)

    @property
    def buffered(self):
        """Bytes of a packet that is not complete yet."""
        return self._framer.tail - self._framer.head

    def reset(self):
        """Forget buffered bytes, for a new connection."""
        soup_framer_reset(&self._framer)

    def feed(self, bytes data not None):
        """Take received bytes and return the packets they complete. Raises StreamError."""
        cdef const uint8_t* p = wire(data)
        cdef size_t left = <size_t>len(data)
        cdef size_t taken
        cdef uint8_t* where
        cdef SoupPacket packet
        cdef int rc
        cdef list packets = []
        while True:
            taken = soup_framer_space(&self._framer, &where)
            if taken > left:
                taken = left
            memcpy(where, p, taken)
            soup_framer_received(&self._framer, taken)
            p += taken
            left -= taken
            rc = soup_framer_next(&self._framer, &packet)
            while rc > 0:
                try:
                    if soup_check(&packet) == CODEC_UNKNOWN_TYPE:
                        self.unknown += 1
                    else:
                        packets.append(_packet_of(&packet))
                except CodecError as error:
                    raise StreamError(str(error), packets) from error
                rc = soup_framer_next(&self._framer, &packet)
            if rc < 0:
                raise StreamError(str(error_for(rc, "SoupBinTCP stream")), packets)
            if left == 0:
                return packets
