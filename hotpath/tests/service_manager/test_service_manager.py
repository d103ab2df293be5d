"""What systemd hears of a role, on a real datagram socket: the same protocol, with this test at the other end."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hotpath import config
from hotpath.ipc.segment import remove_segments
from hotpath.ipc.status import RoleState, StatusWriter
from hotpath.service_manager import STATUS_LIMIT, LoopReport, ServiceManager

WATCHDOG_US = 200_000
numbers = itertools.count(1)


class Listener:
    """The manager's end. `heard`: the assignments of every datagram so far."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.setblocking(False)
        self.heard: list[str] = []

    def listen(self) -> list[str]:
        """What has come since the last call."""
        new: list[str] = []
        while True:
            try:
                new += self.socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                self.heard += new
                return new

    def until(self, word: str, seconds: float = 10.0) -> None:
        deadline = time.monotonic() + seconds
        while word not in self.heard:
            assert time.monotonic() < deadline, f"no {word} within {seconds} s: {self.heard}"
            self.listen()
            time.sleep(0.005)


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    end = Listener(str(tmp_path / "notify"))
    yield end
    end.socket.close()


@pytest.fixture
def prefix() -> Iterator[str]:
    name = f"notify-{os.getpid()}-{next(numbers)}"
    yield name
    remove_segments(name)


def environment(listener: Listener) -> dict[str, str]:
    return {"NOTIFY_SOCKET": listener.address, "WATCHDOG_USEC": str(WATCHDOG_US)}


def report_of(listener: Listener, *parts: StatusWriter) -> LoopReport:
    manager = ServiceManager.from_environment(environment(listener))
    return LoopReport(manager, parts)


