"""Python edge of the ITCH 5.0 codec: typed objects for tests and tools. The hot path cimports itch.pxd."""
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t

from hotpath.protocols.byteorder cimport load_be16
from hotpath.protocols.edge cimport code_of, describe, put_text, text_of, wire
from hotpath.protocols.itch cimport *

from hotpath.protocols.errors import FieldRangeError, UnknownTypeError, error_for
from hotpath.protocols.itch_types import (
    AddOrder,
    AddOrderAttributed,
    BrokenTrade,
    CrossTrade,
    Header,
    IpoQuotingPeriod,
    LuldAuctionCollar,
    MarketParticipantPosition,
    Message,
    MwcbDeclineLevel,
    MwcbStatus,
    NetOrderImbalance,
    OperationalHalt,
    OrderCancel,
    OrderDelete,
    OrderExecuted,
    OrderExecutedWithPrice,
    OrderReplace,
    PriceDiscovery,
    RegShoRestriction,
    RetailInterest,
    StockDirectory,
    StockTradingAction,
    SystemEvent,
    Trade,
)

cdef enum:
    FRAME_PREFIX = 2

LENGTHS = {
    SystemEvent.type: ITCH_SYSTEM_EVENT_LENGTH,
    StockDirectory.type: ITCH_STOCK_DIRECTORY_LENGTH,
    StockTradingAction.type: ITCH_STOCK_TRADING_ACTION_LENGTH,
    RegShoRestriction.type: ITCH_REG_SHO_RESTRICTION_LENGTH,
    MarketParticipantPosition.type: ITCH_MARKET_PARTICIPANT_POSITION_LENGTH,
    MwcbDeclineLevel.type: ITCH_MWCB_DECLINE_LEVEL_LENGTH,
    MwcbStatus.type: ITCH_MWCB_STATUS_LENGTH,
    IpoQuotingPeriod.type: ITCH_IPO_QUOTING_PERIOD_LENGTH,
    LuldAuctionCollar.type: ITCH_LULD_AUCTION_COLLAR_LENGTH,
    OperationalHalt.type: ITCH_OPERATIONAL_HALT_LENGTH,
    AddOrder.type: ITCH_ADD_ORDER_LENGTH,
    AddOrderAttributed.type: ITCH_ADD_ORDER_ATTRIBUTED_LENGTH,
    OrderExecuted.type: ITCH_ORDER_EXECUTED_LENGTH,
    OrderExecutedWithPrice.type: ITCH_ORDER_EXECUTED_WITH_PRICE_LENGTH,
    OrderCancel.type: ITCH_ORDER_CANCEL_LENGTH,
    OrderDelete.type: ITCH_ORDER_DELETE_LENGTH,
    OrderReplace.type: ITCH_ORDER_REPLACE_LENGTH,
    Trade.type: ITCH_TRADE_LENGTH,
    CrossTrade.type: ITCH_CROSS_TRADE_LENGTH,
    BrokenTrade.type: ITCH_BROKEN_TRADE_LENGTH,
    NetOrderImbalance.type: ITCH_NET_ORDER_IMBALANCE_LENGTH,
    RetailInterest.type: ITCH_RETAIL_INTEREST_LENGTH,
    PriceDiscovery.type: ITCH_PRICE_DISCOVERY_LENGTH,
}


cdef object _decode_system_event(const uint8_t* p, size_t n):
    cdef ItchSystemEvent m
    cdef int rc = itch_decode_system_event(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("ITCH", p, n))
    return SystemEvent(m.stock_locate, m.tracking_number, m.timestamp_ns, chr(m.event_code))


cdef int _encode_system_event(object message, uint8_t* out, size_t capacity) except? -1:
    cdef ItchSystemEvent m
    m.stock_locate = message.stock_locate
    m.tracking_number = message.tracking_number
    m.timestamp_ns = message.timestamp_ns
    m.event_code = code_of(message.event_code, "event_code")
    return itch_encode_system_event(&m, out, capacity)


