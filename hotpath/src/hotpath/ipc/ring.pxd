"""Single-producer single-consumer ring of fixed-size slots in shared memory. Back-pressure, never overwrites.

A slot is whole cache lines: the message, then in its last 8 bytes the published word, 1 + the message's number once it is
there. The word lies in the message's own last line, so that one transfer of that line between two cores carries both; a
shared index would cost a second one, in series. It is in the last line and not the first because the consumer polls that
line: the producer fills the others undisturbed.
"""
cimport cython
from libc.stdint cimport int64_t, uint64_t

from hotpath.ipc.atomics cimport load_acquire_u64, prefetch_read, store_relaxed_i64, store_release_u64
from hotpath.ipc.segment cimport Segment

# Control lines, 128 bytes apart because of the adjacent-line prefetcher.
cdef enum:
    RING_HEAD_OFFSET = 384        # written by the consumer: messages released
    RING_CONSUMER_OFFSET = 512    # consumer identity, consumer heartbeat
    RING_WORD_BYTES = 8           # published word, at the end of each slot

cdef enum ConsumerStateCode:
    CONSUMER_NONE = 0             # none ever attached, or it detached
    CONSUMER_ALIVE = 1
    CONSUMER_SILENT = 2           # process runs, heartbeat older than silent_after_ns
    CONSUMER_DEAD = 3

@cython.final
cdef class RingProducer:
    """RingProducer(shm_prefix, name, slot_size, capacity, epoch, symbol): creates the ring, supersedes an older one."""
    cdef readonly Segment segment
    cdef char *_slots
    cdef uint64_t *_head
    cdef uint64_t *_consumer_id
    cdef int64_t *_consumer_heartbeat
    cdef uint64_t _mask
    cdef size_t _stride                   # from slot to slot
    cdef readonly size_t slot_size        # of a message
    cdef uint64_t _next
    cdef uint64_t _cached_head
    cdef readonly uint64_t refused        # claims that found the ring full
    cdef readonly uint64_t reclaimed      # unread messages dropped because their consumer was gone
    cdef int64_t _probed_ns
    cdef uint64_t _probed_id
    cdef bint _probed_alive

    # The next slot to fill, NULL when full. Calling it again without publish() gives the same slot.
    cdef inline void *claim(self) noexcept nogil:
        if self._next - self._cached_head > self._mask:
            self._cached_head = load_acquire_u64(self._head)
            if self._next - self._cached_head > self._mask:
                self.refused = self.refused + 1
                return NULL
        return self._slots + (self._next & self._mask) * self._stride

    # Makes the claimed slot visible. Only after a claim() that was not NULL.
    cdef inline void publish(self) noexcept nogil:
        cdef char *end = self._slots + (self._next & self._mask) * self._stride + self._stride
        self._next = self._next + 1
        store_release_u64(<uint64_t *>(end - RING_WORD_BYTES), self._next)

    cdef inline uint64_t free_slots(self) noexcept nogil:
        cdef uint64_t used
        self._cached_head = load_acquire_u64(self._head)
        used = self._next - self._cached_head
        return self._mask + 1 - used if used <= self._mask else 0  # more: a lapped consumer is behind

    cdef inline uint64_t backlog(self) noexcept nogil:
        return self._next - load_acquire_u64(self._head)

    # Each pass of the producer's loop; now_ns = monotonic_ns().
    cdef inline void heartbeat(self, int64_t now_ns) noexcept nogil:
        self.segment.heartbeat(now_ns)

    # Another process took over as producer: stop publishing.
    cdef inline bint superseded(self) noexcept nogil:
        return self.segment.superseded()

    # One of ConsumerStateCode; reads /proc at most once per segment.probe_interval_ns.
    cdef int consumer_state(self, int64_t now_ns) noexcept nogil
    # Drops all unread messages if no live consumer is attached. Returns how many; -1 = a consumer is alive.
    cdef int64_t reclaim(self) noexcept nogil
    # Marks the ring CLOSED: a consumer drains it and knows that no more will come.
    cdef void mark_closed(self) noexcept nogil

