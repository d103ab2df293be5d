"""OUCH messages to clients: each goes into its account's durable stream, from where connections send it."""
cimport cython
from cpython.ref cimport PyObject
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from hotpath.protocols.ouch cimport OuchInEnterOrder, OuchInReplaceOrder
from hotpath.venue.client_account cimport MAX_ACCOUNTS

# What the matching engine keeps for us with each client order.
cdef inline uint32_t order_token(uint8_t side, uint8_t capacity, uint8_t display, bint post_only) noexcept nogil:
    return <uint32_t>side | (<uint32_t>capacity << 8) | (<uint32_t>(display & 0x7F) << 16) | (<uint32_t>post_only << 23)

cdef inline uint8_t token_side(uint32_t token) noexcept nogil:
    return <uint8_t>(token & 0xFF)

cdef inline uint8_t token_capacity(uint32_t token) noexcept nogil:
    return <uint8_t>((token >> 8) & 0xFF)

cdef inline uint8_t token_display(uint32_t token) noexcept nogil:
    return <uint8_t>((token >> 16) & 0x7F)

cdef inline bint token_post_only(uint32_t token) noexcept nogil:
    return (token >> 23) & 1

# Client orders' venue references: bit 62, account + 1, user_ref_num. A recorded order never has bit 62 set.
cdef inline uint64_t client_reference(int account, uint32_t user_ref_num) noexcept nogil:
    return (<uint64_t>1 << 62) | (<uint64_t>(account + 1) << 32) | user_ref_num

cdef inline uint32_t reference_number(uint64_t reference) noexcept nogil:
    return <uint32_t>reference

@cython.final
cdef class ExecutionReports:
    cdef readonly list accounts
    cdef PyObject* handles[8]            # borrowed from `accounts`, so that nogil code needs no reference count
    cdef int count
    cdef char symbol[8]
    cdef int64_t written
    cdef int64_t lost                    # an account's journal refused the message; the account is closed then

    cdef void accepted(self, int account, int64_t ts, const OuchInEnterOrder* m) noexcept nogil
    cdef void replaced(self, int account, int64_t ts, const OuchInReplaceOrder* m, uint32_t token, uint32_t leaves) noexcept nogil
    cdef void executed(self, int account, int64_t ts, uint32_t number, uint32_t shares, int64_t price, uint8_t liquidity,
                       uint64_t match, uint64_t contra_ref) noexcept nogil
    cdef void canceled(self, int account, int64_t ts, uint32_t number, uint32_t shares, uint8_t reason) noexcept nogil
    cdef void self_matched(self, int account, int64_t ts, uint32_t number, uint32_t shares, uint32_t prevented,
                           int64_t price, bint resting) noexcept nogil
    cdef void modified(self, int account, int64_t ts, uint32_t number, uint8_t side, uint32_t leaves) noexcept nogil
    cdef void rejected(self, int account, int64_t ts, uint32_t number, uint16_t reason, const char* cl_ord_id) noexcept nogil
    cdef void mass_cancelled(self, int account, int64_t ts, uint32_t number, const char* firm, const char* symbol) noexcept nogil
    cdef void disabled(self, int account, int64_t ts, uint32_t number, const char* firm) noexcept nogil
    cdef void enabled(self, int account, int64_t ts, uint32_t number, const char* firm) noexcept nogil
    cdef void account_state(self, int account, int64_t ts) noexcept nogil

    cdef void _write(self, int account, const uint8_t* message, int size, uint64_t contra_ref) noexcept nogil
