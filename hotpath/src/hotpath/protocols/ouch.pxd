"""OUCH 5.0 order entry: every inbound (client to venue) and outbound message, and the optional appendage.

Letters mean different messages in the two directions, so the names say which. Prices are int64 in 1/10,000 of a
dollar; a wire price above INT64_MAX reads as INT64_MAX. timestamp_ns is ns since midnight, US Eastern. Text fields keep
their wire padding (spaces on the right). Decoders return the whole message length or a CodecError and accept every
message with and without its appendage_length; encoders return the bytes written or a CodecError.
"""
from libc.stddef cimport size_t
from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from hotpath.protocols.byteorder cimport (
    load_be16, load_be32, load_be63, load_be64, store_be16, store_be32, store_be64,
)
from hotpath.protocols.codec cimport (
    CODEC_MALFORMED, CODEC_NO_SPACE, CODEC_RANGE, CODEC_TOO_LARGE, CODEC_TRAILING, CODEC_TRUNCATED,
    CODEC_UNEXPECTED_TYPE, CODEC_UNKNOWN_TYPE,
)

cdef enum OuchInboundType:
    OUCH_IN_ENTER_ORDER = 0x4F  # O
    OUCH_IN_REPLACE_ORDER = 0x55  # U
    OUCH_IN_CANCEL_ORDER = 0x58  # X
    OUCH_IN_MODIFY_ORDER = 0x4D  # M
    OUCH_IN_MASS_CANCEL = 0x43  # C
    OUCH_IN_DISABLE_ORDER_ENTRY = 0x44  # D
    OUCH_IN_ENABLE_ORDER_ENTRY = 0x45  # E
    OUCH_IN_ACCOUNT_QUERY = 0x51  # Q

cdef enum OuchOutboundType:
    OUCH_OUT_SYSTEM_EVENT = 0x53  # S
    OUCH_OUT_ORDER_ACCEPTED = 0x41  # A
    OUCH_OUT_ORDER_REPLACED = 0x55  # U
    OUCH_OUT_ORDER_CANCELED = 0x43  # C
    OUCH_OUT_AIQ_CANCELED = 0x44  # D
    OUCH_OUT_ORDER_EXECUTED = 0x45  # E
    OUCH_OUT_BROKEN_TRADE = 0x42  # B
    OUCH_OUT_REJECTED = 0x4A  # J
    OUCH_OUT_PRIORITY_UPDATE = 0x54  # T
    OUCH_OUT_ORDER_MODIFIED = 0x4D  # M
    OUCH_OUT_ORDER_RESTATED = 0x52  # R
    OUCH_OUT_MASS_CANCEL_RESPONSE = 0x58  # X
    OUCH_OUT_DISABLE_ORDER_ENTRY_RESPONSE = 0x47  # G
    OUCH_OUT_ENABLE_ORDER_ENTRY_RESPONSE = 0x4B  # K
    OUCH_OUT_CANCEL_PENDING = 0x50  # P
    OUCH_OUT_CANCEL_REJECT = 0x49  # I
    OUCH_OUT_ACCOUNT_QUERY_RESPONSE = 0x51  # Q

# Bytes before appendage_length.
cdef enum OuchBody:
    OUCH_IN_ENTER_ORDER_BODY = 45
    OUCH_IN_REPLACE_ORDER_BODY = 38
    OUCH_IN_CANCEL_ORDER_BODY = 9
    OUCH_IN_MODIFY_ORDER_BODY = 10
    OUCH_IN_MASS_CANCEL_BODY = 17
    OUCH_IN_DISABLE_ORDER_ENTRY_BODY = 9
    OUCH_IN_ENABLE_ORDER_ENTRY_BODY = 9
    OUCH_IN_ACCOUNT_QUERY_BODY = 1
    OUCH_OUT_SYSTEM_EVENT_BODY = 10
    OUCH_OUT_ORDER_ACCEPTED_BODY = 62
    OUCH_OUT_ORDER_REPLACED_BODY = 66
    OUCH_OUT_ORDER_CANCELED_BODY = 18
    OUCH_OUT_AIQ_CANCELED_BODY = 32
    OUCH_OUT_ORDER_EXECUTED_BODY = 34
    OUCH_OUT_BROKEN_TRADE_BODY = 36
    OUCH_OUT_REJECTED_BODY = 29
    OUCH_OUT_PRIORITY_UPDATE_BODY = 30
    OUCH_OUT_ORDER_MODIFIED_BODY = 18
    OUCH_OUT_ORDER_RESTATED_BODY = 14
    OUCH_OUT_MASS_CANCEL_RESPONSE_BODY = 25
    OUCH_OUT_DISABLE_ORDER_ENTRY_RESPONSE_BODY = 17
    OUCH_OUT_ENABLE_ORDER_ENTRY_RESPONSE_BODY = 17
    OUCH_OUT_CANCEL_PENDING_BODY = 13
    OUCH_OUT_CANCEL_REJECT_BODY = 13
    OUCH_OUT_ACCOUNT_QUERY_RESPONSE_BODY = 13

cdef enum:
    OUCH_APPENDAGE_LENGTH_SIZE = 2
    OUCH_MAX_APPENDAGE = 65535
    OUCH_MAX_QUANTITY = 999999
    OUCH_MAX_LIMIT_PRICE = 1999999900        # 199,999.9900
    OUCH_MARKET_PRICE = 0x7FFFFFFF           # market order for a cross
    OUCH_MARKET_PRICE_ALTERNATIVE = 2000000000

cdef enum OuchSide:
    OUCH_BUY = 0x42  # B
    OUCH_SELL = 0x53  # S
    OUCH_SELL_SHORT = 0x54  # T
    OUCH_SELL_SHORT_EXEMPT = 0x45  # E

cdef enum OuchTimeInForce:
    OUCH_TIF_DAY = 0x30  # 0
    OUCH_TIF_IOC = 0x33  # 3
    OUCH_TIF_GTX = 0x35  # 5
    OUCH_TIF_GTT = 0x36  # 6: needs tag ExpireTime
    OUCH_TIF_AFTER_HOURS = 0x45  # E

cdef enum OuchDisplay:
    OUCH_DISPLAY_VISIBLE = 0x59  # Y
    OUCH_DISPLAY_HIDDEN = 0x4E  # N
    OUCH_DISPLAY_ATTRIBUTABLE = 0x41  # A
    OUCH_DISPLAY_CONFORMANT = 0x5A  # Z: outbound only

cdef enum OuchCapacity:
    OUCH_CAPACITY_AGENCY = 0x41  # A
    OUCH_CAPACITY_PRINCIPAL = 0x50  # P
    OUCH_CAPACITY_RISKLESS = 0x52  # R
    OUCH_CAPACITY_OTHER = 0x4F  # O

cdef enum OuchCrossType:
    OUCH_CROSS_CONTINUOUS = 0x4E  # N
    OUCH_CROSS_OPENING = 0x4F  # O
    OUCH_CROSS_CLOSING = 0x43  # C
    OUCH_CROSS_HALT_IPO = 0x48  # H
    OUCH_CROSS_SUPPLEMENTAL = 0x53  # S
    OUCH_CROSS_RETAIL = 0x52  # R
    OUCH_CROSS_EXTENDED_LIFE = 0x45  # E
    OUCH_CROSS_AFTER_HOURS_CLOSE = 0x41  # A

cdef enum OuchOrderState:
    OUCH_STATE_LIVE = 0x4C  # L
    OUCH_STATE_DEAD = 0x44  # D

cdef enum OuchEventCode:
    OUCH_START_OF_DAY = 0x53  # S
    OUCH_END_OF_DAY = 0x45  # E

cdef enum OuchCancelReason:
    OUCH_CANCEL_REGULATORY = 0x44  # D
    OUCH_CANCEL_CLOSED = 0x45  # E
    OUCH_CANCEL_POST_ONLY_NMS = 0x46  # F
    OUCH_CANCEL_POST_ONLY_CONTRA = 0x47  # G
    OUCH_CANCEL_HALTED = 0x48  # H
    OUCH_CANCEL_IOC_REMAINDER = 0x49  # I
    OUCH_CANCEL_MARKET_COLLAR = 0x4B  # K
    OUCH_CANCEL_SELF_MATCH = 0x51  # Q
    OUCH_CANCEL_SUPERVISORY = 0x53  # S
    OUCH_CANCEL_TIMEOUT = 0x54  # T
    OUCH_CANCEL_USER = 0x55  # U
    OUCH_CANCEL_OPEN_PROTECTION = 0x58  # X
    OUCH_CANCEL_SYSTEM = 0x5A  # Z
    OUCH_CANCEL_DIRECT_LISTING_SIZE = 0x65  # e

cdef enum OuchBreakReason:
    OUCH_BREAK_ERRONEOUS = 0x45  # E
    OUCH_BREAK_CONSENT = 0x43  # C
    OUCH_BREAK_SUPERVISORY = 0x53  # S
    OUCH_BREAK_EXTERNAL = 0x58  # X

cdef enum OuchRestateReason:
    OUCH_RESTATED_RESERVE_REFRESH = 0x52  # R
    OUCH_RESTATED_DISPLAY_PRICE = 0x50  # P

