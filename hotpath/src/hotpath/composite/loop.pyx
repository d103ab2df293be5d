"""One thread, several engines. See loop.pxd; the process around it is in role.py."""
from libc.stdint cimport int64_t

from hotpath.feed.handler cimport FeedHandler
from hotpath.ipc.clock cimport monotonic_ns
from hotpath.ipc.idle cimport IdleStrategy
from hotpath.router.engine cimport RouterEngine
from hotpath.strategy.runner cimport StrategyRunner

cdef enum:
    FEED_DESCRIPTORS = 3


cdef class CompositeLoop:
    """CompositeLoop(idle, feed, strategy, router): None for a role that is not part of it."""

    def __init__(self, IdleStrategy idle not None, FeedHandler feed, StrategyRunner strategy, RouterEngine router):
        self.idle = idle
        self.feed = feed
        self.strategy = strategy
        self.router = router
        self.has_feed = feed is not None
        self.has_strategy = strategy is not None
        self.has_router = router is not None

    cdef bint step(self) noexcept nogil:
        """One pass over every engine, in the direction of a tick; True when there was work."""
        cdef bint worked = False
        if self.has_feed:
            worked |= self.feed.step()
        if self.has_strategy:
            worked |= self.strategy.step()
        if self.has_router:
            worked |= self.router._pass(monotonic_ns())
        return worked

    cdef void wait(self) noexcept nogil:
        cdef int fds[FEED_DESCRIPTORS + 1]
        cdef int i, count = 0
        if self.has_feed:
            for i in range(FEED_DESCRIPTORS):
                if self.feed.fds[i] >= 0:
                    fds[count] = self.feed.fds[i]
                    count += 1
        if self.has_router and self.router._fd >= 0:
            fds[count] = self.router._fd
            count += 1
        self.idle.idle_until_fds(fds, count)

    cdef void run_until(self, int64_t deadline_ns) noexcept nogil:
        if self.has_router:
            self.router.attention = False
        while True:
            if self.step():
                self.idle.reset()
            else:
                self.wait()
            if monotonic_ns() >= deadline_ns or (self.has_router and self.router.attention):
                return

    def spin(self, int64_t milliseconds):
        """Run for about this long without the GIL, or until the router has something that its role must see."""
        cdef int64_t deadline = monotonic_ns() + milliseconds * 1_000_000
        with nogil:
            self.run_until(deadline)
