"""Several roles in one process and on one thread: `hotpath run composite --config FILE`.

For hosts with fewer cores than roles, and for the shortest way from tick to order: no wake-up and no cache line crosses
cores. The roles keep their own configuration files, segments, status blocks, epochs and journals; between them lie the
same rings, so every intent passes the router's risk gate, and `hotpath ready strategy` works as ever.

What is given up is the wall between strategy and risk gate: native strategy code could write to the gate's memory. In
the environment `prod` a strategy and an order router are therefore refused in one process.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack

from hotpath.composite.loop import CompositeLoop
from hotpath.config import (
    CompositeConfig,
    ConfigError,
    FeedHandlerConfig,
    OrderRouterConfig,
    StrategyConfig,
    load,
)
from hotpath.feed.handler import ROLE as FEED_HANDLER
from hotpath.feed.role import FeedHandlerRole
from hotpath.ipc.idle import IdleStrategy
from hotpath.ipc.journal import JournalError
from hotpath.ipc.segment import SegmentError
from hotpath.process import RoleLog, StopSignal, freeze_garbage_collector
from hotpath.router.epoch import EpochError
from hotpath.router.role import ROLE as ORDER_ROUTER
from hotpath.router.role import OrderRouter, open_router
from hotpath.service_manager import LoopReport, ServiceManager
from hotpath.strategy.role import StrategyRole
from hotpath.strategy.runner import ROLE as STRATEGY

ROLE = "composite"
SLICE_MS = 50
# the parts take turns, so that no stretch between two slices does all that is slow
TURNS = 3
# of a line per pass: the strategy has its turn soon in a burst, and finds too few events to conflate them
DATAGRAMS = 8
WALLED_ENVIRONMENT = "prod"  # where strategy and risk gate may not share a process


def run(config_path: str) -> int:
    """Run until SIGTERM; then the strategy drains, after it the router, as when they are processes of their own.

    0: both have proven that no order is left in doubt. 1: not, or a part could not start or has been taken over. Raises
    ConfigError for a file that cannot be used.
    """
    config = load(config_path, CompositeConfig)
    log = RoleLog(ROLE)
    stop = StopSignal()
    with ExitStack() as closing:
        try:
            composite = Composite(config_path, config, closing)
        except (EpochError, JournalError, SegmentError, OSError) as error:
            log.error("cannot start", error=error)
            return 1
        return composite.run(stop)


class Composite:
    """The parts and their loop; they are closed with `closing`. Raises what their own roles raise at their start."""

    def __init__(self, config_path: str, config: CompositeConfig, closing: ExitStack) -> None:
        try:
            idle = IdleStrategy(config.idle.mode, config.idle.max_sleep_us)
        except ValueError as error:
            raise ConfigError(f"{config_path}: {error}") from error
        _check(config_path, config)
        self._feed: FeedHandlerRole | None = None
        self._strategy: StrategyRole | None = None
        self._router: OrderRouter | None = None
        if config.order_router is not None:
            self._router = open_router(config.order_router, RoleLog(ORDER_ROUTER))
            closing.callback(self._router.close)
        if config.strategy is not None:
            self._strategy = StrategyRole(config.strategy, RoleLog(STRATEGY))
            closing.callback(self._strategy.close)
        if config.feed_handler is not None:
            self._feed = FeedHandlerRole(config.feed_handler, RoleLog(FEED_HANDLER), DATAGRAMS)
            closing.callback(self._feed.close)
        self._engines = (
            None if self._feed is None else self._feed.handler,
            None if self._strategy is None else self._strategy.runner,
            None if self._router is None else self._router.engine,
        )
        self._loop = CompositeLoop(idle, *self._engines)

    def run(self, stop: StopSignal) -> int:
        """Trade until the stop signal, then drain. Returns the exit code."""
        if self._router is not None:
            self._router.begin()
        if self._strategy is not None:
            self._strategy.runner.attach()
        freeze_garbage_collector(disable=self._strategy is None or not self._strategy.makes_objects)
        loops = [part.status for part in self._engines if part is not None]
        report = LoopReport(ServiceManager.from_environment(os.environ), loops)
        turn = 0
        while not stop:
            self._loop.spin(SLICE_MS)
            turn += 1
            router = self._router
            if router is not None and (turn % TURNS == 0 or router.engine.attention) and not router.housekeep():
                return 1  # the router that took over cancels
            if self._strategy is not None and turn % TURNS == 1 and not self._strategy.housekeep():
                self._drain("strategy stops", strategy=self._strategy.failed)
                return 1
            if self._feed is not None and turn % TURNS == 2 and not self._feed.housekeep():
                self._drain("feed handler stops")
                return 1
            report.tick()
        report.stopping()
        return self._drain(stop.name)

    def _drain(self, cause: str, *, strategy: bool = True) -> int:
        code = 0
        if self._strategy is not None and strategy:
            code |= self._strategy.drain(cause, self._spin)
        if self._router is not None:
            code |= self._router.drain(cause)
        if self._feed is not None:
            self._feed.stop(cause)
        return code

    def _spin(self, milliseconds: int) -> None:
        """While the strategy drains: every engine goes on, and the router's session is looked after."""
        deadline = time.monotonic_ns() + milliseconds * 1_000_000
        while True:
            self._loop.spin(max(0, (deadline - time.monotonic_ns()) // 1_000_000))
            if self._router is not None:
                self._router.housekeep()
            if time.monotonic_ns() >= deadline:
                return


def _check(config_path: str, config: CompositeConfig) -> None:
    """The parts must belong together. Raises ConfigError."""
    parts: dict[str, FeedHandlerConfig | StrategyConfig | OrderRouterConfig] = {}
    if config.feed_handler is not None:
        parts["feed_handler"] = load(config.feed_handler, FeedHandlerConfig)
    if config.strategy is not None:
        parts["strategy"] = load(config.strategy, StrategyConfig)
    if config.order_router is not None:
        parts["order_router"] = load(config.order_router, OrderRouterConfig)
    if len(parts) < 2:
        raise ConfigError(f"{config_path}: name at least two of feed_handler, strategy, order_router")
    shared = {
        "runtime.shm_prefix": {name: part.runtime.shm_prefix for name, part in parts.items()},
        "runtime.environment": {name: part.runtime.environment for name, part in parts.items()},
        "instrument.symbol": {name: part.instrument.symbol for name, part in parts.items()},
    }
    for key, values in shared.items():
        if len(set(values.values())) > 1:
            raise ConfigError(f"{config_path}: {key} must be the same in every part, not {values}")
    if WALLED_ENVIRONMENT in shared["runtime.environment"].values() and {"strategy", "order_router"} <= parts.keys():
        raise ConfigError(
            f"{config_path}: in {WALLED_ENVIRONMENT} the risk gate must be in another process than the strategy;"
            " run the order-router role by itself"
        )
