"""Zeroed, page-aligned memory straight from the kernel, touched lazily unless asked otherwise."""
from libc.stddef cimport size_t
from posix.mman cimport MAP_ANONYMOUS, MAP_FAILED, MAP_PRIVATE, PROT_READ, PROT_WRITE, mmap, munmap

cdef extern from "<sys/mman.h>" nogil:
    int MAP_POPULATE


cdef inline void* map_pages(size_t size, bint prefault) noexcept nogil:
    """NULL when the kernel refuses."""
    cdef void* address = mmap(NULL, size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | (MAP_POPULATE if prefault else 0), -1, 0)
    return NULL if address == MAP_FAILED else address


cdef inline void unmap_pages(void* address, size_t size) noexcept nogil:
    munmap(address, size)
