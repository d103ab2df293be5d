"""The feed-handler process: `hotpath run feed-handler --config FILE`."""

from __future__ import annotations

from hotpath.config import ConfigError, FeedHandlerConfig, load
from hotpath.feed.handler import ROLE, FeedHandler
from hotpath.ipc.segment import SegmentError
from hotpath.process import RoleLog, StopSignal, freeze_garbage_collector

HOUSEKEEPING_MS = 50


def run(config_path: str) -> int:
    """Run until SIGTERM (0). 1: a socket or segment cannot be had, or another feed handler took over.

    Raises ConfigError for a file that cannot be used.
    """
    config = load(config_path, FeedHandlerConfig)
    log = RoleLog(ROLE)
    stop = StopSignal()
    try:
        handler = FeedHandler(config)
    except ConfigError as error:
        raise ConfigError(f"{config_path}: {error}") from error
    except (OSError, SegmentError) as error:
        log.error("cannot start", error=error)
        return 1
    for line, (endpoint, granted) in enumerate(zip(config.lines, handler.receive_buffers, strict=True)):
        report = log.info if granted >= config.receive_buffer_bytes else log.warning
        report(
            "listening",
            line="AB"[line],
            address=f"{endpoint.host}:{endpoint.port}",
            receive_buffer_bytes=granted,
            wanted=config.receive_buffer_bytes,
        )
    try:
        return _loop(handler, log, stop)
    finally:
        handler.close()


def _loop(handler: FeedHandler, log: RoleLog, stop: StopSignal) -> int:
    freeze_garbage_collector(disable=True)
    session = ""
    closed: dict[str, str] = {}
    while not stop:
        handler.spin(HOUSEKEEPING_MS)
        if handler.superseded():
            log.error("stopping: another feed handler has taken over the shared-memory segments")
            return 1
        if session != handler.session():
            session = handler.session()
            log.info("new market data session", session=session)
        now_closed = handler.update_status()
        _log_changes(log, closed, now_closed)
        closed = now_closed
    handler.begin_stop()
    counters = handler.counters()
    log.info(
        "stopped",
        signal=stop.name,
        messages=counters["itch_messages"],
        events=counters["events_published"],
        conflated=counters["events_conflated"],
        gaps=counters["gap_opened"],
        declared=counters["gap_declared"],
        kernel_drops=counters["line_a_kernel_drops"] + counters["line_b_kernel_drops"],
    )
    return 0


def _log_changes(log: RoleLog, before: dict[str, str], after: dict[str, str]) -> None:
    for gate, reason in after.items():
        if gate not in before:
            log.warning("gate closed", gate=gate, reason=reason)
    for gate in before:
        if gate not in after:
            log.info("gate open", gate=gate)
