"""Python-edge views of the messages in messages.pxd: for tests, the agent and tools, never for a hot loop."""
from enum import IntEnum

import msgspec
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.string cimport memcpy, memset

cimport hotpath.ipc.messages as m


class LayoutError(ValueError):
    """Bytes that are not such a message, or a field that does not fit into it."""


class BookEventKind(IntEnum):
    BOOK_UPDATE = m.BOOK_UPDATE
    BOOK_TRADE = m.BOOK_TRADE
    BOOK_STALE = m.BOOK_STALE
    BOOK_RECOVERED = m.BOOK_RECOVERED
    BOOK_TRADING_STATE = m.BOOK_TRADING_STATE
    BOOK_RESET = m.BOOK_RESET


class IntentKind(IntEnum):
    INTENT_NEW = m.INTENT_NEW
    INTENT_REPLACE = m.INTENT_REPLACE
    INTENT_CANCEL = m.INTENT_CANCEL
    INTENT_MASS_CANCEL = m.INTENT_MASS_CANCEL


class IntentFlag(IntEnum):
    INTENT_POST_ONLY = m.INTENT_POST_ONLY


class OrderEventKind(IntEnum):
    EVENT_ROUTER_STARTED = m.EVENT_ROUTER_STARTED
    EVENT_NEW_SENT = m.EVENT_NEW_SENT
    EVENT_ACCEPTED = m.EVENT_ACCEPTED
    EVENT_REFUSED = m.EVENT_REFUSED
    EVENT_REJECTED = m.EVENT_REJECTED
    EVENT_REPLACE_SENT = m.EVENT_REPLACE_SENT
    EVENT_REPLACED = m.EVENT_REPLACED
    EVENT_CANCEL_SENT = m.EVENT_CANCEL_SENT
    EVENT_CANCELED = m.EVENT_CANCELED
    EVENT_EXECUTED = m.EVENT_EXECUTED
    EVENT_BROKEN = m.EVENT_BROKEN
    EVENT_MASS_CANCEL_SENT = m.EVENT_MASS_CANCEL_SENT
    EVENT_SESSION_UP = m.EVENT_SESSION_UP
    EVENT_SESSION_DOWN = m.EVENT_SESSION_DOWN
    EVENT_RECONCILED = m.EVENT_RECONCILED
    EVENT_ORDER_UNKNOWN = m.EVENT_ORDER_UNKNOWN
    EVENT_MODE = m.EVENT_MODE
    EVENT_CANCEL_PROOF = m.EVENT_CANCEL_PROOF
    EVENT_STRATEGY_LOST = m.EVENT_STRATEGY_LOST
    EVENT_CANCEL_PROOF_DONE = m.EVENT_CANCEL_PROOF_DONE


class OrderState(IntEnum):
    ORDER_NONE = m.ORDER_NONE
    ORDER_PENDING_NEW = m.ORDER_PENDING_NEW
    ORDER_LIVE = m.ORDER_LIVE
    ORDER_PENDING_REPLACE = m.ORDER_PENDING_REPLACE
    ORDER_PENDING_CANCEL = m.ORDER_PENDING_CANCEL
    ORDER_FILLED = m.ORDER_FILLED
    ORDER_CANCELED = m.ORDER_CANCELED
    ORDER_REJECTED = m.ORDER_REJECTED
    ORDER_REPLACED = m.ORDER_REPLACED
    ORDER_UNKNOWN = m.ORDER_UNKNOWN
    ORDER_REFUSED = m.ORDER_REFUSED


class RefusalReason(IntEnum):
    REFUSED_NONE = m.REFUSED_NONE
    REFUSED_KILLED = m.REFUSED_KILLED
    REFUSED_HALTED = m.REFUSED_HALTED
    REFUSED_REDUCE_ONLY = m.REFUSED_REDUCE_ONLY
    REFUSED_MAX_ORDER_SIZE = m.REFUSED_MAX_ORDER_SIZE
    REFUSED_MAX_NOTIONAL = m.REFUSED_MAX_NOTIONAL
    REFUSED_PRICE_COLLAR = m.REFUSED_PRICE_COLLAR
    REFUSED_POSITION_LIMIT = m.REFUSED_POSITION_LIMIT
    REFUSED_MESSAGE_RATE = m.REFUSED_MESSAGE_RATE
    REFUSED_DUPLICATE_ID = m.REFUSED_DUPLICATE_ID
    REFUSED_STALE_EPOCH = m.REFUSED_STALE_EPOCH
    REFUSED_SESSION_DOWN = m.REFUSED_SESSION_DOWN
    REFUSED_UNKNOWN_ORDER = m.REFUSED_UNKNOWN_ORDER
    REFUSED_INVALID = m.REFUSED_INVALID
    REFUSED_TOO_MANY_ORDERS = m.REFUSED_TOO_MANY_ORDERS
    REFUSED_AUDIT_FULL = m.REFUSED_AUDIT_FULL
    REFUSED_NO_REFERENCE_PRICE = m.REFUSED_NO_REFERENCE_PRICE


