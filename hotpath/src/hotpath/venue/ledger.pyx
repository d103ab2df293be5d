"""The venue's own truth about client orders and fills, derived from each account's durable message stream.

Prices are Price(4) integers, quantities shares, *_wall_ns CLOCK_REALTIME, accepted_ns venue clock (ns since midnight).
Order states: live, filled, canceled, rejected, replaced.
"""
from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from hotpath.ipc.journal import JournalError, JournalReader
from hotpath.protocols.ouch cimport (
    OUCH_OUT_AIQ_CANCELED, OUCH_OUT_DISABLE_ORDER_ENTRY_RESPONSE, OUCH_OUT_ENABLE_ORDER_ENTRY_RESPONSE,
    OUCH_OUT_MASS_CANCEL_RESPONSE, OUCH_OUT_ORDER_ACCEPTED, OUCH_OUT_ORDER_CANCELED, OUCH_OUT_ORDER_EXECUTED,
    OUCH_OUT_ORDER_MODIFIED, OUCH_OUT_ORDER_REPLACED, OUCH_OUT_REJECTED, OUCH_STATE_LIVE, OuchOutAiqCanceled,
    OuchOutDisableOrderEntryResponse, OuchOutEnableOrderEntryResponse, OuchOutMassCancelResponse,
    OuchOutOrderAccepted, OuchOutOrderCanceled, OuchOutOrderExecuted, OuchOutOrderModified, OuchOutOrderReplaced,
    OuchOutRejected, ouch_decode_out_aiq_canceled, ouch_decode_out_disable_order_entry_response,
    ouch_decode_out_enable_order_entry_response, ouch_decode_out_mass_cancel_response,
    ouch_decode_out_order_accepted, ouch_decode_out_order_canceled, ouch_decode_out_order_executed,
    ouch_decode_out_order_modified, ouch_decode_out_order_replaced, ouch_decode_out_rejected,
)
from hotpath.venue.client_account cimport RECORD_BYTES, SequencedRecord

cdef int _BATCH = 4096


class LedgerError(Exception):
    """The account's message stream is unreadable or contradicts itself; the text names the account and the message."""


cdef class LedgerOrder:
    pass


