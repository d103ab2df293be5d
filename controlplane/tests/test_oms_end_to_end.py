"""The OMS as a process between a real NATS cluster and a real Postgres, while each of the three is killed."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from nats_cluster import Cluster, free_ports
from postgres import REPOSITORY, Postgres
from trading_day import ENVIRONMENT, HOST, TradingDay

from wire.client import connected
from wire.messages import encode
from wire.publisher import StreamPublisher
from wire.streams import ORDER_EVENTS
from wire.subjects import Subjects

pytestmark = pytest.mark.slow


class OmsProcess:
    def __init__(self, folder: Path, postgres: Postgres, cluster: Cluster, durable: str) -> None:
        self.port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder / "oms.log"
        (folder / "nats-password").write_text(cluster.settings("oms").password)
        self._config = folder / "oms.json"
        self._config.write_bytes(
            msgspec.json.encode(
                {
                    "environment": ENVIRONMENT,
                    "http": {"host": "127.0.0.1", "port": self.port},
                    "database": {"dsn": postgres.dsn, "password_file": str(postgres.password_file)},
                    "nats": {
                        "servers": cluster.urls,
                        "user": "oms",
                        "password_file": str(folder / "nats-password"),
                    },
                    "stream": {"max_bytes": 64 << 20},
                    "consumer": {"batch": 100, "ack_wait_s": 2, "max_ack_pending": 400, "durable": durable},
                }
            )
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "controlplane.oms", "--config", str(self._config)],
                cwd=REPOSITORY,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def log(self) -> str:
        return self._log.read_text()

    async def ready(self, within: float = 30.0) -> None:
        deadline = time.monotonic() + within
        answer = ""
        async with httpx.AsyncClient(base_url=self.url) as client:
            while time.monotonic() < deadline:
                try:
                    response = await client.get("/readyz")
                    if response.status_code == 200:
                        return
                    answer = response.text
                except httpx.HTTPError as error:
                    answer = repr(error)
                await asyncio.sleep(0.1)
        raise TimeoutError(f"{answer}\n{self.log()}")


@pytest.fixture
async def oms(tmp_path: Path, database: Any, postgres: Postgres, nats_cluster: Cluster) -> AsyncIterator[OmsProcess]:
    await database.close()
    found = OmsProcess(tmp_path, postgres, nats_cluster, "oms")
    found.start()
    yield found
    if found.process is not None and found.process.poll() is None:
        found.kill()
    nats_cluster.revive()
    postgres.revive()


async def test_no_event_is_lost_or_doubled_whoever_is_killed(
    oms: OmsProcess, nats_cluster: Cluster, postgres: Postgres
) -> None:
    day = TradingDay(seed=3)
    day.start()
    day.trade(1500)
    subject = Subjects(ENVIRONMENT).order_event(HOST)
    async with AsyncExitStack() as stack:
        agent = await stack.enter_async_context(connected(nats_cluster.settings("agent")))
        publisher = StreamPublisher(agent, stream=ORDER_EVENTS, window=64, ack_timeout_s=2, backoff_min_s=0.05)
        await publisher.start()

        async def publish() -> None:
            for event in day.events:
                await publisher.put(event.sequence, subject, encode(event), event.message_id)
                if event.sequence % 25 == 0:
                    await asyncio.sleep(0.05)

        publishing = asyncio.create_task(publish())
        await oms.ready()
        for _ in range(2):
            await asyncio.sleep(0.7)
            await asyncio.to_thread(oms.kill)
            oms.start()
        await asyncio.sleep(1.0)
        await asyncio.to_thread(postgres.kill)
        await asyncio.sleep(0.3)
        async with httpx.AsyncClient(base_url=oms.url) as client:
            for _ in range(100):
                try:
                    answer = await client.get("/readyz")
                    gates = {gate["name"]: gate["ok"] for gate in answer.json()["gates"]}
                    if not gates["database"]:
                        break
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.1)
            assert not gates["database"]
        # it dies with a batch in hand that it could not store
        await asyncio.to_thread(oms.kill)
        oms.start()
        postgres.start()
        await asyncio.to_thread(nats_cluster.kill, 1)
        await asyncio.sleep(1.0)
        nats_cluster.start(1)
        await publishing
        assert await publisher.close(timeout=30), publisher.state
    await oms.ready(60)
    deadline = time.monotonic() + 30
    connection = await postgres.connect()
    try:
        while await connection.fetchval("SELECT applied_sequence FROM sources") != len(day.events):
            assert time.monotonic() < deadline, oms.log()
            await asyncio.sleep(0.1)
        assert await connection.fetchval("SELECT count(*) FROM order_events") == len(day.events)
        assert await connection.fetchval("SELECT count(*) FROM incidents") == 0
        assert await connection.fetchval("SELECT position_mismatches FROM sources") == 0
        fills = await connection.fetch("SELECT user_ref_num, match_number, price, quantity FROM fills ORDER BY id")
        assert [tuple(row) for row in fills] == [
            (row["user_ref_num"], row["match_number"], row["price"], row["quantity"]) for row in day.ledger_fills
        ]
        rows = await connection.fetch(
            "SELECT user_ref_num, executed, leaves, canceled FROM orders WHERE accepted ORDER BY user_ref_num"
        )
        assert [tuple(row) for row in rows] == [
            (row["user_ref_num"], row["filled"], row["leaves"], row["cancelled"])
            for row in day.ledger_orders
            if row["state"] != "rejected"
        ]
        assert await connection.fetchval("SELECT quantity FROM positions") == day.position
    finally:
        await connection.close()
    assert oms.process is not None
    oms.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(oms.process.wait, 15) == 0
    assert "stopped events=" in oms.log()
    assert "Traceback" not in oms.log()


async def test_it_starts_with_nothing_there_and_says_what_is_missing(
    tmp_path: Path, postgres: Postgres, nats_cluster: Cluster
) -> None:
    process = OmsProcess(tmp_path, postgres, nats_cluster, "oms")
    broken = process._config.read_text().replace(str(postgres.port), "1")
    for port in nats_cluster.client_ports:
        broken = broken.replace(f":{port}", ":1")
    process._config.write_text(broken)
    process.start()
    try:
        async with httpx.AsyncClient(base_url=process.url) as client:
            for _ in range(150):
                try:
                    answer = await client.get("/readyz")
                    break
                except httpx.HTTPError:
                    await asyncio.sleep(0.1)
            assert answer.status_code == 503
            assert (await client.get("/livez")).status_code == 200
            reasons = {gate["name"]: gate["reason"] for gate in answer.json()["gates"] if not gate["ok"]}
            assert {"database", "bus", "consumer_lag"} <= set(reasons)
        assert process.process is not None
        process.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.process.wait, 15) == 0
    finally:
        if process.process is not None and process.process.poll() is None:
            process.kill()


async def test_a_taken_port_is_named(tmp_path: Path, postgres: Postgres, nats_cluster: Cluster) -> None:
    process = OmsProcess(tmp_path, postgres, nats_cluster, "oms")
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", process.port))
        holder.listen()
        process.start()
        assert process.process is not None
        assert await asyncio.to_thread(process.process.wait, 20) == 1
    assert f"cannot listen on 127.0.0.1:{process.port}" in process.log()
