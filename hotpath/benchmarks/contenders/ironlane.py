"""Our own engine: the installed wheel's modules, driven by nogil loops."""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.contender import Machine, OpenSession, Round, Work
from benchmarks.echo_process import RingPair
from benchmarks.itch_feed import Feed, messages
from benchmarks.market import market_counts, market_for
from benchmarks.native.book_scale import ScaleRun
from benchmarks.native.feed import BuildRun, DecodeRun
from benchmarks.native.matching import MatchingRun
from benchmarks.native.order_entry import EnterOrderRun
from benchmarks.native.ring_loops import consume, ping, ping_paced
from benchmarks.native.samples import Samples
from benchmarks.recovery import SESSIONS as RECOVERY
from benchmarks.tick_to_order.ironlane import fused
from hotpath.feed.market_builder import MarketBuilder
from hotpath.protocols import itch

NAME = "ironlane"
_BATCH_BYTES = 1 << 16


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
        self._feed: Feed = work.payload
        self._samples = Samples(work.operations)
        self._run = BuildRun(market_for(self._feed), self._samples)

    def throughput(self) -> Round:
        ns, observed = self._run.batch(self._feed.data, _BATCH_BYTES)
        return Round(ns, observed)

    def latency(self) -> Round:
        observed = self._run.each(self._feed.data)
        return Round(None, observed, self._samples.percentiles())

    def close(self) -> None:
        pass


class _BookPerMessage:
    """One call from Python per message, each with its arguments made beforehand."""

    in_process = True

    def __init__(self, work: Work, machine: Machine) -> None:
        self._feed: Feed = work.payload
        self._market = market_for(self._feed)
        self._calls = [_call(self._market, each) for each in messages(self._feed.data)]

    def throughput(self) -> Round:
        self._market.reset()
        before = self._market.stats()["inconsistent"]
        started = time.perf_counter_ns()
        for call, arguments in self._calls:
            call(*arguments)
        ns = time.perf_counter_ns() - started
        return Round(ns, market_counts(self._market, len(self._calls), before))

    def latency(self) -> None:
        return None  # a call takes less than the timer

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


def _call(market: MarketBuilder, message: bytes) -> tuple[Callable[..., int], tuple[Any, ...]]:
    """The method of a message's type; what has none of its own is given as it came."""
    match itch.decode(message):
        case itch.AddOrder() | itch.AddOrderAttributed() as m:
            return market.add, (m.stock_locate, m.order_ref, m.side, m.price, m.shares)
        case itch.OrderExecuted() as m:
            return market.execute, (m.stock_locate, m.order_ref, m.executed_shares)
        case itch.OrderExecutedWithPrice() as m:
            printable = m.printable == "Y"
            return market.execute_with_price, (
                m.stock_locate,
                m.order_ref,
                m.executed_shares,
                m.execution_price,
                printable,
            )
        case itch.OrderCancel() as m:
            return market.cancel, (m.stock_locate, m.order_ref, m.cancelled_shares)
        case itch.OrderDelete() as m:
            return market.delete, (m.stock_locate, m.order_ref)
        case itch.OrderReplace() as m:
            return market.replace, (m.stock_locate, m.original_order_ref, m.new_order_ref, m.price, m.shares)
    return market.apply_message, (message,)


class _Decoding:
    in_process = True

    def __init__(self, work: Work, machine: Machine) -> None:
        self._feed: Feed = work.payload
        self._run = DecodeRun()

    def throughput(self) -> Round:
        ns, observed = self._run.round(self._feed.data)
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


class _RoundTrip(RingPair):
    in_process = True

    def throughput(self) -> None:
        return None

    def latency(self) -> Round:
        self.peer.start("echo", self.count)
        _, good = ping(self.out, self.back, self.count, self.samples, _WAIT_NS)
        self.peer.finish()
        return Round(None, {"messages": good}, self.latencies())


class _OpenLoop(RingPair):
    in_process = True

    def throughput(self) -> None:
        return None

    def latency(self) -> Round:
        self.peer.start("echo", self.count)
        _, good = ping_paced(self.out, self.back, self.count, self.period_ns, self.samples, _WAIT_NS)
        self.peer.finish()
        return Round(None, {"messages": good}, self.latencies())


class _OneWay(RingPair):
    in_process = True

    def throughput(self) -> Round:
        self.peer.start("produce", self.count)
        ns, good = consume(self.back, self.count, _WAIT_NS)
        self.peer.finish()
        return Round(ns, {"messages": good})

    def latency(self) -> None:
        return None


SESSIONS: Mapping[str, OpenSession] = {
    "matching": _Matching,
    "book-building": _BookBuilding,
    "book-per-message": _BookPerMessage,
    "book-scale": BookScale,
    "itch-decoding": _Decoding,
    "order-entry": _OrderEntry,
    "ring-round-trip": _RoundTrip,
    "ring-open-loop": _OpenLoop,
    "ring-open-loop-fast": _OpenLoop,
    "ring-one-way": _OneWay,
    "tick-to-order": fused,
    "isolation": fused,
    **RECOVERY,
}