cdef enum OuchLiquidityFlag:
    OUCH_LIQUIDITY_ADDED = 0x41  # A
    OUCH_LIQUIDITY_REMOVED = 0x52  # R
    OUCH_LIQUIDITY_ADDED_HIDDEN = 0x4A  # J
    OUCH_LIQUIDITY_ADDED_MIDPOINT = 0x6B  # k
    OUCH_LIQUIDITY_ADDED_RESERVE = 0x75  # u
    OUCH_LIQUIDITY_ADDED_IMPROVING = 0x37  # 7
    OUCH_LIQUIDITY_ADDED_SETTING = 0x38  # 8
    OUCH_LIQUIDITY_REMOVED_MIDPOINT = 0x6D  # m
    OUCH_LIQUIDITY_OPENING_CROSS = 0x4F  # O
    OUCH_LIQUIDITY_CLOSING_CROSS = 0x43  # C
    OUCH_LIQUIDITY_HALT_CROSS = 0x48  # H

cdef enum OuchRejectReason:
    OUCH_REJECT_QUOTE_UNAVAILABLE = 0x01
    OUCH_REJECT_DESTINATION_CLOSED = 0x02
    OUCH_REJECT_INVALID_DISPLAY = 0x03
    OUCH_REJECT_INVALID_MAX_FLOOR = 0x04
    OUCH_REJECT_INVALID_PEG_TYPE = 0x05
    OUCH_REJECT_FAT_FINGER = 0x06
    OUCH_REJECT_HALTED = 0x07
    OUCH_REJECT_ISO_NOT_ALLOWED = 0x08
    OUCH_REJECT_INVALID_SIDE = 0x09
    OUCH_REJECT_PROCESSING_ERROR = 0x0A
    OUCH_REJECT_CANCEL_PENDING = 0x0B
    OUCH_REJECT_FIRM_NOT_AUTHORIZED = 0x0C
    OUCH_REJECT_INVALID_MIN_QUANTITY = 0x0D
    OUCH_REJECT_NO_CLOSING_REFERENCE_PRICE = 0x0E
    OUCH_REJECT_OTHER = 0x0F
    OUCH_REJECT_CANCEL_NOT_ALLOWED = 0x10
    OUCH_REJECT_PEGGING_NOT_ALLOWED = 0x11
    OUCH_REJECT_CROSSED_MARKET = 0x12
    OUCH_REJECT_INVALID_QUANTITY = 0x13
    OUCH_REJECT_INVALID_CROSS_ORDER = 0x14
    OUCH_REJECT_REPLACE_NOT_ALLOWED = 0x15
    OUCH_REJECT_ROUTING_NOT_ALLOWED = 0x16
    OUCH_REJECT_INVALID_SYMBOL = 0x17
    OUCH_REJECT_TEST = 0x18
    OUCH_REJECT_LATE_LOC_TOO_AGGRESSIVE = 0x19
    OUCH_REJECT_RETAIL_NOT_ALLOWED = 0x1A
    OUCH_REJECT_INVALID_MIDPOINT_POST_ONLY_PRICE = 0x1B
    OUCH_REJECT_INVALID_DESTINATION = 0x1C
    OUCH_REJECT_INVALID_PRICE = 0x1D
    OUCH_REJECT_SHARES_EXCEED_THRESHOLD = 0x1E
    OUCH_REJECT_MAX_NOTIONAL_EXCEEDED = 0x1F
    OUCH_REJECT_RISK_AGGREGATE_EXPOSURE = 0x20
    OUCH_REJECT_RISK_MARKET_IMPACT = 0x21
    OUCH_REJECT_RISK_RESTRICTED_STOCK = 0x22
    OUCH_REJECT_RISK_SHORT_SELL_RESTRICTED = 0x23
    OUCH_REJECT_RISK_ISO_NOT_ALLOWED = 0x24
    OUCH_REJECT_RISK_ADV_LIMIT = 0x25
    OUCH_REJECT_RISK_FAT_FINGER = 0x26
    OUCH_REJECT_RISK_LOCATE_REQUIRED = 0x27
    OUCH_REJECT_RISK_SYMBOL_RATE = 0x28
    OUCH_REJECT_RISK_PORT_RATE = 0x29
    OUCH_REJECT_RISK_DUPLICATE_RATE = 0x2A
    OUCH_REJECT_RISK_SHORT_SELL_NOT_ALLOWED = 0x2B
    OUCH_REJECT_RISK_MARKET_ORDER_NOT_ALLOWED = 0x2C
    OUCH_REJECT_RISK_PRE_MARKET = 0x2D
    OUCH_REJECT_RISK_POST_MARKET = 0x2E
    OUCH_REJECT_RISK_SHORT_EXEMPT = 0x2F
    OUCH_REJECT_RISK_SINGLE_ORDER_NOTIONAL = 0x30
    OUCH_REJECT_RISK_MAX_QUANTITY = 0x31
    OUCH_REJECT_REG_SHO_STATE_UNAVAILABLE = 0x32
    OUCH_REJECT_RISK_IPO_MARKET_BUY = 0x33
    OUCH_REJECT_INVALID_AIQ = 0x40

cdef enum OuchTagNumber:
    OUCH_TAG_SECONDARY_ORDER_REF_NUM = 1
    OUCH_TAG_FIRM = 2
    OUCH_TAG_MIN_QUANTITY = 3
    OUCH_TAG_CUSTOMER_TYPE = 4
    OUCH_TAG_MAX_FLOOR = 5
    OUCH_TAG_PRICE_TYPE = 6
    OUCH_TAG_PEG_OFFSET = 7
    OUCH_TAG_DISCRETION_PRICE = 9
    OUCH_TAG_DISCRETION_PRICE_TYPE = 10
    OUCH_TAG_DISCRETION_PEG_OFFSET = 11
    OUCH_TAG_POST_ONLY = 12
    OUCH_TAG_RANDOM_RESERVES = 13
    OUCH_TAG_ROUTE = 14
    OUCH_TAG_EXPIRE_TIME_S = 15
    OUCH_TAG_TRADE_NOW = 16
    OUCH_TAG_HANDLE_INST = 17
    OUCH_TAG_BBO_WEIGHT_INDICATOR = 18
    OUCH_TAG_DISPLAY_QUANTITY = 22
    OUCH_TAG_DISPLAY_PRICE = 23
    OUCH_TAG_GROUP_ID = 24
    OUCH_TAG_SHARES_LOCATED = 25
    OUCH_TAG_LOCATE_BROKER = 26
    OUCH_TAG_SIDE = 27
    OUCH_TAG_USER_REF_INDEX = 28
    OUCH_TAG_AIQ_STRATEGY = 29
    OUCH_TAG_AIQ_GROUP_ID = 30

# TagValue elements, not yet interpreted. data points into the frame (decode) or the caller's buffer (encode).
cdef struct OuchAppendage:
    const uint8_t* data
    uint16_t length
    uint8_t present                          # appendage_length is on the wire, be it 0

cdef struct OuchTag:
    uint8_t number
    uint8_t length                           # of the value
    const uint8_t* value

# Every tag, interpreted. Bit `tag number` of `present` says which fields hold something.
cdef struct OuchOptions:
    uint32_t present
    uint32_t unknown                         # elements skipped because their tag is not known
    uint64_t secondary_order_ref_num
    char firm[4]
    uint32_t min_quantity
    uint8_t customer_type
    uint32_t max_floor
    uint8_t price_type
    int32_t peg_offset
    int64_t discretion_price
    uint8_t discretion_price_type
    int32_t discretion_peg_offset
    uint8_t post_only
    uint32_t random_reserves
    char route[4]
    uint32_t expire_time_s
    uint8_t trade_now
    uint8_t handle_inst
    uint8_t bbo_weight_indicator
    uint32_t display_quantity
    int64_t display_price
    uint16_t group_id
    uint8_t shares_located
    char locate_broker[4]
    uint8_t side
    uint8_t user_ref_index
    uint8_t aiq_strategy
    char aiq_group_id[2]

# O inbound, 45 bytes + appendage
cdef struct OuchInEnterOrder:
    uint32_t user_ref_num
    uint8_t side
    uint32_t quantity
    char symbol[8]
    int64_t price
    uint8_t time_in_force
    uint8_t display
    uint8_t capacity
    uint8_t iso_eligibility
    uint8_t cross_type
    char cl_ord_id[14]
    OuchAppendage appendage

# U inbound, 38 bytes + appendage
cdef struct OuchInReplaceOrder:
    uint32_t orig_user_ref_num
    uint32_t user_ref_num
    uint32_t quantity
    int64_t price
    uint8_t time_in_force
    uint8_t display
    uint8_t iso_eligibility
    char cl_ord_id[14]
    OuchAppendage appendage

# X inbound, 9 bytes (+ appendage)
cdef struct OuchInCancelOrder:
    uint32_t user_ref_num
    uint32_t quantity
    OuchAppendage appendage

# M inbound, 10 bytes (+ appendage)
cdef struct OuchInModifyOrder:
    uint32_t user_ref_num
    uint8_t side
    uint32_t quantity
    OuchAppendage appendage

# C inbound, 17 bytes + appendage
cdef struct OuchInMassCancel:
    uint32_t user_ref_num
    char firm[4]
    char symbol[8]
    OuchAppendage appendage

# D inbound, 9 bytes + appendage
cdef struct OuchInDisableOrderEntry:
    uint32_t user_ref_num
    char firm[4]
    OuchAppendage appendage

# E inbound, 9 bytes + appendage
cdef struct OuchInEnableOrderEntry:
    uint32_t user_ref_num
    char firm[4]
    OuchAppendage appendage

# Q inbound, 1 bytes (+ appendage)
cdef struct OuchInAccountQuery:
    OuchAppendage appendage

