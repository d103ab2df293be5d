"""OUCH 5.0 messages as Python objects, for tests and tools.

Prices are in 1/10,000 of a dollar, quantities in shares, timestamp_ns is ns since midnight US Eastern. Text is without
its padding; one-letter codes are one-character strings. `options` is None when the message has no appendage_length.
"""

from typing import ClassVar

import msgspec


class Options(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """Optional appendage: one field per tag, None when it is absent. `unknown` keeps tags that this revision lacks."""

    secondary_order_ref_num: int | None = None
    firm: str | None = None
    min_quantity: int | None = None
    customer_type: str | None = None
    max_floor: int | None = None
    price_type: str | None = None
    peg_offset: int | None = None
    discretion_price: int | None = None
    discretion_price_type: str | None = None
    discretion_peg_offset: int | None = None
    post_only: str | None = None
    random_reserves: int | None = None
    route: str | None = None
    expire_time_s: int | None = None
    trade_now: str | None = None
    handle_inst: str | None = None
    bbo_weight_indicator: str | None = None
    display_quantity: int | None = None
    display_price: int | None = None
    group_id: int | None = None
    shares_located: str | None = None
    locate_broker: str | None = None
    side: str | None = None
    user_ref_index: int | None = None
    aiq_strategy: str | None = None
    aiq_group_id: str | None = None
    unknown: tuple[tuple[int, bytes], ...] = ()


class Message(msgspec.Struct, frozen=True):
    """Base of both directions."""

    type: ClassVar[str]


class InboundMessage(Message, frozen=True):
    """Client to venue."""


class OutboundMessage(Message, frozen=True):
    """Venue to client."""

    timestamp_ns: int


class EnterOrder(InboundMessage, frozen=True):
    """O: a new order."""

    type: ClassVar[str] = "O"
    user_ref_num: int
    side: str
    quantity: int
    symbol: str
    price: int
    time_in_force: str
    display: str
    capacity: str
    iso_eligibility: str
    cross_type: str
    cl_ord_id: str
    options: Options | None = None


class ReplaceOrder(InboundMessage, frozen=True):
    """U: replace a live order; quantity is the total of the whole chain."""

    type: ClassVar[str] = "U"
    orig_user_ref_num: int
    user_ref_num: int
    quantity: int
    price: int
    time_in_force: str
    display: str
    iso_eligibility: str
    cl_ord_id: str
    options: Options | None = None


class CancelOrder(InboundMessage, frozen=True):
    """X: reduce an order to `quantity` shares in all; 0 cancels it."""

    type: ClassVar[str] = "X"
    user_ref_num: int
    quantity: int
    options: Options | None = None


class ModifyOrder(InboundMessage, frozen=True):
    """M: change side or reduce, priority kept."""

    type: ClassVar[str] = "M"
    user_ref_num: int
    side: str
    quantity: int
    options: Options | None = None


class MassCancel(InboundMessage, frozen=True):
    """C: cancel the orders of a firm, in one symbol or (blank) in all."""

    type: ClassVar[str] = "C"
    user_ref_num: int
    firm: str
    symbol: str
    options: Options | None = None


class DisableOrderEntry(InboundMessage, frozen=True):
    """D: refuse the firm's new orders."""

    type: ClassVar[str] = "D"
    user_ref_num: int
    firm: str
    options: Options | None = None


class EnableOrderEntry(InboundMessage, frozen=True):
    """E: accept the firm's orders again."""

    type: ClassVar[str] = "E"
    user_ref_num: int
    firm: str
    options: Options | None = None


class AccountQuery(InboundMessage, frozen=True):
    """Q: ask for the next free user_ref_num."""

    type: ClassVar[str] = "Q"
    options: Options | None = None


class SystemEvent(OutboundMessage, frozen=True):
    """S: start or end of the day."""

    type: ClassVar[str] = "S"
    event_code: str


class OrderAccepted(OutboundMessage, frozen=True):
    """A: the order as it was accepted, which may differ from what was entered."""

    type: ClassVar[str] = "A"
    user_ref_num: int
    side: str
    quantity: int
    symbol: str
    price: int
    time_in_force: str
    display: str
    order_reference_number: int
    capacity: str
    iso_eligibility: str
    cross_type: str
    order_state: str
    cl_ord_id: str
    options: Options | None = None


class OrderReplaced(OutboundMessage, frozen=True):
    """U: quantity is what is left open."""

    type: ClassVar[str] = "U"
    orig_user_ref_num: int
    user_ref_num: int
    side: str
    quantity: int
    symbol: str
    price: int
    time_in_force: str
    display: str
    order_reference_number: int
    capacity: str
    iso_eligibility: str
    cross_type: str
    order_state: str
    cl_ord_id: str
    options: Options | None = None


class OrderCanceled(OutboundMessage, frozen=True):
    """C: `quantity` shares were taken off; the order may live on."""

    type: ClassVar[str] = "C"
    user_ref_num: int
    quantity: int
    reason: str
    options: Options | None = None


class AiqCanceled(OutboundMessage, frozen=True):
    """D: shares taken off by self-match prevention."""

    type: ClassVar[str] = "D"
    user_ref_num: int
    decrement_shares: int
    reason: str
    quantity_prevented: int
    execution_price: int
    liquidity_flag: str
    aiq_strategy: str
    options: Options | None = None


class OrderExecuted(OutboundMessage, frozen=True):
    """E: one fill."""

    type: ClassVar[str] = "E"
    user_ref_num: int
    quantity: int
    price: int
    liquidity_flag: str
    match_number: int
    options: Options | None = None


class BrokenTrade(OutboundMessage, frozen=True):
    """B: an earlier fill is void."""

    type: ClassVar[str] = "B"
    user_ref_num: int
    match_number: int
    reason: str
    cl_ord_id: str
    options: Options | None = None


class Rejected(OutboundMessage, frozen=True):
    """J: the order was refused and its number is used up."""

    type: ClassVar[str] = "J"
    user_ref_num: int
    reason: int
    cl_ord_id: str
    options: Options | None = None


class PriorityUpdate(OutboundMessage, frozen=True):
    """T: the order lost or changed priority and has a new reference."""

    type: ClassVar[str] = "T"
    user_ref_num: int
    price: int
    display: str
    order_reference_number: int
    options: Options | None = None


class OrderModified(OutboundMessage, frozen=True):
    """M: quantity is the total outstanding."""

    type: ClassVar[str] = "M"
    user_ref_num: int
    side: str
    quantity: int
    options: Options | None = None


class OrderRestated(OutboundMessage, frozen=True):
    """R: the system changed the order; the options say what."""

    type: ClassVar[str] = "R"
    user_ref_num: int
    reason: str
    options: Options | None = None


class MassCancelResponse(OutboundMessage, frozen=True):
    """X: echo of a mass cancel."""

    type: ClassVar[str] = "X"
    user_ref_num: int
    firm: str
    symbol: str
    options: Options | None = None


class DisableOrderEntryResponse(OutboundMessage, frozen=True):
    """G: echo of a disable."""

    type: ClassVar[str] = "G"
    user_ref_num: int
    firm: str
    options: Options | None = None


class EnableOrderEntryResponse(OutboundMessage, frozen=True):
    """K: echo of an enable."""

    type: ClassVar[str] = "K"
    user_ref_num: int
    firm: str
    options: Options | None = None


class CancelPending(OutboundMessage, frozen=True):
    """P: the cancel takes effect after the cross."""

    type: ClassVar[str] = "P"
    user_ref_num: int
    options: Options | None = None


class CancelReject(OutboundMessage, frozen=True):
    """I: a partial cancel was refused."""

    type: ClassVar[str] = "I"
    user_ref_num: int
    options: Options | None = None


class AccountQueryResponse(OutboundMessage, frozen=True):
    """Q: next free number of the channel."""

    type: ClassVar[str] = "Q"
    next_user_ref_num: int
    options: Options | None = None
