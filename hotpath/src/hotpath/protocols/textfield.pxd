"""Fixed-width ASCII fields: space-padded text and decimal numbers of up to 20 digits."""
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy, memset

from hotpath.protocols.codec cimport CODEC_INVALID_FIELD, CODEC_RANGE


cdef inline void pad_right(char* field, size_t width, const char* text, size_t length) noexcept nogil:
    """Left-justify `text` in a field of `width` bytes; text that is longer is cut."""
    if length > width:
        length = width
    memcpy(field, text, length)
    memset(field + length, c' ', width - length)


cdef inline void pad_left(char* field, size_t width, const char* text, size_t length) noexcept nogil:
    """Right-justify `text` in a field of `width` bytes; text that is longer is cut."""
    if length > width:
        length = width
    memset(field, c' ', width - length)
    memcpy(field + (width - length), text, length)


cdef inline void trimmed(const char* field, size_t width, size_t* start, size_t* end) noexcept nogil:
    """Bounds of the text in a field, without the spaces on either side; start == end when it is blank."""
    cdef size_t first = 0
    cdef size_t last = width
    while first < last and field[first] == c' ':
        first += 1
    while last > first and field[last - 1] == c' ':
        last -= 1
    start[0] = first
    end[0] = last


cdef inline bint is_blank(const char* field, size_t width) noexcept nogil:
    cdef size_t start = 0, end = 0
    trimmed(field, width, &start, &end)
    return start == end


cdef inline char upper(char c) noexcept nogil:
    return <char>(c - 32) if c'a' <= c <= c'z' else c


cdef inline bint same_text(const char* a, size_t a_width, const char* b, size_t b_width, bint any_case) noexcept nogil:
    """Whether two fields hold the same text, whichever side each one is padded on."""
    cdef size_t a_start = 0, a_end = 0, b_start = 0, b_end = 0, i
    trimmed(a, a_width, &a_start, &a_end)
    trimmed(b, b_width, &b_start, &b_end)
    if a_end - a_start != b_end - b_start:
        return False
    for i in range(a_end - a_start):
        if a[a_start + i] == b[b_start + i]:
            continue
        if not any_case or upper(a[a_start + i]) != upper(b[b_start + i]):
            return False
    return True


cdef inline int parse_number(const uint8_t* field, size_t width, uint64_t* value) noexcept nogil:
    """Read a decimal field with spaces on either side and leading zeros allowed; a blank field is 0.

    Returns `width`, CODEC_INVALID_FIELD for anything but one run of digits, CODEC_RANGE above 2**64 - 1.
    """
    cdef size_t start = 0, end = 0, i
    cdef uint64_t total = 0
    cdef uint64_t digit
    trimmed(<const char*>field, width, &start, &end)
    for i in range(start, end):
        if field[i] < c'0' or field[i] > c'9':
            return CODEC_INVALID_FIELD
        digit = field[i] - <uint8_t>c'0'
        if total > <uint64_t>1844674407370955161 or (total == <uint64_t>1844674407370955161 and digit > 5):
            return CODEC_RANGE
        total = total * 10 + digit
    value[0] = total
    return <int>width


cdef inline int format_number(uint8_t* field, size_t width, uint64_t value) noexcept nogil:
    """Write `value` right-justified and space-padded; CODEC_RANGE when it has more than `width` digits."""
    cdef size_t i = width
    while True:
        if i == 0:
            return CODEC_RANGE
        i -= 1
        field[i] = <uint8_t>(<uint64_t>c'0' + value % 10)
        value //= 10
        if value == 0:
            break
    memset(field, c' ', i)
    return <int>width
