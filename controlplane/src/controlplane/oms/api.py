"""HTTP API of the OMS. Reads only; the database does the work."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from controlplane.oms import health, metrics, queries
from controlplane.oms.config import OmsConfig
from controlplane.oms.database import DATABASE_ERRORS
from controlplane.oms.ingest import Ingest
from controlplane.oms.views import (
    CountsView,
    FillView,
    GateView,
    IncidentView,
    OrderView,
    Page,
    PositionView,
    ReadyView,
    SourceView,
    StatusView,
)
from wire.client import BusClient

MAX_ID = 2**63 - 1

Limit = Annotated[int, Query(ge=1, le=1000, description="Rows in one page")]
Before = Annotated[int | None, Query(ge=1, le=MAX_ID, description="`next` of the page before")]
Text = Annotated[str | None, Query(max_length=64)]
Nanoseconds = Annotated[int | None, Query(ge=0, le=MAX_ID)]
Side = Annotated[str | None, Query(pattern="^[BS]$")]
State = Annotated[str | None, Query(pattern="^[A-Z_]{1,32}$")]


def create_app(settings: OmsConfig, ingest: Ingest, bus: BusClient, pool: Any) -> FastAPI:
    """The application over running parts; it starts and stops none of them."""
    app = FastAPIOffline(  # serves the documentation page's scripts itself: no other host is asked
        title="Ironlane OMS",
        version="1",
        description="Orders, fills and positions derived from the routers' order events.",
    )
    registry = metrics.registry(ingest.state, bus.state, settings.readiness)

    @asynccontextmanager
    async def reading() -> AsyncIterator[Any]:
        async with pool.acquire(timeout=settings.database.connect_timeout_s) as connection:
            yield connection

    def current_gates() -> list[GateView]:
        found = health.gates(ingest.state, bus.state, settings.readiness, time.monotonic())
        return [GateView(name=gate.name, ok=gate.ok, reason=gate.reason) for gate in found]

    async def unavailable(_request: Request, error: Exception) -> Response:
        return JSONResponse({"detail": f"the database does not answer: {error}"}, status_code=503)

    for kind in DATABASE_ERRORS:
        app.add_exception_handler(kind, unavailable)

    @app.get("/livez", tags=["health"])
    async def livez() -> dict[str, str]:
        """200 while the process serves requests."""
        return {"status": "alive"}

    @app.get("/readyz", response_model=ReadyView, responses={503: {"model": ReadyView}}, tags=["health"])
    async def readyz(response: Response) -> ReadyView:
        """200 when every gate is open, else 503; each gate with its reason."""
        found = current_gates()
        ready = all(gate.ok for gate in found)
        response.status_code = 200 if ready else 503
        return ReadyView(ready=ready, gates=found)

    @app.get("/metrics", tags=["health"])
    async def prometheus() -> Response:
        """Prometheus text format."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/status", tags=["health"])
    async def status() -> StatusView:
        """Everything of interest on one page."""
        async with reading() as connection:
            counts = await queries.counts(connection)
            refusals = await queries.refusals(connection)
        found = current_gates()
        state = ingest.state
        return StatusView(
            environment=settings.environment,
            ready=all(gate.ok for gate in found),
            gates=found,
            schema_version=state.schema_version,
            bus_server=bus.state.server if bus.state.connected else "",
            bus_connects=bus.state.counters.connects,
            lag=state.lag,
            sources=[SourceView(**source) for source in state.sources],
            incidents_open=state.incidents_open,
            stored_events=state.events,
            duplicates=state.duplicates,
            applied_events=state.applied,
            database_errors=state.database_errors,
            stream_errors=state.stream_errors,
            last_batch_s=state.last_batch_s,
            counts=CountsView(**dict(counts)),
            refusals={row["reason"] or "": row["count"] for row in refusals},
        )

    @app.get("/orders/open", tags=["orders"])
    async def open_orders(
        host: Text = None, symbol: Text = None, before: Before = None, limit: Limit = 100
    ) -> Page[OrderView]:
        """Orders that may still trade, newest first."""
        wanted = queries.OrderFilter(host=host, symbol=symbol, open_only=True)
        async with reading() as connection:
            rows = await queries.orders(connection, wanted, before, limit + 1)
        return _page([OrderView.of(row) for row in rows], limit)

    @app.get("/orders", tags=["orders"])
    async def order_history(
        host: Text = None,
        session: Text = None,
        symbol: Text = None,
        side: Side = None,
        state: State = None,
        since_ns: Nanoseconds = None,
        until_ns: Nanoseconds = None,
        before: Before = None,
        limit: Limit = 100,
    ) -> Page[OrderView]:
        """All orders, newest first; times are of creation, ns since the Unix epoch."""
        wanted = queries.OrderFilter(host, session, symbol, side, state, since_ns, until_ns)
        async with reading() as connection:
            rows = await queries.orders(connection, wanted, before, limit + 1)
        return _page([OrderView.of(row) for row in rows], limit)

    @app.get("/orders/{order_id}", tags=["orders"])
    async def one_order(order_id: int) -> OrderView:
        """One order by its `id`."""
        async with reading() as connection:
            return OrderView.of(await _existing(connection, order_id))

    @app.get("/orders/{order_id}/events", tags=["orders"])
    async def events_of_order(
        order_id: int,
        after: Annotated[str | None, Query(pattern=r"^\d{1,10}-\d{1,18}$", description="`next` of before")] = None,
        limit: Limit = 100,
    ) -> Page[dict[str, Any]]:
        """The order's events as the router wrote them, oldest first."""
        epoch, sequence = (int(part) for part in (after or "0-0").split("-"))
        async with reading() as connection:
            row = await _existing(connection, order_id)
            rows = await queries.order_events(connection, row, (epoch, sequence), limit + 1)
        events: list[dict[str, Any]] = [msgspec.json.decode(each["body"]) for each in rows]
        more = len(events) > limit
        last = events[limit - 1] if more else None
        return Page(items=events[:limit], next=f"{last['epoch']}-{last['sequence']}" if last else None)

    @app.get("/fills", tags=["fills"])
    async def fills(
        host: Text = None,
        session: Text = None,
        symbol: Text = None,
        user_ref_num: Annotated[int | None, Query(ge=1, le=2**32 - 1)] = None,
        before: Before = None,
        limit: Limit = 100,
    ) -> Page[FillView]:
        """Fills, newest first; broken ones are marked."""
        async with reading() as connection:
            rows = await queries.fills(
                connection,
                host=host,
                symbol=symbol,
                session=session,
                user_ref_num=user_ref_num,
                before=before,
                limit=limit + 1,
            )
        return _page([FillView.of(row) for row in rows], limit)

    @app.get("/positions", tags=["positions"])
    async def positions(host: Text = None, symbol: Text = None, limit: Limit = 1000) -> list[PositionView]:
        """Positions and realised profit, average cost."""
        async with reading() as connection:
            return [PositionView.of(row) for row in await queries.positions(connection, host, symbol, limit)]

    @app.get("/incidents", tags=["health"])
    async def incidents(
        include_acknowledged: bool = False, before: Before = None, limit: Limit = 100
    ) -> Page[IncidentView]:
        """What a person must look into, newest first."""
        async with reading() as connection:
            rows = await queries.incidents(
                connection, include_acknowledged=include_acknowledged, before=before, limit=limit + 1
            )
        return _page([IncidentView(**dict(row)) for row in rows], limit)

    return app


def _page(rows: list[Any], limit: int) -> Page[Any]:
    more = len(rows) > limit
    return Page(items=rows[:limit], next=str(rows[limit - 1].id) if more else None)


async def _existing(connection: Any, order_id: int) -> Any:
    row = await queries.order(connection, order_id) if 0 < order_id <= MAX_ID else None
    if row is None:
        raise HTTPException(404, f"no order has id {order_id}")
    return row
