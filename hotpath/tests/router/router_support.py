"""A scripted venue, a strategy and a market-data feed for router tests, all in the test's process."""

from __future__ import annotations

import json
import os
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from hotpath.ipc.journal import JournalReader
from hotpath.ipc.layouts import (
    BOOK_EVENT_SIZE,
    CONTROL_BLOCK_SIZE,
    INTENT_SIZE,
    ORDER_EVENT_SIZE,
    POSITION_BLOCK_SIZE,
    BookEvent,
    BookEventKind,
    ControlBlock,
    Intent,
    IntentKind,
    OrderEvent,
    OrderEventKind,
    PositionBlock,
    decode_order_event,
    decode_position_block,
    encode_book_event,
    encode_control_block,
    encode_intent,
)
from hotpath.ipc.ring import RingConsumer, RingProducer
from hotpath.ipc.segment import SegmentMissing, remove_segments
from hotpath.ipc.seqlock import SeqlockReader, SeqlockWriter
from hotpath.ipc.status import read_status
from hotpath.protocols import ouch, soupbintcp

if TYPE_CHECKING:
    from hotpath.ipc.status import RoleStatus

USER, PASSWORD, FIRM, SYMBOL = "IRON01", "secret", "IRON", "IRON"
PRICE = 1_000_000  # the fake book's mid
LIMITS = {
    "max_order_quantity": 1_000,
    "max_notional": 500_000_000,
    "max_position": 1_000,
    "collar_bps": 500,
    "max_messages_per_second": 1_000,
    "max_open_orders": 10,
}
T = TypeVar("T")


