from typing import NamedTuple, final

from _typeshed import ReadableBuffer

from hotpath.book.limit_order_book import LevelRow, OrderRow
from hotpath.book.order_book import OrderBook
from hotpath.book.order_store import OrderStore

class BatchOutcome(NamedTuple):
    consumed: int
    messages: int
    applied: int
    other_instruments: int
    inconsistent: int
    unknown_types: int
    truncated: int

class InstrumentRow(NamedTuple):
    locate: int
    symbol: str
    trading_state: str
    last_price: int
    last_shares: int
    exchange_ns: int

class TopRow(NamedTuple):
    bid_price: int
    bid_shares: int
    bid_orders: int
    ask_price: int
    ask_shares: int
    ask_orders: int

@final
class MarketBuilder:
    """ITCH 5.0 messages of a whole market into an L3 book per stock locate.

    max_orders: over all symbols; tick in 1/10,000 dollar (other prices work, slower); look_ahead: whether batches fetch
    memory for the messages to come, None = when the books have outgrown the cache. For one thread at a time.
    Raises ValueError for a size out of range, MemoryError.
    """

    store: OrderStore
    def __init__(
        self,
        max_symbols: int,
        max_orders: int,
        *,
        max_levels: int | None = None,
        tick: int = 100,
        prefault: bool = False,
        look_ahead: bool | None = None,
    ) -> None: ...
    def apply(self, data: ReadableBuffer) -> BatchOutcome: ...
    def apply_packet(self, packet: ReadableBuffer) -> BatchOutcome: ...
    def apply_message(self, message: bytes, /) -> int: ...
    def add(self, locate: int, reference: int, side: str, price: int, shares: int, /) -> int: ...
    def execute(self, locate: int, reference: int, shares: int, /) -> int: ...
    def execute_with_price(self, locate: int, reference: int, shares: int, price: int, printable: bool, /) -> int: ...
    def cancel(self, locate: int, reference: int, shares: int, /) -> int: ...
    def delete(self, locate: int, reference: int, /) -> int: ...
    def replace(self, locate: int, reference: int, new_reference: int, price: int, shares: int, /) -> int: ...
    def list_symbol(self, locate: int, symbol: str) -> None: ...
    def reset(self) -> None: ...
    def book(self, locate: int) -> OrderBook: ...
    def top(self, locate: int) -> TopRow: ...
    def levels(self, locate: int, side: str, count: int) -> list[LevelRow]: ...
    def orders(self, locate: int) -> list[OrderRow]: ...
    def instrument(self, locate: int) -> InstrumentRow: ...
    def locates(self) -> dict[str, int]: ...
    def conflicts(self) -> list[int]: ...
    def digest(self) -> int: ...
    def stats(self) -> dict[str, int]: ...
