from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdlib cimport free, malloc

from hotpath.ipc.atomics cimport (
    cpu_relax,
    fence_acquire,
    fence_release,
    load_acquire_u64,
    load_relaxed_u64,
    store_relaxed_u64,
    store_release_u64,
)
from hotpath.ipc.clock cimport monotonic_ns
from hotpath.ipc.segment cimport (
    KIND_SEQLOCK, Segment, attach_segment, attach_successor, create_segment, name_instrument, publish_segment,
    require_instrument,
)

from hotpath.ipc.segment import ProducerState, SegmentError

cdef enum:
    MAX_PAYLOAD_SIZE = 65536


cdef class SeqlockWriter:
    def __cinit__(
        self,
        str shm_prefix,
        str name,
        size_t payload_size,
        unsigned int epoch = 0,
        const unsigned char[::1] initial = None,
        str symbol = "",
    ):
        cdef Segment segment
        if payload_size == 0 or payload_size % 8 != 0 or payload_size > MAX_PAYLOAD_SIZE:
            raise SegmentError(f"seqlock {name}: payload of {payload_size} bytes; use a multiple of 8 up to {MAX_PAYLOAD_SIZE}")
        if initial is not None and <size_t>initial.shape[0] != payload_size:
            raise ValueError(f"initial payload of {initial.shape[0]} bytes for a block of {payload_size}")
        segment = create_segment(
            shm_prefix, name, KIND_SEQLOCK, <unsigned int>payload_size, 1, SEQLOCK_PAYLOAD_OFFSET + payload_size, epoch
        )
        name_instrument(segment, symbol)
        self.segment = segment
        self._sequence = <uint64_t *>(segment.base + SEQLOCK_SEQUENCE_OFFSET)
        self._payload = <uint64_t *>(segment.base + SEQLOCK_PAYLOAD_OFFSET)
        self._words = payload_size // 8
        if initial is not None:
            self.write(&initial[0])  # before anyone can attach: no reader sees the block empty
        publish_segment(segment)

    cdef void write(self, const void *payload) noexcept nogil:
        cdef const uint64_t *source = <const uint64_t *>payload
        cdef size_t i
        store_relaxed_u64(self._sequence, self._next + 1)
        fence_release()  # no payload store may become visible before the odd sequence
        for i in range(self._words):
            store_relaxed_u64(&self._payload[i], source[i])
        self._next = self._next + 2
        store_release_u64(self._sequence, self._next)

    cdef void mark_closed(self) noexcept nogil:
        self.segment.mark_closed()

    def write_bytes(self, const unsigned char[::1] data not None) -> None:
        """Publishes a new payload. Raises ValueError when it is not payload_size bytes."""
        if <size_t>data.shape[0] != self._words * 8:
            raise ValueError(f"payload of {data.shape[0]} bytes for a block of {self._words * 8}")
        self.write(&data[0])

    def beat(self) -> None:
        self.heartbeat(monotonic_ns())

    def close(self) -> None:
        self.mark_closed()

    @property
    def payload_size(self) -> int:
        return self._words * 8

    @property
    def is_superseded(self) -> bool:
        return self.superseded()


cdef class SeqlockReader:
    def __cinit__(self, str shm_prefix, str name, size_t payload_size, str symbol = ""):
        self.shm_prefix = shm_prefix
        self.name = name
        self.symbol = symbol
        self.payload_size = payload_size
        self._bind(attach_segment(shm_prefix, name, KIND_SEQLOCK, <unsigned int>payload_size, False))

    cdef object _bind(self, Segment segment):
        require_instrument(segment, self.symbol)
        if segment.size != SEQLOCK_PAYLOAD_OFFSET + self.payload_size:
            raise SegmentError(f"{segment.path}: {segment.size} bytes do not hold a payload of {self.payload_size}; restart its writer")
        self.segment = segment
        self._sequence = <const uint64_t *>(segment.base + SEQLOCK_SEQUENCE_OFFSET)
        self._payload = <const uint64_t *>(segment.base + SEQLOCK_PAYLOAD_OFFSET)
        self._words = self.payload_size // 8

    cdef uint64_t read(self, void *out) noexcept nogil:
        cdef uint64_t *target = <uint64_t *>out
        cdef uint64_t before
        cdef size_t i
        cdef int attempt
        for attempt in range(SEQLOCK_READ_RETRIES):
            before = load_acquire_u64(self._sequence)
            if before == 0:
                return 0
            if before & 1 == 0:
                for i in range(self._words):
                    target[i] = load_relaxed_u64(&self._payload[i])
                fence_acquire()  # the payload loads happen before the second look at the sequence
                if load_relaxed_u64(self._sequence) == before:
                    return before >> 1
            cpu_relax()
        return 0

    def read_bytes(self) -> bytes | None:
        """A consistent payload; None = never written, or its writer died inside a write."""
        cdef uint64_t *words = <uint64_t *>malloc(self._words * 8)
        cdef uint64_t version
        if words == NULL:
            raise MemoryError
        try:
            version = self.read(words)
            return PyBytes_FromStringAndSize(<char *>words, self._words * 8) if version != 0 else None
        finally:
            free(words)

    def reattach(self) -> bool:
        """Moves to the block that superseded this one; False = there is none yet. Raises SegmentError as attaching does."""
        cdef Segment segment = attach_successor(
            self.segment, self.shm_prefix, self.name, KIND_SEQLOCK, <unsigned int>self.payload_size, False
        )
        if segment is None:
            return False
        segment.silent_after_ns = self.segment.silent_after_ns
        segment.probe_interval_ns = self.segment.probe_interval_ns
        self._bind(segment)
        return True

    def liveness(self) -> ProducerState:
        return ProducerState(self.writer_state(monotonic_ns()))

    @property
    def writes(self) -> int:
        return self.version()

    @property
    def writer_epoch(self) -> int:
        return self.epoch()

    @property
    def is_superseded(self) -> bool:
        return self.superseded()
