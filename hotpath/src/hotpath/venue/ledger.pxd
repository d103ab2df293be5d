cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from hotpath.venue.client_account cimport SequencedRecord

@cython.final
cdef class LedgerOrder:
    cdef readonly uint32_t user_ref_num
    cdef readonly uint32_t orig_user_ref_num     # replaced by this order, 0 = none
    cdef readonly uint64_t order_reference_number
    cdef readonly str side
    cdef readonly str cl_ord_id
    cdef readonly str time_in_force
    cdef readonly str state
    cdef readonly str reason                     # of the last cancel or of the reject
    cdef readonly int64_t price
    cdef readonly int64_t quantity               # total the chain is liable for
    cdef readonly int64_t leaves
    cdef readonly int64_t filled                 # under this number
    cdef readonly int64_t chain_filled           # with the orders it replaced
    cdef readonly int64_t chain_decremented      # by self-match prevention, counts against the total
    cdef readonly int64_t cancelled
    cdef readonly int64_t accepted_ns            # venue clock
    cdef readonly int64_t accepted_wall_ns
    cdef readonly int64_t updated_wall_ns
    cdef readonly uint64_t last_sequence

@cython.final
cdef class Ledger:
    cdef readonly str account
    cdef readonly str session
    cdef readonly list orders                    # LedgerOrder, in order of arrival
    cdef readonly list fills                     # dict rows, in order of execution
    cdef readonly dict by_number
    cdef readonly uint64_t sequence              # last message applied
    cdef readonly uint32_t last_user_ref_num
    cdef readonly bint disabled
    cdef readonly uint64_t last_match_number
    cdef object _reader

    cdef int _apply(self, uint64_t sequence, const SequencedRecord* record) except -1
    cdef LedgerOrder _order(self, uint64_t sequence, const SequencedRecord* record, uint32_t number)
    cdef LedgerOrder _enter(self, uint64_t sequence, const SequencedRecord* record, uint32_t number)
    cdef int _used(self, uint32_t number) except -1
    cdef int _settle(self, LedgerOrder order, str state) except -1
