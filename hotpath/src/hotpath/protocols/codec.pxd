"""Result codes shared by every wire codec.

A codec function returns a byte count (or a count its docstring names) on success and one of these on failure.
"""

cdef enum CodecError:
    CODEC_TRUNCATED = -1         # the frame ends before the message does
    CODEC_UNKNOWN_TYPE = -2      # not a type of this protocol and direction: skip it by its envelope length
    CODEC_UNEXPECTED_TYPE = -3   # a known type, given to the decoder of another one
    CODEC_MALFORMED = -4         # lengths inside the frame contradict each other
    CODEC_TRAILING = -5          # bytes left over after the last element
    CODEC_INVALID_FIELD = -6     # a numeric text field holds something other than one number
    CODEC_RANGE = -7             # a value does not fit its field on the wire, or in 64 bits
    CODEC_NO_SPACE = -8          # the caller's buffer is too small (a packet builder: flush, then retry)
    CODEC_TOO_LARGE = -9         # can never fit the configured limit