cdef object _decode_stock_directory(const uint8_t* p, size_t n):
    cdef ItchStockDirectory m
    cdef int rc = itch_decode_stock_directory(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("ITCH", p, n))
    return StockDirectory(
        m.stock_locate, m.tracking_number, m.timestamp_ns, text_of(m.stock, 8), chr(m.market_category),
        chr(m.financial_status), m.round_lot_size, chr(m.round_lots_only), chr(m.issue_classification),
        text_of(m.issue_sub_type, 2), chr(m.authenticity), chr(m.short_sale_threshold), chr(m.ipo_flag),
        chr(m.luld_tier), chr(m.etp_flag), m.etp_leverage_factor, chr(m.inverse_indicator),
    )


cdef int _encode_stock_directory(object message, uint8_t* out, size_t capacity) except? -1:
    cdef ItchStockDirectory m
    m.stock_locate = message.stock_locate
    m.tracking_number = message.tracking_number
    m.timestamp_ns = message.timestamp_ns
    put_text(m.stock, 8, message.stock, "stock")
    m.market_category = code_of(message.market_category, "market_category")
    m.financial_status = code_of(message.financial_status, "financial_status")
    m.round_lot_size = message.round_lot_size
    m.round_lots_only = code_of(message.round_lots_only, "round_lots_only")
    m.issue_classification = code_of(message.issue_classification, "issue_classification")
    put_text(m.issue_sub_type, 2, message.issue_sub_type, "issue_sub_type")
    m.authenticity = code_of(message.authenticity, "authenticity")
    m.short_sale_threshold = code_of(message.short_sale_threshold, "short_sale_threshold")
    m.ipo_flag = code_of(message.ipo_flag, "ipo_flag")
    m.luld_tier = code_of(message.luld_tier, "luld_tier")
    m.etp_flag = code_of(message.etp_flag, "etp_flag")
    m.etp_leverage_factor = message.etp_leverage_factor
    m.inverse_indicator = code_of(message.inverse_indicator, "inverse_indicator")
    return itch_encode_stock_directory(&m, out, capacity)


cdef object _decode_stock_trading_action(const uint8_t* p, size_t n):
    cdef ItchStockTradingAction m
    cdef int rc = itch_decode_stock_trading_action(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("ITCH", p, n))
    return StockTradingAction(
        m.stock_locate, m.tracking_number, m.timestamp_ns, text_of(m.stock, 8), chr(m.trading_state),
        chr(m.reserved), text_of(m.reason, 4),
    )


cdef int _encode_stock_trading_action(object message, uint8_t* out, size_t capacity) except? -1:
    cdef ItchStockTradingAction m
    m.stock_locate = message.stock_locate
    m.tracking_number = message.tracking_number
    m.timestamp_ns = message.timestamp_ns
    put_text(m.stock, 8, message.stock, "stock")
    m.trading_state = code_of(message.trading_state, "trading_state")
    m.reserved = code_of(message.reserved, "reserved")
    put_text(m.reason, 4, message.reason, "reason")
    return itch_encode_stock_trading_action(&m, out, capacity)


cdef object _decode_reg_sho_restriction(const uint8_t* p, size_t n):
    cdef ItchRegShoRestriction m
    cdef int rc = itch_decode_reg_sho_restriction(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("ITCH", p, n))
    return RegShoRestriction(
        m.stock_locate, m.tracking_number, m.timestamp_ns, text_of(m.stock, 8), chr(m.reg_sho_action),
    )


cdef int _encode_reg_sho_restriction(object message, uint8_t* out, size_t capacity) except? -1:
    cdef ItchRegShoRestriction m
    m.stock_locate = message.stock_locate
    m.tracking_number = message.tracking_number
    m.timestamp_ns = message.timestamp_ns
    put_text(m.stock, 8, message.stock, "stock")
    m.reg_sho_action = code_of(message.reg_sho_action, "reg_sho_action")
    return itch_encode_reg_sho_restriction(&m, out, capacity)


cdef object _decode_market_participant_position(const uint8_t* p, size_t n):
    cdef ItchMarketParticipantPosition m
    cdef int rc = itch_decode_market_participant_position(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("ITCH", p, n))
    return MarketParticipantPosition(
        m.stock_locate, m.tracking_number, m.timestamp_ns, text_of(m.mpid, 4), text_of(m.stock, 8),
        chr(m.primary_market_maker), chr(m.market_maker_mode), chr(m.participant_state),
    )


