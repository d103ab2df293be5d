"""The wire formats of the tick-to-order benchmark for peers in Python: struct, and nothing of ours.

Prices in 1/10,000 dollar. Only the messages that the benchmark's venue sends.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import signal
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

MOLD_HEADER = struct.Struct(">10sQH")
LENGTH = struct.Struct(">H")
ADD = struct.Struct(">cHH6sQcI8sI")
DELETE = struct.Struct(">cHH6sQ")
CANCEL = struct.Struct(">cHH6sQI")
EXECUTED = struct.Struct(">cHH6sQIQ")
REPLACE = struct.Struct(">cHH6sQQII")
ENTER_ORDER = struct.Struct(">HccIcI8sQccccc14sH")
REPLY_HEAD = struct.Struct(">cQI")  # type, timestamp, user reference number
RECEIVE_BUFFER = 8 << 20
SO_RCVBUFFORCE = 33
LOGIN_S = 30


class Feed(asyncio.DatagramProtocol):
    """Both lines: the first copy of each message goes to `apply`, and after its packet `done` is called."""

    def __init__(self, expected: int, apply: Callable[[bytes], None], done: Callable[[], None]) -> None:
        self._expected = expected
        self._apply = apply
        self._done = done
        self.lost = 0

    def datagram_received(self, data: bytes, addr: Any) -> None:
        _, sequence, count = MOLD_HEADER.unpack_from(data)
        if sequence + count <= self._expected:
            return
        if sequence > self._expected:  # both copies were dropped; the book goes on without them
            self.lost += sequence - self._expected
            self._expected = sequence
        at = MOLD_HEADER.size
        for number in range(sequence, sequence + count):
            (length,) = LENGTH.unpack_from(data, at)
            at += 2
            if number >= self._expected:
                self._apply(data[at : at + length])
            at += length
        self._expected = sequence + count
        self._done()


def listen(loop: asyncio.AbstractEventLoop, feed: Feed, ports: list[int]) -> list[Awaitable[Any]]:
    endpoints = []
    for port in ports:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", port))
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        except OSError:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.setblocking(False)
        endpoints.append(loop.create_datagram_endpoint(lambda: feed, sock=sock))
    return endpoints


def messages(file: str) -> Iterator[bytes]:
    """Of a file with each message after its length (u16 big-endian)."""
    data = Path(file).read_bytes()
    at = 0
    while at < len(data):
        (length,) = LENGTH.unpack_from(data, at)
        yield data[at + 2 : at + 2 + length]
        at += 2 + length


def login() -> bytes:
    return struct.pack(">Hc6s10s10s20s", 47, b"L", b"IRON01", b"bench     ", b" " * 10, b"1".rjust(20))


def enter_order(number: int, side: bytes, quantity: int, symbol: bytes, price: int) -> bytes:
    """Immediate or cancel, in its SoupBinTCP packet."""
    order_id = b"%014d" % number
    return ENTER_ORDER.pack(
        48, b"U", b"O", number, side, quantity, symbol, price, b"3", b"Y", b"P", b"N", b"N", order_id, 0
    )


class Replies:
    """Sequenced messages out of a SoupBinTCP stream."""

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        data = self._data + data
        at = 0
        while len(data) - at >= 2:
            (length,) = LENGTH.unpack_from(data, at)
            if len(data) - at < 2 + length:
                break
            if data[at + 2 : at + 3] == b"S":
                yield data[at + 3 : at + 2 + length]
            at += 2 + length
        self._data = data[at:]


def opening() -> dict[str, Any]:
    """The request that the benchmark opens this process with. The process goes when the benchmark does."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    request: dict[str, Any] = json.loads(sys.stdin.readline())
    return request


def answer(document: dict[str, Any]) -> None:
    print(json.dumps(document), flush=True)


async def until_input_ends(loop: asyncio.AbstractEventLoop) -> None:
    ended = loop.create_future()

    def readable() -> None:
        if not sys.stdin.buffer.raw.read(4096) and not ended.done():  # type: ignore[attr-defined]
            ended.set_result(None)

    loop.add_reader(0, readable)
    await ended
