"""OUCH Enter Order encoding, as the router does it, field values changing with every message."""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from benchmarks.native.samples cimport Samples
from hotpath.ipc.clock cimport monotonic_ns
from hotpath.protocols.ouch cimport (OUCH_APPENDAGE_LENGTH_SIZE, OUCH_BUY, OUCH_CAPACITY_PRINCIPAL,
                                     OUCH_CROSS_CONTINUOUS, OUCH_DISPLAY_VISIBLE, OUCH_IN_ENTER_ORDER_BODY, OUCH_SELL,
                                     OUCH_TIF_DAY, OuchInEnterOrder, ouch_decode_in_enter_order,
                                     ouch_encode_in_enter_order)

cdef enum:
    SLOTS = 1024
    SLOT_BYTES = 64
    FRAME_BYTES = OUCH_IN_ENTER_ORDER_BODY + OUCH_APPENDAGE_LENGTH_SIZE


cdef inline void _fill(OuchInEnterOrder* order, uint32_t number) noexcept nogil:
    order.user_ref_num = number
    order.side = OUCH_SELL if number & 1 else OUCH_BUY
    order.quantity = 1 + number % 1000
    order.price = 1_000_000 + 100 * <int64_t>(number & 1023)


cdef class EnterOrderRun:
    cdef uint8_t frames[65536]        # SLOTS x SLOT_BYTES: written in turn, so that no store is dead
    cdef OuchInEnterOrder template
    cdef Samples samples

    def __init__(self, Samples samples not None):
        self.samples = samples
        memset(&self.template, 0, sizeof(OuchInEnterOrder))
        memcpy(self.template.symbol, b"AAPL    ", 8)
        memcpy(self.template.cl_ord_id, b"IRON0000000001", 14)
        self.template.time_in_force = OUCH_TIF_DAY
        self.template.display = OUCH_DISPLAY_VISIBLE
        self.template.capacity = OUCH_CAPACITY_PRINCIPAL
        self.template.iso_eligibility = c'N'
        self.template.cross_type = OUCH_CROSS_CONTINUOUS

    def round(self, uint32_t count, bint timed):
        """(ns, counts): the bytes written, and how many of the last frames decode to what was encoded."""
        cdef OuchInEnterOrder order = self.template
        cdef OuchInEnterOrder back
        cdef uint64_t size = 0
        cdef uint32_t i
        cdef uint32_t good = 0
        cdef int64_t started, before
        self.samples.count = 0
        memset(self.frames, 0, sizeof(self.frames))
        with nogil:
            started = monotonic_ns()
            if timed:
                for i in range(count):
                    before = monotonic_ns()
                    _fill(&order, i)
                    size += ouch_encode_in_enter_order(&order, &self.frames[(i % SLOTS) * SLOT_BYTES], SLOT_BYTES)
                    self.samples.record(monotonic_ns() - before)
            else:
                for i in range(count):
                    _fill(&order, i)
                    size += ouch_encode_in_enter_order(&order, &self.frames[(i % SLOTS) * SLOT_BYTES], SLOT_BYTES)
            started = monotonic_ns() - started
            for i in range(count - min(count, <uint32_t>SLOTS), count):
                _fill(&order, i)
                if ouch_decode_in_enter_order(&self.frames[(i % SLOTS) * SLOT_BYTES], FRAME_BYTES, &back) > 0:
                    good += (back.user_ref_num == order.user_ref_num and back.side == order.side
                             and back.quantity == order.quantity and back.price == order.price)
        return started, {"bytes": size, "read_back": good}
