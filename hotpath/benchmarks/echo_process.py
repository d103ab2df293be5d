"""The other process of the ring benchmarks: one order per line, spinning only in between.

`echo N` and `produce N` are nogil loops, `echo-calls N` and `produce-calls N` Python loops with a call per message.
"""

from __future__ import annotations

import os
import queue
import secrets
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from benchmarks.contender import Machine, Work
from hotpath.ipc.ring import RingConsumer, RingProducer

_WAIT_S = 75.0
_WAIT_NS = 60_000_000_000


class EchoError(Exception):
    """The other process did not start, or did not do what it was told."""


class EchoProcess:
    """Started at once, pinned to machine.peer_cpu. Raises EchoError when it does not answer in time."""

    def __init__(self, machine: Machine) -> None:
        self.prefix = f"ironlane-bench-{os.getpid()}-{secrets.token_hex(3)}"
        cpu = "any" if machine.peer_cpu is None else str(machine.peer_cpu)
        self._answers: queue.Queue[str] = queue.Queue()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "benchmarks.echo_process", self.prefix, cpu, str(machine.libraries)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        # a thread, so that waiting for an answer has a time limit
        threading.Thread(target=self._listen, daemon=True).start()

    def open(self) -> None:
        """Both rings exist after this; ours (ring.ping) must exist before."""
        self.start("open", 0)
        self.finish()

    def start(self, order: str, count: int) -> None:
        if self._process.stdin is None or self._process.poll() is not None:
            raise EchoError(f"the echo process exited {self._process.returncode}")
        self._process.stdin.write(f"{order} {count}\n")
        self._process.stdin.flush()

    def finish(self) -> None:
        try:
            answer = self._answers.get(timeout=_WAIT_S)
        except queue.Empty:
            raise EchoError(f"the echo process did not answer within {_WAIT_S:.0f} s") from None
        if not answer.startswith("done"):
            raise EchoError(f"the echo process: {answer or 'ended'}")

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)
        for file in Path("/dev/shm").glob(f"{self.prefix}.*"):
            file.unlink(missing_ok=True)

    def _listen(self) -> None:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                self._answers.put(line.strip())
        self._answers.put("")


class RingPair:
    """Two rings between this process and an echo process on another CPU: what all our sessions share.

    Work.payload is the number of slots, statistics["per_second"] the rate of an open loop. Raises EchoError.
    """

    def __init__(self, work: Work, machine: Machine) -> None:
        from benchmarks.native.ring_loops import MESSAGE_BYTES
        from benchmarks.native.samples import Samples

        self.count = work.operations
        self.period_ns = round(1e9 / work.statistics.get("per_second", 1))
        self.samples = Samples(work.operations)
        self.peer = EchoProcess(machine)
        try:
            self.out = RingProducer(self.peer.prefix, "ring.ping", MESSAGE_BYTES, work.payload)
            self.peer.open()
            self.back = RingConsumer(self.peer.prefix, "ring.pong", MESSAGE_BYTES, "head")
        except BaseException:
            self.peer.close()
            raise

    def latencies(self) -> Mapping[str, int] | None:
        return self.samples.percentiles() if self.samples.count else None

    def close(self) -> None:
        self.peer.close()
        self.out.close()
        self.back.close()


def main(prefix: str, cpu: str, libraries: str) -> None:
    from benchmarks.build import use

    use(Path(libraries))
    from benchmarks import ring_calls
    from benchmarks.native.ring_loops import MESSAGE_BYTES, echo, produce

    if cpu != "any":
        os.sched_setaffinity(0, {int(cpu)})
    inbound: RingConsumer | None = None
    out: RingProducer | None = None
    for line in sys.stdin:
        order, count = line.split()
        if order == "open":
            inbound = RingConsumer(prefix, "ring.ping", MESSAGE_BYTES, "head")
            out = RingProducer(prefix, "ring.pong", MESSAGE_BYTES, inbound.capacity)
            done = 0
        elif inbound is None or out is None:
            raise SystemExit(f"{order} before open")
        elif order == "echo":
            done = echo(inbound, out, int(count), _WAIT_NS)
        elif order == "produce":
            done = produce(out, int(count), _WAIT_NS)
        elif order == "echo-calls":
            done = ring_calls.echo(inbound, out, int(count), _WAIT_NS)
        elif order == "produce-calls":
            done = ring_calls.produce(out, int(count), _WAIT_NS)
        else:
            raise SystemExit(f"unknown order {order}")
        print("done" if done == int(count) else f"only {done} of {count}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