cdef class Ledger:
    def __init__(self, str account, str session, str directory):
        self.account = account
        self.session = session
        self.orders = []
        self.fills = []
        self.by_number = {}
        try:
            self._reader = JournalReader(directory, RECORD_BYTES)
        except JournalError as error:
            raise LedgerError(f"account {account}: {error}") from error

    def refresh(self, int limit=0):
        cdef bytes record
        cdef uint64_t sequence
        cdef int applied = 0
        while limit == 0 or applied < limit:
            batch = self._reader.read(_BATCH if limit == 0 else min(_BATCH, limit - applied))
            if not batch:
                break
            for sequence, record in batch:
                self._apply(sequence, <const SequencedRecord*>PyBytes_AS_STRING(record))
            applied += len(batch)
        if self._reader.failure:
            raise LedgerError(f"account {self.account}: {self._reader.failure}")
        return applied

    def open_orders(self):
        return [order for order in self.orders if order.state == "live"]

    def order_row(self, int index):
        cdef LedgerOrder o = self.orders[index]
        return {
            "account": self.account, "session": self.session, "user_ref_num": o.user_ref_num,
            "orig_user_ref_num": o.orig_user_ref_num, "order_reference_number": o.order_reference_number,
            "cl_ord_id": o.cl_ord_id, "side": o.side, "price": o.price, "quantity": o.quantity,
            "time_in_force": o.time_in_force, "state": o.state, "reason": o.reason, "leaves": o.leaves,
            "filled": o.filled, "chain_filled": o.chain_filled, "cancelled": o.cancelled,
            "accepted_ns": o.accepted_ns, "accepted_wall_ns": o.accepted_wall_ns,
            "updated_wall_ns": o.updated_wall_ns, "last_sequence": o.last_sequence,
        }

    cdef LedgerOrder _order(self, uint64_t sequence, const SequencedRecord* record, uint32_t number):
        order = self.by_number.get(number)
        if order is None:
            raise LedgerError(f"account {self.account}: message {sequence} ({chr(record.message[0])}) is about order "
                              f"{number}, which was never accepted")
        cdef LedgerOrder found = order
        found.updated_wall_ns = record.wall_ns
        found.last_sequence = sequence
        return found

    cdef LedgerOrder _enter(self, uint64_t sequence, const SequencedRecord* record, uint32_t number):
        cdef LedgerOrder order = LedgerOrder.__new__(LedgerOrder)
        order.user_ref_num = number
        order.state = "live"
        order.reason = ""
        order.side = ""
        order.time_in_force = ""
        order.cl_ord_id = ""
        order.accepted_wall_ns = record.wall_ns
        order.updated_wall_ns = record.wall_ns
        order.last_sequence = sequence
        self.orders.append(order)
        self.by_number[number] = order
        self._used(number)
        return order

    cdef int _used(self, uint32_t number) except -1:
        if number > self.last_user_ref_num:
            self.last_user_ref_num = number
        return 0

    cdef int _settle(self, LedgerOrder order, str state) except -1:
        if order.leaves <= 0:
            order.leaves = 0
            order.state = state
        return 0

    cdef int _apply(self, uint64_t sequence, const SequencedRecord* record) except -1:
        cdef const uint8_t* p = <const uint8_t*>record.message
        cdef size_t n = record.length
        cdef OuchOutOrderAccepted accepted
        cdef OuchOutOrderReplaced replaced
        cdef OuchOutOrderExecuted executed
        cdef OuchOutOrderCanceled canceled
        cdef OuchOutAiqCanceled aiq
        cdef OuchOutOrderModified modified
        cdef OuchOutRejected rejected
        cdef OuchOutMassCancelResponse mass
        cdef OuchOutDisableOrderEntryResponse off
        cdef OuchOutEnableOrderEntryResponse on
        cdef LedgerOrder order, original
        cdef int rc = 0
        self.sequence = sequence
        if p[0] == OUCH_OUT_ORDER_ACCEPTED:
            rc = ouch_decode_out_order_accepted(p, n, &accepted)
            if rc > 0:
                order = self._enter(sequence, record, accepted.user_ref_num)
                order.order_reference_number = accepted.order_reference_number
                order.side = chr(accepted.side)
                order.time_in_force = chr(accepted.time_in_force)
                order.cl_ord_id = _text(accepted.cl_ord_id, 14)
                order.price = accepted.price
                order.quantity = accepted.quantity
                order.leaves = accepted.quantity
                order.accepted_ns = accepted.timestamp_ns
                if accepted.order_state != OUCH_STATE_LIVE:
                    order.cancelled = order.leaves
                    order.leaves = 0
                    order.state = "canceled"
        elif p[0] == OUCH_OUT_ORDER_REPLACED:
            rc = ouch_decode_out_order_replaced(p, n, &replaced)
            if rc > 0:
                original = self._order(sequence, record, replaced.orig_user_ref_num)
                order = self._enter(sequence, record, replaced.user_ref_num)
                order.orig_user_ref_num = replaced.orig_user_ref_num
                order.order_reference_number = replaced.order_reference_number
                order.side = chr(replaced.side)
                order.time_in_force = chr(replaced.time_in_force)
                order.cl_ord_id = _text(replaced.cl_ord_id, 14)
                order.price = replaced.price
                order.chain_filled = original.chain_filled
                order.chain_decremented = original.chain_decremented
                order.quantity = replaced.quantity + order.chain_filled + order.chain_decremented
                order.leaves = replaced.quantity
                order.accepted_ns = replaced.timestamp_ns
                original.leaves = 0
                original.state = "replaced"
        elif p[0] == OUCH_OUT_ORDER_EXECUTED:
            rc = ouch_decode_out_order_executed(p, n, &executed)
            if rc > 0:
                order = self._order(sequence, record, executed.user_ref_num)
                order.filled += executed.quantity
                order.chain_filled += executed.quantity
                order.leaves -= executed.quantity
                self._settle(order, "filled")
                self.last_match_number = executed.match_number
                self.fills.append({
                    "account": self.account, "session": self.session, "user_ref_num": executed.user_ref_num,
                    "match_number": executed.match_number, "side": order.side, "price": executed.price,
                    "quantity": executed.quantity, "liquidity": chr(executed.liquidity_flag),
                    "venue_ns": executed.timestamp_ns, "wall_ns": record.wall_ns, "sequence": sequence,
                    "contra_order_reference_number": record.contra_ref,
                })
        elif p[0] == OUCH_OUT_ORDER_CANCELED:
            rc = ouch_decode_out_order_canceled(p, n, &canceled)
            if rc > 0:
                order = self._order(sequence, record, canceled.user_ref_num)
                order.cancelled += canceled.quantity
                order.leaves -= canceled.quantity
                order.reason = chr(canceled.reason)
                self._settle(order, "canceled")
        elif p[0] == OUCH_OUT_AIQ_CANCELED:
            rc = ouch_decode_out_aiq_canceled(p, n, &aiq)
            if rc > 0:
                order = self._order(sequence, record, aiq.user_ref_num)
                order.cancelled += aiq.decrement_shares
                order.chain_decremented += aiq.decrement_shares
                order.leaves -= aiq.decrement_shares
                order.reason = chr(aiq.reason)
                self._settle(order, "canceled")
        elif p[0] == OUCH_OUT_ORDER_MODIFIED:
            rc = ouch_decode_out_order_modified(p, n, &modified)
            if rc > 0:
                order = self._order(sequence, record, modified.user_ref_num)
                order.side = chr(modified.side)
                order.cancelled += order.leaves - modified.quantity
                order.leaves = modified.quantity
                self._settle(order, "canceled")
        elif p[0] == OUCH_OUT_REJECTED:
            rc = ouch_decode_out_rejected(p, n, &rejected)
            if rc > 0:
                self._used(rejected.user_ref_num)
                order = self._enter(sequence, record, rejected.user_ref_num)
                order.state = "rejected"
                order.cl_ord_id = _text(rejected.cl_ord_id, 14)
                order.reason = f"0x{rejected.reason:04X}"
        elif p[0] == OUCH_OUT_MASS_CANCEL_RESPONSE:
            rc = ouch_decode_out_mass_cancel_response(p, n, &mass)
            self._used(mass.user_ref_num if rc > 0 else 0)
        elif p[0] == OUCH_OUT_DISABLE_ORDER_ENTRY_RESPONSE:
            rc = ouch_decode_out_disable_order_entry_response(p, n, &off)
            if rc > 0:
                self._used(off.user_ref_num)
                self.disabled = True
        elif p[0] == OUCH_OUT_ENABLE_ORDER_ENTRY_RESPONSE:
            rc = ouch_decode_out_enable_order_entry_response(p, n, &on)
            if rc > 0:
                self._used(on.user_ref_num)
                self.disabled = False
        if rc < 0:
            raise LedgerError(f"account {self.account}: message {sequence} is not valid OUCH (codec error {rc})")
        return 0


cdef str _text(const char* field, int width):
    return field[:width].decode("ascii", "replace").rstrip(" ")