cdef int _encode_market_participant_position(object message, uint8_t* out, size_t capacity) except? -1:
    cdef ItchMarketParticipantPosition m
    m.stock_locate = message.stock_locate
    m.tracking_number = message.tracking_number
    m.timestamp_ns = message.timestamp_ns
    put_text(m.mpid, 4, message.mpid, "mpid")
    put_text(m.stock, 8, message.stock, "stock")
    m.primary_market_maker = code_of(message.primary_market_maker, "primary_market_maker")
    m.market_maker_mode = code_of(message.market_maker_mode, "market_maker_mode")
    m.participant_state = code_of(message.participant_state, "participant_state")
    return itch_encode_market_participant_position(&m, out, capacity)


cdef object _decode_mwcb_decline_level(const uint8_t* p, size_t n):
    cdef ItchMwcbDeclineLevel m
    cdef int rc = itch_decode_mwcb_decline_level(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("ITCH", p, n))
    return MwcbDeclineLevel(m.stock_locate, m.tracking_number, m.timestamp_ns, m.level1, m.level2, m.level3)


cdef int _encode_mwcb_decline_level(object message, uint8_t* out, size_t capacity) except? -1:
    cdef ItchMwcbDeclineLevel m
    m.stock_locate = message.stock_locate
    m.tracking_number = message.tracking_number
    m.timestamp_ns = message.timestamp_ns
    m.level1 = message.level1
    m.level2 = message.level2
    m.level3 = message.level3
    return itch_encode_mwcb_decline_level(&m, out, capacity)


cdef object _decode_mwcb_status(const uint8_t* p, size_t n):
    cdef ItchMwcbStatus m
    cdef int rc = itch_decode_mwcb_status(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("ITCH", p, n))
    return MwcbStatus(m.stock_locate, m.tracking_number, m.timestamp_ns, chr(m.breached_level))


cdef int _encode_mwcb_status(object message, uint8_t* out, size_t capacity) except? -1:
    cdef ItchMwcbStatus m
    m.stock_locate = message.stock_locate
    m.tracking_number = message.tracking_number
    m.timestamp_ns = message.timestamp_ns
    m.breached_level = code_of(message.breached_level, "breached_level")
    return itch_encode_mwcb_status(&m, out, capacity)


cdef object _decode_ipo_quoting_period(const uint8_t* p, size_t n):
    cdef ItchIpoQuotingPeriod m
    cdef int rc = itch_decode_ipo_quoting_period(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("ITCH", p, n))
    return IpoQuotingPeriod(
        m.stock_locate, m.tracking_number, m.timestamp_ns, text_of(m.stock, 8), m.release_time_s,
        chr(m.release_qualifier), m.ipo_price,
    )


cdef int _encode_ipo_quoting_period(object message, uint8_t* out, size_t capacity) except? -1:
    cdef ItchIpoQuotingPeriod m
    m.stock_locate = message.stock_locate
    m.tracking_number = message.tracking_number
    m.timestamp_ns = message.timestamp_ns
    put_text(m.stock, 8, message.stock, "stock")
    m.release_time_s = message.release_time_s
    m.release_qualifier = code_of(message.release_qualifier, "release_qualifier")
    m.ipo_price = message.ipo_price
    return itch_encode_ipo_quoting_period(&m, out, capacity)


cdef object _decode_luld_auction_collar(const uint8_t* p, size_t n):
    cdef ItchLuldAuctionCollar m
    cdef int rc = itch_decode_luld_auction_collar(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("ITCH", p, n))
    return LuldAuctionCollar(
        m.stock_locate, m.tracking_number, m.timestamp_ns, text_of(m.stock, 8), m.reference_price, m.upper_price,
        m.lower_price, m.extension,
    )


cdef int _encode_luld_auction_collar(object message, uint8_t* out, size_t capacity) except? -1:
    cdef ItchLuldAuctionCollar m
    m.stock_locate = message.stock_locate
    m.tracking_number = message.tracking_number
    m.timestamp_ns = message.timestamp_ns
    put_text(m.stock, 8, message.stock, "stock")
    m.reference_price = message.reference_price
    m.upper_price = message.upper_price
    m.lower_price = message.lower_price
    m.extension = message.extension
    return itch_encode_luld_auction_collar(&m, out, capacity)


