"""Nasdaq TotalView-ITCH 5.0: all 23 message types, decode and encode.

Prices are int64 in 1/10,000 of a dollar, except MWCB levels (1/100,000,000). timestamp_ns is ns since midnight,
US Eastern. Text fields keep their wire padding (spaces on the right). A decoder takes a message and the length of its
envelope, reads only the layout's own bytes (a longer message is accepted) and returns that layout length or a
CodecError. An encoder returns the bytes written or a CodecError.
"""
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from hotpath.protocols.byteorder cimport (
    fits_u32, fits_u48, load_be16, load_be32, load_be48, load_be63, load_be64,
    store_be16, store_be32, store_be48, store_be64,
)
from hotpath.protocols.codec cimport (
    CODEC_NO_SPACE, CODEC_RANGE, CODEC_TRUNCATED, CODEC_UNEXPECTED_TYPE, CODEC_UNKNOWN_TYPE,
)

cdef enum ItchType:
    ITCH_SYSTEM_EVENT = 0x53  # S
    ITCH_STOCK_DIRECTORY = 0x52  # R
    ITCH_STOCK_TRADING_ACTION = 0x48  # H
    ITCH_REG_SHO_RESTRICTION = 0x59  # Y
    ITCH_MARKET_PARTICIPANT_POSITION = 0x4C  # L
    ITCH_MWCB_DECLINE_LEVEL = 0x56  # V
    ITCH_MWCB_STATUS = 0x57  # W
    ITCH_IPO_QUOTING_PERIOD = 0x4B  # K
    ITCH_LULD_AUCTION_COLLAR = 0x4A  # J
    ITCH_OPERATIONAL_HALT = 0x68  # h
    ITCH_ADD_ORDER = 0x41  # A
    ITCH_ADD_ORDER_ATTRIBUTED = 0x46  # F
    ITCH_ORDER_EXECUTED = 0x45  # E
    ITCH_ORDER_EXECUTED_WITH_PRICE = 0x43  # C
    ITCH_ORDER_CANCEL = 0x58  # X
    ITCH_ORDER_DELETE = 0x44  # D
    ITCH_ORDER_REPLACE = 0x55  # U
    ITCH_TRADE = 0x50  # P
    ITCH_CROSS_TRADE = 0x51  # Q
    ITCH_BROKEN_TRADE = 0x42  # B
    ITCH_NET_ORDER_IMBALANCE = 0x49  # I
    ITCH_RETAIL_INTEREST = 0x4E  # N
    ITCH_PRICE_DISCOVERY = 0x4F  # O

cdef enum ItchLength:
    ITCH_SYSTEM_EVENT_LENGTH = 12
    ITCH_STOCK_DIRECTORY_LENGTH = 39
    ITCH_STOCK_TRADING_ACTION_LENGTH = 25
    ITCH_REG_SHO_RESTRICTION_LENGTH = 20
    ITCH_MARKET_PARTICIPANT_POSITION_LENGTH = 26
    ITCH_MWCB_DECLINE_LEVEL_LENGTH = 35
    ITCH_MWCB_STATUS_LENGTH = 12
    ITCH_IPO_QUOTING_PERIOD_LENGTH = 28
    ITCH_LULD_AUCTION_COLLAR_LENGTH = 35
    ITCH_OPERATIONAL_HALT_LENGTH = 21
    ITCH_ADD_ORDER_LENGTH = 36
    ITCH_ADD_ORDER_ATTRIBUTED_LENGTH = 40
    ITCH_ORDER_EXECUTED_LENGTH = 31
    ITCH_ORDER_EXECUTED_WITH_PRICE_LENGTH = 36
    ITCH_ORDER_CANCEL_LENGTH = 23
    ITCH_ORDER_DELETE_LENGTH = 19
    ITCH_ORDER_REPLACE_LENGTH = 35
    ITCH_TRADE_LENGTH = 44
    ITCH_CROSS_TRADE_LENGTH = 40
    ITCH_BROKEN_TRADE_LENGTH = 19
    ITCH_NET_ORDER_IMBALANCE_LENGTH = 50
    ITCH_RETAIL_INTEREST_LENGTH = 20
    ITCH_PRICE_DISCOVERY_LENGTH = 48

cdef enum:
    ITCH_HEADER_LENGTH = 11
    ITCH_MAX_LENGTH = 50
    ITCH_MAX_PRICE = 2000000000      # 200,000.0000

cdef enum ItchEventCode:
    ITCH_START_OF_MESSAGES = 0x4F  # O
    ITCH_START_OF_SYSTEM_HOURS = 0x53  # S
    ITCH_START_OF_MARKET_HOURS = 0x51  # Q
    ITCH_END_OF_MARKET_HOURS = 0x4D  # M
    ITCH_END_OF_SYSTEM_HOURS = 0x45  # E
    ITCH_END_OF_MESSAGES = 0x43  # C

cdef enum ItchTradingState:
    ITCH_STATE_HALTED = 0x48  # H
    ITCH_STATE_PAUSED = 0x50  # P
    ITCH_STATE_QUOTATION_ONLY = 0x51  # Q
    ITCH_STATE_TRADING = 0x54  # T

# What every message starts with.
cdef struct ItchHeader:
    uint8_t message_type
    uint16_t stock_locate            # 0 = not about one stock
    uint16_t tracking_number
    int64_t timestamp_ns

# S, 12 bytes
cdef struct ItchSystemEvent:
    uint16_t stock_locate
    uint16_t tracking_number
    int64_t timestamp_ns
    uint8_t event_code               # O S Q M E C

# R, 39 bytes
cdef struct ItchStockDirectory:
    uint16_t stock_locate
    uint16_t tracking_number
    int64_t timestamp_ns
    char stock[8]
    uint8_t market_category
    uint8_t financial_status
    uint32_t round_lot_size
    uint8_t round_lots_only
    uint8_t issue_classification
    char issue_sub_type[2]
    uint8_t authenticity
    uint8_t short_sale_threshold
    uint8_t ipo_flag
    uint8_t luld_tier
    uint8_t etp_flag
    uint32_t etp_leverage_factor
    uint8_t inverse_indicator

# H, 25 bytes
cdef struct ItchStockTradingAction:
    uint16_t stock_locate
    uint16_t tracking_number
    int64_t timestamp_ns
    char stock[8]
    uint8_t trading_state            # H halted, P paused, Q quotation only, T trading
    uint8_t reserved
    char reason[4]