def wait_for(what: str, probe: Callable[[], T | None], timeout: float = 3.0) -> T:
    """The first truthy result of the probe."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        result = probe()
        if result:
            return result
        time.sleep(0.002)
    raise AssertionError(f"not within {timeout} s: {what}")


class ScriptedVenue:
    """One account's order entry: accepts everything, fills on request, keeps its stream over connections."""

    def __init__(self) -> None:
        self.session = "IRON000001"
        self.stream: list[bytes] = []
        self.orders: dict[int, dict[str, Any]] = {}  # open ones
        self.last_number = 0
        self.inbound: list[Any] = []
        self.logins: list[Any] = []
        self.deaf = False  # reads, never answers
        self.mute = False  # acts and keeps its stream, sends nothing
        self.replay_pause = 0.0  # seconds before a replay's first message
        self.cancel_on_disconnect = True
        self.before_mass_cancel: Callable[[], None] = lambda: None
        self.lock = threading.RLock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._client: socket.socket | None = None
        self._stop = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop = True
        self._thread.join()
        self._listener.close()

    # ---- what tests make happen

    def send(self, *messages: Any) -> None:
        """Append to the stream, and to the connection when there is one."""
        with self.lock:
            for message in messages:
                data = ouch.encode(message)
                self.stream.append(data)
                self._transmit(soupbintcp.SequencedData(data))

    def fill(self, number: int, quantity: int, match: int) -> None:
        with self.lock:
            order = self.orders[number]
            order["leaves"] -= quantity
            order["filled"] += quantity
            if order["leaves"] == 0:
                del self.orders[number]
            self.send(ouch.OrderExecuted(1, number, quantity, order["price"], "A", match, ouch.Options()))

    def cancel(self, number: int, reason: str) -> None:
        with self.lock:
            self.send(ouch.OrderCanceled(1, number, self.orders.pop(number)["leaves"], reason))

    def drop(self) -> None:
        """Cut the connection, as a failing network does."""
        with self.lock:
            if self._client is not None:
                self._client.shutdown(socket.SHUT_RDWR)

    # ---- the protocol

    def _serve(self) -> None:
        selector = selectors.DefaultSelector()
        selector.register(self._listener, selectors.EVENT_READ, None)
        decoders: dict[socket.socket, soupbintcp.Decoder] = {}
        while not self._stop:
            for key, _ in selector.select(0.02):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                if sock is self._listener:
                    connection, _ = sock.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    decoders[connection] = soupbintcp.Decoder()
                    selector.register(connection, selectors.EVENT_READ, None)
                    continue
                try:
                    data = sock.recv(65536)
                except OSError:
                    data = b""
                with self.lock:
                    for packet in decoders[sock].feed(data) if data else []:
                        self._on_packet(sock, packet)
                    if not data:
                        selector.unregister(sock)
                        del decoders[sock]
                        sock.close()
                        if sock is self._client:
                            self._disconnected()
        for sock in decoders:
            sock.close()

    def _disconnected(self) -> None:
        self._client = None
        if self.cancel_on_disconnect:
            for number in list(self.orders):
                self.cancel(number, "S")

    def _transmit(self, packet: soupbintcp.Packet) -> None:
        if self._client is not None and not self.deaf and not self.mute:
            with suppress(OSError):
                self._client.sendall(soupbintcp.encode(packet))

    def _on_packet(self, sock: socket.socket, packet: soupbintcp.Packet) -> None:
        if isinstance(packet, soupbintcp.LoginRequest):
            self._login(sock, packet)
        elif isinstance(packet, soupbintcp.UnsequencedData) and sock is self._client:
            message = ouch.decode_inbound(packet.message)
            self.inbound.append(message)
            if not self.deaf:
                self._on_message(message)

    def _login(self, sock: socket.socket, request: soupbintcp.LoginRequest) -> None:
        self.logins.append(request)
        if (request.username.upper(), request.password.upper()) != (USER.upper(), PASSWORD.upper()):
            sock.sendall(soupbintcp.encode(soupbintcp.LoginRejected("A")))
            return
        if self._client is not None:
            self._disconnected()
        self._client = sock
        first = request.requested_sequence_number or max(1, len(self.stream))
        first = min(first, len(self.stream) + 1)
        self._transmit(soupbintcp.LoginAccepted(self.session, first))
        if request.requested_sequence_number:
            time.sleep(self.replay_pause)
        for data in self.stream[first - 1 :]:
            self._transmit(soupbintcp.SequencedData(data))

    def _fresh(self, number: int) -> bool:
        if number <= self.last_number:
            return False
        self.last_number = number
        return True

    def _on_message(self, message: Any) -> None:
        if isinstance(message, ouch.EnterOrder) and self._fresh(message.user_ref_num):
            self.orders[message.user_ref_num] = {
                "side": message.side, "price": message.price, "leaves": message.quantity, "filled": 0,
            }  # fmt: skip
            self.send(accepted(message))
        elif isinstance(message, ouch.ReplaceOrder) and message.orig_user_ref_num in self.orders:
            if self._fresh(message.user_ref_num):
                old = self.orders.pop(message.orig_user_ref_num)
                new = old | {"price": message.price, "leaves": message.quantity - old["filled"]}
                self.orders[message.user_ref_num] = new
                self.send(replaced(message, new))
        elif isinstance(message, ouch.CancelOrder) and message.user_ref_num in self.orders:
            self.cancel(message.user_ref_num, "U")
        elif isinstance(message, ouch.MassCancel):
            self.before_mass_cancel()
            if self._fresh(message.user_ref_num):
                echo = ouch.MassCancelResponse(1, message.user_ref_num, message.firm, message.symbol, ouch.Options())
                self.send(echo)
                for number in list(self.orders):
                    self.cancel(number, "U")
        elif isinstance(message, ouch.AccountQuery):
            self.send(ouch.AccountQueryResponse(1, self.last_number + 1))


def accepted(order: ouch.EnterOrder, reference: int = 1) -> ouch.OrderAccepted:
    return ouch.OrderAccepted(
        1, order.user_ref_num, order.side, order.quantity, order.symbol, order.price, order.time_in_force,
        order.display, reference, order.capacity, order.iso_eligibility, order.cross_type, "L", order.cl_ord_id,
        ouch.Options(),
    )  # fmt: skip


