"""Runs one command line: captures both streams, hands on each line, ends the whole process group when told to."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

MAX_CAPTURE = 16 * 1024 * 1024
"""Bytes of one stream; a command that prints more is ended and fails."""

TAIL_LINES = 40
MAX_LINE = 4096
"""Bytes of a line that is handed on or kept for an error message; captured output is never cut."""

_GRACE_S = 3.0
_DRAIN_S = 2.0


@dataclass(frozen=True)
class Completed:
    """stdout and stderr lack their last newline."""

    stdout: str
    stderr: str


class CommandFailedError(RuntimeError):
    """The command did not exit 0. reason is one line, tail the last lines of both streams together."""

    def __init__(self, reason: str, tail: str) -> None:
        super().__init__(f"{reason}\n{tail}" if tail else reason)
        self.reason = reason
        self.tail = tail


class Running:
    """One command and the process group that it leads."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._lock = threading.Lock()
        self._finished = False
        self.ended_at: float | None = None

    def end(self, grace_s: float = _GRACE_S) -> None:
        """SIGTERM to the group now, SIGKILL after grace_s if anything of it is left."""
        with self._lock:
            if self._finished or self.ended_at is not None:
                return
            self.ended_at = time.monotonic()
        self._signal(signal.SIGTERM)
        timer = threading.Timer(grace_s, self._signal, (signal.SIGKILL,))
        timer.daemon = True
        timer.start()

    def gave_up(self) -> bool:
        """Ended, and still something outside the group keeps the pipes open."""
        return self.ended_at is not None and time.monotonic() - self.ended_at > _GRACE_S + _DRAIN_S

    def finish(self) -> None:
        with self._lock:
            self._finished = True

    def _signal(self, number: int) -> None:
        with self._lock:
            if self._finished:  # the group's number may belong to someone else by now
                return
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)


class Cancellation:
    """Ends all commands that run, and refuses further ones."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[Running] = set()
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def start(self, launch: Callable[[], subprocess.Popen[bytes]]) -> Running:
        with self._lock:
            if self._cancelled:
                raise CommandFailedError("cancelled before it was started", "")
            running = Running(launch())
            self._running.add(running)
            return running

    def finished(self, running: Running) -> None:
        running.finish()
        with self._lock:
            self._running.discard(running)

    def cancel(self) -> None:
        """Returns at once."""
        with self._lock:
            self._cancelled = True
            running = list(self._running)
        for each in running:
            each.end()


class _Stream:
    """Reads one pipe to its end."""

    def __init__(self, pipe: IO[bytes], on_line: Callable[[bytes], None], on_overflow: Callable[[], None]) -> None:
        self._pipe = pipe
        self._on_line = on_line
        self._on_overflow = on_overflow
        self._captured = bytearray()
        self.overflowed = False
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        pending = b""
        while chunk := self._pipe.read1(65536):  # type: ignore[attr-defined]
            if len(self._captured) + len(chunk) > MAX_CAPTURE:
                if not self.overflowed:
                    self.overflowed = True
                    self._on_overflow()
                continue  # keep draining, or the command blocks on a full pipe and never ends
            self._captured += chunk
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                self._on_line(line)
            if len(pending) > MAX_LINE:
                self._on_line(pending)
                pending = b""
        if pending:
            self._on_line(pending)
        self._pipe.close()

    def text(self) -> str:
        return self._captured.decode("utf-8", "replace").removesuffix("\n")


def run_command(
    arguments: Sequence[str],
    *,
    directory: str | None,
    environment: Mapping[str, str],
    stdin: str,
    cancellation: Cancellation,
    timeout_s: float | None = None,
    on_stdout: Callable[[str], None] | None = None,
    on_stderr: Callable[[str], None] | None = None,
) -> Completed:
    """Runs to the end of the command and of whatever it left holding its output. Raises CommandFailedError."""
    if directory is not None and not os.path.isdir(directory):
        raise CommandFailedError(f"dir {directory!r} is not a folder", "")
    tail: deque[str] = deque(maxlen=TAIL_LINES)

    def launch() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            list(arguments),
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    try:
        running = cancellation.start(launch)
    except OSError as error:
        raise CommandFailedError(f"cannot start {arguments[0]!r}: {error.strerror}", "") from None
    except ValueError as error:
        raise CommandFailedError(f"cannot start: {error}", "") from None

    def keep(then: Callable[[str], None] | None) -> Callable[[bytes], None]:
        def on_line(line: bytes) -> None:
            text = line[:MAX_LINE].decode("utf-8", "replace")
            tail.append(text)
            if then is not None:
                then(text)

        return on_line

    process = running.process
    assert process.stdout is not None
    assert process.stderr is not None
    out = _Stream(process.stdout, keep(on_stdout), running.end)
    err = _Stream(process.stderr, keep(on_stderr), running.end)
    feeder = _feed(process, stdin)
    timed_out = threading.Event()

    def on_timeout() -> None:
        timed_out.set()
        running.end()

    timer = threading.Timer(timeout_s, on_timeout) if timeout_s else None
    if timer is not None:
        timer.daemon = True
        timer.start()
    try:
        process.wait()
        for stream in (out, err):
            while stream.thread.is_alive() and not running.gave_up():
                stream.thread.join(timeout=0.5)
    finally:
        if timer is not None:
            timer.cancel()
        if feeder is not None:
            feeder.join(timeout=1)
        cancellation.finished(running)
    if timed_out.is_set():
        raise CommandFailedError(f"ended after its time limit of {timeout_s:g} s", "\n".join(tail))
    if out.overflowed or err.overflowed:
        name = "stdout" if out.overflowed else "stderr"
        raise CommandFailedError(f"ended: more than {MAX_CAPTURE // 2**20} MiB on {name}", "\n".join(tail))
    if process.returncode != 0:
        how = f"exit status {process.returncode}" if process.returncode > 0 else _signal_text(-process.returncode)
        raise CommandFailedError("cancelled, " + how if cancellation.cancelled else how, "\n".join(tail))
    return Completed(out.text(), err.text())


def _feed(process: subprocess.Popen[bytes], text: str) -> threading.Thread | None:
    pipe = process.stdin
    if pipe is None:
        return None

    def write() -> None:
        try:
            pipe.write(text.encode())
            pipe.close()
        except OSError:
            pass  # it need not read its standard input

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    return thread


def _signal_text(number: int) -> str:
    try:
        return f"killed by {signal.Signals(number).name}"
    except ValueError:
        return f"killed by signal {number}"