# Y, 20 bytes
cdef struct ItchRegShoRestriction:
    uint16_t stock_locate
    uint16_t tracking_number
    int64_t timestamp_ns
    char stock[8]
    uint8_t reg_sho_action           # 0 none, 1 in effect intraday, 2 remains

# L, 26 bytes
cdef struct ItchMarketParticipantPosition:
    uint16_t stock_locate
    uint16_t tracking_number
    int64_t timestamp_ns
    char mpid[4]
    char stock[8]
    uint8_t primary_market_maker
    uint8_t market_maker_mode
    uint8_t participant_state

# V, 35 bytes
cdef struct ItchMwcbDeclineLevel:
    uint16_t stock_locate
    uint16_t tracking_number
    int64_t timestamp_ns
    int64_t level1                   # Price(8): 1/100,000,000 of a dollar
    int64_t level2
    int64_t level3

# W, 12 bytes
cdef struct ItchMwcbStatus:
    uint16_t stock_locate
    uint16_t tracking_number
    int64_t timestamp_ns
    uint8_t breached_level

# K, 28 bytes
cdef struct ItchIpoQuotingPeriod:
    uint16_t stock_locate
    uint16_t tracking_number
    int64_t timestamp_ns
    char stock[8]
    uint32_t release_time_s          # seconds since midnight
    uint8_t release_qualifier
    int64_t ipo_price

# J, 35 bytes
cdef struct ItchLuldAuctionCollar:
    uint16_t stock_locate
    uint16_t tracking_number
    int64_t timestamp_ns
    char stock[8]
    int64_t reference_price
    int64_t upper_price
    int64_t lower_price
    uint32_t extension               # number of extensions so far

# h, 21 bytes
cdef struct ItchOperationalHalt:
    uint16_t stock_locate
    uint16_t tracking_number
    int64_t timestamp_ns
    char stock[8]
    uint8_t market_code
    uint8_t action

# A, 36 bytes
cdef struct ItchAddOrder:
    uint16_t stock_locate
    uint16_t tracking_number
    int64_t timestamp_ns
    uint64_t order_ref               # unique per day, not sequential
    uint8_t side
    uint32_t shares
    char stock[8]                    # space padded
    int64_t price

# F, 40 bytes
cdef struct ItchAddOrderAttributed:
    uint16_t stock_locate
    uint16_t tracking_number
    int64_t timestamp_ns
    uint64_t order_ref
    uint8_t side
    uint32_t shares
    char stock[8]
    int64_t price
    char attribution[4]              # MPID

# E, 31 bytes
cdef struct ItchOrderExecuted:
    uint16_t stock_locate
    uint16_t tracking_number
    int64_t timestamp_ns
    uint64_t order_ref
    uint32_t executed_shares         # taken off the order
    uint64_t match_number

# C, 36 bytes
cdef struct ItchOrderExecutedWithPrice:
    uint16_t stock_locate
    uint16_t tracking_number
    int64_t timestamp_ns
    uint64_t order_ref
    uint32_t executed_shares
    uint64_t match_number
    uint8_t printable                # N: not in volume statistics, still off the book
    int64_t execution_price

# X, 23 bytes
cdef struct ItchOrderCancel:
    uint16_t stock_locate
    uint16_t tracking_number
    int64_t timestamp_ns
    uint64_t order_ref
    uint32_t cancelled_shares        # taken off the order; priority is kept

# D, 19 bytes
cdef struct ItchOrderDelete:
    uint16_t stock_locate
    uint16_t tracking_number
    int64_t timestamp_ns
    uint64_t order_ref

# U, 35 bytes
cdef struct ItchOrderReplace:
    uint16_t stock_locate
    uint16_t tracking_number
    int64_t timestamp_ns
    uint64_t original_order_ref
    uint64_t new_order_ref
    uint32_t shares                  # new size; the rest comes from the original
    int64_t price

# P, 44 bytes
cdef struct ItchTrade:
    uint16_t stock_locate
    uint16_t tracking_number
    int64_t timestamp_ns
    uint64_t order_ref
    uint8_t side                     # always B: carries no meaning
    uint32_t shares
    char stock[8]
    int64_t price
    uint64_t match_number

# Q, 40 bytes
cdef struct ItchCrossTrade:
    uint16_t stock_locate
    uint16_t tracking_number
    int64_t timestamp_ns
    uint64_t shares                  # 0 is normal: no shares crossed
    char stock[8]
    int64_t cross_price
    uint64_t match_number
    uint8_t cross_type

# B, 19 bytes
cdef struct ItchBrokenTrade:
    uint16_t stock_locate
    uint16_t tracking_number
    int64_t timestamp_ns
    uint64_t match_number            # of an earlier execution or trade

# I, 50 bytes
cdef struct ItchNetOrderImbalance:
    uint16_t stock_locate
    uint16_t tracking_number
    int64_t timestamp_ns
    uint64_t paired_shares
    uint64_t imbalance_shares
    uint8_t imbalance_direction
    char stock[8]
    int64_t far_price
    int64_t near_price
    int64_t current_reference_price
    uint8_t cross_type
    uint8_t price_variation

# N, 20 bytes
cdef struct ItchRetailInterest:
    uint16_t stock_locate
    uint16_t tracking_number
    int64_t timestamp_ns
    char stock[8]
    uint8_t interest_flag

# O, 48 bytes
cdef struct ItchPriceDiscovery:
    uint16_t stock_locate
    uint16_t tracking_number
    int64_t timestamp_ns
    char stock[8]
    uint8_t open_eligibility
    int64_t min_allowable_price
    int64_t max_allowable_price
    int64_t near_execution_price
    uint64_t near_execution_time     # assumed ns since midnight
    int64_t lower_collar
    int64_t upper_collar

# Any message: message_type says which member of the body is set.
cdef union ItchBody:
    ItchAddOrder add_order
    ItchOrderDelete order_delete
    ItchAddOrderAttributed add_order_attributed
    ItchOrderExecuted order_executed
    ItchOrderCancel order_cancel
    ItchOrderReplace order_replace
    ItchOrderExecutedWithPrice order_executed_with_price
    ItchTrade trade
    ItchSystemEvent system_event
    ItchStockDirectory stock_directory
    ItchStockTradingAction stock_trading_action
    ItchRegShoRestriction reg_sho_restriction
    ItchMarketParticipantPosition market_participant_position
    ItchMwcbDeclineLevel mwcb_decline_level
    ItchMwcbStatus mwcb_status
    ItchIpoQuotingPeriod ipo_quoting_period
    ItchLuldAuctionCollar luld_auction_collar
    ItchOperationalHalt operational_halt
    ItchCrossTrade cross_trade
    ItchBrokenTrade broken_trade
    ItchNetOrderImbalance net_order_imbalance
    ItchRetailInterest retail_interest
    ItchPriceDiscovery price_discovery