def replaced(request: ouch.ReplaceOrder, order: dict[str, Any]) -> ouch.OrderReplaced:
    return ouch.OrderReplaced(
        1, request.orig_user_ref_num, request.user_ref_num, order["side"], order["leaves"], SYMBOL, request.price,
        request.time_in_force, request.display, 2, "P", "N", "N", "L", request.cl_ord_id, ouch.Options(),
    )  # fmt: skip


class Desk:
    """Everything around one router: venue, intents ring, book, configuration, and the router process itself."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.prefix = f"t-router-{os.getpid()}-{secrets.token_hex(4)}"
        self.folder = folder
        self.data, self.run_dir = folder / "data", folder / "run"
        self.run_dir.mkdir()
        (folder / "password").write_text(PASSWORD + "\n")
        self.venue = ScriptedVenue()
        self.symbol = SYMBOL
        self.config = folder / "order-router.json"
        self.configure(**settings)
        self.strategy_epoch = 1
        self.order_id = 0
        self.intents = RingProducer(self.prefix, "ring.intents", INTENT_SIZE, 64, self.strategy_epoch, self.symbol)
        self.top = SeqlockWriter(self.prefix, "top", BOOK_EVENT_SIZE, symbol=self.symbol)
        self.book(PRICE - 100, PRICE + 100)
        self.control: SeqlockWriter | None = None
        self.events: RingConsumer | None = None
        self.seen: list[OrderEvent] = []
        self.router: subprocess.Popen[str] | None = None
        self._beating = True
        self._heart = threading.Thread(target=self._beat, daemon=True)
        self._heart.start()

    def configure(self, **settings: Any) -> None:
        document = {
            "runtime": {
                "host": "test", "environment": "test", "shm_prefix": self.prefix,
                "run_dir": str(self.run_dir), "data_dir": str(self.data),
            },
            "instrument": {"symbol": self.symbol, "locate": 1, "tick": 100},
            "order_entry": {"host": "127.0.0.1", "port": self.venue.port},
            "account": {"username": USER, "password_file": str(self.folder / "password"), "firm": FIRM},
            "limits": LIMITS,
            "cancel_deadline_ms": 1000,
            "max_orders": 4096,
            "journal_segment_records": 8192,
        }  # fmt: skip
        self.config.write_text(json.dumps(document | settings))

    def switch(self, symbol: str) -> None:
        """Configure the next router for another instrument; strategy and feed handler follow with `join`."""
        self.symbol = symbol
        self.events = None
        self.configure()

    def join(self) -> None:
        """A new strategy and a new feed handler of the router's instrument."""
        self.strategy_epoch += 1
        self.intents = RingProducer(self.prefix, "ring.intents", INTENT_SIZE, 64, self.strategy_epoch, self.symbol)
        self.top = SeqlockWriter(self.prefix, "top", BOOK_EVENT_SIZE, symbol=self.symbol)
        self.book(PRICE - 100, PRICE + 100)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.router is not None and self.router.poll() is None:
            self.router.kill()
            self.router.wait()
        self._beating = False
        self._heart.join()
        self.venue.close()
        self.events = None
        remove_segments(self.prefix)

    def _beat(self) -> None:
        while self._beating:
            self.intents.beat()
            self.top.beat()
            time.sleep(0.05)

    # ---- the router process

    def spawn(self) -> subprocess.Popen[str]:
        log = (self.folder / "router.log").open("a")
        return subprocess.Popen(
            [sys.executable, "-m", "hotpath", "run", "order-router", "--config", str(self.config)],
            stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip

    def start(self, *, ready: bool = True) -> None:
        self.router = self.spawn()
        before = self.events
        if before is None:
            self.events = wait_for("ring.orders", self._ring)
        else:
            wait_for("a new ring.orders", before.reattach)
        if ready:
            wait_for("router ready", lambda: self.status()["ready"])

    def _ring(self) -> RingConsumer | None:
        try:
            return RingConsumer(self.prefix, "ring.orders", ORDER_EVENT_SIZE, "head", self.symbol)
        except SegmentMissing:
            return None

    def kill(self) -> None:
        assert self.router is not None
        self.router.kill()
        self.router.wait()

    def stop(self, timeout: float = 5.0) -> tuple[int, str]:
        """SIGTERM; returns (exit code, what it printed)."""
        assert self.router is not None
        self.router.send_signal(signal.SIGTERM)
        out, _ = self.router.communicate(timeout=timeout)
        return self.router.returncode, out

    def status(self) -> RoleStatus:
        return read_status(self.prefix, "order-router")

    def gate(self, name: str) -> str:
        """Why the gate is closed, "" when it is open."""
        gate = next(gate for gate in self.status()["gates"] if gate["name"] == name)
        return "" if gate["ok"] else gate["reason"]

    def count(self, name: str) -> int:
        return self.status()["counters"][name]

    def log(self) -> str:
        return (self.folder / "router.log").read_text()

    # ---- what goes in

    def book(self, bid: int, ask: int, kind: int = BookEventKind.BOOK_UPDATE) -> None:
        self.top.write_bytes(encode_book_event(BookEvent(kind=kind, bid_price=bid, ask_price=ask)))

    def set_control(self, version: int, **fields: Any) -> None:
        block = ControlBlock(**({"version": version, "mode": 2} | LIMITS | fields))
        if self.control is None:
            initial = encode_control_block(block)
            self.control = SeqlockWriter(self.prefix, "control", CONTROL_BLOCK_SIZE, initial=initial)
        else:
            self.control.write_bytes(encode_control_block(block))

    def intend(self, kind: int, **fields: Any) -> None:
        known = {
            "kind": kind, "locate": 1, "strategy_epoch": self.strategy_epoch, "router_epoch": self.status()["epoch"],
            "created_ns": time.monotonic_ns(),
        }  # fmt: skip
        assert self.intents.publish_bytes(encode_intent(Intent(**(known | fields))))

    def new(self, side: str = "B", quantity: int = 100, price: int = PRICE, **fields: Any) -> int:
        self.order_id += 1
        self.intend(
            IntentKind.INTENT_NEW, order_id=self.order_id, side=side, time_in_force="0", price=price,
            quantity=quantity, **fields,
        )  # fmt: skip
        return self.order_id

    def replace(self, order_id: int, quantity: int, price: int = PRICE) -> int:
        self.order_id += 1
        self.intend(
            IntentKind.INTENT_REPLACE, order_id=order_id, new_order_id=self.order_id, price=price, quantity=quantity
        )
        return self.order_id

    # ---- what comes out

    def event(self, kind: OrderEventKind, timeout: float = 3.0, **fields: Any) -> OrderEvent:
        """The next event of this kind (and with these fields) on ring.orders; earlier ones go to `seen`."""

        def probe() -> OrderEvent | None:
            assert self.events is not None
            while (raw := self.events.poll_bytes()) is not None:
                event = decode_order_event(raw)
                self.seen.append(event)
                if event.kind == kind and all(getattr(event, name) == value for name, value in fields.items()):
                    return event
            return None

        try:
            return wait_for(kind.name, probe, timeout)
        except AssertionError:
            raise AssertionError(f"{kind.name} {fields} not among {self.seen[-8:]}\n{self.log()}") from None

    def position(self) -> PositionBlock:
        raw = SeqlockReader(self.prefix, "position", POSITION_BLOCK_SIZE, self.symbol).read_bytes()
        assert raw is not None
        return decode_position_block(raw)

    def journal(self) -> list[OrderEvent]:
        reader = JournalReader(str(self.data), ORDER_EVENT_SIZE)
        return [decode_order_event(record) for record in iter(reader.next_record, None)]

    def proof(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.data / "cancel-proof.json").read_text())
        return document
