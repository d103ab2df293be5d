"""Batches into a real database: once each, in order, whatever is delivered how often."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from trading_day import ENVIRONMENT, HOST, ROLE, SYMBOL, TradingDay

from controlplane.oms import admin, store
from controlplane.oms.migrate import MigrationError, migrate, migrations
from controlplane.oms.projection import WorkingSet
from wire.average_cost import recompute
from wire.consumer import StreamMessage
from wire.messages import OrderEventMessage, encode

TABLES = {
    "orders": "host, session, user_ref_num, strategy_epoch, order_id",
    "fills": "host, session, user_ref_num, match_number",
    "positions": "host, symbol",
    "order_events": "host, role, epoch, sequence",
    "sources": "host, role",
}


def messages(events: list[OrderEventMessage]) -> list[StreamMessage]:
    return [StreamMessage("subject", encode(event), "", event.sequence, 1, 0) for event in events]


def a_day(steps: int = 120, seed: int = 1) -> TradingDay:
    day = TradingDay(seed=seed)
    day.start()
    day.trade(steps)
    return day


async def contents(connection: Any) -> dict[str, list[dict[str, Any]]]:
    """Every table without what may differ from run to run (identities)."""
    found = {}
    for table, key in TABLES.items():
        rows = await connection.fetch(f"SELECT * FROM {table} ORDER BY {key}")
        found[table] = [{k: v for k, v in row.items() if k not in ("id", "stream_sequence")} for row in rows]
    return found


async def wipe(connection: Any) -> None:
    for table in (*TABLES, "incidents"):
        await connection.execute(f"DELETE FROM {table}")


async def test_storing_a_batch_twice_changes_nothing(database: Any) -> None:
    day = a_day()
    batch = messages(day.events)
    first = await store.store(database, batch, ENVIRONMENT)
    assert (first.new, first.applied, first.duplicates) == (len(day.events), len(day.events), 0)
    before = await contents(database)
    again = await store.store(database, batch, ENVIRONMENT)
    assert (again.new, again.applied, again.duplicates) == (0, 0, len(day.events))
    assert await contents(database) == before
    assert await database.fetchval("SELECT count(*) FROM incidents") == 0


@pytest.mark.parametrize("seed", range(4))
async def test_shuffled_and_repeated_delivery_ends_in_the_same_rows(database: Any, seed: int) -> None:
    day = a_day(seed=seed)
    await store.store(database, messages(day.events), ENVIRONMENT)
    expected = await contents(database)
    await wipe(database)
    rng = random.Random(seed)
    delivered = messages(day.events) + rng.sample(messages(day.events), 60)
    rng.shuffle(delivered)
    while delivered:
        size = rng.randint(1, 60)
        await store.store(database, delivered[:size], ENVIRONMENT)
        delivered = delivered[size:]
    assert await contents(database) == expected
    assert await database.fetchval("SELECT count(*) FROM incidents") == 0


async def test_rows_are_those_of_the_ledger_and_positions_those_of_the_fills(database: Any) -> None:
    day = a_day(200)
    for start in range(0, len(day.events), 17):
        await store.store(database, messages(day.events[start : start + 17]), ENVIRONMENT)
    for row in day.ledger_orders:
        found = await database.fetchrow("SELECT * FROM orders WHERE user_ref_num = $1", row["user_ref_num"])
        assert (found["executed"], found["filled"], found["leaves"], found["canceled"]) == (
            row["filled"],
            row["chain_filled"],
            row["leaves"],
            row["cancelled"],
        )
    fills = await database.fetch("SELECT side, price, quantity FROM fills ORDER BY id")
    assert len(fills) == len(day.ledger_fills)
    position = await database.fetchrow("SELECT * FROM positions WHERE symbol = $1", SYMBOL)
    derived = recompute([tuple(fill) for fill in fills])
    assert (position["quantity"], position["cost"], position["realised"]) == (
        derived.quantity,
        derived.cost,
        derived.realised,
    )
    assert position["quantity"] == day.position
    assert await database.fetchval("SELECT position_mismatches FROM sources") == 0


async def test_a_broken_trade_over_batches(database: Any) -> None:
    day = TradingDay()
    first = day.enter(side="B", quantity=100, price=5_850_000)
    day.fill(first, 100)
    match_number = day.events[-1].match_number
    second = day.enter(side="S", quantity=100, price=5_860_000)
    day.fill(second, 100)
    await store.store(database, messages(day.events), ENVIRONMENT)
    assert await database.fetchval("SELECT realised FROM positions") == 1_000_000
    assert await database.fetchval("SELECT realised FROM fills ORDER BY id DESC LIMIT 1") == 1_000_000
    known = len(day.events)
    day.break_trade(first, match_number)
    await store.store(database, messages(day.events[known:]), ENVIRONMENT)
    position = await database.fetchrow("SELECT * FROM positions")
    assert (position["quantity"], position["realised"], position["fills"]) == (-100, 0, 1)
    assert [tuple(row) for row in await database.fetch("SELECT broken, realised FROM fills ORDER BY id")] == [
        (True, 0),
        (False, 0),
    ]


async def test_what_follows_a_gap_waits_for_it(database: Any) -> None:
    day = a_day(40)
    missing = day.events[10]
    late = [event for event in day.events if event is not missing]
    result = await store.store(database, messages(late), ENVIRONMENT)
    assert result.applied == 10
    source = await database.fetchrow("SELECT * FROM sources")
    assert (source["applied_sequence"], source["highest_sequence"]) == (10, len(day.events))
    result = await store.store(database, messages([missing]), ENVIRONMENT)
    assert result.applied == len(day.events) - 10
    source = await database.fetchrow("SELECT * FROM sources")
    assert source["applied_sequence"] == len(day.events)


async def test_more_than_a_chunk_behind_a_gap_is_released_in_turns(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "HELD_CHUNK", 7)
    day = a_day(40)
    await store.store(database, messages(day.events[1:]), ENVIRONMENT)
    result = await store.store(database, messages(day.events[:1]), ENVIRONMENT)
    assert result.more_held
    while result.more_held:
        result = await store.release(database)
    assert await database.fetchval("SELECT applied_sequence FROM sources") == len(day.events)


async def test_a_person_may_accept_a_gap_and_it_is_on_record(database: Any) -> None:
    day = a_day(40)
    await store.store(database, messages(day.events[:5] + day.events[8:]), ENVIRONMENT)
    with pytest.raises(admin.AdminError, match="through 8"):
        await admin.accept_gap(database, HOST, ROLE, through=9, by="ann", reason="journal lost")
    await admin.accept_gap(database, HOST, ROLE, through=8, by="ann", reason="journal lost")
    assert await database.fetchval("SELECT applied_sequence FROM sources") == len(day.events)
    row = await database.fetchrow("SELECT kind, detail, acknowledged_by FROM incidents WHERE kind = 'accepted_gap'")
    assert (row["acknowledged_by"], row["detail"]) == ("ann", "events 6 to 8 given up")


async def test_another_event_under_a_known_number_is_an_incident(database: Any) -> None:
    day = a_day(10)
    await store.store(database, messages(day.events), ENVIRONMENT)
    before = await contents(database)
    changed = msgspec.structs.replace(day.events[3], wall_ns=1)
    result = await store.store(database, messages([changed]), ENVIRONMENT)
    assert result.incidents == 1
    assert await contents(database) == before
    assert await database.fetchval("SELECT kind FROM incidents") == "conflict"
    assert await admin.acknowledge(database, by="ann", reason="wiped on purpose") == 1
    assert await database.fetchval("SELECT count(*) FROM incidents WHERE acknowledged_at IS NULL") == 0


async def test_messages_that_are_no_events_are_kept_as_incidents(database: Any) -> None:
    good = TradingDay()
    good.start()
    foreign = msgspec.structs.replace(good.events[0], environment="prod", sequence=50)
    huge = msgspec.structs.replace(good.events[0], match_number=2**64 - 1, sequence=51)
    bad = [StreamMessage("s", data, "", 900 + i, 1, 0) for i, data in enumerate((b"\xff\x00", b"{}", b"[]"))]
    result = await store.store(database, bad + messages([foreign, huge, *good.events]), ENVIRONMENT)
    assert (result.incidents, result.applied) == (5, 2)
    rows = await database.fetch("SELECT kind, detail, payload FROM incidents ORDER BY stream_sequence")
    assert {row["kind"] for row in rows} == {"rejected"}
    assert any(row["payload"] == b"\xff\x00" for row in rows)
    assert any("prod" in row["detail"] for row in rows)


async def test_a_failure_leaves_nothing_of_the_batch(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    day = a_day(20)

    def fail(self: WorkingSet, event: OrderEventMessage) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(WorkingSet, "apply", fail)
    with pytest.raises(RuntimeError):
        await store.store(database, messages(day.events), ENVIRONMENT)
    for table in TABLES:
        assert await database.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_migrations_run_once_and_refuse_a_newer_or_changed_database(database: Any) -> None:
    assert await migrate(database) == len(migrations())
    undone = database.transaction()
    await undone.start()
    await database.execute("UPDATE schema_migrations SET sha256 = 'x' WHERE version = 1")
    with pytest.raises(MigrationError, match="changed after it had been applied"):
        await migrate(database)
    await database.execute("INSERT INTO schema_migrations (version, name, sha256) VALUES (999, 'later', 'x')")
    with pytest.raises(MigrationError, match="version 999"):
        await migrate(database)
    await undone.rollback()
