"""Both ends of the ring benchmarks. Spin mode: a wait is PAUSE in a loop, and ends after a time limit.

A message is 64 bytes, all of them written by the sender and looked at by the receiver: 8 words, each the message's number.
"""
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from benchmarks.native.samples cimport Samples
from hotpath.ipc.atomics cimport cpu_relax
from hotpath.ipc.clock cimport monotonic_ns
from hotpath.ipc.ring cimport RingConsumer, RingProducer

cdef enum:
    SPINS_PER_CLOCK = 65_536      # how often a waiting loop looks at the clock
    WORDS = 8

MESSAGE_BYTES = WORDS * 8


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


cdef inline const uint64_t* _wait_message(RingConsumer ring, int64_t deadline) noexcept nogil:
    cdef void* slot = ring.poll()
    cdef uint64_t spins = 0
    while slot == NULL:
        cpu_relax()
        spins += 1
        if spins % SPINS_PER_CLOCK == 0 and monotonic_ns() > deadline:
            return NULL
        slot = ring.poll()
    return <const uint64_t*>slot


cdef inline void _write(uint64_t* slot, uint64_t number) noexcept nogil:
    cdef int i
    for i in range(WORDS):
        slot[i] = number


cdef inline bint _is(const uint64_t* slot, uint64_t number) noexcept nogil:
    cdef uint64_t differences = 0
    cdef int i
    for i in range(WORDS):
        differences |= slot[i] ^ number
    return differences == 0


cdef void _check_size(RingProducer out, RingConsumer inbound) except *:
    if (out is not None and out.slot_size != MESSAGE_BYTES) or (inbound is not None and inbound.slot_size != MESSAGE_BYTES):
        raise ValueError(f"these loops send messages of {MESSAGE_BYTES} bytes")


def ping(RingProducer out not None, RingConsumer back not None, uint64_t count, Samples samples not None,
         int64_t limit_ns):
    """Closed loop, one message in flight: (ns, messages answered with their own number)."""
    cdef uint64_t i
    cdef uint64_t good = 0
    cdef uint64_t* slot
    cdef const uint64_t* answer
    cdef int64_t before
    cdef int64_t started = monotonic_ns()
    cdef int64_t deadline = started + limit_ns
    _check_size(out, back)
    samples.count = 0
    with nogil:
        for i in range(count):
            before = monotonic_ns()
            slot = _wait_slot(out, deadline)
            if slot == NULL:
                break
            _write(slot, i)
            out.publish()
            answer = _wait_message(back, deadline)
            if answer == NULL:
                break
            good += _is(answer, i)
            back.release()
            samples.record(monotonic_ns() - before)
    return monotonic_ns() - started, good


def ping_paced(RingProducer out not None, RingConsumer back not None, uint64_t count, int64_t period_ns,
               Samples samples not None, int64_t limit_ns):
    """Open loop: message i is due at start + i * period_ns whatever became of the earlier ones, and its latency counts
    from then: (ns, messages answered with their own number)."""
    cdef uint64_t sent = 0
    cdef uint64_t answered = 0
    cdef uint64_t good = 0
    cdef uint64_t* slot
    cdef const uint64_t* answer
    cdef int64_t now = monotonic_ns()
    cdef int64_t started = now + period_ns
    cdef int64_t due = started
    cdef int64_t deadline = now + limit_ns
    _check_size(out, back)
    samples.count = 0
    with nogil:
        while answered < count and now < deadline:
            now = monotonic_ns()
            if sent < count and now >= due:
                slot = <uint64_t*>out.claim()
                if slot != NULL:
                    _write(slot, sent)
                    out.publish()
                    sent += 1
                    due += period_ns
            answer = <const uint64_t*>back.poll()
            if answer != NULL:
                good += _is(answer, answered)
                back.release()
                samples.record(monotonic_ns() - (started + <int64_t>answered * period_ns))
                answered += 1
    return now - started, good


def echo(RingConsumer inbound not None, RingProducer out not None, uint64_t count, int64_t limit_ns):
    """Sends every message back; returns how many."""
    cdef uint64_t done = 0
    cdef uint64_t* slot
    cdef const uint64_t* message
    cdef int64_t deadline = monotonic_ns() + limit_ns
    _check_size(out, inbound)
    with nogil:
        while done < count:
            message = _wait_message(inbound, deadline)
            if message == NULL:
                break
            slot = _wait_slot(out, deadline)
            if slot == NULL:
                break
            memcpy(slot, message, WORDS * 8)
            out.publish()
            inbound.release()
            done += 1
    return done


def produce(RingProducer out not None, uint64_t count, int64_t limit_ns):
    """As fast as the ring takes them."""
    cdef uint64_t i
    cdef uint64_t done = 0
    cdef uint64_t* slot
    cdef int64_t deadline = monotonic_ns() + limit_ns
    _check_size(out, None)
    with nogil:
        for i in range(count):
            slot = _wait_slot(out, deadline)
            if slot == NULL:
                break
            _write(slot, i)
            out.publish()
            done += 1
    return done


def consume(RingConsumer inbound not None, uint64_t count, int64_t limit_ns):
    """(ns from the first message to the last, messages that came whole and in order)."""
    cdef uint64_t i
    cdef uint64_t good = 0
    cdef const uint64_t* message
    cdef int64_t deadline = monotonic_ns() + limit_ns
    cdef int64_t started = 0
    _check_size(None, inbound)
    with nogil:
        for i in range(count):
            message = _wait_message(inbound, deadline)
            if message == NULL:
                break
            if i == 0:
                started = monotonic_ns()
            good += _is(message, i)
            inbound.release()
    return monotonic_ns() - started if started else limit_ns, good
