# cython: nonecheck=False
# a None check of `self` in nogil code would need the GIL
"""OUCH 5.0 outbound messages of the venue. See execution_reports.pxd."""
from cpython.ref cimport PyObject
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from hotpath.protocols.ouch cimport (
    OUCH_CAPACITY_OTHER, OUCH_CROSS_CONTINUOUS, OUCH_LIQUIDITY_ADDED, OUCH_LIQUIDITY_REMOVED, OUCH_STATE_LIVE,
    OUCH_TAG_POST_ONLY, OuchAppendage, OuchInEnterOrder, OuchInReplaceOrder, OuchOutAccountQueryResponse,
    OuchOutAiqCanceled, OuchOutDisableOrderEntryResponse, OuchOutEnableOrderEntryResponse, OuchOutMassCancelResponse,
    OuchOutOrderAccepted, OuchOutOrderCanceled, OuchOutOrderExecuted, OuchOutOrderModified, OuchOutOrderReplaced,
    OuchOutRejected, ouch_encode_out_account_query_response, ouch_encode_out_aiq_canceled,
    ouch_encode_out_disable_order_entry_response, ouch_encode_out_enable_order_entry_response,
    ouch_encode_out_mass_cancel_response, ouch_encode_out_order_accepted, ouch_encode_out_order_canceled,
    ouch_encode_out_order_executed, ouch_encode_out_order_modified, ouch_encode_out_order_replaced,
    ouch_encode_out_rejected, ouch_tag_put_u8,
)
from hotpath.protocols.textfield cimport pad_right
from hotpath.venue.client_account cimport MAX_ACCOUNTS, MESSAGE_BYTES, ClientAccount

cdef enum:
    AIQ_CANCEL_OLDEST = 0x4F     # O, firm level


