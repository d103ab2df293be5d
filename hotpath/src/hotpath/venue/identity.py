"""What makes one venue installation: its order-entry session and the count of its starts, in one small durable file."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import IO

import msgspec

MAX_STARTS = (1 << 23) - 1  # the number of a start is the high part of its match numbers
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class IdentityError(Exception):
    """The data folder cannot be used; the text names the file and the fix."""


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    session: str
    starts: int


class VenueIdentity:
    """Exclusive hold on a venue's data folder. Raises IdentityError when another venue has it."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "venue.json"
        data_dir.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(data_dir / "venue.lock")
        stored = self._read()
        if stored is None:
            stored = _Stored(session=_new_session(), starts=0)
        self.session = stored.session.encode("ascii")
        """SoupBinTCP session of order entry, 10 bytes, the same for the life of the data folder."""
        self.starts = stored.starts

    def next_start(self) -> int:
        """Count one more start (or feed session) before it is used."""
        if self.starts >= MAX_STARTS:
            raise IdentityError(
                f"{self._path}: {self.starts} starts, match numbers are used up; begin a new data folder"
            )
        self.starts += 1
        new = self._path.with_suffix(".new")
        with new.open("wb") as file:
            file.write(msgspec.json.encode(_Stored(session=self.session.decode(), starts=self.starts)))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        return self.starts

    @property
    def feed_session(self) -> bytes:
        """MoldUDP64 session of this start."""
        return f"V{self.starts:09d}".encode("ascii")

    def close(self) -> None:
        self._lock.close()

    def _read(self) -> _Stored | None:
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            stored = msgspec.json.decode(raw, type=_Stored)
        except msgspec.DecodeError as error:
            raise IdentityError(f"{self._path}: damaged ({error}); restore it, or move the data folder away") from error
        if len(stored.session) != 10 or not stored.session.isascii() or not 0 <= stored.starts <= MAX_STARTS:
            raise IdentityError(f"{self._path}: damaged (impossible values); restore it, or move the data folder away")
        return stored


def _lock(path: Path) -> IO[str]:
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        holder = file.read(32).strip() or "unknown"
        file.close()
        raise IdentityError(f"{path}: another venue (pid {holder}) uses this data folder; stop it first") from error
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def _new_session() -> str:
    """Ten characters that differ between data folders, so that a client never resumes against another history."""
    number = time.time_ns() // 1_000_000
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return "IR" + text[-8:].rjust(8, "0")
