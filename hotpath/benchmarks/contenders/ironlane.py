"""Our own engine: the installed wheel's modules, driven by nogil loops."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping

from benchmarks.contender import Machine, OpenSession, Round, Work
from benchmarks.echo_process import SLOT_BYTES, EchoProcess
from benchmarks.native.book_scale import ScaleRun
from benchmarks.native.feed import BuildRun, DecodeRun
from benchmarks.native.matching import MatchingRun
from benchmarks.native.order_entry import EnterOrderRun
from benchmarks.native.ring_loops import consume, ping
from benchmarks.native.samples import Samples
from hotpath.ipc.ring import RingConsumer, RingProducer

NAME = "ironlane"


def _version() -> str:
    try:
        return importlib.metadata.version("ironlane-hotpath")
    except importlib.metadata.PackageNotFoundError:
        return "not installed (source tree)"


VERSION = _version()
_WAIT_NS = 60_000_000_000


def missing(machine: Machine) -> str | None:
    return None


class _Matching:
    in_process = True

    def __init__(self, work: Work, machine: Machine) -> None:
        self._samples = Samples(work.operations)
        self._run = MatchingRun(work.payload, self._samples)

    def throughput(self) -> Round:
        ns, observed, figures = self._run.round(False)
        return Round(ns, observed, figures=figures)

    def latency(self) -> Round:
        _, observed, figures = self._run.round(True)
        return Round(None, observed, self._samples.percentiles(), figures=figures)

    def close(self) -> None:
        pass


class _BookBuilding:
    in_process = True

    def __init__(self, work: Work, machine: Machine) -> None:
        self._feed = work.payload
        self._samples = Samples(work.operations)
        self._run = BuildRun(self._feed.symbol, self._feed.locate, 1 << 17, self._samples)

    def throughput(self) -> Round:
        ns, observed = self._run.round(self._feed.data, False)
        return Round(ns, observed)

    def latency(self) -> Round:
        _, observed = self._run.round(self._feed.data, True)
        return Round(None, observed, self._samples.percentiles())

    def close(self) -> None:
        pass


class BookScale:
    in_process = True
    look_ahead = False

    def __init__(self, work: Work, machine: Machine) -> None:
        self._samples = Samples(work.operations)
        self._run = ScaleRun(work.payload, self._samples, self.look_ahead)

    def throughput(self) -> Round:
        ns, observed, figures = self._run.round(False)
        return Round(ns, observed, figures=figures)

    def latency(self) -> Round:
        _, observed, figures = self._run.round(True)
        return Round(None, observed, self._samples.percentiles(), figures=figures)

    def close(self) -> None:
        pass


class _Decoding:
    in_process = True

    def __init__(self, work: Work, machine: Machine) -> None:
        self._feed = work.payload
        self._run = DecodeRun()

    def throughput(self) -> Round:
        ns, observed, _ = self._run.round(self._feed.data)
        return Round(ns, observed)

    def latency(self) -> None:
        return None  # a message takes less than the timer

    def close(self) -> None:
        pass


class _OrderEntry:
    in_process = True

    def __init__(self, work: Work, machine: Machine) -> None:
        self._count = work.operations
        self._samples = Samples(work.operations)
        self._run = EnterOrderRun(self._samples)

    def throughput(self) -> Round:
        ns, observed = self._run.round(self._count, False)
        return Round(ns, observed)

    def latency(self) -> None:
        return None  # a message takes less than the timer

    def close(self) -> None:
        pass


class _Rings:
    """Two rings between this process and an echo process on another CPU."""

    in_process = True

    def __init__(self, work: Work, machine: Machine) -> None:
        self._count = work.operations
        self._samples = Samples(work.operations)
        self._peer = EchoProcess(machine)
        try:
            self._out = RingProducer(self._peer.prefix, "ring.ping", SLOT_BYTES, work.payload)
            self._peer.open()
            self._back = RingConsumer(self._peer.prefix, "ring.pong", SLOT_BYTES, "head")
        except BaseException:
            self._peer.close()
            raise

    def throughput(self) -> Round | None:
        raise NotImplementedError

    def latency(self) -> Round | None:
        raise NotImplementedError

    def close(self) -> None:
        self._peer.close()
        self._out.close()
        self._back.close()


class _RoundTrip(_Rings):
    def throughput(self) -> None:
        return None

    def latency(self) -> Round:
        self._peer.start("echo", self._count)
        _, good = ping(self._out, self._back, self._count, self._samples, _WAIT_NS)
        self._peer.finish()
        return Round(None, {"messages": good}, self._samples.percentiles() if self._samples.count else None)


class _OneWay(_Rings):
    def throughput(self) -> Round:
        self._peer.start("produce", self._count)
        ns, good = consume(self._back, self._count, _WAIT_NS)
        self._peer.finish()
        return Round(ns, {"messages": good})

    def latency(self) -> None:
        return None


SESSIONS: Mapping[str, OpenSession] = {
    "matching": _Matching,
    "book-building": _BookBuilding,
    "book-scale": BookScale,
    "decoding": _Decoding,
    "order-entry": _OrderEntry,
    "ring-round-trip": _RoundTrip,
    "ring-one-way": _OneWay,
}
