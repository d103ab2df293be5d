"""Drives the matching engine through an order flow; times the whole round or every command."""
from libc.stdint cimport int64_t, uint32_t, uint64_t

from benchmarks.native.order_flow cimport (COMMAND_CANCEL, COMMAND_IOC, COMMAND_MOVE, COMMAND_NEW, OWNERS, Command,
                                           OrderFlow)
from benchmarks.native.resources cimport Resources, figures, resources
from benchmarks.native.samples cimport Samples
from hotpath.book.limit_order_book cimport TopOfBook
from hotpath.book.matching_engine cimport (CANCEL_USER, ENGINE_EXECUTED, ENGINE_MORE, ENGINE_REJECTED, SMP_OFF, TIF_DAY,
                                           TIF_IOC, EngineEvent, MatchingEngine)
from hotpath.ipc.clock cimport monotonic_ns

cdef extern from *:
    """
    #ifndef IRONLANE_SLOWDOWN
    #define IRONLANE_SLOWDOWN 0
    #endif
    """
    const bint SLOWDOWN "IRONLANE_SLOWDOWN"    # a lookup more per command: what the instruction gate must notice

cdef struct Totals:
    uint64_t found
    uint64_t trades
    uint64_t volume
    uint64_t rejected


cdef inline void _execute(MatchingEngine engine, const Command* command, Totals* totals) noexcept nogil:
    """One command, and all of its events read as a venue would."""
    cdef int status
    cdef uint32_t i
    cdef const EngineEvent* event
    if SLOWDOWN:
        totals.found += engine.find(command.reference) != 0
    if command.kind == COMMAND_MOVE:
        status = engine.replace(command.reference, command.new_reference, command.price, command.quantity, TIF_DAY, 0, 0)
    elif command.kind == COMMAND_NEW:
        status = engine.submit(command.reference, command.owner, command.side, command.price, command.quantity, TIF_DAY,
                               0, command.order_id)
    elif command.kind == COMMAND_CANCEL:
        status = engine.cancel(command.reference, 0, CANCEL_USER)
    else:
        status = engine.submit(command.reference, command.owner, command.side, command.price, command.quantity, TIF_IOC,
                               0, command.order_id)
    while True:
        for i in range(engine.event_count):
            event = &engine.events[i]
            if event.kind == ENGINE_EXECUTED:
                totals.trades += 1
                totals.volume += event.quantity
            elif event.kind == ENGINE_REJECTED:
                totals.rejected += 1
        engine.clear_events()
        if status != ENGINE_MORE:
            break
        status = engine.resume()


cdef class MatchingRun:
    """One engine, reused for every round; its memory is touched before the first."""
    cdef MatchingEngine engine
    cdef OrderFlow flow
    cdef Samples samples

    def __init__(self, OrderFlow flow not None, Samples samples not None):
        cdef uint32_t owner
        self.flow = flow
        self.samples = samples
        # a venue's room, not the flow's: twenty times what this flow keeps open
        self.engine = MatchingEngine(1 << 15, 1 << 14, True, max_owners=OWNERS + 1)
        for owner in range(1, OWNERS + 1):
            self.engine.set_self_match_prevention(<unsigned short>owner, SMP_OFF)

    def round(self, bint timed):
        """(ns for the timed commands, what was counted, what they used); timed: latencies go to the samples."""
        cdef Totals totals
        cdef TopOfBook top
        cdef Resources at_start, at_end
        cdef int64_t started, before
        cdef uint32_t i
        cdef const Command* commands = self.flow.commands
        cdef uint32_t first = self.flow.prefill
        cdef uint32_t last = first + self.flow.count
        totals.found = 0
        totals.trades = 0
        totals.volume = 0
        totals.rejected = 0
        self.samples.count = 0
        with nogil:
            self.engine.reset()
            for i in range(first):
                _execute(self.engine, &commands[i], &totals)
            at_start = resources()
            started = monotonic_ns()
            if timed:
                for i in range(first, last):
                    before = monotonic_ns()
                    _execute(self.engine, &commands[i], &totals)
                    self.samples.record(monotonic_ns() - before)
            else:
                for i in range(first, last):
                    _execute(self.engine, &commands[i], &totals)
            started = monotonic_ns() - started
            at_end = resources()
            self.engine.top(&top)
        return started, {
            "trades": totals.trades,
            "volume": totals.volume,
            "unknown_cancels": totals.rejected,
            "resting_orders": self.engine.live_orders(),
            "best_bid": top.bid_price,
            "best_ask": top.ask_price,
        }, figures(&at_start, &at_end)