cdef object _decode_operational_halt(const uint8_t* p, size_t n):
    cdef ItchOperationalHalt m
    cdef int rc = itch_decode_operational_halt(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("ITCH", p, n))
    return OperationalHalt(
        m.stock_locate, m.tracking_number, m.timestamp_ns, text_of(m.stock, 8), chr(m.market_code), chr(m.action),
    )


cdef int _encode_operational_halt(object message, uint8_t* out, size_t capacity) except? -1:
    cdef ItchOperationalHalt m
    m.stock_locate = message.stock_locate
    m.tracking_number = message.tracking_number
    m.timestamp_ns = message.timestamp_ns
    put_text(m.stock, 8, message.stock, "stock")
    m.market_code = code_of(message.market_code, "market_code")
    m.action = code_of(message.action, "action")
    return itch_encode_operational_halt(&m, out, capacity)


cdef object _decode_any_add_order(const uint8_t* p, size_t n):
    cdef ItchAddOrderAttributed m
    cdef int rc = itch_decode_any_add_order(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("ITCH", p, n))
    if rc == ITCH_ADD_ORDER_LENGTH:
        return AddOrder(
            m.stock_locate, m.tracking_number, m.timestamp_ns, m.order_ref, chr(m.side), m.shares, text_of(m.stock, 8),
            m.price,
        )
    return AddOrderAttributed(
        m.stock_locate, m.tracking_number, m.timestamp_ns, m.order_ref, chr(m.side), m.shares, text_of(m.stock, 8),
        m.price, text_of(m.attribution, 4),
    )


cdef int _encode_add_order(object message, uint8_t* out, size_t capacity) except? -1:
    cdef ItchAddOrder m
    m.stock_locate = message.stock_locate
    m.tracking_number = message.tracking_number
    m.timestamp_ns = message.timestamp_ns
    m.order_ref = message.order_ref
    m.side = code_of(message.side, "side")
    m.shares = message.shares
    put_text(m.stock, 8, message.stock, "stock")
    m.price = message.price
    return itch_encode_add_order(&m, out, capacity)


cdef int _encode_add_order_attributed(object message, uint8_t* out, size_t capacity) except? -1:
    cdef ItchAddOrderAttributed m
    m.stock_locate = message.stock_locate
    m.tracking_number = message.tracking_number
    m.timestamp_ns = message.timestamp_ns
    m.order_ref = message.order_ref
    m.side = code_of(message.side, "side")
    m.shares = message.shares
    put_text(m.stock, 8, message.stock, "stock")
    m.price = message.price
    put_text(m.attribution, 4, message.attribution, "attribution")
    return itch_encode_add_order_attributed(&m, out, capacity)


cdef object _decode_order_executed(const uint8_t* p, size_t n):
    cdef ItchOrderExecuted m
    cdef int rc = itch_decode_order_executed(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("ITCH", p, n))
    return OrderExecuted(
        m.stock_locate, m.tracking_number, m.timestamp_ns, m.order_ref, m.executed_shares, m.match_number,
    )


cdef int _encode_order_executed(object message, uint8_t* out, size_t capacity) except? -1:
    cdef ItchOrderExecuted m
    m.stock_locate = message.stock_locate
    m.tracking_number = message.tracking_number
    m.timestamp_ns = message.timestamp_ns
    m.order_ref = message.order_ref
    m.executed_shares = message.executed_shares
    m.match_number = message.match_number
    return itch_encode_order_executed(&m, out, capacity)


cdef object _decode_order_executed_with_price(const uint8_t* p, size_t n):
    cdef ItchOrderExecutedWithPrice m
    cdef int rc = itch_decode_order_executed_with_price(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("ITCH", p, n))
    return OrderExecutedWithPrice(
        m.stock_locate, m.tracking_number, m.timestamp_ns, m.order_ref, m.executed_shares, m.match_number,
        chr(m.printable), m.execution_price,
    )


