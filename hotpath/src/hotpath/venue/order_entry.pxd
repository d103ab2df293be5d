"""OUCH 5.0 order entry over SoupBinTCP, several accounts."""
cimport cython
from cpython.ref cimport PyObject
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from hotpath.ipc.histogram cimport HistogramWriter
from hotpath.protocols.ouch cimport OuchAppendage, OuchOptions
from hotpath.venue.market cimport Market
from hotpath.venue.soup_server cimport MAX_CONNECTIONS, SoupServer

cdef enum:
    MAX_OPEN_ORDERS = 16384          # per account
    MAX_ECHOED_APPENDAGE = 40        # what fits a stored message beside the Accepted body

cdef struct EntryCounters:
    int64_t entered
    int64_t replaced
    int64_t cancel_requests
    int64_t modify_requests
    int64_t mass_cancels
    int64_t rejected
    int64_t retransmissions          # number not above the last one: ignored, as OUCH wants
    int64_t ignored                  # about an order that is not live
    int64_t malformed
    int64_t cancels_on_disconnect    # connections whose loss made the venue cancel the account's orders

@cython.final
cdef class OrderEntryServer(SoupServer):
    cdef Market market
    cdef EntryCounters entry
    cdef char session[10]
    cdef int64_t tick
    cdef HistogramWriter latency
    cdef list readers                # JournalReader of each connection
    cdef PyObject* reader_handles[16]
    cdef uint8_t caught_up[16]

    # One OUCH message of an account; False when it is malformed.
    cdef bint handle(self, int account, const uint8_t* p, size_t n) noexcept nogil
    cdef bint _open_stream(self, int index, int account, uint64_t sequence) noexcept nogil
    cdef void _enter(self, int account, const uint8_t* p, size_t n) noexcept nogil
    cdef void _replace(self, int account, const uint8_t* p, size_t n) noexcept nogil
    cdef void _cancel(self, int account, const uint8_t* p, size_t n) noexcept nogil
    cdef void _modify(self, int account, const uint8_t* p, size_t n) noexcept nogil
    cdef void _mass_cancel(self, int account, const uint8_t* p, size_t n) noexcept nogil
    cdef void _switch(self, int account, const uint8_t* p, size_t n, bint on) noexcept nogil
    cdef uint16_t _check(self, int account, int64_t price, uint32_t quantity, uint8_t time_in_force, uint8_t display,
                         uint8_t iso, const OuchAppendage* appendage, OuchOptions* options) noexcept nogil
    cdef bint _own_firm(self, int account, const char* firm) noexcept nogil
    cdef bint _fresh(self, int account, uint32_t number) noexcept nogil
