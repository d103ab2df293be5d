"""The venue process: `hotpath run venue --config FILE`."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from hotpath.book.matching_engine import MatchingEngine
from hotpath.config import Account, ConfigError, VenueConfig, load
from hotpath.ipc.histogram import HistogramWriter
from hotpath.ipc.idle import IdleStrategy
from hotpath.ipc.journal import JournalError
from hotpath.ipc.segment import SegmentError
from hotpath.ipc.status import RoleState, StatusWriter
from hotpath.process import RoleLog, StopSignal, freeze_garbage_collector
from hotpath.service_manager import LoopReport, ServiceManager
from hotpath.venue.admin_port import AdminPort
from hotpath.venue.client_account import ClientAccount
from hotpath.venue.execution_reports import ExecutionReports
from hotpath.venue.flow import FlowError, FlowSource
from hotpath.venue.generator import GeneratedFlow
from hotpath.venue.identity import IdentityError, VenueIdentity
from hotpath.venue.ledger import Ledger, LedgerError
from hotpath.venue.ledger_pages import LedgerPages
from hotpath.venue.lobster import read_lobster
from hotpath.venue.market_data import MarketData
from hotpath.venue.progress import FlowProgress
from hotpath.venue.recovery import recover_accounts
from hotpath.venue.venue import COUNTERS, GATES, Venue, make_entry, make_glimpse

ROLE = "venue"
MAX_LIVE_ORDERS = 1_048_576
JOURNAL_RESERVE = 40_000  # records for the cancels of every order an account may have open, and some
SLICE_MS = 50
CHECKPOINT_S = 30.0
DRAIN_MS = 1_000
SNAPSHOT_TIMEOUT_MS = 15_000


def run(config_path: str) -> int:
    """Run until SIGTERM (0). 1: a port, segment or data folder cannot be had.

    Raises ConfigError for a file that cannot be used, replay file and passwords included.
    """
    config = load(config_path, VenueConfig)
    log = RoleLog(ROLE)
    stop = StopSignal()
    try:
        process = VenueProcess(config, log)
    except (FlowError, ValueError) as error:
        raise ConfigError(f"{config_path}: {error}") from error
    except (OSError, SegmentError, JournalError, LedgerError, IdentityError) as error:
        log.error("cannot start", error=error)
        return 1
    try:
        return process.run(stop)
    finally:
        process.close()


class VenueProcess:
    """Everything of one venue, assembled from its configuration and brought to the state it was left in."""

    def __init__(self, config: VenueConfig, log: RoleLog) -> None:
        self._config = config
        self._log = log
        self._errors: deque[str] = deque(maxlen=32)
        self._start_requested = False
        self._flow_state = ""
        sys.setswitchinterval(0.0005)  # the admin thread gives the loop the interpreter back quickly
        started = time.monotonic()
        _check(config)
        passwords = [_password(account) for account in config.accounts]
        source = _source(config)
        data = Path(config.runtime.data_dir)
        self._identity = VenueIdentity(data)
        self._identity.next_start()
        self._progress = FlowProgress(data / "flow.position", config.flow_id, source.name)
        self._checkpoint = _Checkpoint(data / "generator.state", source, self._progress)
        if not self._progress.resumed:
            self._checkpoint.discard()
        self._accounts = [
            ClientAccount(
                account.username, password, account.firm, str(data / "orders" / account.username), JOURNAL_RESERVE
            )
            for account, password in zip(config.accounts, passwords, strict=True)
        ]
        session = self._identity.session
        self._ledgers = [Ledger(account.username, session.decode(), account.directory) for account in self._accounts]
        self.ledger_pages = LedgerPages(self._ledgers)
        self._feed = MarketData(
            config.instrument.symbol,
            config.instrument.locate,
            config.instrument.round_lot,
            [(line.host, line.port) for line in config.lines],
            (config.rerequest.host, config.rerequest.port),
            config.rerequest_window,
            config.heartbeat_ms,
        )
        # after the first port: a venue that cannot have it must not supersede the running one's status
        self._status = StatusWriter(config.runtime.shm_prefix, ROLE, self._identity.starts, GATES, COUNTERS)
        self._latency = HistogramWriter(
            config.runtime.shm_prefix, f"latency.{ROLE}", ["order_turnaround"], self._identity.starts
        )
        engine = MatchingEngine(
            MAX_LIVE_ORDERS,
            event_capacity=4096,
            max_owners=len(self._accounts) + 1,
            first_match_number=(self._identity.starts << 40) | 1,
        )
        self._venue = Venue(
            self._feed,
            engine,
            ExecutionReports(self._accounts, config.instrument.symbol),
            source,
            self._progress,
            IdleStrategy(config.runtime.idle.mode, config.runtime.idle.max_sleep_us),
            self._status,
            self._latency,
            config.flow.speed,
            config.flow.max_rows_per_second,
        )
        self._source = source
        self._checkpoint.restore()
        self._venue.rebuild()
        recovered = recover_accounts(self._accounts, self._ledgers, self._venue.timestamp_ns)
        self._status.gate("flow", True)
        self._serve()
        self._log.info(
            "ready",
            flow=source.name,
            flow_id=config.flow_id,
            row=self._progress.position,
            rows=source.total if source.total >= 0 else "endless",
            bad_rows=source.bad_rows,
            order_session=session.decode(),
            feed_session=self._identity.feed_session.decode(),
            sequenced_messages=recovered.messages,
            orders_cancelled=recovered.cancelled,
            fills_completed=recovered.completed_fills,
            took_ms=round((time.monotonic() - started) * 1000),
        )
        if source.symbol and source.symbol != config.instrument.symbol:
            self._log.warning("flow of another symbol", file=source.symbol, traded_as=config.instrument.symbol)

    def _serve(self) -> None:
        config = self._config
        entry = make_entry(
            self._venue,
            self._identity.session,
            config.instrument.tick,
            config.order_entry.host,
            config.order_entry.port,
            config.heartbeat_ms,
            config.client_timeout_ms,
        )
        glimpse = make_glimpse(
            self._venue, config.glimpse.host, config.glimpse.port, config.heartbeat_ms, SNAPSHOT_TIMEOUT_MS
        )
        self._venue.serve_on(entry, glimpse)
        self._servers = (entry, glimpse)
        self._admin = AdminPort(config.admin.host, config.admin.port, self)
        self._status.gate("ports", True)
        self._update_ledger_gate()

    def run(self, stop: StopSignal) -> int:
        """Serve until the stop signal."""
        self.open()
        freeze_garbage_collector(disable=False)
        report = LoopReport(ServiceManager.from_environment(os.environ), [self._status])
        while not stop:
            self.step(SLICE_MS)
            report.tick()
        report.stopping()
        self.shut_down(stop.name)
        return 0

    def open(self, *, serve_admin: bool = True) -> None:
        """Begin the feed session and the admin port; the flow too, unless it waits for a request."""
        self._venue.open(self._identity.feed_session, self._config.flow.start == "immediately")
        if serve_admin:
            self._admin.start()
        self._status.enter(RoleState.ACTIVE)

    def step(self, milliseconds: int) -> None:
        """Let the loop turn, then do what needs Python."""
        self._venue.run(milliseconds)
        if self._start_requested and self._venue.start_flow():
            self._log.info("flow started on request")
        self._start_requested = False
        for account in self._accounts:
            if account.journal.wants_prepare:
                account.journal.prepare()
        if self._venue.feed_sequence > self._config.max_session_messages:
            self._identity.next_start()
            self._venue.roll_session(self._identity.feed_session)
            self._log.info("new feed session", session=self._identity.feed_session.decode(), reason="session is full")
        self._update_ledger_gate()
        self._checkpoint.save_when_due()
        if self._flow_state != self._venue.flow_state:
            self._flow_state = self._venue.flow_state
            self._log.info("flow", state=self._flow_state, row=self._source.position)

    def shut_down(self, reason: str) -> None:
        """Cancel client orders, publish, and let clients take what is theirs."""
        self._status.enter(RoleState.DRAINING)
        drained = self._venue.shut_down(DRAIN_MS)
        self._checkpoint.save()
        counters = self.snapshot()["counters"]
        self._log.info(
            "stopped",
            signal=reason,
            row=self._source.position,
            feed_messages=counters["feed_messages"],
            client_fills=counters["client_fills"],
            clients_drained="yes" if drained else "no",
        )

    def close(self) -> None:
        self._admin.stop()
        for server in self._servers:
            server.close()
        self._feed.close()
        for account in self._accounts:
            account.journal.close()
        self._progress.close()
        self._latency.close()
        self._status.close()
        self._identity.close()

    def snapshot(self) -> dict[str, Any]:
        """The body of /status."""
        now = self._venue.snapshot()
        return {
            "flow_id": self._config.flow_id,
            "flow": {
                "source": self._source.name,
                "state": now["state"],
                "rows_replayed": now["position"],
                "rows_total": now["total"],  # -1 = endless
                "bad_rows": self._source.bad_rows,
                "speed": self._config.flow.speed,
                "max_rows_per_second": self._config.flow.max_rows_per_second,
                "time_ns": now["flow_time_ns"],
                "halted": now["halted"],
                "rows_by_kind": now["rows_by_kind"],
                "before_open_by_kind": now["before_open_by_kind"],
                "gone_by_kind": now["gone_by_kind"],
                "shortened": now["shortened"],
                "refused": now["refused"],
                "crossed_shares": now["crossed_shares"],
                "unfilled_shares": now["unfilled_shares"],
                "client_shares": now["client_shares"],
            },
            "feed": {"session": now["feed_session"], "next_sequence": now["feed_next_sequence"]},
            "order_entry": {
                "session": self._identity.session.decode(),
                "accounts": [
                    {"username": account.username, "next_sequence": account.journal.last_sequence + 1}
                    for account in self._accounts
                ],
            },
            "starts": self._identity.starts,
            "counters": now["counters"],
            "errors": list(self._errors),
        }

    def heartbeat_ns(self) -> int:
        return self._status.segment.heartbeat_ns

    def gate_reasons(self) -> dict[str, str]:
        reasons = {"flow": "", "ports": "", "ledger": self._ledger_trouble()}
        return {name: reasons[name] for name in GATES}

    def _ledger_trouble(self) -> str:
        for account in self._accounts:
            if account.journal.failure or account.exhausted:
                return f"{account.username}: {account.journal.failure or 'the journal is full'}"
        return ""

    def _update_ledger_gate(self) -> None:
        trouble = self._ledger_trouble()
        if trouble and (not self._errors or self._errors[-1] != trouble):
            self._errors.append(trouble)
            self._log.error("order entry closed", reason=trouble)
        self._status.gate("ledger", not trouble, trouble)

    def request_start(self) -> bool:
        self._start_requested = self._venue.flow_state == "waiting"
        return self._start_requested


class _Checkpoint:
    """Saved generator state, so that a restart need not produce every row again."""

    def __init__(self, path: Path, source: FlowSource, progress: FlowProgress) -> None:
        self._path = path
        self._generated = source if isinstance(source, GeneratedFlow) else None
        self._progress = progress
        self._due = time.monotonic() + CHECKPOINT_S

    def discard(self) -> None:
        self._path.unlink(missing_ok=True)

    def restore(self) -> None:
        """Best effort: without a usable file the rows are produced again, which gives the same state."""
        if self._generated is None or self._progress.position == 0:
            return
        try:
            saved = self._path.read_bytes()
        except OSError:
            return
        if len(saved) >= 8 and int.from_bytes(saved[:8], sys.byteorder) <= self._progress.position:
            try:
                self._generated.restore(saved)
            except FlowError:
                self.discard()

    def save_when_due(self) -> None:
        if self._generated is not None and time.monotonic() >= self._due:
            self._due = time.monotonic() + CHECKPOINT_S
            self.save()

    def save(self) -> None:
        if self._generated is None:
            return
        new = self._path.with_suffix(".new")
        new.write_bytes(self._generated.save())
        new.replace(self._path)


def _check(config: VenueConfig) -> None:
    if not config.flow_id:
        raise ValueError("flow_id: must not be empty")
    if not 10 <= config.heartbeat_ms <= 60_000:
        raise ValueError(f"heartbeat_ms: {config.heartbeat_ms} must be 10 to 60000")
    if not config.heartbeat_ms < config.client_timeout_ms <= 600_000:
        raise ValueError(f"client_timeout_ms: {config.client_timeout_ms} must be above heartbeat_ms and at most 600000")
    if config.max_session_messages < 1000:
        raise ValueError(f"max_session_messages: {config.max_session_messages} must be 1000 or more")
    names = [account.username.upper() for account in config.accounts]
    if len(set(names)) != len(names):
        raise ValueError("accounts: two have the same username (case does not count)")


def _source(config: VenueConfig) -> FlowSource:
    flow = config.flow
    if flow.start not in ("immediately", "on_request"):
        raise FlowError(f'flow.start: {flow.start!r} is not known; use "immediately" or "on_request"')
    if flow.file is not None:
        return read_lobster(flow.file, flow.on_bad_row)
    return GeneratedFlow(flow.seed, flow.rows_per_second, flow.reference_price, config.instrument.tick, flow.rows)


def _password(account: Account) -> str:
    try:
        return Path(account.password_file).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not ASCII"
        raise ValueError(
            f"accounts: password file {account.password_file} of {account.username} cannot be used ({reason})"
        ) from error
