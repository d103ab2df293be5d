"""Status block of a role: state, gates with reasons, counters. One writer process, read by the agent and the CLI."""
cimport cython
from libc.stdint cimport int64_t, uint32_t, uint64_t

from hotpath.ipc.atomics cimport load_relaxed_i64, store_relaxed_i64, store_release_u32
from hotpath.ipc.segment cimport Segment

cdef enum:
    STATUS_MAX_GATES = 32
    STATUS_MAX_COUNTERS = 128
    STATUS_GATE_NAME_SIZE = 24
    STATUS_REASON_SIZE = 96
    STATUS_COUNTER_NAME_SIZE = 40

cdef enum RoleStateCode:
    ROLE_STARTING = 1
    ROLE_RECONCILING = 2
    ROLE_STANDBY = 3
    ROLE_ACTIVE = 4
    ROLE_DRAINING = 5
    ROLE_HALTED = 6

cdef struct StatusGate:
    uint64_t sequence             # odd while the gate is being changed
    char name[24]
    uint64_t ok
    char reason[96]

cdef struct StatusCounter:
    char name[40]
    int64_t value

cdef struct StatusBlock:
    uint32_t state
    uint32_t gate_count
    uint32_t counter_count
    uint32_t reserved0
    char role[48]
    StatusGate gates[32]
    StatusCounter counters[128]

@cython.final
cdef class StatusWriter:
    """StatusWriter(shm_prefix, role, epoch, gates, counters): all gates closed ("not checked yet"), all counters 0.

    Index of a gate or counter = its place in the sequence given to the constructor.
    """
    cdef readonly Segment segment
    cdef readonly tuple gates
    cdef readonly tuple counters
    cdef StatusBlock *_block
    cdef int _gate_count
    cdef int _counter_count

    cdef inline void heartbeat(self, int64_t now_ns) noexcept nogil:
        self.segment.heartbeat(now_ns)

    # One of RoleStateCode.
    cdef inline void set_state(self, uint32_t state) noexcept nogil:
        store_release_u32(&self._block.state, state)

    # Raw word of a counter for a hot loop (store with store_relaxed_i64); NULL when out of range.
    cdef inline int64_t *counter(self, int index) noexcept nogil:
        if index < 0 or index >= self._counter_count:
            return NULL
        return &self._block.counters[index].value

    # Out of range is ignored.
    cdef inline void set_counter(self, int index, int64_t value) noexcept nogil:
        if 0 <= index < self._counter_count:
            store_relaxed_i64(&self._block.counters[index].value, value)

    cdef inline void add_counter(self, int index, int64_t delta) noexcept nogil:
        cdef int64_t *word
        if 0 <= index < self._counter_count:
            word = &self._block.counters[index].value
            store_relaxed_i64(word, load_relaxed_i64(word) + delta)

    # reason: NUL-terminated, cut at 95 bytes; NULL or "" when ok. Cheap when nothing changes.
    cdef void set_gate(self, int index, bint ok, const char *reason) noexcept nogil
    cdef void mark_closed(self) noexcept nogil