cdef struct ItchMessage:
    uint8_t message_type
    ItchBody body

cdef extern from * nogil:
    """
    #ifndef HOTPATH_PROTOCOLS_ITCH_LENGTHS
    #define HOTPATH_PROTOCOLS_ITCH_LENGTHS
    #include <stdint.h>
    static const uint8_t hotpath_itch_lengths[256] = {
        ['S'] = 12, ['R'] = 39, ['H'] = 25, ['Y'] = 20, ['L'] = 26, ['V'] = 35, ['W'] = 12, ['K'] = 28,
        ['J'] = 35, ['h'] = 21, ['A'] = 36, ['F'] = 40, ['E'] = 31, ['C'] = 36, ['X'] = 23, ['D'] = 19,
        ['U'] = 35, ['P'] = 44, ['Q'] = 40, ['B'] = 19, ['I'] = 50, ['N'] = 20, ['O'] = 48,
    };
    #endif
    """
    const uint8_t hotpath_itch_lengths[256]


cdef inline int itch_length(uint8_t message_type) noexcept nogil:
    """Bytes in the layout of a message type; 0 for an unknown one."""
    return hotpath_itch_lengths[message_type]


cdef inline int itch_check(const uint8_t* p, size_t n) noexcept nogil:
    """Layout length, CODEC_UNKNOWN_TYPE or CODEC_TRUNCATED. Once accepted, decoding by type cannot fail."""
    cdef int length
    if n == 0:
        return CODEC_TRUNCATED
    length = hotpath_itch_lengths[p[0]]
    if length == 0:
        return CODEC_UNKNOWN_TYPE
    if n < <size_t>length:
        return CODEC_TRUNCATED
    return length


cdef inline uint16_t itch_stock_locate(const uint8_t* p) noexcept nogil:
    """Of a message that itch_check accepted: filter on it before decoding."""
    return load_be16(p + 1)


cdef inline int64_t itch_timestamp_ns(const uint8_t* p) noexcept nogil:
    """Of a message that itch_check accepted."""
    return <int64_t>load_be48(p + 5)


cdef inline int itch_decode_header(const uint8_t* p, size_t n, ItchHeader* m) noexcept nogil:
    """The 11 leading bytes, of a message of any type."""
    if n < ITCH_HEADER_LENGTH:
        return CODEC_TRUNCATED
    m.message_type = p[0]
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    return ITCH_HEADER_LENGTH


cdef inline int _itch_expect(const uint8_t* p, size_t n, uint8_t message_type, size_t length) noexcept nogil:
    if n == 0:
        return CODEC_TRUNCATED
    if p[0] != message_type:
        return CODEC_UNEXPECTED_TYPE
    if n < length:
        return CODEC_TRUNCATED
    return <int>length


cdef inline void _itch_store_header(uint8_t* out, uint8_t message_type, uint16_t stock_locate, uint16_t tracking_number,
                                    int64_t timestamp_ns) noexcept nogil:
    out[0] = message_type
    store_be16(out + 1, stock_locate)
    store_be16(out + 3, tracking_number)
    store_be48(out + 5, <uint64_t>timestamp_ns)


cdef inline int itch_decode_system_event(const uint8_t* p, size_t n, ItchSystemEvent* m) noexcept nogil:
    cdef int rc = _itch_expect(p, n, ITCH_SYSTEM_EVENT, ITCH_SYSTEM_EVENT_LENGTH)
    if rc < 0:
        return rc
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    m.event_code = p[11]
    return rc


cdef inline int itch_encode_system_event(const ItchSystemEvent* m, uint8_t* out, size_t capacity) noexcept nogil:
    if capacity < ITCH_SYSTEM_EVENT_LENGTH:
        return CODEC_NO_SPACE
    if not fits_u48(m.timestamp_ns):
        return CODEC_RANGE
    _itch_store_header(out, ITCH_SYSTEM_EVENT, m.stock_locate, m.tracking_number, m.timestamp_ns)
    out[11] = m.event_code
    return ITCH_SYSTEM_EVENT_LENGTH


cdef inline int itch_decode_stock_directory(const uint8_t* p, size_t n, ItchStockDirectory* m) noexcept nogil:
    cdef int rc = _itch_expect(p, n, ITCH_STOCK_DIRECTORY, ITCH_STOCK_DIRECTORY_LENGTH)
    if rc < 0:
        return rc
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    memcpy(m.stock, p + 11, 8)
    m.market_category = p[19]
    m.financial_status = p[20]
    m.round_lot_size = load_be32(p + 21)
    m.round_lots_only = p[25]
    m.issue_classification = p[26]
    memcpy(m.issue_sub_type, p + 27, 2)
    m.authenticity = p[29]
    m.short_sale_threshold = p[30]
    m.ipo_flag = p[31]
    m.luld_tier = p[32]
    m.etp_flag = p[33]
    m.etp_leverage_factor = load_be32(p + 34)
    m.inverse_indicator = p[38]
    return rc


cdef inline int itch_encode_stock_directory(const ItchStockDirectory* m, uint8_t* out, size_t capacity) noexcept nogil:
    if capacity < ITCH_STOCK_DIRECTORY_LENGTH:
        return CODEC_NO_SPACE
    if not fits_u48(m.timestamp_ns):
        return CODEC_RANGE
    _itch_store_header(out, ITCH_STOCK_DIRECTORY, m.stock_locate, m.tracking_number, m.timestamp_ns)
    memcpy(out + 11, m.stock, 8)
    out[19] = m.market_category
    out[20] = m.financial_status
    store_be32(out + 21, m.round_lot_size)
    out[25] = m.round_lots_only
    out[26] = m.issue_classification
    memcpy(out + 27, m.issue_sub_type, 2)
    out[29] = m.authenticity
    out[30] = m.short_sale_threshold
    out[31] = m.ipo_flag
    out[32] = m.luld_tier
    out[33] = m.etp_flag
    store_be32(out + 34, m.etp_leverage_factor)
    out[38] = m.inverse_indicator
    return ITCH_STOCK_DIRECTORY_LENGTH


