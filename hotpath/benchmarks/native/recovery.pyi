from hotpath.book.matching_engine import MatchingEngine
from hotpath.book.order_book import OrderBook

SYMBOL: str

class OrderStream:
    data: bytes
    messages: int
    expected: dict[str, int]
    def __init__(self, orders: int, seed: int = 1) -> None: ...

def replay_into_book(book: OrderBook, data: bytes) -> int: ...
def replay_into_engine(engine: MatchingEngine, data: bytes) -> int: ...
