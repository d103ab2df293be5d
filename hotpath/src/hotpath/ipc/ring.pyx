import time
from enum import IntEnum

from libc.stdint cimport UINT64_MAX, int32_t, uint32_t
from libc.string cimport memcpy
from cpython.bytes cimport PyBytes_FromStringAndSize
from posix.unistd cimport getpid

from hotpath.ipc.atomics cimport compare_exchange_u64, load_acquire_u64, load_relaxed_i64, store_release_u64
from hotpath.ipc.clock cimport monotonic_ns
from hotpath.ipc.segment cimport (
    KIND_RING,
    SEGMENT_DATA_OFFSET,
    Segment,
    attach_segment,
    attach_successor,
    create_segment,
    name_instrument,
    own_start_ticks,
    process_alive_short,
    publish_segment,
    require_instrument,
)

from hotpath.ipc.segment import ProducerState, SegmentError

cdef enum:
    MAX_SLOT_SIZE = 65536
    MAX_RING_BYTES = 0x40000000

# Stands in for a consumer while the producer drops what a dead one left unread.
cdef uint64_t CONSUMER_LOCKED = UINT64_MAX


class ConsumerState(IntEnum):
    NONE = CONSUMER_NONE
    ALIVE = CONSUMER_ALIVE
    SILENT = CONSUMER_SILENT
    DEAD = CONSUMER_DEAD


cdef uint64_t _own_identity() noexcept nogil:
    """Process identity in one word, so that it can be taken by compare-and-exchange: start ticks (32 bits), pid."""
    return <uint64_t><uint32_t>own_start_ticks() << 32 | <uint64_t>getpid()


cdef bint _identity_alive(uint64_t identity) noexcept nogil:
    return process_alive_short(<int32_t><uint32_t>identity, <uint32_t>(identity >> 32))


cdef class RingProducer:
    def __cinit__(self, str shm_prefix, str name, size_t slot_size, uint64_t capacity, unsigned int epoch = 0,
                  str symbol = ""):
        cdef Segment segment
        if slot_size == 0 or slot_size % 64 != 0 or slot_size > MAX_SLOT_SIZE:
            raise SegmentError(f"ring {name}: slot size {slot_size}; use a multiple of 64 up to {MAX_SLOT_SIZE}")
        if capacity < 2 or capacity & (capacity - 1) != 0 or capacity > MAX_RING_BYTES // slot_size:
            raise SegmentError(f"ring {name}: capacity {capacity}; use a power of two from 2 to {MAX_RING_BYTES // slot_size}")
        segment = create_segment(
            shm_prefix, name, KIND_RING, <unsigned int>slot_size, capacity, SEGMENT_DATA_OFFSET + slot_size * capacity, epoch
        )
        name_instrument(segment, symbol)
        self.segment = segment
        self.slot_size = slot_size
        self._mask = capacity - 1
        self._slots = segment.base + SEGMENT_DATA_OFFSET
        self._tail = <uint64_t *>(segment.base + RING_TAIL_OFFSET)
        self._head = <uint64_t *>(segment.base + RING_HEAD_OFFSET)
        self._consumer_id = <uint64_t *>(segment.base + RING_CONSUMER_OFFSET)
        self._consumer_heartbeat = <int64_t *>(segment.base + RING_CONSUMER_OFFSET + 8)
        publish_segment(segment)

    cdef int consumer_state(self, int64_t now_ns) noexcept nogil:
        cdef uint64_t identity = load_acquire_u64(self._consumer_id)
        if identity == 0 or identity == CONSUMER_LOCKED:
            return CONSUMER_NONE
        if identity != self._probed_id or (
            self._probed_alive and now_ns - self._probed_ns >= self.segment.probe_interval_ns
        ):
            self._probed_id = identity
            self._probed_ns = now_ns
            self._probed_alive = _identity_alive(identity)
        if not self._probed_alive:
            return CONSUMER_DEAD
        if now_ns - load_relaxed_i64(self._consumer_heartbeat) > self.segment.silent_after_ns:
            return CONSUMER_SILENT
        return CONSUMER_ALIVE

    cdef int64_t reclaim(self) noexcept nogil:
        cdef uint64_t identity = load_acquire_u64(self._consumer_id)
        cdef uint64_t dropped
        if identity == CONSUMER_LOCKED or (identity != 0 and _identity_alive(identity)):
            return -1
        if not compare_exchange_u64(self._consumer_id, identity, CONSUMER_LOCKED):
            return -1  # a consumer attached in between
        dropped = self._next - load_acquire_u64(self._head)
        self._cached_head = self._next
        self.reclaimed = self.reclaimed + dropped
        store_release_u64(self._head, self._next)
        store_release_u64(self._consumer_id, 0)
        return <int64_t>dropped

    cdef void mark_closed(self) noexcept nogil:
        self.segment.mark_closed()

    def publish_bytes(self, const unsigned char[::1] data not None) -> bool:
        """Publishes one message of exactly slot_size bytes. False = the ring is full. Raises ValueError on another size."""
        cdef void *slot
        if <size_t>data.shape[0] != self.slot_size:
            raise ValueError(f"message of {data.shape[0]} bytes for slots of {self.slot_size}")
        slot = self.claim()
        if slot == NULL:
            return False
        memcpy(slot, &data[0], self.slot_size)
        self.publish()
        return True

    def beat(self) -> None:
        """Stores a heartbeat; call it at least every second."""
        self.heartbeat(monotonic_ns())

    def close(self) -> None:
        """Marks the ring CLOSED; what is in it can still be drained."""
        self.mark_closed()

    def reclaim_unread(self) -> int:
        """Drops the unread messages of a dead or absent consumer; -1 = a consumer is alive, nothing was dropped."""
        return self.reclaim()

    def consumer_liveness(self) -> ConsumerState:
        return ConsumerState(self.consumer_state(monotonic_ns()))

    @property
    def capacity(self) -> int:
        return self._mask + 1

    @property
    def published(self) -> int:
        return self._next

    @property
    def unread(self) -> int:
        return self.backlog()

    @property
    def is_superseded(self) -> bool:
        return self.superseded()