cdef inline int itch_decode_stock_trading_action(const uint8_t* p, size_t n, ItchStockTradingAction* m) noexcept nogil:
    cdef int rc = _itch_expect(p, n, ITCH_STOCK_TRADING_ACTION, ITCH_STOCK_TRADING_ACTION_LENGTH)
    if rc < 0:
        return rc
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    memcpy(m.stock, p + 11, 8)
    m.trading_state = p[19]
    m.reserved = p[20]
    memcpy(m.reason, p + 21, 4)
    return rc


cdef inline int itch_encode_stock_trading_action(
    const ItchStockTradingAction* m, uint8_t* out, size_t capacity
) noexcept nogil:
    if capacity < ITCH_STOCK_TRADING_ACTION_LENGTH:
        return CODEC_NO_SPACE
    if not fits_u48(m.timestamp_ns):
        return CODEC_RANGE
    _itch_store_header(out, ITCH_STOCK_TRADING_ACTION, m.stock_locate, m.tracking_number, m.timestamp_ns)
    memcpy(out + 11, m.stock, 8)
    out[19] = m.trading_state
    out[20] = m.reserved
    memcpy(out + 21, m.reason, 4)
    return ITCH_STOCK_TRADING_ACTION_LENGTH


cdef inline int itch_decode_reg_sho_restriction(const uint8_t* p, size_t n, ItchRegShoRestriction* m) noexcept nogil:
    cdef int rc = _itch_expect(p, n, ITCH_REG_SHO_RESTRICTION, ITCH_REG_SHO_RESTRICTION_LENGTH)
    if rc < 0:
        return rc
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    memcpy(m.stock, p + 11, 8)
    m.reg_sho_action = p[19]
    return rc


cdef inline int itch_encode_reg_sho_restriction(
    const ItchRegShoRestriction* m, uint8_t* out, size_t capacity
) noexcept nogil:
    if capacity < ITCH_REG_SHO_RESTRICTION_LENGTH:
        return CODEC_NO_SPACE
    if not fits_u48(m.timestamp_ns):
        return CODEC_RANGE
    _itch_store_header(out, ITCH_REG_SHO_RESTRICTION, m.stock_locate, m.tracking_number, m.timestamp_ns)
    memcpy(out + 11, m.stock, 8)
    out[19] = m.reg_sho_action
    return ITCH_REG_SHO_RESTRICTION_LENGTH


cdef inline int itch_decode_market_participant_position(
    const uint8_t* p, size_t n, ItchMarketParticipantPosition* m
) noexcept nogil:
    cdef int rc = _itch_expect(p, n, ITCH_MARKET_PARTICIPANT_POSITION, ITCH_MARKET_PARTICIPANT_POSITION_LENGTH)
    if rc < 0:
        return rc
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    memcpy(m.mpid, p + 11, 4)
    memcpy(m.stock, p + 15, 8)
    m.primary_market_maker = p[23]
    m.market_maker_mode = p[24]
    m.participant_state = p[25]
    return rc


cdef inline int itch_encode_market_participant_position(
    const ItchMarketParticipantPosition* m, uint8_t* out, size_t capacity
) noexcept nogil:
    if capacity < ITCH_MARKET_PARTICIPANT_POSITION_LENGTH:
        return CODEC_NO_SPACE
    if not fits_u48(m.timestamp_ns):
        return CODEC_RANGE
    _itch_store_header(out, ITCH_MARKET_PARTICIPANT_POSITION, m.stock_locate, m.tracking_number, m.timestamp_ns)
    memcpy(out + 11, m.mpid, 4)
    memcpy(out + 15, m.stock, 8)
    out[23] = m.primary_market_maker
    out[24] = m.market_maker_mode
    out[25] = m.participant_state
    return ITCH_MARKET_PARTICIPANT_POSITION_LENGTH


cdef inline int itch_decode_mwcb_decline_level(const uint8_t* p, size_t n, ItchMwcbDeclineLevel* m) noexcept nogil:
    cdef int rc = _itch_expect(p, n, ITCH_MWCB_DECLINE_LEVEL, ITCH_MWCB_DECLINE_LEVEL_LENGTH)
    if rc < 0:
        return rc
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    m.level1 = load_be63(p + 11)
    m.level2 = load_be63(p + 19)
    m.level3 = load_be63(p + 27)
    return rc


cdef inline int itch_encode_mwcb_decline_level(
    const ItchMwcbDeclineLevel* m, uint8_t* out, size_t capacity
) noexcept nogil:
    if capacity < ITCH_MWCB_DECLINE_LEVEL_LENGTH:
        return CODEC_NO_SPACE
    if not fits_u48(m.timestamp_ns) or m.level1 < 0 or m.level2 < 0 or m.level3 < 0:
        return CODEC_RANGE
    _itch_store_header(out, ITCH_MWCB_DECLINE_LEVEL, m.stock_locate, m.tracking_number, m.timestamp_ns)
    store_be64(out + 11, <uint64_t>m.level1)
    store_be64(out + 19, <uint64_t>m.level2)
    store_be64(out + 27, <uint64_t>m.level3)
    return ITCH_MWCB_DECLINE_LEVEL_LENGTH


cdef inline int itch_decode_mwcb_status(const uint8_t* p, size_t n, ItchMwcbStatus* m) noexcept nogil:
    cdef int rc = _itch_expect(p, n, ITCH_MWCB_STATUS, ITCH_MWCB_STATUS_LENGTH)
    if rc < 0:
        return rc
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    m.breached_level = p[11]
    return rc


cdef inline int itch_encode_mwcb_status(const ItchMwcbStatus* m, uint8_t* out, size_t capacity) noexcept nogil:
    if capacity < ITCH_MWCB_STATUS_LENGTH:
        return CODEC_NO_SPACE
    if not fits_u48(m.timestamp_ns):
        return CODEC_RANGE
    _itch_store_header(out, ITCH_MWCB_STATUS, m.stock_locate, m.tracking_number, m.timestamp_ns)
    out[11] = m.breached_level
    return ITCH_MWCB_STATUS_LENGTH


cdef inline int itch_decode_ipo_quoting_period(const uint8_t* p, size_t n, ItchIpoQuotingPeriod* m) noexcept nogil:
    cdef int rc = _itch_expect(p, n, ITCH_IPO_QUOTING_PERIOD, ITCH_IPO_QUOTING_PERIOD_LENGTH)
    if rc < 0:
        return rc
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    memcpy(m.stock, p + 11, 8)
    m.release_time_s = load_be32(p + 19)
    m.release_qualifier = p[23]
    m.ipo_price = load_be32(p + 24)
    return rc


