"""In-order publishing to a JetStream stream, every message until the stream has acknowledged it.

The window of unacknowledged messages is bounded; after a lost connection, an error reply or a silent server the whole
window is sent again in order, and the stream drops what it already has by `Nats-Msg-Id`. Nothing is ever given up:
what cannot be stored stays in the window, `state.last_error` says why, and `put` waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import msgspec

from wire.backoff import Backoff
from wire.client import BusClient, BusError, Message, NotConnectedError, is_no_responders

LOG = logging.getLogger("wire.publisher")

_TICK_S: Final = 0.25


class _Error(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _PubAck(msgspec.Struct):
    stream: str = ""
    seq: int = 0
    duplicate: bool = False
    error: _Error | None = None


@dataclass(slots=True)
class _Entry:
    token: int
    subject: str
    payload: bytes
    message_id: str
    acked: bool = False


@dataclass(slots=True)
class PublisherState:
    acked: int = 0
    duplicates: int = 0  # acknowledged as already stored
    rewinds: int = 0  # times the window was sent again
    error_replies: int = 0
    timeouts: int = 0
    acked_token: int = 0  # every token up to this one is stored
    last_error: str = ""


class StreamPublisher:
    """`put` messages under strictly increasing tokens (a journal sequence); `acked_token` is safe to persist."""

    def __init__(
        self,
        bus: BusClient,
        *,
        stream: str,
        window: int = 512,
        ack_timeout_s: float = 5.0,
        backoff_min_s: float = 0.1,
        backoff_max_s: float = 5.0,
    ) -> None:
        if window < 1:
            raise ValueError(f"window: {window} is less than 1")
        self._bus = bus
        self._stream = stream
        self._capacity = window
        self._ack_timeout_s = ack_timeout_s
        self._backoff = Backoff(backoff_min_s, backoff_max_s)
        self.state = PublisherState()
        self._window: deque[_Entry] = deque()
        self._sent = 0  # how many from the left were sent in this attempt
        self._attempt = 0
        self._failed = ""  # why this attempt must be repeated
        self._progress_at = 0.0
        self._generation = 0
        self._last_token = 0
        self._work = asyncio.Event()
        self._moved = asyncio.Condition()
        self._inbox = ""
        self._subscription = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def in_flight(self) -> int:
        """Messages not acknowledged yet, sent or not."""
        return len(self._window)

    @property
    def last_token(self) -> int:
        """The token put last, acknowledged or not."""
        return self._last_token

    async def start(self, acked_token: int = 0) -> None:
        """`acked_token` is where an earlier process got to."""
        self.state.acked_token = self._last_token = acked_token
        self._inbox = self._bus.new_inbox()
        self._subscription = await self._bus.subscribe(f"{self._inbox}.*.*", self._on_reply)
        self._task = asyncio.create_task(self._run(), name=f"publish-{self._stream}")

    async def close(self, *, timeout: float = 5.0) -> bool:
        """Waits for the window to empty; True when everything put was acknowledged."""
        done = await self.wait_acked(self._last_token, timeout=timeout)
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await self._bus.unsubscribe(self._subscription)
        return done

    async def put(self, token: int, subject: str, payload: bytes, message_id: str) -> None:
        """Queues one message; waits while the window is full. Raises ValueError when `token` does not increase."""
        if token <= self._last_token:
            raise ValueError(f"token {token} after {self._last_token}: tokens must increase")
        async with self._moved:
            await self._moved.wait_for(lambda: len(self._window) < self._capacity)
            self._last_token = token
            self._window.append(_Entry(token, subject, payload, message_id))
        self._work.set()

    async def wait_acked(self, token: int, *, timeout: float) -> bool:
        """True once everything up to `token` is stored, False after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout), self._moved:
                await self._moved.wait_for(lambda: self.state.acked_token >= token)
        except TimeoutError:
            return False
        return True

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await self._work.wait()
            self._work.clear()
            if not self._window:
                continue
            if not self._bus.connected:
                self.state.last_error = self._bus.state.last_error or "not connected"
                await self._bus.wait_connected()
            if self._sent and self._bus.generation != self._generation:
                self._failed = "the connection was replaced"
            elif self._sent and loop.time() - self._progress_at > self._ack_timeout_s:
                self.state.timeouts += 1
                self._failed = f"no acknowledgement within {self._ack_timeout_s} s"
            if self._failed:
                await self._rewind()
            try:
                await self._send_rest(loop)
            except NotConnectedError as error:
                self._failed = str(error)
                self._work.set()
            except BusError as error:
                self._failed = str(error)
                self._work.set()

    async def _rewind(self) -> None:
        self.state.last_error = self._failed
        LOG.warning("sending %d events again reason=%s", len(self._window), self._failed)
        await asyncio.sleep(self._backoff.next())
        self._failed = ""
        self._attempt += 1
        self._sent = 0
        self.state.rewinds += 1

    async def _send_rest(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._sent == 0:
            self._generation = self._bus.generation
            self._progress_at = loop.time()
        while self._sent < len(self._window) and not self._failed:
            entry = self._window[self._sent]
            self._sent += 1
            if entry.acked:
                continue
            if self._sent == 1:
                self._progress_at = loop.time()
            await self._bus.publish(
                entry.subject,
                entry.payload,
                reply=f"{self._inbox}.{self._attempt}.{entry.token}",
                headers={"Nats-Msg-Id": entry.message_id, "Nats-Expected-Stream": self._stream},
            )

    async def _on_reply(self, message: Message) -> None:
        attempt, token = message.subject.rsplit(".", 2)[1:]
        if is_no_responders(message):
            error = _Error(503, 0, f"no stream listens on the subject of event {token}")
        else:
            reply = msgspec.json.decode(message.data, type=_PubAck)
            if reply.error is None:
                await self._acknowledge(int(token), reply.duplicate)
                return
            error = reply.error
        if int(attempt) == self._attempt and not self._failed:
            self.state.error_replies += 1
            self._failed = f"{self._stream} refused event {token}: {error.description} ({error.code}/{error.err_code})"
            self._work.set()

    async def _acknowledge(self, token: int, duplicate: bool) -> None:
        if not self._window or token < self._window[0].token:
            return
        self._progress_at = asyncio.get_running_loop().time()
        for entry in self._window:  # acknowledgements come nearly in order: found within a few steps
            if entry.token == token:
                if not entry.acked:
                    entry.acked = True
                    self.state.acked += 1
                    self.state.duplicates += duplicate
                break
        moved = False
        while self._window and self._window[0].acked:
            self.state.acked_token = self._window.popleft().token
            self._sent = max(0, self._sent - 1)
            moved = True
        if moved:
            self._backoff.reset()
            if not self._failed:
                self.state.last_error = ""
            async with self._moved:
                self._moved.notify_all()