# S outbound, 10 bytes, never an appendage
cdef struct OuchOutSystemEvent:
    int64_t timestamp_ns
    uint8_t event_code

# A outbound, 62 bytes + appendage
cdef struct OuchOutOrderAccepted:
    int64_t timestamp_ns
    uint32_t user_ref_num
    uint8_t side
    uint32_t quantity
    char symbol[8]
    int64_t price
    uint8_t time_in_force
    uint8_t display
    uint64_t order_reference_number
    uint8_t capacity
    uint8_t iso_eligibility
    uint8_t cross_type
    uint8_t order_state
    char cl_ord_id[14]
    OuchAppendage appendage

# U outbound, 66 bytes + appendage
cdef struct OuchOutOrderReplaced:
    int64_t timestamp_ns
    uint32_t orig_user_ref_num
    uint32_t user_ref_num
    uint8_t side
    uint32_t quantity
    char symbol[8]
    int64_t price
    uint8_t time_in_force
    uint8_t display
    uint64_t order_reference_number
    uint8_t capacity
    uint8_t iso_eligibility
    uint8_t cross_type
    uint8_t order_state
    char cl_ord_id[14]
    OuchAppendage appendage

# C outbound, 18 bytes (+ appendage)
cdef struct OuchOutOrderCanceled:
    int64_t timestamp_ns
    uint32_t user_ref_num
    uint32_t quantity
    uint8_t reason
    OuchAppendage appendage

# D outbound, 32 bytes (+ appendage)
cdef struct OuchOutAiqCanceled:
    int64_t timestamp_ns
    uint32_t user_ref_num
    uint32_t decrement_shares
    uint8_t reason
    uint32_t quantity_prevented
    int64_t execution_price
    uint8_t liquidity_flag
    uint8_t aiq_strategy
    OuchAppendage appendage

# E outbound, 34 bytes + appendage
cdef struct OuchOutOrderExecuted:
    int64_t timestamp_ns
    uint32_t user_ref_num
    uint32_t quantity
    int64_t price
    uint8_t liquidity_flag
    uint64_t match_number
    OuchAppendage appendage

# B outbound, 36 bytes (+ appendage)
cdef struct OuchOutBrokenTrade:
    int64_t timestamp_ns
    uint32_t user_ref_num
    uint64_t match_number
    uint8_t reason
    char cl_ord_id[14]
    OuchAppendage appendage

# J outbound, 29 bytes (+ appendage)
cdef struct OuchOutRejected:
    int64_t timestamp_ns
    uint32_t user_ref_num
    uint16_t reason
    char cl_ord_id[14]
    OuchAppendage appendage

# T outbound, 30 bytes (+ appendage)
cdef struct OuchOutPriorityUpdate:
    int64_t timestamp_ns
    uint32_t user_ref_num
    int64_t price
    uint8_t display
    uint64_t order_reference_number
    OuchAppendage appendage

# M outbound, 18 bytes (+ appendage)
cdef struct OuchOutOrderModified:
    int64_t timestamp_ns
    uint32_t user_ref_num
    uint8_t side
    uint32_t quantity
    OuchAppendage appendage

# R outbound, 14 bytes + appendage
cdef struct OuchOutOrderRestated:
    int64_t timestamp_ns
    uint32_t user_ref_num
    uint8_t reason
    OuchAppendage appendage

# X outbound, 25 bytes + appendage
cdef struct OuchOutMassCancelResponse:
    int64_t timestamp_ns
    uint32_t user_ref_num
    char firm[4]
    char symbol[8]
    OuchAppendage appendage

# G outbound, 17 bytes + appendage
cdef struct OuchOutDisableOrderEntryResponse:
    int64_t timestamp_ns
    uint32_t user_ref_num
    char firm[4]
    OuchAppendage appendage

# K outbound, 17 bytes + appendage
cdef struct OuchOutEnableOrderEntryResponse:
    int64_t timestamp_ns
    uint32_t user_ref_num
    char firm[4]
    OuchAppendage appendage

# P outbound, 13 bytes (+ appendage)
cdef struct OuchOutCancelPending:
    int64_t timestamp_ns
    uint32_t user_ref_num
    OuchAppendage appendage

# I outbound, 13 bytes (+ appendage)
cdef struct OuchOutCancelReject:
    int64_t timestamp_ns
    uint32_t user_ref_num
    OuchAppendage appendage

# Q outbound, 13 bytes (+ appendage)
cdef struct OuchOutAccountQueryResponse:
    int64_t timestamp_ns
    uint32_t next_user_ref_num
    OuchAppendage appendage


cdef inline bint ouch_is_market_price(int64_t price) noexcept nogil:
    return price == OUCH_MARKET_PRICE or price == OUCH_MARKET_PRICE_ALTERNATIVE or price == INT64_MAX


cdef inline int ouch_tag_next(const OuchAppendage* appendage, size_t offset, OuchTag* tag) noexcept nogil:
    """Read the element at `offset`. Returns the offset after it, or 0 when there is no more.

    CODEC_MALFORMED for an element of length 0, CODEC_TRUNCATED for one that runs past the end.
    """
    cdef size_t left
    cdef uint8_t length
    if offset >= appendage.length:
        return 0
    left = appendage.length - offset
    length = appendage.data[offset]
    if length == 0:
        return CODEC_MALFORMED
    if left < <size_t>length + 1:
        return CODEC_TRUNCATED
    tag.number = appendage.data[offset + 1]
    tag.length = length - 1
    tag.value = appendage.data + offset + 2
    return <int>(offset + length + 1)


cdef inline int ouch_tag_put(
    uint8_t number, const uint8_t* value, uint8_t length, uint8_t* out, size_t capacity
) noexcept nogil:
    """Write one element of any tag. CODEC_TOO_LARGE above 254 bytes of value: the length field could not hold it."""
    if length == 255:
        return CODEC_TOO_LARGE
    if capacity < <size_t>length + 2:
        return CODEC_NO_SPACE
    out[0] = length + 1
    out[1] = number
    if length:
        memcpy(out + 2, value, length)
    return <int>length + 2


cdef inline int ouch_tag_put_u8(uint8_t number, uint8_t value, uint8_t* out, size_t capacity) noexcept nogil:
    """Write a one-byte element: a code or a small number."""
    return ouch_tag_put(number, &value, 1, out, capacity)


cdef inline int ouch_tag_put_u16(uint8_t number, uint16_t value, uint8_t* out, size_t capacity) noexcept nogil:
    cdef uint8_t wire[2]
    store_be16(wire, value)
    return ouch_tag_put(number, wire, 2, out, capacity)


cdef inline int ouch_tag_put_u32(uint8_t number, uint32_t value, uint8_t* out, size_t capacity) noexcept nogil:
    cdef uint8_t wire[4]
    store_be32(wire, value)
    return ouch_tag_put(number, wire, 4, out, capacity)


cdef inline int ouch_tag_put_u64(uint8_t number, uint64_t value, uint8_t* out, size_t capacity) noexcept nogil:
    cdef uint8_t wire[8]
    store_be64(wire, value)
    return ouch_tag_put(number, wire, 8, out, capacity)


cdef extern from * nogil:
    """
    #ifndef HOTPATH_PROTOCOLS_OUCH_TAG_SIZES
    #define HOTPATH_PROTOCOLS_OUCH_TAG_SIZES
    #include <stdint.h>
    static const uint8_t hotpath_ouch_tag_sizes[256] = {
        [1] = 8, [2] = 4, [3] = 4, [4] = 1, [5] = 4, [6] = 1, [7] = 4, [9] = 8, [10] = 1,
        [11] = 4, [12] = 1, [13] = 4, [14] = 4, [15] = 4, [16] = 1, [17] = 1, [18] = 1, [22] = 4,
        [23] = 8, [24] = 2, [25] = 1, [26] = 4, [27] = 1, [28] = 1, [29] = 1, [30] = 2,
    };
    #endif
    """
    const uint8_t hotpath_ouch_tag_sizes[256]


