"""The order-router process: `hotpath run order-router --config FILE`.

STARTING: take the fencing epoch, rebuild orders and position from the journal. RECONCILING: cancel what is open at the
venue, read its stream, compare. ACTIVE: trade. DRAINING: cancel everything and prove it. HALTED: our picture and the
venue's differ; a person has to look.
"""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

from hotpath.config import ConfigError, OrderRouterConfig, load
from hotpath.ipc.histogram import HistogramWriter
from hotpath.ipc.idle import IdleStrategy
from hotpath.ipc.journal import JournalError, JournalReader, JournalWriter
from hotpath.ipc.layouts import (
    BOOK_EVENT_SIZE,
    CONTROL_BLOCK_SIZE,
    INTENT_SIZE,
    ORDER_EVENT_SIZE,
    POSITION_BLOCK_SIZE,
    TradingMode,
)
from hotpath.ipc.ring import RingConsumer, RingProducer
from hotpath.ipc.segment import ProducerState, SegmentError, SegmentMissing, WrongInstrument
from hotpath.ipc.seqlock import SeqlockReader, SeqlockWriter
from hotpath.ipc.status import RoleState, StatusWriter
from hotpath.net.sockets import resolve_ipv4
from hotpath.process import RoleLog, StopSignal, freeze_garbage_collector
from hotpath.router import cancel_proof
from hotpath.router.engine import AUDIT_RESERVE_RECORDS as AUDIT_RESERVE
from hotpath.router.engine import COUNTERS, GATES, LATENCIES, SESSION_STATES, RouterEngine, restore_table
from hotpath.router.epoch import EpochError, FencingEpoch
from hotpath.router.order_state import OrderTable
from hotpath.router.risk_gate import RiskGate
from hotpath.service_manager import LoopReport, ServiceManager

ROLE = "order-router"
ORDER_RING_SLOTS = 16_384
SLICE_NS = 20_000_000
ATTACH_EVERY_NS = 50_000_000
BACK_OFF_FIRST_S = 0.05
BACK_OFF_LAST_S = 0.5
BACK_OFF_DRAINING_S = 0.1
KILLED_MARK = "killed"  # in data_dir: a latched kill survives a restart
SETTLE_FILE = "SETTLE_EARLIER_SESSIONS"  # in data_dir: a person vouches that no order of an earlier session is open


def run(config_path: str) -> int:
    """Run until SIGTERM. 0: every order open then is known to be gone. 1: not, or the router could not start.

    Raises ConfigError for a configuration that cannot be used.
    """
    log = RoleLog(ROLE)
    stop = StopSignal()
    try:
        router = open_router(config_path, log)
    except (EpochError, JournalError, SegmentError, OSError) as error:
        log.error("cannot start", error=error)
        return 1
    report = LoopReport(ServiceManager.from_environment(os.environ), [router.engine.status])
    try:
        router.begin()
        freeze_garbage_collector(disable=True)
        while not stop:
            router.engine.poll(time.monotonic_ns() + SLICE_NS)
            if not router.housekeep():
                return 1
            report.tick()
        report.stopping()
        return router.drain(stop.name)
    finally:
        router.close()


def open_router(config_path: str, log: RoleLog) -> OrderRouter:
    """Raises ConfigError for a configuration that cannot be used, EpochError, JournalError, SegmentError, OSError."""
    config = load(config_path, OrderRouterConfig)
    try:
        password = Path(config.account.password_file).read_text().rstrip("\n")
    except OSError as error:
        raise ConfigError(
            f"{config_path}: account.password_file {config.account.password_file}: {error.strerror};"
            " the router needs it to log in"
        ) from error
    try:
        return OrderRouter(config, password, log)
    except ValueError as error:
        raise ConfigError(f"{config_path}: {error}") from error


def _other_positions(table: OrderTable) -> str:
    """What is held in symbols of earlier configurations: on record, never part of this instrument's position."""
    held = (f"{symbol}:{position}" for symbol, (position, _) in table.other_symbols().items() if position)
    return ",".join(held) or "none"


