"""The comparison of venue ledger and OMS database: every kind of difference is seen, and nothing else."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from postgres import Postgres
from test_oms_store import a_day, messages
from trading_day import ENVIRONMENT, TradingDay

from controlplane.oms import store
from controlplane.reconcile.__main__ import main


class Ledger:
    """The venue's ledger pages, in the shape of the venue's admin port."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {"/ledger/orders": [], "/ledger/fills": []}
        self.page = 40
        self.passes = 0
        ledger = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = parse_qs(parts.query)
                limit = min(int(query["limit"][0]), ledger.page)
                start = int(query.get("after", ["a:0"])[0].rpartition(":")[2])
                if parts.path == "/ledger/fills" and start == 0:
                    ledger.passes += 1
                rows = ledger.rows[parts.path]
                following = f"a:{start + limit}" if start + limit < len(rows) else None
                body = json.dumps({"rows": rows[start : start + limit], "next": following}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def hold(self, day: TradingDay) -> None:
        self.rows = {"/ledger/orders": day.ledger_orders, "/ledger/fills": day.ledger_fills}


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    found = Ledger()
    yield found
    found.server.shutdown()
    found.server.server_close()


class Run:
    """One run of the program, outside the test's event loop."""

    def __init__(self, ledger: Ledger, postgres: Postgres, password_file: Path) -> None:
        self.words = ["--venue-url", ledger.url, "--database", postgres.dsn, "--password-file", str(password_file)]

    async def __call__(self, *more: str) -> int:
        return await asyncio.to_thread(main, [*self.words, *more])


@pytest.fixture
def run(ledger: Ledger, postgres: Postgres, password_file: Path) -> Run:
    return Run(ledger, postgres, password_file)


@pytest.fixture
async def day(database: Any, ledger: Ledger) -> TradingDay:
    found = a_day(200, seed=5)
    await store.store(database, messages(found.events), ENVIRONMENT)
    ledger.hold(found)
    return found


async def test_equal_books_exit_0(run: Run, day: TradingDay, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run() == 0
    out = capsys.readouterr().out
    assert "differences 0" in out
    assert f"orders     venue {len(day.ledger_orders)}, OMS {len(day.ledger_orders)}" in out
    assert len(day.ledger_fills) > 20


@pytest.mark.parametrize(
    ("corruption", "expected"),
    [
        ("UPDATE orders SET price = price + 1 WHERE id = {order}", "price is"),
        ("UPDATE orders SET state = 'LIVE' WHERE id = {order}", "state is"),
        ("UPDATE orders SET leaves = leaves + 1 WHERE id = {order}", "leaves is"),
        ("UPDATE orders SET executed = executed + 1 WHERE id = {order}", "executed is"),
        ("UPDATE orders SET cl_ord_id = 'x' WHERE id = {order}", "cl_ord_id is"),
        ("DELETE FROM orders WHERE id = {order}", "missing in the OMS"),
        ("UPDATE orders SET user_ref_num = 999999 WHERE id = {order}", "not at the venue"),
        ("DELETE FROM fills WHERE id = {fill}", "missing in the OMS"),
        ("UPDATE fills SET quantity = quantity + 1 WHERE id = {fill}", "quantity is"),
        ("UPDATE fills SET match_number = 1 WHERE id = {fill}", "not at the venue"),
        ("UPDATE fills SET broken = true WHERE id = {fill}", "missing in the OMS"),
        ("UPDATE positions SET quantity = quantity + 1", "position total"),
        ("UPDATE positions SET realised = realised + 1", "realised (from fills)"),
    ],
)
async def test_one_corrupted_row_is_named_and_exits_1(
    run: Run, day: TradingDay, database: Any, capsys: pytest.CaptureFixture[str], corruption: str, expected: str
) -> None:
    order = await database.fetchval("SELECT id FROM orders WHERE state = 'FILLED' ORDER BY id LIMIT 1")
    fill = await database.fetchval("SELECT id FROM fills ORDER BY id OFFSET 3 LIMIT 1")
    await database.execute(corruption.format(order=order, fill=fill))
    assert await run() == 1
    assert expected in capsys.readouterr().out


async def test_a_row_that_only_the_venue_has_is_a_difference(
    run: Run, day: TradingDay, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    day.enter(side="B", quantity=100)
    ledger.hold(day)
    assert await run("--json") == 1
    body = json.loads(capsys.readouterr().out)
    assert (body["equal"], body["difference_count"]) == (False, 1)
    assert body["differences"][0]["kind"] == "missing"


async def test_output_is_bounded(run: Run, day: TradingDay, database: Any, capsys: pytest.CaptureFixture[str]) -> None:
    await database.execute("UPDATE orders SET price = price + 1 WHERE state <> 'REJECTED'")
    assert await run("--limit", "3") == 1
    out = capsys.readouterr().out
    assert out.count("price is") == 3
    assert "more (--limit)" in out
    assert "order field" in out


async def test_it_waits_for_events_under_way(run: Run, day: TradingDay, database: Any, ledger: Ledger) -> None:
    known = len(day.events)
    day.trade(30)
    ledger.hold(day)

    async def arrive() -> None:
        await asyncio.sleep(0.7)
        await store.store(database, messages(day.events[known:]), ENVIRONMENT)

    assert await run() == 1
    arriving = asyncio.create_task(arrive())
    assert await run("--wait", "10") == 0
    await arriving


async def test_a_standing_difference_outlives_the_wait(
    run: Run, day: TradingDay, database: Any, ledger: Ledger
) -> None:
    await database.execute("UPDATE positions SET bought = bought + 1")
    assert await run("--wait", "0.8") == 1
    assert ledger.passes >= 2


async def test_what_cannot_be_compared_exits_2(
    run: Run, day: TradingDay, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger.rows["/ledger/orders"].append({**day.ledger_orders[0], "account": "OTHER"})
    assert await run() == 2
    assert "--account" in capsys.readouterr().err
    whole = ledger.rows["/ledger/orders"][:-1]
    ledger.rows["/ledger/orders"] = [*whole, {"account": "broken"}]
    assert await run() == 2
    assert "session" in capsys.readouterr().err
    ledger.rows["/ledger/orders"] = whole
    run.words[1] = "http://127.0.0.1:1"
    assert await run() == 2
    run.words[1] = ledger.url
    run.words[3] = "postgresql://oms@127.0.0.1:1/ironlane"
    assert await run() == 2
    assert "database" in capsys.readouterr().err
