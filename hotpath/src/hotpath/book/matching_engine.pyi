from enum import IntEnum
from typing import NamedTuple, final

from hotpath.book.limit_order_book import LimitOrderBook
from hotpath.book.order_store import OrderStore

MAX_OWNERS: int

class EngineStatus(IntEnum):
    ENGINE_DONE = 0
    ENGINE_MORE = 1
    ENGINE_BUSY = 2

class EngineEventKind(IntEnum):
    ENGINE_ACCEPTED = 1
    ENGINE_RESTED = 2
    ENGINE_EXECUTED = 3
    ENGINE_CANCELED = 4
    ENGINE_REPLACED = 5
    ENGINE_REJECTED = 6

class EngineReject(IntEnum):
    REJECT_INVALID_SIDE = 1
    REJECT_INVALID_PRICE = 2
    REJECT_INVALID_QUANTITY = 3
    REJECT_INVALID_TIME_IN_FORCE = 4
    REJECT_INVALID_OWNER = 5
    REJECT_DUPLICATE_ORDER = 6
    REJECT_UNKNOWN_ORDER = 7
    REJECT_POOL_EXHAUSTED = 8

class SelfMatchPrevention(IntEnum):
    SMP_CANCEL_OLDEST = 0
    SMP_CANCEL_NEWEST = 1
    SMP_DECREMENT_BOTH = 2
    SMP_OFF = 3

class Event(NamedTuple):
    kind: int
    side: str
    reason: int
    on_book: bool
    owner: int
    contra_owner: int
    order_ref: int
    contra_ref: int
    price: int
    quantity: int
    leaves: int
    contra_leaves: int
    prevented: int
    token: int
    contra_token: int
    match_number: int

@final
class MatchingEngine(LimitOrderBook):
    def __init__(
        self,
        max_orders: int | None = None,
        max_levels: int | None = None,
        prefault: bool = False,
        *,
        event_capacity: int = 65_536,
        max_owners: int = 256,
        first_match_number: int = 1,
        tick: int = 100,
        store: OrderStore | None = None,
    ) -> None: ...
    def submit_order(
        self,
        order_ref: int,
        side: str,
        price: int,
        quantity: int,
        *,
        owner: int = 0,
        time_in_force: str = "0",
        post_only: bool = False,
        token: int = 0,
    ) -> EngineStatus: ...
    def cancel_order(self, order_ref: int, new_total: int = 0, reason: str = "U") -> EngineStatus: ...
    def reduce_order(self, order_ref: int, shares: int, reason: str = "U") -> EngineStatus: ...
    def replace_order(
        self,
        order_ref: int,
        new_ref: int,
        price: int,
        quantity: int,
        *,
        time_in_force: str = "0",
        post_only: bool = False,
        token: int = 0,
    ) -> EngineStatus: ...
    def mass_cancel_orders(self, owner: int, side: str = "", reason: str = "U") -> EngineStatus: ...
    def resume_operation(self) -> EngineStatus: ...
    def drain_events(self) -> list[Event]: ...
    def set_owner_self_match_prevention(self, owner: int, mode: int) -> None: ...
    def open_orders_of(self, owner: int) -> int: ...