cdef int _encode_order_executed_with_price(object message, uint8_t* out, size_t capacity) except? -1:
    cdef ItchOrderExecutedWithPrice m
    m.stock_locate = message.stock_locate
    m.tracking_number = message.tracking_number
    m.timestamp_ns = message.timestamp_ns
    m.order_ref = message.order_ref
    m.executed_shares = message.executed_shares
    m.match_number = message.match_number
    m.printable = code_of(message.printable, "printable")
    m.execution_price = message.execution_price
    return itch_encode_order_executed_with_price(&m, out, capacity)


cdef object _decode_order_cancel(const uint8_t* p, size_t n):
    cdef ItchOrderCancel m
    cdef int rc = itch_decode_order_cancel(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("ITCH", p, n))
    return OrderCancel(m.stock_locate, m.tracking_number, m.timestamp_ns, m.order_ref, m.cancelled_shares)


cdef int _encode_order_cancel(object message, uint8_t* out, size_t capacity) except? -1:
    cdef ItchOrderCancel m
    m.stock_locate = message.stock_locate
    m.tracking_number = message.tracking_number
    m.timestamp_ns = message.timestamp_ns
    m.order_ref = message.order_ref
    m.cancelled_shares = message.cancelled_shares
    return itch_encode_order_cancel(&m, out, capacity)


cdef object _decode_order_delete(const uint8_t* p, size_t n):
    cdef ItchOrderDelete m
    cdef int rc = itch_decode_order_delete(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("ITCH", p, n))
    return OrderDelete(m.stock_locate, m.tracking_number, m.timestamp_ns, m.order_ref)


cdef int _encode_order_delete(object message, uint8_t* out, size_t capacity) except? -1:
    cdef ItchOrderDelete m
    m.stock_locate = message.stock_locate
    m.tracking_number = message.tracking_number
    m.timestamp_ns = message.timestamp_ns
    m.order_ref = message.order_ref
    return itch_encode_order_delete(&m, out, capacity)


cdef object _decode_order_replace(const uint8_t* p, size_t n):
    cdef ItchOrderReplace m
    cdef int rc = itch_decode_order_replace(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("ITCH", p, n))
    return OrderReplace(
        m.stock_locate, m.tracking_number, m.timestamp_ns, m.original_order_ref, m.new_order_ref, m.shares, m.price,
    )


cdef int _encode_order_replace(object message, uint8_t* out, size_t capacity) except? -1:
    cdef ItchOrderReplace m
    m.stock_locate = message.stock_locate
    m.tracking_number = message.tracking_number
    m.timestamp_ns = message.timestamp_ns
    m.original_order_ref = message.original_order_ref
    m.new_order_ref = message.new_order_ref
    m.shares = message.shares
    m.price = message.price
    return itch_encode_order_replace(&m, out, capacity)


cdef object _decode_trade(const uint8_t* p, size_t n):
    cdef ItchTrade m
    cdef int rc = itch_decode_trade(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("ITCH", p, n))
    return Trade(
        m.stock_locate, m.tracking_number, m.timestamp_ns, m.order_ref, chr(m.side), m.shares, text_of(m.stock, 8),
        m.price, m.match_number,
    )


cdef int _encode_trade(object message, uint8_t* out, size_t capacity) except? -1:
    cdef ItchTrade m
    m.stock_locate = message.stock_locate
    m.tracking_number = message.tracking_number
    m.timestamp_ns = message.timestamp_ns
    m.order_ref = message.order_ref
    m.side = code_of(message.side, "side")
    m.shares = message.shares
    put_text(m.stock, 8, message.stock, "stock")
    m.price = message.price
    m.match_number = message.match_number
    return itch_encode_trade(&m, out, capacity)


cdef object _decode_cross_trade(const uint8_t* p, size_t n):
    cdef ItchCrossTrade m
    cdef int rc = itch_decode_cross_trade(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("ITCH", p, n))
    return CrossTrade(
        m.stock_locate, m.tracking_number, m.timestamp_ns, m.shares, text_of(m.stock, 8), m.cross_price,
        m.match_number, chr(m.cross_type),
    )


