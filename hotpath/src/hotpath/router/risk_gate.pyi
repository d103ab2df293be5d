from typing import NamedTuple

class Refusal(NamedTuple):
    """One reason for which the router sends nothing."""

    code: int
    name: str
    text: str

REFUSALS: tuple[Refusal, ...]

class RiskGate:
    """Pre-trade checks; all limits 0 until `configure`. Raises ValueError for a tick out of range."""

    locate: int
    tick: int
    def __init__(self, locate: int, tick: int) -> None: ...
    def configure(
        self,
        *,
        max_order_quantity: int,
        max_notional: int,
        max_position: int,
        collar_bps: int,
        max_messages_per_second: int,
        max_open_orders: int,
    ) -> None: ...
    def check(
        self,
        kind: str,
        *,
        price: int = 0,
        quantity: int = 0,
        side: str = "B",
        time_in_force: str = "0",
        flags: int = 0,
        order_id: int = 1,
        new_order_id: int = 0,
        locate: int = 1,
        strategy_epoch: int = 1,
        intent_router_epoch: int = 1,
        now_ns: int = 0,
        age_ns: int = 0,
        position: int = 0,
        open_buy: int = 0,
        open_sell: int = 0,
        open_orders: int = 0,
        reference: int = 0,
        router_epoch: int = 1,
        newest_strategy_epoch: int = 1,
        last_order_id: int = 0,
        mode: str = "ACTIVE",
        killed: bool = False,
        session_up: bool = True,
        pool_full: bool = False,
        target_live: bool = False,
        target_side: str = "B",
        target_filled: int = 0,
        target_leaves: int = 0,
    ) -> str | None: ...

def refusal_name(code: int) -> str | None: ...
def reference_price_of(*, kind: int, bid_price: int, ask_price: int) -> int: ...
def effective_mode_of(*, mode: int, lease_expires_mono_ns: int, now_ns: int) -> int: ...
