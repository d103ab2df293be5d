from enum import IntEnum
from typing import NamedTuple, final

from hotpath.book.limit_order_book import LimitOrderBook
from hotpath.book.order_store import OrderStore

class ApplyStatus(IntEnum):
    APPLY_OK = 0
    APPLY_UNKNOWN_ORDER = 1
    APPLY_DUPLICATE_ORDER = 2
    APPLY_INVALID = 3
    APPLY_EXCESS_SHARES = 4
    APPLY_POOL_EXHAUSTED = 5

class ApplyOutcome(NamedTuple):
    status: ApplyStatus
    price: int
    shares: int
    remaining: int
    side: str

@final
class OrderBook(LimitOrderBook):
    def __init__(
        self,
        max_orders: int | None = None,
        max_levels: int | None = None,
        prefault: bool = False,
        *,
        tick: int = 100,
        store: OrderStore | None = None,
    ) -> None: ...
    def add_order(self, reference: int, side: str, price: int, shares: int) -> ApplyStatus: ...
    def execute_order(self, reference: int, shares: int) -> ApplyOutcome: ...
    def execute_order_with_price(self, reference: int, shares: int) -> ApplyOutcome: ...
    def cancel_order(self, reference: int, shares: int) -> ApplyOutcome: ...
    def delete_order(self, reference: int) -> ApplyOutcome: ...
    def replace_order(self, reference: int, new_reference: int, price: int, shares: int) -> ApplyOutcome: ...
    @property
    def counts(self) -> dict[str, int]: ...
    def reset_counts(self) -> None: ...
