"""What every role process needs at its Python edge: one-line logs, the stop signal, a quiet garbage collector."""

from __future__ import annotations

import gc
import signal
import sys
import time
from types import FrameType
from typing import TextIO


class RoleLog:
    """One line per event on stderr: `time role level event key=value ...`. Never called per message."""

    def __init__(self, role: str, stream: TextIO | None = None) -> None:
        self._role = role
        self._stream = stream

    def info(self, event: str, **fields: object) -> None:
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._write("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        self._write("error", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
        text = "".join(f" {key}={_quoted(value)}" for key, value in fields.items())
        print(f"{stamp} {self._role} {level} {event}{text}", file=self._stream or sys.stderr, flush=True)


def _quoted(value: object) -> str:
    text = str(value).replace("\n", "\\n")
    return f'"{text}"' if text == "" or " " in text or '"' in text else text


class StopSignal:
    """Becomes true on SIGTERM or SIGINT. The handlers stay installed: a second signal does not cut the stop short."""

    def __init__(self) -> None:
        self.name = ""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._received)

    def __bool__(self) -> bool:
        return bool(self.name)

    def _received(self, number: int, frame: FrameType | None) -> None:
        self.name = self.name or signal.Signals(number).name


def freeze_garbage_collector(*, disable: bool) -> None:
    """After warm-up: never scan what exists now; with `disable` scan nothing (for loops that make no objects)."""
    gc.collect()
    gc.freeze()
    if disable:
        gc.disable()
