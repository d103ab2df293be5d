import time
from enum import IntEnum

cimport cython
from libc.stdint cimport UINT64_MAX, int32_t, uint32_t
from libc.string cimport memcpy
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from posix.unistd cimport getpid

from hotpath.ipc.atomics cimport (
    compare_exchange_u64, cpu_relax, load_acquire_u64, load_relaxed_i64, store_release_u64,
)
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
    CACHE_LINE = 64
    SPINS_PER_CLOCK = 32          # how often a wait looks at the clock
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


cdef size_t _stride_of(size_t slot_size) noexcept nogil:
    """Message and published word, rounded up to whole cache lines."""
    return (slot_size + RING_WORD_BYTES + CACHE_LINE - 1) // CACHE_LINE * CACHE_LINE


cdef uint64_t _word_of(char *slots, size_t stride, uint64_t capacity, uint64_t position) noexcept nogil:
    cdef char *end = slots + (position & (capacity - 1)) * stride + stride
    return load_acquire_u64(<uint64_t *>(end - RING_WORD_BYTES))


cdef bint _fits(char *slots, size_t stride, uint64_t capacity, uint64_t head) noexcept nogil:
    """Whether a consumer can have released exactly the messages before `head`."""
    cdef uint64_t word = _word_of(slots, stride, capacity, head)
    # where message `head` belongs is that one, or still the one a lap before, or nothing yet
    if word != head + 1 and word != (head + 1 - capacity if head >= capacity else 0):
        return False
    if head == 0:
        return True
    # the last released one is still there, or already the one a lap later
    word = _word_of(slots, stride, capacity, head - 1)
    return word == head or word == head + capacity


cdef bint _identity_alive(uint64_t identity) noexcept nogil:
    return process_alive_short(<int32_t><uint32_t>identity, <uint32_t>(identity >> 32))


