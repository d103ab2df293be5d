"""What a timed stretch has asked of the kernel and of the allocator."""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t

cdef extern from "<sys/resource.h>" nogil:
    cdef struct rusage:
        long ru_minflt
        long ru_majflt
    int RUSAGE_THREAD
    int getrusage(int who, rusage* usage)

cdef extern from "<malloc.h>" nogil:
    cdef struct mallinfo2_t "mallinfo2":
        size_t hblks
        size_t hblkhd
        size_t uordblks
    mallinfo2_t mallinfo2()

cdef struct Resources:
    int64_t faults            # page faults of this thread
    int64_t heap_bytes        # of the process, in use


cdef inline Resources resources() noexcept nogil:
    cdef Resources taken
    cdef rusage usage
    cdef mallinfo2_t heap = mallinfo2()
    taken.heap_bytes = <int64_t>(heap.uordblks + heap.hblkhd)
    taken.faults = 0
    if getrusage(RUSAGE_THREAD, &usage) == 0:
        taken.faults = usage.ru_minflt + usage.ru_majflt
    return taken


cdef inline dict figures(const Resources* before, const Resources* after):
    """What was used between the two."""
    return {"page_faults": after.faults - before.faults, "heap_bytes_grown": after.heap_bytes - before.heap_bytes}
