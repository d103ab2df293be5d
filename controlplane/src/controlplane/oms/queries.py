"""What the API reads. Keyset paging: newest first, a page begins below the id of the one before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from controlplane.oms.projection import OPEN_STATES


@dataclass(slots=True)
class _Where:
    clauses: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, clause: str, value: Any) -> None:
        """`clause` holds one {} for the value's placeholder; None adds nothing."""
        if value is not None:
            self.values.append(value)
            self.clauses.append(clause.format(f"${len(self.values)}"))

    def sql(self) -> str:
        return f"WHERE {' AND '.join(self.clauses)} " if self.clauses else ""


@dataclass(frozen=True, slots=True)
class OrderFilter:
    host: str | None = None
    session: str | None = None
    symbol: str | None = None
    side: str | None = None
    state: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    open_only: bool = False


async def orders(connection: Any, wanted: OrderFilter, before: int | None, limit: int) -> list[Any]:
    where = _Where()
    where.add("host = {}", wanted.host)
    where.add("session = {}", wanted.session)
    where.add("symbol = {}", wanted.symbol)
    where.add("side = {}", wanted.side)
    where.add("state = {}", wanted.state)
    where.add("created_ns >= {}", wanted.since_ns)
    where.add("created_ns < {}", wanted.until_ns)
    where.add("id < {}", before)
    if wanted.open_only:
        # spelled out as in the partial index, which the planner then uses
        where.clauses.append("state IN ({})".format(", ".join(f"'{state}'" for state in OPEN_STATES)))
    where.values.append(limit)
    result: list[Any] = await connection.fetch(
        f"SELECT * FROM orders {where.sql()}ORDER BY id DESC LIMIT ${len(where.values)}", *where.values
    )
    return result


async def order(connection: Any, order_id: int) -> Any:
    """The row, or None."""
    return await connection.fetchrow("SELECT * FROM orders WHERE id = $1", order_id)


async def order_events(connection: Any, row: Any, after: tuple[int, int], limit: int) -> list[Any]:
    """Events about this order after (epoch, sequence), oldest first, among them those of what replaces it."""
    if row["user_ref_num"]:
        clause = (
            "session = $2 AND (user_ref_num = $3 OR (orig_user_ref_num = $3 "
            "AND kind IN ('REPLACE_SENT', 'REPLACED', 'REJECTED')))"
        )
        values = (row["host"], row["session"], row["user_ref_num"])
    else:
        clause = "strategy_epoch = $2 AND order_id = $3 AND user_ref_num = 0"
        values = (row["host"], row["strategy_epoch"], row["order_id"])
    result: list[Any] = await connection.fetch(
        f"SELECT body FROM order_events WHERE host = $1 AND {clause} AND (epoch, sequence) > ($4, $5) "
        "ORDER BY epoch, sequence LIMIT $6",
        *values,
        *after,
        limit,
    )
    return result


async def fills(
    connection: Any,
    *,
    host: str | None,
    symbol: str | None,
    session: str | None,
    user_ref_num: int | None,
    before: int | None,
    limit: int,
) -> list[Any]:
    where = _Where()
    where.add("host = {}", host)
    where.add("symbol = {}", symbol)
    where.add("session = {}", session)
    where.add("user_ref_num = {}", user_ref_num)
    where.add("id < {}", before)
    where.values.append(limit)
    result: list[Any] = await connection.fetch(
        f"SELECT * FROM fills {where.sql()}ORDER BY id DESC LIMIT ${len(where.values)}", *where.values
    )
    return result


async def positions(connection: Any, host: str | None, symbol: str | None, limit: int) -> list[Any]:
    where = _Where()
    where.add("host = {}", host)
    where.add("symbol = {}", symbol)
    where.values.append(limit)
    result: list[Any] = await connection.fetch(
        f"SELECT * FROM positions {where.sql()}ORDER BY host, symbol LIMIT ${len(where.values)}", *where.values
    )
    return result


async def incidents(connection: Any, *, include_acknowledged: bool, before: int | None, limit: int) -> list[Any]:
    where = _Where()
    where.add("id < {}", before)
    if not include_acknowledged:
        where.clauses.append("acknowledged_at IS NULL")
    where.values.append(limit)
    result: list[Any] = await connection.fetch(
        "SELECT id, kind, stream_sequence, host, role, epoch, sequence, detail, at, acknowledged_by, "
        f"acknowledged_reason, acknowledged_at FROM incidents {where.sql()}ORDER BY id DESC "
        f"LIMIT ${len(where.values)}",
        *where.values,
    )
    return result


async def counts(connection: Any) -> Any:
    """Rows of the whole book in one answer."""
    return await connection.fetchrow(
        "SELECT (SELECT count(*) FROM orders) AS orders, (SELECT count(*) FROM fills) AS fills, "
        "(SELECT count(*) FROM orders WHERE state = ANY($1)) AS open_orders, "
        "(SELECT count(*) FROM orders WHERE state = 'REFUSED') AS refused, "
        "(SELECT count(*) FROM orders WHERE state = 'CANCELED') AS canceled, "
        "(SELECT count(*) FROM order_events) AS events",
        list(OPEN_STATES),
    )


async def refusals(connection: Any) -> list[Any]:
    """Refused intents by reason, refused cancels and replaces included."""
    result: list[Any] = await connection.fetch(
        "SELECT body->>'reason' AS reason, count(*) AS count FROM order_events WHERE kind = 'REFUSED' "
        "GROUP BY 1 ORDER BY 2 DESC, 1"
    )
    return result
