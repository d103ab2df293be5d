from enum import IntEnum

from libc.string cimport memcpy, memset, strncmp, strncpy

cdef extern from "<string.h>" nogil:
    size_t strnlen(const char *text, size_t limit) noexcept

from hotpath.ipc.atomics cimport (
    cpu_relax,
    fence_acquire,
    fence_release,
    load_acquire_i64,
    load_acquire_u32,
    load_acquire_u64,
    load_relaxed_i64,
    load_relaxed_u64,
    store_relaxed_u64,
    store_release_u64,
)
from hotpath.ipc.clock cimport monotonic_ns
from hotpath.ipc.segment cimport (
    KIND_STATUS,
    PRODUCER_ALIVE,
    PRODUCER_SILENT,
    SEGMENT_DATA_OFFSET,
    Segment,
    attach_segment,
    attach_successor,
    create_segment,
    process_alive,
    publish_segment,
)

from hotpath.ipc.segment import ProducerState, SegmentError

#: A role whose last heartbeat is older is not ready.
HEARTBEAT_LIMIT_NS = 2_000_000_000
_GATE_READ_RETRIES = 1000


class RoleState(IntEnum):
    STARTING = ROLE_STARTING
    RECONCILING = ROLE_RECONCILING
    STANDBY = ROLE_STANDBY
    ACTIVE = ROLE_ACTIVE
    DRAINING = ROLE_DRAINING
    HALTED = ROLE_HALTED


def status_name(str role) -> str:
    """Segment name of a role's status block."""
    return f"status.{role}"


cdef tuple _checked_names(str what, object names, int limit, int size):
    result = tuple(names)
    if len(result) > limit or len(set(result)) != len(result):
        raise SegmentError(f"status {what}: at most {limit} different names, got {len(result)}: {result}")
    for name in result:
        if not 1 <= len(name.encode()) < size:
            raise SegmentError(f"status {what}: name {name!r} must have 1 to {size - 1} bytes")
    return result


