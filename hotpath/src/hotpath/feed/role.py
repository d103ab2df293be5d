"""The feed-handler process: `hotpath run feed-handler --config FILE`."""

from __future__ import annotations

import os

from hotpath.config import ConfigError, FeedHandlerConfig, load
from hotpath.feed.handler import DEFAULT_BATCH, ROLE, FeedHandler
from hotpath.ipc.segment import SegmentError
from hotpath.process import RoleLog, StopSignal, freeze_garbage_collector
from hotpath.service_manager import LoopReport, ServiceManager

HOUSEKEEPING_MS = 50


def run(config_path: str) -> int:
    """Run until SIGTERM (0). 1: a socket or segment cannot be had, or another feed handler took over.

    Raises ConfigError for a file that cannot be used.
    """
    log = RoleLog(ROLE)
    stop = StopSignal()
    try:
        role = FeedHandlerRole(config_path, log)
    except (OSError, SegmentError) as error:
        log.error("cannot start", error=error)
        return 1
    report = LoopReport(ServiceManager.from_environment(os.environ), [role.handler.status])
    try:
        freeze_garbage_collector(disable=True)
        while not stop:
            role.handler.spin(HOUSEKEEPING_MS)
            if not role.housekeep():
                return 1
            report.tick()
        report.stopping()
        role.stop(stop.name)
        return 0
    finally:
        role.close()


class FeedHandlerRole:
    """Owns the handler and does what is slow beside it. Raises ConfigError, OSError, SegmentError."""

    def __init__(self, config_path: str, log: RoleLog, batch: int = DEFAULT_BATCH) -> None:
        self.config = load(config_path, FeedHandlerConfig)
        self._log = log
        self._session = ""
        self._closed: dict[str, str] = {}
        try:
            self.handler = FeedHandler(self.config, batch)
        except ConfigError as error:
            raise ConfigError(f"{config_path}: {error}") from error
        for line, (endpoint, granted) in enumerate(zip(self.config.lines, self.handler.receive_buffers, strict=True)):
            report = log.info if granted >= self.config.receive_buffer_bytes else log.warning
            report(
                "listening",
                line="AB"[line],
                address=f"{endpoint.host}:{endpoint.port}",
                receive_buffer_bytes=granted,
                wanted=self.config.receive_buffer_bytes,
            )

    def housekeep(self) -> bool:
        """Between two stretches of the loop. False: it has to stop."""
        if self.handler.superseded():
            self._log.error("stopping: another feed handler has taken over the shared-memory segments")
            return False
        if self._session != self.handler.session():
            self._session = self.handler.session()
            self._log.info("new market data session", session=self._session)
        closed = self.handler.update_status()
        _log_changes(self._log, self._closed, closed)
        self._closed = closed
        return True

    def stop(self, cause: str) -> None:
        self.handler.begin_stop()
        counters = self.handler.counters()
        self._log.info(
            "stopped",
            signal=cause,
            messages=counters["itch_messages"],
            events=counters["events_published"],
            conflated=counters["events_conflated"],
            gaps=counters["gap_opened"],
            declared=counters["gap_declared"],
            kernel_drops=counters["line_a_kernel_drops"] + counters["line_b_kernel_drops"],
        )

    def close(self) -> None:
        self.handler.close()


def _log_changes(log: RoleLog, before: dict[str, str], after: dict[str, str]) -> None:
    for gate, reason in after.items():
        if gate not in before:
            log.warning("gate closed", gate=gate, reason=reason)
    for gate in before:
        if gate not in after:
            log.info("gate open", gate=gate)
