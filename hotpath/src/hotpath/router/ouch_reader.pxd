"""OUCH outbound messages into the state machine's VenueMessage."""
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy, memset

from hotpath.protocols.codec cimport CODEC_TRUNCATED, CODEC_UNKNOWN_TYPE
from hotpath.protocols.ouch cimport (
    OUCH_OUT_ACCOUNT_QUERY_RESPONSE, OUCH_OUT_AIQ_CANCELED, OUCH_OUT_BROKEN_TRADE, OUCH_OUT_CANCEL_PENDING,
    OUCH_OUT_CANCEL_REJECT, OUCH_OUT_DISABLE_ORDER_ENTRY_RESPONSE, OUCH_OUT_ENABLE_ORDER_ENTRY_RESPONSE,
    OUCH_OUT_MASS_CANCEL_RESPONSE, OUCH_OUT_ORDER_ACCEPTED, OUCH_OUT_ORDER_CANCELED, OUCH_OUT_ORDER_EXECUTED,
    OUCH_OUT_ORDER_MODIFIED, OUCH_OUT_ORDER_REPLACED, OUCH_OUT_ORDER_RESTATED, OUCH_OUT_PRIORITY_UPDATE,
    OUCH_OUT_REJECTED, OUCH_OUT_SYSTEM_EVENT, OuchOutAccountQueryResponse, OuchOutAiqCanceled, OuchOutBrokenTrade,
    OuchOutCancelPending, OuchOutCancelReject, OuchOutMassCancelResponse, OuchOutOrderAccepted, OuchOutOrderCanceled,
    OuchOutOrderExecuted, OuchOutOrderModified, OuchOutOrderReplaced, OuchOutOrderRestated, OuchOutPriorityUpdate,
    OuchOutRejected, OuchOutSystemEvent, ouch_decode_out_account_query_response, ouch_decode_out_aiq_canceled,
    ouch_decode_out_broken_trade, ouch_decode_out_cancel_pending, ouch_decode_out_cancel_reject,
    ouch_decode_out_mass_cancel_response, ouch_decode_out_order_accepted, ouch_decode_out_order_canceled,
    ouch_decode_out_order_executed, ouch_decode_out_order_modified, ouch_decode_out_order_replaced,
    ouch_decode_out_order_restated, ouch_decode_out_priority_update, ouch_decode_out_rejected,
    ouch_decode_out_system_event,
)
from hotpath.router.order_state cimport VenueMessage

cdef union OutboundMessage:
    OuchOutSystemEvent system_event
    OuchOutOrderAccepted accepted
    OuchOutOrderReplaced replaced
    OuchOutOrderCanceled canceled
    OuchOutAiqCanceled aiq
    OuchOutOrderExecuted executed
    OuchOutBrokenTrade broken
    OuchOutRejected rejected
    OuchOutPriorityUpdate priority
    OuchOutOrderModified modified
    OuchOutOrderRestated restated
    OuchOutMassCancelResponse mass_cancel
    OuchOutCancelPending pending
    OuchOutCancelReject cancel_reject
    OuchOutAccountQueryResponse query


