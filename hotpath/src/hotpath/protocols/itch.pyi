from collections.abc import Iterable

from hotpath.protocols.itch_types import (
    AddOrder,
    AddOrderAttributed,
    BrokenTrade,
    CrossTrade,
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
    "AddOrder",
    "AddOrderAttributed",
    "BrokenTrade",
    "CrossTrade",
    "IpoQuotingPeriod",
    "LENGTHS",
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
    "decode",
    "decode_all",
    "encode",
]

LENGTHS: dict[str, int]

def decode(data: bytes) -> Message: ...
def decode_all(messages: Iterable[bytes]) -> tuple[list[Message], int]: ...
def encode(message: Message) -> bytes: ...