@cython.final
cdef class RingConsumer:
    """RingConsumer(shm_prefix, name, slot_size, start="tail"|"head", symbol): attaches to that instrument's ring."""
    cdef readonly Segment segment
    cdef readonly str shm_prefix
    cdef readonly str name
    cdef char *_slots
    cdef uint64_t *_head
    cdef uint64_t *_consumer_id
    cdef int64_t *_consumer_heartbeat
    cdef uint64_t _mask
    cdef size_t _stride                   # from slot to slot
    cdef readonly size_t slot_size        # of a message
    cdef uint64_t _next
    cdef readonly uint64_t discarded      # messages never polled: skipped at attach, skip_to_tail and reattach, or lapped
    cdef readonly uint64_t lapped         # of these, overwritten by a producer that took this consumer for dead
    cdef uint64_t _identity
    cdef readonly str symbol              # "" = of a ring that is about no instrument

    # 1 + the number of the message in the slot where message `position` belongs; less than 1 + position = not there yet.
    cdef inline uint64_t _published(self, uint64_t position) noexcept nogil:
        cdef char *end = self._slots + (position & self._mask) * self._stride + self._stride
        return load_acquire_u64(<uint64_t *>(end - RING_WORD_BYTES))

    # The oldest unread message, NULL when there is none. Valid until release().
    cdef inline void *poll(self) noexcept nogil:
        cdef char *slot = self._slots + (self._next & self._mask) * self._stride
        cdef uint64_t word = self._published(self._next)
        if word == self._next + 1:
            return slot
        if word > self._next:
            self._catch_up(word)
        prefetch_read(slot)  # of several lines: the first one is on its way before the word says so
        return NULL

    # Gives the polled slot back. Only after a poll() that was not NULL.
    cdef inline void release(self) noexcept nogil:
        self._next = self._next + 1
        store_release_u64(self._head, self._next)

    # Whether `count` messages or more are unread. One load, however large the ring is.
    cdef inline bint has_backlog(self, uint64_t count) noexcept nogil:
        return count == 0 or (count <= self._mask + 1 and self._published(self._next + count - 1) >= self._next + count)

    # Unread messages; looks at a slot for every doubling of the capacity.
    cdef uint64_t backlog(self) noexcept nogil

    # Index of the next message to poll: counts from 0 in each ring instance.
    cdef inline uint64_t position(self) noexcept nogil:
        return self._next

    # Discards all unread messages and returns how many.
    cdef uint64_t skip_to_tail(self) noexcept nogil

    # The slot of the next message holds a later one (word - 1): counts the lost ones, goes on with the oldest left.
    cdef void _catch_up(self, uint64_t word) noexcept nogil
    cdef void *_spin(self, int64_t wait_ns) noexcept nogil

    # Lets the producer tell a slow consumer from a stuck one.
    cdef inline void heartbeat(self, int64_t now_ns) noexcept nogil:
        store_relaxed_i64(self._consumer_heartbeat, now_ns)

    # Cheap: one load. True = the producer was replaced; drain with poll(), then call reattach() (needs the GIL).
    cdef inline bint superseded(self) noexcept nogil:
        return self.segment.superseded()

    # One of ProducerStateCode; reads /proc at most once per segment.probe_interval_ns.
    cdef inline int producer_state(self, int64_t now_ns) noexcept nogil:
        return self.segment.producer_state(now_ns)

    # Fencing epoch of the producer, from the header.
    cdef inline unsigned int epoch(self) noexcept nogil:
        return self.segment.header.epoch

    cdef object _bind(self, Segment segment, str start)

@cython.final
cdef class RingGauge:
    """RingGauge(shm_prefix, name): looks at a ring from beside it, as neither producer nor consumer."""
    cdef readonly Segment segment
    cdef readonly str shm_prefix
    cdef readonly str name