cdef inline int read_venue_message(const uint8_t* p, size_t n, VenueMessage* m) noexcept nogil:
    """Fill all but `sequence`. Returns > 0, CODEC_UNKNOWN_TYPE (skip it) or another CodecError (the frame is damaged).

    An Account Query Response has its next number in user_ref_num.
    """
    cdef OutboundMessage u
    cdef int rc
    cdef uint8_t type
    memset(m, 0, sizeof(VenueMessage))
    memset(&u, 0, sizeof(u))    # a failed decode leaves it as it was
    if n == 0:
        return CODEC_TRUNCATED
    type = p[0]
    m.type = type
    if type == OUCH_OUT_ORDER_ACCEPTED:
        rc = ouch_decode_out_order_accepted(p, n, &u.accepted)
        m.venue_ns = u.accepted.timestamp_ns
        m.user_ref_num = u.accepted.user_ref_num
        m.side = u.accepted.side
        m.quantity = u.accepted.quantity
        m.price = u.accepted.price
        m.time_in_force = u.accepted.time_in_force
        m.order_state = u.accepted.order_state
        m.order_reference_number = u.accepted.order_reference_number
        memcpy(m.symbol, u.accepted.symbol, sizeof(m.symbol))
        memcpy(m.cl_ord_id, u.accepted.cl_ord_id, sizeof(m.cl_ord_id))
    elif type == OUCH_OUT_ORDER_REPLACED:
        rc = ouch_decode_out_order_replaced(p, n, &u.replaced)
        m.venue_ns = u.replaced.timestamp_ns
        m.user_ref_num = u.replaced.user_ref_num
        m.orig_user_ref_num = u.replaced.orig_user_ref_num
        m.side = u.replaced.side
        m.quantity = u.replaced.quantity
        m.price = u.replaced.price
        m.time_in_force = u.replaced.time_in_force
        m.order_state = u.replaced.order_state
        m.order_reference_number = u.replaced.order_reference_number
        memcpy(m.symbol, u.replaced.symbol, sizeof(m.symbol))
        memcpy(m.cl_ord_id, u.replaced.cl_ord_id, sizeof(m.cl_ord_id))
    elif type == OUCH_OUT_ORDER_EXECUTED:
        rc = ouch_decode_out_order_executed(p, n, &u.executed)
        m.venue_ns = u.executed.timestamp_ns
        m.user_ref_num = u.executed.user_ref_num
        m.quantity = u.executed.quantity
        m.price = u.executed.price
        m.match_number = u.executed.match_number
    elif type == OUCH_OUT_ORDER_CANCELED:
        rc = ouch_decode_out_order_canceled(p, n, &u.canceled)
        m.venue_ns = u.canceled.timestamp_ns
        m.user_ref_num = u.canceled.user_ref_num
        m.quantity = u.canceled.quantity
        m.reason = u.canceled.reason
    elif type == OUCH_OUT_AIQ_CANCELED:
        rc = ouch_decode_out_aiq_canceled(p, n, &u.aiq)
        m.venue_ns = u.aiq.timestamp_ns
        m.user_ref_num = u.aiq.user_ref_num
        m.quantity = u.aiq.decrement_shares
        m.reason = u.aiq.reason
    elif type == OUCH_OUT_REJECTED:
        rc = ouch_decode_out_rejected(p, n, &u.rejected)
        m.venue_ns = u.rejected.timestamp_ns
        m.user_ref_num = u.rejected.user_ref_num
        m.reason = u.rejected.reason
        memcpy(m.cl_ord_id, u.rejected.cl_ord_id, sizeof(m.cl_ord_id))
    elif type == OUCH_OUT_BROKEN_TRADE:
        rc = ouch_decode_out_broken_trade(p, n, &u.broken)
        m.venue_ns = u.broken.timestamp_ns
        m.user_ref_num = u.broken.user_ref_num
        m.match_number = u.broken.match_number
        m.reason = u.broken.reason
    elif type == OUCH_OUT_PRIORITY_UPDATE:
        rc = ouch_decode_out_priority_update(p, n, &u.priority)
        m.venue_ns = u.priority.timestamp_ns
        m.user_ref_num = u.priority.user_ref_num
        m.price = u.priority.price
        m.order_reference_number = u.priority.order_reference_number
    elif type == OUCH_OUT_ACCOUNT_QUERY_RESPONSE:
        rc = ouch_decode_out_account_query_response(p, n, &u.query)
        m.venue_ns = u.query.timestamp_ns
        m.user_ref_num = u.query.next_user_ref_num
    elif type == OUCH_OUT_MASS_CANCEL_RESPONSE:
        rc = ouch_decode_out_mass_cancel_response(p, n, &u.mass_cancel)
        m.venue_ns = u.mass_cancel.timestamp_ns
        m.user_ref_num = u.mass_cancel.user_ref_num
    elif type == OUCH_OUT_SYSTEM_EVENT:
        rc = ouch_decode_out_system_event(p, n, &u.system_event)
        m.venue_ns = u.system_event.timestamp_ns
    elif type == OUCH_OUT_ORDER_MODIFIED:
        rc = ouch_decode_out_order_modified(p, n, &u.modified)
        m.user_ref_num = u.modified.user_ref_num
    elif type == OUCH_OUT_ORDER_RESTATED:
        rc = ouch_decode_out_order_restated(p, n, &u.restated)
        m.user_ref_num = u.restated.user_ref_num
    elif type == OUCH_OUT_CANCEL_PENDING:
        rc = ouch_decode_out_cancel_pending(p, n, &u.pending)
        m.user_ref_num = u.pending.user_ref_num
    elif type == OUCH_OUT_CANCEL_REJECT:
        rc = ouch_decode_out_cancel_reject(p, n, &u.cancel_reject)
        m.user_ref_num = u.cancel_reject.user_ref_num
    elif type == OUCH_OUT_DISABLE_ORDER_ENTRY_RESPONSE or type == OUCH_OUT_ENABLE_ORDER_ENTRY_RESPONSE:
        rc = <int>n     # the router never asks for it and nothing of it is used
    else:
        return CODEC_UNKNOWN_TYPE
    return rc
