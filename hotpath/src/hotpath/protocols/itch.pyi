from collections.abc import Iterable

from _typeshed import ReadableBuffer

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

__all__ = [
    "LENGTHS",
    "AddOrder",
    "AddOrderAttributed",
    "BrokenTrade",
    "CrossTrade",
    "Header",
    "IpoQuotingPeriod",
    "LuldAuctionCollar",
    "MarketParticipantPosition",
    "Message",
    "MwcbDeclineLevel",
    "MwcbStatus",
    "NetOrderImbalance",
    "OperationalHalt",
    "OrderCancel",
    "OrderDelete",
    "OrderExecuted",
    "OrderExecutedWithPrice",
    "OrderReplace",
    "PriceDiscovery",
    "RegShoRestriction",
    "RetailInterest",
    "StockDirectory",
    "StockTradingAction",
    "SystemEvent",
    "Trade",
    "check",
    "decode",
    "decode_all",
    "decode_frames",
    "decode_header",
    "encode",
]

LENGTHS: dict[str, int]

def check(data: bytes) -> int: ...
def decode(data: bytes) -> Message: ...
def decode_header(data: bytes) -> Header: ...
def decode_all(messages: Iterable[bytes]) -> tuple[list[Message], int]: ...
def decode_frames(data: ReadableBuffer) -> tuple[list[Message], int, int]: ...
def encode(message: Message) -> bytes: ...