cdef class ExecutionReports:
    def __init__(self, list accounts, str symbol):
        if not 1 <= len(accounts) <= MAX_ACCOUNTS:
            raise ValueError(f"accounts: {len(accounts)} given; 1 to {MAX_ACCOUNTS} are possible")
        self.accounts = accounts
        self.count = len(accounts)
        for i in range(self.count):
            if not isinstance(accounts[i], ClientAccount):
                raise TypeError("accounts must be ClientAccount objects")
            self.handles[i] = <PyObject*>accounts[i]
        encoded = symbol.encode("ascii")
        pad_right(self.symbol, 8, encoded, len(encoded))

    cdef void _write(self, int account, const uint8_t* message, int size, uint64_t contra_ref) noexcept nogil:
        if size > 0 and (<ClientAccount>self.handles[account]).append(message, <size_t>size, contra_ref):
            self.written += 1
        else:
            self.lost += 1

    cdef void accepted(self, int account, int64_t ts, const OuchInEnterOrder* m) noexcept nogil:
        cdef OuchOutOrderAccepted out
        cdef uint8_t wire[MESSAGE_BYTES]
        out.timestamp_ns = ts
        out.user_ref_num = m.user_ref_num
        out.side = m.side
        out.quantity = m.quantity
        memcpy(out.symbol, m.symbol, 8)
        out.price = m.price
        out.time_in_force = m.time_in_force
        out.display = m.display
        out.order_reference_number = client_reference(account, m.user_ref_num)
        out.capacity = m.capacity
        out.iso_eligibility = m.iso_eligibility
        out.cross_type = m.cross_type
        out.order_state = OUCH_STATE_LIVE
        memcpy(out.cl_ord_id, m.cl_ord_id, 14)
        out.appendage = m.appendage      # accepted as entered; the order entry server bounds its length
        out.appendage.present = 1
        self._write(account, wire, ouch_encode_out_order_accepted(&out, wire, sizeof(wire)), 0)

    cdef void replaced(self, int account, int64_t ts, const OuchInReplaceOrder* m, uint32_t token, uint32_t leaves) noexcept nogil:
        cdef OuchOutOrderReplaced out
        cdef uint8_t wire[MESSAGE_BYTES]
        cdef uint8_t tag[3]
        out.timestamp_ns = ts
        out.orig_user_ref_num = m.orig_user_ref_num
        out.user_ref_num = m.user_ref_num
        out.side = token_side(token)
        out.quantity = leaves
        memcpy(out.symbol, self.symbol, 8)
        out.price = m.price
        out.time_in_force = m.time_in_force
        out.display = m.display
        out.order_reference_number = client_reference(account, m.user_ref_num)
        out.capacity = token_capacity(token)
        out.iso_eligibility = m.iso_eligibility
        out.cross_type = OUCH_CROSS_CONTINUOUS
        out.order_state = OUCH_STATE_LIVE
        memcpy(out.cl_ord_id, m.cl_ord_id, 14)
        out.appendage.present = 1
        out.appendage.length = 0
        out.appendage.data = tag
        if token_post_only(token):
            out.appendage.length = <uint16_t>ouch_tag_put_u8(OUCH_TAG_POST_ONLY, c'P', tag, sizeof(tag))
        self._write(account, wire, ouch_encode_out_order_replaced(&out, wire, sizeof(wire)), 0)

    cdef void executed(self, int account, int64_t ts, uint32_t number, uint32_t shares, int64_t price, uint8_t liquidity,
                       uint64_t match, uint64_t contra_ref) noexcept nogil:
        cdef OuchOutOrderExecuted out
        cdef uint8_t wire[MESSAGE_BYTES]
        out.timestamp_ns = ts
        out.user_ref_num = number
        out.quantity = shares
        out.price = price
        out.liquidity_flag = liquidity
        out.match_number = match
        _no_appendage(&out.appendage)
        self._write(account, wire, ouch_encode_out_order_executed(&out, wire, sizeof(wire)), contra_ref)

    cdef void canceled(self, int account, int64_t ts, uint32_t number, uint32_t shares, uint8_t reason) noexcept nogil:
        cdef OuchOutOrderCanceled out
        cdef uint8_t wire[MESSAGE_BYTES]
        out.timestamp_ns = ts
        out.user_ref_num = number
        out.quantity = shares
        out.reason = reason
        _no_appendage(&out.appendage)
        self._write(account, wire, ouch_encode_out_order_canceled(&out, wire, sizeof(wire)), 0)

    cdef void self_matched(self, int account, int64_t ts, uint32_t number, uint32_t shares, uint32_t prevented,
                           int64_t price, bint resting) noexcept nogil:
        cdef OuchOutAiqCanceled out
        cdef uint8_t wire[MESSAGE_BYTES]
        out.timestamp_ns = ts
        out.user_ref_num = number
        out.decrement_shares = shares
        out.reason = c'Q'
        out.quantity_prevented = prevented
        out.execution_price = price
        out.liquidity_flag = OUCH_LIQUIDITY_ADDED if resting else OUCH_LIQUIDITY_REMOVED
        out.aiq_strategy = AIQ_CANCEL_OLDEST
        _no_appendage(&out.appendage)
        self._write(account, wire, ouch_encode_out_aiq_canceled(&out, wire, sizeof(wire)), 0)

    cdef void modified(self, int account, int64_t ts, uint32_t number, uint8_t side, uint32_t leaves) noexcept nogil:
        cdef OuchOutOrderModified out
        cdef uint8_t wire[MESSAGE_BYTES]
        out.timestamp_ns = ts
        out.user_ref_num = number
        out.side = side
        out.quantity = leaves
        _no_appendage(&out.appendage)
        self._write(account, wire, ouch_encode_out_order_modified(&out, wire, sizeof(wire)), 0)

    cdef void rejected(self, int account, int64_t ts, uint32_t number, uint16_t reason, const char* cl_ord_id) noexcept nogil:
        cdef OuchOutRejected out
        cdef uint8_t wire[MESSAGE_BYTES]
        out.timestamp_ns = ts
        out.user_ref_num = number
        out.reason = reason
        memcpy(out.cl_ord_id, cl_ord_id, 14)
        _no_appendage(&out.appendage)
        self._write(account, wire, ouch_encode_out_rejected(&out, wire, sizeof(wire)), 0)

    cdef void mass_cancelled(self, int account, int64_t ts, uint32_t number, const char* firm, const char* symbol) noexcept nogil:
        cdef OuchOutMassCancelResponse out
        cdef uint8_t wire[MESSAGE_BYTES]
        out.timestamp_ns = ts
        out.user_ref_num = number
        memcpy(out.firm, firm, 4)
        memcpy(out.symbol, symbol, 8)
        _no_appendage(&out.appendage)
        self._write(account, wire, ouch_encode_out_mass_cancel_response(&out, wire, sizeof(wire)), 0)

    cdef void disabled(self, int account, int64_t ts, uint32_t number, const char* firm) noexcept nogil:
        cdef OuchOutDisableOrderEntryResponse out
        cdef uint8_t wire[MESSAGE_BYTES]
        out.timestamp_ns = ts
        out.user_ref_num = number
        memcpy(out.firm, firm, 4)
        _no_appendage(&out.appendage)
        self._write(account, wire, ouch_encode_out_disable_order_entry_response(&out, wire, sizeof(wire)), 0)

    cdef void enabled(self, int account, int64_t ts, uint32_t number, const char* firm) noexcept nogil:
        cdef OuchOutEnableOrderEntryResponse out
        cdef uint8_t wire[MESSAGE_BYTES]
        out.timestamp_ns = ts
        out.user_ref_num = number
        memcpy(out.firm, firm, 4)
        _no_appendage(&out.appendage)
        self._write(account, wire, ouch_encode_out_enable_order_entry_response(&out, wire, sizeof(wire)), 0)

    cdef void account_state(self, int account, int64_t ts) noexcept nogil:
        cdef OuchOutAccountQueryResponse out
        cdef uint8_t wire[MESSAGE_BYTES]
        out.timestamp_ns = ts
        out.next_user_ref_num = (<ClientAccount>self.handles[account]).last_user_ref_num + 1
        _no_appendage(&out.appendage)
        self._write(account, wire, ouch_encode_out_account_query_response(&out, wire, sizeof(wire)), 0)


cdef inline void _no_appendage(OuchAppendage* appendage) noexcept nogil:
    appendage.data = NULL
    appendage.length = 0
    appendage.present = 0


def canceled_message(int64_t timestamp_ns, uint32_t user_ref_num, uint32_t quantity, str reason):
    cdef OuchOutOrderCanceled out
    cdef uint8_t wire[MESSAGE_BYTES]
    out.timestamp_ns = timestamp_ns
    out.user_ref_num = user_ref_num
    out.quantity = quantity
    out.reason = <uint8_t>ord(reason)
    _no_appendage(&out.appendage)
    cdef int size = ouch_encode_out_order_canceled(&out, wire, sizeof(wire))
    return <bytes>wire[:size]


def executed_message(int64_t timestamp_ns, uint32_t user_ref_num, uint32_t quantity, int64_t price, str liquidity,
                     uint64_t match_number):
    cdef OuchOutOrderExecuted out
    cdef uint8_t wire[MESSAGE_BYTES]
    out.timestamp_ns = timestamp_ns
    out.user_ref_num = user_ref_num
    out.quantity = quantity
    out.price = price
    out.liquidity_flag = <uint8_t>ord(liquidity)
    out.match_number = match_number
    _no_appendage(&out.appendage)
    cdef int size = ouch_encode_out_order_executed(&out, wire, sizeof(wire))
    return <bytes>wire[:size]
