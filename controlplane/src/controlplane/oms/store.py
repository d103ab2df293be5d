"""One batch of the stream into the database, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from controlplane.oms.projection import (
    Fill,
    FillKey,
    IdKey,
    NumberKey,
    Order,
    Position,
    PositionKey,
    WorkingSet,
    vouched_gone,
)
from controlplane.oms.sequencing import Cursor, Step, advance
from wire.average_cost import AverageCost
from wire.consumer import StreamMessage
from wire.messages import OrderEventKind, OrderEventMessage, WireError, decode_order_event

EventKey = tuple[str, str, int, int]  # host, role, epoch, sequence

MAX_BIGINT: Final = 2**63 - 1
HELD_CHUNK: Final = 2000  # events released from behind a closed gap in one transaction
REJECTED: Final = "rejected"
CONFLICT: Final = "conflict"
INCONSISTENT: Final = "inconsistent"

_EVENT_COLUMNS: Final = (
    ("host", "text"),
    ("role", "text"),
    ("epoch", "bigint"),
    ("sequence", "bigint"),
    ("stream_sequence", "bigint"),
    ("wall_ns", "bigint"),
    ("kind", "text"),
    ("session", "text"),
    ("user_ref_num", "bigint"),
    ("orig_user_ref_num", "bigint"),
    ("strategy_epoch", "bigint"),
    ("order_id", "bigint"),
    ("body", "json"),
)
_INSERT_EVENTS: Final = (
    f"INSERT INTO order_events ({', '.join(name for name, _ in _EVENT_COLUMNS)}) "
    f"SELECT * FROM unnest({', '.join(f'${i}::{kind}[]' for i, (_, kind) in enumerate(_EVENT_COLUMNS, 1))}) "
    "ON CONFLICT DO NOTHING RETURNING host, role, epoch, sequence"
)

_ORDER_COLUMNS: Final = (
    "host", "session", "user_ref_num", "strategy_epoch", "order_id", "orig_user_ref_num", "replaced_by", "cl_ord_id",
    "order_reference_number", "symbol", "side", "time_in_force", "flags", "price", "quantity", "leaves", "filled",
    "executed", "executed_notional", "canceled", "state", "accepted", "reason", "first_sequence", "last_epoch",
    "last_sequence", "last_venue_sequence", "created_ns", "updated_ns",
)  # fmt: skip
_FIXED_ORDER_COLUMNS: Final = ("host", "session", "user_ref_num", "strategy_epoch", "order_id")


def _upsert_orders(conflict: str) -> str:
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in _ORDER_COLUMNS if name not in _FIXED_ORDER_COLUMNS)
    values = ", ".join(f"${index}" for index in range(1, len(_ORDER_COLUMNS) + 1))
    return (
        f"INSERT INTO orders ({', '.join(_ORDER_COLUMNS)}) VALUES ({values}) ON CONFLICT {conflict} "
        f"DO UPDATE SET {changes}"
    )


_UPSERT_NUMBERED: Final = _upsert_orders("(host, session, user_ref_num) WHERE user_ref_num > 0")
_UPSERT_REFUSED: Final = _upsert_orders("(host, strategy_epoch, order_id) WHERE user_ref_num = 0")

_FILL_COLUMNS: Final = (
    "host", "session", "user_ref_num", "match_number", "symbol", "side", "price", "quantity", "realised", "venue_ns",
    "wall_ns", "epoch", "sequence", "broken",
)  # fmt: skip
_INSERT_FILL: Final = (
    f"INSERT INTO fills ({', '.join(_FILL_COLUMNS)}) "
    f"VALUES ({', '.join(f'${index}' for index in range(1, len(_FILL_COLUMNS) + 1))})"
)
_UPDATE_FILL: Final = (
    "UPDATE fills SET broken = $5, realised = $6 "
    "WHERE host = $1 AND session = $2 AND user_ref_num = $3 AND match_number = $4"
)
_UPSERT_POSITION: Final = (
    "INSERT INTO positions (host, symbol, quantity, cost, realised, bought, sold, bought_notional, sold_notional, "
    "fills, updated_ns) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (host, symbol) DO UPDATE "
    "SET quantity = EXCLUDED.quantity, cost = EXCLUDED.cost, realised = EXCLUDED.realised, "
    "bought = EXCLUDED.bought, sold = EXCLUDED.sold, bought_notional = EXCLUDED.bought_notional, "
    "sold_notional = EXCLUDED.sold_notional, fills = EXCLUDED.fills, updated_ns = EXCLUDED.updated_ns"
)
_INSERT_INCIDENT: Final = (
    "INSERT INTO incidents (kind, stream_sequence, host, role, epoch, sequence, detail, payload) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING"
)


@dataclass(slots=True)
class BatchResult:
    """What one transaction did."""

    events: int = 0
    new: int = 0
    duplicates: int = 0
    applied: int = 0
    fills: int = 0
    incidents: int = 0
    repeated: int = 0
    more_held: bool = False  # events behind a closed gap still wait for the next transaction


@dataclass(slots=True)
class _Decoded:
    events: list[OrderEventMessage] = field(default_factory=list)
    messages: list[StreamMessage] = field(default_factory=list)
    rejected: list[tuple[StreamMessage, str]] = field(default_factory=list)


def decode(messages: Iterable[StreamMessage], environment: str) -> _Decoded:
    """Order events of a batch; what cannot be one is kept apart with the reason."""
    decoded = _Decoded()
    for message in messages:
        try:
            event = decode_order_event(message.data)
            _check(event, environment)
        except WireError as error:
            decoded.rejected.append((message, str(error)))
            continue
        decoded.events.append(event)
        decoded.messages.append(message)
    return decoded


def _check(event: OrderEventMessage, environment: str) -> None:
    if event.environment != environment:
        raise WireError(f"event of environment {event.environment!r} in the stream of {environment!r}")
    if event.sequence == 0:
        raise WireError("event without a sequence")
    for name in ("sequence", "epoch", "match_number", "order_reference_number", "venue_sequence", "user_ref_num"):
        if getattr(event, name) > MAX_BIGINT:
            raise WireError(f"{name}: {getattr(event, name)} does not fit the database's 64-bit integers")
    if "\0" in event.symbol or "\0" in event.session or "\0" in event.cl_ord_id:
        raise WireError("a text field holds a zero byte")


async def reject(connection: Any, message: StreamMessage, detail: str) -> None:
    """Keep a message that cannot be stored, as an incident."""
    await _record_rejected(connection, [(message, detail)])


async def store(connection: Any, messages: Sequence[StreamMessage], environment: str) -> BatchResult:
    """One transaction. Storing the same messages again changes nothing. Raises database errors."""
    decoded = decode(messages, environment)
    result = BatchResult(events=len(decoded.events), incidents=len(decoded.rejected))
    async with connection.transaction():
        await _record_rejected(connection, decoded.rejected)
        fresh = await _insert_events(connection, decoded, result)
        cursors = await _lock_cursors(connection, {(event.host, event.role) for event in decoded.events})
        by_source: dict[tuple[str, str], list[OrderEventMessage]] = {key: [] for key in cursors}
        for event in fresh:
            by_source[event.host, event.role].append(event)
        streams = {
            (event.host, event.role, event.epoch, event.sequence): message.stream_sequence
            for event, message in zip(decoded.events, decoded.messages, strict=True)
        }
        to_apply: list[OrderEventMessage] = []
        for key, cursor in cursors.items():
            to_apply += await _report(connection, advance(cursor, by_source[key]), result, streams)
            if cursor.gap:
                to_apply += await _release_held(connection, cursor, result)
        await _apply(connection, to_apply, cursors, result, streams)
    return result


async def release(connection: Any) -> BatchResult:
    """Apply what became contiguous without a new event (an accepted gap, or more than one chunk was held)."""
    result = BatchResult()
    async with connection.transaction():
        rows = await connection.fetch(
            "SELECT host, role, epoch, applied_sequence, highest_sequence FROM sources "
            "WHERE highest_sequence > applied_sequence ORDER BY host, role FOR UPDATE"
        )
        cursors = {(row["host"], row["role"]): _cursor(row) for row in rows}
        to_apply: list[OrderEventMessage] = []
        for cursor in cursors.values():
            to_apply += await _release_held(connection, cursor, result)
        if to_apply:
            await _apply(connection, to_apply, cursors, result, {})
    return result


def _key(event: OrderEventMessage) -> EventKey:
    return (event.host, event.role, event.epoch, event.sequence)


def _cursor(row: Any) -> Cursor:
    return Cursor(row["host"], row["role"], row["epoch"], row["applied_sequence"], row["highest_sequence"])


async def _insert_events(connection: Any, decoded: _Decoded, result: BatchResult) -> list[OrderEventMessage]:
    if not decoded.events:
        return []
    columns: list[list[Any]] = [[] for _ in _EVENT_COLUMNS]
    seen: set[EventKey] = set()
    for event, message in zip(decoded.events, decoded.messages, strict=True):
        if _key(event) in seen:
            continue
        seen.add(_key(event))
        row = (
            *_key(event),
            message.stream_sequence,
            event.wall_ns,
            str(event.kind),
            event.session,
            event.user_ref_num,
            event.orig_user_ref_num,
            event.strategy_epoch,
            event.order_id,
            message.data.decode(),
        )
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    inserted = {tuple(row) for row in await connection.fetch(_INSERT_EVENTS, *columns)}
    fresh, known = [], []
    for event, message in zip(decoded.events, decoded.messages, strict=True):
        if _key(event) in inserted:
            inserted.discard(_key(event))
            fresh.append(event)
        else:
            known.append((event, message))
    result.new = len(fresh)
    result.duplicates = len(known)
    if known:
        await _check_known(connection, known, result)
    return fresh


async def _check_known(
    connection: Any, known: list[tuple[OrderEventMessage, StreamMessage]], result: BatchResult
) -> None:
    """Events whose number is stored must be the stored ones."""
    rows = await connection.fetch(
        "SELECT host, role, epoch, sequence, wall_ns, kind FROM order_events WHERE (host, role, epoch, sequence) IN "
        "(SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]))",
        *_columns({_key(event) for event, _ in known}, 4),
    )
    stored = {tuple(row)[:4]: (row["wall_ns"], row["kind"]) for row in rows}
    for event, message in known:
        wall_ns, kind = stored[_key(event)]
        if (wall_ns, kind) == (event.wall_ns, str(event.kind)):
            continue
        result.incidents += 1
        detail = (
            f"another event has this number: {kind} of wall_ns {wall_ns} is stored, {event.kind} of {event.wall_ns} "
            "came; the router's journal was started anew"
        )
        await _record_incident(connection, CONFLICT, event, detail, message.stream_sequence, message.data)


async def _lock_cursors(connection: Any, sources: set[tuple[str, str]]) -> dict[tuple[str, str], Cursor]:
    cursors = {}
    for host, role in sorted(sources):
        await connection.execute(
            "INSERT INTO sources (host, role, epoch, applied_sequence, highest_sequence, updated_ns) "
            "VALUES ($1, $2, 0, 0, 0, 0) ON CONFLICT DO NOTHING",
            host,
            role,
        )
        row = await connection.fetchrow(
            "SELECT host, role, epoch, applied_sequence, highest_sequence FROM sources "
            "WHERE host = $1 AND role = $2 FOR UPDATE",
            host,
            role,
        )
        cursors[host, role] = _cursor(row)
    return cursors


async def _report(
    connection: Any, step: Step, result: BatchResult, streams: dict[EventKey, int]
) -> list[OrderEventMessage]:
    for kind, event, detail in step.incidents:
        await _record_incident(connection, kind, event, detail, streams.get(_key(event), 0))
    result.incidents += len(step.incidents)
    return step.apply


async def _release_held(connection: Any, cursor: Cursor, result: BatchResult) -> list[OrderEventMessage]:
    rows = await connection.fetch(
        "SELECT body FROM order_events WHERE host = $1 AND role = $2 AND sequence > $3 AND epoch >= $4 "
        "ORDER BY sequence, epoch LIMIT $5",
        cursor.host,
        cursor.role,
        cursor.applied,
        cursor.epoch,
        HELD_CHUNK,
    )
    step = advance(cursor, [decode_order_event(row["body"].encode()) for row in rows])
    released = await _report(connection, step, result, {})
    result.more_held |= len(released) == HELD_CHUNK
    return released


async def _record_rejected(connection: Any, rejected: Sequence[tuple[StreamMessage, str]]) -> None:
    for message, detail in rejected:
        text = f"{message.subject}: {detail}".replace("\0", "\\0")
        await connection.execute(_INSERT_INCIDENT, REJECTED, message.stream_sequence, "", "", 0, 0, text, message.data)


async def _record_incident(
    connection: Any,
    kind: str,
    event: OrderEventMessage,
    detail: str,
    stream_sequence: int,
    payload: bytes | None = None,
) -> None:
    await connection.execute(_INSERT_INCIDENT, kind, stream_sequence, *_key(event), detail, payload)


async def _apply(
    connection: Any,
    events: list[OrderEventMessage],
    cursors: dict[tuple[str, str], Cursor],
    result: BatchResult,
    streams: dict[EventKey, int],
) -> None:
    work = await _load(connection, events)
    for event in events:
        work.apply(event)
    for event, detail in work.problems:
        await _record_incident(connection, INCONSISTENT, event, detail, streams.get(_key(event), 0))
    result.incidents += len(work.problems)
    result.applied += len(events)
    result.fills += len(work.new_fills)
    result.repeated += work.repeated
    await _write(connection, work)
    newest = {(event.host, event.role): event.wall_ns for event in events}
    for key, cursor in cursors.items():
        await connection.execute(
            "UPDATE sources SET epoch = $3, applied_sequence = $4, highest_sequence = $5, "
            "updated_ns = GREATEST(updated_ns, $6), position_mismatches = position_mismatches + $7 "
            "WHERE host = $1 AND role = $2",
            cursor.host,
            cursor.role,
            cursor.epoch,
            cursor.applied,
            cursor.highest,
            newest.get(key, 0),
            work.position_mismatches.get(key, 0),
        )


async def _load(connection: Any, events: list[OrderEventMessage]) -> WorkingSet:
    work = WorkingSet()
    numbers: set[NumberKey] = set()
    ids: set[IdKey] = set()
    gone: set[IdKey] = set()
    fill_keys: set[FillKey] = set()
    positions: set[PositionKey] = set()
    broken: set[PositionKey] = set()
    for event in events:
        for number in (event.user_ref_num, event.orig_user_ref_num):
            if number:
                numbers.add((event.host, event.session, number))
        if event.kind is OrderEventKind.REFUSED and event.order_id:
            ids.add((event.host, event.strategy_epoch, event.order_id))
        if vouched_gone(event):
            gone.add((event.host, event.strategy_epoch, event.order_id))
        if event.kind in (OrderEventKind.EXECUTED, OrderEventKind.BROKEN):
            fill_keys.add((event.host, event.session, event.user_ref_num, event.match_number))
            positions.add((event.host, event.symbol))
        if event.kind is OrderEventKind.BROKEN:
            broken.add((event.host, event.symbol))
    await _load_orders(connection, work, numbers)
    if gone:
        rows = await connection.fetch(
            f"SELECT {', '.join(_ORDER_COLUMNS)} FROM orders WHERE (host, strategy_epoch, order_id) IN "
            "(SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[])) AND user_ref_num > 0 ORDER BY id",
            *_columns(gone, 3),
        )
        for row in rows:
            order = Order(**dict(row))
            order = work.orders.setdefault(order.number_key, order)
            work.by_id[order.host, order.strategy_epoch, order.order_id] = order
    if broken:
        # a broken trade changes the chain total of every order that replaced the one that traded
        while followers := {
            (order.host, order.session, order.replaced_by) for order in work.orders.values() if order.replaced_by
        } - set(work.orders):
            before = len(work.orders)
            await _load_orders(connection, work, followers)
            if len(work.orders) == before:
                break
    if ids:
        rows = await connection.fetch(
            "SELECT DISTINCT host, strategy_epoch, order_id FROM orders WHERE (host, strategy_epoch, order_id) IN "
            "(SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[]))",
            *_columns(ids, 3),
        )
        work.known_ids = {(row["host"], row["strategy_epoch"], row["order_id"]) for row in rows}
    for key in sorted(positions):
        await _load_position(connection, work, key)
    for key in sorted(broken):
        rows = await connection.fetch(
            f"SELECT {', '.join(_FILL_COLUMNS)} FROM fills WHERE host = $1 AND symbol = $2 ORDER BY id", *key
        )
        work.history[key] = [Fill(**dict(row)) for row in rows]
        work.fills.update({fill.key: fill for fill in work.history[key]})
    missing = fill_keys - set(work.fills)
    if missing:
        rows = await connection.fetch(
            f"SELECT {', '.join(_FILL_COLUMNS)} FROM fills WHERE (host, session, user_ref_num, match_number) IN "
            "(SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]))",
            *_columns(missing, 4),
        )
        work.fills.update({fill.key: fill for fill in (Fill(**dict(row)) for row in rows)})
    return work


def _columns(keys: Iterable[tuple[Any, ...]], width: int) -> list[list[Any]]:
    rows = sorted(keys)
    return [[row[index] for row in rows] for index in range(width)]


async def _load_orders(connection: Any, work: WorkingSet, numbers: set[NumberKey]) -> None:
    if not numbers:
        return
    rows = await connection.fetch(
        f"SELECT {', '.join(_ORDER_COLUMNS)} FROM orders WHERE (host, session, user_ref_num) IN "
        "(SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])) AND user_ref_num > 0",
        *_columns(numbers, 3),
    )
    for row in rows:
        order = Order(**dict(row))
        work.orders[order.number_key] = order


async def _load_position(connection: Any, work: WorkingSet, key: PositionKey) -> None:
    row = await connection.fetchrow("SELECT * FROM positions WHERE host = $1 AND symbol = $2 FOR UPDATE", *key)
    if row is None:
        return
    work.positions[key] = Position(
        host=row["host"],
        symbol=row["symbol"],
        fills=row["fills"],
        updated_ns=row["updated_ns"],
        cost=AverageCost(
            quantity=row["quantity"],
            cost=row["cost"],
            realised=row["realised"],
            bought=row["bought"],
            sold=row["sold"],
            bought_notional=row["bought_notional"],
            sold_notional=row["sold_notional"],
        ),
    )


async def _write(connection: Any, work: WorkingSet) -> None:
    numbered = [order for order in work.dirty_orders.values() if order.user_ref_num]
    refused = [order for order in work.dirty_orders.values() if not order.user_ref_num]
    for statement, orders in ((_UPSERT_NUMBERED, numbered), (_UPSERT_REFUSED, refused)):
        if orders:
            await connection.executemany(statement, [_values(order, _ORDER_COLUMNS) for order in orders])
    if work.new_fills:
        await connection.executemany(_INSERT_FILL, [_values(fill, _FILL_COLUMNS) for fill in work.new_fills])
        fresh = {fill.key for fill in work.new_fills}
    else:
        fresh = set()
    changed = [fill for key, fill in work.dirty_fills.items() if key not in fresh]
    if changed:
        await connection.executemany(_UPDATE_FILL, [(*fill.key, fill.broken, fill.realised) for fill in changed])
    for position in work.dirty_positions.values():
        cost = position.cost
        await connection.execute(
            _UPSERT_POSITION,
            position.host,
            position.symbol,
            cost.quantity,
            cost.cost,
            cost.realised,
            cost.bought,
            cost.sold,
            cost.bought_notional,
            cost.sold_notional,
            position.fills,
            position.updated_ns,
        )


def _values(row: Any, columns: Sequence[str]) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in columns)
