from collections.abc import Sequence
from enum import IntEnum
from typing import TypedDict

from hotpath.ipc.segment import Segment

HEARTBEAT_LIMIT_NS: int

class RoleState(IntEnum):
    STARTING = 1
    RECONCILING = 2
    STANDBY = 3
    ACTIVE = 4
    DRAINING = 5
    HALTED = 6

class Gate(TypedDict):
    name: str
    ok: bool
    reason: str

class RoleStatus(TypedDict):
    """ready = process alive, heartbeat younger than 2 s, all gates ok; `problems` says why not."""

    role: str
    pid: int
    epoch: int
    state: str
    alive: bool
    ready: bool
    problems: list[str]
    liveness: str
    heartbeat_age_ns: int | None
    started_wall_ns: int | None
    gates: list[Gate]
    counters: dict[str, int]

class StatusWriter:
    """Creates the block, supersedes an older one. Raises SegmentError."""

    segment: Segment
    gates: tuple[str, ...]
    counters: tuple[str, ...]
    def __init__(
        self, shm_prefix: str, role: str, epoch: int = 0, gates: Sequence[str] = (), counters: Sequence[str] = ()
    ) -> None: ...
    def gate_index(self, name: str) -> int: ...
    def counter_index(self, name: str) -> int: ...
    def gate(self, name: str, ok: bool, reason: str = "") -> None: ...
    def count(self, name: str, value: int) -> None: ...
    def enter(self, state: RoleState) -> None: ...
    def beat(self) -> None: ...
    def close(self) -> None: ...
    def summary(self) -> str: ...
    @property
    def state(self) -> RoleState: ...
    @property
    def heartbeat_ns(self) -> int: ...

class StatusReader:
    """Attaches to a role's block. Raises SegmentMissing (try again) or SegmentError (must not be used)."""

    segment: Segment
    shm_prefix: str
    role: str
    def __init__(self, shm_prefix: str, role: str) -> None: ...
    def reattach(self) -> bool: ...
    def read(self) -> RoleStatus: ...

def status_name(role: str) -> str: ...
def read_status(shm_prefix: str, role: str) -> RoleStatus: ...