cdef class RingConsumer:
    def __cinit__(self, str shm_prefix, str name, size_t slot_size, str start = "tail", str symbol = ""):
        self.shm_prefix = shm_prefix
        self.name = name
        self.symbol = symbol
        self.slot_size = slot_size
        self._bind(attach_segment(shm_prefix, name, KIND_RING, <unsigned int>slot_size, True), start)

    cdef object _bind(self, Segment segment, str start):
        cdef uint64_t capacity = segment.header.capacity
        cdef uint64_t *consumer_id = <uint64_t *>(segment.base + RING_CONSUMER_OFFSET)
        cdef uint64_t *head_word = <uint64_t *>(segment.base + RING_HEAD_OFFSET)
        cdef uint64_t *tail_word = <uint64_t *>(segment.base + RING_TAIL_OFFSET)
        cdef uint64_t identity = _own_identity()
        cdef uint64_t head, tail
        if start not in ("tail", "head"):
            raise ValueError(f"start={start!r}; use 'tail' (only new messages) or 'head' (unread ones first)")
        require_instrument(segment, self.symbol)
        if capacity < 2 or capacity & (capacity - 1) != 0 or segment.size != SEGMENT_DATA_OFFSET + self.slot_size * capacity:
            raise SegmentError(f"{segment.path}: capacity {capacity} does not fit its size; restart its producer")
        _take_place(segment, consumer_id, identity)
        head = load_acquire_u64(head_word)
        tail = load_acquire_u64(tail_word)
        if tail - head > capacity:
            store_release_u64(consumer_id, 0)
            raise SegmentError(f"{segment.path}: head {head} and tail {tail} contradict each other; restart its producer")
        if self.segment is not None:
            self.discarded += self.backlog()
            compare_exchange_u64(self._consumer_id, self._identity, 0)
        self.segment = segment
        self._identity = identity
        self._mask = capacity - 1
        self._slots = segment.base + SEGMENT_DATA_OFFSET
        self._tail = tail_word
        self._head = head_word
        self._consumer_id = consumer_id
        self._consumer_heartbeat = <int64_t *>(segment.base + RING_CONSUMER_OFFSET + 8)
        self._next = head
        self._cached_tail = tail
        self.heartbeat(monotonic_ns())
        if start == "tail":
            self.skip_to_tail()

    def reattach(self, str start = "head") -> bool:
        """Moves to the ring that superseded this one; False = there is none yet.

        Messages still unread in the old ring are counted in `discarded`: drain it first to keep them. The new ring is
        read from its first message unless start="tail". Raises SegmentError when the new ring must not be used,
        WrongInstrument when it is about another instrument.
        """
        cdef Segment segment = attach_successor(
            self.segment, self.shm_prefix, self.name, KIND_RING, <unsigned int>self.slot_size, True
        )
        if segment is None:
            return False
        segment.silent_after_ns = self.segment.silent_after_ns
        segment.probe_interval_ns = self.segment.probe_interval_ns
        self._bind(segment, start)
        return True

    def poll_bytes(self) -> bytes | None:
        """Takes the oldest unread message; None = none."""
        cdef void *slot = self.poll()
        if slot == NULL:
            return None
        data = PyBytes_FromStringAndSize(<char *>slot, self.slot_size)
        self.release()
        return data

    def skip_unread(self) -> int:
        """Discards all unread messages and returns how many."""
        return self.skip_to_tail()

    def liveness(self) -> ProducerState:
        """State of the producer (process looked up at most every segment.probe_interval_ns)."""
        return ProducerState(self.producer_state(monotonic_ns()))

    def beat(self) -> None:
        self.heartbeat(monotonic_ns())

    def close(self) -> None:
        """Gives up the consumer's place; unread messages stay for the next one."""
        compare_exchange_u64(self._consumer_id, self._identity, 0)

    @property
    def producer_epoch(self) -> int:
        return self.epoch()

    @property
    def capacity(self) -> int:
        return self._mask + 1

    @property
    def unread(self) -> int:
        return self.backlog()

    @property
    def is_superseded(self) -> bool:
        return self.superseded()


cdef _take_place(Segment segment, uint64_t *consumer_id, uint64_t identity):
    """Becomes the one consumer. Raises SegmentError naming the live consumer that has the place."""
    cdef uint64_t holder
    for _ in range(100):
        holder = load_acquire_u64(consumer_id)
        if holder == CONSUMER_LOCKED:
            time.sleep(0.001)  # the producer is reclaiming: microseconds, unless it died there
            continue
        if holder != 0 and holder != identity and _identity_alive(holder):
            raise SegmentError(
                f"{segment.path}: process {<uint32_t>holder} already consumes this ring; a ring has one consumer, stop that one"
            )
        if compare_exchange_u64(consumer_id, holder, identity):
            return
    raise SegmentError(f"{segment.path}: its producer {segment.producer_pid} died while reclaiming it; restart the producer")
