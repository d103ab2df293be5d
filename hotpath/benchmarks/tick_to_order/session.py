"""One contender at one rate: the venue on this thread, the contender in processes of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from benchmarks.contender import Machine, Round, UnfitError, Work
from benchmarks.native.tick_flow import MESSAGES_PER_TRIGGER, TickFlow
from benchmarks.tick_to_order.cpu_wait import THIS_THREAD, threads_of, waited_ns
from benchmarks.tick_to_order.exchange import Exchange

# how long the slowest order may take beyond the end of the flow; later ones count as not answered
GRACE_MS = 500
QUIET_MS = 50
BACKLOG_LIMIT_MS = 4000
# before a round: a single trigger now and then, until its order comes
PROBE_RATE = 1000
PROBE_GRACE_MS = 100
READY_S = 30.0


@dataclass(frozen=True)
class Offered:
    """The load of one piece of work: messages a second, and how many of them before and in the measured stretch."""

    rate: int
    warm_up: int
    measured: int


class Engine(Protocol):
    """What is measured: started, its order session up. It stands still between `pause` and `resume`."""

    polite_venue: bool  # it needs the venue's CPU as well: the venue yields it when idle

    @property
    def pids(self) -> list[int]: ...

    def resume(self) -> None: ...

    def pause(self) -> None: ...

    def stages(self, exchange: Exchange) -> tuple[Mapping[str, Mapping[str, int]], Mapping[str, float]]:
        """Of the round just done: latency by stage, and figures about them; empty when it cannot tell."""

    def close(self) -> None: ...


class TickToOrder:
    """A Session. start(exchange, machine) gives the engine; it raises when it cannot."""

    in_process = False

    def __init__(self, work: Work, machine: Machine, start: Callable[[Exchange, Machine], Engine]) -> None:
        self._offered: Offered = work.payload
        self._flow = TickFlow(self._offered.warm_up + self._offered.measured)
        self._exchange = Exchange(self._flow)
        try:
            self._engine = start(self._exchange, machine)
        except BaseException:
            self._exchange.close()
            raise
        self._engine.pause()
        self._rounds = 0

    def throughput(self) -> None:
        return None  # the load is given

    def latency(self) -> Round:
        venue, engine, offered = self._exchange.venue, self._engine, self._offered
        venue.heartbeat()  # what it finds when it goes on: the sessions are alive
        engine.resume()
        try:
            self._await_answer()
            self._flow.make(offered.warm_up + offered.measured)
            threads = {"venue": [THIS_THREAD], "engine": threads_of(engine.pids)}
            waited = {name: waited_ns(each) for name, each in threads.items()}
            began = time.monotonic_ns()
            counted = venue.run(offered.rate, offered.warm_up, GRACE_MS, engine.polite_venue)
            took = time.monotonic_ns() - began
            waits = {
                f"{name}_waited_for_cpu_percent": 100 * (now - before) / took
                for name, before in waited.items()
                if before is not None and (now := waited_ns(threads[name])) is not None
            }
            venue.drain(QUIET_MS, BACKLOG_LIMIT_MS)
            if venue.closed:
                raise RuntimeError("the order session ended during the round")
            self._rounds += 1
            stages, more = engine.stages(self._exchange)
        finally:
            engine.pause()
        figures = {
            "offered_per_second": float(offered.rate),
            "achieved_per_second": achieved(offered, counted),
            "orders": float(counted["orders"]),
            "orders_missing": float(counted["unanswered"]),
            **waits,
            **more,
        }
        return Round(None, counted, venue.latencies(), stages=stages or None, figures=figures)

    def _await_answer(self) -> None:
        """It has stood still, or has a backlog of the last round: wait until it is up to date."""
        venue, engine = self._exchange.venue, self._engine
        deadline = time.monotonic() + READY_S
        while True:
            venue.heartbeat()
            venue.drain(QUIET_MS, BACKLOG_LIMIT_MS)
            self._flow.make(MESSAGES_PER_TRIGGER)
            if venue.run(PROBE_RATE, 0, PROBE_GRACE_MS, engine.polite_venue)["orders"]:
                venue.drain(QUIET_MS, BACKLOG_LIMIT_MS)
                return
            if venue.closed:
                raise RuntimeError("the order session ended")
            if time.monotonic() > deadline:
                if self._rounds == 0:
                    raise RuntimeError(f"no order for a trigger within {READY_S:.0f} s")
                raise UnfitError(
                    f"does not keep up with {self._offered.rate:,} messages/s: {READY_S:.0f} s after a round a trigger "
                    "still has no order"
                )

    def close(self) -> None:
        try:
            self._engine.close()
        finally:
            self._exchange.close()


def achieved(offered: Offered, counted: Mapping[str, int]) -> float:
    """Messages a second: the share of them whose orders came, over the time from the first to the last such order."""
    return min(float(offered.rate), offered.measured * counted["orders"] / counted["wanted"] / counted["ns"] * 1e9)
