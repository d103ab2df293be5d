"""The strategy process between a fake feed handler and a fake router on real rings."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from strategy_support import CYTHON, INSTRUMENT, PYTHON, FakeRouter, book

from hotpath.config import Idle, Runtime, StrategyConfig
from hotpath.ipc.histogram import HistogramReader
from hotpath.ipc.layouts import (
    BOOK_EVENT_SIZE,
    INTENT_SIZE,
    ORDER_EVENT_SIZE,
    POSITION_BLOCK_SIZE,
    BookEventKind,
    Intent,
    IntentKind,
    OrderEventKind,
    PositionBlock,
    decode_intent,
    encode_position_block,
)
from hotpath.ipc.ring import ConsumerState, RingConsumer, RingProducer
from hotpath.ipc.segment import ProducerState, remove_segments
from hotpath.ipc.seqlock import SeqlockWriter
from hotpath.ipc.status import RoleState, StatusWriter, read_status

BID, ASK = 999_000, 1_001_000
SYMBOL = INSTRUMENT.symbol
NEW, REPLACE, CANCEL, MASS = IntentKind
numbers = itertools.count(1)


class Market:
    """Feed handler and router as the strategy sees them; `pump` lets time pass."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.books = RingProducer(prefix, "ring.book", BOOK_EVENT_SIZE, 1024, symbol=SYMBOL)
        self.top = SeqlockWriter(prefix, "top", BOOK_EVENT_SIZE, symbol=SYMBOL)
        self.router = FakeRouter(epoch=0)
        self.position = SeqlockWriter(prefix, "position", POSITION_BLOCK_SIZE, symbol=SYMBOL)
        self.intents: RingConsumer | None = None
        self.seen: list[Intent] = []
        self.answers = True
        self.start_router(11)

    def start_router(self, epoch: int, position: int = 0, symbol: str = SYMBOL) -> None:
        self.router = FakeRouter(epoch=epoch)
        self.router.position = position
        self.orders = RingProducer(self.prefix, "ring.orders", ORDER_EVENT_SIZE, 1024, epoch, symbol)
        block = PositionBlock(sequence=0, epoch=epoch, position=position)
        self.position.write_bytes(encode_position_block(block))
        self.publish([self.router.plain(OrderEventKind.EVENT_ROUTER_STARTED)])
        if self.intents is not None:
            self.intents.skip_unread()

    def reconcile(self) -> None:
        self.publish(
            [self.router.plain(OrderEventKind.EVENT_SESSION_UP), self.router.plain(OrderEventKind.EVENT_RECONCILED)]
        )

    def publish(self, events: list[bytes]) -> None:
        for event in events:
            assert self.orders.publish_bytes(event)

    def book(self, bid: int, ask: int, **more: Any) -> None:
        now = time.monotonic_ns()
        event = book(bid, ask, received_ns=now, published_ns=now, **more)
        self.top.write_bytes(event)
        assert self.books.publish_bytes(event)

    def pump(self) -> list[Intent]:
        self.books.beat()
        self.orders.beat()
        if self.intents is None:
            try:
                self.intents = RingConsumer(self.prefix, "ring.intents", INTENT_SIZE, "head", SYMBOL)
            except Exception:
                time.sleep(0.005)
                return []
        taken = []
        while (data := self.intents.poll_bytes()) is not None:
            taken.append(decode_intent(data))
        self.intents.beat()
        self.seen += taken
        if self.answers:
            for intent in taken:
                self.publish(self.router.sent(intent) + self.router.acknowledged(intent))
        time.sleep(0.001)
        return taken

    def until(self, done: Callable[[], bool], seconds: float = 5) -> list[Intent]:
        taken: list[Intent] = []
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, f"not reached; intents so far: {self.seen}"
            taken += self.pump()
        return taken

    def open_prices(self) -> set[tuple[str, int]]:
        return {(order.side, order.price) for order in self.router.open() if order.accepted}


class Role:
    """The process under test."""

    def __init__(self, folder: Path, prefix: str, **changes: Any) -> None:
        runtime = Runtime(
            host="test", environment="test", shm_prefix=prefix, run_dir=str(folder), data_dir=str(folder), idle=Idle()
        )
        fields: dict[str, Any] = {
            "runtime": runtime,
            "instrument": INSTRUMENT,
            "strategy": CYTHON,
            "parameters": {"requote_ms": 0},
            "timer_ms": 10,
        }
        self.folder = folder
        self.path = folder / "strategy.json"
        self.path.write_bytes(msgspec.json.encode(StrategyConfig(**{**fields, **changes})))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hotpath", "run", "strategy", "--config", str(self.path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, os.path.dirname(__file__)])},
        )

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def finish(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=10)
        return self.process.returncode, out, err

    def proof(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.folder / "cancel-proof.json").read_text())
        return document


