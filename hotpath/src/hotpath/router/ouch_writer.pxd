"""Intents that passed the risk gate as OUCH inbound messages. Each returns the length, or a CodecError."""
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from hotpath.ipc.messages cimport INTENT_POST_ONLY, Intent
from hotpath.protocols.ouch cimport (
    OUCH_CAPACITY_PRINCIPAL, OUCH_CROSS_CONTINUOUS, OUCH_DISPLAY_VISIBLE, OUCH_TAG_POST_ONLY, OuchInCancelOrder,
    OuchInEnterOrder, OuchInMassCancel, OuchInReplaceOrder, ouch_encode_in_cancel_order, ouch_encode_in_enter_order,
    ouch_encode_in_mass_cancel, ouch_encode_in_replace_order, ouch_tag_put_u8,
)
from hotpath.router.order_state cimport Order, format_cl_ord_id


cdef inline int write_enter_order(const Intent* intent, uint32_t user_ref_num, const char* symbol, uint8_t* out,
                                  size_t capacity) noexcept nogil:
    cdef OuchInEnterOrder order
    cdef uint8_t tag[3]
    memset(&order, 0, sizeof(order))
    order.user_ref_num = user_ref_num
    order.side = intent.side
    order.quantity = <uint32_t>intent.quantity
    memcpy(order.symbol, symbol, sizeof(order.symbol))
    order.price = intent.price
    order.time_in_force = intent.time_in_force
    order.display = OUCH_DISPLAY_VISIBLE
    order.capacity = OUCH_CAPACITY_PRINCIPAL
    order.iso_eligibility = c'N'
    order.cross_type = OUCH_CROSS_CONTINUOUS
    format_cl_ord_id(order.cl_ord_id, intent.strategy_epoch, intent.order_id)
    if intent.flags & INTENT_POST_ONLY:
        order.appendage.data = tag
        order.appendage.length = <uint16_t>ouch_tag_put_u8(OUCH_TAG_POST_ONLY, c'P', tag, sizeof(tag))
    order.appendage.present = True
    return ouch_encode_in_enter_order(&order, out, capacity)


cdef inline int write_replace_order(const Intent* intent, const Order* original, uint32_t user_ref_num, uint8_t* out,
                                    size_t capacity) noexcept nogil:
    cdef OuchInReplaceOrder request
    cdef uint8_t tag[3]
    memset(&request, 0, sizeof(request))
    request.orig_user_ref_num = original.user_ref_num
    request.user_ref_num = user_ref_num
    request.quantity = <uint32_t>intent.quantity
    request.price = intent.price
    request.time_in_force = original.time_in_force
    request.display = OUCH_DISPLAY_VISIBLE
    request.iso_eligibility = c'N'
    format_cl_ord_id(request.cl_ord_id, intent.strategy_epoch, intent.new_order_id)
    if intent.flags & INTENT_POST_ONLY:
        request.appendage.data = tag
        request.appendage.length = <uint16_t>ouch_tag_put_u8(OUCH_TAG_POST_ONLY, c'P', tag, sizeof(tag))
    request.appendage.present = True
    return ouch_encode_in_replace_order(&request, out, capacity)


cdef inline int write_cancel_order(uint32_t user_ref_num, uint8_t* out, size_t capacity) noexcept nogil:
    cdef OuchInCancelOrder request
    memset(&request, 0, sizeof(request))
    request.user_ref_num = user_ref_num
    return ouch_encode_in_cancel_order(&request, out, capacity)


cdef inline int write_mass_cancel(uint32_t user_ref_num, const char* firm, uint8_t* out, size_t capacity) noexcept nogil:
    """Of every order of the firm, in all symbols."""
    cdef OuchInMassCancel request
    memset(&request, 0, sizeof(request))
    request.user_ref_num = user_ref_num
    memcpy(request.firm, firm, sizeof(request.firm))
    memset(request.symbol, c' ', sizeof(request.symbol))
    return ouch_encode_in_mass_cancel(&request, out, capacity)
