"""One order-entry account. See client_account.pxd."""
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from hotpath.ipc.clock cimport realtime_ns
from hotpath.ipc.journal cimport JournalWriter
from hotpath.ipc.journal import JournalFull
from hotpath.protocols.textfield cimport pad_right

RECORD_SIZE = RECORD_BYTES
SEGMENT_RECORDS = 16_384        # 2 MB a segment
MAX_SEGMENTS = 1_024            # 16.7 million messages an account


cdef class MessageSink:
    cdef void message(self, const uint8_t* data, size_t size) noexcept nogil:
        pass


cdef class ClientAccount:
    def __init__(self, str username, str password, str firm, str directory, uint64_t reserve, MessageSink sink=None):
        user = _ascii(username, "username", 6)
        word = _ascii(password, f"password of {username}", 10)
        firm_bytes = _ascii(firm, f"firm of {username}", 4)
        self.username = username
        self.directory = directory
        self.reserve = reserve
        self.connection = -1
        pad_right(self.user_field, 6, user, len(user))
        pad_right(self.password_field, 10, word, len(word))
        pad_right(self.firm, 4, firm_bytes, len(firm_bytes))
        self.sink = sink
        if sink is not None:
            return
        self.journal = JournalWriter(directory, RECORD_BYTES, SEGMENT_RECORDS, MAX_SEGMENTS)
        self.journal.prepare()

    def recover(self, uint32_t last_user_ref_num, bint disabled):
        self.last_user_ref_num = last_user_ref_num
        self.disabled = disabled

    def append_message(self, bytes message, uint64_t contra_ref=0):
        if not 0 < len(message) <= MESSAGE_BYTES:
            raise ValueError(f"an OUCH message of {len(message)} bytes does not fit a record")
        if not self.append(message, len(message), contra_ref):
            raise JournalFull(f"{self.directory}: {self.journal.failure or 'the journal is full'}")

    cdef bint append(self, const uint8_t* message, size_t size, uint64_t contra_ref) noexcept nogil:
        cdef SequencedRecord* record
        if self.sink is not None:
            self.sink.message(message, size)
            return True
        record = <SequencedRecord*>self.journal.claim()
        if record == NULL:
            self.exhausted = True
            return False
        record.wall_ns = realtime_ns()
        record.contra_ref = contra_ref
        record.length = <uint16_t>size
        memset(record.reserved, 0, sizeof(record.reserved))
        memcpy(record.message, message, size)
        memset(record.message + size, 0, MESSAGE_BYTES - size)
        self.journal.commit()
        return True

    cdef bint has_room(self) noexcept nogil:
        if self.sink is None and self.journal.free_records() <= self.reserve:
            self.exhausted = True
        return not self.exhausted


cdef bytes _ascii(str text, str what, int width):
    try:
        data = text.encode("ascii")
    except UnicodeEncodeError as error:
        raise ValueError(f"{what}: only ASCII letters and digits are possible") from error
    if not 1 <= len(data) <= width or b" " in data:
        raise ValueError(f"{what}: must be 1 to {width} characters without spaces")
    return data
