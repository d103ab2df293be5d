"""Items that are due later. See timed_queue.pxd."""
from libc.stddef cimport size_t
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

NEVER = INT64_MAX

cdef enum:
    HEADER_BYTES = 8              # due time in front of each item
    FIRST_CAPACITY = 64


cdef class TimedQueue:
    def __cinit__(self, size_t item_size, uint64_t limit):
        self.item_size = item_size
        self.stride = HEADER_BYTES + (item_size + 7) // 8 * 8
        self.limit = limit
        self.next_due = NEVER
        if not self._grow():
            raise MemoryError("no memory for a simulation queue")

    def __dealloc__(self):
        free(self.items)

    cdef bint _grow(self) noexcept nogil:
        cdef uint64_t capacity = 2 * self.capacity if self.capacity else FIRST_CAPACITY
        cdef uint64_t i
        cdef uint8_t* items
        if self.capacity >= self.limit:
            return False
        items = <uint8_t*>malloc(capacity * self.stride)
        if items == NULL:
            return False
        for i in range(self.head, self.tail):
            memcpy(items + (i & (capacity - 1)) * self.stride, self.items + (i & (self.capacity - 1)) * self.stride,
                   self.stride)
        free(self.items)
        self.items = items
        self.capacity = capacity
        return True

    cdef void* push(self, int64_t due_ns) noexcept nogil:
        cdef uint8_t* item
        if self.tail - self.head == self.capacity and not self._grow():
            return NULL
        item = self.items + (self.tail & (self.capacity - 1)) * self.stride
        (<int64_t*>item)[0] = due_ns
        memset(item + HEADER_BYTES, 0, self.item_size)
        if self.head == self.tail:
            self.next_due = due_ns
        self.tail += 1
        return item + HEADER_BYTES

    cdef void* front(self) noexcept nogil:
        return self.items + (self.head & (self.capacity - 1)) * self.stride + HEADER_BYTES

    cdef void pop(self) noexcept nogil:
        self.head += 1
        if self.head == self.tail:
            self.next_due = NEVER
        else:
            self.next_due = (<int64_t*>(self.items + (self.head & (self.capacity - 1)) * self.stride))[0]
