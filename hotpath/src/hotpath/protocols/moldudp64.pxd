"""MoldUDP64 1.00: downstream packets (read and build) and the re-request packet.

Sequence numbers count messages, from 1 per session. Sessions are 10 opaque bytes.
"""
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint16_t, uint64_t
from libc.string cimport memcmp, memcpy

from hotpath.protocols.byteorder cimport load_be16, load_be64, store_be16, store_be64
from hotpath.protocols.codec cimport CODEC_MALFORMED, CODEC_NO_SPACE, CODEC_TOO_LARGE, CODEC_TRAILING, CODEC_TRUNCATED

cdef enum:
    MOLD_HEADER_LENGTH = 20
    MOLD_REQUEST_LENGTH = 20
    MOLD_BLOCK_OVERHEAD = 2
    MOLD_SESSION_LENGTH = 10
    MOLD_HEARTBEAT_COUNT = 0
    MOLD_MAX_COUNT = 0xFFFE
    MOLD_END_OF_SESSION_COUNT = 0xFFFF
    MOLD_ETHERNET_PAYLOAD = 1472     # one UDP datagram at MTU 1500

# Downstream header; also the re-request packet, where message_count is the number of messages wanted.
cdef struct MoldHeader:
    char session[10]
    uint16_t message_count
    uint64_t sequence_number         # of the first block; the next one expected when there is none

cdef struct MoldBlock:
    uint64_t sequence_number
    const uint8_t* data              # points into the packet
    uint16_t length                  # 0 is legal and uses up a sequence number

# Only mold_open fills it, after it has checked every length: mold_next needs no more checks.
cdef struct MoldBlocks:
    const uint8_t* cursor
    uint64_t sequence_number
    uint16_t remaining

cdef struct MoldBuilder:
    uint8_t* data
    size_t limit                     # largest packet, bytes
    size_t length                    # bytes used so far, header included
    uint64_t sequence_number         # of the first block
    uint16_t count
    char session[10]


cdef inline bint mold_same_session(const char* a, const char* b) noexcept nogil:
    return memcmp(a, b, MOLD_SESSION_LENGTH) == 0


cdef inline int mold_decode_header(const uint8_t* p, size_t n, MoldHeader* header) noexcept nogil:
    """Read the 20 header bytes of a downstream or request packet. CODEC_TRUNCATED when there are fewer."""
    if n < MOLD_HEADER_LENGTH:
        return CODEC_TRUNCATED
    memcpy(header.session, p, MOLD_SESSION_LENGTH)
    header.sequence_number = load_be64(p + 10)
    header.message_count = load_be16(p + 18)
    return MOLD_HEADER_LENGTH


cdef inline int mold_encode_header(const MoldHeader* header, uint8_t* out, size_t capacity) noexcept nogil:
    if capacity < MOLD_HEADER_LENGTH:
        return CODEC_NO_SPACE
    memcpy(out, header.session, MOLD_SESSION_LENGTH)
    store_be64(out + 10, header.sequence_number)
    store_be16(out + 18, header.message_count)
    return MOLD_HEADER_LENGTH


cdef inline uint64_t mold_next_expected(const MoldHeader* header) noexcept nogil:
    """Sequence number that follows this packet."""
    if header.message_count == MOLD_END_OF_SESSION_COUNT:
        return header.sequence_number
    return header.sequence_number + header.message_count


cdef inline int mold_open(const uint8_t* p, size_t n, MoldHeader* header, MoldBlocks* blocks) noexcept nogil:
    """Check a whole downstream packet and set up iteration over its blocks.

    Returns the number of blocks (0 for a heartbeat and for end of session: look at header.message_count),
    CODEC_TRUNCATED, CODEC_TRAILING, or CODEC_MALFORMED when the sequence numbers would run past 2**64 - 1.
    """
    cdef size_t offset = MOLD_HEADER_LENGTH
    cdef size_t length
    cdef uint16_t i, count
    cdef int rc = mold_decode_header(p, n, header)
    blocks.cursor = p
    blocks.remaining = 0
    if rc < 0:
        return rc
    count = header.message_count
    if count == MOLD_END_OF_SESSION_COUNT:
        count = 0
    if header.sequence_number > <uint64_t>0xFFFFFFFFFFFFFFFF - count:
        return CODEC_MALFORMED
    for i in range(count):
        if n - offset < MOLD_BLOCK_OVERHEAD:
            return CODEC_TRUNCATED
        length = load_be16(p + offset)
        offset += MOLD_BLOCK_OVERHEAD
        if n - offset < length:
            return CODEC_TRUNCATED
        offset += length
    if offset != n:
        return CODEC_TRAILING
    blocks.cursor = p + MOLD_HEADER_LENGTH
    blocks.sequence_number = header.sequence_number
    blocks.remaining = count
    return count