@pytest.fixture
def prefix() -> Iterator[str]:
    name = f"strategy-{os.getpid()}-{next(numbers)}"
    yield name
    remove_segments(name)


@pytest.fixture
def start(prefix: str, tmp_path: Path) -> Iterator[Callable[..., Role]]:
    roles: list[Role] = []

    def launch(**changes: Any) -> Role:
        roles.append(Role(tmp_path, prefix, **changes))
        return roles[-1]

    yield launch
    for role in roles:
        if role.process.poll() is None:
            role.process.kill()
            print(role.process.communicate()[1])  # pytest shows it when the test failed


QUOTES = {("B", 999_800), ("S", 1_000_200)}


def quote(market: Market) -> None:
    """Bring a strategy with the default parameters to its first two quotes."""
    market.until(lambda: market.intents is not None and market.orders.consumer_liveness() == ConsumerState.ALIVE)
    market.reconcile()
    market.until(lambda: order_entry_open(market.prefix))
    market.book(BID, ASK)
    market.until(lambda: market.open_prices() == QUOTES)


def order_entry_open(prefix: str) -> bool:
    return all(gate["ok"] for gate in read_status(prefix, "strategy")["gates"] if gate["name"] == "router")


@pytest.mark.parametrize("strategy", [CYTHON, PYTHON], ids=["cython", "python"])
def test_quotes_refreshes_and_proves_its_cancels(prefix: str, start: Callable[..., Role], strategy: str) -> None:
    market = Market(prefix)
    role = start(strategy=strategy)
    quote(market)
    assert {intent.router_epoch for intent in market.seen} == {11}
    assert all(intent.tick_received_ns for intent in market.seen)
    market.until(lambda: read_status(prefix, "strategy")["ready"])
    market.book(BID + 1_000, ASK + 1_000)
    market.until(lambda: market.open_prices() == {("B", 1_000_800), ("S", 1_001_200)})
    (bid,) = [order for order in market.router.open() if order.side == "B"]
    market.publish(market.router.fill(bid.order_id, 40))
    market.until(lambda: read_status(prefix, "strategy")["counters"]["position"] == 40)
    assert HistogramReader(prefix, "latency.strategy").snapshot("book_to_intent").count >= 4

    before = len(market.seen)
    role.stop()
    market.until(lambda: role.process.poll() is not None)
    code, out, err = role.finish()
    assert code == 0, err
    assert MASS in {intent.kind for intent in market.seen[before:]}
    assert NEW not in {intent.kind for intent in market.seen[before:]}
    proof = role.proof()
    assert proof["summary"] == {"cancelled": 2, "filled": 0, "unknown": 0}
    assert (proof["cause"], proof["position"], proof["router_epoch"]) == ("SIGTERM", 40, 11)
    lines = [line for line in out.splitlines() if line.startswith("cancel-proof order=")]
    assert len(lines) == 2
    assert all("outcome=cancelled" in line for line in lines)
    assert "cancel-proof summary orders=2 cancelled=2 filled=0 unknown=0" in out
    assert market.intents is not None
    assert market.intents.liveness() == ProducerState.CLOSED


def test_a_fill_during_the_drain_is_proven_and_silence_is_unknown(prefix: str, start: Callable[..., Role]) -> None:
    market = Market(prefix)
    role = start(cancel_deadline_ms=150)
    quote(market)
    market.answers = False
    role.stop()
    market.until(lambda: any(intent.kind == MASS for intent in market.seen))
    market.publish(market.router.fill(1, 100))
    market.until(lambda: role.process.poll() is not None)
    code, out, _ = role.finish()
    assert code == 1
    assert "order=1 side=B price=99.9800 quantity=100 filled=100 outcome=filled" in out
    assert "order=2 side=S price=100.0200 quantity=100 filled=0 outcome=unknown detail=pending-cancel" in out
    assert role.proof()["summary"] == {"cancelled": 0, "filled": 1, "unknown": 1}
    # asked more than once, within bounds
    assert 2 <= sum(intent.kind == MASS for intent in market.seen) <= 4


