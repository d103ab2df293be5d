"""Zeroed memory straight from the kernel: huge pages where it offers them, touched lazily unless asked otherwise."""
from libc.stddef cimport size_t
from libc.stdint cimport uintptr_t
from posix.mman cimport MAP_ANONYMOUS, MAP_FAILED, MAP_PRIVATE, PROT_READ, PROT_WRITE, mmap, munmap

cdef extern from "<sys/mman.h>" nogil:
    int MADV_HUGEPAGE
    int madvise(void* address, size_t size, int advice)

cdef enum:
    SMALL_PAGE = 4096
    HUGE_PAGE = 2_097_152


cdef inline void* map_pages(size_t size, bint prefault) noexcept nogil:
    """Page-aligned, from HUGE_PAGE on aligned to that; NULL when the kernel refuses."""
    cdef size_t spare = HUGE_PAGE if size >= HUGE_PAGE else 0
    cdef char* mapped = <char*>mmap(NULL, size + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    cdef char* address = mapped
    cdef size_t before = 0
    cdef size_t at = 0
    if mapped == MAP_FAILED:
        return NULL
    if spare != 0:
        before = (HUGE_PAGE - (<uintptr_t>mapped & (HUGE_PAGE - 1))) & (HUGE_PAGE - 1)
        address = mapped + before
        if before != 0:
            munmap(mapped, before)
        # the end of the mapping stays page-aligned: so must what is cut off
        size = (size + SMALL_PAGE - 1) & ~<size_t>(SMALL_PAGE - 1)
        if before != spare:
            munmap(address + size, spare - before)
        # a refusal (no such pages in this kernel) only costs speed
        madvise(address, size, MADV_HUGEPAGE)
    if prefault:
        while at < size:
            address[at] = 0
            at += SMALL_PAGE
    return address


cdef inline void unmap_pages(void* address, size_t size) noexcept nogil:
    munmap(address, size)
