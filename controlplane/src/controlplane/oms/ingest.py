"""The loop that moves order events from the stream into the database: stored first, acknowledged after."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from controlplane.oms import store
from controlplane.oms.config import OmsConfig
from controlplane.oms.database import DATABASE_ERRORS, may_pass
from controlplane.oms.migrate import MigrationError, migrate
from wire.backoff import Backoff
from wire.client import BusClient, BusError, NotConnectedError
from wire.consumer import PullConsumer, StreamMessage
from wire.streams import (
    ORDER_EVENTS,
    ApiError,
    StreamError,
    consumer_info,
    ensure_consumer,
    ensure_stream,
    oms_consumer,
    order_events_stream,
)

LOG = logging.getLogger("controlplane.oms")

_FETCH_S: Final = 1.0
_OBSERVE_S: Final = 1.0
_RELEASE_S: Final = 5.0


@dataclass(slots=True)
class IngestState:
    """What /status, /readyz and /metrics show; times are time.monotonic()."""

    batches: int = 0
    events: int = 0
    duplicates: int = 0
    applied: int = 0
    fills: int = 0
    incidents: int = 0
    repeated: int = 0
    database_errors: int = 0
    stream_errors: int = 0
    last_batch_s: float = 0.0
    schema_version: int = 0
    database_ok_at: float = 0.0
    database_problem: str = "not connected yet"
    consumer_ok_at: float = 0.0
    consumer_problem: str = "not asked yet"
    lag: int | None = None  # events in the stream that are not acknowledged; None: unknown
    incidents_open: int | None = None
    sources: tuple[dict[str, Any], ...] = ()


class Ingest:
    """Owns the stream, the consumer and the writing connection. `run` ends only when `stop` is called."""

    def __init__(self, settings: OmsConfig, bus: BusClient, pool: Any) -> None:
        self._settings = settings
        self._bus = bus
        self._pool = pool
        self._stopping = asyncio.Event()
        self.state = IngestState()

    def stop(self) -> None:
        """Finish the batch under way and end."""
        self._stopping.set()

    async def run(self) -> None:
        """Raises MigrationError when the database belongs to a newer version; everything else is retried for ever."""
        await self._migrate()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._observe(), name="oms-observe")
            tasks.create_task(self._consume(), name="oms-consume")

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _migrate(self) -> None:
        backoff = Backoff(0.1, 2.0)
        while not self._stopping.is_set():
            try:
                async with self._pool.acquire(timeout=self._settings.database.connect_timeout_s) as connection:
                    self.state.schema_version = await migrate(connection)
            except MigrationError:
                raise
            except DATABASE_ERRORS as error:
                self._database_failed(error)
                await self._pause(backoff.next())
            else:
                self._database_ok()
                return

    def _database_ok(self) -> None:
        if self.state.database_problem:
            LOG.info("database available schema_version=%d", self.state.schema_version)
        self.state.database_problem = ""
        self.state.database_ok_at = time.monotonic()

    def _database_failed(self, error: BaseException) -> None:
        self.state.database_errors += 1
        text = f"{type(error).__name__}: {error}".rstrip(": ")
        if text != self.state.database_problem:
            LOG.warning("database unavailable reason=%s", text)
        self.state.database_problem = text

    def _stream_failed(self, error: BaseException) -> None:
        self.state.stream_errors += 1
        text = str(error) or type(error).__name__
        if text != self.state.consumer_problem:
            LOG.warning("stream unavailable reason=%s", text)
        self.state.consumer_problem = text

    async def _consume(self) -> None:
        backoff = Backoff(0.1, 2.0)
        while not self._stopping.is_set():
            try:
                await self._bus.wait_connected(_FETCH_S)
                await ensure_stream(self._bus, order_events_stream(self._settings.environment, self._settings.stream))
                await ensure_consumer(
                    self._bus, ORDER_EVENTS, oms_consumer(self._settings.consumer, self._settings.consumer.durable)
                )
                await self._pull(backoff)
            except (BusError, ApiError, StreamError) as error:
                self._stream_failed(error)
                await self._pause(backoff.next())

    async def _pull(self, backoff: Backoff) -> None:
        consumer = PullConsumer(
            self._bus,
            stream=ORDER_EVENTS,
            durable=self._settings.consumer.durable,
            batch=self._settings.consumer.batch,
        )
        await consumer.start()
        try:
            while not self._stopping.is_set():
                messages = await consumer.fetch(timeout=_FETCH_S)
                backoff.reset()
                if not messages:
                    continue
                if not await self._store(messages):
                    return
                # not acknowledged in time or at all: delivered again, and found stored
                with suppress(NotConnectedError):
                    await consumer.ack(messages)
        finally:
            await consumer.close()

    async def _store(self, messages: Sequence[StreamMessage]) -> bool:
        """False when the OMS is stopping and the batch is not stored (it stays unacknowledged)."""
        backoff = Backoff(0.05, 2.0)
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                async with self._pool.acquire(timeout=self._settings.database.connect_timeout_s) as connection:
                    result = await store.store(connection, messages, self._settings.environment)
            except Exception as error:
                if may_pass(error):
                    self._database_failed(error)
                    await self._pause(backoff.next())
                    continue
                LOG.exception("a batch of %d messages cannot be stored", len(messages))
                if len(messages) > 1:
                    return await self._store_halves(messages)
                await self._reject(messages[0], error)
                return True
            else:
                self._count(result, time.monotonic() - started)
                if result.more_held:
                    await self._release()
                return True
        return False

    async def _store_halves(self, messages: Sequence[StreamMessage]) -> bool:
        """Narrows down to the one message that breaks the batch, so that the others get in."""
        middle = len(messages) // 2
        return await self._store(messages[:middle]) and await self._store(messages[middle:])

    async def _reject(self, message: StreamMessage, error: Exception) -> None:
        backoff = Backoff(0.05, 2.0)
        while not self._stopping.is_set():
            try:
                async with self._pool.acquire(timeout=self._settings.database.connect_timeout_s) as connection:
                    await store.reject(connection, message, f"{type(error).__name__}: {error}")
            except DATABASE_ERRORS as failure:
                self._database_failed(failure)
                await self._pause(backoff.next())
            else:
                self.state.incidents += 1
                return

    async def _release(self) -> None:
        try:
            while not self._stopping.is_set():
                async with self._pool.acquire(timeout=self._settings.database.connect_timeout_s) as connection:
                    result = await store.release(connection)
                self._count(result, 0.0)
                if not result.more_held:
                    return
        except DATABASE_ERRORS as error:  # the observer tries again
            self._database_failed(error)

    def _count(self, result: store.BatchResult, seconds: float) -> None:
        state = self.state
        self._database_ok()
        state.batches += 1
        state.events += result.new
        state.duplicates += result.duplicates
        state.applied += result.applied
        state.fills += result.fills
        state.incidents += result.incidents
        state.repeated += result.repeated
        state.last_batch_s = seconds

    async def _observe(self) -> None:
        released_at = 0.0
        while not self._stopping.is_set():
            await self._observe_database()
            await self._observe_consumer()
            if any(source["held"] for source in self.state.sources) and time.monotonic() - released_at > _RELEASE_S:
                released_at = time.monotonic()
                await self._release()
            await self._pause(_OBSERVE_S)

    async def _observe_database(self) -> None:
        try:
            async with self._pool.acquire(timeout=self._settings.database.connect_timeout_s) as connection:
                rows = await connection.fetch(
                    "SELECT host, role, epoch, applied_sequence, highest_sequence, position_mismatches, updated_ns, "
                    "(SELECT count(*) FROM order_events e WHERE e.host = s.host AND e.role = s.role "
                    " AND e.sequence > s.applied_sequence AND e.epoch >= s.epoch) AS held "
                    "FROM sources s ORDER BY host, role LIMIT 1000"
                )
                incidents = await connection.fetchval("SELECT count(*) FROM incidents WHERE acknowledged_at IS NULL")
        except DATABASE_ERRORS as error:
            self._database_failed(error)
            return
        self.state.sources = tuple(dict(row) for row in rows)
        self.state.incidents_open = incidents
        self._database_ok()

    async def _observe_consumer(self) -> None:
        try:
            info = await consumer_info(self._bus, ORDER_EVENTS, self._settings.consumer.durable)
        except (BusError, ApiError) as error:
            self.state.lag = None
            self.state.consumer_problem = str(error)
            return
        self.state.lag = info["num_pending"] + info["num_ack_pending"]
        self.state.consumer_problem = ""
        self.state.consumer_ok_at = time.monotonic()
