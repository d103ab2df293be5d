"""TotalView-ITCH 5.0 messages as Python objects, for tests and tools.

Prices are in 1/10,000 of a dollar unless a class says otherwise, timestamp_ns is ns since midnight US Eastern. Text is
without its padding; one-letter codes are one-character strings.
"""

from typing import ClassVar

import msgspec


class Header(msgspec.Struct, frozen=True, gc=False):
    """The leading fields of a message of any type, known or not."""

    message_type: str
    stock_locate: int
    tracking_number: int
    timestamp_ns: int


# gc=False: numbers and strings only, so no cycle can go through one
class Message(msgspec.Struct, frozen=True, gc=False):
    """Fields that every message has; stock_locate 0 means that it is not about one stock."""

    type: ClassVar[str]
    stock_locate: int
    tracking_number: int
    timestamp_ns: int


class SystemEvent(Message, frozen=True):
    """S: start or end of a phase of the day."""

    type: ClassVar[str] = "S"
    event_code: str


class StockDirectory(Message, frozen=True):
    """R: a stock and the locate it has today."""

    type: ClassVar[str] = "R"
    stock: str
    market_category: str
    financial_status: str
    round_lot_size: int
    round_lots_only: str
    issue_classification: str
    issue_sub_type: str
    authenticity: str
    short_sale_threshold: str
    ipo_flag: str
    luld_tier: str
    etp_flag: str
    etp_leverage_factor: int
    inverse_indicator: str


class StockTradingAction(Message, frozen=True):
    """H: trading state of a stock; one never mentioned counts as halted."""

    type: ClassVar[str] = "H"
    stock: str
    trading_state: str
    reserved: str
    reason: str


class RegShoRestriction(Message, frozen=True):
    """Y: short sale price test."""

    type: ClassVar[str] = "Y"
    stock: str
    reg_sho_action: str


class MarketParticipantPosition(Message, frozen=True):
    """L: a market maker's standing in a stock."""

    type: ClassVar[str] = "L"
    mpid: str
    stock: str
    primary_market_maker: str
    market_maker_mode: str
    participant_state: str


class MwcbDeclineLevel(Message, frozen=True):
    """V: market-wide circuit breaker levels, in 1/100,000,000 of a dollar."""

    type: ClassVar[str] = "V"
    level1: int
    level2: int
    level3: int


class MwcbStatus(Message, frozen=True):
    """W: a circuit breaker level was breached."""

    type: ClassVar[str] = "W"
    breached_level: str


class IpoQuotingPeriod(Message, frozen=True):
    """K: IPO release; release_time_s is seconds since midnight; resolve by stock, not by locate."""

    type: ClassVar[str] = "K"
    stock: str
    release_time_s: int
    release_qualifier: str
    ipo_price: int


class LuldAuctionCollar(Message, frozen=True):
    """J: auction collar after a limit-up limit-down pause."""

    type: ClassVar[str] = "J"
    stock: str
    reference_price: int
    upper_price: int
    lower_price: int
    extension: int


class OperationalHalt(Message, frozen=True):
    """h: halt on one market centre, independent of H."""

    type: ClassVar[str] = "h"
    stock: str
    market_code: str
    action: str


class AddOrder(Message, frozen=True):
    """A: a displayed order enters the book."""

    type: ClassVar[str] = "A"
    order_ref: int
    side: str
    shares: int
    stock: str
    price: int


class AddOrderAttributed(Message, frozen=True):
    """F: like A, with the market participant's name."""

    type: ClassVar[str] = "F"
    order_ref: int
    side: str
    shares: int
    stock: str
    price: int
    attribution: str


class OrderExecuted(Message, frozen=True):
    """E: shares of a resting order trade at its display price."""

    type: ClassVar[str] = "E"
    order_ref: int
    executed_shares: int
    match_number: int


class OrderExecutedWithPrice(Message, frozen=True):
    """C: shares of a resting order trade at another price; not printable: leave it out of volume."""

    type: ClassVar[str] = "C"
    order_ref: int
    executed_shares: int
    match_number: int
    printable: str
    execution_price: int


class OrderCancel(Message, frozen=True):
    """X: shares taken off an order, priority kept."""

    type: ClassVar[str] = "X"
    order_ref: int
    cancelled_shares: int


class OrderDelete(Message, frozen=True):
    """D: the order leaves the book."""

    type: ClassVar[str] = "D"
    order_ref: int


class OrderReplace(Message, frozen=True):
    """U: the original leaves the book and the new order queues at the tail; side and stock are the original's."""

    type: ClassVar[str] = "U"
    original_order_ref: int
    new_order_ref: int
    shares: int
    price: int


class Trade(Message, frozen=True):
    """P: execution of a hidden order; the book is untouched."""

    type: ClassVar[str] = "P"
    order_ref: int
    side: str
    shares: int
    stock: str
    price: int
    match_number: int


class CrossTrade(Message, frozen=True):
    """Q: bulk print of a cross; 0 shares is normal."""

    type: ClassVar[str] = "Q"
    shares: int
    stock: str
    cross_price: int
    match_number: int
    cross_type: str


class BrokenTrade(Message, frozen=True):
    """B: an earlier execution is void for statistics; the book is untouched."""

    type: ClassVar[str] = "B"
    match_number: int


class NetOrderImbalance(Message, frozen=True):
    """I: net order imbalance indicator before a cross."""

    type: ClassVar[str] = "I"
    paired_shares: int
    imbalance_shares: int
    imbalance_direction: str
    stock: str
    far_price: int
    near_price: int
    current_reference_price: int
    cross_type: str
    price_variation: str


class RetailInterest(Message, frozen=True):
    """N: retail price improvement interest."""

    type: ClassVar[str] = "N"
    stock: str
    interest_flag: str


class PriceDiscovery(Message, frozen=True):
    """O: direct listing with capital raise, price discovery; near_execution_time assumed ns since midnight."""

    type: ClassVar[str] = "O"
    stock: str
    open_eligibility: str
    min_allowable_price: int
    max_allowable_price: int
    near_execution_price: int
    near_execution_time: int
    lower_collar: int
    upper_collar: int
