"""Python edge of the OUCH 5.0 codec: typed objects for tests and tools. The hot path cimports ouch.pxd."""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memset

from hotpath.protocols.codec cimport CODEC_TRUNCATED, CODEC_UNKNOWN_TYPE
from hotpath.protocols.edge cimport code_of, describe, put_text, text_of, wire
from hotpath.protocols.ouch cimport *

from hotpath.protocols.errors import FieldRangeError, error_for
from hotpath.protocols.ouch_types import (
    AccountQuery,
    AccountQueryResponse,
    AiqCanceled,
    BrokenTrade,
    CancelOrder,
    CancelPending,
    CancelReject,
    DisableOrderEntry,
    DisableOrderEntryResponse,
    EnableOrderEntry,
    EnableOrderEntryResponse,
    EnterOrder,
    InboundMessage,
    MassCancel,
    MassCancelResponse,
    Message,
    ModifyOrder,
    Options,
    OrderAccepted,
    OrderCanceled,
    OrderExecuted,
    OrderModified,
    OrderReplaced,
    OrderRestated,
    OutboundMessage,
    PriorityUpdate,
    Rejected,
    ReplaceOrder,
    SystemEvent,
)

# bytes before appendage_length, by message type
INBOUND_LENGTHS = {chr(kind): ouch_in_body(<uint8_t>kind) for kind in range(256) if ouch_in_body(<uint8_t>kind)}
OUTBOUND_LENGTHS = {chr(kind): ouch_out_body(<uint8_t>kind) for kind in range(256) if ouch_out_body(<uint8_t>kind)}

cdef Py_ssize_t _LONGEST_BODY = max(OUTBOUND_LENGTHS.values()) + OUCH_APPENDAGE_LENGTH_SIZE

CANCEL_REASONS = {
    chr(OUCH_CANCEL_REGULATORY): "regulatory",
    chr(OUCH_CANCEL_CLOSED): "closed",
    chr(OUCH_CANCEL_POST_ONLY_NMS): "post only nms",
    chr(OUCH_CANCEL_POST_ONLY_CONTRA): "post only contra",
    chr(OUCH_CANCEL_HALTED): "halted",
    chr(OUCH_CANCEL_IOC_REMAINDER): "ioc remainder",
    chr(OUCH_CANCEL_MARKET_COLLAR): "market collar",
    chr(OUCH_CANCEL_SELF_MATCH): "self match",
    chr(OUCH_CANCEL_SUPERVISORY): "supervisory",
    chr(OUCH_CANCEL_TIMEOUT): "timeout",
    chr(OUCH_CANCEL_USER): "user",
    chr(OUCH_CANCEL_OPEN_PROTECTION): "open protection",
    chr(OUCH_CANCEL_SYSTEM): "system",
    chr(OUCH_CANCEL_DIRECT_LISTING_SIZE): "direct listing size",
}

REJECT_REASONS = {
    OUCH_REJECT_QUOTE_UNAVAILABLE: "quote unavailable",
    OUCH_REJECT_DESTINATION_CLOSED: "destination closed",
    OUCH_REJECT_INVALID_DISPLAY: "invalid display",
    OUCH_REJECT_INVALID_MAX_FLOOR: "invalid max floor",
    OUCH_REJECT_INVALID_PEG_TYPE: "invalid peg type",
    OUCH_REJECT_FAT_FINGER: "fat finger",
    OUCH_REJECT_HALTED: "halted",
    OUCH_REJECT_ISO_NOT_ALLOWED: "iso not allowed",
    OUCH_REJECT_INVALID_SIDE: "invalid side",
    OUCH_REJECT_PROCESSING_ERROR: "processing error",
    OUCH_REJECT_CANCEL_PENDING: "cancel pending",
    OUCH_REJECT_FIRM_NOT_AUTHORIZED: "firm not authorized",
    OUCH_REJECT_INVALID_MIN_QUANTITY: "invalid min quantity",
    OUCH_REJECT_NO_CLOSING_REFERENCE_PRICE: "no closing reference price",
    OUCH_REJECT_OTHER: "other",
    OUCH_REJECT_CANCEL_NOT_ALLOWED: "cancel not allowed",
    OUCH_REJECT_PEGGING_NOT_ALLOWED: "pegging not allowed",
    OUCH_REJECT_CROSSED_MARKET: "crossed market",
    OUCH_REJECT_INVALID_QUANTITY: "invalid quantity",
    OUCH_REJECT_INVALID_CROSS_ORDER: "invalid cross order",
    OUCH_REJECT_REPLACE_NOT_ALLOWED: "replace not allowed",
    OUCH_REJECT_ROUTING_NOT_ALLOWED: "routing not allowed",
    OUCH_REJECT_INVALID_SYMBOL: "invalid symbol",
    OUCH_REJECT_TEST: "test",
    OUCH_REJECT_LATE_LOC_TOO_AGGRESSIVE: "late loc too aggressive",
    OUCH_REJECT_RETAIL_NOT_ALLOWED: "retail not allowed",
    OUCH_REJECT_INVALID_MIDPOINT_POST_ONLY_PRICE: "invalid midpoint post only price",
    OUCH_REJECT_INVALID_DESTINATION: "invalid destination",
    OUCH_REJECT_INVALID_PRICE: "invalid price",
    OUCH_REJECT_SHARES_EXCEED_THRESHOLD: "shares exceed threshold",
    OUCH_REJECT_MAX_NOTIONAL_EXCEEDED: "max notional exceeded",
    OUCH_REJECT_RISK_AGGREGATE_EXPOSURE: "risk aggregate exposure",
    OUCH_REJECT_RISK_MARKET_IMPACT: "risk market impact",
    OUCH_REJECT_RISK_RESTRICTED_STOCK: "risk restricted stock",
    OUCH_REJECT_RISK_SHORT_SELL_RESTRICTED: "risk short sell restricted",
    OUCH_REJECT_RISK_ISO_NOT_ALLOWED: "risk iso not allowed",
    OUCH_REJECT_RISK_ADV_LIMIT: "risk adv limit",
    OUCH_REJECT_RISK_FAT_FINGER: "risk fat finger",
    OUCH_REJECT_RISK_LOCATE_REQUIRED: "risk locate required",
    OUCH_REJECT_RISK_SYMBOL_RATE: "risk symbol rate",
    OUCH_REJECT_RISK_PORT_RATE: "risk port rate",
    OUCH_REJECT_RISK_DUPLICATE_RATE: "risk duplicate rate",
    OUCH_REJECT_RISK_SHORT_SELL_NOT_ALLOWED: "risk short sell not allowed",
    OUCH_REJECT_RISK_MARKET_ORDER_NOT_ALLOWED: "risk market order not allowed",
    OUCH_REJECT_RISK_PRE_MARKET: "risk pre market",
    OUCH_REJECT_RISK_POST_MARKET: "risk post market",
    OUCH_REJECT_RISK_SHORT_EXEMPT: "risk short exempt",
    OUCH_REJECT_RISK_SINGLE_ORDER_NOTIONAL: "risk single order notional",
    OUCH_REJECT_RISK_MAX_QUANTITY: "risk max quantity",
    OUCH_REJECT_REG_SHO_STATE_UNAVAILABLE: "reg sho state unavailable",
    OUCH_REJECT_RISK_IPO_MARKET_BUY: "risk ipo market buy",
    OUCH_REJECT_INVALID_AIQ: "invalid aiq",
}