cdef int _encode_cross_trade(object message, uint8_t* out, size_t capacity) except? -1:
    cdef ItchCrossTrade m
    m.stock_locate = message.stock_locate
    m.tracking_number = message.tracking_number
    m.timestamp_ns = message.timestamp_ns
    m.shares = message.shares
    put_text(m.stock, 8, message.stock, "stock")
    m.cross_price = message.cross_price
    m.match_number = message.match_number
    m.cross_type = code_of(message.cross_type, "cross_type")
    return itch_encode_cross_trade(&m, out, capacity)


cdef object _decode_broken_trade(const uint8_t* p, size_t n):
    cdef ItchBrokenTrade m
    cdef int rc = itch_decode_broken_trade(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("ITCH", p, n))
    return BrokenTrade(m.stock_locate, m.tracking_number, m.timestamp_ns, m.match_number)


cdef int _encode_broken_trade(object message, uint8_t* out, size_t capacity) except? -1:
    cdef ItchBrokenTrade m
    m.stock_locate = message.stock_locate
    m.tracking_number = message.tracking_number
    m.timestamp_ns = message.timestamp_ns
    m.match_number = message.match_number
    return itch_encode_broken_trade(&m, out, capacity)


cdef object _decode_net_order_imbalance(const uint8_t* p, size_t n):
    cdef ItchNetOrderImbalance m
    cdef int rc = itch_decode_net_order_imbalance(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("ITCH", p, n))
    return NetOrderImbalance(
        m.stock_locate, m.tracking_number, m.timestamp_ns, m.paired_shares, m.imbalance_shares,
        chr(m.imbalance_direction), text_of(m.stock, 8), m.far_price, m.near_price, m.current_reference_price,
        chr(m.cross_type), chr(m.price_variation),
    )


cdef int _encode_net_order_imbalance(object message, uint8_t* out, size_t capacity) except? -1:
    cdef ItchNetOrderImbalance m
    m.stock_locate = message.stock_locate
    m.tracking_number = message.tracking_number
    m.timestamp_ns = message.timestamp_ns
    m.paired_shares = message.paired_shares
    m.imbalance_shares = message.imbalance_shares
    m.imbalance_direction = code_of(message.imbalance_direction, "imbalance_direction")
    put_text(m.stock, 8, message.stock, "stock")
    m.far_price = message.far_price
    m.near_price = message.near_price
    m.current_reference_price = message.current_reference_price
    m.cross_type = code_of(message.cross_type, "cross_type")
    m.price_variation = code_of(message.price_variation, "price_variation")
    return itch_encode_net_order_imbalance(&m, out, capacity)


cdef object _decode_retail_interest(const uint8_t* p, size_t n):
    cdef ItchRetailInterest m
    cdef int rc = itch_decode_retail_interest(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("ITCH", p, n))
    return RetailInterest(m.stock_locate, m.tracking_number, m.timestamp_ns, text_of(m.stock, 8), chr(m.interest_flag))


cdef int _encode_retail_interest(object message, uint8_t* out, size_t capacity) except? -1:
    cdef ItchRetailInterest m
    m.stock_locate = message.stock_locate
    m.tracking_number = message.tracking_number
    m.timestamp_ns = message.timestamp_ns
    put_text(m.stock, 8, message.stock, "stock")
    m.interest_flag = code_of(message.interest_flag, "interest_flag")
    return itch_encode_retail_interest(&m, out, capacity)


cdef object _decode_price_discovery(const uint8_t* p, size_t n):
    cdef ItchPriceDiscovery m
    cdef int rc = itch_decode_price_discovery(p, n, &m)
    if rc < 0:
        raise error_for(rc, describe("ITCH", p, n))
    return PriceDiscovery(
        m.stock_locate, m.tracking_number, m.timestamp_ns, text_of(m.stock, 8), chr(m.open_eligibility),
        m.min_allowable_price, m.max_allowable_price, m.near_execution_price, m.near_execution_time, m.lower_collar,
        m.upper_collar,
    )