def test_a_stale_or_dead_feed_pulls_the_quotes(prefix: str, start: Callable[..., Role]) -> None:
    market = Market(prefix)
    start()
    quote(market)
    market.book(0, 0, kind=BookEventKind.BOOK_STALE)
    market.until(lambda: market.open_prices() == set())
    market.book(BID, ASK, kind=BookEventKind.BOOK_RECOVERED)
    market.until(lambda: market.open_prices() == QUOTES)
    market.books.close()
    market.until(lambda: market.open_prices() == set())
    market.until(lambda: "feed handler has stopped" in str(read_status(prefix, "strategy")["problems"]))
    # a new feed handler: the ring tells changes only, the top block what holds
    market.books = RingProducer(prefix, "ring.book", BOOK_EVENT_SIZE, 1024, symbol=SYMBOL)
    market.top = SeqlockWriter(prefix, "top", BOOK_EVENT_SIZE, symbol=SYMBOL)
    now = time.monotonic_ns()
    market.top.write_bytes(book(BID, ASK, published_ns=now, received_ns=now))
    market.until(lambda: market.open_prices() == QUOTES)


def test_a_new_router_epoch_is_followed_from_its_position_block(prefix: str, start: Callable[..., Role]) -> None:
    market = Market(prefix)
    start(parameters={"requote_ms": 0, "skew_ticks": 10, "position_limit": 1000})
    quote(market)
    before = len(market.seen)
    market.start_router(12, position=500)
    market.until(lambda: read_status(prefix, "strategy")["counters"]["router_epoch"] == 12)
    assert market.seen[before:] == []  # nothing before the new router has reconciled
    market.reconcile()
    market.book(BID, ASK)
    market.until(lambda: market.open_prices() == {("B", 999_300), ("S", 999_700)})
    assert {intent.router_epoch for intent in market.seen[before:]} == {12}
    ids = [intent.order_id for intent in market.seen if intent.kind == NEW]
    assert ids == sorted(set(ids))


def test_roles_of_another_instrument_are_not_there(prefix: str, start: Callable[..., Role]) -> None:
    """A roll from one instrument to another: the old strategy meets the new feed handler and router, one by one."""
    market = Market(prefix)
    start()
    quote(market)
    before = len(market.seen)
    market.books.close()
    market.books = RingProducer(prefix, "ring.book", BOOK_EVENT_SIZE, 1024, symbol="AAPL")
    market.top = SeqlockWriter(prefix, "top", BOOK_EVENT_SIZE, symbol="AAPL")
    for _ in range(3):
        market.book(BID, ASK)
    market.until(
        lambda: "ring.book is for AAPL, this role trades IRON" in str(read_status(prefix, "strategy")["problems"])
    )
    market.until(lambda: market.open_prices() == set())
    market.position = SeqlockWriter(prefix, "position", POSITION_BLOCK_SIZE, symbol="AAPL")
    market.start_router(12, position=-762, symbol="AAPL")
    market.reconcile()
    market.until(
        lambda: "ring.orders is for AAPL, this role trades IRON" in str(read_status(prefix, "strategy")["problems"])
    )
    assert {intent.kind for intent in market.seen[before:]} <= {CANCEL, MASS}
    counters = read_status(prefix, "strategy")["counters"]
    assert (counters["position"], counters["router_epoch"]) == (0, 11)
    # its own instrument again: it goes on from that router's position
    market.books = RingProducer(prefix, "ring.book", BOOK_EVENT_SIZE, 1024, symbol=SYMBOL)
    market.top = SeqlockWriter(prefix, "top", BOOK_EVENT_SIZE, symbol=SYMBOL)
    market.position = SeqlockWriter(prefix, "position", POSITION_BLOCK_SIZE, symbol=SYMBOL)
    market.start_router(13, position=300)
    market.reconcile()
    market.until(lambda: order_entry_open(prefix))
    market.until(lambda: read_status(prefix, "strategy")["counters"]["position"] == 300)


def test_no_order_before_the_position_of_this_router_is_known(prefix: str, start: Callable[..., Role]) -> None:
    market = Market(prefix)
    market.position = SeqlockWriter(prefix, "position", POSITION_BLOCK_SIZE, symbol="AAPL")
    market.position.write_bytes(encode_position_block(PositionBlock(sequence=9, epoch=11, position=-762)))
    start()
    market.until(lambda: market.orders.consumer_liveness() == ConsumerState.ALIVE)
    market.reconcile()
    market.book(BID, ASK)
    text = "position is for AAPL, this role trades IRON"
    market.until(lambda: text in str(read_status(prefix, "strategy")["problems"]))
    market.book(BID, ASK)
    market.until(lambda: read_status(prefix, "strategy")["counters"]["book_events"] >= 2)
    assert market.seen == []
    market.position = SeqlockWriter(prefix, "position", POSITION_BLOCK_SIZE, symbol=SYMBOL)
    market.position.write_bytes(encode_position_block(PositionBlock(sequence=9, epoch=11, position=40)))
    market.until(lambda: order_entry_open(prefix))
    # the gate may be shown a beat before the counter
    market.until(lambda: read_status(prefix, "strategy")["counters"]["position"] == 40)