class OrderRouter:
    """Owns the engine and does what is slow beside it. One thread."""

    def __init__(self, config: OrderRouterConfig, password: str, log: RoleLog) -> None:
        """Raises ValueError for a setting out of range, EpochError, JournalError, SegmentError, OSError."""
        runtime = config.runtime
        self.config = config
        self._log = log
        self._data = Path(runtime.data_dir)
        self._data.mkdir(parents=True, exist_ok=True)
        host = resolve_ipv4(config.order_entry.host)
        records = config.journal_segment_records * config.journal_max_segments
        if config.journal_max_segments < 2 or records <= AUDIT_RESERVE:
            raise ValueError(
                f"journal_max_segments {config.journal_max_segments} x journal_segment_records"
                f" {config.journal_segment_records}: give at least 2 segments and more than {AUDIT_RESERVE} records"
            )
        self._epoch = FencingEpoch(self._data)
        try:
            self._journal = JournalWriter(
                str(self._data), ORDER_EVENT_SIZE, config.journal_segment_records, config.journal_max_segments
            )
            symbol = config.instrument.symbol
            table = OrderTable(config.max_orders, symbol)
            restored, last_epoch = restore_table(table, self._read_journal())
            self._epoch.advance(last_epoch)
            prefix, number = runtime.shm_prefix, self._epoch.number
            self._status = StatusWriter(prefix, ROLE, number, GATES, COUNTERS)
            self._orders = RingProducer(prefix, "ring.orders", ORDER_EVENT_SIZE, ORDER_RING_SLOTS, number, symbol)
            self._position = SeqlockWriter(prefix, "position", POSITION_BLOCK_SIZE, number, symbol=symbol)
            self._latency = HistogramWriter(prefix, f"latency.{ROLE}", LATENCIES, number)
            self.engine = RouterEngine(
                table=table,
                gate=RiskGate(config.instrument.locate, config.instrument.tick),
                journal=self._journal,
                orders=self._orders,
                position=self._position,
                status=self._status,
                latency=self._latency,
                idle=IdleStrategy(runtime.idle.mode, runtime.idle.max_sleep_us),
                epoch=number,
                locate=config.instrument.locate,
                symbol=symbol,
                firm=config.account.firm,
                username=config.account.username,
                password=password,
                host=host,
                port=config.order_entry.port,
                limits=config.limits,
                kill_file=str(runtime.kill_file),
                recovery_timeout_ms=config.reconcile_timeout_ms,
            )
        except BaseException:
            self._epoch.close()
            raise
        self._table = table
        self._control: SeqlockReader | None = None
        self._top: SeqlockReader | None = None
        self._view: OrderTable | None = None
        self._from_sequence = 1
        self._illegal_before = table.illegal
        self._problem = "not reconciled with the venue yet"
        self._stage = "idle"
        self._sessions = 0
        self._back_off_s = BACK_OFF_FIRST_S
        self._retry_ns = 0
        self._attach_ns = 0
        self._gates: dict[str, str] = {}
        self._errors: dict[str, str] = {}
        self._strangers: dict[str, str] = {}  # segment of a neighbour that trades another instrument -> what is wrong
        log.info(
            "started",
            epoch=number,
            events_restored=restored,
            torn_record=self._journal.torn_record,
            open_orders=table.open_count,
            symbol=symbol,
            position=table.position,
            other_positions=_other_positions(table),
            session=self.engine.session.decode("ascii", "replace").strip() or "none",
            venue_sequence=table.venue_sequence,
        )

    def _read_journal(self) -> JournalReader:
        return JournalReader(str(self._data), ORDER_EVENT_SIZE, self._journal.first_sequence)

    def begin(self) -> None:
        """Before the first stretch of the loop."""
        if (self._data / KILLED_MARK).exists():
            self.engine.latch_kill()
        self.engine.check_kill_file()
        self.engine.start()
        self._status.enter(RoleState.RECONCILING)

    def close(self) -> None:
        """Close what is shared, so that readers see an orderly end."""
        self.engine.disconnect(logout=True)
        for part in (self._orders, self._position, self._latency, self._status, self._journal):
            part.close()
        self._epoch.close()

    def housekeep(self) -> bool:
        """Between two stretches of the loop. False: it has to stop, another router has taken over."""
        now = time.monotonic_ns()
        if now >= self._attach_ns:
            self._attach_ns = now + ATTACH_EVERY_NS
            self._attach()
        if self._journal.wants_prepare:
            try:
                self._journal.prepare()
            except JournalError as error:  # the gate shows it; the reserve holds what the venue still sends
                self._error_once("journal cannot grow", error)
        self._keep_kill()
        self._drive_session(now)
        self._update_gates()
        if self._orders.is_superseded and not self.engine.draining:
            self._log.error("stopping: another router has taken over the shared-memory segments")
            return False
        return True

    # ---- session

    def _drive_session(self, now: int) -> None:
        engine = self.engine
        stage = SESSION_STATES[engine.session_state]
        if stage == "idle":
            if engine.fenced:
                self._view = self._make_view()
                engine.connect(self._from_sequence, self._view)
                self._stage = "fenced"
                return
            if self._stage != "idle":
                self._session_lost(now)
            self._stage = "idle"
            if now >= self._retry_ns:
                engine.connect()
                self._stage = "connecting"
            return
        if stage == "settled":
            self._compare()
        self._stage = stage

    def _session_lost(self, now: int) -> None:
        engine = self.engine
        limit = BACK_OFF_DRAINING_S if engine.draining else BACK_OFF_LAST_S
        delay = min(self._back_off_s, limit) * random.uniform(0.5, 1.0)
        self._back_off_s = min(self._back_off_s * 2, BACK_OFF_LAST_S)
        self._retry_ns = now + int(delay * 1e9)
        problem = f"order entry {self.config.order_entry.host}:{self.config.order_entry.port}: {engine.describe_down()}"
        if problem != self._problem:
            self._log.warning("session down", reason=problem, open_orders=self._table.open_count)
        self._problem = problem
        if not engine.draining:
            self._status.enter(RoleState.HALTED if engine.halted else RoleState.RECONCILING)

    def _make_view(self) -> OrderTable:
        """An empty table for the whole stream, or for a long one a table restored up to the last N messages."""
        view = OrderTable(self.config.max_orders, self.config.instrument.symbol)
        last, limit = self._table.venue_sequence, self.config.reconcile_max_messages
        self._from_sequence = max(1, last - limit + 1)
        if self._from_sequence > 1:
            restore_table(view, self._read_journal(), self._from_sequence)
            view.resume_at(self._from_sequence - 1)
        self._illegal_before = self._table.illegal
        return view

    def _compare(self) -> None:
        engine, table = self.engine, self._table
        assert self._view is not None
        settle = self._data / SETTLE_FILE
        if table.foreign_open and settle.exists():
            self._log.warning("orders of earlier sessions settled on a person's word", orders=engine.settle_foreign())
            settle.unlink()
        compared, breaks, found = table.compare(self._view)
        self._view = None
        breaks += table.illegal - self._illegal_before
        for user_ref_num, field, here, venue in found:
            self._log.error("break", user_ref_num=user_ref_num, field=field, here=here, venue=venue)
        unknown = max(table.unknown_count, table.foreign_open)  # when the journal was full not all could be marked
        within = breaks <= self.config.reconcile_break_threshold
        engine.finish_recovery(compared, breaks, within, within and not unknown)
        self._sessions += 1
        if self._sessions > 1:
            engine.count_reconnect()
        self._back_off_s = BACK_OFF_FIRST_S
        if not within:
            allowed = self.config.reconcile_break_threshold
            self._problem = f"{breaks} breaks against the venue's stream, {allowed} allowed; see the log"
        elif unknown:
            self._problem = (
                f"{unknown} orders of an earlier venue session are unknown;"
                f" confirm with the venue, then create {settle} and restart"
            )
        else:
            self._problem = ""
        report = self._log.info if engine.reconciled else self._log.error
        report(
            "reconciled" if engine.reconciled else "not reconciled",
            session=engine.session.decode("ascii", "replace").strip(),
            orders=compared,
            breaks=breaks,
            unknown=unknown,
            symbol=table.symbol,
            position=table.position,
            other_positions=_other_positions(table),
            venue_sequence=table.venue_sequence,
        )

    # ---- neighbours

    def _attach(self) -> None:
        prefix = self.config.runtime.shm_prefix
        if not self.engine.strategy_present:
            self._attach_intents(prefix)
        self._control = self._attached(self._control, prefix, "control", CONTROL_BLOCK_SIZE, "")
        self.engine.attach_control(self._control)
        self._top = self._attached(self._top, prefix, "top", BOOK_EVENT_SIZE, self.config.instrument.symbol)
        self.engine.attach_top(self._top)

    def _attach_intents(self, prefix: str) -> None:
        """A live strategy hears of each intent of an earlier epoch that it is refused; a dead one's are skipped."""
        try:
            ring = RingConsumer(prefix, "ring.intents", INTENT_SIZE, "head", self.config.instrument.symbol)
        except WrongInstrument as error:
            self._strangers["ring.intents"] = str(error)
            return
        except SegmentMissing:
            self._strangers.pop("ring.intents", None)
            return
        except SegmentError as error:
            self._error_once("cannot attach ring.intents", error)
            return
        self._strangers.pop("ring.intents", None)
        if ring.liveness() not in (ProducerState.ALIVE, ProducerState.SILENT):
            ring.close()
            return
        self.engine.attach_intents(ring)
        self._log.info("strategy attached", pid=ring.segment.producer_pid, strategy_epoch=ring.producer_epoch)

    def _attached(
        self, reader: SeqlockReader | None, prefix: str, name: str, size: int, symbol: str
    ) -> SeqlockReader | None:
        try:
            if reader is None:
                reader = SeqlockReader(prefix, name, size, symbol)
            elif reader.is_superseded or reader.liveness() not in (ProducerState.ALIVE, ProducerState.SILENT):
                reader.reattach()
            self._strangers.pop(name, None)
        except WrongInstrument as error:
            self._strangers[name] = str(error)
        except SegmentMissing:
            self._strangers.pop(name, None)
        except SegmentError as error:
            self._error_once(f"cannot attach {name}", error)
        return reader

    def _error_once(self, event: str, error: Exception) -> None:
        if self._errors.get(event) != str(error):
            self._errors[event] = str(error)
            self._log.error(event, error=error)

    # ---- kill switch, gates

    def _keep_kill(self) -> None:
        mark = self._data / KILLED_MARK
        if self.engine.killed != mark.exists():
            if self.engine.killed:
                mark.touch()
                self._log.error("killed", kill_file=self.engine.kill_file_present)
            else:
                mark.unlink(missing_ok=True)
                self._log.warning("re-armed")

    def _update_gates(self) -> None:
        engine = self.engine
        stage = SESSION_STATES[engine.session_state]
        killed = ""
        if engine.kill_file_present:
            killed = f"{self.config.runtime.kill_file} exists"
        elif engine.killed:
            killed = "kill switch latched; a person must re-arm it"
        room = engine.audit_has_room()
        reasons = {
            "epoch": "",
            "session": "" if stage == "up" else (self._problem if stage == "idle" else stage),
            "reconciled": "" if engine.reconciled else (self._problem or f"order session {stage}"),
            "not_killed": killed,
            "mode": ""
            if engine.mode == TradingMode.MODE_ACTIVE
            else TradingMode(engine.mode).name.removeprefix("MODE_"),
            "lease": "" if engine.lease_ok else "the risk lease has expired",
            "journal": "" if room else (self._journal.failure or "no room for the events of new orders"),
            "position": ""
            if abs(self._table.position) <= engine.max_position
            else f"{self._table.position} shares of {self._table.symbol}, limit {engine.max_position}",
            "instrument": "; ".join(self._strangers.values()),
        }
        if engine.halted and not reasons["reconciled"]:
            kind = chr(self._table.illegal_type or ord("?"))
            reasons["reconciled"] = f"a venue message {kind} does not fit order {self._table.illegal_number}"
        for name, reason in reasons.items():
            before = self._gates.get(name)
            if reason == before:
                continue
            self._status.gate(name, not reason, reason[:95])
            self._gates[name] = reason
            if before is not None and bool(before) != bool(reason):  # not each step of a reconnect
                report = self._log.warning if reason else self._log.info
                report("gate closed" if reason else "gate open", gate=name, reason=reason or "-")
        if not engine.draining:
            ready = not any(reasons.values())
            state = RoleState.HALTED if engine.halted else RoleState.ACTIVE if ready else RoleState.RECONCILING
            if engine.reconciled and not ready and not engine.halted:
                state = RoleState.STANDBY
            if self._status.state != state:
                self._status.enter(state)
                self._log.info("state", state=state.name, epoch=self._epoch.number)

    # ---- stop

    def drain(self, signal: str) -> int:
        """Cancel everything, wait for the venue's answers, print and keep the proof. 0 when no order is unknown."""
        engine, table = self.engine, self._table
        started = time.monotonic_ns()
        deadline = started + self.config.cancel_deadline_ms * 1_000_000
        engine.draining = True
        self._status.enter(RoleState.DRAINING)
        open_at_signal = table.open_orders()
        self._log.info("draining", signal=signal, open_orders=len(open_at_signal))
        while table.open_count and time.monotonic_ns() < deadline:
            engine.poll(min(time.monotonic_ns() + SLICE_NS, deadline))
            self.housekeep()
        engine.mark_open_unknown()
        final, unknown = engine.write_proof(open_at_signal)
        elapsed_ms = (time.monotonic_ns() - started) / 1e6
        for line in cancel_proof.lines(final):
            print(line, flush=True)
        cancel_proof.write(
            self._data / "cancel-proof.json",
            final,
            epoch=self._epoch.number,
            session=engine.session.decode("ascii", "replace").strip(),
            signal=signal,
            elapsed_ms=elapsed_ms,
        )
        self._log.info("stopped", signal=signal, orders=len(final), unknown=unknown, elapsed_ms=f"{elapsed_ms:.1f}")
        if unknown:
            print(
                f"{ROLE}: {unknown} orders are not proven to be cancelled; check them with the venue", file=sys.stderr
            )
        return 1 if unknown else 0
