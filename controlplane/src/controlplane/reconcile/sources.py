"""Reads both sides: the venue's admin HTTP and the OMS database."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import asyncpg
import httpx
import msgspec

from controlplane.reconcile.compare import OmsFill, OmsOrder, OmsPosition, VenueFill, VenueOrder
from wire.average_cost import recompute

PAGE: Final = 2000
MAX_ROWS: Final = 20_000_000

_Row = TypeVar("_Row")


class SourceError(Exception):
    """One side cannot be read, so nothing can be said; the text names the side and the reason."""


class _Page(msgspec.Struct):
    rows: list[msgspec.Raw]
    next: str | None = None


async def _pages(client: httpx.AsyncClient, path: str, kind: type[_Row]) -> list[_Row]:
    rows: list[_Row] = []
    after = ""
    decoder = msgspec.json.Decoder(kind)
    while True:
        query = {"limit": str(PAGE)} | ({"after": after} if after else {})
        try:
            answer = await client.get(path, params=query)
        except httpx.HTTPError as error:
            raise SourceError(f"venue {client.base_url}{path}: {str(error) or type(error).__name__}") from error
        if answer.status_code != 200:
            raise SourceError(f"venue {answer.url}: status {answer.status_code}: {answer.text[:200]}")
        try:
            page = msgspec.json.decode(answer.content, type=_Page)
            rows += [decoder.decode(row) for row in page.rows]
        except msgspec.DecodeError as error:
            raise SourceError(f"venue {answer.url}: {error}") from error
        if page.next is None:
            return rows
        if page.next == after or len(rows) > MAX_ROWS:
            raise SourceError(f"venue {answer.url}: the ledger does not end (cursor {page.next!r})")
        after = page.next


async def read_venue(client: httpx.AsyncClient, account: str | None) -> tuple[list[VenueOrder], list[VenueFill]]:
    """Ledger of one account. Raises SourceError, also when there are several accounts and none was chosen."""
    # fills first: an order read later can only know more of them, which the next pass shows as well
    fills = await _pages(client, "/ledger/fills", VenueFill)
    orders = await _pages(client, "/ledger/orders", VenueOrder)
    accounts = sorted({order.account for order in orders})
    if account is None:
        if len(accounts) > 1:
            raise SourceError(f"the venue's ledger holds the accounts {', '.join(accounts)}: choose one with --account")
        return orders, fills
    return (
        [order for order in orders if order.account == account],
        [fill for fill in fills if fill.account == account],
    )


async def connect(dsn: str, password: str | None) -> Any:
    """Raises SourceError."""
    try:
        return await asyncpg.connect(dsn, password=password, timeout=5, server_settings={"timezone": "UTC"})
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise SourceError(f"database: {type(error).__name__}: {error}") from error


async def read_oms(connection: Any, host: str | None) -> tuple[list[OmsOrder], list[OmsFill], list[OmsPosition]]:
    """One host's rows at one moment. Raises SourceError, also when there are several hosts and none was chosen."""
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            hosts = [row["host"] for row in await connection.fetch("SELECT DISTINCT host FROM orders ORDER BY host")]
            if host is None and len(hosts) > 1:
                raise SourceError(f"the OMS holds the hosts {', '.join(hosts)}: choose one with --host")
            chosen = host if host is not None else (hosts[0] if hosts else "")
            orders = await connection.fetch(
                "SELECT host, session, user_ref_num, orig_user_ref_num, order_reference_number, cl_ord_id, side, "
                "price, quantity, state, leaves, filled, executed, canceled, accepted, reason FROM orders "
                "WHERE host = $1 AND user_ref_num > 0",
                chosen,
            )
            fills = await connection.fetch(
                "SELECT host, session, user_ref_num, match_number, side, price, quantity, broken, symbol FROM fills "
                "WHERE host = $1 ORDER BY id",
                chosen,
            )
            positions = await connection.fetch("SELECT * FROM positions WHERE host = $1 ORDER BY symbol", chosen)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise SourceError(f"database: {type(error).__name__}: {error}") from error
    return (
        [OmsOrder(**dict(row)) for row in orders],
        [OmsFill(**{name: value for name, value in row.items() if name != "symbol"}) for row in fills],
        _positions(positions, fills),
    )


def _positions(rows: list[Any], fills: list[Any]) -> list[OmsPosition]:
    by_symbol: dict[str, list[tuple[str, int, int]]] = {row["symbol"]: [] for row in rows}
    for fill in fills:
        standing = by_symbol.setdefault(fill["symbol"], [])
        if not fill["broken"]:
            standing.append((fill["side"], fill["price"], fill["quantity"]))
    stored = {row["symbol"]: row for row in rows}
    names = ("quantity", "bought", "sold", "bought_notional", "sold_notional", "realised")
    positions = []
    for symbol, standing in sorted(by_symbol.items()):
        derived = recompute(standing)
        row = stored.get(symbol)
        values = {name: row[name] if row is not None else 0 for name in names}
        values |= {f"fills_{name}": getattr(derived, name) for name in names}
        host = row["host"] if row is not None else fills[0]["host"]
        positions.append(OmsPosition(host=host, symbol=symbol, **values))
    return positions
