"""Python edge of the MoldUDP64 codec, for tests and tools. The hot path cimports moldudp64.pxd."""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t
from libc.string cimport memcpy

from hotpath.protocols.codec cimport CODEC_NO_SPACE
from hotpath.protocols.edge cimport wire
from hotpath.protocols.moldudp64 cimport *

from hotpath.protocols.errors import FieldRangeError, error_for
from hotpath.protocols.moldudp64_types import DownstreamPacket, RequestPacket

HEADER_LENGTH = MOLD_HEADER_LENGTH
MAX_COUNT = MOLD_MAX_COUNT
ETHERNET_PAYLOAD = MOLD_ETHERNET_PAYLOAD
MAX_DATAGRAM = 65507


cdef int _put_session(char* field, bytes session) except -1:
    if len(session) != MOLD_SESSION_LENGTH:
        raise FieldRangeError(f"MoldUDP64 session: {MOLD_SESSION_LENGTH} bytes wanted, got {session!r}")
    memcpy(field, wire(session), MOLD_SESSION_LENGTH)
    return 0


def decode(bytes data not None):
    """Decode one downstream packet. Raises TruncatedError, TrailingBytesError or MalformedError."""
    cdef MoldHeader header
    cdef MoldBlocks blocks
    cdef MoldBlock block
    cdef list messages = []
    cdef int rc = mold_open(wire(data), <size_t>len(data), &header, &blocks)
    if rc < 0:
        raise error_for(rc, f"MoldUDP64 packet of {len(data)} bytes")
    while mold_next(&blocks, &block):
        messages.append(<bytes>(<const char*>block.data)[:block.length])
    return DownstreamPacket(
        <bytes>header.session[:MOLD_SESSION_LENGTH], header.sequence_number, tuple(messages),
        header.message_count == MOLD_END_OF_SESSION_COUNT,
    )


def decode_request(bytes data not None):
    """Decode one re-request packet. Raises TruncatedError or TrailingBytesError."""
    cdef MoldHeader request
    cdef int rc = mold_decode_request(wire(data), <size_t>len(data), &request)
    if rc < 0:
        raise error_for(rc, f"MoldUDP64 request of {len(data)} bytes")
    return RequestPacket(<bytes>request.session[:MOLD_SESSION_LENGTH], request.sequence_number, request.message_count)


def encode_request(packet not None):
    """Encode one re-request packet. Raises FieldRangeError."""
    cdef MoldHeader request
    cdef uint8_t out[MOLD_REQUEST_LENGTH]
    _put_session(request.session, packet.session)
    try:
        request.sequence_number = packet.sequence_number
        request.message_count = packet.message_count
    except OverflowError as error:
        raise FieldRangeError(f"MoldUDP64 {packet!r}: {error}") from error
    return <bytes>(<char*>out)[:mold_encode_request(&request, out, sizeof(out))]


def pack(bytes session not None, first_sequence, messages, size_t limit=MOLD_ETHERNET_PAYLOAD):
    """Put messages into as few packets of at most `limit` bytes as their order allows.

    Raises FieldRangeError for the session or sequence, TooLargeError for a message that no packet can hold.
    """
    cdef MoldBuilder builder
    cdef char name[MOLD_SESSION_LENGTH]
    cdef bytes buffer, message
    cdef list packets = []
    cdef int rc
    if limit > MAX_DATAGRAM:
        raise FieldRangeError(f"MoldUDP64 limit: at most {MAX_DATAGRAM} bytes fit a datagram, got {limit}")
    _put_session(name, session)
    buffer = PyBytes_FromStringAndSize(NULL, <Py_ssize_t>limit)
    try:
        rc = mold_builder_init(&builder, <uint8_t*>wire(buffer), limit, name, first_sequence)
    except OverflowError as error:
        raise FieldRangeError(f"MoldUDP64 sequence number {first_sequence}: {error}") from error
    if rc < 0:
        raise error_for(rc, f"MoldUDP64 limit of {limit} bytes")
    for message in messages:
        rc = mold_builder_add(&builder, wire(message), <size_t>len(message))
        if rc == CODEC_NO_SPACE:
            packets.append(<bytes>(<char*>builder.data)[:mold_builder_finish(&builder)])
            mold_builder_begin(&builder, builder.sequence_number + builder.count)
            rc = mold_builder_add(&builder, wire(message), <size_t>len(message))
        if rc < 0:
            raise error_for(rc, f"MoldUDP64 message of {len(message)} bytes, packet limit {limit}")
    if builder.count:
        packets.append(<bytes>(<char*>builder.data)[:mold_builder_finish(&builder)])
    return packets


def encode(packet not None):
    """Encode one downstream packet: data, heartbeat or end of session. Raises FieldRangeError or TooLargeError."""
    cdef MoldHeader header
    cdef uint8_t out[MOLD_HEADER_LENGTH]
    cdef list packets
    _put_session(header.session, packet.session)
    if packet.messages:
        if packet.end_of_session:
            raise FieldRangeError("MoldUDP64 end of session carries no messages")
        packets = pack(packet.session, packet.sequence_number, packet.messages, MAX_DATAGRAM)
        if len(packets) != 1:
            raise FieldRangeError(f"MoldUDP64: {len(packet.messages)} messages do not fit one datagram")
        return packets[0]
    try:
        header.sequence_number = packet.sequence_number
    except OverflowError as error:
        raise FieldRangeError(f"MoldUDP64 {packet!r}: {error}") from error
    if packet.end_of_session:
        mold_encode_end_of_session(header.session, header.sequence_number, out, sizeof(out))
    else:
        mold_encode_heartbeat(header.session, header.sequence_number, out, sizeof(out))
    return <bytes>(<char*>out)[:MOLD_HEADER_LENGTH]
