"""Helpers of the Python edge: conversions between message objects and wire fields. Not for the hot path."""
from cpython.bytes cimport PyBytes_AS_STRING
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t

from hotpath.protocols.textfield cimport pad_left, pad_right


cdef inline const uint8_t* wire(bytes data) noexcept:
    return <const uint8_t*>PyBytes_AS_STRING(data)


cdef inline str describe(str protocol, const uint8_t* p, size_t n):
    """Name a frame in an error message."""
    if n == 0:
        return f"{protocol} message of 0 bytes"
    return f"{protocol} message of type {chr(p[0])!r}, {n} bytes"


cdef inline str text_of(const char* field, size_t width):
    """Text of a field padded on the right. Latin-1, so that any byte survives a round trip."""
    return (<bytes>field[:width]).rstrip(b" ").decode("latin-1")


cdef inline str centre_of(const char* field, size_t width):
    """Text of a field that may be padded on either side."""
    return (<bytes>field[:width]).strip(b" ").decode("latin-1")


cdef inline bytes encoded(str text, size_t width, str name):
    """Bytes of a text field. Errors do not repeat the text: it may be a password."""
    from hotpath.protocols.errors import FieldRangeError
    cdef bytes raw
    try:
        raw = text.encode("latin-1")
    except UnicodeEncodeError:
        raise FieldRangeError(f"{name}: holds a character that no single byte can carry") from None
    if len(raw) > <Py_ssize_t>width:
        raise FieldRangeError(f"{name}: {len(raw)} bytes, the field holds {width}")
    return raw


cdef inline int put_text(char* field, size_t width, str text, str name) except -1:
    """Left-justify, as symbols, user names and identifiers are."""
    cdef bytes raw = encoded(text, width, name)
    pad_right(field, width, PyBytes_AS_STRING(raw), <size_t>len(raw))
    return 0


cdef inline int put_text_right(char* field, size_t width, str text, str name) except -1:
    """Right-justify, as SoupBinTCP sessions are."""
    cdef bytes raw = encoded(text, width, name)
    pad_left(field, width, PyBytes_AS_STRING(raw), <size_t>len(raw))
    return 0


cdef inline uint8_t code_of(str value, str name) except? 0:
    """The byte of a one-character field."""
    cdef bytes raw = encoded(value, 1, name)
    if len(raw) != 1:
        from hotpath.protocols.errors import FieldRangeError
        raise FieldRangeError(f"{name}: one character wanted, got {value!r}")
    return wire(raw)[0]
