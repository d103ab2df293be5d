"""The venue's one thread: order entry, flow, feed, re-request and snapshots, in turn."""
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint64_t

from hotpath.ipc.histogram cimport HistogramWriter
from hotpath.ipc.idle cimport IdleStrategy
from hotpath.ipc.status cimport StatusWriter
from hotpath.venue.flow cimport FlowSource
from hotpath.venue.flow_rules cimport FlowRules
from hotpath.venue.glimpse cimport GlimpseServer
from hotpath.venue.market cimport Market
from hotpath.venue.market_data cimport MarketData
from hotpath.venue.order_entry cimport OrderEntryServer
from hotpath.venue.progress cimport FlowProgress

cdef enum FlowState:
    FLOW_WAITING = 0             # for a start request
    FLOW_RUNNING = 1
    FLOW_CLOSING = 2             # market hours over, clients have a moment to cancel
    FLOW_DONE = 3

@cython.final
cdef class Venue:
    cdef Market market
    cdef MarketData feed
    cdef GlimpseServer glimpse
    cdef OrderEntryServer entry
    cdef FlowRules rules
    cdef FlowSource source
    cdef FlowProgress progress
    cdef IdleStrategy idle
    cdef StatusWriter status
    cdef HistogramWriter latency
    cdef uint8_t state
    cdef double speed
    cdef int64_t rate                    # rows a second at speed 0
    cdef int64_t flow_base_ns            # flow time at mono_base_ns
    cdef int64_t mono_base_ns
    cdef int64_t paced_rows              # since mono_base_ns, at speed 0
    cdef int64_t last_row_ns             # flow time of the last row applied
    cdef int64_t last_row_mono_ns
    cdef int64_t clock_ns                # flow time now, never running back
    cdef int64_t close_at_ns
    cdef int64_t late_ns                 # how far the flow is behind its schedule
    cdef int64_t late_max_ns
    cdef int64_t reanchors               # schedule moved because the process had not run for too long
    cdef int64_t passes
    cdef int64_t published_ns

    cdef int _pass(self, int64_t now) noexcept nogil
    cdef int _flow(self, int64_t now) noexcept nogil
    cdef int64_t _due(self, int64_t now) noexcept nogil
    cdef void _anchor(self, int64_t now) noexcept nogil
    cdef void _clock(self, int64_t now) noexcept nogil
    cdef void _open(self, int64_t now) noexcept nogil
    cdef void _apply(self, int64_t now) noexcept nogil
    cdef void _counters(self, int64_t* values) noexcept nogil
    cdef void _publish(self, int64_t now) noexcept nogil