cdef int _encode_price_discovery(object message, uint8_t* out, size_t capacity) except? -1:
    cdef ItchPriceDiscovery m
    m.stock_locate = message.stock_locate
    m.tracking_number = message.tracking_number
    m.timestamp_ns = message.timestamp_ns
    put_text(m.stock, 8, message.stock, "stock")
    m.open_eligibility = code_of(message.open_eligibility, "open_eligibility")
    m.min_allowable_price = message.min_allowable_price
    m.max_allowable_price = message.max_allowable_price
    m.near_execution_price = message.near_execution_price
    m.near_execution_time = message.near_execution_time
    m.lower_collar = message.lower_collar
    m.upper_collar = message.upper_collar
    return itch_encode_price_discovery(&m, out, capacity)


def check(bytes data not None):
    """Layout length of a message, without decoding it. Raises UnknownTypeError or TruncatedError."""
    cdef int rc = itch_check(wire(data), <size_t>len(data))
    if rc < 0:
        raise error_for(rc, describe("ITCH", wire(data), <size_t>len(data)))
    return rc


cdef object _decode(const uint8_t* p, size_t n):
    if n == 0 or itch_length(p[0]) == 0:
        raise error_for(itch_check(p, n), describe("ITCH", p, n))
    if p[0] == ITCH_SYSTEM_EVENT:
        return _decode_system_event(p, n)
    if p[0] == ITCH_STOCK_DIRECTORY:
        return _decode_stock_directory(p, n)
    if p[0] == ITCH_STOCK_TRADING_ACTION:
        return _decode_stock_trading_action(p, n)
    if p[0] == ITCH_REG_SHO_RESTRICTION:
        return _decode_reg_sho_restriction(p, n)
    if p[0] == ITCH_MARKET_PARTICIPANT_POSITION:
        return _decode_market_participant_position(p, n)
    if p[0] == ITCH_MWCB_DECLINE_LEVEL:
        return _decode_mwcb_decline_level(p, n)
    if p[0] == ITCH_MWCB_STATUS:
        return _decode_mwcb_status(p, n)
    if p[0] == ITCH_IPO_QUOTING_PERIOD:
        return _decode_ipo_quoting_period(p, n)
    if p[0] == ITCH_LULD_AUCTION_COLLAR:
        return _decode_luld_auction_collar(p, n)
    if p[0] == ITCH_OPERATIONAL_HALT:
        return _decode_operational_halt(p, n)
    if p[0] == ITCH_ADD_ORDER or p[0] == ITCH_ADD_ORDER_ATTRIBUTED:
        return _decode_any_add_order(p, n)
    if p[0] == ITCH_ORDER_EXECUTED:
        return _decode_order_executed(p, n)
    if p[0] == ITCH_ORDER_EXECUTED_WITH_PRICE:
        return _decode_order_executed_with_price(p, n)
    if p[0] == ITCH_ORDER_CANCEL:
        return _decode_order_cancel(p, n)
    if p[0] == ITCH_ORDER_DELETE:
        return _decode_order_delete(p, n)
    if p[0] == ITCH_ORDER_REPLACE:
        return _decode_order_replace(p, n)
    if p[0] == ITCH_TRADE:
        return _decode_trade(p, n)
    if p[0] == ITCH_CROSS_TRADE:
        return _decode_cross_trade(p, n)
    if p[0] == ITCH_BROKEN_TRADE:
        return _decode_broken_trade(p, n)
    if p[0] == ITCH_NET_ORDER_IMBALANCE:
        return _decode_net_order_imbalance(p, n)
    if p[0] == ITCH_RETAIL_INTEREST:
        return _decode_retail_interest(p, n)
    if p[0] == ITCH_PRICE_DISCOVERY:
        return _decode_price_discovery(p, n)
    raise AssertionError(f"length table and decoders disagree about type {chr(p[0])!r}")


def decode(bytes data not None):
    """Decode one message. Bytes beyond the layout are ignored, as newer revisions may append fields.

    Raises UnknownTypeError or TruncatedError.
    """
    return _decode(wire(data), <size_t>len(data))


