"""Fencing epoch of order router and strategy: one process per data directory, each start under a higher number."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class EpochError(Exception):
    """The epoch cannot be had; the text names the file, the holder and the fix."""


class FencingEpoch:
    """Holds `<data_dir>/epoch.lock` until closed or until the process ends; `number` is above every earlier one."""

    def __init__(self, data_dir: Path) -> None:
        """Takes the lock. Raises EpochError when another process holds it."""
        self._path = data_dir / "epoch"
        lock = data_dir / "epoch.lock"
        self._lock = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._lock, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._lock)
            raise EpochError(
                f"{lock}: process {holder} holds the fencing epoch;"
                " only one process may use this folder, stop that one first"
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)
        self.number = 0

    def advance(self, floor: int) -> int:
        """The next epoch, above the stored one and above `floor`; durable before it returns. Raises EpochError."""
        self.number = max(self._stored(), floor) + 1
        temporary = self._path.with_suffix(".tmp")
        with temporary.open("w") as file:
            file.write(f"{self.number}\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        return self.number

    def _stored(self) -> int:
        try:
            text = self._path.read_text().strip()
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise EpochError(f"{self._path}: {error.strerror}; make it readable for this process") from error
        if not text.isdigit() or not 0 < int(text) < 2**32 - 1:
            raise EpochError(
                f"{self._path}: {text!r} is not an epoch; write the last epoch used in this folder (decimal) into it"
            )
        return int(text)

    def close(self) -> None:
        """Give the lock up; the number stays used."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
