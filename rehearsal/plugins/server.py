"""Process of a plugin: serves the provider on a free local port, tells it on stdout, ends with the engine."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent import futures

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from rehearsal.plugins.engine_log import GRPC_OPTIONS, GrpcEngineLog
from rehearsal.plugins.stand_in import StandIn

# one thread per running command, and Cancel must find a free one
_MAX_CALLS = 256
_PARENT_CHECK_S = 1.0


def serve(make: Callable[[GrpcEngineLog], StandIn], arguments: list[str] | None = None) -> int:
    """Until the engine is gone or says so."""
    arguments = sys.argv[1:] if arguments is None else arguments
    addresses = [argument for argument in arguments if not argument.startswith("-")]
    parent = os.getppid()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    provider = make(GrpcEngineLog(addresses[0] if addresses else ""))
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=_MAX_CALLS), options=GRPC_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    while not stopped.wait(_PARENT_CHECK_S) and os.getppid() == parent:
        pass
    provider.cancel()
    server.stop(grace=5).wait()
    return 0
