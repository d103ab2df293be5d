"""The admin port's socket and thread. The web libraries load in the thread: the venue is ready before they are."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from typing import TYPE_CHECKING

from hotpath.net.ports import describe_port_holder

if TYPE_CHECKING:
    import uvicorn

    from hotpath.venue.admin import VenueView

STOP_TIMEOUT_S = 2.0


class AdminPort:
    """Listens at once, answers soon. Raises OSError naming the port and its holder when the port is taken."""

    def __init__(self, host: str, port: int, view: VenueView) -> None:
        self._view = view
        self._socket = _bind(host, port)
        self._server: uvicorn.Server | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, name="venue-admin", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while self._thread.is_alive() and time.monotonic() < deadline:
            if self._server is not None:
                self._server.should_exit = True
                self._server.force_exit = True
            self._thread.join(0.02)
        self._socket.close()

    def _serve(self) -> None:
        import uvicorn

        from hotpath.venue.admin import build

        config = uvicorn.Config(
            build(self._view), log_level="warning", access_log=False, lifespan="off", loop="asyncio"
        )
        server = uvicorn.Server(config)
        self._server = server
        if not self._stopping:
            server.run(sockets=[self._socket])


def _bind(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(64)
    except OSError as error:
        sock.close()
        text = f"admin TCP port {port}: {os.strerror(error.errno or errno.EIO)}; held by {describe_port_holder(port)}"
        raise OSError(error.errno, text) from error
    return sock