cdef class StatusWriter:
    def __cinit__(self, str shm_prefix, str role, unsigned int epoch = 0, object gates = (), object counters = ()):
        cdef Segment segment
        cdef bytes encoded
        cdef int i
        self.gates = _checked_names(f"gates of {role}", gates, STATUS_MAX_GATES, STATUS_GATE_NAME_SIZE)
        self.counters = _checked_names(f"counters of {role}", counters, STATUS_MAX_COUNTERS, STATUS_COUNTER_NAME_SIZE)
        segment = create_segment(
            shm_prefix,
            status_name(role),
            KIND_STATUS,
            sizeof(StatusBlock),
            1,
            SEGMENT_DATA_OFFSET + sizeof(StatusBlock),
            epoch,
        )
        self.segment = segment
        self._block = <StatusBlock *>(segment.base + SEGMENT_DATA_OFFSET)
        self._gate_count = len(self.gates)
        self._counter_count = len(self.counters)
        self._block.state = ROLE_STARTING
        self._block.gate_count = self._gate_count
        self._block.counter_count = self._counter_count
        encoded = role.encode()
        strncpy(self._block.role, encoded, sizeof(self._block.role) - 1)
        for i in range(self._gate_count):
            encoded = self.gates[i].encode()
            strncpy(self._block.gates[i].name, encoded, STATUS_GATE_NAME_SIZE - 1)
            strncpy(self._block.gates[i].reason, b"not checked yet", STATUS_REASON_SIZE - 1)
        for i in range(self._counter_count):
            encoded = self.counters[i].encode()
            strncpy(self._block.counters[i].name, encoded, STATUS_COUNTER_NAME_SIZE - 1)
        publish_segment(segment)

    cdef void set_gate(self, int index, bint ok, const char *reason) noexcept nogil:
        cdef char text[STATUS_REASON_SIZE]
        cdef StatusGate *gate
        cdef uint64_t sequence
        cdef int i
        if index < 0 or index >= self._gate_count:
            return
        gate = &self._block.gates[index]
        memset(text, 0, STATUS_REASON_SIZE)
        if reason != NULL:
            strncpy(text, reason, STATUS_REASON_SIZE - 1)
        if gate.ok == <uint64_t>ok and strncmp(gate.reason, text, STATUS_REASON_SIZE) == 0:
            return
        sequence = load_relaxed_u64(&gate.sequence)
        store_relaxed_u64(&gate.sequence, sequence + 1)
        fence_release()
        store_relaxed_u64(&gate.ok, ok)
        for i in range(STATUS_REASON_SIZE // 8):
            store_relaxed_u64(&(<uint64_t *>gate.reason)[i], (<uint64_t *>text)[i])
        store_release_u64(&gate.sequence, sequence + 2)

    cdef void mark_closed(self) noexcept nogil:
        self.segment.mark_closed()

    def gate_index(self, str name) -> int:
        """Index of a gate. Raises KeyError."""
        try:
            return self.gates.index(name)
        except ValueError:
            raise KeyError(f"{name!r} is not one of the gates {self.gates}") from None

    def counter_index(self, str name) -> int:
        """Index of a counter. Raises KeyError."""
        try:
            return self.counters.index(name)
        except ValueError:
            raise KeyError(f"{name!r} is not one of the counters {self.counters}") from None

    def gate(self, str name, bint ok, str reason = "") -> None:
        """Opens or closes a gate; the reason is cut at 95 bytes."""
        cdef int index = self.gate_index(name)
        # Cut whole characters, so that the reader never finds half of one.
        cdef bytes text = reason.encode()[: STATUS_REASON_SIZE - 1].decode(errors="ignore").encode()
        self.set_gate(index, ok, text)

    def count(self, str name, int64_t value) -> None:
        """Sets a counter."""
        self.set_counter(self.counter_index(name), value)

    def enter(self, state: RoleState) -> None:
        """Changes the role's state."""
        self.set_state(RoleState(state))

    def beat(self) -> None:
        self.heartbeat(monotonic_ns())

    def close(self) -> None:
        self.mark_closed()

    @property
    def state(self) -> RoleState:
        return RoleState(self._block.state)

    @property
    def heartbeat_ns(self) -> int:
        return self.segment.heartbeat_ns

    def summary(self) -> str:
        """Role, state and closed gates with their reasons, in one line."""
        gates = [_read_gate(&self._block.gates[i]) for i in range(self._gate_count)]
        closed = [f"{gate['name']}: {gate['reason'] or 'closed'}" for gate in gates if not gate["ok"]]
        return " ".join([self._block.role.decode(), self.state.name] + ([f"({', '.join(closed)})"] if closed else []))


cdef _read_gate(StatusGate *gate):
    """(name, ok, reason); ok False with a reason of its own when the writer died inside a change."""
    cdef char text[STATUS_REASON_SIZE]
    cdef uint64_t before, ok
    cdef int i, attempt
    name = gate.name[: strnlen(gate.name, STATUS_GATE_NAME_SIZE)].decode(errors="replace")
    for attempt in range(_GATE_READ_RETRIES):
        before = load_acquire_u64(&gate.sequence)
        if before & 1 == 0:
            ok = load_relaxed_u64(&gate.ok)
            for i in range(STATUS_REASON_SIZE // 8):
                (<uint64_t *>text)[i] = load_relaxed_u64(&(<uint64_t *>gate.reason)[i])
            fence_acquire()
            if load_relaxed_u64(&gate.sequence) == before:
                return {"name": name, "ok": ok == 1, "reason": text[: strnlen(text, STATUS_REASON_SIZE)].decode(errors="replace")}
        cpu_relax()
    return {"name": name, "ok": False, "reason": "unknown: its role stopped while it changed this gate"}


cdef class StatusReader:
    cdef readonly Segment segment
    cdef readonly str shm_prefix
    cdef readonly str role
    cdef StatusBlock *_block

    def __cinit__(self, str shm_prefix, str role):
        self.shm_prefix = shm_prefix
        self.role = role
        self._bind(attach_segment(shm_prefix, status_name(role), KIND_STATUS, sizeof(StatusBlock), False))

    cdef object _bind(self, Segment segment):
        cdef StatusBlock *block = <StatusBlock *>(segment.base + SEGMENT_DATA_OFFSET)
        if (
            segment.size != SEGMENT_DATA_OFFSET + sizeof(StatusBlock)
            or block.gate_count > STATUS_MAX_GATES
            or block.counter_count > STATUS_MAX_COUNTERS
        ):
            raise SegmentError(f"{segment.path}: not a status block of this build; restart the {self.role}")
        self.segment = segment
        self._block = block

    def reattach(self) -> bool:
        """Moves to the block of the restarted role; False = there is none. Raises SegmentError as attaching does."""
        cdef Segment segment = attach_successor(
            self.segment, self.shm_prefix, status_name(self.role), KIND_STATUS, sizeof(StatusBlock), False
        )
        if segment is None:
            return False
        self._bind(segment)
        return True

    def read(self) -> dict:
        """The role as it is now, JSON-able; follows the role over restarts. See RoleStatus in status.pyi."""
        cdef StatusBlock *block
        cdef int64_t now
        cdef uint32_t i
        self.reattach()
        block = self._block
        now = monotonic_ns()
        # The slow look each time: a status is asked for rarely and must not call a dead role alive.
        self.segment._probed_ns = 0
        liveness = ProducerState(self.segment.producer_state(now))
        age = max(0, now - load_acquire_i64(&self.segment.header.heartbeat_ns))
        alive = liveness in (ProducerState.ALIVE, ProducerState.SILENT)
        gates = [_read_gate(&block.gates[i]) for i in range(block.gate_count)]
        problems = []
        if not alive:
            problems.append(f"process {self.segment.producer_pid} is {liveness.name.lower()}")
        elif age >= HEARTBEAT_LIMIT_NS:
            problems.append(f"last heartbeat {age // 1_000_000} ms ago")
        problems.extend(f"{gate['name']}: {gate['reason'] or 'closed'}" for gate in gates if not gate["ok"])
        state = load_acquire_u32(&block.state)
        return {
            "role": self.role,
            "pid": self.segment.producer_pid,
            "epoch": self.segment.epoch,
            "state": RoleState(state).name if ROLE_STARTING <= state <= ROLE_HALTED else "UNKNOWN",
            "alive": alive,
            "ready": not problems,
            "problems": problems,
            "liveness": liveness.name,
            "heartbeat_age_ns": age,
            "started_wall_ns": self.segment.created_wall_ns,
            "gates": gates,
            "counters": {
                block.counters[i].name[: strnlen(block.counters[i].name, STATUS_COUNTER_NAME_SIZE)].decode(errors="replace"):
                load_relaxed_i64(&block.counters[i].value)
                for i in range(block.counter_count)
            },
        }


def read_status(str shm_prefix, str role) -> dict:
    """Status of a role, once. A role without a usable block is reported as not alive, with the problem."""
    try:
        return StatusReader(shm_prefix, role).read()
    except SegmentError as error:
        return {
            "role": role,
            "pid": 0,
            "epoch": 0,
            "state": "UNKNOWN",
            "alive": False,
            "ready": False,
            "problems": [str(error)],
            "liveness": "UNKNOWN",
            "heartbeat_age_ns": None,
            "started_wall_ns": None,
            "gates": [],
            "counters": {},
        }