cdef inline bint mold_next(MoldBlocks* blocks, MoldBlock* block) noexcept nogil:
    """Step to the next block; False when there is none left."""
    if blocks.remaining == 0:
        return False
    block.length = load_be16(blocks.cursor)
    block.data = blocks.cursor + MOLD_BLOCK_OVERHEAD
    block.sequence_number = blocks.sequence_number
    blocks.cursor = block.data + block.length
    blocks.sequence_number += 1
    blocks.remaining -= 1
    return True


cdef inline int mold_decode_request(const uint8_t* p, size_t n, MoldHeader* request) noexcept nogil:
    """Read a re-request packet, exactly 20 bytes. A count of 0 is legal and asks for nothing."""
    if n > MOLD_REQUEST_LENGTH:
        return CODEC_TRAILING
    return mold_decode_header(p, n, request)


cdef inline int mold_encode_request(const MoldHeader* request, uint8_t* out, size_t capacity) noexcept nogil:
    return mold_encode_header(request, out, capacity)


cdef inline int mold_encode_heartbeat(const char* session, uint64_t next_sequence, uint8_t* out,
                                      size_t capacity) noexcept nogil:
    cdef MoldHeader header
    memcpy(header.session, session, MOLD_SESSION_LENGTH)
    header.sequence_number = next_sequence
    header.message_count = MOLD_HEARTBEAT_COUNT
    return mold_encode_header(&header, out, capacity)


cdef inline int mold_encode_end_of_session(const char* session, uint64_t next_sequence, uint8_t* out,
                                           size_t capacity) noexcept nogil:
    cdef MoldHeader header
    memcpy(header.session, session, MOLD_SESSION_LENGTH)
    header.sequence_number = next_sequence
    header.message_count = MOLD_END_OF_SESSION_COUNT
    return mold_encode_header(&header, out, capacity)


cdef inline int mold_builder_init(MoldBuilder* builder, uint8_t* buffer, size_t limit, const char* session,
                                  uint64_t first_sequence) noexcept nogil:
    """Pack blocks into `buffer`, at most `limit` bytes a packet. CODEC_TOO_LARGE when no block could ever fit."""
    if limit < MOLD_HEADER_LENGTH + MOLD_BLOCK_OVERHEAD:
        return CODEC_TOO_LARGE
    builder.data = buffer
    builder.limit = limit
    memcpy(builder.session, session, MOLD_SESSION_LENGTH)
    mold_builder_begin(builder, first_sequence)
    return 0


cdef inline void mold_builder_begin(MoldBuilder* builder, uint64_t first_sequence) noexcept nogil:
    """Start an empty packet whose first block will be `first_sequence`."""
    builder.length = MOLD_HEADER_LENGTH
    builder.sequence_number = first_sequence
    builder.count = 0


cdef inline uint8_t* mold_builder_reserve(MoldBuilder* builder, size_t length) noexcept nogil:
    """Where to encode up to `length` bytes in place, or NULL: flush first. Then call mold_builder_commit."""
    if length > 0xFFFF or builder.count == MOLD_MAX_COUNT:
        return NULL
    if builder.limit - builder.length < MOLD_BLOCK_OVERHEAD + length:
        return NULL
    return builder.data + builder.length + MOLD_BLOCK_OVERHEAD


cdef inline void mold_builder_commit(MoldBuilder* builder, uint16_t length) noexcept nogil:
    """Close the block encoded at mold_builder_reserve; `length` at most what was reserved."""
    store_be16(builder.data + builder.length, length)
    builder.length += MOLD_BLOCK_OVERHEAD + length
    builder.count += 1


cdef inline int mold_builder_add(MoldBuilder* builder, const uint8_t* message, size_t length) noexcept nogil:
    """Copy one message in. Returns the packet length so far, CODEC_NO_SPACE (flush and retry) or CODEC_TOO_LARGE."""
    cdef uint8_t* where
    if length > 0xFFFF or MOLD_HEADER_LENGTH + MOLD_BLOCK_OVERHEAD + length > builder.limit:
        return CODEC_TOO_LARGE
    where = mold_builder_reserve(builder, length)
    if where == NULL:
        return CODEC_NO_SPACE
    memcpy(where, message, length)
    mold_builder_commit(builder, <uint16_t>length)
    return <int>builder.length


cdef inline int mold_builder_finish(MoldBuilder* builder) noexcept nogil:
    """Write the header; returns the packet length. With no block added the packet is a heartbeat.

    The packet stays in the buffer until mold_builder_begin, normally with sequence_number + count.
    """
    memcpy(builder.data, builder.session, MOLD_SESSION_LENGTH)
    store_be64(builder.data + 10, builder.sequence_number)
    store_be16(builder.data + 18, builder.count)
    return <int>builder.length
