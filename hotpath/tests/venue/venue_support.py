"""A venue assembled in this process or run as one, with plain clients for its ports."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec

from hotpath.config import VenueConfig
from hotpath.ipc.segment import remove_segments
from hotpath.process import RoleLog
from hotpath.protocols import itch, moldudp64, ouch, soupbintcp
from hotpath.venue.ledger_pages import LedgerPages
from hotpath.venue.role import VenueProcess

SYMBOL = "TEST"
PASSWORD = "secret"
DEADLINE_S = 5.0

# time, type, order id, size, price, direction
Row = tuple[str, int, int, int, int, int]


def free_ports(count: int) -> list[int]:
    held = []
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        for _ in range(count):
            sock = socket.socket(socket.AF_INET, kind)
            sock.bind(("127.0.0.1", 0))
            held.append(sock)
    ports = [sock.getsockname()[1] for sock in held[:count]]
    for sock in held:
        sock.close()
    return ports


def write_rows(path: Path, rows: Sequence[Row]) -> Path:
    path.write_text("".join(",".join(str(value) for value in row) + "\n" for row in rows))
    return path


created_prefixes: list[str] = []


def make_config(folder: Path, *, accounts: Sequence[str] = ("ALPHA",), **changes: Any) -> dict[str, Any]:
    ports = free_ports(6)
    endpoint = [{"host": "127.0.0.1", "port": port} for port in ports]
    (folder / "password").write_text(PASSWORD + "\n")
    created_prefixes.append(f"venue-test-{uuid.uuid4().hex[:12]}")
    config: dict[str, Any] = {
        "runtime": {
            "host": "here",
            "environment": "test",
            "shm_prefix": created_prefixes[-1],
            "run_dir": str(folder),
            "data_dir": str(folder / "data"),
        },
        "instrument": {"symbol": SYMBOL},
        "flow": {"speed": 1.0},
        "flow_id": "one",
        "order_entry": endpoint[0],
        "glimpse": endpoint[1],
        "rerequest": endpoint[2],
        "lines": endpoint[3:5],
        "admin": endpoint[5],
        "accounts": [{"username": name, "password_file": str(folder / "password")} for name in accounts],
        "rerequest_window": 4096,
        "heartbeat_ms": 100,
    }
    config["flow"].update(changes.pop("flow", {}))
    config.update(changes)
    return config


STAGE_ROWS = 64  # the venue applies at most this many rows in one turn of its loop
FILLER: Row = ("34200.0", 5, 0, 1, 1_000_000, 1)


def staged(*stages: Sequence[Row]) -> list[Row]:
    """Rows that the venue applies stage by stage, one stage a turn: the rest of each is hidden prints."""
    rows: list[Row] = []
    for stage in stages:
        assert len(stage) < STAGE_ROWS
        rows.extend(stage)
        rows.extend([FILLER] * (STAGE_ROWS - len(stage)))
    return rows


def add(number: int, side: str, size: int, price: int) -> Row:
    return ("34200.0", 1, number, size, price, 1 if side == "B" else -1)


def act(kind: int, number: int, side: str, size: int, price: int) -> Row:
    return ("34200.0", kind, number, size, price, 1 if side == "B" else -1)


class Feed:
    """Both lines of the feed; line B must repeat line A."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.sockets = []
        for line in config["lines"]:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            sock.bind((line["host"], line["port"]))
            sock.setblocking(False)
            self.sockets.append(sock)
        self.packets: list[list[bytes]] = [[], []]

    def read(self) -> int:
        """Take what has arrived; packets so far on line A."""
        for line, sock in enumerate(self.sockets):
            while True:
                try:
                    self.packets[line].append(sock.recv(2048))
                except BlockingIOError:
                    break
        return len(self.packets[0])

    def messages(self, session: str | None = None) -> dict[int, Any]:
        """Decoded ITCH of one feed session (the last one) by sequence number."""
        self.read()
        decoded = [moldudp64.decode(packet) for packet in self.packets[0]]
        wanted = decoded[-1].session if session is None else session.encode()
        found: dict[int, Any] = {}
        for packet in decoded:
            if packet.session == wanted:
                for offset, message in enumerate(packet.messages):
                    found[packet.sequence_number + offset] = itch.decode(message)
        return found

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()


class SoupClient:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        self.socket.setblocking(False)
        self.decoder = soupbintcp.Decoder()
        self.packets: list[Any] = []
        self.closed = False

    def send(self, packet: Any) -> None:
        self.socket.setblocking(True)
        self.socket.sendall(soupbintcp.encode(packet))
        self.socket.setblocking(False)

    def login(self, username: str = "ALPHA", password: str = PASSWORD, session: str = "", sequence: int = 1) -> None:
        self.send(
            soupbintcp.LoginRequest(
                username=username, password=password, requested_session=session, requested_sequence_number=sequence
            )
        )

    def read(self) -> bool:
        """Take what has arrived; whether the venue has closed the connection."""
        while not self.closed:
            try:
                data = self.socket.recv(65536)
            except BlockingIOError:
                break
            except ConnectionResetError:
                data = b""
            if data:
                self.packets.extend(self.decoder.feed(data))
            else:
                self.closed = True
        return self.closed

    def of(self, kind: type) -> list[Any]:
        self.read()
        return [packet for packet in self.packets if isinstance(packet, kind)]

    def close(self) -> None:
        self.socket.close()