cdef inline int ouch_decode_options(const OuchAppendage* appendage, OuchOptions* options) noexcept nogil:
    """Interpret every element, in any order. Unknown tags are skipped and counted; the last of a repeated tag counts.

    Returns the number of elements, CODEC_MALFORMED for a known tag of the wrong size or an element of length 0,
    CODEC_TRUNCATED for one that runs past the end.
    """
    cdef OuchTag tag
    cdef const uint8_t* value
    cdef int count = 0
    cdef int offset = 0
    memset(options, 0, sizeof(OuchOptions))
    while True:
        offset = ouch_tag_next(appendage, <size_t>offset, &tag)
        if offset <= 0:
            return count if offset == 0 else offset
        count += 1
        if hotpath_ouch_tag_sizes[tag.number] == 0:
            options.unknown += 1
            continue
        if hotpath_ouch_tag_sizes[tag.number] != tag.length:
            return CODEC_MALFORMED
        options.present |= <uint32_t>1 << tag.number
        value = tag.value
        if tag.number == OUCH_TAG_SECONDARY_ORDER_REF_NUM:
            options.secondary_order_ref_num = load_be64(value)
        elif tag.number == OUCH_TAG_FIRM:
            memcpy(options.firm, value, 4)
        elif tag.number == OUCH_TAG_MIN_QUANTITY:
            options.min_quantity = load_be32(value)
        elif tag.number == OUCH_TAG_CUSTOMER_TYPE:
            options.customer_type = value[0]
        elif tag.number == OUCH_TAG_MAX_FLOOR:
            options.max_floor = load_be32(value)
        elif tag.number == OUCH_TAG_PRICE_TYPE:
            options.price_type = value[0]
        elif tag.number == OUCH_TAG_PEG_OFFSET:
            options.peg_offset = <int32_t>load_be32(value)
        elif tag.number == OUCH_TAG_DISCRETION_PRICE:
            options.discretion_price = load_be63(value)
        elif tag.number == OUCH_TAG_DISCRETION_PRICE_TYPE:
            options.discretion_price_type = value[0]
        elif tag.number == OUCH_TAG_DISCRETION_PEG_OFFSET:
            options.discretion_peg_offset = <int32_t>load_be32(value)
        elif tag.number == OUCH_TAG_POST_ONLY:
            options.post_only = value[0]
        elif tag.number == OUCH_TAG_RANDOM_RESERVES:
            options.random_reserves = load_be32(value)
        elif tag.number == OUCH_TAG_ROUTE:
            memcpy(options.route, value, 4)
        elif tag.number == OUCH_TAG_EXPIRE_TIME_S:
            options.expire_time_s = load_be32(value)
        elif tag.number == OUCH_TAG_TRADE_NOW:
            options.trade_now = value[0]
        elif tag.number == OUCH_TAG_HANDLE_INST:
            options.handle_inst = value[0]
        elif tag.number == OUCH_TAG_BBO_WEIGHT_INDICATOR:
            options.bbo_weight_indicator = value[0]
        elif tag.number == OUCH_TAG_DISPLAY_QUANTITY:
            options.display_quantity = load_be32(value)
        elif tag.number == OUCH_TAG_DISPLAY_PRICE:
            options.display_price = load_be63(value)
        elif tag.number == OUCH_TAG_GROUP_ID:
            options.group_id = load_be16(value)
        elif tag.number == OUCH_TAG_SHARES_LOCATED:
            options.shares_located = value[0]
        elif tag.number == OUCH_TAG_LOCATE_BROKER:
            memcpy(options.locate_broker, value, 4)
        elif tag.number == OUCH_TAG_SIDE:
            options.side = value[0]
        elif tag.number == OUCH_TAG_USER_REF_INDEX:
            options.user_ref_index = value[0]
        elif tag.number == OUCH_TAG_AIQ_STRATEGY:
            options.aiq_strategy = value[0]
        elif tag.number == OUCH_TAG_AIQ_GROUP_ID:
            memcpy(options.aiq_group_id, value, 2)


cdef inline bint ouch_has(const OuchOptions* options, uint8_t number) noexcept nogil:
    return number < 32 and (options.present >> number) & 1


cdef inline int ouch_encode_options(const OuchOptions* options, uint8_t* out, size_t capacity) noexcept nogil:
    """Write the fields that `present` names, by rising tag. Returns the bytes written.

    CODEC_NO_SPACE, CODEC_RANGE for a negative price, CODEC_UNKNOWN_TYPE when `present` names a tag that does not exist.
    """
    cdef size_t used = 0
    cdef int rc = 0
    cdef uint8_t number
    for number in range(32):
        if not ouch_has(options, number):
            continue
        if number == OUCH_TAG_SECONDARY_ORDER_REF_NUM:
            rc = ouch_tag_put_u64(number, options.secondary_order_ref_num, out + used, capacity - used)
        elif number == OUCH_TAG_FIRM:
            rc = ouch_tag_put(number, <const uint8_t*>options.firm, 4, out + used, capacity - used)
        elif number == OUCH_TAG_MIN_QUANTITY:
            rc = ouch_tag_put_u32(number, options.min_quantity, out + used, capacity - used)
        elif number == OUCH_TAG_CUSTOMER_TYPE:
            rc = ouch_tag_put_u8(number, options.customer_type, out + used, capacity - used)
        elif number == OUCH_TAG_MAX_FLOOR:
            rc = ouch_tag_put_u32(number, options.max_floor, out + used, capacity - used)
        elif number == OUCH_TAG_PRICE_TYPE:
            rc = ouch_tag_put_u8(number, options.price_type, out + used, capacity - used)
        elif number == OUCH_TAG_PEG_OFFSET:
            rc = ouch_tag_put_u32(number, <uint32_t>options.peg_offset, out + used, capacity - used)
        elif number == OUCH_TAG_DISCRETION_PRICE:
            if options.discretion_price < 0:
                return CODEC_RANGE
            rc = ouch_tag_put_u64(number, <uint64_t>options.discretion_price, out + used, capacity - used)
        elif number == OUCH_TAG_DISCRETION_PRICE_TYPE:
            rc = ouch_tag_put_u8(number, options.discretion_price_type, out + used, capacity - used)
        elif number == OUCH_TAG_DISCRETION_PEG_OFFSET:
            rc = ouch_tag_put_u32(number, <uint32_t>options.discretion_peg_offset, out + used, capacity - used)
        elif number == OUCH_TAG_POST_ONLY:
            rc = ouch_tag_put_u8(number, options.post_only, out + used, capacity - used)
        elif number == OUCH_TAG_RANDOM_RESERVES:
            rc = ouch_tag_put_u32(number, options.random_reserves, out + used, capacity - used)
        elif number == OUCH_TAG_ROUTE:
            rc = ouch_tag_put(number, <const uint8_t*>options.route, 4, out + used, capacity - used)
        elif number == OUCH_TAG_EXPIRE_TIME_S:
            rc = ouch_tag_put_u32(number, options.expire_time_s, out + used, capacity - used)
        elif number == OUCH_TAG_TRADE_NOW:
            rc = ouch_tag_put_u8(number, options.trade_now, out + used, capacity - used)
        elif number == OUCH_TAG_HANDLE_INST:
            rc = ouch_tag_put_u8(number, options.handle_inst, out + used, capacity - used)
        elif number == OUCH_TAG_BBO_WEIGHT_INDICATOR:
            rc = ouch_tag_put_u8(number, options.bbo_weight_indicator, out + used, capacity - used)
        elif number == OUCH_TAG_DISPLAY_QUANTITY:
            rc = ouch_tag_put_u32(number, options.display_quantity, out + used, capacity - used)
        elif number == OUCH_TAG_DISPLAY_PRICE:
            if options.display_price < 0:
                return CODEC_RANGE
            rc = ouch_tag_put_u64(number, <uint64_t>options.display_price, out + used, capacity - used)
        elif number == OUCH_TAG_GROUP_ID:
            rc = ouch_tag_put_u16(number, options.group_id, out + used, capacity - used)
        elif number == OUCH_TAG_SHARES_LOCATED:
            rc = ouch_tag_put_u8(number, options.shares_located, out + used, capacity - used)
        elif number == OUCH_TAG_LOCATE_BROKER:
            rc = ouch_tag_put(number, <const uint8_t*>options.locate_broker, 4, out + used, capacity - used)
        elif number == OUCH_TAG_SIDE:
            rc = ouch_tag_put_u8(number, options.side, out + used, capacity - used)
        elif number == OUCH_TAG_USER_REF_INDEX:
            rc = ouch_tag_put_u8(number, options.user_ref_index, out + used, capacity - used)
        elif number == OUCH_TAG_AIQ_STRATEGY:
            rc = ouch_tag_put_u8(number, options.aiq_strategy, out + used, capacity - used)
        elif number == OUCH_TAG_AIQ_GROUP_ID:
            rc = ouch_tag_put(number, <const uint8_t*>options.aiq_group_id, 2, out + used, capacity - used)
        else:
            return CODEC_UNKNOWN_TYPE
        if rc < 0:
            return rc
        used += <size_t>rc
    return <int>used


cdef inline int _ouch_expect(const uint8_t* p, size_t n, uint8_t message_type, size_t body) noexcept nogil:
    if n == 0:
        return CODEC_TRUNCATED
    if p[0] != message_type:
        return CODEC_UNEXPECTED_TYPE
    if n < body:
        return CODEC_TRUNCATED
    return <int>body


cdef inline int _ouch_load_appendage(const uint8_t* p, size_t n, size_t body, OuchAppendage* appendage) noexcept nogil:
    cdef size_t total = body + OUCH_APPENDAGE_LENGTH_SIZE
    appendage.data = NULL
    appendage.length = 0
    appendage.present = 0
    if n == body:
        return <int>body
    if n < total:
        return CODEC_TRUNCATED
    appendage.present = 1
    appendage.length = load_be16(p + body)
    total += appendage.length
    if n < total:
        return CODEC_TRUNCATED
    if n > total:
        return CODEC_TRAILING
    appendage.data = p + body + OUCH_APPENDAGE_LENGTH_SIZE
    return <int>total


cdef inline size_t _ouch_size(size_t body, const OuchAppendage* appendage, bint required) noexcept nogil:
    if required or appendage.present or appendage.length:
        return body + OUCH_APPENDAGE_LENGTH_SIZE + appendage.length
    return body


cdef inline int _ouch_store_appendage(
    const OuchAppendage* appendage, uint8_t* out, size_t body, size_t size
) noexcept nogil:
    if size > body:
        store_be16(out + body, appendage.length)
        if appendage.length:
            memcpy(out + body + OUCH_APPENDAGE_LENGTH_SIZE, appendage.data, appendage.length)
    return <int>size


