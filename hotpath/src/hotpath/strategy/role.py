"""The strategy process: `hotpath run strategy --config FILE`."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from hotpath.config import ConfigError, StrategyConfig, load
from hotpath.ipc.segment import SegmentError
from hotpath.process import RoleLog, StopSignal, freeze_garbage_collector
from hotpath.router.epoch import EpochError, FencingEpoch
from hotpath.service_manager import LoopReport, ServiceManager
from hotpath.strategy import cancel_proof
from hotpath.strategy.loading import make_strategy
from hotpath.strategy.python_base import PythonDesk
from hotpath.strategy.runner import ROLE, StrategyRunner

HOUSEKEEPING_MS = 20
DRAIN_STEP_MS = 2


def run(config_path: str) -> int:
    """Run until SIGTERM, then cancel and prove. 0: no order is left in doubt.

    1: some order is, a Python strategy raised, or a lock, socket or segment could not be had. Raises ConfigError for a
    file, a class or a parameter that cannot be used.
    """
    log = RoleLog(ROLE)
    stop = StopSignal()
    try:
        role = StrategyRole(config_path, log)
    except (OSError, EpochError, SegmentError) as error:
        log.error("cannot start", error=error)
        return 1
    spin = role.runner.spin
    report = LoopReport(ServiceManager.from_environment(os.environ), [role.runner.status])
    try:
        role.runner.attach()
        freeze_garbage_collector(disable=not role.makes_objects)
        while not stop:
            spin(HOUSEKEEPING_MS)
            if not role.housekeep():
                if role.failed:
                    report.stopping()
                    role.drain("callback raised", spin)
                return 1
            report.tick()
        report.stopping()
        return role.drain(stop.name, spin)
    finally:
        role.close()


class StrategyRole:
    """Owns the runner and does what is slow beside it. Raises ConfigError, OSError, EpochError, SegmentError."""

    def __init__(self, config_path: str, log: RoleLog) -> None:
        config = self.config = load(config_path, StrategyConfig)
        self._log = log
        self.failed = False  # a callback raised
        if config.timer_ms < 1 or config.cancel_deadline_ms < 0:
            raise ConfigError(f"{config_path}: timer_ms must be at least 1 and cancel_deadline_ms at least 0")
        data_dir = Path(config.runtime.data_dir)
        data_dir.mkdir(parents=True, exist_ok=True)
        self._epoch = FencingEpoch(data_dir)
        try:
            # at least the wall clock: the router refuses an epoch below one it has seen, even when our data_dir is new
            number = self._epoch.advance(int(time.time()) - 1)
            strategy, is_python = make_strategy(config.strategy, config.parameters, config.instrument, number)
            self.runner = StrategyRunner(config, strategy, log)
        except (ConfigError, ValueError) as error:
            self._epoch.close()
            raise ConfigError(f"{config_path}: {error}") from error
        except BaseException:
            self._epoch.close()
            raise
        self._desk = strategy if isinstance(strategy, PythonDesk) else None
        log.info("started", strategy=config.strategy, strategy_epoch=number, path="python" if is_python else "cython")

    @property
    def makes_objects(self) -> bool:
        """A Python strategy does, and may make cycles: the collector must stay on."""
        return self._desk is not None

    def housekeep(self) -> bool:
        """Between two stretches of the loop. False: it has to stop, and to drain before that when it has `failed`."""
        self.runner.attach()
        self.runner.update_status()
        if self.runner.superseded():
            self._log.error(
                "stopping: another strategy has taken over the intent ring; the router cancels what was open"
            )
            return False
        if self._desk is not None and self._desk.failure is not None:
            text = "".join(traceback.format_exception(self._desk.failure)).rstrip()
            self._log.error("stopping: a callback raised", traceback=text)
            self.failed = True
            return False
        return True

    def drain(self, cause: str, spin: Callable[[int], None]) -> int:
        """Cancel everything, wait for the proof, print and keep it; spin(ms) drives the loop. 0: nothing is unknown."""
        runner = self.runner
        started = time.monotonic()
        deadline = started + self.config.cancel_deadline_ms / 1000
        spin(0)  # events that are here already may have settled orders
        open_at_signal = runner.begin_drain()
        self._log.info(
            "draining", cause=cause, open_orders=len(open_at_signal), deadline_ms=self.config.cancel_deadline_ms
        )
        runner.update_status()
        while not runner.drained() and time.monotonic() < deadline:
            spin(DRAIN_STEP_MS)
            runner.attach()
        proofs = cancel_proof.prove(open_at_signal, runner.strategy.order_view)
        for proof in proofs:
            print(proof.line())
        print(cancel_proof.summary(proofs), flush=True)
        unknown = cancel_proof.count(proofs, "unknown")
        elapsed_ms = round((time.monotonic() - started) * 1000, 3)
        cancel_proof.write(
            Path(self.config.runtime.data_dir) / "cancel-proof.json",
            proofs,
            cause=cause,
            elapsed_ms=elapsed_ms,
            strategy_epoch=runner.strategy.strategy_epoch,
            router_epoch=runner.strategy.router_epoch,
            position=runner.strategy.position,
        )
        runner.update_status()
        counters = runner.counters()
        report = self._log.error if unknown else self._log.info
        report(
            "stopped",
            cause=cause,
            unknown=unknown,
            elapsed_ms=elapsed_ms,
            position=counters["position"],
            fills=counters["fills"],
            intents=counters["intents"],
            refused=counters["refused"],
        )
        return 1 if unknown else 0

    def close(self) -> None:
        self.runner.close()
        self._epoch.close()
