"""Several roles' engines stepped in turn by one thread, through the same rings and blocks as between processes."""
cimport cython
from libc.stdint cimport int64_t

from hotpath.feed.handler cimport FeedHandler
from hotpath.ipc.idle cimport IdleStrategy
from hotpath.router.engine cimport RouterEngine
from hotpath.strategy.runner cimport StrategyRunner


@cython.final
cdef class CompositeLoop:
    cdef FeedHandler feed                 # None = that role is in another process
    cdef StrategyRunner strategy
    cdef RouterEngine router
    cdef IdleStrategy idle
    cdef bint has_feed
    cdef bint has_strategy
    cdef bint has_router

    cdef void run_until(self, int64_t deadline_ns) noexcept nogil
    cdef bint step(self) noexcept nogil
    cdef void wait(self) noexcept nogil
