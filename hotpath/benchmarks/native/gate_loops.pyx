"""Operation streams that only the instruction gate needs, and the mark at which callgrind writes its counts."""
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from hotpath.ipc.messages cimport INTENT_NEW, MODE_ACTIVE, Intent
from hotpath.ipc.ring cimport RingConsumer, RingProducer
from hotpath.router.risk_gate cimport RiskContext, RiskGate

cdef extern from *:
    """
    /* found by its name: `callgrind --dump-before=ironlane_gate_mark` */
    __attribute__((noinline, used, visibility("default"))) void ironlane_gate_mark(void) { __asm__ volatile(""); }
    """
    void ironlane_gate_mark() nogil


def mark():
    """What was counted since the mark before goes into a file of its own."""
    ironlane_gate_mark()


def publish_poll(RingProducer out not None, RingConsumer inbound not None, uint64_t count):
    """One message in, the same one out, in one process; returns how many came back with their own number."""
    cdef uint64_t i
    cdef uint64_t good = 0
    cdef uint64_t* slot
    with nogil:
        for i in range(count):
            slot = <uint64_t*>out.claim()
            if slot == NULL:
                break
            slot[0] = i
            out.publish()
            slot = <uint64_t*>inbound.poll()
            if slot == NULL:
                break
            good += slot[0] == i
            inbound.release()
    return good


def check_orders(RiskGate gate not None, uint32_t count, int64_t now_ns):
    """New orders of both sides and changing prices through the gate, one each ms; returns how many it lets pass."""
    cdef Intent intent
    cdef RiskContext context
    cdef uint32_t i
    cdef uint32_t passed = 0
    memset(&intent, 0, sizeof(intent))
    memset(&context, 0, sizeof(context))
    intent.kind = INTENT_NEW
    intent.time_in_force = c'0'
    intent.locate = gate.locate
    intent.strategy_epoch = 1
    intent.router_epoch = 1
    context.router_epoch = 1
    context.strategy_epoch = 1
    context.reference_price = 1_000_000
    context.mode = MODE_ACTIVE
    context.session_up = True
    with nogil:
        for i in range(count):
            intent.order_id = i + 1
            intent.side = c'S' if i & 1 else c'B'
            intent.price = 1_000_000 + gate.tick * <int64_t>(i % 64)
            intent.quantity = 100 + i % 200
            context.last_order_id = i
            context.now_ns = now_ns + <int64_t>i * 1_000_000
            intent.created_ns = context.now_ns
            passed += gate.check_new(&intent, &context) == 0
    return passed
