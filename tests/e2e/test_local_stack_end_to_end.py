"""The platform as its users meet it: up, change, session, faults, reconcile, down; in that order."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from tests.e2e.stack_driver import StackDriver

pytestmark = pytest.mark.e2e

SERVICES = {
    "nats-1", "nats-2", "nats-3", "postgres", "venue", "feed-handler", "order-router", "strategy", "agent", "oms",
}  # fmt: skip
RECORDED = Path("../shared/data/lobster/AAPL_2012-06-21_34200000_37800000_message_50.csv.gz")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackDriver]:
    driver = StackDriver.create(f"e2e-{os.getpid()}", tmp_path_factory.mktemp("stack"))
    yield driver
    driver.run("down", "--delete-data")
    (driver.layout.state / ".pulumi" / "stacks" / "ironlane" / f"{driver.name}.json").unlink(missing_ok=True)


def reconcile(stack: StackDriver) -> dict[str, object]:
    done = stack.run("reconcile", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


def test_up_ends_with_every_service_ready_and_trading(stack: StackDriver) -> None:
    printed = stack.ok("up")
    assert "The strategy is trading" in printed
    services = stack.services()
    assert set(services) == SERVICES
    assert all(service["ready"] for service in services.values())
    assert "provider command:" in printed


def test_a_second_up_changes_nothing(stack: StackDriver) -> None:
    before = stack.pids()
    assert "nothing to change" in stack.ok("up")
    assert stack.pids() == before


def test_a_new_quote_size_restarts_only_the_strategy_and_cancels_with_proof(stack: StackDriver) -> None:
    before = stack.pids()
    stack.set("strategy", parameters={"quote_size": 200, "position_limit": 1000})
    preview = stack.ok("preview")
    changed = set(re.findall(r"^  [+~-] (\S+)$", preview, re.M))
    assert changed == {"strategy-config", "strategy-service"}
    assert stack.pids() == before, "a preview must not touch anything"
    printed = stack.ok("up")
    after = stack.pids()
    assert {name for name in before if before[name] != after[name]} == {"strategy"}
    proof = json.loads((stack.run_dir / "data" / "strategy" / "cancel-proof.json").read_text())
    assert "strategy: cancel proof" in printed.replace("\n", " ")
    assert proof["summary"]["unknown"] == 0


def test_the_recorded_hour_runs_through_the_whole_chain(stack: StackDriver) -> None:
    if not RECORDED.is_file():
        pytest.skip(f"{RECORDED} is not here")
    report = json.loads(stack.ok("session", "--replay", str(RECORDED), "--speed", "max", "--json", timeout=400))
    assert report["symbol"] == "AAPL"
    assert report["rows_replayed"] == 91_997
    assert report["dropped"]["lost for good"] == 0
    assert report["orders"] > 0
    stages = {row["stage"] for row in report["latency"] if row["count"]}
    assert {"wire_to_book", "book_to_intent", "intent_to_wire", "tick_to_order", "order_to_ack"} <= stages
    reconcile(stack)


def test_every_service_survives_kill_9_during_a_session(stack: StackDriver) -> None:
    command = [sys.executable, "-m", "cli.main", "--stack", stack.name, "--config-file", str(stack.file)]
    session = subprocess.Popen(
        [*command, "session", "--rows", "20000", "--speed", "4", "--json"], cwd=stack.layout.root, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_for_rows(stack, 500)
        took = {}
        for name in sorted(SERVICES, key=lambda name: name in ("venue",)):
            pid = stack.pids()[name]
            os.kill(pid, signal.SIGKILL)
            took[name] = stack.wait_ready(name, pid, 20)
        print("ready again after kill -9:", ", ".join(f"{name} {seconds:.2f} s" for name, seconds in took.items()))
        output, _ = session.communicate(timeout=240)
        assert session.returncode == 0, output
    finally:
        session.kill()
    reconcile(stack)


def _wait_for_rows(stack: StackDriver, rows: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{stack.base + 5}/status", timeout=1) as answer:
                flow = json.load(answer)["flow"]
                if flow["state"] == "running" and flow["rows_total"] > 0 and flow["rows_replayed"] > rows:
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError("the session's flow did not start")


def test_reconcile_finds_one_corrupted_row(stack: StackDriver) -> None:
    async def execute(sql: str) -> None:
        password = (stack.run_dir / "secrets" / "postgres").read_text().strip()
        connection = await asyncpg.connect(
            host="127.0.0.1", port=stack.base + 8, user="oms", password=password, database="ironlane"
        )
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    reconcile(stack)
    row = "WHERE id = (SELECT min(id) FROM fills)"
    asyncio.run(execute(f"UPDATE fills SET quantity = quantity + 1 {row}"))
    done = stack.run("reconcile")
    assert done.returncode == 1
    assert "quantity" in done.stdout
    asyncio.run(execute(f"UPDATE fills SET quantity = quantity - 1 {row}"))
    reconcile(stack)


def test_the_oms_serves_its_api(stack: StackDriver) -> None:
    base = f"http://127.0.0.1:{stack.base + 7}"
    for path in ("/orders?limit=5", "/orders/open", "/fills?limit=5", "/positions", "/openapi.json", "/metrics"):
        with urllib.request.urlopen(base + path, timeout=5) as answer:
            assert answer.status == 200, path


def test_down_leaves_nothing_behind(stack: StackDriver) -> None:
    pids = [pid for pid in stack.pids().values() if pid]
    base = stack.base
    printed = stack.ok("down")
    assert "order-router: cancel proof" in printed.replace("\n", " ")
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    leftovers = [
        p.info
        for p in psutil.process_iter(["pid", "cmdline"])
        if str(stack.run_dir) in " ".join(p.info["cmdline"] or [])
    ]
    assert leftovers == []
    assert stack.segments() == []
    assert not list(stack.run_dir.rglob("*.sock"))
    for port in range(base, base + 19):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))


def test_the_data_is_still_there_after_down(stack: StackDriver) -> None:
    assert (stack.run_dir / "data" / "venue").is_dir()
    shutil.rmtree(stack.run_dir / "log")
