"""The venue's admin port: health, status, ledger pages, metrics, and the request that starts a waiting flow.

It runs in a thread of its own. From the venue's loop it reads single counters only; ledger pages come from the durable
streams on disk.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hotpath.net.ports import describe_port_holder
from hotpath.venue.ledger import Ledger

DEFAULT_PAGE = 500
MAX_PAGE = 5000
ALIVE_WITHIN_NS = 5_000_000_000
READY_WITHIN_NS = 2_000_000_000

Row = dict[str, int | str]


class LedgerPages:
    """Pages over all accounts' ledgers. A cursor is `account:rows already seen`."""

    def __init__(self, ledgers: list[Ledger]) -> None:
        self._ledgers = ledgers
        self._lock = threading.Lock()

    def orders(self, after: str, limit: int) -> dict[str, Any]:
        return self._page(after, limit, lambda ledger: len(ledger.orders), lambda ledger, i: ledger.order_row(i))

    def fills(self, after: str, limit: int) -> dict[str, Any]:
        return self._page(after, limit, lambda ledger: len(ledger.fills), lambda ledger, i: ledger.fills[i])

    def _page(
        self, after: str, limit: int, size: Callable[[Ledger], int], row: Callable[[Ledger, int], Row]
    ) -> dict[str, Any]:
        """Rows after a cursor; `next` is the cursor of the following page, null at the end. Raises ValueError."""
        start, seen = self._parse(after)
        rows: list[Row] = []
        with self._lock:
            for index in range(start, len(self._ledgers)):
                ledger = self._ledgers[index]
                ledger.refresh()
                count = size(ledger)
                while seen < count:
                    if len(rows) == limit:
                        return {"rows": rows, "next": f"{ledger.account}:{seen}"}
                    rows.append(row(ledger, seen))
                    seen += 1
                seen = 0
        return {"rows": rows, "next": None}

    def _parse(self, after: str) -> tuple[int, int]:
        if not after:
            return 0, 0
        name, _, seen = after.rpartition(":")
        for index, ledger in enumerate(self._ledgers):
            if ledger.account == name and seen.isdigit():
                return index, int(seen)
        raise ValueError(f"after={after!r} is not a cursor of this ledger; start without it")


class AdminServer:
    """HTTP server in a thread. Raises OSError naming the port and its holder when the port is taken."""

    def __init__(
        self,
        host: str,
        port: int,
        snapshot: Callable[[], dict[str, Any]],
        gates: Callable[[], dict[str, str]],
        heartbeat_ns: Callable[[], int],
        pages: LedgerPages,
        start_flow: Callable[[], bool],
    ) -> None:
        self._snapshot = snapshot
        self._gates = gates
        self._heartbeat_ns = heartbeat_ns
        self._pages = pages
        self._start_flow = start_flow
        self._socket = _bind(host, port)
        self._registry = CollectorRegistry()
        self._registry.register(_Metrics(snapshot, gates))
        config = uvicorn.Config(
            self._application(), log_level="warning", access_log=False, lifespan="off", loop="asyncio"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="venue-admin", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        if self._thread.is_alive():
            self._thread.join(2.0)
        self._socket.close()

    def _application(self) -> Starlette:
        routes: dict[str, Callable[[Request], Any]] = {
            "/livez": self._livez,
            "/readyz": self._readyz,
            "/status": self._status,
            "/ledger/orders": self._orders,
            "/ledger/fills": self._fills,
            "/metrics": self._metrics,
        }
        return Starlette(
            routes=[
                *(Route(path, endpoint, methods=["GET"]) for path, endpoint in routes.items()),
                Route("/flow/start", self._start, methods=["POST"]),
            ]
        )

    def _age_ns(self) -> int:
        return time.monotonic_ns() - self._heartbeat_ns()

    async def _livez(self, _: Request) -> Response:
        age = self._age_ns()
        return JSONResponse(
            {"alive": age < ALIVE_WITHIN_NS, "heartbeat_age_ns": age}, 200 if age < ALIVE_WITHIN_NS else 503
        )

    async def _readyz(self, _: Request) -> Response:
        closed = self._gates()
        gates = [{"name": name, "ok": reason == "", "reason": reason} for name, reason in closed.items()]
        beating = self._age_ns() < READY_WITHIN_NS
        gates.append({"name": "loop", "ok": beating, "reason": "" if beating else "the venue's loop does not turn"})
        ready = all(gate["ok"] for gate in gates)
        return JSONResponse({"ready": ready, "gates": gates}, 200 if ready else 503)

    async def _status(self, _: Request) -> Response:
        return JSONResponse(self._snapshot())

    async def _start(self, _: Request) -> Response:
        started = self._start_flow()
        return JSONResponse({"started": started}, 202 if started else 200)

    async def _orders(self, request: Request) -> Response:
        return await self._ledger(request, self._pages.orders)

    async def _fills(self, request: Request) -> Response:
        return await self._ledger(request, self._pages.fills)

    async def _ledger(self, request: Request, page: Callable[[str, int], dict[str, Any]]) -> Response:
        try:
            limit = int(request.query_params.get("limit", DEFAULT_PAGE))
            if not 1 <= limit <= MAX_PAGE:
                raise ValueError(f"limit={limit} must be 1 to {MAX_PAGE}")
            return JSONResponse(await run_in_threadpool(page, request.query_params.get("after", ""), limit))
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)

    async def _metrics(self, _: Request) -> Response:
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)


class _Metrics(Collector):
    def __init__(self, snapshot: Callable[[], dict[str, Any]], gates: Callable[[], dict[str, str]]) -> None:
        self._snapshot = snapshot
        self._gates = gates

    def collect(self) -> Iterable[Metric]:
        for name, value in self._snapshot()["counters"].items():
            yield GaugeMetricFamily(f"ironlane_venue_{name}", f"venue counter {name}", value=value)
        gates = GaugeMetricFamily("ironlane_venue_gate", "1 = the gate is open", labels=["gate"])
        for gate, reason in self._gates().items():
            gates.add_metric([gate], 0 if reason else 1)
        yield gates


def _bind(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(64)
    except OSError as error:
        sock.close()
        raise OSError(
            error.errno, f"admin TCP port {port}: {error.strerror}; held by {describe_port_holder(port)}"
        ) from error
    return sock