class TradingMode(IntEnum):
    MODE_HALTED = m.MODE_HALTED
    MODE_REDUCING = m.MODE_REDUCING
    MODE_ACTIVE = m.MODE_ACTIVE


BOOK_EVENT_SIZE = sizeof(m.BookEvent)
INTENT_SIZE = sizeof(m.Intent)
ORDER_EVENT_SIZE = sizeof(m.OrderEvent)
CONTROL_BLOCK_SIZE = sizeof(m.ControlBlock)
POSITION_BLOCK_SIZE = sizeof(m.PositionBlock)


class BookEvent(msgspec.Struct, frozen=True, kw_only=True):
    kind: int
    trading_state: str = ""
    locate: int = 0
    conflated: int = 0
    feed_sequence: int = 0
    exchange_ns: int = 0
    received_ns: int = 0
    published_ns: int = 0
    bid_price: int = 0
    ask_price: int = 0
    bid_shares: int = 0
    ask_shares: int = 0
    bid_orders: int = 0
    ask_orders: int = 0
    last_price: int = 0
    last_shares: int = 0


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    kind: int
    side: str = ""
    time_in_force: str = ""
    flags: int = 0
    locate: int = 0
    strategy_epoch: int = 0
    router_epoch: int = 0
    order_id: int = 0
    new_order_id: int = 0
    price: int = 0
    quantity: int = 0
    tick_received_ns: int = 0
    created_ns: int = 0


class OrderEvent(msgspec.Struct, frozen=True, kw_only=True):
    sequence: int
    kind: int
    wall_ns: int = 0
    mono_ns: int = 0
    epoch: int = 0
    strategy_epoch: int = 0
    state: int = 0
    side: str = ""
    reason: int = 0
    time_in_force: str = ""
    flags: int = 0
    locate: int = 0
    order_id: int = 0
    user_ref_num: int = 0
    orig_user_ref_num: int = 0
    orig_order_id: int = 0
    price: int = 0
    quantity: int = 0
    leaves: int = 0
    filled: int = 0
    last_price: int = 0
    last_quantity: int = 0
    match_number: int = 0
    order_reference_number: int = 0
    venue_sequence: int = 0
    venue_ns: int = 0
    position: int = 0
    tick_received_ns: int = 0
    sent_ns: int = 0
    symbol: str = ""
    session: str = ""
    cl_ord_id: str = ""