cdef object _options_of(const OuchAppendage* appendage):
    cdef OuchOptions o
    cdef OuchTag tag
    cdef int rc, offset
    cdef dict fields = {}
    cdef list unknown = []
    if not appendage.present:
        return None
    rc = ouch_decode_options(appendage, &o)
    if rc < 0:
        raise error_for(rc, f"OUCH appendage of {appendage.length} bytes")
    if ouch_has(&o, OUCH_TAG_SECONDARY_ORDER_REF_NUM):
        fields["secondary_order_ref_num"] = o.secondary_order_ref_num
    if ouch_has(&o, OUCH_TAG_FIRM):
        fields["firm"] = text_of(o.firm, 4)
    if ouch_has(&o, OUCH_TAG_MIN_QUANTITY):
        fields["min_quantity"] = o.min_quantity
    if ouch_has(&o, OUCH_TAG_CUSTOMER_TYPE):
        fields["customer_type"] = chr(o.customer_type)
    if ouch_has(&o, OUCH_TAG_MAX_FLOOR):
        fields["max_floor"] = o.max_floor
    if ouch_has(&o, OUCH_TAG_PRICE_TYPE):
        fields["price_type"] = chr(o.price_type)
    if ouch_has(&o, OUCH_TAG_PEG_OFFSET):
        fields["peg_offset"] = o.peg_offset
    if ouch_has(&o, OUCH_TAG_DISCRETION_PRICE):
        fields["discretion_price"] = o.discretion_price
    if ouch_has(&o, OUCH_TAG_DISCRETION_PRICE_TYPE):
        fields["discretion_price_type"] = chr(o.discretion_price_type)
    if ouch_has(&o, OUCH_TAG_DISCRETION_PEG_OFFSET):
        fields["discretion_peg_offset"] = o.discretion_peg_offset
    if ouch_has(&o, OUCH_TAG_POST_ONLY):
        fields["post_only"] = chr(o.post_only)
    if ouch_has(&o, OUCH_TAG_RANDOM_RESERVES):
        fields["random_reserves"] = o.random_reserves
    if ouch_has(&o, OUCH_TAG_ROUTE):
        fields["route"] = text_of(o.route, 4)
    if ouch_has(&o, OUCH_TAG_EXPIRE_TIME_S):
        fields["expire_time_s"] = o.expire_time_s
    if ouch_has(&o, OUCH_TAG_TRADE_NOW):
        fields["trade_now"] = chr(o.trade_now)
    if ouch_has(&o, OUCH_TAG_HANDLE_INST):
        fields["handle_inst"] = chr(o.handle_inst)
    if ouch_has(&o, OUCH_TAG_BBO_WEIGHT_INDICATOR):
        fields["bbo_weight_indicator"] = chr(o.bbo_weight_indicator)
    if ouch_has(&o, OUCH_TAG_DISPLAY_QUANTITY):
        fields["display_quantity"] = o.display_quantity
    if ouch_has(&o, OUCH_TAG_DISPLAY_PRICE):
        fields["display_price"] = o.display_price
    if ouch_has(&o, OUCH_TAG_GROUP_ID):
        fields["group_id"] = o.group_id
    if ouch_has(&o, OUCH_TAG_SHARES_LOCATED):
        fields["shares_located"] = chr(o.shares_located)
    if ouch_has(&o, OUCH_TAG_LOCATE_BROKER):
        fields["locate_broker"] = text_of(o.locate_broker, 4)
    if ouch_has(&o, OUCH_TAG_SIDE):
        fields["side"] = chr(o.side)
    if ouch_has(&o, OUCH_TAG_USER_REF_INDEX):
        fields["user_ref_index"] = o.user_ref_index
    if ouch_has(&o, OUCH_TAG_AIQ_STRATEGY):
        fields["aiq_strategy"] = chr(o.aiq_strategy)
    if ouch_has(&o, OUCH_TAG_AIQ_GROUP_ID):
        fields["aiq_group_id"] = text_of(o.aiq_group_id, 2)
    if o.unknown:
        offset = ouch_tag_next(appendage, 0, &tag)
        while offset > 0:
            if hotpath_ouch_tag_sizes[tag.number] == 0:
                unknown.append((tag.number, <bytes>(<const char*>tag.value)[:tag.length]))
            offset = ouch_tag_next(appendage, <size_t>offset, &tag)
    return Options(unknown=tuple(unknown), **fields)


