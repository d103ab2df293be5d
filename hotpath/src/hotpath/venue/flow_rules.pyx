# cython: nonecheck=False
# a None check of `self` in nogil code would need the GIL
"""Rules by which other participants' rows act on the market that our clients' orders share.

* add: matches by price and time like any order (our orders in the way trade), the rest joins the book.
* reduce, delete: take shares off the order; an order that is not there is counted, by kind, as `before_open` (the source
  never introduced it) or `gone` (traded or removed here before).
* execute: the order named in the row trades, also when other recorded orders stand before it: that they did not trade
  is on record (a file of so many levels does not tell when an order outside of them goes). With a client order of
  better price or earlier time it is an immediate-or-cancel order from the other side with the row's price and size: the
  client is filled first, and the order named in the row keeps what was taken elsewhere.
* execute of a `before_open` order: that order has priority over everything at its price, so only strictly better prices
  here are hit; the rest is published as a print without book effect (P).
* hidden print: P. Cross: Q. Halt: trading action; client orders are cancelled (reason H), trading rows go on as given.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t

from hotpath.book.matching_engine cimport TIF_DAY, TIF_IOC
from hotpath.protocols.itch cimport ITCH_STATE_HALTED, ITCH_STATE_QUOTATION_ONLY, ITCH_STATE_TRADING
from hotpath.protocols.ouch cimport OUCH_CANCEL_HALTED
from hotpath.venue.flow cimport (FLOW_ADD, FLOW_BEFORE_OPEN, FLOW_CROSS, FLOW_DELETE, FLOW_EXECUTE, FLOW_HALT,
                                 FLOW_HIDDEN, FLOW_REDUCE, FlowRow)
from hotpath.venue.market cimport Market

cdef int64_t OPENING_CROSS_UNTIL_NS = 34_201 * 1_000_000_000      # 09:30:01
cdef int64_t CLOSING_CROSS_FROM_NS = 57_600 * 1_000_000_000       # 16:00


cdef class FlowRules:
    def __init__(self, Market market):
        self.market = market

    cdef void apply(self, const FlowRow* row) noexcept nogil:
        cdef uint32_t handle
        cdef uint8_t kind
        self.counters.rows[row.kind] += 1
        if row.kind == FLOW_ADD:
            self.market.submit(row.order_id, 0, row.side, row.price, <uint32_t>row.size, TIF_DAY, 0, 0)
            if self.market.last_reject:
                self.counters.refused += 1
            self.counters.crossed_shares += self.market.traded_apart
            self.counters.client_shares += self.market.traded - self.market.traded_apart
        elif row.kind == FLOW_REDUCE or row.kind == FLOW_DELETE:
            handle = self.market.engine.find(row.order_id)
            if handle == 0:
                if row.flags & FLOW_BEFORE_OPEN:
                    self.counters.before_open[row.kind] += 1
                else:
                    self.counters.gone[row.kind] += 1
            elif row.kind == FLOW_DELETE:
                self.market.cancel(row.order_id, 0, c'U')
            else:
                if <uint32_t>row.size > self.market.engine.order(handle).shares:
                    self.counters.shortened += 1
                self.market.reduce(row.order_id, <uint32_t>row.size)
        elif row.kind == FLOW_EXECUTE:
            self._execute(row)
        elif row.kind == FLOW_HIDDEN:
            if not self.market.silent:
                self.market.feed.trade(self.market.timestamp_ns, <uint32_t>row.size, row.price, self.market.take_match_number())
        elif row.kind == FLOW_CROSS:
            kind = c'H'
            if row.time_ns < OPENING_CROSS_UNTIL_NS:
                kind = c'O'
            elif row.time_ns >= CLOSING_CROSS_FROM_NS:
                kind = c'C'
            if not self.market.silent:
                self.market.feed.cross(self.market.timestamp_ns, <uint32_t>row.size, row.price, self.market.take_match_number(), kind)
        elif row.kind == FLOW_HALT:
            self._halt(row)

    cdef void _execute(self, const FlowRow* row) noexcept nogil:
        cdef uint8_t aggressor = c'S' if row.side == c'B' else c'B'
        cdef int64_t price = row.price
        cdef uint32_t handle = self.market.engine.find(row.order_id)
        cdef uint32_t size = <uint32_t>row.size
        if row.flags & FLOW_BEFORE_OPEN:
            self.counters.before_open[row.kind] += 1
            price += -1 if aggressor == c'B' else 1
        elif handle == 0:
            self.counters.gone[row.kind] += 1
        elif self.market.engine.order(handle).shares < size:
            self.counters.shortened += 1
        if handle != 0 and not self.market.engine.owned_ahead(handle):
            self.market.trade_against(row.order_id, size)
        else:
            # the aggressor needs a reference of its own only while it matches: 0 names no recorded order
            self.market.submit(0, 0, aggressor, price, size, TIF_IOC, 0, 0)
        self.counters.client_shares += self.market.traded - self.market.traded_apart
        if self.market.traded < size:
            if not row.flags & FLOW_BEFORE_OPEN:
                self.counters.unfilled_shares += size - self.market.traded
            elif not self.market.silent:
                self.market.feed.trade(self.market.timestamp_ns, size - <uint32_t>self.market.traded, row.price, self.market.take_match_number())

    cdef void _halt(self, const FlowRow* row) noexcept nogil:
        cdef uint8_t state = ITCH_STATE_TRADING
        if row.price < 0:
            state = ITCH_STATE_HALTED
        elif row.price == 0:
            state = ITCH_STATE_QUOTATION_ONLY
        if self.market.silent:
            self.market.halted = state != ITCH_STATE_TRADING
            self.market.announced.trading_state = state
            return
        self.market.set_trading_state(state, b"    ")
        if self.market.halted:
            self.market.cancel_clients(OUCH_CANCEL_HALTED)
