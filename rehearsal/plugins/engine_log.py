"""The engine's own log, as a provider plugin writes to it."""

from __future__ import annotations

from typing import Any, Protocol

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

_MAX_MESSAGE = 400 * 1024 * 1024  # the engine's own limit
GRPC_OPTIONS = [("grpc.max_receive_message_length", _MAX_MESSAGE), ("grpc.max_send_message_length", _MAX_MESSAGE)]
_LOG_TIMEOUT_S = 5.0


class EngineLog(Protocol):
    """Where a provider's lines go."""

    def info(self, urn: str, message: str) -> None: ...

    def warning(self, urn: str, message: str) -> None: ...

    def connect(self, address: str) -> None: ...


class GrpcEngineLog:
    """Lines to the engine's status display; a lost engine is no reason to fail a command."""

    def __init__(self, address: str = "") -> None:
        self._engine: engine_pb2_grpc.EngineStub | None = None
        self.connect(address)

    def connect(self, address: str) -> None:
        if address and self._engine is None:
            self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address, options=GRPC_OPTIONS))

    def info(self, urn: str, message: str) -> None:
        self._send(engine_pb2.LogRequest(severity=engine_pb2.INFO, message=message, urn=urn, ephemeral=True))

    def warning(self, urn: str, message: str) -> None:
        """Stays in the operation's diagnostics."""
        self._send(engine_pb2.LogRequest(severity=engine_pb2.WARNING, message=message, urn=urn))

    def _send(self, request: Any) -> None:
        if self._engine is None:
            return
        try:
            self._engine.Log(request, timeout=_LOG_TIMEOUT_S)
        except grpc.RpcError:
            self._engine = None
