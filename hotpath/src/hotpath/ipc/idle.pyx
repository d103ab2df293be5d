from posix.time cimport nanosleep, timespec

from hotpath.ipc.atomics cimport cpu_relax
from hotpath.ipc.clock cimport monotonic_ns

cdef extern from "<poll.h>" nogil:
    cdef struct pollfd:
        int fd
        short events
        short revents
    const short POLLIN
    int ppoll(pollfd *fds, unsigned long count, const timespec *timeout, const void *mask) noexcept

cdef extern from "<sys/prctl.h>" nogil:
    const int PR_SET_TIMERSLACK
    int prctl(int option, ...) noexcept

cdef extern from "<sched.h>" nogil:
    int sched_yield() noexcept

cdef enum:
    FIRST_SLEEP_NS = 1000
    TIMER_SLACK_NS = 1000
    SECOND_NS = 1_000_000_000


cdef class IdleStrategy:
    def __cinit__(self, str mode = "back_off", int64_t max_sleep_us = 200):
        if mode not in ("spin", "yield", "back_off"):
            raise ValueError(f"idle.mode: {mode!r} is not an idle strategy; use 'spin', 'yield' or 'back_off'")
        if not 1 <= max_sleep_us <= 100_000:
            raise ValueError(f"idle.max_sleep_us: {max_sleep_us} is outside 1..100000")
        self.yielding = mode == "yield"
        self.spinning = mode == "spin" or self.yielding
        self.max_sleep_ns = max_sleep_us * 1000
        self._sleep_ns = FIRST_SLEEP_NS
        if not self.spinning:
            # The default slack of 50 us would be added to every short sleep of this thread.
            prctl(PR_SET_TIMERSLACK, <unsigned long>TIMER_SLACK_NS, 0, 0, 0)

    cdef inline void _give_way(self) noexcept nogil:
        if self.yielding:
            sched_yield()
        else:
            cpu_relax()

    cdef int64_t _next_sleep(self) noexcept nogil:
        """ns to sleep now; 0 = this pass only spins or pauses."""
        cdef int64_t sleep_ns
        if self.spinning:
            self._give_way()
            return 0
        if self._passes < IDLE_SPIN_PASSES:
            self._passes = self._passes + 1
            self._sleep_ns = FIRST_SLEEP_NS
            return 0
        if self._passes < IDLE_PAUSE_PASSES:
            self._passes = self._passes + 1
            cpu_relax()
            return 0
        sleep_ns = self._sleep_ns
        self._sleep_ns = min(sleep_ns * 2, self.max_sleep_ns)
        return min(sleep_ns, self.max_sleep_ns)

    cdef void idle(self) noexcept nogil:
        cdef timespec wait
        cdef int64_t sleep_ns = self._next_sleep()
        if sleep_ns != 0:
            wait.tv_sec = 0
            wait.tv_nsec = sleep_ns
            nanosleep(&wait, NULL)

    cdef int idle_until_fds(self, const int *fds, int count) noexcept nogil:
        cdef int64_t sleep_ns = self._next_sleep()
        return 0 if sleep_ns == 0 else self._wait_fds(fds, count, sleep_ns)

    cdef int idle_until_due(self, const int *fds, int count, int64_t now_ns, int64_t due_ns) noexcept nogil:
        if self.spinning:
            self._give_way()
            return 0
        if self._passes < IDLE_FD_PASSES:
            self._passes = self._passes + 1
            self._sleep_ns = FIRST_SLEEP_NS
            return 0
        if due_ns <= now_ns:
            return 0
        return self._wait_fds(fds, count, due_ns - now_ns)

    cdef int _wait_fds(self, const int *fds, int count, int64_t sleep_ns) noexcept nogil:
        cdef pollfd polled[IDLE_MAX_FDS]
        cdef timespec wait
        cdef int i, ready
        if count > IDLE_MAX_FDS:
            count = IDLE_MAX_FDS
        for i in range(count):
            polled[i].fd = fds[i]
            polled[i].events = POLLIN
            polled[i].revents = 0
        wait.tv_sec = sleep_ns // SECOND_NS
        wait.tv_nsec = sleep_ns % SECOND_NS
        ready = ppoll(polled, <unsigned long>count, &wait, NULL)
        return ready if ready > 0 else 0

    cdef int idle_until_fd(self, int fd) noexcept nogil:
        return self.idle_until_fds(&fd, 1)

    def wait(self) -> None:
        """idle() for Python loops; lets other Python threads run meanwhile."""
        with nogil:
            self.idle()

    def wait_fds(self, fds, due_ns=None) -> int:
        """idle_until_fds() for Python loops, or idle_until_due(): number of readable descriptors, 0 = none or not looked."""
        cdef int array[IDLE_MAX_FDS]
        cdef int i, count = len(fds)
        cdef int ready
        cdef bint timed = due_ns is not None
        cdef int64_t due = due_ns if timed else 0
        if count > IDLE_MAX_FDS:
            raise ValueError(f"{count} descriptors; at most {IDLE_MAX_FDS} can be waited on")
        for i in range(count):
            array[i] = fds[i]
        with nogil:
            if timed:
                ready = self.idle_until_due(array, count, monotonic_ns(), due)
            else:
                ready = self.idle_until_fds(array, count)
        return ready

    def worked(self) -> None:
        """reset() for Python loops."""
        self.reset()
