"""ITCH 5.0 messages of a whole market into an L3 book per stock locate, all on one order store. Pure logic, no I/O."""
cimport cython
from cpython.object cimport PyObject
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from hotpath.book.order_book cimport OrderBook
from hotpath.book.order_store cimport OrderStore
from hotpath.book.price_levels cimport PriceLevels
from hotpath.feed.itch_book cimport InstrumentState, ItchCounters

# What the stock directory of the session says about a locate.
cdef enum Listing:
    LISTING_NONE = 0              # nothing yet: its messages are counted, not applied
    LISTING_KNOWN = 1
    LISTING_CONFLICT = 2          # it has named two symbols for it, or gave its symbol twice: void until reset()

# One cache line.
cdef struct Instrument:
    InstrumentState state
    PyObject* book                # an OrderBook of MarketBuilder.books; NULL unless LISTING_KNOWN
    uint8_t listing
    uint8_t reserved[15]

# A (symbol, locate) that the directory has named this session.
cdef struct DirectoryEntry:
    uint64_t symbol               # the 8 bytes of the stock field
    uint32_t next                 # entry with the same hash, 0 = none
    uint16_t locate

cdef struct Directory:
    DirectoryEntry* entries       # 1..count
    uint32_t* heads               # by hash of the symbol, 0 = none
    uint32_t count

cdef struct MarketCounters:
    uint64_t conflicts            # directory messages that contradict others
    uint64_t without_book         # symbols listed when all books were taken

@cython.final
cdef class MarketBuilder:
    """MarketBuilder(max_symbols, max_orders): orders over all symbols."""
    cdef readonly OrderStore store
    cdef tuple kept                       # the books, so that they live
    cdef PyObject** books                 # OrderBook, max_symbols of them
    cdef uint32_t books_used
    cdef void* arena
    cdef size_t arena_bytes
    cdef Instrument* instruments          # by stock locate
    cdef uint64_t* symbols                # by stock locate, the 8 bytes of the stock field
    cdef uint32_t locates_end             # above the largest locate listed
    cdef Directory directory
    cdef bint session_over
    cdef bint looks_ahead                 # batches do in any case
    cdef bint may_look_ahead              # when they outgrow the cache
    cdef bint busy                        # a batch runs, without the GIL
    cdef ItchCounters counters
    cdef MarketCounters market

    # One message. Returns BookChange bits.
    cdef int take_one(self, const uint8_t* message, size_t length) noexcept nogil
    # Messages each after its length (u16, big-endian). Returns where the last whole one ends.
    cdef const uint8_t* take_frames(self, const uint8_t* p, const uint8_t* end) noexcept nogil
    cdef size_t touched_bytes(self) noexcept nogil
    cdef const uint8_t* take_frames_near(self, const uint8_t* p, const uint8_t* end) noexcept nogil
    cdef const uint8_t* take_frames_ahead(self, const uint8_t* p, const uint8_t* end) noexcept nogil
    cdef const PriceLevels* levels_at(self, uint16_t locate) noexcept nogil
    cdef int list_stock(self, uint16_t locate, const uint8_t* stock) noexcept nogil
    cdef int take_market_message(self, const uint8_t* message) noexcept nogil
    cdef void void_instrument(self, uint16_t locate, int listing) noexcept nogil
    cdef void begin_session(self) noexcept nogil
    cdef uint64_t market_digest(self) noexcept nogil
    cdef OrderBook book_at(self, uint16_t locate)
    cdef int require_idle(self) except -1
    cdef object outcome(self, const ItchCounters* before, size_t consumed)