cdef inline int itch_encode_ipo_quoting_period(
    const ItchIpoQuotingPeriod* m, uint8_t* out, size_t capacity
) noexcept nogil:
    if capacity < ITCH_IPO_QUOTING_PERIOD_LENGTH:
        return CODEC_NO_SPACE
    if not fits_u48(m.timestamp_ns) or not fits_u32(m.ipo_price):
        return CODEC_RANGE
    _itch_store_header(out, ITCH_IPO_QUOTING_PERIOD, m.stock_locate, m.tracking_number, m.timestamp_ns)
    memcpy(out + 11, m.stock, 8)
    store_be32(out + 19, m.release_time_s)
    out[23] = m.release_qualifier
    store_be32(out + 24, <uint32_t>m.ipo_price)
    return ITCH_IPO_QUOTING_PERIOD_LENGTH


cdef inline int itch_decode_luld_auction_collar(const uint8_t* p, size_t n, ItchLuldAuctionCollar* m) noexcept nogil:
    cdef int rc = _itch_expect(p, n, ITCH_LULD_AUCTION_COLLAR, ITCH_LULD_AUCTION_COLLAR_LENGTH)
    if rc < 0:
        return rc
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    memcpy(m.stock, p + 11, 8)
    m.reference_price = load_be32(p + 19)
    m.upper_price = load_be32(p + 23)
    m.lower_price = load_be32(p + 27)
    m.extension = load_be32(p + 31)
    return rc


cdef inline int itch_encode_luld_auction_collar(
    const ItchLuldAuctionCollar* m, uint8_t* out, size_t capacity
) noexcept nogil:
    if capacity < ITCH_LULD_AUCTION_COLLAR_LENGTH:
        return CODEC_NO_SPACE
    if (not fits_u48(m.timestamp_ns) or not fits_u32(m.reference_price) or not fits_u32(m.upper_price)
        or not fits_u32(m.lower_price)):
        return CODEC_RANGE
    _itch_store_header(out, ITCH_LULD_AUCTION_COLLAR, m.stock_locate, m.tracking_number, m.timestamp_ns)
    memcpy(out + 11, m.stock, 8)
    store_be32(out + 19, <uint32_t>m.reference_price)
    store_be32(out + 23, <uint32_t>m.upper_price)
    store_be32(out + 27, <uint32_t>m.lower_price)
    store_be32(out + 31, m.extension)
    return ITCH_LULD_AUCTION_COLLAR_LENGTH


cdef inline int itch_decode_operational_halt(const uint8_t* p, size_t n, ItchOperationalHalt* m) noexcept nogil:
    cdef int rc = _itch_expect(p, n, ITCH_OPERATIONAL_HALT, ITCH_OPERATIONAL_HALT_LENGTH)
    if rc < 0:
        return rc
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    memcpy(m.stock, p + 11, 8)
    m.market_code = p[19]
    m.action = p[20]
    return rc


cdef inline int itch_encode_operational_halt(
    const ItchOperationalHalt* m, uint8_t* out, size_t capacity
) noexcept nogil:
    if capacity < ITCH_OPERATIONAL_HALT_LENGTH:
        return CODEC_NO_SPACE
    if not fits_u48(m.timestamp_ns):
        return CODEC_RANGE
    _itch_store_header(out, ITCH_OPERATIONAL_HALT, m.stock_locate, m.tracking_number, m.timestamp_ns)
    memcpy(out + 11, m.stock, 8)
    out[19] = m.market_code
    out[20] = m.action
    return ITCH_OPERATIONAL_HALT_LENGTH


cdef inline int itch_decode_add_order(const uint8_t* p, size_t n, ItchAddOrder* m) noexcept nogil:
    cdef int rc = _itch_expect(p, n, ITCH_ADD_ORDER, ITCH_ADD_ORDER_LENGTH)
    if rc < 0:
        return rc
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    m.order_ref = load_be64(p + 11)
    m.side = p[19]
    m.shares = load_be32(p + 20)
    memcpy(m.stock, p + 24, 8)
    m.price = load_be32(p + 32)
    return rc


cdef inline int itch_encode_add_order(const ItchAddOrder* m, uint8_t* out, size_t capacity) noexcept nogil:
    if capacity < ITCH_ADD_ORDER_LENGTH:
        return CODEC_NO_SPACE
    if not fits_u48(m.timestamp_ns) or not fits_u32(m.price):
        return CODEC_RANGE
    _itch_store_header(out, ITCH_ADD_ORDER, m.stock_locate, m.tracking_number, m.timestamp_ns)
    store_be64(out + 11, m.order_ref)
    out[19] = m.side
    store_be32(out + 20, m.shares)
    memcpy(out + 24, m.stock, 8)
    store_be32(out + 32, <uint32_t>m.price)
    return ITCH_ADD_ORDER_LENGTH


cdef inline int itch_decode_add_order_attributed(const uint8_t* p, size_t n, ItchAddOrderAttributed* m) noexcept nogil:
    cdef int rc = _itch_expect(p, n, ITCH_ADD_ORDER_ATTRIBUTED, ITCH_ADD_ORDER_ATTRIBUTED_LENGTH)
    if rc < 0:
        return rc
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    m.order_ref = load_be64(p + 11)
    m.side = p[19]
    m.shares = load_be32(p + 20)
    memcpy(m.stock, p + 24, 8)
    m.price = load_be32(p + 32)
    memcpy(m.attribution, p + 36, 4)
    return rc


cdef inline int itch_encode_add_order_attributed(
    const ItchAddOrderAttributed* m, uint8_t* out, size_t capacity
) noexcept nogil:
    if capacity < ITCH_ADD_ORDER_ATTRIBUTED_LENGTH:
        return CODEC_NO_SPACE
    if not fits_u48(m.timestamp_ns) or not fits_u32(m.price):
        return CODEC_RANGE
    _itch_store_header(out, ITCH_ADD_ORDER_ATTRIBUTED, m.stock_locate, m.tracking_number, m.timestamp_ns)
    store_be64(out + 11, m.order_ref)
    out[19] = m.side
    store_be32(out + 20, m.shares)
    memcpy(out + 24, m.stock, 8)
    store_be32(out + 32, <uint32_t>m.price)
    memcpy(out + 36, m.attribution, 4)
    return ITCH_ADD_ORDER_ATTRIBUTED_LENGTH


