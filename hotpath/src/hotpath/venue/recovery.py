"""Start of the venue after a stop or a crash: client streams are made whole and every order left open is cancelled."""

from __future__ import annotations

from dataclasses import dataclass

from hotpath.venue.client_account import ClientAccount
from hotpath.venue.execution_reports import canceled_message, executed_message
from hotpath.venue.ledger import Ledger

RESTART_REASON = "Z"  # OUCH: system


@dataclass(frozen=True)
class Recovered:
    messages: int
    cancelled: int
    completed_fills: int


def recover_accounts(accounts: list[ClientAccount], ledgers: list[Ledger], timestamp_ns: int) -> Recovered:
    """Read the streams, add what a crash cut off, cancel what was open. Raises LedgerError or JournalError."""
    for ledger in ledgers:
        ledger.refresh()
    completed = _complete_fills(accounts, ledgers, timestamp_ns)
    cancelled = 0
    for account, ledger in zip(accounts, ledgers, strict=True):
        for order in ledger.open_orders():
            account.append_message(canceled_message(timestamp_ns, order.user_ref_num, order.leaves, RESTART_REASON))
            cancelled += 1
        ledger.refresh()
        account.recover(ledger.last_user_ref_num, ledger.disabled)
    return Recovered(sum(ledger.sequence for ledger in ledgers), cancelled, completed)


def _complete_fills(accounts: list[ClientAccount], ledgers: list[Ledger], timestamp_ns: int) -> int:
    """A trade between two clients is two messages; a kill between them leaves one side without its fill."""
    completed = 0
    for ledger in ledgers:
        if not ledger.fills or not ledger.fills[-1]["contra_order_reference_number"]:
            continue
        fill = ledger.fills[-1]
        contra = int(fill["contra_order_reference_number"])
        index = ((contra >> 32) & 0xFFFF) - 1
        number = contra & 0xFFFFFFFF
        if not 0 <= index < len(ledgers):
            continue
        other = ledgers[index]
        order = other.by_number.get(number)
        if order is None or order.state != "live" or order.leaves < int(fill["quantity"]):
            continue
        if other.last_match_number >= int(fill["match_number"]):  # they only rise: it has that fill already
            continue
        liquidity = "A" if fill["liquidity"] == "R" else "R"
        accounts[index].append_message(
            executed_message(
                timestamp_ns, number, int(fill["quantity"]), int(fill["price"]), liquidity, int(fill["match_number"])
            )
        )
        other.refresh()
        completed += 1
    return completed
