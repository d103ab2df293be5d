"""The venue of the tick-to-order benchmark up to the first measured message: feed opening, GLIMPSE, order logins.

A thread serves until `hand_over`; from then on the native loop (native/tick_venue.pyx) owns the order connection.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from typing import Any

from benchmarks.native.tick_flow import TickFlow
from benchmarks.native.tick_venue import TickVenue
from hotpath.protocols import glimpse, ouch, soupbintcp

HOST = "127.0.0.1"
MARKET_DATA_SESSION = b"IRONTICK01"
ORDER_SESSION = "IRONTICK01"
HEARTBEAT_S = 0.05


class Exchange:
    """Listens at once, on free ports of the loopback device; the lines' ports are for the contender to bind."""

    def __init__(self, flow: TickFlow) -> None:
        self.lines = _free_udp_ports(2)
        self.venue = TickVenue(flow, MARKET_DATA_SESSION, [(HOST, port) for port in self.lines])
        self._opening = flow.opening()
        self._stream: list[bytes] = []
        self._last_number = 0
        self._client: socket.socket | None = None
        self._decoders: dict[socket.socket, soupbintcp.Decoder] = {}
        self._order_entry = socket.create_server((HOST, 0))
        self._glimpse = socket.create_server((HOST, 0))
        self._rerequest = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._rerequest.bind((HOST, 0))
        self._rerequest.setblocking(False)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: Exception | None = None
        self.venue.publish(self._opening)

    @property
    def order_entry_port(self) -> int:
        return int(self._order_entry.getsockname()[1])

    @property
    def glimpse_port(self) -> int:
        return int(self._glimpse.getsockname()[1])

    @property
    def rerequest_port(self) -> int:
        return int(self._rerequest.getsockname()[1])

    @property
    def opening(self) -> list[bytes]:
        """The messages before the first batch; sequence numbers from 1."""
        return self._opening

    def serve(self) -> None:
        self._thread = threading.Thread(target=self._guarded, daemon=True)
        self._thread.start()

    def hand_over(self) -> None:
        """The order session is up: the native loop takes its connection. Raises RuntimeError when there is none."""
        self._end_thread()
        if self._failure is not None or self._client is None:
            raise RuntimeError(f"no order session: {self._failure or 'nobody has logged in'}")
        self._client.setblocking(False)
        self.venue.trade(self._client.fileno(), self._rerequest.fileno())

    def close(self) -> None:
        self._end_thread()
        for each in (self._order_entry, self._glimpse, self._rerequest, *self._decoders):
            each.close()

    def _end_thread(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _guarded(self) -> None:
        try:
            self._serve()
        except Exception as error:
            self._failure = error

    def _serve(self) -> None:
        selector = selectors.DefaultSelector()
        selector.register(self._order_entry, selectors.EVENT_READ)
        selector.register(self._glimpse, selectors.EVENT_READ)
        beat = 0.0
        while not self._stop.is_set():
            now = time.monotonic()
            if now - beat >= HEARTBEAT_S:
                beat = now
                self.venue.heartbeat()
            for key, _ in selector.select(HEARTBEAT_S / 2):
                assert isinstance(key.fileobj, socket.socket)
                if key.fileobj in (self._order_entry, self._glimpse):
                    connection, _ = key.fileobj.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._decoders[connection] = soupbintcp.Decoder()
                    selector.register(connection, selectors.EVENT_READ, key.fileobj)
                elif not self._read(key.fileobj, key.data is self._glimpse):
                    selector.unregister(key.fileobj)
                    del self._decoders[key.fileobj]
                    key.fileobj.close()
                    if key.fileobj is self._client:
                        self._client = None

    def _read(self, connection: socket.socket, is_glimpse: bool) -> bool:
        """False: the other side has closed."""
        try:
            data = connection.recv(65_536)
        except OSError:
            return False
        for packet in self._decoders[connection].feed(data):
            if isinstance(packet, soupbintcp.LoginRequest):
                if is_glimpse:
                    self._send_snapshot(connection)
                else:
                    self._login(connection, packet)
            elif isinstance(packet, soupbintcp.UnsequencedData):
                self._on_message(ouch.decode_inbound(packet.message))
        return bool(data)

    def _send_snapshot(self, connection: socket.socket) -> None:
        """Every message of the session so far is a snapshot, too."""
        end = glimpse.encode(glimpse.EndOfSnapshot(len(self._opening) + 1))
        packets: list[Any] = [soupbintcp.LoginAccepted(MARKET_DATA_SESSION.decode(), 1)]
        packets += [soupbintcp.SequencedData(message) for message in [*self._opening, end]]
        connection.sendall(b"".join(soupbintcp.encode(packet) for packet in packets))

    def _login(self, connection: socket.socket, request: soupbintcp.LoginRequest) -> None:
        self._client = connection
        first = request.requested_sequence_number or len(self._stream) + 1
        connection.sendall(soupbintcp.encode(soupbintcp.LoginAccepted(ORDER_SESSION, first)))
        for message in self._stream[first - 1 :]:
            connection.sendall(soupbintcp.encode(soupbintcp.SequencedData(message)))

    def _on_message(self, message: Any) -> None:
        """What a router asks before it trades: the next number, and that nothing of before stays open."""
        if isinstance(message, ouch.AccountQuery):
            self._send(ouch.AccountQueryResponse(1, self._last_number + 1))
        elif isinstance(message, ouch.MassCancel):
            self._last_number = message.user_ref_num
            self._send(ouch.MassCancelResponse(1, message.user_ref_num, message.firm, message.symbol, ouch.Options()))
        else:
            raise RuntimeError(f"{type(message).__name__} before the first trigger")

    def _send(self, message: Any) -> None:
        data = ouch.encode(message)
        self._stream.append(data)
        if self._client is not None:
            self._client.sendall(soupbintcp.encode(soupbintcp.SequencedData(data)))


def _free_udp_ports(count: int) -> list[int]:
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    try:
        for each in sockets:
            each.bind((HOST, 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