cdef inline int itch_decode_any_add_order(const uint8_t* p, size_t n, ItchAddOrderAttributed* m) noexcept nogil:
    """A or F alike, as a book needs them; the attribution of an A is blank."""
    cdef ItchAddOrder plain
    cdef int rc
    if n > 0 and p[0] == ITCH_ADD_ORDER_ATTRIBUTED:
        return itch_decode_add_order_attributed(p, n, m)
    rc = itch_decode_add_order(p, n, &plain)
    if rc < 0:
        return rc
    m.stock_locate = plain.stock_locate
    m.tracking_number = plain.tracking_number
    m.timestamp_ns = plain.timestamp_ns
    m.order_ref = plain.order_ref
    m.side = plain.side
    m.shares = plain.shares
    memcpy(m.stock, plain.stock, 8)
    m.price = plain.price
    memset(m.attribution, c' ', 4)
    return rc


cdef inline int itch_decode_order_executed(const uint8_t* p, size_t n, ItchOrderExecuted* m) noexcept nogil:
    cdef int rc = _itch_expect(p, n, ITCH_ORDER_EXECUTED, ITCH_ORDER_EXECUTED_LENGTH)
    if rc < 0:
        return rc
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    m.order_ref = load_be64(p + 11)
    m.executed_shares = load_be32(p + 19)
    m.match_number = load_be64(p + 23)
    return rc


cdef inline int itch_encode_order_executed(const ItchOrderExecuted* m, uint8_t* out, size_t capacity) noexcept nogil:
    if capacity < ITCH_ORDER_EXECUTED_LENGTH:
        return CODEC_NO_SPACE
    if not fits_u48(m.timestamp_ns):
        return CODEC_RANGE
    _itch_store_header(out, ITCH_ORDER_EXECUTED, m.stock_locate, m.tracking_number, m.timestamp_ns)
    store_be64(out + 11, m.order_ref)
    store_be32(out + 19, m.executed_shares)
    store_be64(out + 23, m.match_number)
    return ITCH_ORDER_EXECUTED_LENGTH


cdef inline int itch_decode_order_executed_with_price(
    const uint8_t* p, size_t n, ItchOrderExecutedWithPrice* m
) noexcept nogil:
    cdef int rc = _itch_expect(p, n, ITCH_ORDER_EXECUTED_WITH_PRICE, ITCH_ORDER_EXECUTED_WITH_PRICE_LENGTH)
    if rc < 0:
        return rc
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    m.order_ref = load_be64(p + 11)
    m.executed_shares = load_be32(p + 19)
    m.match_number = load_be64(p + 23)
    m.printable = p[31]
    m.execution_price = load_be32(p + 32)
    return rc


cdef inline int itch_encode_order_executed_with_price(
    const ItchOrderExecutedWithPrice* m, uint8_t* out, size_t capacity
) noexcept nogil:
    if capacity < ITCH_ORDER_EXECUTED_WITH_PRICE_LENGTH:
        return CODEC_NO_SPACE
    if not fits_u48(m.timestamp_ns) or not fits_u32(m.execution_price):
        return CODEC_RANGE
    _itch_store_header(out, ITCH_ORDER_EXECUTED_WITH_PRICE, m.stock_locate, m.tracking_number, m.timestamp_ns)
    store_be64(out + 11, m.order_ref)
    store_be32(out + 19, m.executed_shares)
    store_be64(out + 23, m.match_number)
    out[31] = m.printable
    store_be32(out + 32, <uint32_t>m.execution_price)
    return ITCH_ORDER_EXECUTED_WITH_PRICE_LENGTH


cdef inline int itch_decode_order_cancel(const uint8_t* p, size_t n, ItchOrderCancel* m) noexcept nogil:
    cdef int rc = _itch_expect(p, n, ITCH_ORDER_CANCEL, ITCH_ORDER_CANCEL_LENGTH)
    if rc < 0:
        return rc
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    m.order_ref = load_be64(p + 11)
    m.cancelled_shares = load_be32(p + 19)
    return rc


cdef inline int itch_encode_order_cancel(const ItchOrderCancel* m, uint8_t* out, size_t capacity) noexcept nogil:
    if capacity < ITCH_ORDER_CANCEL_LENGTH:
        return CODEC_NO_SPACE
    if not fits_u48(m.timestamp_ns):
        return CODEC_RANGE
    _itch_store_header(out, ITCH_ORDER_CANCEL, m.stock_locate, m.tracking_number, m.timestamp_ns)
    store_be64(out + 11, m.order_ref)
    store_be32(out + 19, m.cancelled_shares)
    return ITCH_ORDER_CANCEL_LENGTH


cdef inline int itch_decode_order_delete(const uint8_t* p, size_t n, ItchOrderDelete* m) noexcept nogil:
    cdef int rc = _itch_expect(p, n, ITCH_ORDER_DELETE, ITCH_ORDER_DELETE_LENGTH)
    if rc < 0:
        return rc
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    m.order_ref = load_be64(p + 11)
    return rc


cdef inline int itch_encode_order_delete(const ItchOrderDelete* m, uint8_t* out, size_t capacity) noexcept nogil:
    if capacity < ITCH_ORDER_DELETE_LENGTH:
        return CODEC_NO_SPACE
    if not fits_u48(m.timestamp_ns):
        return CODEC_RANGE
    _itch_store_header(out, ITCH_ORDER_DELETE, m.stock_locate, m.tracking_number, m.timestamp_ns)
    store_be64(out + 11, m.order_ref)
    return ITCH_ORDER_DELETE_LENGTH


cdef inline int itch_decode_order_replace(const uint8_t* p, size_t n, ItchOrderReplace* m) noexcept nogil:
    cdef int rc = _itch_expect(p, n, ITCH_ORDER_REPLACE, ITCH_ORDER_REPLACE_LENGTH)
    if rc < 0:
        return rc
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    m.original_order_ref = load_be64(p + 11)
    m.new_order_ref = load_be64(p + 19)
    m.shares = load_be32(p + 27)
    m.price = load_be32(p + 31)
    return rc


