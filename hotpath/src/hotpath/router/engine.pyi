from typing import Any

from hotpath.config import Limits
from hotpath.ipc.histogram import HistogramWriter
from hotpath.ipc.idle import IdleStrategy
from hotpath.ipc.journal import JournalReader, JournalWriter
from hotpath.ipc.ring import RingConsumer, RingProducer
from hotpath.ipc.seqlock import SeqlockReader, SeqlockWriter
from hotpath.ipc.status import StatusWriter
from hotpath.router.order_state import OrderTable
from hotpath.router.risk_gate import RiskGate

AUDIT_RESERVE_RECORDS: int
GATES: tuple[str, ...]
COUNTERS: tuple[str, ...]
LATENCIES: tuple[str, ...]
SESSION_STATES: tuple[str, ...]

class RouterEngine:
    """The router's loop. Raises ValueError for a setting that does not fit its field on the wire."""

    table: OrderTable
    epoch: int
    session_state: int
    mode: int
    killed: bool
    halted: bool
    draining: bool
    reconciled: bool
    kill_file_present: bool
    lease_ok: bool
    lease_required: bool
    control_present: bool
    audit_full: bool
    strategy_present: bool
    attention: bool
    session_changed: bool
    status: StatusWriter
    def __init__(
        self,
        *,
        table: OrderTable,
        gate: RiskGate,
        journal: JournalWriter,
        orders: RingProducer,
        position: SeqlockWriter,
        status: StatusWriter,
        latency: HistogramWriter,
        idle: IdleStrategy,
        epoch: int,
        locate: int,
        symbol: str,
        firm: str,
        username: str,
        password: str,
        host: str,
        port: int,
        limits: Limits,
        kill_file: str,
        recovery_timeout_ms: int,
    ) -> None: ...
    def poll(self, until_ns: int) -> None: ...
    def connect(self, sequence: int = 0, view: OrderTable | None = None) -> None: ...
    def disconnect(self, logout: bool = False) -> None: ...
    def start(self) -> None: ...
    def finish_recovery(self, compared: int, breaks: int, within: bool, reconciled: bool) -> None: ...
    def count_reconnect(self) -> None: ...
    def attach_intents(self, intents: RingConsumer) -> None: ...
    def attach_control(self, control: SeqlockReader | None) -> None: ...
    def attach_top(self, top: SeqlockReader | None) -> None: ...
    def latch_kill(self) -> None: ...
    def check_kill_file(self) -> None: ...
    def audit_has_room(self) -> bool: ...
    def mark_open_unknown(self) -> int: ...
    def settle_foreign(self) -> int: ...
    def write_proof(self, proven: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]: ...
    def describe_down(self) -> str: ...
    @property
    def fenced(self) -> bool: ...
    @property
    def session(self) -> bytes: ...
    @property
    def max_position(self) -> int: ...
    @property
    def next_venue_sequence(self) -> int: ...
    @property
    def events_waiting(self) -> int: ...

def restore_table(table: OrderTable, reader: JournalReader, before_venue_sequence: int = 0) -> tuple[int, int]: ...
