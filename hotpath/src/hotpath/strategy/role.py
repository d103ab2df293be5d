"""The strategy process: `hotpath run strategy --config FILE`."""

from __future__ import annotations

import time
import traceback
from pathlib import Path

from hotpath.config import ConfigError, StrategyConfig, load
from hotpath.ipc.segment import SegmentError
from hotpath.process import RoleLog, StopSignal, freeze_garbage_collector
from hotpath.router.epoch import EpochError, FencingEpoch
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
    config = load(config_path, StrategyConfig)
    log = RoleLog(ROLE)
    stop = StopSignal()
    if config.timer_ms < 1 or config.cancel_deadline_ms < 0:
        raise ConfigError(f"{config_path}: timer_ms must be at least 1 and cancel_deadline_ms at least 0")
    try:
        data_dir = Path(config.runtime.data_dir)
        data_dir.mkdir(parents=True, exist_ok=True)
        epoch = FencingEpoch(data_dir)
    except (OSError, EpochError) as error:
        log.error("cannot start", error=error)
        return 1
    try:
        # at least the wall clock: the router refuses an epoch below one it has seen, even when our data_dir is new
        number = epoch.advance(int(time.time()) - 1)
        strategy, is_python = make_strategy(config.strategy, config.parameters, config.instrument, number)
        runner = StrategyRunner(config, strategy, log)
    except (ConfigError, ValueError) as error:
        raise ConfigError(f"{config_path}: {error}") from error
    except (OSError, EpochError, SegmentError) as error:
        log.error("cannot start", error=error)
        return 1
    log.info("started", strategy=config.strategy, strategy_epoch=number, path="python" if is_python else "cython")
    try:
        return _trade(config, runner, strategy if isinstance(strategy, PythonDesk) else None, log, stop)
    finally:
        runner.close()
        epoch.close()


def _trade(
    config: StrategyConfig, runner: StrategyRunner, desk: PythonDesk | None, log: RoleLog, stop: StopSignal
) -> int:
    runner.attach()
    # a Python strategy makes objects, and may make cycles: its collector stays on
    freeze_garbage_collector(disable=desk is None)
    while not stop:
        runner.spin(HOUSEKEEPING_MS)
        runner.attach()
        runner.update_status()
        if runner.superseded():
            log.error("stopping: another strategy has taken over the intent ring; the router cancels what was open")
            return 1
        if desk is not None and desk.failure is not None:
            text = "".join(traceback.format_exception(desk.failure)).rstrip()
            log.error("stopping: a callback raised", traceback=text)
            _drain(config, runner, log, "callback raised")
            return 1
    return _drain(config, runner, log, stop.name)


def _drain(config: StrategyConfig, runner: StrategyRunner, log: RoleLog, cause: str) -> int:
    """Cancel everything, wait for the proof, print and keep it. 0 when nothing is unknown."""
    started = time.monotonic()
    deadline = started + config.cancel_deadline_ms / 1000
    runner.spin(0)  # events that are here already may have settled orders
    open_at_signal = runner.begin_drain()
    log.info("draining", cause=cause, open_orders=len(open_at_signal), deadline_ms=config.cancel_deadline_ms)
    runner.update_status()
    while not runner.drained() and time.monotonic() < deadline:
        runner.spin(DRAIN_STEP_MS)
        runner.attach()
    proofs = cancel_proof.prove(open_at_signal, runner.strategy.order_view)
    for proof in proofs:
        print(proof.line())
    print(cancel_proof.summary(proofs), flush=True)
    unknown = cancel_proof.count(proofs, "unknown")
    elapsed_ms = round((time.monotonic() - started) * 1000, 3)
    cancel_proof.write(
        Path(config.runtime.data_dir) / "cancel-proof.json",
        proofs,
        cause=cause,
        elapsed_ms=elapsed_ms,
        strategy_epoch=runner.strategy.strategy_epoch,
        router_epoch=runner.strategy.router_epoch,
        position=runner.strategy.position,
    )
    runner.update_status()
    counters = runner.counters()
    report = log.error if unknown else log.info
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