class OuchClient(SoupClient):
    def order(self, number: int, side: str, quantity: int, price: int, **changes: Any) -> None:
        fields: dict[str, Any] = {
            "user_ref_num": number,
            "side": side,
            "quantity": quantity,
            "symbol": SYMBOL,
            "price": price,
            "time_in_force": "0",
            "display": "Y",
            "capacity": "P",
            "iso_eligibility": "N",
            "cross_type": "N",
            "cl_ord_id": f"C{number}",
        }
        fields.update(changes)
        self.ouch(ouch.EnterOrder(**fields))

    def replace(self, original: int, number: int, quantity: int, price: int, **changes: Any) -> None:
        fields: dict[str, Any] = {
            "orig_user_ref_num": original,
            "user_ref_num": number,
            "quantity": quantity,
            "price": price,
            "time_in_force": "0",
            "display": "Y",
            "iso_eligibility": "N",
            "cl_ord_id": f"C{number}",
        }
        fields.update(changes)
        self.ouch(ouch.ReplaceOrder(**fields))

    def ouch(self, message: Any) -> None:
        self.send(soupbintcp.UnsequencedData(message=ouch.encode(message)))

    def reports(self) -> list[Any]:
        return [ouch.decode_outbound(packet.message) for packet in self.of(soupbintcp.SequencedData)]

    def kinds(self) -> str:
        return "".join(report.type for report in self.reports())


class LocalVenue:
    """The whole role assembled in this process; the test turns its loop."""

    def __init__(self, config: dict[str, Any], *, serve_admin: bool = False, listen: bool = True) -> None:
        """listen: to the lines, which only one process can."""
        self.config = config
        self.serve_admin = serve_admin  # its thread takes a fifth of a second to end
        self.feed = Feed({**config, "lines": config["lines"] if listen else []})
        self.log = io.StringIO()
        self.clients: list[SoupClient] = []
        self.process: VenueProcess | None = None

    def start(self) -> LocalVenue:
        self.process = VenueProcess(msgspec.convert(self.config, VenueConfig), RoleLog("venue", self.log))
        self.process.open(serve_admin=self.serve_admin)
        return self

    def turn(self, milliseconds: int) -> None:
        assert self.process is not None
        self.process.step(milliseconds)

    def until(self, condition: Callable[[], Any], what: str = "condition") -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, f"no {what} within {DEADLINE_S} s\n{self.log.getvalue()}"
            self.turn(0)

    def client(self, username: str = "ALPHA", **login: Any) -> OuchClient:
        client = OuchClient(self.config["order_entry"]["port"])
        self.clients.append(client)
        client.login(username, **login)
        self.until(lambda: client.of(soupbintcp.LoginAccepted) or client.closed, "login answer")
        return client

    def expect(self, client: OuchClient, kinds: str) -> list[Any]:
        self.until(lambda: len(client.kinds()) >= len(kinds), f"reports {kinds} (have {client.kinds()})")
        assert client.kinds() == kinds
        return client.reports()

    @property
    def status(self) -> dict[str, Any]:
        assert self.process is not None
        return self.process.snapshot()

    def stop(self) -> None:
        for client in self.clients:
            client.close()
        self.clients.clear()
        if self.process is not None:
            self.process.close()
            self.process = None

    @property
    def ledger(self) -> LedgerPages:
        assert self.process is not None
        return self.process.ledger_pages

    def close(self) -> None:
        self.stop()
        self.feed.close()


class VenueChild:
    """`hotpath run venue` as a process of its own."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        self.config = config
        self.file = folder / "venue.json"
        self.file.write_text(json.dumps(config))
        self.log = folder / "venue.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> VenueChild:
        code = "import sys; from hotpath.cli import main; sys.exit(main(sys.argv[1:]))"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, "run", "venue", "--config", str(self.file)], stderr=log, env=environment
            )
        return self

    def wait_ready(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if self.get("/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.01)
        raise AssertionError(f"not ready\n{self.log.read_text()}")

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.config['admin']['port']}{path}", timeout=DEADLINE_S)

    def signal(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(DEADLINE_S)


def remove_shared_memory() -> None:
    """Segments of every configuration made so far, those of venues that never got to run included."""
    while created_prefixes:
        remove_segments(created_prefixes.pop())


def wait_for(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {DEADLINE_S} s"
        time.sleep(0.002)