cdef inline int itch_encode_order_replace(const ItchOrderReplace* m, uint8_t* out, size_t capacity) noexcept nogil:
    if capacity < ITCH_ORDER_REPLACE_LENGTH:
        return CODEC_NO_SPACE
    if not fits_u48(m.timestamp_ns) or not fits_u32(m.price):
        return CODEC_RANGE
    _itch_store_header(out, ITCH_ORDER_REPLACE, m.stock_locate, m.tracking_number, m.timestamp_ns)
    store_be64(out + 11, m.original_order_ref)
    store_be64(out + 19, m.new_order_ref)
    store_be32(out + 27, m.shares)
    store_be32(out + 31, <uint32_t>m.price)
    return ITCH_ORDER_REPLACE_LENGTH


cdef inline int itch_decode_trade(const uint8_t* p, size_t n, ItchTrade* m) noexcept nogil:
    cdef int rc = _itch_expect(p, n, ITCH_TRADE, ITCH_TRADE_LENGTH)
    if rc < 0:
        return rc
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    m.order_ref = load_be64(p + 11)
    m.side = p[19]
    m.shares = load_be32(p + 20)
    memcpy(m.stock, p + 24, 8)
    m.price = load_be32(p + 32)
    m.match_number = load_be64(p + 36)
    return rc


cdef inline int itch_encode_trade(const ItchTrade* m, uint8_t* out, size_t capacity) noexcept nogil:
    if capacity < ITCH_TRADE_LENGTH:
        return CODEC_NO_SPACE
    if not fits_u48(m.timestamp_ns) or not fits_u32(m.price):
        return CODEC_RANGE
    _itch_store_header(out, ITCH_TRADE, m.stock_locate, m.tracking_number, m.timestamp_ns)
    store_be64(out + 11, m.order_ref)
    out[19] = m.side
    store_be32(out + 20, m.shares)
    memcpy(out + 24, m.stock, 8)
    store_be32(out + 32, <uint32_t>m.price)
    store_be64(out + 36, m.match_number)
    return ITCH_TRADE_LENGTH


cdef inline int itch_decode_cross_trade(const uint8_t* p, size_t n, ItchCrossTrade* m) noexcept nogil:
    cdef int rc = _itch_expect(p, n, ITCH_CROSS_TRADE, ITCH_CROSS_TRADE_LENGTH)
    if rc < 0:
        return rc
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    m.shares = load_be64(p + 11)
    memcpy(m.stock, p + 19, 8)
    m.cross_price = load_be32(p + 27)
    m.match_number = load_be64(p + 31)
    m.cross_type = p[39]
    return rc


cdef inline int itch_encode_cross_trade(const ItchCrossTrade* m, uint8_t* out, size_t capacity) noexcept nogil:
    if capacity < ITCH_CROSS_TRADE_LENGTH:
        return CODEC_NO_SPACE
    if not fits_u48(m.timestamp_ns) or not fits_u32(m.cross_price):
        return CODEC_RANGE
    _itch_store_header(out, ITCH_CROSS_TRADE, m.stock_locate, m.tracking_number, m.timestamp_ns)
    store_be64(out + 11, m.shares)
    memcpy(out + 19, m.stock, 8)
    store_be32(out + 27, <uint32_t>m.cross_price)
    store_be64(out + 31, m.match_number)
    out[39] = m.cross_type
    return ITCH_CROSS_TRADE_LENGTH


cdef inline int itch_decode_broken_trade(const uint8_t* p, size_t n, ItchBrokenTrade* m) noexcept nogil:
    cdef int rc = _itch_expect(p, n, ITCH_BROKEN_TRADE, ITCH_BROKEN_TRADE_LENGTH)
    if rc < 0:
        return rc
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    m.match_number = load_be64(p + 11)
    return rc


cdef inline int itch_encode_broken_trade(const ItchBrokenTrade* m, uint8_t* out, size_t capacity) noexcept nogil:
    if capacity < ITCH_BROKEN_TRADE_LENGTH:
        return CODEC_NO_SPACE
    if not fits_u48(m.timestamp_ns):
        return CODEC_RANGE
    _itch_store_header(out, ITCH_BROKEN_TRADE, m.stock_locate, m.tracking_number, m.timestamp_ns)
    store_be64(out + 11, m.match_number)
    return ITCH_BROKEN_TRADE_LENGTH


cdef inline int itch_decode_net_order_imbalance(const uint8_t* p, size_t n, ItchNetOrderImbalance* m) noexcept nogil:
    cdef int rc = _itch_expect(p, n, ITCH_NET_ORDER_IMBALANCE, ITCH_NET_ORDER_IMBALANCE_LENGTH)
    if rc < 0:
        return rc
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    m.paired_shares = load_be64(p + 11)
    m.imbalance_shares = load_be64(p + 19)
    m.imbalance_direction = p[27]
    memcpy(m.stock, p + 28, 8)
    m.far_price = load_be32(p + 36)
    m.near_price = load_be32(p + 40)
    m.current_reference_price = load_be32(p + 44)
    m.cross_type = p[48]
    m.price_variation = p[49]
    return rc


cdef inline int itch_encode_net_order_imbalance(
    const ItchNetOrderImbalance* m, uint8_t* out, size_t capacity
) noexcept nogil:
    if capacity < ITCH_NET_ORDER_IMBALANCE_LENGTH:
        return CODEC_NO_SPACE
    if (not fits_u48(m.timestamp_ns) or not fits_u32(m.far_price) or not fits_u32(m.near_price)
        or not fits_u32(m.current_reference_price)):
        return CODEC_RANGE
    _itch_store_header(out, ITCH_NET_ORDER_IMBALANCE, m.stock_locate, m.tracking_number, m.timestamp_ns)
    store_be64(out + 11, m.paired_shares)
    store_be64(out + 19, m.imbalance_shares)
    out[27] = m.imbalance_direction
    memcpy(out + 28, m.stock, 8)
    store_be32(out + 36, <uint32_t>m.far_price)
    store_be32(out + 40, <uint32_t>m.near_price)
    store_be32(out + 44, <uint32_t>m.current_reference_price)
    out[48] = m.cross_type
    out[49] = m.price_variation
    return ITCH_NET_ORDER_IMBALANCE_LENGTH


cdef inline int itch_decode_retail_interest(const uint8_t* p, size_t n, ItchRetailInterest* m) noexcept nogil:
    cdef int rc = _itch_expect(p, n, ITCH_RETAIL_INTEREST, ITCH_RETAIL_INTEREST_LENGTH)
    if rc < 0:
        return rc
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    memcpy(m.stock, p + 11, 8)
    m.interest_flag = p[19]
    return rc


