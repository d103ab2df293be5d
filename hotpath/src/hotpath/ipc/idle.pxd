"""How a role waits when a pass over its inputs found nothing."""
cimport cython
from libc.stdint cimport int64_t, uint32_t

cdef enum:
    IDLE_MAX_FDS = 40

# Passes before the next, dearer way of waiting.
cdef enum:
    IDLE_SPIN_PASSES = 32
    IDLE_PAUSE_PASSES = 160
    IDLE_FD_PASSES = 8           # of idle_until_due: its passes are system calls, and ppoll wakes in microseconds

@cython.final
cdef class IdleStrategy:
    """spin: PAUSE on each empty pass. yield: let another thread of the CPU run on each empty pass, for loops that share
    it with loops that do the same: beside a spinning one, a yield lasts whole time slices. back_off: spin, PAUSE, then
    sleeps that double from 1 us to max_sleep_us.

    Call `reset()` after a pass that did work, `idle()` (or `idle_until_fds()`) after one that did not.
    """
    cdef readonly bint spinning          # mode is "spin" or "yield": never sleeps
    cdef readonly bint yielding          # mode is "yield"
    cdef readonly int64_t max_sleep_ns
    cdef int64_t _sleep_ns
    cdef uint32_t _passes

    cdef inline void reset(self) noexcept nogil:
        self._passes = 0

    cdef inline void _give_way(self) noexcept nogil
    cdef int64_t _next_sleep(self) noexcept nogil
    cdef void idle(self) noexcept nogil
    # Like idle(), but where idle() would sleep it waits in ppoll, so that readable input ends the wait.
    # fds below 0 are ignored; at most IDLE_MAX_FDS count. Returns how many are readable (or in error), 0 = unknown or none.
    cdef int idle_until_fds(self, const int *fds, int count) noexcept nogil
    cdef int idle_until_fd(self, int fd) noexcept nogil
    # For a loop all of whose inputs are in `fds`: waits until one is readable or due_ns (monotonic, as now_ns) has come.
    # max_sleep_us does not bound this wait, so due_ns must. Returns what idle_until_fds() does.
    cdef int idle_until_due(self, const int *fds, int count, int64_t now_ns, int64_t due_ns) noexcept nogil
    cdef int _wait_fds(self, const int *fds, int count, int64_t sleep_ns) noexcept nogil