cdef inline int ouch_decode_in_enter_order(const uint8_t* p, size_t n, OuchInEnterOrder* m) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_IN_ENTER_ORDER, OUCH_IN_ENTER_ORDER_BODY)
    if rc < 0:
        return rc
    m.user_ref_num = load_be32(p + 1)
    m.side = p[5]
    m.quantity = load_be32(p + 6)
    memcpy(m.symbol, p + 10, 8)
    m.price = load_be63(p + 18)
    m.time_in_force = p[26]
    m.display = p[27]
    m.capacity = p[28]
    m.iso_eligibility = p[29]
    m.cross_type = p[30]
    memcpy(m.cl_ord_id, p + 31, 14)
    return _ouch_load_appendage(p, n, OUCH_IN_ENTER_ORDER_BODY, &m.appendage)


cdef inline int ouch_encode_in_enter_order(const OuchInEnterOrder* m, uint8_t* out, size_t capacity) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_IN_ENTER_ORDER_BODY, &m.appendage, True)
    if capacity < size:
        return CODEC_NO_SPACE
    if m.price < 0:
        return CODEC_RANGE
    out[0] = OUCH_IN_ENTER_ORDER
    store_be32(out + 1, m.user_ref_num)
    out[5] = m.side
    store_be32(out + 6, m.quantity)
    memcpy(out + 10, m.symbol, 8)
    store_be64(out + 18, <uint64_t>m.price)
    out[26] = m.time_in_force
    out[27] = m.display
    out[28] = m.capacity
    out[29] = m.iso_eligibility
    out[30] = m.cross_type
    memcpy(out + 31, m.cl_ord_id, 14)
    return _ouch_store_appendage(&m.appendage, out, OUCH_IN_ENTER_ORDER_BODY, size)


cdef inline int ouch_decode_in_replace_order(const uint8_t* p, size_t n, OuchInReplaceOrder* m) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_IN_REPLACE_ORDER, OUCH_IN_REPLACE_ORDER_BODY)
    if rc < 0:
        return rc
    m.orig_user_ref_num = load_be32(p + 1)
    m.user_ref_num = load_be32(p + 5)
    m.quantity = load_be32(p + 9)
    m.price = load_be63(p + 13)
    m.time_in_force = p[21]
    m.display = p[22]
    m.iso_eligibility = p[23]
    memcpy(m.cl_ord_id, p + 24, 14)
    return _ouch_load_appendage(p, n, OUCH_IN_REPLACE_ORDER_BODY, &m.appendage)


cdef inline int ouch_encode_in_replace_order(const OuchInReplaceOrder* m, uint8_t* out, size_t capacity) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_IN_REPLACE_ORDER_BODY, &m.appendage, True)
    if capacity < size:
        return CODEC_NO_SPACE
    if m.price < 0:
        return CODEC_RANGE
    out[0] = OUCH_IN_REPLACE_ORDER
    store_be32(out + 1, m.orig_user_ref_num)
    store_be32(out + 5, m.user_ref_num)
    store_be32(out + 9, m.quantity)
    store_be64(out + 13, <uint64_t>m.price)
    out[21] = m.time_in_force
    out[22] = m.display
    out[23] = m.iso_eligibility
    memcpy(out + 24, m.cl_ord_id, 14)
    return _ouch_store_appendage(&m.appendage, out, OUCH_IN_REPLACE_ORDER_BODY, size)


cdef inline int ouch_decode_in_cancel_order(const uint8_t* p, size_t n, OuchInCancelOrder* m) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_IN_CANCEL_ORDER, OUCH_IN_CANCEL_ORDER_BODY)
    if rc < 0:
        return rc
    m.user_ref_num = load_be32(p + 1)
    m.quantity = load_be32(p + 5)
    return _ouch_load_appendage(p, n, OUCH_IN_CANCEL_ORDER_BODY, &m.appendage)


cdef inline int ouch_encode_in_cancel_order(const OuchInCancelOrder* m, uint8_t* out, size_t capacity) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_IN_CANCEL_ORDER_BODY, &m.appendage, False)
    if capacity < size:
        return CODEC_NO_SPACE
    out[0] = OUCH_IN_CANCEL_ORDER
    store_be32(out + 1, m.user_ref_num)
    store_be32(out + 5, m.quantity)
    return _ouch_store_appendage(&m.appendage, out, OUCH_IN_CANCEL_ORDER_BODY, size)


cdef inline int ouch_decode_in_modify_order(const uint8_t* p, size_t n, OuchInModifyOrder* m) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_IN_MODIFY_ORDER, OUCH_IN_MODIFY_ORDER_BODY)
    if rc < 0:
        return rc
    m.user_ref_num = load_be32(p + 1)
    m.side = p[5]
    m.quantity = load_be32(p + 6)
    return _ouch_load_appendage(p, n, OUCH_IN_MODIFY_ORDER_BODY, &m.appendage)


cdef inline int ouch_encode_in_modify_order(const OuchInModifyOrder* m, uint8_t* out, size_t capacity) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_IN_MODIFY_ORDER_BODY, &m.appendage, False)
    if capacity < size:
        return CODEC_NO_SPACE
    out[0] = OUCH_IN_MODIFY_ORDER
    store_be32(out + 1, m.user_ref_num)
    out[5] = m.side
    store_be32(out + 6, m.quantity)
    return _ouch_store_appendage(&m.appendage, out, OUCH_IN_MODIFY_ORDER_BODY, size)


cdef inline int ouch_decode_in_mass_cancel(const uint8_t* p, size_t n, OuchInMassCancel* m) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_IN_MASS_CANCEL, OUCH_IN_MASS_CANCEL_BODY)
    if rc < 0:
        return rc
    m.user_ref_num = load_be32(p + 1)
    memcpy(m.firm, p + 5, 4)
    memcpy(m.symbol, p + 9, 8)
    return _ouch_load_appendage(p, n, OUCH_IN_MASS_CANCEL_BODY, &m.appendage)


cdef inline int ouch_encode_in_mass_cancel(const OuchInMassCancel* m, uint8_t* out, size_t capacity) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_IN_MASS_CANCEL_BODY, &m.appendage, True)
    if capacity < size:
        return CODEC_NO_SPACE
    out[0] = OUCH_IN_MASS_CANCEL
    store_be32(out + 1, m.user_ref_num)
    memcpy(out + 5, m.firm, 4)
    memcpy(out + 9, m.symbol, 8)
    return _ouch_store_appendage(&m.appendage, out, OUCH_IN_MASS_CANCEL_BODY, size)


cdef inline int ouch_decode_in_disable_order_entry(
    const uint8_t* p, size_t n, OuchInDisableOrderEntry* m
) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_IN_DISABLE_ORDER_ENTRY, OUCH_IN_DISABLE_ORDER_ENTRY_BODY)
    if rc < 0:
        return rc
    m.user_ref_num = load_be32(p + 1)
    memcpy(m.firm, p + 5, 4)
    return _ouch_load_appendage(p, n, OUCH_IN_DISABLE_ORDER_ENTRY_BODY, &m.appendage)


cdef inline int ouch_encode_in_disable_order_entry(
    const OuchInDisableOrderEntry* m, uint8_t* out, size_t capacity
) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_IN_DISABLE_ORDER_ENTRY_BODY, &m.appendage, True)
    if capacity < size:
        return CODEC_NO_SPACE
    out[0] = OUCH_IN_DISABLE_ORDER_ENTRY
    store_be32(out + 1, m.user_ref_num)
    memcpy(out + 5, m.firm, 4)
    return _ouch_store_appendage(&m.appendage, out, OUCH_IN_DISABLE_ORDER_ENTRY_BODY, size)


cdef inline int ouch_decode_in_enable_order_entry(const uint8_t* p, size_t n, OuchInEnableOrderEntry* m) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_IN_ENABLE_ORDER_ENTRY, OUCH_IN_ENABLE_ORDER_ENTRY_BODY)
    if rc < 0:
        return rc
    m.user_ref_num = load_be32(p + 1)
    memcpy(m.firm, p + 5, 4)
    return _ouch_load_appendage(p, n, OUCH_IN_ENABLE_ORDER_ENTRY_BODY, &m.appendage)


cdef inline int ouch_encode_in_enable_order_entry(
    const OuchInEnableOrderEntry* m, uint8_t* out, size_t capacity
) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_IN_ENABLE_ORDER_ENTRY_BODY, &m.appendage, True)
    if capacity < size:
        return CODEC_NO_SPACE
    out[0] = OUCH_IN_ENABLE_ORDER_ENTRY
    store_be32(out + 1, m.user_ref_num)
    memcpy(out + 5, m.firm, 4)
    return _ouch_store_appendage(&m.appendage, out, OUCH_IN_ENABLE_ORDER_ENTRY_BODY, size)


cdef inline int ouch_decode_in_account_query(const uint8_t* p, size_t n, OuchInAccountQuery* m) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_IN_ACCOUNT_QUERY, OUCH_IN_ACCOUNT_QUERY_BODY)
    if rc < 0:
        return rc
    return _ouch_load_appendage(p, n, OUCH_IN_ACCOUNT_QUERY_BODY, &m.appendage)


cdef inline int ouch_encode_in_account_query(const OuchInAccountQuery* m, uint8_t* out, size_t capacity) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_IN_ACCOUNT_QUERY_BODY, &m.appendage, False)
    if capacity < size:
        return CODEC_NO_SPACE
    out[0] = OUCH_IN_ACCOUNT_QUERY
    return _ouch_store_appendage(&m.appendage, out, OUCH_IN_ACCOUNT_QUERY_BODY, size)


