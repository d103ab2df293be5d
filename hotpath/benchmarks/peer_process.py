"""A peer in a process of its own: one JSON object per line to it, one back. Stopped (SIGSTOP) between two requests, so
that its idle threads take nothing from the others.

The program answers `{"do": "open", ...}`, `{"do": "throughput"}` and `{"do": "latency"}`. A round is
`{"ns": 123, "cpu_ns": 120, "observed": {"trades": 1}, "latency": {"p50": 90, ...}}` with null for what was not
measured (cpu_ns: CPU time over the same stretch as ns); the whole answer is null when the peer has no such round.
`{"error": "..."}` says what went wrong. It ends when its input does.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.contender import Machine, Round, Work
from benchmarks.itch_feed import Feed

_ANSWER_S = 600.0
_END_S = 5.0
_TAIL_LINES = 8
_SHOWN = 200


class PeerError(Exception):
    """The peer did not start, did not answer in time, or said that it cannot."""


class PeerProcess:
    """Started at once, pinned to cpus (None: not pinned). errors: file for what it writes to standard error."""

    def __init__(
        self,
        command: Sequence[str],
        errors: Path,
        cpus: set[int] | None,
        env: Mapping[str, str] | None = None,
        answer_s: float = _ANSWER_S,
    ) -> None:
        self._errors = errors
        self._answer_s = answer_s
        self._answers: queue.Queue[str] = queue.Queue()
        with errors.open("w") as stream, _pinned(cpus):
            try:
                self._process = subprocess.Popen(
                    list(command),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stream,
                    text=True,
                    process_group=0,  # of this session: should we be killed, the kernel ends it although it is stopped
                    env=None if env is None else {**os.environ, **env},
                )
            except OSError as error:
                raise PeerError(f"cannot start {command[0]}: {error.strerror}") from None
        # a thread, so that waiting for an answer has a time limit
        threading.Thread(target=self._listen, daemon=True).start()

    def resume(self) -> None:
        """Let it run without asking it anything."""
        self._signal(signal.SIGCONT)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, request: Mapping[str, Any]) -> Any:
        """Raises PeerError."""
        stdin = self._process.stdin
        assert stdin is not None
        self.resume()
        try:
            stdin.write(json.dumps(request) + "\n")
            stdin.flush()
            line = self._answers.get(timeout=self._answer_s)
        except OSError:
            line = ""
        except queue.Empty:
            self._signal(signal.SIGSTOP)  # it takes nothing from the others any more
            raise PeerError(f"no answer to {request['do']} within {self._answer_s:.0f} s") from None
        if not line:
            raise PeerError(f"ended at {request['do']}: {self._tail()}")
        self.pause()
        try:
            answer = json.loads(line)
        except ValueError:
            raise PeerError(f"answer to {request['do']} is not JSON: {line.strip()[:_SHOWN]}") from None
        if isinstance(answer, dict) and "error" in answer:
            raise PeerError(str(answer["error"]))
        return answer

    def pin(self, threads: Mapping[str, int | None]) -> None:
        """Each thread of that name, of this process or one that it started, to a CPU (None: left alone)."""
        for comm in Path("/proc").glob("[0-9]*/task/[0-9]*/comm"):
            try:
                cpu = threads.get(comm.read_text().strip())
                if cpu is not None and os.getpgid(int(comm.parts[2])) == self._process.pid:
                    os.sched_setaffinity(int(comm.parts[4]), {cpu})
            except OSError:
                continue  # it has ended, or is not ours

    def close(self) -> None:
        self._signal(signal.SIGCONT)
        if self._process.stdin is not None:
            with suppress(OSError):  # ended before it read everything
                self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        # whatever it started goes with it
        self._signal(signal.SIGKILL)
        self._process.wait(_END_S)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _tail(self) -> str:
        lines = self._errors.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return " | ".join(lines) or f"exit code {self._process.poll()}"

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.strip():
                self._answers.put(line)
        self._answers.put("")


@contextmanager
def _pinned(cpus: set[int] | None) -> Iterator[None]:
    """What is started meanwhile is pinned from its first instruction, with every thread that it makes."""
    before = os.sched_getaffinity(0)
    if cpus is not None:
        os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        if cpus is not None:
            os.sched_setaffinity(0, before)


class PeerSession:
    """One peer at one piece of work. opening: what the program needs to know, as in `exported`; threads: pinned by name
    once it is open."""

    in_process = False

    def __init__(
        self, process: PeerProcess, opening: Mapping[str, Any], threads: Mapping[str, int | None] | None = None
    ) -> None:
        self._process = process
        try:
            process.ask({"do": "open", **opening})
            if threads:
                process.pin(threads)
        except BaseException:
            process.close()
            raise

    def throughput(self) -> Round | None:
        return self._round("throughput")

    def latency(self) -> Round | None:
        return self._round("latency")

    def close(self) -> None:
        self._process.close()

    def _round(self, do: str) -> Round | None:
        answer = self._process.ask({"do": do})
        if answer is None:
            return None
        ns, cpu_ns = answer["ns"], answer.get("cpu_ns")
        share = min(1.0, cpu_ns / ns) if ns and cpu_ns else None
        # operations: when it did only so many of the first ones, see Work.prefixes
        return Round(ns, answer["observed"], answer["latency"], share, answer.get("operations"))


def exported(work: Work, machine: Machine) -> dict[str, Any]:
    """The work's input as a file, written once, with the numbers that describe it: what every peer is opened with.

    matching: packed `Command` structs (native/order_flow.pxd), `prefill` of them before the timed `count`;
    book-building, book-per-message and itch-decoding: ITCH messages, each after its length (u16 big-endian), of
    `symbols` symbols with stock locates up to `max_locate` and at most `peak_orders` resting orders over all of them.
    """
    opening: dict[str, Any] = {"work": work.name, "kind": work.kind, "count": work.operations}
    file = machine.scratch / f"{work.name}.bin"
    if work.kind == "matching":
        more = {"prefill": work.payload.prefill}
    else:
        feed: Feed = work.payload
        more = {"symbols": len(feed.symbols), "max_locate": max(feed.symbols), "peak_orders": feed.peak_orders}
    if not file.exists():
        file.write_bytes(work.payload.commands_bytes() if work.kind == "matching" else work.payload.data)
    return {**opening, **more, "file": str(file)}
