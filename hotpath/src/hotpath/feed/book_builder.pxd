"""ITCH 5.0 messages of one instrument into an L3 book, its last print and its trading state. Pure logic, no I/O."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t

from hotpath.book.order_book cimport OrderBook

# What one message did; bits.
cdef enum BookChange:
    CHANGE_BOOK = 1
    CHANGE_PRINT = 2              # last_price, last_shares are new
    CHANGE_TRADING_STATE = 4
    CHANGE_INCONSISTENT = 8       # the message does not fit the book: it is wrong until the next snapshot
    CHANGE_NOT_OURS = 16          # the stock directory contradicts our symbol and locate: see directory

# What the stock directory of the session says about our symbol and locate.
cdef enum DirectoryState:
    DIRECTORY_UNKNOWN = 0         # it has not named either yet
    DIRECTORY_CONFIRMED = 1
    DIRECTORY_OTHER_SYMBOL = 2    # our locate belongs to directory_symbol
    DIRECTORY_OTHER_LOCATE = 3    # our symbol has directory_locate

cdef enum:
    STATE_HALTED = 72             # 'H', also before anything is known
    STATE_TRADING = 84            # 'T'
    STATE_SESSION_OVER = 69       # 'E'

cdef struct BuilderCounters:
    uint64_t messages
    uint64_t applied              # about our instrument or the whole market
    uint64_t other_instruments
    uint64_t unknown_types
    uint64_t truncated
    uint64_t inconsistent
    uint64_t prints
    uint64_t broken_trades

cdef class BookBuilder:
    """BookBuilder(symbol, locate, max_orders): a directory that contradicts the two voids the book until the next session."""
    cdef OrderBook book
    cdef char symbol[8]
    cdef uint16_t locate
    cdef DirectoryState directory         # a contradiction stays until reset()
    cdef char directory_symbol[8]
    cdef uint16_t directory_locate
    cdef uint8_t trading_state            # of BookEvent: T H P Q, E when the session is over
    cdef uint8_t stock_state
    cdef bint operational_halt
    cdef bint session_over
    cdef int64_t exchange_ns              # timestamp of the last message applied
    cdef int64_t last_price               # 0 = no print yet
    cdef int64_t last_shares
    cdef BuilderCounters counters

    # Returns BookChange bits.
    cdef int apply(self, const uint8_t* message, size_t length) noexcept nogil
    # Empty book before a snapshot, which has to confirm the instrument again; trading state and last print stay.
    cdef void clear_book(self) noexcept nogil
    # New session: everything is void.
    cdef void reset(self) noexcept nogil
    cdef void _void(self) noexcept nogil
    cdef int _identify(self, const char* stock, uint16_t locate) noexcept nogil
    cdef int _print(self, int64_t price, int64_t shares) noexcept nogil
    cdef int _result(self, int status) noexcept nogil
    cdef int _set_state(self) noexcept nogil
