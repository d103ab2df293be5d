"""Python edge of the GLIMPSE codec, for tests and tools. The hot path cimports glimpse.pxd."""
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint64_t

from hotpath.protocols.edge cimport describe, wire
from hotpath.protocols.glimpse cimport *

from hotpath.protocols.errors import FieldRangeError, error_for
from hotpath.protocols.glimpse_types import EndOfSnapshot


def decode(bytes data not None):
    """Decode the end-of-snapshot message; all others of a snapshot are ITCH.

    Raises UnexpectedTypeError, TruncatedError, TrailingBytesError, InvalidFieldError or FieldRangeError.
    """
    cdef uint64_t sequence_number = 0
    cdef int rc = glimpse_decode_end_of_snapshot(wire(data), <size_t>len(data), &sequence_number)
    if rc < 0:
        raise error_for(rc, describe("GLIMPSE", wire(data), <size_t>len(data)))
    return EndOfSnapshot(sequence_number)


def encode(message not None):
    """Encode the end-of-snapshot message. Raises FieldRangeError."""
    cdef uint8_t out[GLIMPSE_END_OF_SNAPSHOT_LENGTH]
    cdef int rc
    try:
        rc = glimpse_encode_end_of_snapshot(message.sequence_number, out, sizeof(out))
    except OverflowError as error:
        raise FieldRangeError(f"GLIMPSE {message!r}: {error}") from error
    return <bytes>(<char*>out)[:rc]
