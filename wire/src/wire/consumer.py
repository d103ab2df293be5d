"""Pulling from a durable JetStream consumer, through server restarts and leader changes.

nats-py's pull subscription stays silent after a restart; here a request that brings neither messages nor heartbeats
is given up and made again, and when that does not help either ConsumerLostError tells the caller to look whether stream
and consumer still exist.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from wire.client import BusClient, BusError, Message, NotConnectedError
from wire.streams import API

_NS: Final = 1_000_000_000
_ACK: Final = b"+ACK"
_MISSED_BEATS: Final = 3
_FRUITLESS_LIMIT: Final = 3

_HEARTBEAT: Final = "100"
_ENDED: Final = ("404", "408")
_GONE: Final = ("Consumer Deleted", "Consumer is push based", "Consumer Not Found")


class ConsumerLostError(BusError):
    """Pulling brings no answer although the connection stands: stream or consumer may be gone or without a leader."""


@dataclass(frozen=True, slots=True)
class StreamMessage:
    """One delivered message. `pending` is how many more the consumer has for us."""

    subject: str
    data: bytes
    reply: str
    stream_sequence: int
    delivered: int
    pending: int


@dataclass(slots=True)
class PullCounters:
    requests: int = 0
    messages: int = 0
    redelivered: int = 0
    silent: int = 0  # requests given up because the server said nothing
    acks: int = 0


def parse_delivery(reply: str) -> tuple[int, int, int]:
    """(delivered, stream sequence, pending) from an acknowledgement subject, in either of its two forms.

    `$JS.ACK.<stream>.<consumer>.<delivered>.<sseq>.<cseq>.<time>.<pending>`, or with `<domain>.<account hash>` after
    ACK and optional tokens at the end (NATS ADR-15). Raises ValueError for anything else.
    """
    tokens = reply.split(".")
    if tokens[:2] != ["$JS", "ACK"]:
        raise ValueError(f"{reply!r} is no acknowledgement subject")
    if len(tokens) == 9:
        start = 4
    elif len(tokens) >= 11:
        start = 6
    else:
        raise ValueError(f"{reply!r} has {len(tokens)} tokens, neither 9 nor at least 11")
    delivered, stream_sequence, _, _, pending = (int(token) for token in tokens[start : start + 5])
    return delivered, stream_sequence, pending


class PullConsumer:
    """`fetch` batches, store them, `ack` them. At most two batches are held at a time."""

    def __init__(
        self,
        bus: BusClient,
        *,
        stream: str,
        durable: str,
        batch: int = 500,
        expires_s: float = 10.0,
        heartbeat_s: float = 0.5,
        linger_s: float = 0.02,
    ) -> None:
        if batch < 1 or expires_s < 2 * heartbeat_s:
            raise ValueError("batch must be at least 1 and expires_s at least twice heartbeat_s")
        self._bus = bus
        self._next_subject = f"{API}.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self._batch = batch
        self._expires_s = expires_s
        self._heartbeat_s = heartbeat_s
        self._linger_s = linger_s
        self._inbox = ""
        self._subscription = 0
        self._request = 0  # number of the request under way; statuses of older ones are ignored
        self._remaining = 0  # messages the request under way may still bring
        self._fruitless = 0
        self._generation = 0
        self._gone = ""
        self._heard_at = 0.0
        self._queue: deque[StreamMessage] = deque()
        self._event = asyncio.Event()
        self.counters = PullCounters()

    async def start(self) -> None:
        self._inbox = self._bus.new_inbox()
        self._subscription = await self._bus.subscribe(f"{self._inbox}.*", self._on_message)

    async def close(self) -> None:
        await self._bus.unsubscribe(self._subscription)

    async def fetch(self, *, timeout: float) -> list[StreamMessage]:
        """The next messages, at most `batch`; empty when none came in `timeout` seconds.

        Raises NotConnectedError, or ConsumerLostError when the server keeps silent.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while not self._queue:
            if not self._bus.connected:
                raise NotConnectedError(f"not connected to NATS: {self._bus.state.last_error}")
            await self._keep_asking(loop)
            if not await self._wait(min(deadline - loop.time(), self._heartbeat_s)):
                self._judge_silence(loop)
                if loop.time() >= deadline:
                    return []
        # more is on its way: a fuller batch is a cheaper transaction
        while len(self._queue) < self._batch and self._queue[-1].pending and self._remaining > 0:
            if not await self._wait(self._linger_s):
                break
        batch = [self._queue.popleft() for _ in range(min(len(self._queue), self._batch))]
        if self._bus.connected:
            await self._keep_asking(loop)
        return batch

    async def ack(self, messages: Iterable[StreamMessage]) -> None:
        """Tells the server that these are stored. A lost acknowledgement only means one more delivery.

        Raises NotConnectedError.
        """
        for message in messages:
            await self._bus.publish(message.reply, _ACK)
            self.counters.acks += 1

    async def _wait(self, seconds: float) -> bool:
        self._event.clear()
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._event.wait()
        except TimeoutError:
            return False
        return True

    async def _keep_asking(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._gone:
            reason, self._gone = self._gone, ""
            raise ConsumerLostError(reason)
        if self._generation != self._bus.generation:
            self._generation = self._bus.generation
            self._remaining = 0
        if self._remaining > 0 or len(self._queue) >= self._batch:
            return
        self._request += 1
        self._remaining = self._batch
        self._heard_at = loop.time()
        self.counters.requests += 1
        body = {
            "batch": self._batch,
            "expires": int(self._expires_s * _NS),
            "idle_heartbeat": int(self._heartbeat_s * _NS),
        }
        await self._bus.publish(self._next_subject, msgspec.json.encode(body), reply=f"{self._inbox}.{self._request}")

    def _judge_silence(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._remaining <= 0 or loop.time() - self._heard_at < _MISSED_BEATS * self._heartbeat_s:
            return
        self.counters.silent += 1
        self._remaining = 0
        self._count_fruitless("no message and no heartbeat came")

    def _count_fruitless(self, reason: str) -> None:
        self._fruitless += 1
        if self._fruitless >= _FRUITLESS_LIMIT:
            self._fruitless = 0
            self._gone = reason

    async def _on_message(self, message: Message) -> None:
        status = message.headers.get("Status") if message.headers and not message.data else None
        if status is not None:
            self._on_status(message, status)
            return
        delivered, stream_sequence, pending = parse_delivery(message.reply)
        self._heard_at = asyncio.get_running_loop().time()
        self._fruitless = 0
        self._remaining -= 1
        self.counters.messages += 1
        self.counters.redelivered += delivered > 1
        self._queue.append(
            StreamMessage(message.subject, message.data, message.reply, stream_sequence, delivered, pending)
        )
        self._event.set()

    def _on_status(self, message: Message, status: str) -> None:
        if not message.subject.endswith(f".{self._request}"):
            return
        self._heard_at = asyncio.get_running_loop().time()
        if status == _HEARTBEAT:
            self._fruitless = 0
            return
        self._remaining = 0
        description = (message.headers or {}).get("Description", "")
        if description in _GONE:
            self._gone = description
        elif status not in _ENDED:
            self._count_fruitless(f"{status} {description}".strip())
        self._event.set()
