from enum import IntEnum

import msgspec

class LayoutError(ValueError): ...

class BookEventKind(IntEnum):
    BOOK_UPDATE = 1
    BOOK_TRADE = 2
    BOOK_STALE = 3
    BOOK_RECOVERED = 4
    BOOK_TRADING_STATE = 5
    BOOK_RESET = 6

class IntentKind(IntEnum):
    INTENT_NEW = 1
    INTENT_REPLACE = 2
    INTENT_CANCEL = 3
    INTENT_MASS_CANCEL = 4

class IntentFlag(IntEnum):
    INTENT_POST_ONLY = 1

class OrderEventKind(IntEnum):
    EVENT_ROUTER_STARTED = 1
    EVENT_NEW_SENT = 2
    EVENT_ACCEPTED = 3
    EVENT_REFUSED = 4
    EVENT_REJECTED = 5
    EVENT_REPLACE_SENT = 6
    EVENT_REPLACED = 7
    EVENT_CANCEL_SENT = 8
    EVENT_CANCELED = 9
    EVENT_EXECUTED = 10
    EVENT_BROKEN = 11
    EVENT_MASS_CANCEL_SENT = 12
    EVENT_SESSION_UP = 13
    EVENT_SESSION_DOWN = 14
    EVENT_RECONCILED = 15
    EVENT_ORDER_UNKNOWN = 16
    EVENT_MODE = 17
    EVENT_CANCEL_PROOF = 18
    EVENT_STRATEGY_LOST = 19
    EVENT_CANCEL_PROOF_DONE = 20

class OrderState(IntEnum):
    ORDER_NONE = 0
    ORDER_PENDING_NEW = 1
    ORDER_LIVE = 2
    ORDER_PENDING_REPLACE = 3
    ORDER_PENDING_CANCEL = 4
    ORDER_FILLED = 5
    ORDER_CANCELED = 6
    ORDER_REJECTED = 7
    ORDER_REPLACED = 8
    ORDER_UNKNOWN = 9
    ORDER_REFUSED = 10

class RefusalReason(IntEnum):
    REFUSED_NONE = 0
    REFUSED_KILLED = 1
    REFUSED_HALTED = 2
    REFUSED_REDUCE_ONLY = 3
    REFUSED_MAX_ORDER_SIZE = 4
    REFUSED_MAX_NOTIONAL = 5
    REFUSED_PRICE_COLLAR = 6
    REFUSED_POSITION_LIMIT = 7
    REFUSED_MESSAGE_RATE = 8
    REFUSED_DUPLICATE_ID = 9
    REFUSED_STALE_EPOCH = 10
    REFUSED_SESSION_DOWN = 11
    REFUSED_UNKNOWN_ORDER = 12
    REFUSED_INVALID = 13
    REFUSED_TOO_MANY_ORDERS = 14
    REFUSED_AUDIT_FULL = 15
    REFUSED_NO_REFERENCE_PRICE = 16

class TradingMode(IntEnum):
    MODE_HALTED = 0
    MODE_REDUCING = 1
    MODE_ACTIVE = 2

BOOK_EVENT_SIZE: int
INTENT_SIZE: int
ORDER_EVENT_SIZE: int
CONTROL_BLOCK_SIZE: int
POSITION_BLOCK_SIZE: int

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

def decode_book_event(data: bytes | bytearray | memoryview) -> BookEvent: ...
def encode_book_event(event: BookEvent) -> bytes: ...
def decode_intent(data: bytes | bytearray | memoryview) -> Intent: ...
def encode_intent(intent: Intent) -> bytes: ...
def decode_order_event(data: bytes | bytearray | memoryview) -> OrderEvent: ...
def encode_order_event(event: OrderEvent) -> bytes: ...
def decode_control_block(data: bytes | bytearray | memoryview) -> ControlBlock: ...
def encode_control_block(block: ControlBlock) -> bytes: ...
def decode_position_block(data: bytes | bytearray | memoryview) -> PositionBlock: ...
def encode_position_block(block: PositionBlock) -> bytes: ...
