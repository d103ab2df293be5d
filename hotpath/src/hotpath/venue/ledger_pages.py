"""Pages over the ledgers of all accounts, for the admin port and tools."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from hotpath.venue.ledger import Ledger

Row = dict[str, int | str]


class LedgerPages:
    """Pages over all accounts' ledgers. A cursor is `account:rows already seen`."""

    def __init__(self, ledgers: list[Ledger]) -> None:
        self._ledgers = ledgers
        self._lock = threading.Lock()

    def orders(self, after: str, limit: int) -> dict[str, Any]:
        return self._page(after, limit, lambda ledger: len(ledger.orders), lambda ledger, i: ledger.order_row(i))

    def fills(self, after: str, limit: int) -> dict[str, Any]:
        return self._page(after, limit, lambda ledger: len(ledger.fills), lambda ledger, i: ledger.fills[i])

    def _page(
        self, after: str, limit: int, size: Callable[[Ledger], int], row: Callable[[Ledger, int], Row]
    ) -> dict[str, Any]:
        """Rows after a cursor; `next` is the cursor of the following page, null at the end. Raises ValueError."""
        start, seen = self._parse(after)
        rows: list[Row] = []
        with self._lock:
            for index in range(start, len(self._ledgers)):
                ledger = self._ledgers[index]
                ledger.refresh()
                count = size(ledger)
                while seen < count:
                    if len(rows) == limit:
                        return {"rows": rows, "next": f"{ledger.account}:{seen}"}
                    rows.append(row(ledger, seen))
                    seen += 1
                seen = 0
        return {"rows": rows, "next": None}

    def _parse(self, after: str) -> tuple[int, int]:
        if not after:
            return 0, 0
        name, _, seen = after.rpartition(":")
        for index, ledger in enumerate(self._ledgers):
            if ledger.account == name and seen.isdigit():
                return index, int(seen)
        raise ValueError(f"after={after!r} is not a cursor of this ledger; start without it")
