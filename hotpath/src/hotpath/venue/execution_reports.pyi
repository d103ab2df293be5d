from hotpath.venue.client_account import ClientAccount

class ExecutionReports:
    accounts: list[ClientAccount]

    def __init__(self, accounts: list[ClientAccount], symbol: str) -> None: ...

def canceled_message(timestamp_ns: int, user_ref_num: int, quantity: int, reason: str) -> bytes:
    """An OUCH Order Canceled, for recovery."""

def executed_message(
    timestamp_ns: int, user_ref_num: int, quantity: int, price: int, liquidity: str, match_number: int
) -> bytes:
    """An OUCH Order Executed, for recovery."""