cdef inline int itch_encode_retail_interest(const ItchRetailInterest* m, uint8_t* out, size_t capacity) noexcept nogil:
    if capacity < ITCH_RETAIL_INTEREST_LENGTH:
        return CODEC_NO_SPACE
    if not fits_u48(m.timestamp_ns):
        return CODEC_RANGE
    _itch_store_header(out, ITCH_RETAIL_INTEREST, m.stock_locate, m.tracking_number, m.timestamp_ns)
    memcpy(out + 11, m.stock, 8)
    out[19] = m.interest_flag
    return ITCH_RETAIL_INTEREST_LENGTH


cdef inline int itch_decode_price_discovery(const uint8_t* p, size_t n, ItchPriceDiscovery* m) noexcept nogil:
    cdef int rc = _itch_expect(p, n, ITCH_PRICE_DISCOVERY, ITCH_PRICE_DISCOVERY_LENGTH)
    if rc < 0:
        return rc
    m.stock_locate = load_be16(p + 1)
    m.tracking_number = load_be16(p + 3)
    m.timestamp_ns = <int64_t>load_be48(p + 5)
    memcpy(m.stock, p + 11, 8)
    m.open_eligibility = p[19]
    m.min_allowable_price = load_be32(p + 20)
    m.max_allowable_price = load_be32(p + 24)
    m.near_execution_price = load_be32(p + 28)
    m.near_execution_time = load_be64(p + 32)
    m.lower_collar = load_be32(p + 40)
    m.upper_collar = load_be32(p + 44)
    return rc


cdef inline int itch_encode_price_discovery(const ItchPriceDiscovery* m, uint8_t* out, size_t capacity) noexcept nogil:
    if capacity < ITCH_PRICE_DISCOVERY_LENGTH:
        return CODEC_NO_SPACE
    if (not fits_u48(m.timestamp_ns) or not fits_u32(m.min_allowable_price)
        or not fits_u32(m.max_allowable_price) or not fits_u32(m.near_execution_price)
        or not fits_u32(m.lower_collar) or not fits_u32(m.upper_collar)):
        return CODEC_RANGE
    _itch_store_header(out, ITCH_PRICE_DISCOVERY, m.stock_locate, m.tracking_number, m.timestamp_ns)
    memcpy(out + 11, m.stock, 8)
    out[19] = m.open_eligibility
    store_be32(out + 20, <uint32_t>m.min_allowable_price)
    store_be32(out + 24, <uint32_t>m.max_allowable_price)
    store_be32(out + 28, <uint32_t>m.near_execution_price)
    store_be64(out + 32, m.near_execution_time)
    store_be32(out + 40, <uint32_t>m.lower_collar)
    store_be32(out + 44, <uint32_t>m.upper_collar)
    return ITCH_PRICE_DISCOVERY_LENGTH


cdef inline int itch_decode(const uint8_t* p, size_t n, ItchMessage* m) noexcept nogil:
    """A message of any type, all its fields. Layout length, CODEC_UNKNOWN_TYPE or CODEC_TRUNCATED."""
    if n == 0:
        return CODEC_TRUNCATED
    m.message_type = p[0]
    if p[0] == ITCH_ADD_ORDER:
        return itch_decode_add_order(p, n, &m.body.add_order)
    elif p[0] == ITCH_ORDER_DELETE:
        return itch_decode_order_delete(p, n, &m.body.order_delete)
    elif p[0] == ITCH_ADD_ORDER_ATTRIBUTED:
        return itch_decode_add_order_attributed(p, n, &m.body.add_order_attributed)
    elif p[0] == ITCH_ORDER_EXECUTED:
        return itch_decode_order_executed(p, n, &m.body.order_executed)
    elif p[0] == ITCH_ORDER_CANCEL:
        return itch_decode_order_cancel(p, n, &m.body.order_cancel)
    elif p[0] == ITCH_ORDER_REPLACE:
        return itch_decode_order_replace(p, n, &m.body.order_replace)
    elif p[0] == ITCH_ORDER_EXECUTED_WITH_PRICE:
        return itch_decode_order_executed_with_price(p, n, &m.body.order_executed_with_price)
    elif p[0] == ITCH_TRADE:
        return itch_decode_trade(p, n, &m.body.trade)
    elif p[0] == ITCH_SYSTEM_EVENT:
        return itch_decode_system_event(p, n, &m.body.system_event)
    elif p[0] == ITCH_STOCK_DIRECTORY:
        return itch_decode_stock_directory(p, n, &m.body.stock_directory)
    elif p[0] == ITCH_STOCK_TRADING_ACTION:
        return itch_decode_stock_trading_action(p, n, &m.body.stock_trading_action)
    elif p[0] == ITCH_REG_SHO_RESTRICTION:
        return itch_decode_reg_sho_restriction(p, n, &m.body.reg_sho_restriction)
    elif p[0] == ITCH_MARKET_PARTICIPANT_POSITION:
        return itch_decode_market_participant_position(p, n, &m.body.market_participant_position)
    elif p[0] == ITCH_MWCB_DECLINE_LEVEL:
        return itch_decode_mwcb_decline_level(p, n, &m.body.mwcb_decline_level)
    elif p[0] == ITCH_MWCB_STATUS:
        return itch_decode_mwcb_status(p, n, &m.body.mwcb_status)
    elif p[0] == ITCH_IPO_QUOTING_PERIOD:
        return itch_decode_ipo_quoting_period(p, n, &m.body.ipo_quoting_period)
    elif p[0] == ITCH_LULD_AUCTION_COLLAR:
        return itch_decode_luld_auction_collar(p, n, &m.body.luld_auction_collar)
    elif p[0] == ITCH_OPERATIONAL_HALT:
        return itch_decode_operational_halt(p, n, &m.body.operational_halt)
    elif p[0] == ITCH_CROSS_TRADE:
        return itch_decode_cross_trade(p, n, &m.body.cross_trade)
    elif p[0] == ITCH_BROKEN_TRADE:
        return itch_decode_broken_trade(p, n, &m.body.broken_trade)
    elif p[0] == ITCH_NET_ORDER_IMBALANCE:
        return itch_decode_net_order_imbalance(p, n, &m.body.net_order_imbalance)
    elif p[0] == ITCH_RETAIL_INTEREST:
        return itch_decode_retail_interest(p, n, &m.body.retail_interest)
    elif p[0] == ITCH_PRICE_DISCOVERY:
        return itch_decode_price_discovery(p, n, &m.body.price_discovery)
    return CODEC_UNKNOWN_TYPE