def decode_frames(const uint8_t[::1] data not None):
    """Decode the messages of a day file's bytes, each after its length (u16, big-endian).

    Returns (messages, bytes consumed, messages skipped because their type is unknown); what is not whole at the end
    stays: give it again with what follows. Raises TruncatedError for a message shorter than its layout.
    """
    cdef list messages = []
    cdef size_t at = 0
    cdef size_t size = data.shape[0]
    cdef size_t length
    cdef Py_ssize_t skipped = 0
    while size - at >= FRAME_PREFIX:
        length = load_be16(&data[at])
        if size - at - FRAME_PREFIX < length:
            break
        at += FRAME_PREFIX
        if length != 0 and itch_length(data[at]) == 0:
            skipped += 1
        else:
            messages.append(_decode(&data[at] if length else NULL, length))
        at += length
    return messages, at, skipped


def decode_header(bytes data not None):
    """Decode what every message starts with, also of a type that is not known. Raises TruncatedError."""
    cdef ItchHeader m
    cdef int rc = itch_decode_header(wire(data), <size_t>len(data), &m)
    if rc < 0:
        raise error_for(rc, describe("ITCH", wire(data), <size_t>len(data)))
    return Header(chr(m.message_type), m.stock_locate, m.tracking_number, m.timestamp_ns)


def decode_all(messages):
    """Decode many; returns the messages of known types and how many were skipped because theirs is unknown.

    Raises TruncatedError.
    """
    cdef list decoded = []
    cdef Py_ssize_t skipped = 0
    for data in messages:
        try:
            decoded.append(decode(data))
        except UnknownTypeError:
            skipped += 1
    return decoded, skipped


cdef int _encode(object message, uint8_t* out, size_t capacity) except? -1:
    cdef object kind = type(message)
    if kind is SystemEvent:
        return _encode_system_event(message, out, capacity)
    if kind is StockDirectory:
        return _encode_stock_directory(message, out, capacity)
    if kind is StockTradingAction:
        return _encode_stock_trading_action(message, out, capacity)
    if kind is RegShoRestriction:
        return _encode_reg_sho_restriction(message, out, capacity)
    if kind is MarketParticipantPosition:
        return _encode_market_participant_position(message, out, capacity)
    if kind is MwcbDeclineLevel:
        return _encode_mwcb_decline_level(message, out, capacity)
    if kind is MwcbStatus:
        return _encode_mwcb_status(message, out, capacity)
    if kind is IpoQuotingPeriod:
        return _encode_ipo_quoting_period(message, out, capacity)
    if kind is LuldAuctionCollar:
        return _encode_luld_auction_collar(message, out, capacity)
    if kind is OperationalHalt:
        return _encode_operational_halt(message, out, capacity)
    if kind is AddOrder:
        return _encode_add_order(message, out, capacity)
    if kind is AddOrderAttributed:
        return _encode_add_order_attributed(message, out, capacity)
    if kind is OrderExecuted:
        return _encode_order_executed(message, out, capacity)
    if kind is OrderExecutedWithPrice:
        return _encode_order_executed_with_price(message, out, capacity)
    if kind is OrderCancel:
        return _encode_order_cancel(message, out, capacity)
    if kind is OrderDelete:
        return _encode_order_delete(message, out, capacity)
    if kind is OrderReplace:
        return _encode_order_replace(message, out, capacity)
    if kind is Trade:
        return _encode_trade(message, out, capacity)
    if kind is CrossTrade:
        return _encode_cross_trade(message, out, capacity)
    if kind is BrokenTrade:
        return _encode_broken_trade(message, out, capacity)
    if kind is NetOrderImbalance:
        return _encode_net_order_imbalance(message, out, capacity)
    if kind is RetailInterest:
        return _encode_retail_interest(message, out, capacity)
    if kind is PriceDiscovery:
        return _encode_price_discovery(message, out, capacity)
    raise TypeError(f"not an ITCH message: {message!r}")


def encode(message not None):
    """Encode one message. Raises FieldRangeError when a value does not fit its field."""
    cdef uint8_t out[ITCH_MAX_LENGTH]
    cdef int rc
    try:
        rc = _encode(message, out, ITCH_MAX_LENGTH)
    except OverflowError as error:
        raise FieldRangeError(f"ITCH {message!r}: {error}") from error
    if rc < 0:
        raise error_for(rc, f"ITCH {message!r}")
    return <bytes>(<char*>out)[:rc]
