"""A scripted venue for feed tests: two UDP lines, a re-request server and GLIMPSE, polled from the test's thread."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable, Sequence

from hotpath.config import Endpoint, FeedHandlerConfig, Idle, Instrument, Runtime
from hotpath.protocols import glimpse, itch, soupbintcp

LOCATE = 7
SYMBOL = "IRON"
HOST = "127.0.0.1"
UPDATE, TRADE, STALE, RECOVERED, TRADING_STATE, RESET = 1, 2, 3, 4, 5, 6


def system(code: str, ts: int = 1) -> bytes:
    return itch.encode(itch.SystemEvent(0, 0, ts, code))


def directory(symbol: str = SYMBOL, locate: int = LOCATE) -> bytes:
    stock = itch.StockDirectory(locate, 0, 1, symbol, "Q", "N", 100, "N", "C", "Z", "T", "N", "N", "1", "N", 0, "N")
    return itch.encode(stock)


def action(state: str, locate: int = LOCATE) -> bytes:
    return itch.encode(itch.StockTradingAction(locate, 0, 1, SYMBOL, state, " ", ""))


def add(ref: int, side: str, shares: int, price: int, locate: int = LOCATE, ts: int = 1) -> bytes:
    return itch.encode(itch.AddOrder(locate, 0, ts, ref, side, shares, SYMBOL, price))


def delete(ref: int, locate: int = LOCATE) -> bytes:
    return itch.encode(itch.OrderDelete(locate, 0, 1, ref))


def cancel(ref: int, shares: int) -> bytes:
    return itch.encode(itch.OrderCancel(LOCATE, 0, 1, ref, shares))


def replace(old: int, new: int, shares: int, price: int) -> bytes:
    return itch.encode(itch.OrderReplace(LOCATE, 0, 1, old, new, shares, price))


def executed(ref: int, shares: int, match: int = 1) -> bytes:
    return itch.encode(itch.OrderExecuted(LOCATE, 0, 1, ref, shares, match))


def executed_at(ref: int, shares: int, price: int, printable: str = "Y") -> bytes:
    return itch.encode(itch.OrderExecutedWithPrice(LOCATE, 0, 1, ref, shares, 1, printable, price))


def hidden_trade(shares: int, price: int) -> bytes:
    return itch.encode(itch.Trade(LOCATE, 0, 1, 0, "B", shares, SYMBOL, price, 9))


OPENING = [system("O"), directory(), system("Q"), action("T")]
TWO_SIDED = [add(1, "B", 100, 999_900), add(2, "S", 200, 1_000_100)]


def mold(session: bytes, sequence: int, messages: Sequence[bytes]) -> bytes:
    blocks = b"".join(struct.pack(">H", len(m)) + m for m in messages)
    return session + struct.pack(">QH", sequence, len(messages)) + blocks


class ScriptedVenue:
    """What was published since the session began is `messages`; the snapshot is what the test puts in `snapshot`."""

    def __init__(self, session: bytes = b"IRONMD0001") -> None:
        self.session = session
        self.messages: list[bytes] = []
        self.snapshot: list[bytes] | None = None  # None: every message so far, which is a valid snapshot too
        self.snapshot_session: bytes | None = None
        self.snapshots = 0
        self.requests: list[tuple[int, int]] = []
        self.client = ("", 0)  # who asked last
        self.answers = True
        self.answer_limit = 10
        self.out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rerequest = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rerequest.bind((HOST, 0))
        self.glimpse = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.glimpse.bind((HOST, 0))
        self.glimpse.listen(4)
        self.connections: list[tuple[socket.socket, soupbintcp.Decoder]] = []
        for server in (self.rerequest, self.glimpse):
            server.setblocking(False)
        self.lines = [(HOST, port) for port in free_udp_ports(2)]

    def close(self) -> None:
        for each in [self.out, self.rerequest, self.glimpse, *(c for c, _ in self.connections)]:
            each.close()

    def send(self, messages: Iterable[bytes], lines: Sequence[int] = (0, 1)) -> int:
        """Publish as one packet; returns its sequence number."""
        content = list(messages)
        sequence = len(self.messages) + 1
        self.messages += content
        self.raw(mold(self.session, sequence, content), lines)
        return sequence

    def heartbeat(self, lines: Sequence[int] = (0, 1)) -> None:
        self.raw(mold(self.session, len(self.messages) + 1, []), lines)

    def raw(self, packet: bytes, lines: Sequence[int]) -> None:
        for line in lines:
            self.out.sendto(packet, self.lines[line])

    def restart(self, session: bytes) -> None:
        self.session = session
        self.messages = []

    def serve(self) -> None:
        """Answer what has arrived: re-requests, GLIMPSE logins."""
        while True:
            try:
                request, self.client = self.rerequest.recvfrom(64)
            except BlockingIOError:
                break
            sequence, count = struct.unpack_from(">QH", request, 10)
            self.requests.append((sequence, count))
            if self.answers and request[:10] == self.session:
                wanted = self.messages[sequence - 1 : sequence - 1 + min(count, self.answer_limit)]
                self.rerequest.sendto(mold(self.session, sequence, wanted), self.client)
        try:
            connection, _ = self.glimpse.accept()
            connection.setblocking(False)
            self.connections.append((connection, soupbintcp.Decoder()))
        except BlockingIOError:
            pass
        for connection, decoder in self.connections:
            try:
                received = connection.recv(4096)
            except (BlockingIOError, ConnectionError):
                continue
            for packet in decoder.feed(received):
                if isinstance(packet, soupbintcp.LoginRequest):
                    self._send_snapshot(connection)

    def _send_snapshot(self, connection: socket.socket) -> None:
        self.snapshots += 1
        session = (self.snapshot_session or self.session).decode()
        content = self.messages if self.snapshot is None else self.snapshot
        end = glimpse.encode(glimpse.EndOfSnapshot(len(self.messages) + 1))
        packets: list[soupbintcp.Packet] = [soupbintcp.LoginAccepted(session, 1)]
        packets += [soupbintcp.SequencedData(message) for message in [*content, end]]
        connection.setblocking(True)
        connection.sendall(b"".join(soupbintcp.encode(packet) for packet in packets))
        connection.setblocking(False)


def free_udp_ports(count: int) -> list[int]:
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    try:
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def feed_config(venue: ScriptedVenue, tmp: str, **changes: object) -> FeedHandlerConfig:
    prefix = f"feed-{os.getpid()}-{venue.lines[0][1]}"
    settings: dict[str, object] = {
        "runtime": Runtime(host="test", environment="test", shm_prefix=prefix, run_dir=tmp, data_dir=tmp, idle=Idle()),
        "instrument": Instrument(symbol=SYMBOL, locate=LOCATE),
        "lines": [Endpoint(host=host, port=port) for host, port in venue.lines],
        "rerequest": Endpoint(host=HOST, port=venue.rerequest.getsockname()[1]),
        "glimpse": Endpoint(host=HOST, port=venue.glimpse.getsockname()[1]),
        "receive_buffer_bytes": 1 << 20,
        "rerequest_retries": 2,
        "rerequest_timeout_ms": 10,
        "silence_ms": 400,
        "max_orders": 4096,
    }
    return FeedHandlerConfig(**{**settings, **changes})  # type: ignore[arg-type]
