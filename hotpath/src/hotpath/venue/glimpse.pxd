"""GLIMPSE 5.0 snapshot server: the book as ITCH messages over SoupBinTCP, ended by the next live sequence number."""
cimport cython
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint64_t

from hotpath.book.limit_order_book cimport LimitOrderBook
from hotpath.venue.market_data cimport MarketData
from hotpath.venue.soup_server cimport MAX_CONNECTIONS, SoupServer

cdef struct Snapshot:
    uint8_t* data                # u16 length, message; repeated
    size_t size
    size_t cursor

# What has been announced since the session began; the exchange keeps it current.
cdef struct SessionEvents:
    uint8_t codes[8]             # system events in order
    int count
    uint8_t trading_state
    char reason[4]
    int64_t timestamp_ns

@cython.final
cdef class GlimpseServer(SoupServer):
    cdef MarketData feed
    cdef LimitOrderBook book
    cdef SessionEvents* events
    cdef Snapshot snapshots[16]
    cdef int64_t served
    cdef int64_t failed          # no memory for the snapshot

    cdef bint _build(self, Snapshot* snapshot) noexcept nogil
    cdef void _drop(self, int index) noexcept nogil
