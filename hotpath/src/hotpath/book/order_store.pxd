"""Memory for the orders and price levels of one book or of all books of a market, with one index by order reference."""
from libc.stddef cimport size_t
from libc.stdint cimport uint32_t

from hotpath.book.order_pool cimport OrderPool
from hotpath.book.price_levels cimport LevelPool


cdef class OrderStore:
    """Order references are unique over all books of a store. Not for more than one thread."""
    cdef OrderPool pool
    cdef LevelPool levels
    cdef void* arena
    cdef size_t arena_bytes
    cdef readonly uint32_t max_books
    cdef readonly uint32_t books          # numbers given out: a book keeps its own for life

    # Drops everything at once: only for the book that holds all live orders.
    cdef void wipe(self) noexcept nogil
    # NULL when all is well, else what is broken. Slow: for tests and the debug build.
    cdef const char* broken_storage(self) noexcept nogil
