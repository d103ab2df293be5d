"""NATS connection of one process: never buffers, reconnects for ever, and says what it lost.

nats-py's own reconnecting is off. It keeps unsent commands over a reconnect, closes for good after an authorization
error or an exception in a callback, and leaves pull requests hanging; here every connection is a fresh client, made
by one supervising task with jittered backoff, and subscriptions are made anew on it. So nothing published while the
connection is down can ever be sent later.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import msgspec
import nats.aio.client
import nats.aio.msg
import nats.aio.subscription
import nats.errors

from wire.backoff import Backoff
from wire.subjects import token

LOG = logging.getLogger("wire.client")

_NO_RESPONDERS: Final = "503"
_WATCH_S: Final = 0.5

Message = nats.aio.msg.Msg
Handler = Callable[[Message], Awaitable[None]]


class BusError(Exception):
    """Anything the bus could not do."""


class NotConnectedError(BusError):
    """There is no connection now; nothing was sent and nothing will be sent later."""


class RequestFailedError(BusError):
    """No answer, or nobody there to answer."""


class TlsFiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """PEM files: whom to trust, and the certificate that says who we are. Read anew for every connection."""

    ca_file: str
    cert_file: str
    key_file: str

    def context(self) -> ssl.SSLContext:
        """Raises OSError for files that cannot be read, ssl.SSLError for their content."""
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=self.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(self.cert_file, self.key_file)
        return context


class BusSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Connection settings. `servers` are nats:// URLs without credentials.

    With `tls` the user is the one whom the certificate names, and nothing is sent before the handshake.
    """

    servers: tuple[str, ...]
    user: str
    password: str = ""
    name: str  # shown in the server's connection list
    tls: TlsFiles | None = None
    connect_timeout_s: float = 2.0
    ping_interval_s: float = 5.0
    backoff_min_s: float = 0.1
    backoff_max_s: float = 2.0

    def __post_init__(self) -> None:
        if not self.servers:
            raise ValueError("servers: empty; name at least one nats:// URL")
        for url in self.servers:
            if not url.startswith(("nats://", "tls://")) or "@" in url:
                raise ValueError(f"servers: {url!r} is not a nats:// URL without credentials")
        token("user", self.user)
        if bool(self.password) == (self.tls is not None):
            raise ValueError("password, tls: give exactly one; with tls the certificate says who the user is")

    @property
    def inbox_prefix(self) -> str:
        """Replies come back under the user's own prefix, which no other user may read."""
        return inbox_prefix(self.user)


def inbox_prefix(user: str) -> str:
    return f"_INBOX_{token('user', user)}"


@dataclass(slots=True)
class _Subscription:
    subject: str
    handler: Handler
    queue: str


@dataclass(slots=True)
class BusCounters:
    connects: int = 0
    disconnects: int = 0
    failed_attempts: int = 0
    errors: int = 0
    handler_errors: int = 0
    slow_consumer: int = 0
    published: int = 0
    publish_refused: int = 0


@dataclass(slots=True)
class BusState:
    """What /readyz and /metrics show."""

    connected: bool = False
    server: str = ""
    last_error: str = "not connected yet"
    counters: BusCounters = field(default_factory=BusCounters)