cdef bytes _encode_options(object options):
    cdef OuchOptions o
    cdef uint8_t out[512]
    cdef uint8_t element[256]
    cdef int rc
    cdef bytes value, encoded
    memset(&o, 0, sizeof(OuchOptions))
    if options.secondary_order_ref_num is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_SECONDARY_ORDER_REF_NUM
        o.secondary_order_ref_num = options.secondary_order_ref_num
    if options.firm is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_FIRM
        put_text(o.firm, 4, options.firm, "firm")
    if options.min_quantity is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_MIN_QUANTITY
        o.min_quantity = options.min_quantity
    if options.customer_type is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_CUSTOMER_TYPE
        o.customer_type = code_of(options.customer_type, "customer_type")
    if options.max_floor is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_MAX_FLOOR
        o.max_floor = options.max_floor
    if options.price_type is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_PRICE_TYPE
        o.price_type = code_of(options.price_type, "price_type")
    if options.peg_offset is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_PEG_OFFSET
        o.peg_offset = options.peg_offset
    if options.discretion_price is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_DISCRETION_PRICE
        o.discretion_price = options.discretion_price
    if options.discretion_price_type is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_DISCRETION_PRICE_TYPE
        o.discretion_price_type = code_of(options.discretion_price_type, "discretion_price_type")
    if options.discretion_peg_offset is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_DISCRETION_PEG_OFFSET
        o.discretion_peg_offset = options.discretion_peg_offset
    if options.post_only is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_POST_ONLY
        o.post_only = code_of(options.post_only, "post_only")
    if options.random_reserves is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_RANDOM_RESERVES
        o.random_reserves = options.random_reserves
    if options.route is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_ROUTE
        put_text(o.route, 4, options.route, "route")
    if options.expire_time_s is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_EXPIRE_TIME_S
        o.expire_time_s = options.expire_time_s
    if options.trade_now is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_TRADE_NOW
        o.trade_now = code_of(options.trade_now, "trade_now")
    if options.handle_inst is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_HANDLE_INST
        o.handle_inst = code_of(options.handle_inst, "handle_inst")
    if options.bbo_weight_indicator is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_BBO_WEIGHT_INDICATOR
        o.bbo_weight_indicator = code_of(options.bbo_weight_indicator, "bbo_weight_indicator")
    if options.display_quantity is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_DISPLAY_QUANTITY
        o.display_quantity = options.display_quantity
    if options.display_price is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_DISPLAY_PRICE
        o.display_price = options.display_price
    if options.group_id is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_GROUP_ID
        o.group_id = options.group_id
    if options.shares_located is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_SHARES_LOCATED
        o.shares_located = code_of(options.shares_located, "shares_located")
    if options.locate_broker is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_LOCATE_BROKER
        put_text(o.locate_broker, 4, options.locate_broker, "locate_broker")
    if options.side is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_SIDE
        o.side = code_of(options.side, "side")
    if options.user_ref_index is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_USER_REF_INDEX
        o.user_ref_index = options.user_ref_index
    if options.aiq_strategy is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_AIQ_STRATEGY
        o.aiq_strategy = code_of(options.aiq_strategy, "aiq_strategy")
    if options.aiq_group_id is not None:
        o.present |= <uint32_t>1 << OUCH_TAG_AIQ_GROUP_ID
        put_text(o.aiq_group_id, 2, options.aiq_group_id, "aiq_group_id")
    rc = ouch_encode_options(&o, out, sizeof(out))
    if rc < 0:
        raise error_for(rc, f"OUCH {options!r}")
    encoded = <bytes>(<char*>out)[:rc]
    for number, value in options.unknown:
        if len(value) > 254:
            raise FieldRangeError(f"OUCH tag {number}: {len(value)} bytes, at most 254 fit an element")
        rc = ouch_tag_put(number, wire(value), <uint8_t>len(value), element, sizeof(element))
        if rc < 0:
            raise error_for(rc, f"OUCH tag {number}")
        encoded += <bytes>(<char*>element)[:rc]
    if len(encoded) > OUCH_MAX_APPENDAGE:
        raise FieldRangeError(f"OUCH appendage: {len(encoded)} bytes, at most {OUCH_MAX_APPENDAGE} fit")
    return encoded


cdef int _attach(OuchAppendage* appendage, bytes encoded) except -1:
    # `encoded` stays referenced by the caller for as long as the appendage is used
    appendage.present = encoded is not None
    appendage.length = 0
    appendage.data = NULL
    if encoded is not None:
        appendage.data = wire(encoded)
        appendage.length = <uint16_t>len(encoded)
    return 0


