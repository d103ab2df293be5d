"""Loops of the litmus, soak and kill tests: the engine's own rings and sequence locks, driven without Python in between.

Every loop takes a `fault`, which breaks the protocol on purpose: a check that does not see it proves nothing.
"""
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from hotpath.ipc.atomics cimport (
    cpu_relax, fence_release, store_relaxed_u64, store_release_u64,
)
from hotpath.ipc.clock cimport monotonic_ns
from hotpath.ipc.ring cimport RingConsumer, RingProducer
from hotpath.ipc.seqlock cimport SeqlockReader, SeqlockWriter

cdef extern from "<sched.h>" nogil:
    int sched_yield() noexcept

cdef extern from *:
    """
    /* Stops the process under a debugger. */
    static inline void breakpoint_here(void) {
    #if defined(__x86_64__) || defined(__i386__)
        __asm__ __volatile__("int3" ::: "memory");
    #elif defined(__aarch64__)
        __asm__ __volatile__("brk #0" ::: "memory");
    #endif
    }
    """
    void breakpoint_here() noexcept nogil

cdef enum:
    SPINS_PER_LOOK = 1024         # a waiting loop then looks at the clock and lets others run
    PAUSE_ONE_IN = 64             # so often a loop pauses, to let the other side catch up
    MAX_WORDS = 64
    NO_FAULT = 0
    FAULT_PUBLISH_FIRST = 1       # the message is published before it is written
    FAULT_RELEASE_FIRST = 2       # the slot is given back before it was read
    FAULT_NO_MARK = 3             # a block is written without the odd sequence that tells readers of it

PUBLISH_FIRST = FAULT_PUBLISH_FIRST
RELEASE_FIRST = FAULT_RELEASE_FIRST
NO_MARK = FAULT_NO_MARK


