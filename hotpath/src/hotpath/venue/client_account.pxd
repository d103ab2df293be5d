"""One order-entry account and its durable outbound stream: what a login can replay, and what the ledger is read from."""
cimport cython
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from hotpath.ipc.journal cimport JournalWriter

cdef enum:
    MAX_ACCOUNTS = 8
    RECORD_BYTES = 128
    MESSAGE_BYTES = 104

# One sequenced OUCH message; the journal's sequence number is the Soup sequence number.
cdef struct SequencedRecord:
    int64_t wall_ns
    uint64_t contra_ref          # execution against another client's order: that order, else 0
    uint16_t length
    uint8_t reserved[6]
    uint8_t message[104]

# Takes the outbound messages of an account that keeps no journal: a backtest in one process.
cdef class MessageSink:
    cdef void message(self, const uint8_t* data, size_t size) noexcept nogil

@cython.final
cdef class ClientAccount:
    cdef readonly str username
    cdef readonly str directory
    cdef char user_field[6]
    cdef char password_field[10]
    cdef char firm[4]
    cdef readonly JournalWriter journal  # None with a sink
    cdef MessageSink sink
    cdef readonly uint32_t last_user_ref_num
    cdef readonly bint disabled          # the client switched its order entry off
    cdef readonly bint exhausted         # the journal has no room left for new business
    cdef int connection                  # logged-in connection, -1 = none
    cdef uint64_t reserve                # records kept free for the cancels of open orders

    # Writes one outbound message; False (and `exhausted`) when the journal refused it.
    cdef bint append(self, const uint8_t* message, size_t size, uint64_t contra_ref) noexcept nogil
    cdef bint has_room(self) noexcept nogil
