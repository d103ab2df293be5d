"""Runs the OMS: ingest and HTTP in one event loop, until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Iterator
from typing import Final

import uvicorn

from controlplane.oms import config
from controlplane.oms.api import create_app
from controlplane.oms.database import create_pool
from controlplane.oms.ingest import Ingest
from controlplane.oms.migrate import MigrationError
from wire.client import BusClient

LOG = logging.getLogger("controlplane.oms")

_STOP_S: Final = 10.0


class ServeError(Exception):
    """The OMS cannot serve; the text says why."""


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the OMS stops its parts in order, and asks the server last


async def run(settings: config.OmsConfig) -> None:
    """Until a signal. Raises ConfigError, MigrationError or ServeError."""
    bus = BusClient(config.bus_settings(settings.nats, "oms"))
    if settings.database.password_file is not None:
        config.read_secret(settings.database.password_file)
    pool = await create_pool(settings.database, application="ironlane-oms")
    ingest = Ingest(settings, bus, pool)
    server = _Server(
        uvicorn.Config(
            create_app(settings, ingest, bus, pool),
            host=settings.http.host,
            port=settings.http.port,
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
            limit_concurrency=256,
        )
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    bus.start()
    working = asyncio.create_task(ingest.run(), name="oms-ingest")
    serving = asyncio.create_task(_serve(server), name="oms-http")
    stopping = asyncio.create_task(stop.wait())
    LOG.info("started http=%s:%d environment=%s", settings.http.host, settings.http.port, settings.environment)
    try:
        await asyncio.wait({working, serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        ingest.stop()
        if not working.done():
            await asyncio.wait({working}, timeout=_STOP_S)
        server.should_exit = True
        if not serving.done():
            await asyncio.wait({serving}, timeout=_STOP_S)
        for task in (working, serving):
            if task.done():
                task.result()
    finally:
        working.cancel()
        serving.cancel()
        stopping.cancel()
        await asyncio.gather(working, serving, stopping, return_exceptions=True)
        await bus.close()
        pool.terminate()
    LOG.info("stopped events=%d", ingest.state.events)


async def _serve(server: uvicorn.Server) -> None:
    try:
        await server.serve()
    except SystemExit as error:  # uvicorn's way of saying that it could not bind
        raise ServeError(f"cannot listen on {server.config.host}:{server.config.port}; is the port taken?") from error


def run_until_stopped(settings: config.OmsConfig) -> int:
    """Exit code: 0 after a signal, 78 for what only a person can correct, 1 otherwise."""
    try:
        asyncio.run(run(settings))
    except (config.ConfigError, MigrationError) as error:
        LOG.error("%s", error)
        return 78
    except ServeError as error:
        LOG.error("%s", error)
        return 1
    return 0