def edge(report: LoopReport, seconds: float, turn: Callable[[], object]) -> None:
    """The Python edge goes round for a while; `turn` is what the hot loop does between."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        turn()
        report.tick()
        time.sleep(0.002)


def test_ready_only_after_the_first_stretch_of_the_loop(listener: Listener, prefix: str) -> None:
    status = StatusWriter(prefix, "feed-handler", gates=["book"])
    report = report_of(listener, status)
    report.tick()
    assert listener.listen() == []
    status.beat()
    report.tick(started=False)
    assert listener.listen() == []
    report.tick()
    assert listener.listen() == ["READY=1", "WATCHDOG=1", "STATUS=feed-handler STARTING (book: not checked yet)"]


def test_a_stuck_loop_does_not_feed_the_watchdog_though_the_edge_goes_on(listener: Listener, prefix: str) -> None:
    status = StatusWriter(prefix, "feed-handler")
    report = report_of(listener, status)
    edge(report, 0.3, status.beat)
    assert listener.listen().count("WATCHDOG=1") >= 3
    edge(report, 0.1, lambda: None)
    assert listener.listen().count("WATCHDOG=1") <= 1  # of a beat from before
    edge(report, 2 * WATCHDOG_US / 1e6, lambda: None)
    assert listener.listen() == []
    edge(report, 0.1, status.beat)
    assert "WATCHDOG=1" in listener.listen()


def test_one_stuck_loop_of_several_is_enough(listener: Listener, prefix: str) -> None:
    feed, router = StatusWriter(prefix, "feed-handler"), StatusWriter(prefix, "order-router")
    report = report_of(listener, feed, router)

    def both() -> None:
        feed.beat()
        router.beat()

    edge(report, 0.1, both)
    assert "WATCHDOG=1" in listener.listen()
    edge(report, 0.1, feed.beat)
    listener.listen()
    edge(report, 2 * WATCHDOG_US / 1e6, feed.beat)
    assert listener.listen() == []


def test_status_is_told_when_it_changes(listener: Listener, prefix: str) -> None:
    status = StatusWriter(prefix, "strategy", gates=["router"])
    report = report_of(listener, status)
    edge(report, 0.2, status.beat)
    assert [word for word in listener.listen() if word.startswith("STATUS=")] == [
        "STATUS=strategy STARTING (router: not checked yet)"
    ]
    status.gate("router", False, "line one\nline two" + "é" * 200)
    status.enter(RoleState.STANDBY)
    edge(report, 0.1, status.beat)
    (told,) = (word for word in listener.listen() if word.startswith("STATUS="))
    assert told.startswith("STATUS=strategy STANDBY (router: line one line two")
    assert len(told.encode()) <= STATUS_LIMIT + len("STATUS=")
    report.stopping()
    report.stopping()
    first, second = listener.listen()
    assert first == "STOPPING=1"
    assert second.startswith("STATUS=stopping; strategy STANDBY")


def test_abstract_address(prefix: str) -> None:
    listener = Listener(f"@ironlane-{prefix}")
    try:
        assert ServiceManager(listener.address).send("READY=1")
        assert listener.listen() == ["READY=1"]
    finally:
        listener.socket.close()


def test_without_a_manager_nothing_is_sent(prefix: str) -> None:
    manager = ServiceManager.from_environment({})
    assert not manager.listening
    assert not manager.send("READY=1")
    report = LoopReport(manager, [StatusWriter(prefix, "feed-handler")])
    report.tick()
    report.stopping()


def test_watchdog_of_another_process_is_not_ours(listener: Listener) -> None:
    inherited = environment(listener) | {"WATCHDOG_PID": str(os.getpid() + 1)}
    assert ServiceManager.from_environment(inherited).watchdog_ns == 0
    own = environment(listener) | {"WATCHDOG_PID": str(os.getpid())}
    assert ServiceManager.from_environment(own).watchdog_ns == WATCHDOG_US * 1000


def test_a_manager_that_does_not_read_never_blocks_and_hears_ready_later(listener: Listener, prefix: str) -> None:
    status = StatusWriter(prefix, "feed-handler")
    report = report_of(listener, status)
    filler = ServiceManager(listener.address)
    while filler.send("EXTRA=1"):
        pass
    status.beat()
    report.tick()
    assert "READY=1" not in listener.listen()
    report.tick()
    assert "READY=1" in listener.listen()


# ---- real roles


def runtime(folder: Path, prefix: str) -> config.Runtime:
    return config.Runtime(
        host="test", environment="test", shm_prefix=prefix, run_dir=str(folder), data_dir=str(folder / "data")
    )


NOWHERE = config.Endpoint("127.0.0.1", 9)
LIMITS = config.Limits(
    max_order_quantity=100, max_notional=10**9, max_position=100, collar_bps=100, max_messages_per_second=10,
    max_open_orders=5,
)  # fmt: skip
ANY_PORT = config.Endpoint("127.0.0.1", 0)


def role_file(role: str, folder: Path, prefix: str) -> Path:
    secret = folder / "secret"
    secret.write_text("secret\n")
    account = config.Account(username="ROUTER", password_file=str(secret))
    shared: dict[str, Any] = {
        "runtime": runtime(folder, prefix),
        "instrument": config.Instrument(symbol="IRON"),
    }
    lines = [ANY_PORT, ANY_PORT]
    documents: dict[str, Callable[[], msgspec.Struct]] = {
        "feed-handler": lambda: config.FeedHandlerConfig(**shared, lines=lines, rerequest=NOWHERE, glimpse=NOWHERE),
        "strategy": lambda: config.StrategyConfig(
            **shared,
            strategy="hanging_strategy:HangingStrategy",
            parameters={"hang_file": str(folder / "hang")},
            timer_ms=5,
        ),
        "order-router": lambda: config.OrderRouterConfig(
            **shared, order_entry=NOWHERE, account=account, limits=LIMITS, journal_segment_records=32_768
        ),
        "venue": lambda: config.VenueConfig(
            **shared,
            flow=config.Flow(rows=1000),
            flow_id="1",
            order_entry=ANY_PORT,
            glimpse=ANY_PORT,
            rerequest=ANY_PORT,
            lines=[NOWHERE, NOWHERE],
            admin=ANY_PORT,
            accounts=[account],
        ),
        "agent": lambda: config.AgentConfig(
            **shared,
            http=ANY_PORT,
            nats=config.Nats(servers=["nats://127.0.0.1:9"], user="agent", password_file=str(secret)),
            limits=LIMITS,
            roles=["order-router"],
            journal_dir=str(folder / "journal"),
        ),
        "composite": lambda: config.CompositeConfig(
            feed_handler=str(role_file("feed-handler", folder, prefix)),
            order_router=str(role_file("order-router", folder, prefix)),
        ),
    }
    path = folder / f"{role}.json"
    path.write_bytes(msgspec.json.encode(documents[role]()))
    return path


@pytest.fixture
def start(listener: Listener, prefix: str, tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []

    def run(role: str) -> subprocess.Popen[str]:
        path = os.pathsep.join([*sys.path, os.path.dirname(__file__)])
        with (tmp_path / "log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "hotpath", "run", role, "--config", str(role_file(role, tmp_path, prefix))],
                stdout=log,
                stderr=log,
                text=True,
                env=os.environ | environment(listener) | {"PYTHONPATH": path},
            )
        processes.append(process)
        return process

    yield run
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait(10)


@pytest.mark.parametrize("role", ["feed-handler", "strategy", "order-router", "venue", "agent", "composite"])
def test_every_role_says_ready_feeds_and_says_that_it_stops(
    role: str, start: Callable[[str], subprocess.Popen[str]], listener: Listener, tmp_path: Path
) -> None:
    process = start(role)
    try:
        listener.until("READY=1")
        del listener.heard[:]
        listener.until("WATCHDOG=1")
        process.send_signal(signal.SIGTERM)
        listener.until("STOPPING=1")
        assert process.wait(10) == 0
    except AssertionError as error:
        raise AssertionError(f"{error}\n{(tmp_path / 'log').read_text()}") from None


def test_a_callback_that_hangs_starves_the_watchdog(
    start: Callable[[str], subprocess.Popen[str]], listener: Listener, tmp_path: Path
) -> None:
    start("strategy")
    listener.until("READY=1")
    (tmp_path / "hang").touch()
    time.sleep(0.1)
    listener.listen()
    time.sleep(3 * WATCHDOG_US / 1e6)
    assert listener.listen() == []
