from typing import Any

from hotpath.ipc.layouts import OrderEvent

BREAK_NAMES: dict[int, str]

class OrderTable:
    """Orders of one router. Raises ValueError for a capacity out of range, MemoryError."""

    capacity: int
    symbols_full: bool
    open_count: int
    unknown_count: int
    foreign_open: int
    last_number: int
    id_epoch: int
    last_order_id: int
    venue_sequence: int
    illegal: int
    illegal_number: int
    illegal_type: int
    adopted: int
    @property
    def symbol(self) -> str: ...
    @property
    def position(self) -> int: ...
    @property
    def session_base(self) -> int: ...
    @property
    def bought(self) -> int: ...
    @property
    def sold(self) -> int: ...
    @property
    def bought_notional(self) -> int: ...
    @property
    def sold_notional(self) -> int: ...
    @property
    def open_buy(self) -> int: ...
    @property
    def open_sell(self) -> int: ...
    def __init__(self, capacity: int, symbol: str) -> None: ...
    def new_order(
        self,
        *,
        user_ref_num: int,
        strategy_epoch: int,
        order_id: int,
        side: str,
        price: int,
        quantity: int,
        time_in_force: str = "0",
        flags: int = 0,
    ) -> OrderEvent | None: ...
    def replace_order(
        self, *, orig_user_ref_num: int, user_ref_num: int, order_id: int, price: int, quantity: int
    ) -> OrderEvent | None: ...
    def cancel_order(self, user_ref_num: int) -> OrderEvent | None: ...
    def mass_cancel(self, user_ref_num: int) -> OrderEvent: ...
    def unknown_order(self, user_ref_num: int) -> OrderEvent | None: ...
    def apply_message(
        self,
        type: str,
        *,
        sequence: int,
        user_ref_num: int = 0,
        orig_user_ref_num: int = 0,
        quantity: int = 0,
        price: int = 0,
        side: str = "B",
        time_in_force: str = "0",
        order_state: str = "L",
        reason: int = 0,
        match_number: int = 0,
        order_reference_number: int = 0,
        cl_ord_id: str = "",
        venue_ns: int = 0,
        symbol: str | None = None,
    ) -> tuple[int, list[OrderEvent]]: ...
    def settle(self, fence: int) -> list[OrderEvent]: ...
    def restore_event(self, record: bytes) -> None: ...
    def resume_at(self, sequence: int) -> None: ...
    def start_session(self, session: str) -> None: ...
    def order(self, user_ref_num: int) -> dict[str, Any] | None: ...
    def open_orders(self) -> list[dict[str, Any]]: ...
    def compare(self, venue: OrderTable) -> tuple[int, int, list[tuple[int, str, int | str, int | str]]]: ...
    def other_symbols(self) -> dict[str, tuple[int, int]]: ...
    @property
    def orders_held(self) -> int: ...