cdef class RingProducer:
    def __cinit__(self, str shm_prefix, str name, size_t slot_size, uint64_t capacity, unsigned int epoch = 0,
                  str symbol = ""):
        cdef Segment segment
        cdef size_t stride
        if slot_size == 0 or slot_size % 8 != 0 or slot_size > MAX_SLOT_SIZE:
            raise SegmentError(f"ring {name}: slot size {slot_size}; use a multiple of 8 up to {MAX_SLOT_SIZE}")
        stride = _stride_of(slot_size)
        if capacity < 2 or capacity & (capacity - 1) != 0 or capacity > MAX_RING_BYTES // stride:
            raise SegmentError(f"ring {name}: capacity {capacity}; use a power of two from 2 to {MAX_RING_BYTES // stride}")
        segment = create_segment(
            shm_prefix, name, KIND_RING, <unsigned int>slot_size, capacity, SEGMENT_DATA_OFFSET + stride * capacity, epoch
        )
        name_instrument(segment, symbol)
        self.segment = segment
        self.slot_size = slot_size
        self._stride = stride
        self._mask = capacity - 1
        self._slots = segment.base + SEGMENT_DATA_OFFSET
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

    def publish_bytes(self, data not None) -> bool:
        """Publishes one message of exactly slot_size bytes. False = the ring is full. Raises ValueError on another size."""
        cdef const unsigned char[::1] view
        cdef const unsigned char *source
        cdef void *slot
        cdef size_t size
        if type(data) is bytes:  # a memoryview costs more than all the rest
            source = <const unsigned char *>PyBytes_AS_STRING(data)
            size = <size_t>PyBytes_GET_SIZE(data)
        else:
            view = data
            size = <size_t>view.shape[0]
            source = &view[0] if size != 0 else NULL
        if size != self.slot_size:
            raise ValueError(f"message of {size} bytes for slots of {self.slot_size}")
        slot = self.claim()
        if slot == NULL:
            return False
        memcpy(slot, source, size)
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
        cdef uint64_t identity = _own_identity()
        cdef uint64_t head
        cdef size_t stride = _stride_of(self.slot_size)
        if start not in ("tail", "head"):
            raise ValueError(f"start={start!r}; use 'tail' (only new messages) or 'head' (unread ones first)")
        require_instrument(segment, self.symbol)
        if capacity < 2 or capacity & (capacity - 1) != 0 or segment.size != SEGMENT_DATA_OFFSET + stride * capacity:
            raise SegmentError(f"{segment.path}: capacity {capacity} does not fit its size; restart its producer")
        _take_place(segment, consumer_id, identity)
        head = load_acquire_u64(head_word)
        if not _fits(segment.base + SEGMENT_DATA_OFFSET, stride, capacity, head):
            store_release_u64(consumer_id, 0)
            raise SegmentError(f"{segment.path}: head {head} contradicts the published slots; restart its producer")
        if self.segment is not None:
            self.discarded += self.backlog()
            compare_exchange_u64(self._consumer_id, self._identity, 0)
        self.segment = segment
        self._identity = identity
        self._stride = stride
        self._mask = capacity - 1
        self._slots = segment.base + SEGMENT_DATA_OFFSET
        self._head = head_word
        self._consumer_id = consumer_id
        self._consumer_heartbeat = <int64_t *>(segment.base + RING_CONSUMER_OFFSET + 8)
        self._next = head
        self.heartbeat(monotonic_ns())
        if start == "tail":
            self.skip_to_tail()

    cdef uint64_t backlog(self) noexcept nogil:
        cdef uint64_t there = 0
        cdef uint64_t beyond = self._mask + 2
        cdef uint64_t middle
        # published in order, so a message that is there has all earlier ones before it
        while beyond - there > 1:
            middle = there + (beyond - there) // 2
            if self.has_backlog(middle):
                there = middle
            else:
                beyond = middle
        return there

    cdef uint64_t skip_to_tail(self) noexcept nogil:
        cdef uint64_t skipped = self.backlog()
        self._next = self._next + skipped
        self.discarded = self.discarded + skipped
        store_release_u64(self._head, self._next)
        return skipped

    cdef void _catch_up(self, uint64_t word) noexcept nogil:
        # the oldest message that can still be there
        cdef uint64_t lost = word - (self._mask + 1) - self._next
        self._next = self._next + lost
        self.lapped = self.lapped + lost
        self.discarded = self.discarded + lost
        store_release_u64(self._head, self._next)

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

    def poll_bytes(self, int64_t wait_ns = 0) -> bytes | None:
        """Takes the oldest unread message; waits up to wait_ns for one, spinning without the GIL. None = none."""
        cdef void *slot = self.poll()
        if slot == NULL and wait_ns > 0:
            with nogil:
                slot = self._spin(wait_ns)
        if slot == NULL:
            return None
        data = PyBytes_FromStringAndSize(<char *>slot, self.slot_size)
        self.release()
        return data

    cdef void *_spin(self, int64_t wait_ns) noexcept nogil:
        cdef int64_t deadline = monotonic_ns() + wait_ns
        cdef void *slot = self.poll()
        cdef int spins = 0
        while slot == NULL:
            cpu_relax()
            spins += 1
            if spins == SPINS_PER_CLOCK:
                spins = 0
                if monotonic_ns() >= deadline:
                    return self.poll()
            slot = self.poll()
        return slot

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


cdef class RingGauge:
    def __init__(self, str shm_prefix, str name) -> None:
        self.shm_prefix = shm_prefix
        self.name = name
        self.segment = attach_segment(shm_prefix, name, KIND_RING, 0, False)

    def reattach(self) -> bool:
        """Moves to the ring that superseded this one; False = there is none yet."""
        cdef Segment segment = attach_successor(self.segment, self.shm_prefix, self.name, KIND_RING, 0, False)
        if segment is None:
            return False
        self.segment = segment
        return True

    @property
    def capacity(self) -> int:
        return self.segment.header.capacity

    @property
    def unread(self) -> int:
        """Messages published and not released, at most `capacity`. A moving ring makes it a moment's estimate."""
        cdef uint64_t capacity = self.segment.header.capacity
        cdef size_t stride = _stride_of(self.segment.header.slot_size)
        cdef char *slots = self.segment.base + SEGMENT_DATA_OFFSET
        cdef uint64_t head = load_acquire_u64(<uint64_t *>(self.segment.base + RING_HEAD_OFFSET))
        cdef uint64_t there = 0
        cdef uint64_t beyond = capacity + 1
        cdef uint64_t middle
        # published in order, so a message that is there has all earlier ones before it
        while beyond - there > 1:
            middle = there + (beyond - there) // 2
            if _word_of(slots, stride, capacity, head + middle - 1) >= head + middle:
                there = middle
            else:
                beyond = middle
        return there


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
