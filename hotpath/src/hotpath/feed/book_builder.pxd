"""ITCH 5.0 messages of one instrument into an L3 book, its last print and its trading state. Pure logic, no I/O."""
from libc.stdint cimport uint8_t, uint16_t

from hotpath.book.order_book cimport OrderBook
from hotpath.feed.itch_book cimport InstrumentState, ItchCounters

# What the stock directory of the session says about our symbol and locate.
cdef enum DirectoryState:
    DIRECTORY_UNKNOWN = 0         # it has not named either yet
    DIRECTORY_CONFIRMED = 1
    DIRECTORY_OTHER_SYMBOL = 2    # our locate belongs to directory_symbol
    DIRECTORY_OTHER_LOCATE = 3    # our symbol has directory_locate

cdef class BookBuilder:
    """BookBuilder(symbol, locate, max_orders): a directory that contradicts the two voids the book until the next session."""
    cdef OrderBook book
    cdef char symbol[8]
    cdef uint16_t locate
    cdef DirectoryState directory         # a contradiction stays until reset()
    cdef char directory_symbol[8]
    cdef uint16_t directory_locate
    cdef InstrumentState state
    cdef ItchCounters counters

    # Returns BookChange bits.
    cdef int apply(self, const uint8_t* message, size_t length) noexcept nogil
    # Empty book before a snapshot, which has to confirm the instrument again; trading state and last print stay.
    cdef void clear_book(self) noexcept nogil
    # New session: everything is void.
    cdef void reset(self) noexcept nogil
    cdef void _void(self) noexcept nogil
    cdef int _identify(self, const char* stock, uint16_t locate) noexcept nogil
