from typing import NamedTuple

from hotpath.book.matching_engine import MatchingEngine
from hotpath.book.order_book import OrderBook

MAGIC: bytes
VERSION: int
HEADER_BYTES: int
TRAILER_BYTES: int

class SnapshotError(ValueError): ...

class SnapshotInfo(NamedTuple):
    version: int
    kind: str
    symbol: str
    position: int
    orders: int
    next_match_number: int
    digest: int

def snapshot(book: OrderBook | MatchingEngine, *, symbol: str = "", position: int = 0) -> bytes: ...
def inspect(data: bytes | bytearray | memoryview) -> SnapshotInfo: ...
def restore(
    book: OrderBook | MatchingEngine, data: bytes | bytearray | memoryview, *, symbol: str | None = None
) -> SnapshotInfo: ...
def largest_snapshot(book: OrderBook | MatchingEngine) -> int: ...
