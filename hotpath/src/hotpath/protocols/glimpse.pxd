"""GLIMPSE 5.0 end-of-snapshot message, the one message of a snapshot that is not ITCH."""
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint64_t

from hotpath.protocols.codec cimport CODEC_NO_SPACE, CODEC_TRAILING, CODEC_TRUNCATED, CODEC_UNEXPECTED_TYPE
from hotpath.protocols.textfield cimport format_number, parse_number

cdef enum:
    GLIMPSE_END_OF_SNAPSHOT = 0x47  # G
    GLIMPSE_END_OF_SNAPSHOT_LENGTH = 21


cdef inline int glimpse_decode_end_of_snapshot(const uint8_t* p, size_t n, uint64_t* sequence_number) noexcept nogil:
    """Stores the MoldUDP64 sequence number of the first live message to apply on top of the snapshot."""
    cdef int rc
    if n == 0:
        return CODEC_TRUNCATED
    if p[0] != GLIMPSE_END_OF_SNAPSHOT:
        return CODEC_UNEXPECTED_TYPE
    if n < GLIMPSE_END_OF_SNAPSHOT_LENGTH:
        return CODEC_TRUNCATED
    if n > GLIMPSE_END_OF_SNAPSHOT_LENGTH:
        return CODEC_TRAILING
    rc = parse_number(p + 1, 20, sequence_number)
    if rc < 0:
        return rc
    return GLIMPSE_END_OF_SNAPSHOT_LENGTH


cdef inline int glimpse_encode_end_of_snapshot(uint64_t sequence_number, uint8_t* out, size_t capacity) noexcept nogil:
    if capacity < GLIMPSE_END_OF_SNAPSHOT_LENGTH:
        return CODEC_NO_SPACE
    out[0] = GLIMPSE_END_OF_SNAPSHOT
    format_number(out + 1, 20, sequence_number)
    return GLIMPSE_END_OF_SNAPSHOT_LENGTH