cdef inline int ouch_decode_out_system_event(const uint8_t* p, size_t n, OuchOutSystemEvent* m) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_OUT_SYSTEM_EVENT, OUCH_OUT_SYSTEM_EVENT_BODY)
    if rc < 0:
        return rc
    m.timestamp_ns = load_be63(p + 1)
    m.event_code = p[9]
    if n > OUCH_OUT_SYSTEM_EVENT_BODY:
        return CODEC_TRAILING
    return rc


cdef inline int ouch_encode_out_system_event(const OuchOutSystemEvent* m, uint8_t* out, size_t capacity) noexcept nogil:
    if capacity < OUCH_OUT_SYSTEM_EVENT_BODY:
        return CODEC_NO_SPACE
    if m.timestamp_ns < 0:
        return CODEC_RANGE
    out[0] = OUCH_OUT_SYSTEM_EVENT
    store_be64(out + 1, <uint64_t>m.timestamp_ns)
    out[9] = m.event_code
    return OUCH_OUT_SYSTEM_EVENT_BODY


cdef inline int ouch_decode_out_order_accepted(const uint8_t* p, size_t n, OuchOutOrderAccepted* m) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_OUT_ORDER_ACCEPTED, OUCH_OUT_ORDER_ACCEPTED_BODY)
    if rc < 0:
        return rc
    m.timestamp_ns = load_be63(p + 1)
    m.user_ref_num = load_be32(p + 9)
    m.side = p[13]
    m.quantity = load_be32(p + 14)
    memcpy(m.symbol, p + 18, 8)
    m.price = load_be63(p + 26)
    m.time_in_force = p[34]
    m.display = p[35]
    m.order_reference_number = load_be64(p + 36)
    m.capacity = p[44]
    m.iso_eligibility = p[45]
    m.cross_type = p[46]
    m.order_state = p[47]
    memcpy(m.cl_ord_id, p + 48, 14)
    return _ouch_load_appendage(p, n, OUCH_OUT_ORDER_ACCEPTED_BODY, &m.appendage)


cdef inline int ouch_encode_out_order_accepted(
    const OuchOutOrderAccepted* m, uint8_t* out, size_t capacity
) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_OUT_ORDER_ACCEPTED_BODY, &m.appendage, True)
    if capacity < size:
        return CODEC_NO_SPACE
    if m.timestamp_ns < 0 or m.price < 0:
        return CODEC_RANGE
    out[0] = OUCH_OUT_ORDER_ACCEPTED
    store_be64(out + 1, <uint64_t>m.timestamp_ns)
    store_be32(out + 9, m.user_ref_num)
    out[13] = m.side
    store_be32(out + 14, m.quantity)
    memcpy(out + 18, m.symbol, 8)
    store_be64(out + 26, <uint64_t>m.price)
    out[34] = m.time_in_force
    out[35] = m.display
    store_be64(out + 36, m.order_reference_number)
    out[44] = m.capacity
    out[45] = m.iso_eligibility
    out[46] = m.cross_type
    out[47] = m.order_state
    memcpy(out + 48, m.cl_ord_id, 14)
    return _ouch_store_appendage(&m.appendage, out, OUCH_OUT_ORDER_ACCEPTED_BODY, size)


cdef inline int ouch_decode_out_order_replaced(const uint8_t* p, size_t n, OuchOutOrderReplaced* m) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_OUT_ORDER_REPLACED, OUCH_OUT_ORDER_REPLACED_BODY)
    if rc < 0:
        return rc
    m.timestamp_ns = load_be63(p + 1)
    m.orig_user_ref_num = load_be32(p + 9)
    m.user_ref_num = load_be32(p + 13)
    m.side = p[17]
    m.quantity = load_be32(p + 18)
    memcpy(m.symbol, p + 22, 8)
    m.price = load_be63(p + 30)
    m.time_in_force = p[38]
    m.display = p[39]
    m.order_reference_number = load_be64(p + 40)
    m.capacity = p[48]
    m.iso_eligibility = p[49]
    m.cross_type = p[50]
    m.order_state = p[51]
    memcpy(m.cl_ord_id, p + 52, 14)
    return _ouch_load_appendage(p, n, OUCH_OUT_ORDER_REPLACED_BODY, &m.appendage)


cdef inline int ouch_encode_out_order_replaced(
    const OuchOutOrderReplaced* m, uint8_t* out, size_t capacity
) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_OUT_ORDER_REPLACED_BODY, &m.appendage, True)
    if capacity < size:
        return CODEC_NO_SPACE
    if m.timestamp_ns < 0 or m.price < 0:
        return CODEC_RANGE
    out[0] = OUCH_OUT_ORDER_REPLACED
    store_be64(out + 1, <uint64_t>m.timestamp_ns)
    store_be32(out + 9, m.orig_user_ref_num)
    store_be32(out + 13, m.user_ref_num)
    out[17] = m.side
    store_be32(out + 18, m.quantity)
    memcpy(out + 22, m.symbol, 8)
    store_be64(out + 30, <uint64_t>m.price)
    out[38] = m.time_in_force
    out[39] = m.display
    store_be64(out + 40, m.order_reference_number)
    out[48] = m.capacity
    out[49] = m.iso_eligibility
    out[50] = m.cross_type
    out[51] = m.order_state
    memcpy(out + 52, m.cl_ord_id, 14)
    return _ouch_store_appendage(&m.appendage, out, OUCH_OUT_ORDER_REPLACED_BODY, size)


cdef inline int ouch_decode_out_order_canceled(const uint8_t* p, size_t n, OuchOutOrderCanceled* m) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_OUT_ORDER_CANCELED, OUCH_OUT_ORDER_CANCELED_BODY)
    if rc < 0:
        return rc
    m.timestamp_ns = load_be63(p + 1)
    m.user_ref_num = load_be32(p + 9)
    m.quantity = load_be32(p + 13)
    m.reason = p[17]
    return _ouch_load_appendage(p, n, OUCH_OUT_ORDER_CANCELED_BODY, &m.appendage)


cdef inline int ouch_encode_out_order_canceled(
    const OuchOutOrderCanceled* m, uint8_t* out, size_t capacity
) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_OUT_ORDER_CANCELED_BODY, &m.appendage, False)
    if capacity < size:
        return CODEC_NO_SPACE
    if m.timestamp_ns < 0:
        return CODEC_RANGE
    out[0] = OUCH_OUT_ORDER_CANCELED
    store_be64(out + 1, <uint64_t>m.timestamp_ns)
    store_be32(out + 9, m.user_ref_num)
    store_be32(out + 13, m.quantity)
    out[17] = m.reason
    return _ouch_store_appendage(&m.appendage, out, OUCH_OUT_ORDER_CANCELED_BODY, size)


cdef inline int ouch_decode_out_aiq_canceled(const uint8_t* p, size_t n, OuchOutAiqCanceled* m) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_OUT_AIQ_CANCELED, OUCH_OUT_AIQ_CANCELED_BODY)
    if rc < 0:
        return rc
    m.timestamp_ns = load_be63(p + 1)
    m.user_ref_num = load_be32(p + 9)
    m.decrement_shares = load_be32(p + 13)
    m.reason = p[17]
    m.quantity_prevented = load_be32(p + 18)
    m.execution_price = load_be63(p + 22)
    m.liquidity_flag = p[30]
    m.aiq_strategy = p[31]
    return _ouch_load_appendage(p, n, OUCH_OUT_AIQ_CANCELED_BODY, &m.appendage)


cdef inline int ouch_encode_out_aiq_canceled(const OuchOutAiqCanceled* m, uint8_t* out, size_t capacity) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_OUT_AIQ_CANCELED_BODY, &m.appendage, False)
    if capacity < size:
        return CODEC_NO_SPACE
    if m.timestamp_ns < 0 or m.execution_price < 0:
        return CODEC_RANGE
    out[0] = OUCH_OUT_AIQ_CANCELED
    store_be64(out + 1, <uint64_t>m.timestamp_ns)
    store_be32(out + 9, m.user_ref_num)
    store_be32(out + 13, m.decrement_shares)
    out[17] = m.reason
    store_be32(out + 18, m.quantity_prevented)
    store_be64(out + 22, <uint64_t>m.execution_price)
    out[30] = m.liquidity_flag
    out[31] = m.aiq_strategy
    return _ouch_store_appendage(&m.appendage, out, OUCH_OUT_AIQ_CANCELED_BODY, size)


cdef inline int ouch_decode_out_order_executed(const uint8_t* p, size_t n, OuchOutOrderExecuted* m) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_OUT_ORDER_EXECUTED, OUCH_OUT_ORDER_EXECUTED_BODY)
    if rc < 0:
        return rc
    m.timestamp_ns = load_be63(p + 1)
    m.user_ref_num = load_be32(p + 9)
    m.quantity = load_be32(p + 13)
    m.price = load_be63(p + 17)
    m.liquidity_flag = p[25]
    m.match_number = load_be64(p + 26)
    return _ouch_load_appendage(p, n, OUCH_OUT_ORDER_EXECUTED_BODY, &m.appendage)


cdef inline int ouch_encode_out_order_executed(
    const OuchOutOrderExecuted* m, uint8_t* out, size_t capacity
) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_OUT_ORDER_EXECUTED_BODY, &m.appendage, True)
    if capacity < size:
        return CODEC_NO_SPACE
    if m.timestamp_ns < 0 or m.price < 0:
        return CODEC_RANGE
    out[0] = OUCH_OUT_ORDER_EXECUTED
    store_be64(out + 1, <uint64_t>m.timestamp_ns)
    store_be32(out + 9, m.user_ref_num)
    store_be32(out + 13, m.quantity)
    store_be64(out + 17, <uint64_t>m.price)
    out[25] = m.liquidity_flag
    store_be64(out + 26, m.match_number)
    return _ouch_store_appendage(&m.appendage, out, OUCH_OUT_ORDER_EXECUTED_BODY, size)