cdef inline uint64_t _mix(uint64_t value) noexcept nogil:
    """splitmix64."""
    value += <uint64_t>0x9E3779B97F4A7C15
    value = (value ^ (value >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    value = (value ^ (value >> 27)) * <uint64_t>0x94D049BB133111EB
    return value ^ (value >> 31)


cdef inline void _write(uint64_t* slot, size_t words, uint64_t number, uint64_t seed) noexcept nogil:
    """The number, then words that only this message of this seed has."""
    cdef uint64_t value = _mix(number ^ seed)
    cdef size_t i
    slot[0] = number
    for i in range(1, words):
        slot[i] = value + i


cdef inline bint _is_whole(const uint64_t* slot, size_t words, uint64_t number, uint64_t seed) noexcept nogil:
    cdef uint64_t value = _mix(number ^ seed)
    cdef uint64_t differences = slot[0] ^ number
    cdef size_t i
    for i in range(1, words):
        differences |= slot[i] ^ (value + i)
    return differences == 0


cdef inline void _pause(uint64_t random) noexcept nogil:
    cdef uint64_t i
    if random % PAUSE_ONE_IN == 0:
        for i in range((random >> 32) & 63):
            cpu_relax()


def produce(RingProducer ring not None, uint64_t count, uint64_t seed, int fault, bint pauses, int64_t limit_ns):
    """Publishes messages 0 to count - 1: (published, times that the ring was full)."""
    cdef size_t words = ring.slot_size // 8
    cdef uint64_t number = 0
    cdef uint64_t full = 0
    cdef uint64_t spins = 0
    cdef int64_t deadline = monotonic_ns() + limit_ns
    cdef void* slot
    with nogil:
        while number < count:
            slot = ring.claim()
            if slot == NULL:
                full += spins == 0
                spins += 1
                cpu_relax()
                if spins % SPINS_PER_LOOK == 0:
                    ring.heartbeat(monotonic_ns())
                    if monotonic_ns() > deadline:
                        break
                    sched_yield()
                continue
            spins = 0
            if fault == FAULT_PUBLISH_FIRST:
                ring.publish()
                fence_release()
                _write(<uint64_t*>slot, words, number, seed)
            else:
                _write(<uint64_t*>slot, words, number, seed)
                ring.publish()
            if pauses:
                _pause(_mix(number + seed))
            number += 1
    return number, full


def consume(RingConsumer ring not None, uint64_t count, uint64_t seed, int fault, bint pauses, int64_t limit_ns):
    """Takes `count` messages, or with a fault as many as it takes to see it: (whole and in order, others, times that the
    ring was empty)."""
    cdef size_t words = ring.slot_size // 8
    cdef uint64_t number = 0
    cdef uint64_t good = 0
    cdef uint64_t empty = 0
    cdef uint64_t spins = 0
    cdef int64_t deadline = monotonic_ns() + limit_ns
    cdef void* slot
    with nogil:
        while number < count:
            slot = ring.poll()
            if slot == NULL:
                empty += spins == 0
                spins += 1
                cpu_relax()
                if spins % SPINS_PER_LOOK == 0:
                    ring.heartbeat(monotonic_ns())
                    if monotonic_ns() > deadline:
                        break
                    sched_yield()
                continue
            spins = 0
            if fault == FAULT_RELEASE_FIRST:
                ring.release()
                fence_release()
                good += _is_whole(<const uint64_t*>slot, words, number, seed)
            else:
                good += _is_whole(<const uint64_t*>slot, words, number, seed)
                ring.release()
            if pauses:
                _pause(_mix(number - seed))
            number += 1
            if fault and good != number:
                break
    return good, number - good, empty


def publish_one(RingProducer ring not None, uint64_t number, uint64_t seed, int fault):
    """One message and a heartbeat between two breakpoints. Returns whether there was room."""
    cdef size_t words = ring.slot_size // 8
    cdef int64_t now = monotonic_ns()
    cdef void* slot
    with nogil:
        breakpoint_here()
        slot = ring.claim()
        if slot != NULL:
            if fault == FAULT_PUBLISH_FIRST:
                ring.publish()
                fence_release()
                _write(<uint64_t*>slot, words, number, seed)
            else:
                _write(<uint64_t*>slot, words, number, seed)
                ring.publish()
            ring.heartbeat(now)
        breakpoint_here()
    return slot != NULL


def write_blocks(SeqlockWriter block not None, uint64_t seed, int fault, int64_t limit_ns):
    """Rewrites the block, every word the number of the write, until the time is over. Returns how often."""
    cdef uint64_t payload[MAX_WORDS]
    cdef uint64_t number = 0
    cdef size_t words = block.payload_size // 8
    cdef size_t i
    cdef int64_t deadline = monotonic_ns() + limit_ns
    if words > MAX_WORDS:
        raise ValueError(f"{words} words, at most {MAX_WORDS}")
    memset(payload, 0, sizeof(payload))
    with nogil:
        while number % 1024 != 0 or monotonic_ns() < deadline:
            number += 1
            for i in range(words):
                payload[i] = number
            if fault == FAULT_NO_MARK:
                for i in range(words):
                    store_relaxed_u64(&block._payload[i], payload[i])
                block._next = block._next + 2
                store_release_u64(block._sequence, block._next)
            else:
                block.write(payload)
            # a writer that never rests leaves readers no time for a whole copy
            for i in range(_mix(number + seed) & 63):
                cpu_relax()
    return number


def read_blocks(SeqlockReader block not None, uint64_t enough, int64_t limit_ns):
    """Reads until it has seen so many changes, or a torn block: (reads, torn ones, ones older than an earlier one,
    changes seen)."""
    cdef uint64_t payload[MAX_WORDS]
    cdef uint64_t reads = 0
    cdef uint64_t torn = 0
    cdef uint64_t back = 0
    cdef uint64_t changes = 0
    cdef uint64_t last = 0
    cdef uint64_t differences
    cdef size_t words = block.payload_size // 8
    cdef size_t i
    cdef int64_t deadline = monotonic_ns() + limit_ns
    if words > MAX_WORDS:
        raise ValueError(f"{words} words, at most {MAX_WORDS}")
    with nogil:
        while changes < enough and torn == 0 and monotonic_ns() < deadline:
            if block.read(payload) == 0:
                continue
            reads += 1
            differences = 0
            for i in range(1, words):
                differences |= payload[i] ^ payload[0]
            torn += differences != 0
            back += payload[0] < last
            changes += payload[0] != last
            last = payload[0]
    return reads, torn, back, changes