class ControlBlock(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    mode: int
    epoch: int = 0
    killed: int = 0
    lease_expires_mono_ns: int = 0
    max_order_quantity: int = 0
    max_notional: int = 0
    max_position: int = 0
    collar_bps: int = 0
    max_messages_per_second: int = 0
    max_open_orders: int = 0
    rearms: int = 0


class PositionBlock(msgspec.Struct, frozen=True, kw_only=True):
    sequence: int
    epoch: int = 0
    locate: int = 0
    position: int = 0
    bought: int = 0
    sold: int = 0
    bought_notional: int = 0
    sold_notional: int = 0
    open_buy: int = 0
    open_sell: int = 0
    open_orders: int = 0


cdef _check_size(str what, Py_ssize_t found, Py_ssize_t expected):
    if found != expected:
        raise LayoutError(f"{what}: {found} bytes, the message has {expected}")


cdef str _text(const char *field, Py_ssize_t size):
    """Fixed-width field without its padding of spaces or NULs."""
    return PyBytes_FromStringAndSize(field, size).rstrip(b"\0 ").decode("latin-1")


cdef str _letter(unsigned char value):
    return chr(value) if value else ""


cdef _put_text(str what, char *field, Py_ssize_t size, str value):
    cdef bytes raw
    try:
        raw = value.encode("latin-1")
    except UnicodeEncodeError as error:
        raise LayoutError(f"{what}: {value!r} has characters outside Latin-1") from error
    if len(raw) > size:
        raise LayoutError(f"{what}: {value!r} is longer than {size} characters")
    memcpy(field, <const char *>raw, len(raw))


cdef unsigned char _get_letter(str what, str value) except? 255:
    if len(value) > 1 or (value and ord(value) > 255):
        raise LayoutError(f"{what}: {value!r} must be one character or empty")
    return ord(value) if value else 0


def decode_book_event(const unsigned char[::1] data not None) -> BookEvent:
    """Raises LayoutError when data is not BOOK_EVENT_SIZE bytes."""
    cdef m.BookEvent e
    _check_size("BookEvent", data.shape[0], sizeof(e))
    memcpy(&e, &data[0], sizeof(e))
    return BookEvent(
        kind=e.kind,
        trading_state=_letter(e.trading_state),
        locate=e.locate,
        conflated=e.conflated,
        feed_sequence=e.feed_sequence,
        exchange_ns=e.exchange_ns,
        received_ns=e.received_ns,
        published_ns=e.published_ns,
        bid_price=e.bid_price,
        ask_price=e.ask_price,
        bid_shares=e.bid_shares,
        ask_shares=e.ask_shares,
        bid_orders=e.bid_orders,
        ask_orders=e.ask_orders,
        last_price=e.last_price,
        last_shares=e.last_shares,
    )


def encode_book_event(event) -> bytes:
    """Raises LayoutError or OverflowError when a field does not fit."""
    cdef m.BookEvent e
    memset(&e, 0, sizeof(e))
    e.kind = event.kind
    e.trading_state = _get_letter("trading_state", event.trading_state)
    e.locate = event.locate
    e.conflated = event.conflated
    e.feed_sequence = event.feed_sequence
    e.exchange_ns = event.exchange_ns
    e.received_ns = event.received_ns
    e.published_ns = event.published_ns
    e.bid_price = event.bid_price
    e.ask_price = event.ask_price
    e.bid_shares = event.bid_shares
    e.ask_shares = event.ask_shares
    e.bid_orders = event.bid_orders
    e.ask_orders = event.ask_orders
    e.last_price = event.last_price
    e.last_shares = event.last_shares
    return PyBytes_FromStringAndSize(<char *>&e, sizeof(e))


def decode_intent(const unsigned char[::1] data not None) -> Intent:
    """Raises LayoutError when data is not INTENT_SIZE bytes."""
    cdef m.Intent e
    _check_size("Intent", data.shape[0], sizeof(e))
    memcpy(&e, &data[0], sizeof(e))
    return Intent(
        kind=e.kind,
        side=_letter(e.side),
        time_in_force=_letter(e.time_in_force),
        flags=e.flags,
        locate=e.locate,
        strategy_epoch=e.strategy_epoch,
        router_epoch=e.router_epoch,
        order_id=e.order_id,
        new_order_id=e.new_order_id,
        price=e.price,
        quantity=e.quantity,
        tick_received_ns=e.tick_received_ns,
        created_ns=e.created_ns,
    )


def encode_intent(intent) -> bytes:
    """Raises LayoutError or OverflowError when a field does not fit."""
    cdef m.Intent e
    memset(&e, 0, sizeof(e))
    e.kind = intent.kind
    e.side = _get_letter("side", intent.side)
    e.time_in_force = _get_letter("time_in_force", intent.time_in_force)
    e.flags = intent.flags
    e.locate = intent.locate
    e.strategy_epoch = intent.strategy_epoch
    e.router_epoch = intent.router_epoch
    e.order_id = intent.order_id
    e.new_order_id = intent.new_order_id
    e.price = intent.price
    e.quantity = intent.quantity
    e.tick_received_ns = intent.tick_received_ns
    e.created_ns = intent.created_ns
    return PyBytes_FromStringAndSize(<char *>&e, sizeof(e))


def decode_order_event(const unsigned char[::1] data not None) -> OrderEvent:
    """Raises LayoutError when data is not ORDER_EVENT_SIZE bytes."""
    cdef m.OrderEvent e
    _check_size("OrderEvent", data.shape[0], sizeof(e))
    memcpy(&e, &data[0], sizeof(e))
    return OrderEvent(
        sequence=e.sequence,
        wall_ns=e.wall_ns,
        mono_ns=e.mono_ns,
        epoch=e.epoch,
        strategy_epoch=e.strategy_epoch,
        kind=e.kind,
        state=e.state,
        side=_letter(e.side),
        reason=e.reason,
        time_in_force=_letter(e.time_in_force),
        flags=e.flags,
        locate=e.locate,
        order_id=e.order_id,
        user_ref_num=e.user_ref_num,
        orig_user_ref_num=e.orig_user_ref_num,
        orig_order_id=e.orig_order_id,
        price=e.price,
        quantity=e.quantity,
        leaves=e.leaves,
        filled=e.filled,
        last_price=e.last_price,
        last_quantity=e.last_quantity,
        match_number=e.match_number,
        order_reference_number=e.order_reference_number,
        venue_sequence=e.venue_sequence,
        venue_ns=e.venue_ns,
        position=e.position,
        tick_received_ns=e.tick_received_ns,
        sent_ns=e.sent_ns,
        symbol=_text(e.symbol, sizeof(e.symbol)),
        session=_text(e.session, sizeof(e.session)),
        cl_ord_id=_text(e.cl_ord_id, sizeof(e.cl_ord_id)),
    )


def encode_order_event(event) -> bytes:
    """Raises LayoutError or OverflowError when a field does not fit. Text fields are padded with NULs."""
    cdef m.OrderEvent e
    memset(&e, 0, sizeof(e))
    e.sequence = event.sequence
    e.wall_ns = event.wall_ns
    e.mono_ns = event.mono_ns
    e.epoch = event.epoch
    e.strategy_epoch = event.strategy_epoch
    e.kind = event.kind
    e.state = event.state
    e.side = _get_letter("side", event.side)
    e.reason = event.reason
    e.time_in_force = _get_letter("time_in_force", event.time_in_force)
    e.flags = event.flags
    e.locate = event.locate
    e.order_id = event.order_id
    e.user_ref_num = event.user_ref_num
    e.orig_user_ref_num = event.orig_user_ref_num
    e.orig_order_id = event.orig_order_id
    e.price = event.price
    e.quantity = event.quantity
    e.leaves = event.leaves
    e.filled = event.filled
    e.last_price = event.last_price
    e.last_quantity = event.last_quantity
    e.match_number = event.match_number
    e.order_reference_number = event.order_reference_number
    e.venue_sequence = event.venue_sequence
    e.venue_ns = event.venue_ns
    e.position = event.position
    e.tick_received_ns = event.tick_received_ns
    e.sent_ns = event.sent_ns
    _put_text("symbol", e.symbol, sizeof(e.symbol), event.symbol)
    _put_text("session", e.session, sizeof(e.session), event.session)
    _put_text("cl_ord_id", e.cl_ord_id, sizeof(e.cl_ord_id), event.cl_ord_id)
    return PyBytes_FromStringAndSize(<char *>&e, sizeof(e))


def decode_control_block(const unsigned char[::1] data not None) -> ControlBlock:
    """Raises LayoutError when data is not CONTROL_BLOCK_SIZE bytes."""
    cdef m.ControlBlock e
    _check_size("ControlBlock", data.shape[0], sizeof(e))
    memcpy(&e, &data[0], sizeof(e))
    return ControlBlock(
        version=e.version,
        epoch=e.epoch,
        mode=e.mode,
        killed=e.killed,
        lease_expires_mono_ns=e.lease_expires_mono_ns,
        max_order_quantity=e.max_order_quantity,
        max_notional=e.max_notional,
        max_position=e.max_position,
        collar_bps=e.collar_bps,
        max_messages_per_second=e.max_messages_per_second,
        max_open_orders=e.max_open_orders,
        rearms=e.rearms,
    )


def encode_control_block(block) -> bytes:
    """Raises OverflowError when a field does not fit."""
    cdef m.ControlBlock e
    memset(&e, 0, sizeof(e))
    e.version = block.version
    e.epoch = block.epoch
    e.mode = block.mode
    e.killed = block.killed
    e.lease_expires_mono_ns = block.lease_expires_mono_ns
    e.max_order_quantity = block.max_order_quantity
    e.max_notional = block.max_notional
    e.max_position = block.max_position
    e.collar_bps = block.collar_bps
    e.max_messages_per_second = block.max_messages_per_second
    e.max_open_orders = block.max_open_orders
    e.rearms = block.rearms
    return PyBytes_FromStringAndSize(<char *>&e, sizeof(e))


def decode_position_block(const unsigned char[::1] data not None) -> PositionBlock:
    """Raises LayoutError when data is not POSITION_BLOCK_SIZE bytes."""
    cdef m.PositionBlock e
    _check_size("PositionBlock", data.shape[0], sizeof(e))
    memcpy(&e, &data[0], sizeof(e))
    return PositionBlock(
        sequence=e.sequence,
        epoch=e.epoch,
        locate=e.locate,
        position=e.position,
        bought=e.bought,
        sold=e.sold,
        bought_notional=e.bought_notional,
        sold_notional=e.sold_notional,
        open_buy=e.open_buy,
        open_sell=e.open_sell,
        open_orders=e.open_orders,
    )


def encode_position_block(block) -> bytes:
    """Raises OverflowError when a field does not fit."""
    cdef m.PositionBlock e
    memset(&e, 0, sizeof(e))
    e.sequence = block.sequence
    e.epoch = block.epoch
    e.locate = block.locate
    e.position = block.position
    e.bought = block.bought
    e.sold = block.sold
    e.bought_notional = block.bought_notional
    e.sold_notional = block.sold_notional
    e.open_buy = block.open_buy
    e.open_sell = block.open_sell
    e.open_orders = block.open_orders
    return PyBytes_FromStringAndSize(<char *>&e, sizeof(e))