class BusClient:
    """One connection to the cluster, kept up until `close`.

    `start` returns at once; publishing and requesting raise NotConnectedError until a connection stands.
    """

    def __init__(self, settings: BusSettings, *, rng: random.Random | None = None) -> None:
        self.settings = settings
        self.state = BusState()
        self._rng = rng or random.Random()
        self._nats: nats.aio.client.Client | None = None
        self._subscriptions: dict[int, _Subscription] = {}
        self._live: dict[int, nats.aio.subscription.Subscription] = {}
        self._next_id = 0
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self._down.set()
        self._lost = asyncio.Event()
        self._supervisor: asyncio.Task[None] | None = None
        self._closing = False
        self._generation = 0

    @property
    def connected(self) -> bool:
        return self._up.is_set() and self._nats is not None and self._nats.is_connected

    @property
    def generation(self) -> int:
        """Increases with every connection made."""
        return self._generation

    def start(self) -> None:
        if self._supervisor is not None:
            raise BusError("the client was started before")
        self._supervisor = asyncio.create_task(self._supervise(), name=f"bus-{self.settings.user}")

    async def wait_connected(self, timeout: float | None = None) -> None:
        """Raises NotConnectedError after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._up.wait()
        except TimeoutError:
            raise NotConnectedError(f"no connection within {timeout} s: {self.state.last_error}") from None

    async def wait_disconnected(self) -> None:
        await self._down.wait()

    async def close(self) -> None:
        """Flushes what was published, within the connect timeout, and closes."""
        self._closing = True
        client = self._nats
        if client is not None and client.is_connected:
            with suppress(Exception):
                async with asyncio.timeout(self.settings.connect_timeout_s):
                    await _flush(client)
        self._lost.set()
        if self._supervisor is not None:
            self._supervisor.cancel()
            with suppress(asyncio.CancelledError):
                await self._supervisor
            self._supervisor = None
        await self._drop()

    def _connection(self) -> nats.aio.client.Client:
        if self._nats is None or not self.connected:
            self.state.counters.publish_refused += 1
            raise NotConnectedError(f"not connected to NATS: {self.state.last_error}")
        return self._nats

    async def publish(
        self, subject: str, payload: bytes, *, reply: str = "", headers: dict[str, str] | None = None
    ) -> None:
        """Hands one message to the connection. Raises NotConnectedError at once when there is none, else BusError."""
        client = self._connection()
        try:
            await client.publish(subject, payload, reply=reply, headers=headers)
        except (nats.errors.ConnectionClosedError, nats.errors.OutboundBufferLimitError, OSError) as error:
            self.state.counters.publish_refused += 1
            raise NotConnectedError(f"{subject}: {_text(error)}") from error
        except nats.errors.Error as error:
            raise BusError(f"{subject}: {_text(error)}") from error
        self.state.counters.published += 1

    async def flush(self, *, timeout: float = 2.0) -> None:
        """Waits until the server has seen all that was published. Raises NotConnectedError or RequestFailedError."""
        client = self._connection()
        try:
            async with asyncio.timeout(timeout):
                await _flush(client)
        except (TimeoutError, nats.errors.Error, OSError) as error:
            raise RequestFailedError(f"flush: {_text(error)}") from error

    async def request(self, subject: str, payload: bytes = b"", *, timeout: float = 2.0) -> bytes:
        """One answer. Raises NotConnectedError, or RequestFailedError when none came in time."""
        client = self._connection()
        try:
            message = await client.request(subject, payload, timeout=timeout)
        except nats.errors.NoRespondersError as error:
            raise RequestFailedError(f"{subject}: nobody answers this subject") from error
        except (nats.errors.TimeoutError, TimeoutError) as error:
            raise RequestFailedError(f"{subject}: no answer within {timeout} s") from error
        except (nats.errors.Error, OSError) as error:
            raise NotConnectedError(f"{subject}: {_text(error)}") from error
        return message.data

    async def subscribe(self, subject: str, handler: Handler, *, queue: str = "") -> int:
        """Calls `handler` for each message, on this and every later connection; returns an id for `unsubscribe`.

        An exception in the handler is logged and counted; it never ends the subscription.
        """
        self._next_id += 1
        key = self._next_id
        self._subscriptions[key] = _Subscription(subject, handler, queue)
        if self.connected and self._nats is not None:
            await self._establish(self._nats, key)
        return key

    async def unsubscribe(self, key: int) -> None:
        self._subscriptions.pop(key, None)
        live = self._live.pop(key, None)
        if live is not None and self.connected:
            with suppress(nats.errors.Error, OSError):
                await live.unsubscribe()

    def new_inbox(self) -> str:
        """A subject under this user's own prefix."""
        return f"{self.settings.inbox_prefix}.{self._rng.getrandbits(128):032x}"

    async def _establish(self, client: nats.aio.client.Client, key: int) -> None:
        wanted = self._subscriptions[key]

        async def guarded(message: Message) -> None:
            try:
                await wanted.handler(message)
            except Exception:
                self.state.counters.handler_errors += 1
                LOG.exception("handler failed subject=%s", message.subject)

        self._live[key] = await client.subscribe(wanted.subject, queue=wanted.queue, cb=guarded)

    async def _supervise(self) -> None:
        backoff = Backoff(self.settings.backoff_min_s, self.settings.backoff_max_s, rng=self._rng)
        order = list(self.settings.servers)
        self._rng.shuffle(order)
        position = 0
        while not self._closing:
            url = order[position % len(order)]
            position += 1
            try:
                client = await self._connect(url)
            except Exception as error:  # whatever it was, the next attempt follows
                self.state.counters.failed_attempts += 1
                self._note_error(f"{url}: {_text(error)}")
                await self._drop()
                # one quick round over all servers, then backoff
                if position % len(order) == 0:
                    await asyncio.sleep(backoff.next())
                continue
            backoff.reset()
            self._generation += 1
            self.state.connected = True
            self.state.server = url
            self.state.last_error = ""
            self.state.counters.connects += 1
            LOG.info("connected server=%s user=%s", url, self.settings.user)
            self._down.clear()
            self._up.set()
            await self._until_lost(client)
            self._up.clear()
            self._down.set()
            self.state.connected = False
            self.state.counters.disconnects += 1
            if not self.state.last_error:
                self.state.last_error = f"{url}: connection lost"
            LOG.warning("disconnected server=%s reason=%s", url, self.state.last_error)
            await self._drop()
            await asyncio.sleep(self._rng.uniform(0, self.settings.backoff_min_s))

    async def _until_lost(self, client: nats.aio.client.Client) -> None:
        while not self._closing and client.is_connected and not self._lost.is_set():
            # closed_cb sets the event; the poll is for the paths on which nats-py forgets to call it
            with suppress(TimeoutError):
                async with asyncio.timeout(_WATCH_S):
                    await self._lost.wait()

    async def _connect(self, url: str) -> nats.aio.client.Client:
        client = nats.aio.client.Client()
        lost = self._lost = asyncio.Event()

        async def on_error(error: Exception) -> None:
            self.state.counters.errors += 1
            if isinstance(error, nats.errors.SlowConsumerError):
                self.state.counters.slow_consumer += 1
            self._note_error(_text(error))

        async def on_lost() -> None:
            lost.set()

        self._nats = client
        self._live.clear()
        tls = self.settings.tls
        async with asyncio.timeout(self.settings.connect_timeout_s * 2):
            await client.connect(
                servers=[url],
                name=self.settings.name,
                user=None if tls else self.settings.user,
                password=None if tls else self.settings.password,
                tls=tls.context() if tls else None,
                tls_handshake_first=tls is not None,
                inbox_prefix=self.settings.inbox_prefix,
                pending_size=-1,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=max(1, round(self.settings.connect_timeout_s)),
                ping_interval=max(1, round(self.settings.ping_interval_s)),
                max_outstanding_pings=2,
                error_cb=on_error,
                disconnected_cb=on_lost,
                closed_cb=on_lost,
                lame_duck_mode_cb=on_lost,
            )
            for key in list(self._subscriptions):
                await self._establish(client, key)
            await _flush(client)
        return client

    async def _drop(self) -> None:
        client, self._nats = self._nats, None
        self._live.clear()
        if client is None:
            return
        with suppress(Exception):
            async with asyncio.timeout(self.settings.connect_timeout_s):
                await client.close()

    def _note_error(self, text: str) -> None:
        if text != self.state.last_error:
            LOG.warning("nats error user=%s error=%s", self.settings.user, text)
        self.state.last_error = text