cdef object _decode_in_enter_order(const uint8_t* p, size_t n):
    cdef OuchInEnterOrder m
    cdef int rc = ouch_decode_in_enter_order(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH inbound", p, n))
    return EnterOrder(
        m.user_ref_num, chr(m.side), m.quantity, text_of(m.symbol, 8), m.price, chr(m.time_in_force), chr(m.display),
        chr(m.capacity), chr(m.iso_eligibility), chr(m.cross_type), text_of(m.cl_ord_id, 14),
        _options_of(&m.appendage),
    )


cdef int _encode_in_enter_order(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef OuchInEnterOrder m
    m.user_ref_num = message.user_ref_num
    m.side = code_of(message.side, "side")
    m.quantity = message.quantity
    put_text(m.symbol, 8, message.symbol, "symbol")
    m.price = message.price
    m.time_in_force = code_of(message.time_in_force, "time_in_force")
    m.display = code_of(message.display, "display")
    m.capacity = code_of(message.capacity, "capacity")
    m.iso_eligibility = code_of(message.iso_eligibility, "iso_eligibility")
    m.cross_type = code_of(message.cross_type, "cross_type")
    put_text(m.cl_ord_id, 14, message.cl_ord_id, "cl_ord_id")
    _attach(&m.appendage, options)
    return ouch_encode_in_enter_order(&m, out, capacity)


cdef object _decode_in_replace_order(const uint8_t* p, size_t n):
    cdef OuchInReplaceOrder m
    cdef int rc = ouch_decode_in_replace_order(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH inbound", p, n))
    return ReplaceOrder(
        m.orig_user_ref_num, m.user_ref_num, m.quantity, m.price, chr(m.time_in_force), chr(m.display),
        chr(m.iso_eligibility), text_of(m.cl_ord_id, 14), _options_of(&m.appendage),
    )


cdef int _encode_in_replace_order(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef OuchInReplaceOrder m
    m.orig_user_ref_num = message.orig_user_ref_num
    m.user_ref_num = message.user_ref_num
    m.quantity = message.quantity
    m.price = message.price
    m.time_in_force = code_of(message.time_in_force, "time_in_force")
    m.display = code_of(message.display, "display")
    m.iso_eligibility = code_of(message.iso_eligibility, "iso_eligibility")
    put_text(m.cl_ord_id, 14, message.cl_ord_id, "cl_ord_id")
    _attach(&m.appendage, options)
    return ouch_encode_in_replace_order(&m, out, capacity)


cdef object _decode_in_cancel_order(const uint8_t* p, size_t n):
    cdef OuchInCancelOrder m
    cdef int rc = ouch_decode_in_cancel_order(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH inbound", p, n))
    return CancelOrder(m.user_ref_num, m.quantity, _options_of(&m.appendage))


cdef int _encode_in_cancel_order(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef OuchInCancelOrder m
    m.user_ref_num = message.user_ref_num
    m.quantity = message.quantity
    _attach(&m.appendage, options)
    return ouch_encode_in_cancel_order(&m, out, capacity)


cdef object _decode_in_modify_order(const uint8_t* p, size_t n):
    cdef OuchInModifyOrder m
    cdef int rc = ouch_decode_in_modify_order(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH inbound", p, n))
    return ModifyOrder(m.user_ref_num, chr(m.side), m.quantity, _options_of(&m.appendage))


cdef int _encode_in_modify_order(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef OuchInModifyOrder m
    m.user_ref_num = message.user_ref_num
    m.side = code_of(message.side, "side")
    m.quantity = message.quantity
    _attach(&m.appendage, options)
    return ouch_encode_in_modify_order(&m, out, capacity)


cdef object _decode_in_mass_cancel(const uint8_t* p, size_t n):
    cdef OuchInMassCancel m
    cdef int rc = ouch_decode_in_mass_cancel(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH inbound", p, n))
    return MassCancel(m.user_ref_num, text_of(m.firm, 4), text_of(m.symbol, 8), _options_of(&m.appendage))


cdef int _encode_in_mass_cancel(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef OuchInMassCancel m
    m.user_ref_num = message.user_ref_num
    put_text(m.firm, 4, message.firm, "firm")
    put_text(m.symbol, 8, message.symbol, "symbol")
    _attach(&m.appendage, options)
    return ouch_encode_in_mass_cancel(&m, out, capacity)


cdef object _decode_in_disable_order_entry(const uint8_t* p, size_t n):
    cdef OuchInDisableOrderEntry m
    cdef int rc = ouch_decode_in_disable_order_entry(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH inbound", p, n))
    return DisableOrderEntry(m.user_ref_num, text_of(m.firm, 4), _options_of(&m.appendage))


cdef int _encode_in_disable_order_entry(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef OuchInDisableOrderEntry m
    m.user_ref_num = message.user_ref_num
    put_text(m.firm, 4, message.firm, "firm")
    _attach(&m.appendage, options)
    return ouch_encode_in_disable_order_entry(&m, out, capacity)


cdef object _decode_in_enable_order_entry(const uint8_t* p, size_t n):
    cdef OuchInEnableOrderEntry m
    cdef int rc = ouch_decode_in_enable_order_entry(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH inbound", p, n))
    return EnableOrderEntry(m.user_ref_num, text_of(m.firm, 4), _options_of(&m.appendage))


cdef int _encode_in_enable_order_entry(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef OuchInEnableOrderEntry m
    m.user_ref_num = message.user_ref_num
    put_text(m.firm, 4, message.firm, "firm")
    _attach(&m.appendage, options)
    return ouch_encode_in_enable_order_entry(&m, out, capacity)


cdef object _decode_in_account_query(const uint8_t* p, size_t n):
    cdef OuchInAccountQuery m
    cdef int rc = ouch_decode_in_account_query(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH inbound", p, n))
    return AccountQuery(_options_of(&m.appendage))


cdef int _encode_in_account_query(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef OuchInAccountQuery m
    _attach(&m.appendage, options)
    return ouch_encode_in_account_query(&m, out, capacity)


cdef object _decode_out_system_event(const uint8_t* p, size_t n):
    cdef OuchOutSystemEvent m
    cdef int rc = ouch_decode_out_system_event(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH outbound", p, n))
    return SystemEvent(m.timestamp_ns, chr(m.event_code))


cdef int _encode_out_system_event(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef OuchOutSystemEvent m
    m.timestamp_ns = message.timestamp_ns
    m.event_code = code_of(message.event_code, "event_code")
    return ouch_encode_out_system_event(&m, out, capacity)


cdef object _decode_out_order_accepted(const uint8_t* p, size_t n):
    cdef OuchOutOrderAccepted m
    cdef int rc = ouch_decode_out_order_accepted(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH outbound", p, n))
    return OrderAccepted(
        m.timestamp_ns, m.user_ref_num, chr(m.side), m.quantity, text_of(m.symbol, 8), m.price, chr(m.time_in_force),
        chr(m.display), m.order_reference_number, chr(m.capacity), chr(m.iso_eligibility), chr(m.cross_type),
        chr(m.order_state), text_of(m.cl_ord_id, 14), _options_of(&m.appendage),
    )


cdef int _encode_out_order_accepted(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef OuchOutOrderAccepted m
    m.timestamp_ns = message.timestamp_ns
    m.user_ref_num = message.user_ref_num
    m.side = code_of(message.side, "side")
    m.quantity = message.quantity
    put_text(m.symbol, 8, message.symbol, "symbol")
    m.price = message.price
    m.time_in_force = code_of(message.time_in_force, "time_in_force")
    m.display = code_of(message.display, "display")
    m.order_reference_number = message.order_reference_number
    m.capacity = code_of(message.capacity, "capacity")
    m.iso_eligibility = code_of(message.iso_eligibility, "iso_eligibility")
    m.cross_type = code_of(message.cross_type, "cross_type")
    m.order_state = code_of(message.order_state, "order_state")
    put_text(m.cl_ord_id, 14, message.cl_ord_id, "cl_ord_id")
    _attach(&m.appendage, options)
    return ouch_encode_out_order_accepted(&m, out, capacity)


cdef object _decode_out_order_replaced(const uint8_t* p, size_t n):
    cdef OuchOutOrderReplaced m
    cdef int rc = ouch_decode_out_order_replaced(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH outbound", p, n))
    return OrderReplaced(
        m.timestamp_ns, m.orig_user_ref_num, m.user_ref_num, chr(m.side), m.quantity, text_of(m.symbol, 8), m.price,
        chr(m.time_in_force), chr(m.display), m.order_reference_number, chr(m.capacity), chr(m.iso_eligibility),
        chr(m.cross_type), chr(m.order_state), text_of(m.cl_ord_id, 14), _options_of(&m.appendage),
    )


cdef int _encode_out_order_replaced(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef OuchOutOrderReplaced m
    m.timestamp_ns = message.timestamp_ns
    m.orig_user_ref_num = message.orig_user_ref_num
    m.user_ref_num = message.user_ref_num
    m.side = code_of(message.side, "side")
    m.quantity = message.quantity
    put_text(m.symbol, 8, message.symbol, "symbol")
    m.price = message.price
    m.time_in_force = code_of(message.time_in_force, "time_in_force")
    m.display = code_of(message.display, "display")
    m.order_reference_number = message.order_reference_number
    m.capacity = code_of(message.capacity, "capacity")
    m.iso_eligibility = code_of(message.iso_eligibility, "iso_eligibility")
    m.cross_type = code_of(message.cross_type, "cross_type")
    m.order_state = code_of(message.order_state, "order_state")
    put_text(m.cl_ord_id, 14, message.cl_ord_id, "cl_ord_id")
    _attach(&m.appendage, options)
    return ouch_encode_out_order_replaced(&m, out, capacity)


cdef object _decode_out_order_canceled(const uint8_t* p, size_t n):
    cdef OuchOutOrderCanceled m
    cdef int rc = ouch_decode_out_order_canceled(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH outbound", p, n))
    return OrderCanceled(m.timestamp_ns, m.user_ref_num, m.quantity, chr(m.reason), _options_of(&m.appendage))


cdef int _encode_out_order_canceled(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef OuchOutOrderCanceled m
    m.timestamp_ns = message.timestamp_ns
    m.user_ref_num = message.user_ref_num
    m.quantity = message.quantity
    m.reason = code_of(message.reason, "reason")
    _attach(&m.appendage, options)
    return ouch_encode_out_order_canceled(&m, out, capacity)


cdef object _decode_out_aiq_canceled(const uint8_t* p, size_t n):
    cdef OuchOutAiqCanceled m
    cdef int rc = ouch_decode_out_aiq_canceled(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH outbound", p, n))
    return AiqCanceled(
        m.timestamp_ns, m.user_ref_num, m.decrement_shares, chr(m.reason), m.quantity_prevented, m.execution_price,
        chr(m.liquidity_flag), chr(m.aiq_strategy), _options_of(&m.appendage),
    )


cdef int _encode_out_aiq_canceled(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef OuchOutAiqCanceled m
    m.timestamp_ns = message.timestamp_ns
    m.user_ref_num = message.user_ref_num
    m.decrement_shares = message.decrement_shares
    m.reason = code_of(message.reason, "reason")
    m.quantity_prevented = message.quantity_prevented
    m.execution_price = message.execution_price
    m.liquidity_flag = code_of(message.liquidity_flag, "liquidity_flag")
    m.aiq_strategy = code_of(message.aiq_strategy, "aiq_strategy")
    _attach(&m.appendage, options)
    return ouch_encode_out_aiq_canceled(&m, out, capacity)


cdef object _decode_out_order_executed(const uint8_t* p, size_t n):
    cdef OuchOutOrderExecuted m
    cdef int rc = ouch_decode_out_order_executed(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH outbound", p, n))
    return OrderExecuted(
        m.timestamp_ns, m.user_ref_num, m.quantity, m.price, chr(m.liquidity_flag), m.match_number,
        _options_of(&m.appendage),
    )


cdef int _encode_out_order_executed(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef OuchOutOrderExecuted m
    m.timestamp_ns = message.timestamp_ns
    m.user_ref_num = message.user_ref_num
    m.quantity = message.quantity
    m.price = message.price
    m.liquidity_flag = code_of(message.liquidity_flag, "liquidity_flag")
    m.match_number = message.match_number
    _attach(&m.appendage, options)
    return ouch_encode_out_order_executed(&m, out, capacity)


cdef object _decode_out_broken_trade(const uint8_t* p, size_t n):
    cdef OuchOutBrokenTrade m
    cdef int rc = ouch_decode_out_broken_trade(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH outbound", p, n))
    return BrokenTrade(
        m.timestamp_ns, m.user_ref_num, m.match_number, chr(m.reason), text_of(m.cl_ord_id, 14),
        _options_of(&m.appendage),
    )


cdef int _encode_out_broken_trade(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef OuchOutBrokenTrade m
    m.timestamp_ns = message.timestamp_ns
    m.user_ref_num = message.user_ref_num
    m.match_number = message.match_number
    m.reason = code_of(message.reason, "reason")
    put_text(m.cl_ord_id, 14, message.cl_ord_id, "cl_ord_id")
    _attach(&m.appendage, options)
    return ouch_encode_out_broken_trade(&m, out, capacity)


cdef object _decode_out_rejected(const uint8_t* p, size_t n):
    cdef OuchOutRejected m
    cdef int rc = ouch_decode_out_rejected(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH outbound", p, n))
    return Rejected(m.timestamp_ns, m.user_ref_num, m.reason, text_of(m.cl_ord_id, 14), _options_of(&m.appendage))


cdef int _encode_out_rejected(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef OuchOutRejected m
    m.timestamp_ns = message.timestamp_ns
    m.user_ref_num = message.user_ref_num
    m.reason = message.reason
    put_text(m.cl_ord_id, 14, message.cl_ord_id, "cl_ord_id")
    _attach(&m.appendage, options)
    return ouch_encode_out_rejected(&m, out, capacity)


cdef object _decode_out_priority_update(const uint8_t* p, size_t n):
    cdef OuchOutPriorityUpdate m
    cdef int rc = ouch_decode_out_priority_update(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH outbound", p, n))
    return PriorityUpdate(
        m.timestamp_ns, m.user_ref_num, m.price, chr(m.display), m.order_reference_number, _options_of(&m.appendage),
    )


cdef int _encode_out_priority_update(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef OuchOutPriorityUpdate m
    m.timestamp_ns = message.timestamp_ns
    m.user_ref_num = message.user_ref_num
    m.price = message.price
    m.display = code_of(message.display, "display")
    m.order_reference_number = message.order_reference_number
    _attach(&m.appendage, options)
    return ouch_encode_out_priority_update(&m, out, capacity)


cdef object _decode_out_order_modified(const uint8_t* p, size_t n):
    cdef OuchOutOrderModified m
    cdef int rc = ouch_decode_out_order_modified(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH outbound", p, n))
    return OrderModified(m.timestamp_ns, m.user_ref_num, chr(m.side), m.quantity, _options_of(&m.appendage))


cdef int _encode_out_order_modified(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef OuchOutOrderModified m
    m.timestamp_ns = message.timestamp_ns
    m.user_ref_num = message.user_ref_num
    m.side = code_of(message.side, "side")
    m.quantity = message.quantity
    _attach(&m.appendage, options)
    return ouch_encode_out_order_modified(&m, out, capacity)


cdef object _decode_out_order_restated(const uint8_t* p, size_t n):
    cdef OuchOutOrderRestated m
    cdef int rc = ouch_decode_out_order_restated(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH outbound", p, n))
    return OrderRestated(m.timestamp_ns, m.user_ref_num, chr(m.reason), _options_of(&m.appendage))


cdef int _encode_out_order_restated(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef OuchOutOrderRestated m
    m.timestamp_ns = message.timestamp_ns
    m.user_ref_num = message.user_ref_num
    m.reason = code_of(message.reason, "reason")
    _attach(&m.appendage, options)
    return ouch_encode_out_order_restated(&m, out, capacity)


cdef object _decode_out_mass_cancel_response(const uint8_t* p, size_t n):
    cdef OuchOutMassCancelResponse m
    cdef int rc = ouch_decode_out_mass_cancel_response(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH outbound", p, n))
    return MassCancelResponse(
        m.timestamp_ns, m.user_ref_num, text_of(m.firm, 4), text_of(m.symbol, 8), _options_of(&m.appendage),
    )


cdef int _encode_out_mass_cancel_response(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef OuchOutMassCancelResponse m
    m.timestamp_ns = message.timestamp_ns
    m.user_ref_num = message.user_ref_num
    put_text(m.firm, 4, message.firm, "firm")
    put_text(m.symbol, 8, message.symbol, "symbol")
    _attach(&m.appendage, options)
    return ouch_encode_out_mass_cancel_response(&m, out, capacity)


cdef object _decode_out_disable_order_entry_response(const uint8_t* p, size_t n):
    cdef OuchOutDisableOrderEntryResponse m
    cdef int rc = ouch_decode_out_disable_order_entry_response(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH outbound", p, n))
    return DisableOrderEntryResponse(m.timestamp_ns, m.user_ref_num, text_of(m.firm, 4), _options_of(&m.appendage))


cdef int _encode_out_disable_order_entry_response(
    object message, bytes options, uint8_t* out, size_t capacity
) except? -1:
    cdef OuchOutDisableOrderEntryResponse m
    m.timestamp_ns = message.timestamp_ns
    m.user_ref_num = message.user_ref_num
    put_text(m.firm, 4, message.firm, "firm")
    _attach(&m.appendage, options)
    return ouch_encode_out_disable_order_entry_response(&m, out, capacity)


cdef object _decode_out_enable_order_entry_response(const uint8_t* p, size_t n):
    cdef OuchOutEnableOrderEntryResponse m
    cdef int rc = ouch_decode_out_enable_order_entry_response(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH outbound", p, n))
    return EnableOrderEntryResponse(m.timestamp_ns, m.user_ref_num, text_of(m.firm, 4), _options_of(&m.appendage))


cdef int _encode_out_enable_order_entry_response(
    object message, bytes options, uint8_t* out, size_t capacity
) except? -1:
    cdef OuchOutEnableOrderEntryResponse m
    m.timestamp_ns = message.timestamp_ns
    m.user_ref_num = message.user_ref_num
    put_text(m.firm, 4, message.firm, "firm")
    _attach(&m.appendage, options)
    return ouch_encode_out_enable_order_entry_response(&m, out, capacity)


cdef object _decode_out_cancel_pending(const uint8_t* p, size_t n):
    cdef OuchOutCancelPending m
    cdef int rc = ouch_decode_out_cancel_pending(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH outbound", p, n))
    return CancelPending(m.timestamp_ns, m.user_ref_num, _options_of(&m.appendage))


cdef int _encode_out_cancel_pending(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef OuchOutCancelPending m
    m.timestamp_ns = message.timestamp_ns
    m.user_ref_num = message.user_ref_num
    _attach(&m.appendage, options)
    return ouch_encode_out_cancel_pending(&m, out, capacity)


cdef object _decode_out_cancel_reject(const uint8_t* p, size_t n):
    cdef OuchOutCancelReject m
    cdef int rc = ouch_decode_out_cancel_reject(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH outbound", p, n))
    return CancelReject(m.timestamp_ns, m.user_ref_num, _options_of(&m.appendage))


cdef int _encode_out_cancel_reject(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef OuchOutCancelReject m
    m.timestamp_ns = message.timestamp_ns
    m.user_ref_num = message.user_ref_num
    _attach(&m.appendage, options)
    return ouch_encode_out_cancel_reject(&m, out, capacity)


cdef object _decode_out_account_query_response(const uint8_t* p, size_t n):
    cdef OuchOutAccountQueryResponse m
    cdef int rc = ouch_decode_out_account_query_response(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("OUCH outbound", p, n))
    return AccountQueryResponse(m.timestamp_ns, m.next_user_ref_num, _options_of(&m.appendage))


cdef int _encode_out_account_query_response(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef OuchOutAccountQueryResponse m
    m.timestamp_ns = message.timestamp_ns
    m.next_user_ref_num = message.next_user_ref_num
    _attach(&m.appendage, options)
    return ouch_encode_out_account_query_response(&m, out, capacity)


def decode_inbound(bytes data not None):
    """Decode one client to venue message, with or without its appendage.

    Raises UnknownTypeError, TruncatedError, TrailingBytesError or MalformedError.
    """
    cdef const uint8_t* p = wire(data)
    cdef size_t n = <size_t>len(data)
    if n == 0:
        raise error_for(CODEC_TRUNCATED, describe("OUCH inbound", p, n))
    if ouch_in_body(p[0]) == 0:
        raise error_for(CODEC_UNKNOWN_TYPE, describe("OUCH inbound", p, n))
    if p[0] == OUCH_IN_ENTER_ORDER:
        return _decode_in_enter_order(p, n)
    if p[0] == OUCH_IN_REPLACE_ORDER:
        return _decode_in_replace_order(p, n)
    if p[0] == OUCH_IN_CANCEL_ORDER:
        return _decode_in_cancel_order(p, n)
    if p[0] == OUCH_IN_MODIFY_ORDER:
        return _decode_in_modify_order(p, n)
    if p[0] == OUCH_IN_MASS_CANCEL:
        return _decode_in_mass_cancel(p, n)
    if p[0] == OUCH_IN_DISABLE_ORDER_ENTRY:
        return _decode_in_disable_order_entry(p, n)
    if p[0] == OUCH_IN_ENABLE_ORDER_ENTRY:
        return _decode_in_enable_order_entry(p, n)
    if p[0] == OUCH_IN_ACCOUNT_QUERY:
        return _decode_in_account_query(p, n)
    raise AssertionError(f"length table and decoders disagree about inbound type {chr(p[0])!r}")


def decode_outbound(bytes data not None):
    """Decode one venue to client message, with or without its appendage.

    Raises UnknownTypeError, TruncatedError, TrailingBytesError or MalformedError.
    """
    cdef const uint8_t* p = wire(data)
    cdef size_t n = <size_t>len(data)
    if n == 0:
        raise error_for(CODEC_TRUNCATED, describe("OUCH outbound", p, n))
    if ouch_out_body(p[0]) == 0:
        raise error_for(CODEC_UNKNOWN_TYPE, describe("OUCH outbound", p, n))
    if p[0] == OUCH_OUT_SYSTEM_EVENT:
        return _decode_out_system_event(p, n)
    if p[0] == OUCH_OUT_ORDER_ACCEPTED:
        return _decode_out_order_accepted(p, n)
    if p[0] == OUCH_OUT_ORDER_REPLACED:
        return _decode_out_order_replaced(p, n)
    if p[0] == OUCH_OUT_ORDER_CANCELED:
        return _decode_out_order_canceled(p, n)
    if p[0] == OUCH_OUT_AIQ_CANCELED:
        return _decode_out_aiq_canceled(p, n)
    if p[0] == OUCH_OUT_ORDER_EXECUTED:
        return _decode_out_order_executed(p, n)
    if p[0] == OUCH_OUT_BROKEN_TRADE:
        return _decode_out_broken_trade(p, n)
    if p[0] == OUCH_OUT_REJECTED:
        return _decode_out_rejected(p, n)
    if p[0] == OUCH_OUT_PRIORITY_UPDATE:
        return _decode_out_priority_update(p, n)
    if p[0] == OUCH_OUT_ORDER_MODIFIED:
        return _decode_out_order_modified(p, n)
    if p[0] == OUCH_OUT_ORDER_RESTATED:
        return _decode_out_order_restated(p, n)
    if p[0] == OUCH_OUT_MASS_CANCEL_RESPONSE:
        return _decode_out_mass_cancel_response(p, n)
    if p[0] == OUCH_OUT_DISABLE_ORDER_ENTRY_RESPONSE:
        return _decode_out_disable_order_entry_response(p, n)
    if p[0] == OUCH_OUT_ENABLE_ORDER_ENTRY_RESPONSE:
        return _decode_out_enable_order_entry_response(p, n)
    if p[0] == OUCH_OUT_CANCEL_PENDING:
        return _decode_out_cancel_pending(p, n)
    if p[0] == OUCH_OUT_CANCEL_REJECT:
        return _decode_out_cancel_reject(p, n)
    if p[0] == OUCH_OUT_ACCOUNT_QUERY_RESPONSE:
        return _decode_out_account_query_response(p, n)
    raise AssertionError(f"length table and decoders disagree about outbound type {chr(p[0])!r}")


cdef int _encode(object message, bytes options, uint8_t* out, size_t capacity) except? -1:
    cdef object kind = type(message)
    if kind is EnterOrder:
        return _encode_in_enter_order(message, options, out, capacity)
    if kind is ReplaceOrder:
        return _encode_in_replace_order(message, options, out, capacity)
    if kind is CancelOrder:
        return _encode_in_cancel_order(message, options, out, capacity)
    if kind is ModifyOrder:
        return _encode_in_modify_order(message, options, out, capacity)
    if kind is MassCancel:
        return _encode_in_mass_cancel(message, options, out, capacity)
    if kind is DisableOrderEntry:
        return _encode_in_disable_order_entry(message, options, out, capacity)
    if kind is EnableOrderEntry:
        return _encode_in_enable_order_entry(message, options, out, capacity)
    if kind is AccountQuery:
        return _encode_in_account_query(message, options, out, capacity)
    if kind is SystemEvent:
        return _encode_out_system_event(message, options, out, capacity)
    if kind is OrderAccepted:
        return _encode_out_order_accepted(message, options, out, capacity)
    if kind is OrderReplaced:
        return _encode_out_order_replaced(message, options, out, capacity)
    if kind is OrderCanceled:
        return _encode_out_order_canceled(message, options, out, capacity)
    if kind is AiqCanceled:
        return _encode_out_aiq_canceled(message, options, out, capacity)
    if kind is OrderExecuted:
        return _encode_out_order_executed(message, options, out, capacity)
    if kind is BrokenTrade:
        return _encode_out_broken_trade(message, options, out, capacity)
    if kind is Rejected:
        return _encode_out_rejected(message, options, out, capacity)
    if kind is PriorityUpdate:
        return _encode_out_priority_update(message, options, out, capacity)
    if kind is OrderModified:
        return _encode_out_order_modified(message, options, out, capacity)
    if kind is OrderRestated:
        return _encode_out_order_restated(message, options, out, capacity)
    if kind is MassCancelResponse:
        return _encode_out_mass_cancel_response(message, options, out, capacity)
    if kind is DisableOrderEntryResponse:
        return _encode_out_disable_order_entry_response(message, options, out, capacity)
    if kind is EnableOrderEntryResponse:
        return _encode_out_enable_order_entry_response(message, options, out, capacity)
    if kind is CancelPending:
        return _encode_out_cancel_pending(message, options, out, capacity)
    if kind is CancelReject:
        return _encode_out_cancel_reject(message, options, out, capacity)
    if kind is AccountQueryResponse:
        return _encode_out_account_query_response(message, options, out, capacity)
    raise TypeError(f"not an OUCH message: {message!r}")


def is_market_price(price):
    """Whether a price (1/10,000 of a dollar) is one of the values that mean a market order."""
    return ouch_is_market_price(price)


def encode(message not None):
    """Encode one message of either direction. Raises FieldRangeError when a value does not fit its field."""
    cdef bytes appendage = None
    cdef bytes out
    cdef object options = getattr(message, "options", None)
    cdef int rc
    try:
        if options is not None:
            appendage = _encode_options(options)
        out = PyBytes_FromStringAndSize(NULL, _LONGEST_BODY + (0 if appendage is None else len(appendage)))
        rc = _encode(message, appendage, <uint8_t*>wire(out), <size_t>len(out))
    except OverflowError as error:
        raise FieldRangeError(f"OUCH {message!r}: {error}") from error
    if rc < 0:
        raise error_for(rc, f"OUCH {message!r}")
    return out[:rc]
