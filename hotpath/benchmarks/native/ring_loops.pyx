"""Both ends of the ring benchmarks. Spin mode: a wait is PAUSE in a loop, and ends after a time limit."""
from libc.stdint cimport int64_t, uint64_t

from benchmarks.native.samples cimport Samples
from hotpath.ipc.atomics cimport cpu_relax
from hotpath.ipc.clock cimport monotonic_ns
from hotpath.ipc.ring cimport RingConsumer, RingProducer

cdef enum:
    SPINS_PER_CLOCK = 65_536      # how often a waiting loop looks at the clock


cdef inline uint64_t* _wait_slot(RingProducer ring, int64_t deadline) noexcept nogil:
    cdef void* slot = ring.claim()
    cdef uint64_t spins = 0
    while slot == NULL:
        cpu_relax()
        spins += 1
        if spins % SPINS_PER_CLOCK == 0 and monotonic_ns() > deadline:
            return NULL
        slot = ring.claim()
    return <uint64_t*>slot


cdef inline uint64_t* _wait_message(RingConsumer ring, int64_t deadline) noexcept nogil:
    cdef void* slot = ring.poll()
    cdef uint64_t spins = 0
    while slot == NULL:
        cpu_relax()
        spins += 1
        if spins % SPINS_PER_CLOCK == 0 and monotonic_ns() > deadline:
            return NULL
        slot = ring.poll()
    return <uint64_t*>slot


def ping(RingProducer out not None, RingConsumer back not None, uint64_t count, Samples samples not None,
         int64_t limit_ns):
    """Closed loop, one message in flight: (ns, messages answered with their own number)."""
    cdef uint64_t i
    cdef uint64_t good = 0
    cdef uint64_t* slot
    cdef int64_t before
    cdef int64_t started = monotonic_ns()
    cdef int64_t deadline = started + limit_ns
    samples.count = 0
    with nogil:
        for i in range(count):
            before = monotonic_ns()
            slot = _wait_slot(out, deadline)
            if slot == NULL:
                break
            slot[0] = i
            out.publish()
            slot = _wait_message(back, deadline)
            if slot == NULL:
                break
            good += slot[0] == i
            back.release()
            samples.record(monotonic_ns() - before)
    return monotonic_ns() - started, good


def echo(RingConsumer inbound not None, RingProducer out not None, uint64_t count, int64_t limit_ns):
    """Sends every message back; returns how many."""
    cdef uint64_t done = 0
    cdef uint64_t number
    cdef uint64_t* slot
    cdef int64_t deadline = monotonic_ns() + limit_ns
    with nogil:
        while done < count:
            slot = _wait_message(inbound, deadline)
            if slot == NULL:
                break
            number = slot[0]
            inbound.release()
            slot = _wait_slot(out, deadline)
            if slot == NULL:
                break
            slot[0] = number
            out.publish()
            done += 1
    return done


def produce(RingProducer out not None, uint64_t count, int64_t limit_ns):
    """As fast as the ring takes them; the first word is the number of the message."""
    cdef uint64_t i
    cdef uint64_t done = 0
    cdef uint64_t* slot
    cdef int64_t deadline = monotonic_ns() + limit_ns
    with nogil:
        for i in range(count):
            slot = _wait_slot(out, deadline)
            if slot == NULL:
                break
            slot[0] = i
            out.publish()
            done += 1
    return done


def consume(RingConsumer inbound not None, uint64_t count, int64_t limit_ns):
    """(ns from the first message to the last, messages that came in order)."""
    cdef uint64_t i
    cdef uint64_t good = 0
    cdef uint64_t* slot
    cdef int64_t deadline = monotonic_ns() + limit_ns
    cdef int64_t started = 0
    with nogil:
        for i in range(count):
            slot = _wait_message(inbound, deadline)
            if slot == NULL:
                break
            if i == 0:
                started = monotonic_ns()
            good += slot[0] == i
            inbound.release()
    return monotonic_ns() - started if started else limit_ns, good
