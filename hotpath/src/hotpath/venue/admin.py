"""The venue's admin pages: health, status, ledger, metrics, and the request that starts a waiting flow.

They run in a thread of their own. Of the venue's loop they see single counters only; ledger pages come from the durable
streams on disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hotpath.venue.ledger_pages import LedgerPages

DEFAULT_PAGE = 500
MAX_PAGE = 5000
ALIVE_WITHIN_NS = 5_000_000_000
READY_WITHIN_NS = 2_000_000_000


class VenueView(Protocol):
    """What the pages show."""

    ledger_pages: LedgerPages

    def snapshot(self) -> dict[str, Any]: ...
    def gate_reasons(self) -> dict[str, str]: ...
    def heartbeat_ns(self) -> int: ...
    def request_start(self) -> bool: ...


def build(view: VenueView) -> Starlette:
    """The web application over one venue."""
    registry = CollectorRegistry()
    registry.register(_Metrics(view))

    async def livez(_: Request) -> Response:
        age = time.monotonic_ns() - view.heartbeat_ns()
        alive = age < ALIVE_WITHIN_NS
        return JSONResponse({"alive": alive, "heartbeat_age_ns": age}, 200 if alive else 503)

    async def readyz(_: Request) -> Response:
        gates = [{"name": name, "ok": not why, "reason": why} for name, why in view.gate_reasons().items()]
        beating = time.monotonic_ns() - view.heartbeat_ns() < READY_WITHIN_NS
        gates.append({"name": "loop", "ok": beating, "reason": "" if beating else "the venue's loop does not turn"})
        ready = all(gate["ok"] for gate in gates)
        return JSONResponse({"ready": ready, "gates": gates}, 200 if ready else 503)

    async def status(_: Request) -> Response:
        return JSONResponse(view.snapshot())

    async def start(_: Request) -> Response:
        started = view.request_start()
        return JSONResponse({"started": started}, 202 if started else 200)

    async def orders(request: Request) -> Response:
        return await _page(request, view.ledger_pages.orders)

    async def fills(request: Request) -> Response:
        return await _page(request, view.ledger_pages.fills)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    pages = {
        "/livez": livez,
        "/readyz": readyz,
        "/status": status,
        "/ledger/orders": orders,
        "/ledger/fills": fills,
        "/metrics": metrics,
    }
    return Starlette(
        routes=[
            *(Route(path, endpoint, methods=["GET"]) for path, endpoint in pages.items()),
            Route("/flow/start", start, methods=["POST"]),
        ]
    )


async def _page(request: Request, page: Callable[[str, int], dict[str, Any]]) -> Response:
    try:
        limit = int(request.query_params.get("limit", DEFAULT_PAGE))
        if not 1 <= limit <= MAX_PAGE:
            raise ValueError(f"limit={limit} must be 1 to {MAX_PAGE}")
        return JSONResponse(await run_in_threadpool(page, request.query_params.get("after", ""), limit))
    except ValueError as error:
        return JSONResponse({"error": str(error)}, 400)


class _Metrics(Collector):
    def __init__(self, view: VenueView) -> None:
        self._view = view

    def collect(self) -> Iterable[Metric]:
        for name, value in self._view.snapshot()["counters"].items():
            yield GaugeMetricFamily(f"ironlane_venue_{name}", f"venue counter {name}", value=value)
        gates = GaugeMetricFamily("ironlane_venue_gate", "1 = the gate is open", labels=["gate"])
        for gate, reason in self._view.gate_reasons().items():
            gates.add_metric([gate], 0 if reason else 1)
        yield gates
