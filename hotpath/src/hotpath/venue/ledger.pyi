class LedgerOrder:
    user_ref_num: int
    orig_user_ref_num: int
    order_reference_number: int
    side: str
    cl_ord_id: str
    time_in_force: str
    state: str
    reason: str
    price: int
    quantity: int
    leaves: int
    filled: int
    chain_filled: int
    chain_decremented: int
    cancelled: int
    accepted_ns: int
    accepted_wall_ns: int
    updated_wall_ns: int
    last_sequence: int

class Ledger:
    """Orders and fills of one account, derived from its sequenced stream. Not safe for several threads at once."""

    account: str
    session: str
    orders: list[LedgerOrder]
    fills: list[dict[str, int | str]]
    by_number: dict[int, LedgerOrder]
    sequence: int
    last_user_ref_num: int
    disabled: bool
    last_match_number: int

    def __init__(self, account: str, session: str, directory: str) -> None: ...
    def refresh(self, limit: int = 0) -> int:
        """Apply what was written since the last call, at most `limit` messages (0 = all); returns how many.

        Raises LedgerError when the stream cannot be read or contradicts itself.
        """
    def open_orders(self) -> list[LedgerOrder]: ...
    def order_row(self, index: int) -> dict[str, int | str]: ...

class LedgerError(Exception): ...
