"""Two-way links between two processes, one class for each kind that Python offers, all with the same few calls.

A link is made before the fork; then each process opens its end. Waiting is a loop over `take()` (spin), except where
the library needs the CPU for a thread of its own: there `take()` blocks for a while.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

MESSAGE_BYTES = 64
_WAIT_MS = 1000


class End(Protocol):
    """send: False = no room now. take: None = no message now. poll: take() that never blocks."""

    def send(self, data: bytes) -> bool: ...

    def take(self) -> bytes | None: ...

    def poll(self) -> bytes | None: ...


class Link(Protocol):
    """end(0) in the process that asks, end(1) in the one that answers; close() in the first, at the end."""

    def end(self, side: int) -> End: ...

    def close(self) -> None: ...


class Pipes:
    """Two `os.pipe`."""

    def __init__(self, slots: int) -> None:
        there, back = os.pipe(), os.pipe()
        for each in (*there, *back):
            os.set_blocking(each, False)
        self._ends = ((back[0], there[1]), (there[0], back[1]))

    def end(self, side: int) -> End:
        return _PipeEnd(*self._ends[side])

    def close(self) -> None:
        for each in self._ends:
            for descriptor in each:
                os.close(descriptor)


class _PipeEnd:
    def __init__(self, source: int, target: int) -> None:
        self._source, self._target = source, target

    def send(self, data: bytes) -> bool:
        try:
            os.write(self._target, data)  # whole: not more than PIPE_BUF
        except BlockingIOError:
            return False
        return True

    def take(self) -> bytes | None:
        try:
            return os.read(self._source, MESSAGE_BYTES)
        except BlockingIOError:
            return None

    poll = take


class UnixSockets:
    """A pair of Unix sockets."""

    def __init__(self, kind: socket.SocketKind) -> None:
        self._ends = socket.socketpair(socket.AF_UNIX, kind)
        for each in self._ends:
            each.setblocking(False)

    def end(self, side: int) -> End:
        return _SocketEnd(self._ends[side])

    def close(self) -> None:
        for each in self._ends:
            each.close()


class _SocketEnd:
    def __init__(self, socket: socket.socket) -> None:
        self._send, self._recv = socket.send, socket.recv

    def send(self, data: bytes) -> bool:
        try:
            sent = self._send(data)
        except BlockingIOError:
            return False
        if sent != len(data):
            raise OSError(f"{sent} of {len(data)} bytes were sent")
        return True

    def take(self) -> bytes | None:
        try:
            return self._recv(MESSAGE_BYTES)
        except BlockingIOError:
            return None

    poll = take


class Connections:
    """`multiprocessing.Pipe`, which waits in the kernel: its `poll()` makes a selector each time."""

    def __init__(self, slots: int) -> None:
        self._ends = multiprocessing.Pipe()

    def end(self, side: int) -> End:
        return _ConnectionEnd(self._ends[side])

    def close(self) -> None:
        for each in self._ends:
            each.close()


class _ConnectionEnd:
    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._send, self.take = connection.send_bytes, connection.recv_bytes

    def send(self, data: bytes) -> bool:
        self._send(data)
        return True

    def poll(self) -> bytes | None:
        return self.take() if self._connection.poll() else None


class ZmqPair:
    """PAIR sockets over ipc. Each end has an I/O thread on the same CPU, so waiting blocks."""

    def __init__(self, slots: int) -> None:
        self._folder = tempfile.mkdtemp(prefix="ironlane-bench-zmq-")
        self._slots = slots

    def end(self, side: int) -> End:
        import zmq

        made = zmq.Context().socket(zmq.PAIR)
        made.setsockopt(zmq.SNDHWM, self._slots)
        made.setsockopt(zmq.RCVHWM, self._slots)
        made.setsockopt(zmq.LINGER, 0)
        made.setsockopt(zmq.RCVTIMEO, _WAIT_MS)
        made.setsockopt(zmq.SNDTIMEO, _WAIT_MS)
        address = f"ipc://{self._folder}/link"
        if side == 0:
            made.bind(address)
        else:
            made.connect(address)
        return _ZmqEnd(made)

    def close(self) -> None:
        for each in Path(self._folder).iterdir():
            each.unlink()
        Path(self._folder).rmdir()


class _ZmqEnd:
    def __init__(self, socket: Any) -> None:
        import zmq

        self._send, self._recv = socket.send, socket.recv
        self._again, self._no_wait = zmq.Again, zmq.NOBLOCK

    def send(self, data: bytes) -> bool:
        try:
            self._send(data)
        except self._again:
            return False
        return True

    def take(self) -> bytes | None:
        try:
            return bytes(self._recv())
        except self._again:
            return None

    def poll(self) -> bytes | None:
        try:
            return bytes(self._recv(self._no_wait))
        except self._again:
            return None


class _Message(ctypes.Structure):
    _fields_ = [("words", ctypes.c_uint64 * (MESSAGE_BYTES // 8))]


class Iceoryx:
    """Two publish-subscribe services of iceoryx2; nothing is overwritten: a publisher waits for its subscriber."""

    def __init__(self, slots: int) -> None:
        self._name = f"ironlane-bench-{os.getpid()}-{os.urandom(3).hex()}"
        self._slots = slots

    def end(self, side: int) -> End:
        import iceoryx2

        iceoryx2.set_log_level(iceoryx2.LogLevel.Error)
        node = iceoryx2.NodeBuilder.new().create(iceoryx2.ServiceType.Ipc)
        services = [
            node.service_builder(iceoryx2.ServiceName.new(f"{self._name}/{direction}"))
            .publish_subscribe(_Message)
            .enable_safe_overflow(False)
            .subscriber_max_buffer_size(self._slots)
            .max_publishers(1)
            .max_subscribers(1)
            .open_or_create()
            for direction in ("there", "back")
        ]
        wait = iceoryx2.BackpressureStrategy.RetryUntilDelivered
        publisher = services[side].publisher_builder().backpressure_strategy(wait).create()
        return _IceoryxEnd(node, publisher, services[1 - side].subscriber_builder().create())

    def close(self) -> None:
        pass  # each process takes its own away


class _IceoryxEnd:
    def __init__(self, node: Any, publisher: Any, subscriber: Any) -> None:
        self._node = node
        self._loan, self._receive = publisher.loan_uninit, subscriber.receive
        self._publisher, self._subscriber = publisher, subscriber

    def send(self, data: bytes) -> bool:
        sample = self._loan()
        ctypes.memmove(sample.payload_ptr, data, MESSAGE_BYTES)
        sample.assume_init().send()
        return True

    def take(self) -> bytes | None:
        sample = self._receive()
        if sample is None:
            return None
        data = ctypes.string_at(sample.payload_ptr, MESSAGE_BYTES)
        sample.delete()
        return data

    poll = take


LINKS: dict[str, Callable[[int], Link]] = {
    "pipe": Pipes,
    "connection": Connections,
    "unix-stream": lambda slots: UnixSockets(socket.SOCK_STREAM),
    "unix-dgram": lambda slots: UnixSockets(socket.SOCK_DGRAM),
    "zmq": ZmqPair,
    "iceoryx2": Iceoryx,
}
