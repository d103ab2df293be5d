"""Process of the plugin: serves the provider on a free local port, tells it on stdout, ends with the engine."""

from __future__ import annotations

import os
import signal
import sys
import threading
from concurrent import futures

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2_grpc

from rehearsal.plugins.command.provider import CommandProvider

# one thread per running command, and Cancel must find a free one
_MAX_CALLS = 256
_MAX_MESSAGE = 400 * 1024 * 1024  # the engine's own limit
_OPTIONS = [("grpc.max_receive_message_length", _MAX_MESSAGE), ("grpc.max_send_message_length", _MAX_MESSAGE)]
_PARENT_CHECK_S = 1.0
_LOG_TIMEOUT_S = 5.0


class GrpcEngineLog:
    """Lines to the engine's status display; a lost engine is no reason to fail a command."""

    def __init__(self, address: str = "") -> None:
        self._engine: engine_pb2_grpc.EngineStub | None = None
        self.connect(address)

    def connect(self, address: str) -> None:
        if address and self._engine is None:
            self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address, options=_OPTIONS))

    def info(self, urn: str, message: str) -> None:
        if self._engine is None:
            return
        request = engine_pb2.LogRequest(severity=engine_pb2.INFO, message=message, urn=urn, ephemeral=True)
        try:
            self._engine.Log(request, timeout=_LOG_TIMEOUT_S)
        except grpc.RpcError:
            self._engine = None


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    addresses = [argument for argument in arguments if not argument.startswith("-")]
    parent = os.getppid()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    provider = CommandProvider(GrpcEngineLog(addresses[0] if addresses else ""))
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=_MAX_CALLS), options=_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    while not stopped.wait(_PARENT_CHECK_S) and os.getppid() == parent:
        pass
    provider.cancel()
    server.stop(grace=5).wait()
    return 0
