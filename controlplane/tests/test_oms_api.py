"""The HTTP API over a real database."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from postgres import Postgres
from test_oms_store import a_day, messages
from trading_day import ENVIRONMENT, HOST, SYMBOL, TradingDay

from controlplane.oms import config, health, store
from controlplane.oms.__main__ import main
from controlplane.oms.api import create_app
from controlplane.oms.database import create_pool
from controlplane.oms.ingest import Ingest, IngestState
from controlplane.oms.views import decimal
from wire.client import BusClient, BusSettings, BusState

Api = tuple[httpx.AsyncClient, Ingest]


def settings(postgres: Postgres, password_file: Path) -> config.OmsConfig:
    return config.OmsConfig(
        environment=ENVIRONMENT,
        http=config.Http(host="127.0.0.1", port=1),
        database=config.Database(dsn=postgres.dsn, password_file=str(password_file)),
        nats=config.Nats(servers=("nats://127.0.0.1:1",), user="oms", password_file=str(password_file)),
    )


@pytest.fixture
async def api(database: Any, postgres: Postgres, password_file: Path) -> AsyncIterator[Api]:
    chosen = settings(postgres, password_file)
    bus = BusClient(BusSettings(servers=chosen.nats.servers, user="oms", password="x", name="t"))
    pool = await create_pool(chosen.database, application="test")
    ingest = Ingest(chosen, bus, pool)
    transport = httpx.ASGITransport(app=create_app(chosen, ingest, bus, pool))
    async with httpx.AsyncClient(transport=transport, base_url="http://oms") as client:
        yield client, ingest
    pool.terminate()


async def get(client: httpx.AsyncClient, path: str, **query: Any) -> Any:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def pages(client: httpx.AsyncClient, path: str, name: str, **query: Any) -> list[Any]:
    found: list[Any] = []
    while True:
        page = await get(client, path, **query)
        found += page["items"]
        if page["next"] is None:
            return found
        query[name] = page["next"]


async def test_orders_fills_and_positions(api: Api, database: Any) -> None:
    client, _ = api
    day = TradingDay()
    order = day.enter(side="B", quantity=300, price=5_853_300)
    day.fill(order, 100)
    replaced = day.replace(order)
    day.refuse()
    await store.store(database, messages(day.events), ENVIRONMENT)

    (live,) = (await get(client, "/orders/open"))["items"]
    assert (live["user_ref_num"], live["state"], live["price"], live["price_raw"]) == (
        replaced.number,
        "LIVE",
        "585.3400",
        5_853_400,
    )
    everything = (await get(client, "/orders"))["items"]
    assert [each["state"] for each in everything] == ["REFUSED", "LIVE", "REPLACED"]
    first = await get(client, f"/orders/{everything[2]['id']}")
    assert (first["average_price"], first["executed"], first["replaced_by"]) == ("585.3300", 100, replaced.number)
    kinds = [each["kind"] for each in (await get(client, f"/orders/{first['id']}/events"))["items"]]
    assert kinds == ["NEW_SENT", "ACCEPTED", "EXECUTED", "REPLACE_SENT", "REPLACED"]
    refused = (await get(client, f"/orders/{everything[0]['id']}/events"))["items"]
    assert [each["reason"] for each in refused] == ["MAX_ORDER_SIZE"]
    (fill,) = (await get(client, "/fills"))["items"]
    assert (fill["price"], fill["quantity"], fill["side"], fill["broken"]) == ("585.3300", 100, "B", False)
    (position,) = await get(client, "/positions")
    assert (position["quantity"], position["average_price"], position["realised"]) == (100, "585.3300", "0.0000")
    status = await get(client, "/status")
    assert status["counts"] == {
        "orders": 3, "open_orders": 1, "canceled": 0, "refused": 1, "fills": 1, "events": len(day.events),
    }  # fmt: skip
    assert status["refusals"] == {"MAX_ORDER_SIZE": 1}


async def test_paging_returns_every_row_once_while_rows_are_added(api: Api, database: Any) -> None:
    client, _ = api
    day = a_day(100)
    await store.store(database, messages(day.events), ENVIRONMENT)
    expected = [row["id"] for row in await database.fetch("SELECT id FROM orders ORDER BY id DESC")]
    page = await get(client, "/orders", limit=7)
    known = len(day.events)
    day.trade(20)
    await store.store(database, messages(day.events[known:]), ENVIRONMENT)
    rest = await pages(client, "/orders", "before", limit=7, before=page["next"])
    assert [row["id"] for row in page["items"] + rest] == expected
    fills = await pages(client, "/fills", "before", limit=3)
    assert len(fills) == len(day.ledger_fills)
    busiest = await database.fetchrow(
        "SELECT o.id FROM orders o JOIN order_events e USING (host, session, user_ref_num) WHERE user_ref_num > 0 "
        "GROUP BY o.id ORDER BY count(*) DESC LIMIT 1"
    )
    events = await pages(client, f"/orders/{busiest['id']}/events", "after", limit=2)
    assert len({each["sequence"] for each in events}) == len(events) >= 3


async def test_filters(api: Api, database: Any) -> None:
    client, _ = api
    day = a_day(100)
    await store.store(database, messages(day.events), ENVIRONMENT)
    for query, column, value in (
        ({"side": "B"}, "side", "B"),
        ({"state": "CANCELED"}, "state", "CANCELED"),
        ({"symbol": SYMBOL}, "symbol", SYMBOL),
        ({"host": HOST}, "host", HOST),
    ):
        rows = (await get(client, "/orders", limit=1000, **query))["items"]
        assert rows
        assert all(row[column] == value for row in rows)
        assert len(rows) == await database.fetchval(f"SELECT count(*) FROM orders WHERE {column} = $1", value)
    assert (await get(client, "/orders", host="nobody"))["items"] == []
    middle = await database.fetchval("SELECT created_ns FROM orders ORDER BY created_ns OFFSET 10 LIMIT 1")
    assert len((await get(client, "/orders", until_ns=middle, limit=1000))["items"]) == 10


@pytest.mark.parametrize(
    "path", ["/orders?limit=0", "/orders?limit=1001", "/orders?side=X", "/fills?before=-1", "/orders?before=9e99"]
)
async def test_bad_parameters_are_refused(api: Api, path: str) -> None:
    assert (await api[0].get(path)).status_code == 422


async def test_unknown_orders_are_404(api: Api) -> None:
    for number in ("1", "0", str(2**70)):
        assert (await api[0].get(f"/orders/{number}")).status_code == 404
        assert (await api[0].get(f"/orders/{number}/events")).status_code == 404


async def test_health_endpoints_answer_without_the_bus(api: Api) -> None:
    client, ingest = api
    assert (await get(client, "/livez"))["status"] == "alive"
    ingest.state.events = 5
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    gates = {gate["name"]: gate for gate in answer.json()["gates"]}
    assert set(gates) == {"database", "bus", "consumer_lag", "gap", "incidents"}
    assert "not connected" in gates["bus"]["reason"]
    metrics = (await client.get("/metrics")).text
    assert "ironlane_oms_events_total 5.0" in metrics
    assert 'ironlane_oms_gate{gate="bus"} 0.0' in metrics
    schema = await get(client, "/openapi.json")
    assert {
        "/orders",
        "/orders/open",
        "/orders/{order_id}",
        "/orders/{order_id}/events",
        "/fills",
        "/positions",
    } <= set(schema["paths"])


async def test_a_database_that_is_away_is_503(password_file: Path, postgres: Postgres) -> None:
    chosen = settings(postgres, password_file)
    away = msgspec.structs.replace(
        chosen, database=msgspec.structs.replace(chosen.database, dsn="postgresql://oms@127.0.0.1:1/x")
    )
    bus = BusClient(BusSettings(servers=("nats://127.0.0.1:1",), user="oms", password="x", name="t"))
    pool = await create_pool(away.database, application="test")
    transport = httpx.ASGITransport(app=create_app(away, Ingest(away, bus, pool), bus, pool))
    async with httpx.AsyncClient(transport=transport, base_url="http://oms") as client:
        assert (await client.get("/orders")).status_code == 503
        assert (await client.get("/livez")).status_code == 200
    pool.terminate()


def healthy() -> tuple[IngestState, BusState]:
    source = {"host": "h1", "role": "r", "applied_sequence": 5, "highest_sequence": 5, "held": 0}
    now = time.monotonic()
    state = IngestState(
        schema_version=1, database_ok_at=now, database_problem="", consumer_ok_at=now, lag=3, incidents_open=0,
        sources=(source,),
    )  # fmt: skip
    return state, BusState(connected=True, server="nats://x", last_error="")


def test_each_gate_shuts_for_its_own_reason() -> None:
    limits = config.Readiness(max_lag=10, max_age_s=5)
    state, bus = healthy()
    now = state.database_ok_at
    assert all(gate.ok for gate in health.gates(state, bus, limits, now))

    def shut() -> dict[str, str]:
        return {gate.name: gate.reason for gate in health.gates(state, bus, limits, now) if not gate.ok}

    state.lag = 11
    assert "more than 10" in shut()["consumer_lag"]
    state.lag = None
    assert "unknown" in shut()["consumer_lag"]
    state, bus = healthy()
    bus.connected = False
    assert set(shut()) == {"bus"}
    state, bus = healthy()
    state.sources[0].update(highest_sequence=9, held=3)
    assert "event 6 is missing" in shut()["gap"]
    state, bus = healthy()
    state.incidents_open = 2
    assert set(shut()) == {"incidents"}
    state, bus = healthy()
    state.database_problem = "ConnectionRefusedError"
    assert set(shut()) == {"database"}
    state, bus = healthy()
    now += 60
    assert set(shut()) == {"database", "consumer_lag"}


@pytest.mark.parametrize(
    ("raw", "text"),
    [(0, "0.0000"), (5_853_300, "585.3300"), (-1, "-0.0001"), (-25_000, "-2.5000"), (10**12, "100000000.0000")],
)
def test_prices_are_exact_decimals(raw: int, text: str) -> None:
    assert decimal(raw) == text


GOOD = {
    "environment": "local",
    "http": {"host": "127.0.0.1", "port": 7000},
    "database": {"dsn": "postgresql://oms@127.0.0.1:7001/ironlane", "password_file": "/x"},
    "nats": {"servers": ["nats://127.0.0.1:7002"], "user": "oms", "password_file": "/y"},
}


def test_a_minimal_configuration_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "oms.json"
    path.write_bytes(msgspec.json.encode(GOOD))
    assert main(["--config", str(path), "--check"]) == 0


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"surprise": 1}, "surprise"),
        ({"environment": "a.b"}, "environment"),
        ({"http": {"host": "x", "port": 0}}, "$.http"),
        ({"http": {"host": "x", "port": "80"}}, "$.http.port"),
        ({"database": {"dsn": "mysql://x", "password_file": "/x"}}, "$.database"),
        ({"database": {"dsn": "postgresql://u:secret@h/d", "password_file": "/x"}}, "password_file"),
        ({"database": {"dsn": "postgresql://oms@h/d"}}, "password_file, iam_region: give exactly one"),
        ({"database": {"dsn": "postgresql://oms@h/d", "password_file": "/x", "iam_region": "x"}}, "give exactly one"),
        ({"database": {"dsn": "postgresql:///d", "iam_region": "us-east-1"}}, "no host or no user"),
        ({"nats": {"servers": ["tls://n:4222"], "user": "oms"}}, "password_file, tls: give exactly one"),
        ({"consumer": {"batch": 3000}}, "max_ack_pending"),
        ({"stream": {"replicas": 2}}, "replicas"),
    ],
)
def test_bad_configuration_exits_78_naming_file_and_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], complaint: str
) -> None:
    path = tmp_path / "oms.json"
    path.write_bytes(msgspec.json.encode({**GOOD, **change}))
    assert main(["--config", str(path)]) == 78
    error = capsys.readouterr().err
    assert str(path) in error
    assert complaint in error
    assert "secret@" not in error


def test_a_configuration_of_the_cloud_is_good_and_a_missing_certificate_exits_78(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = {f"{part}_file": str(tmp_path / part) for part in ("ca", "cert", "key")}
    dsn = "postgresql://oms@database.test:5432/ironlane?sslmode=verify-full&sslrootcert=/etc/ironlane/database-ca.pem"
    cloud = {
        "database": {"dsn": dsn, "iam_region": "us-east-1"},
        "nats": {"servers": ["tls://10.40.104.10:4222"], "user": "oms", "tls": files},
    }
    path = tmp_path / "oms.json"
    path.write_bytes(msgspec.json.encode({**GOOD, **cloud}))
    assert main(["--config", str(path), "--check"]) == 0
    assert main(["--config", str(path)]) == 78
    assert "nats.tls" in caplog.text


async def test_a_pod_without_an_identity_gets_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", raising=False)
    pool = await create_pool(
        config.Database(dsn="postgresql://oms@127.0.0.1:1/ironlane", iam_region="us-east-1"), application="test"
    )
    with pytest.raises(ConnectionError, match="has no Pod Identity"):
        await pool.acquire(timeout=5)
    pool.terminate()


def test_a_missing_configuration_or_password_exits_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(tmp_path / "none.json")]) == 78
    assert "none.json" in capsys.readouterr().err
    path = tmp_path / "oms.json"
    path.write_bytes(msgspec.json.encode(GOOD))
    assert main(["--config", str(path)]) == 78