async def _flush(client: nats.aio.client.Client) -> None:
    # nats-py writes the first PING ahead of what is still queued; the second one follows it
    await client.flush()
    await client.flush()


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__


def is_no_responders(message: Message) -> bool:
    """The server's own answer when nobody (no stream) listens on the subject."""
    return (message.headers or {}).get("Status") == _NO_RESPONDERS


@asynccontextmanager
async def connected(settings: BusSettings, *, timeout: float = 5.0) -> AsyncIterator[BusClient]:
    """A client for a short task. Raises NotConnectedError when no server answers in `timeout` seconds."""
    bus = BusClient(settings)
    bus.start()
    try:
        await bus.wait_connected(timeout)
        yield bus
    finally:
        await bus.close()


@dataclass(slots=True)
class GapCounter:
    """Counts what is missing from numbered events, per source (normally (host, role) or (host, role, type)).

    `continues` says whether numbers go on over epochs (journals) or start at 1 in each (telemetry).
    """

    continues: bool = True
    max_sources: int = 4096
    gaps: int = 0  # places where numbers are missing
    missing: int = 0  # how many numbers
    duplicates: int = 0  # numbers at or below one already seen
    stale: int = 0  # events of an older epoch than one already seen
    _last: dict[Hashable, tuple[int, int]] = field(default_factory=dict)

    def observe(self, source: Hashable, epoch: int, sequence: int) -> int:
        """How many events are missing just before this one (0 normally).

        The first event of a source sets the mark. Raises ValueError for more sources than `max_sources`.
        """
        last = self._last.get(source)
        if last is None:
            if len(self._last) >= self.max_sources:
                raise ValueError(f"more than {self.max_sources} event sources; the source names must be bounded")
            self._last[source] = (epoch, sequence)
            return 0
        last_epoch, last_sequence = last
        if epoch < last_epoch:
            self.stale += 1
            return 0
        if epoch > last_epoch and not self.continues:
            last_sequence = 0
        if sequence <= last_sequence:
            self.duplicates += 1
            if epoch > last_epoch:
                self._last[source] = (epoch, sequence)
            return 0
        missing = sequence - last_sequence - 1
        if missing:
            self.gaps += 1
            self.missing += missing
        self._last[source] = (epoch, sequence)
        return missing
