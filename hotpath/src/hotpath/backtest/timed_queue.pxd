"""Items that are due later: first in, first out, at times that never run back."""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint64_t

cdef int64_t NEVER

cdef class TimedQueue:
    """TimedQueue(item_size, limit): grows as needed, up to `limit` items."""
    cdef size_t item_size
    cdef size_t stride
    cdef uint8_t* items
    cdef uint64_t capacity                # a power of two
    cdef uint64_t limit
    cdef uint64_t head
    cdef uint64_t tail
    cdef int64_t next_due                 # of the first item; NEVER when there is none

    # Room for one item, zeroed, to be filled before the next push; NULL at the limit.
    cdef void* push(self, int64_t due_ns) noexcept nogil
    # The first item; stays valid until the next push or pop.
    cdef void* front(self) noexcept nogil
    cdef void pop(self) noexcept nogil
    cdef bint _grow(self) noexcept nogil