cdef inline int ouch_decode_out_broken_trade(const uint8_t* p, size_t n, OuchOutBrokenTrade* m) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_OUT_BROKEN_TRADE, OUCH_OUT_BROKEN_TRADE_BODY)
    if rc < 0:
        return rc
    m.timestamp_ns = load_be63(p + 1)
    m.user_ref_num = load_be32(p + 9)
    m.match_number = load_be64(p + 13)
    m.reason = p[21]
    memcpy(m.cl_ord_id, p + 22, 14)
    return _ouch_load_appendage(p, n, OUCH_OUT_BROKEN_TRADE_BODY, &m.appendage)


cdef inline int ouch_encode_out_broken_trade(const OuchOutBrokenTrade* m, uint8_t* out, size_t capacity) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_OUT_BROKEN_TRADE_BODY, &m.appendage, False)
    if capacity < size:
        return CODEC_NO_SPACE
    if m.timestamp_ns < 0:
        return CODEC_RANGE
    out[0] = OUCH_OUT_BROKEN_TRADE
    store_be64(out + 1, <uint64_t>m.timestamp_ns)
    store_be32(out + 9, m.user_ref_num)
    store_be64(out + 13, m.match_number)
    out[21] = m.reason
    memcpy(out + 22, m.cl_ord_id, 14)
    return _ouch_store_appendage(&m.appendage, out, OUCH_OUT_BROKEN_TRADE_BODY, size)


cdef inline int ouch_decode_out_rejected(const uint8_t* p, size_t n, OuchOutRejected* m) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_OUT_REJECTED, OUCH_OUT_REJECTED_BODY)
    if rc < 0:
        return rc
    m.timestamp_ns = load_be63(p + 1)
    m.user_ref_num = load_be32(p + 9)
    m.reason = load_be16(p + 13)
    memcpy(m.cl_ord_id, p + 15, 14)
    return _ouch_load_appendage(p, n, OUCH_OUT_REJECTED_BODY, &m.appendage)


cdef inline int ouch_encode_out_rejected(const OuchOutRejected* m, uint8_t* out, size_t capacity) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_OUT_REJECTED_BODY, &m.appendage, False)
    if capacity < size:
        return CODEC_NO_SPACE
    if m.timestamp_ns < 0:
        return CODEC_RANGE
    out[0] = OUCH_OUT_REJECTED
    store_be64(out + 1, <uint64_t>m.timestamp_ns)
    store_be32(out + 9, m.user_ref_num)
    store_be16(out + 13, m.reason)
    memcpy(out + 15, m.cl_ord_id, 14)
    return _ouch_store_appendage(&m.appendage, out, OUCH_OUT_REJECTED_BODY, size)


cdef inline int ouch_decode_out_priority_update(const uint8_t* p, size_t n, OuchOutPriorityUpdate* m) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_OUT_PRIORITY_UPDATE, OUCH_OUT_PRIORITY_UPDATE_BODY)
    if rc < 0:
        return rc
    m.timestamp_ns = load_be63(p + 1)
    m.user_ref_num = load_be32(p + 9)
    m.price = load_be63(p + 13)
    m.display = p[21]
    m.order_reference_number = load_be64(p + 22)
    return _ouch_load_appendage(p, n, OUCH_OUT_PRIORITY_UPDATE_BODY, &m.appendage)


cdef inline int ouch_encode_out_priority_update(
    const OuchOutPriorityUpdate* m, uint8_t* out, size_t capacity
) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_OUT_PRIORITY_UPDATE_BODY, &m.appendage, False)
    if capacity < size:
        return CODEC_NO_SPACE
    if m.timestamp_ns < 0 or m.price < 0:
        return CODEC_RANGE
    out[0] = OUCH_OUT_PRIORITY_UPDATE
    store_be64(out + 1, <uint64_t>m.timestamp_ns)
    store_be32(out + 9, m.user_ref_num)
    store_be64(out + 13, <uint64_t>m.price)
    out[21] = m.display
    store_be64(out + 22, m.order_reference_number)
    return _ouch_store_appendage(&m.appendage, out, OUCH_OUT_PRIORITY_UPDATE_BODY, size)


cdef inline int ouch_decode_out_order_modified(const uint8_t* p, size_t n, OuchOutOrderModified* m) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_OUT_ORDER_MODIFIED, OUCH_OUT_ORDER_MODIFIED_BODY)
    if rc < 0:
        return rc
    m.timestamp_ns = load_be63(p + 1)
    m.user_ref_num = load_be32(p + 9)
    m.side = p[13]
    m.quantity = load_be32(p + 14)
    return _ouch_load_appendage(p, n, OUCH_OUT_ORDER_MODIFIED_BODY, &m.appendage)


cdef inline int ouch_encode_out_order_modified(
    const OuchOutOrderModified* m, uint8_t* out, size_t capacity
) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_OUT_ORDER_MODIFIED_BODY, &m.appendage, False)
    if capacity < size:
        return CODEC_NO_SPACE
    if m.timestamp_ns < 0:
        return CODEC_RANGE
    out[0] = OUCH_OUT_ORDER_MODIFIED
    store_be64(out + 1, <uint64_t>m.timestamp_ns)
    store_be32(out + 9, m.user_ref_num)
    out[13] = m.side
    store_be32(out + 14, m.quantity)
    return _ouch_store_appendage(&m.appendage, out, OUCH_OUT_ORDER_MODIFIED_BODY, size)


cdef inline int ouch_decode_out_order_restated(const uint8_t* p, size_t n, OuchOutOrderRestated* m) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_OUT_ORDER_RESTATED, OUCH_OUT_ORDER_RESTATED_BODY)
    if rc < 0:
        return rc
    m.timestamp_ns = load_be63(p + 1)
    m.user_ref_num = load_be32(p + 9)
    m.reason = p[13]
    return _ouch_load_appendage(p, n, OUCH_OUT_ORDER_RESTATED_BODY, &m.appendage)


cdef inline int ouch_encode_out_order_restated(
    const OuchOutOrderRestated* m, uint8_t* out, size_t capacity
) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_OUT_ORDER_RESTATED_BODY, &m.appendage, True)
    if capacity < size:
        return CODEC_NO_SPACE
    if m.timestamp_ns < 0:
        return CODEC_RANGE
    out[0] = OUCH_OUT_ORDER_RESTATED
    store_be64(out + 1, <uint64_t>m.timestamp_ns)
    store_be32(out + 9, m.user_ref_num)
    out[13] = m.reason
    return _ouch_store_appendage(&m.appendage, out, OUCH_OUT_ORDER_RESTATED_BODY, size)


cdef inline int ouch_decode_out_mass_cancel_response(
    const uint8_t* p, size_t n, OuchOutMassCancelResponse* m
) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_OUT_MASS_CANCEL_RESPONSE, OUCH_OUT_MASS_CANCEL_RESPONSE_BODY)
    if rc < 0:
        return rc
    m.timestamp_ns = load_be63(p + 1)
    m.user_ref_num = load_be32(p + 9)
    memcpy(m.firm, p + 13, 4)
    memcpy(m.symbol, p + 17, 8)
    return _ouch_load_appendage(p, n, OUCH_OUT_MASS_CANCEL_RESPONSE_BODY, &m.appendage)


cdef inline int ouch_encode_out_mass_cancel_response(
    const OuchOutMassCancelResponse* m, uint8_t* out, size_t capacity
) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_OUT_MASS_CANCEL_RESPONSE_BODY, &m.appendage, True)
    if capacity < size:
        return CODEC_NO_SPACE
    if m.timestamp_ns < 0:
        return CODEC_RANGE
    out[0] = OUCH_OUT_MASS_CANCEL_RESPONSE
    store_be64(out + 1, <uint64_t>m.timestamp_ns)
    store_be32(out + 9, m.user_ref_num)
    memcpy(out + 13, m.firm, 4)
    memcpy(out + 17, m.symbol, 8)
    return _ouch_store_appendage(&m.appendage, out, OUCH_OUT_MASS_CANCEL_RESPONSE_BODY, size)


cdef inline int ouch_decode_out_disable_order_entry_response(
    const uint8_t* p, size_t n, OuchOutDisableOrderEntryResponse* m
) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_OUT_DISABLE_ORDER_ENTRY_RESPONSE, OUCH_OUT_DISABLE_ORDER_ENTRY_RESPONSE_BODY)
    if rc < 0:
        return rc
    m.timestamp_ns = load_be63(p + 1)
    m.user_ref_num = load_be32(p + 9)
    memcpy(m.firm, p + 13, 4)
    return _ouch_load_appendage(p, n, OUCH_OUT_DISABLE_ORDER_ENTRY_RESPONSE_BODY, &m.appendage)


cdef inline int ouch_encode_out_disable_order_entry_response(
    const OuchOutDisableOrderEntryResponse* m, uint8_t* out, size_t capacity
) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_OUT_DISABLE_ORDER_ENTRY_RESPONSE_BODY, &m.appendage, True)
    if capacity < size:
        return CODEC_NO_SPACE
    if m.timestamp_ns < 0:
        return CODEC_RANGE
    out[0] = OUCH_OUT_DISABLE_ORDER_ENTRY_RESPONSE
    store_be64(out + 1, <uint64_t>m.timestamp_ns)
    store_be32(out + 9, m.user_ref_num)
    memcpy(out + 13, m.firm, 4)
    return _ouch_store_appendage(&m.appendage, out, OUCH_OUT_DISABLE_ORDER_ENTRY_RESPONSE_BODY, size)