def test_joins_a_router_whose_events_are_history(prefix: str, start: Callable[..., Role]) -> None:
    market = Market(prefix)
    market.reconcile()  # before there is a strategy: it begins at the ring's tail
    status = StatusWriter(prefix, "order-router", 11, ("session",), ())
    status.gate("session", True)
    status.enter(RoleState.RECONCILING)
    start()
    market.until(lambda: market.orders.consumer_liveness() == ConsumerState.ALIVE)
    assert not order_entry_open(prefix)
    status.enter(RoleState.ACTIVE)
    market.book(BID, ASK)
    market.until(lambda: market.open_prices() == QUOTES)
    market.publish([market.router.plain(OrderEventKind.EVENT_SESSION_DOWN)])
    market.until(lambda: not order_entry_open(prefix))  # events are newer than the block


def test_waits_for_a_router_and_says_so(prefix: str, start: Callable[..., Role]) -> None:
    role = start()
    deadline = time.monotonic() + 5
    while not os.path.exists(f"/dev/shm/{prefix}.status.strategy"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    while "no order-event ring yet" not in str(read_status(prefix, "strategy")["problems"]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert "no book ring yet" in str(read_status(prefix, "strategy")["problems"])
    role.stop()
    code, out, _ = role.finish()
    assert code == 0
    assert "cancel-proof summary orders=0 cancelled=0 filled=0 unknown=0" in out


def test_a_backlog_of_updates_is_conflated_and_counted(prefix: str, start: Callable[..., Role]) -> None:
    market = Market(prefix)
    role = start()
    quote(market)
    role.process.send_signal(signal.SIGSTOP)
    for step in range(200):
        market.book(BID + 100 * step, ASK + 100 * step)
    role.process.send_signal(signal.SIGCONT)
    market.until(lambda: market.open_prices() == {("B", 1_019_700), ("S", 1_020_100)})
    market.until(lambda: read_status(prefix, "strategy")["counters"]["book_conflated"] >= 150)


def test_a_raising_python_strategy_cancels_and_exits_1(prefix: str, start: Callable[..., Role], tmp_path: Path) -> None:
    (tmp_path / "exploding_strategy.py").write_text(
        "from hotpath.strategy.python_base import PythonStrategy\n"
        "class Exploding(PythonStrategy):\n"
        "    def on_book(self, event):\n"
        "        self.desk.send_buy(event.bid_price, 100)\n"
        "    def on_order_event(self, event):\n"
        "        if event.state == 2: raise RuntimeError('out of ideas')\n"
    )
    sys.path.append(str(tmp_path))
    try:
        market = Market(prefix)
        role = start(strategy="exploding_strategy:Exploding", parameters={})
        market.until(lambda: market.orders.consumer_liveness() == ConsumerState.ALIVE)
        market.reconcile()
        market.until(lambda: order_entry_open(prefix))
        market.book(BID, ASK)
        market.until(lambda: role.process.poll() is not None)
    finally:
        sys.path.remove(str(tmp_path))
    code, out, err = role.finish()
    assert code == 1
    assert "out of ideas" in err
    assert "orders=1 cancelled=1" in out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parameters": {"quote_sise": 5}}, "parameters: unknown quote_sise; the valid ones are: quote_size,"),
        ({"timer_ms": 0}, "timer_ms must be at least 1"),
    ],
)
def test_a_configuration_that_cannot_be_used_exits_78(
    start: Callable[..., Role], changes: dict[str, Any], message: str
) -> None:
    role = start(**changes)
    code, _, err = role.finish()
    assert code == 78
    assert message in err
    assert str(role.path) in err


def test_a_second_strategy_on_the_same_data_is_refused(prefix: str, start: Callable[..., Role]) -> None:
    market = Market(prefix)
    first = start()
    quote(market)
    second = start()
    waiting = threading.Event()
    code = None
    while code is None and not waiting.wait(0.001):
        market.pump()
        code = second.process.poll()
    assert code == 1
    said = second.finish()[2]
    assert f"process {first.process.pid} holds" in said
    assert "only one process may use this folder" in said
    assert "router" not in said.split("holds")[1].splitlines()[0]
    assert market.open_prices() == QUOTES
