"""The agent's HTTP side: /livez, /readyz, /status, /latency, /metrics."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import msgspec
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from hotpath.agent.observer import Observer

OwnGates = Callable[[], list[dict[str, Any]]]


def readiness(observer: Observer, own: OwnGates) -> dict[str, Any]:
    """Every gate of every role and of the agent itself; ready only when all are open."""
    gates: list[dict[str, Any]] = []
    for role in observer.roles:
        status = observer.status(role)
        if status is None:
            gates.append({"name": f"{role}/running", "ok": False, "reason": "no status block: not started"})
            continue
        problems = "; ".join(status["problems"]) if not status["ready"] else ""
        shut = any(not gate["ok"] for gate in status["gates"])
        gates.append({"name": f"{role}/running", "ok": status["ready"] or shut, "reason": "" if shut else problems})
        gates.extend({**gate, "name": f"{role}/{gate['name']}"} for gate in status["gates"])
    gates.extend({**gate, "name": f"agent/{gate['name']}"} for gate in own())
    return {"ready": all(gate["ok"] for gate in gates), "gates": gates}


def build(
    observer: Observer, own: OwnGates, about: Callable[[], dict[str, Any]], metrics: Callable[[], bytes]
) -> Starlette:
    """`about` adds the agent's own part to /status."""

    async def livez(request: Request) -> Response:
        return PlainTextResponse("ok")

    async def readyz(request: Request) -> Response:
        body = readiness(observer, own)
        return JSONResponse(body, status_code=200 if body["ready"] else 503)

    async def status(request: Request) -> Response:
        position = observer.position()
        return JSONResponse(
            {
                **about(),
                "roles": {role: observer.status(role) for role in observer.roles},
                "mark": observer.mark(),
                "position": msgspec.structs.asdict(position) if position is not None else None,
            }
        )

    async def latency(request: Request) -> Response:
        return JSONResponse(
            {
                role: {stage: snapshot.summary() for stage, snapshot in observer.latency(role).items()}
                for role in observer.roles
            }
        )

    async def metrics_text(request: Request) -> Response:
        return Response(metrics(), media_type=CONTENT_TYPE_LATEST)

    routes = [("/livez", livez), ("/readyz", readyz), ("/status", status), ("/latency", latency)]
    return Starlette(routes=[*(Route(path, handler) for path, handler in routes), Route("/metrics", metrics_text)])


def server(app: Starlette, host: str, port: int) -> uvicorn.Server:
    """Not serving yet. It leaves the signals to the process."""
    own = uvicorn.Server(
        uvicorn.Config(app, host=host, port=port, log_level="warning", access_log=False, lifespan="off")
    )
    own.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    return own