cdef inline int ouch_decode_out_enable_order_entry_response(
    const uint8_t* p, size_t n, OuchOutEnableOrderEntryResponse* m
) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_OUT_ENABLE_ORDER_ENTRY_RESPONSE, OUCH_OUT_ENABLE_ORDER_ENTRY_RESPONSE_BODY)
    if rc < 0:
        return rc
    m.timestamp_ns = load_be63(p + 1)
    m.user_ref_num = load_be32(p + 9)
    memcpy(m.firm, p + 13, 4)
    return _ouch_load_appendage(p, n, OUCH_OUT_ENABLE_ORDER_ENTRY_RESPONSE_BODY, &m.appendage)


cdef inline int ouch_encode_out_enable_order_entry_response(
    const OuchOutEnableOrderEntryResponse* m, uint8_t* out, size_t capacity
) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_OUT_ENABLE_ORDER_ENTRY_RESPONSE_BODY, &m.appendage, True)
    if capacity < size:
        return CODEC_NO_SPACE
    if m.timestamp_ns < 0:
        return CODEC_RANGE
    out[0] = OUCH_OUT_ENABLE_ORDER_ENTRY_RESPONSE
    store_be64(out + 1, <uint64_t>m.timestamp_ns)
    store_be32(out + 9, m.user_ref_num)
    memcpy(out + 13, m.firm, 4)
    return _ouch_store_appendage(&m.appendage, out, OUCH_OUT_ENABLE_ORDER_ENTRY_RESPONSE_BODY, size)


cdef inline int ouch_decode_out_cancel_pending(const uint8_t* p, size_t n, OuchOutCancelPending* m) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_OUT_CANCEL_PENDING, OUCH_OUT_CANCEL_PENDING_BODY)
    if rc < 0:
        return rc
    m.timestamp_ns = load_be63(p + 1)
    m.user_ref_num = load_be32(p + 9)
    return _ouch_load_appendage(p, n, OUCH_OUT_CANCEL_PENDING_BODY, &m.appendage)


cdef inline int ouch_encode_out_cancel_pending(
    const OuchOutCancelPending* m, uint8_t* out, size_t capacity
) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_OUT_CANCEL_PENDING_BODY, &m.appendage, False)
    if capacity < size:
        return CODEC_NO_SPACE
    if m.timestamp_ns < 0:
        return CODEC_RANGE
    out[0] = OUCH_OUT_CANCEL_PENDING
    store_be64(out + 1, <uint64_t>m.timestamp_ns)
    store_be32(out + 9, m.user_ref_num)
    return _ouch_store_appendage(&m.appendage, out, OUCH_OUT_CANCEL_PENDING_BODY, size)


cdef inline int ouch_decode_out_cancel_reject(const uint8_t* p, size_t n, OuchOutCancelReject* m) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_OUT_CANCEL_REJECT, OUCH_OUT_CANCEL_REJECT_BODY)
    if rc < 0:
        return rc
    m.timestamp_ns = load_be63(p + 1)
    m.user_ref_num = load_be32(p + 9)
    return _ouch_load_appendage(p, n, OUCH_OUT_CANCEL_REJECT_BODY, &m.appendage)


cdef inline int ouch_encode_out_cancel_reject(
    const OuchOutCancelReject* m, uint8_t* out, size_t capacity
) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_OUT_CANCEL_REJECT_BODY, &m.appendage, False)
    if capacity < size:
        return CODEC_NO_SPACE
    if m.timestamp_ns < 0:
        return CODEC_RANGE
    out[0] = OUCH_OUT_CANCEL_REJECT
    store_be64(out + 1, <uint64_t>m.timestamp_ns)
    store_be32(out + 9, m.user_ref_num)
    return _ouch_store_appendage(&m.appendage, out, OUCH_OUT_CANCEL_REJECT_BODY, size)


cdef inline int ouch_decode_out_account_query_response(
    const uint8_t* p, size_t n, OuchOutAccountQueryResponse* m
) noexcept nogil:
    cdef int rc = _ouch_expect(p, n, OUCH_OUT_ACCOUNT_QUERY_RESPONSE, OUCH_OUT_ACCOUNT_QUERY_RESPONSE_BODY)
    if rc < 0:
        return rc
    m.timestamp_ns = load_be63(p + 1)
    m.next_user_ref_num = load_be32(p + 9)
    return _ouch_load_appendage(p, n, OUCH_OUT_ACCOUNT_QUERY_RESPONSE_BODY, &m.appendage)


cdef inline int ouch_encode_out_account_query_response(
    const OuchOutAccountQueryResponse* m, uint8_t* out, size_t capacity
) noexcept nogil:
    cdef size_t size = _ouch_size(OUCH_OUT_ACCOUNT_QUERY_RESPONSE_BODY, &m.appendage, False)
    if capacity < size:
        return CODEC_NO_SPACE
    if m.timestamp_ns < 0:
        return CODEC_RANGE
    out[0] = OUCH_OUT_ACCOUNT_QUERY_RESPONSE
    store_be64(out + 1, <uint64_t>m.timestamp_ns)
    store_be32(out + 9, m.next_user_ref_num)
    return _ouch_store_appendage(&m.appendage, out, OUCH_OUT_ACCOUNT_QUERY_RESPONSE_BODY, size)


cdef inline int ouch_in_body(uint8_t message_type) noexcept nogil:
    """Bytes before appendage_length of an inbound message type; 0 for an unknown one."""
    if message_type == OUCH_IN_ENTER_ORDER:
        return OUCH_IN_ENTER_ORDER_BODY
    elif message_type == OUCH_IN_REPLACE_ORDER:
        return OUCH_IN_REPLACE_ORDER_BODY
    elif message_type == OUCH_IN_CANCEL_ORDER:
        return OUCH_IN_CANCEL_ORDER_BODY
    elif message_type == OUCH_IN_MODIFY_ORDER:
        return OUCH_IN_MODIFY_ORDER_BODY
    elif message_type == OUCH_IN_MASS_CANCEL:
        return OUCH_IN_MASS_CANCEL_BODY
    elif message_type == OUCH_IN_DISABLE_ORDER_ENTRY:
        return OUCH_IN_DISABLE_ORDER_ENTRY_BODY
    elif message_type == OUCH_IN_ENABLE_ORDER_ENTRY:
        return OUCH_IN_ENABLE_ORDER_ENTRY_BODY
    elif message_type == OUCH_IN_ACCOUNT_QUERY:
        return OUCH_IN_ACCOUNT_QUERY_BODY
    return 0


cdef inline int ouch_out_body(uint8_t message_type) noexcept nogil:
    """Bytes before appendage_length of an outbound message type; 0 for an unknown one."""
    if message_type == OUCH_OUT_SYSTEM_EVENT:
        return OUCH_OUT_SYSTEM_EVENT_BODY
    elif message_type == OUCH_OUT_ORDER_ACCEPTED:
        return OUCH_OUT_ORDER_ACCEPTED_BODY
    elif message_type == OUCH_OUT_ORDER_REPLACED:
        return OUCH_OUT_ORDER_REPLACED_BODY
    elif message_type == OUCH_OUT_ORDER_CANCELED:
        return OUCH_OUT_ORDER_CANCELED_BODY
    elif message_type == OUCH_OUT_AIQ_CANCELED:
        return OUCH_OUT_AIQ_CANCELED_BODY
    elif message_type == OUCH_OUT_ORDER_EXECUTED:
        return OUCH_OUT_ORDER_EXECUTED_BODY
    elif message_type == OUCH_OUT_BROKEN_TRADE:
        return OUCH_OUT_BROKEN_TRADE_BODY
    elif message_type == OUCH_OUT_REJECTED:
        return OUCH_OUT_REJECTED_BODY
    elif message_type == OUCH_OUT_PRIORITY_UPDATE:
        return OUCH_OUT_PRIORITY_UPDATE_BODY
    elif message_type == OUCH_OUT_ORDER_MODIFIED:
        return OUCH_OUT_ORDER_MODIFIED_BODY
    elif message_type == OUCH_OUT_ORDER_RESTATED:
        return OUCH_OUT_ORDER_RESTATED_BODY
    elif message_type == OUCH_OUT_MASS_CANCEL_RESPONSE:
        return OUCH_OUT_MASS_CANCEL_RESPONSE_BODY
    elif message_type == OUCH_OUT_DISABLE_ORDER_ENTRY_RESPONSE:
        return OUCH_OUT_DISABLE_ORDER_ENTRY_RESPONSE_BODY
    elif message_type == OUCH_OUT_ENABLE_ORDER_ENTRY_RESPONSE:
        return OUCH_OUT_ENABLE_ORDER_ENTRY_RESPONSE_BODY
    elif message_type == OUCH_OUT_CANCEL_PENDING:
        return OUCH_OUT_CANCEL_PENDING_BODY
    elif message_type == OUCH_OUT_CANCEL_REJECT:
        return OUCH_OUT_CANCEL_REJECT_BODY
    elif message_type == OUCH_OUT_ACCOUNT_QUERY_RESPONSE:
        return OUCH_OUT_ACCOUNT_QUERY_RESPONSE_BODY
    return 0
