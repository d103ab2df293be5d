"""A small market maker. Its rules are those of python_market_maker.py, line by line, without the GIL."""
from libc.stdint cimport int64_t, uint8_t, uint32_t

from hotpath.ipc.messages cimport (
    EVENT_CANCELED, EVENT_REFUSED, EVENT_REJECTED, ORDER_LIVE, BookEvent, OrderEvent,
)
from hotpath.strategy.base cimport SIDE_BUY, SIDE_SELL, TIF_DAY, OwnOrder, Strategy, order_is_open

from hotpath.strategy.market_maker_parameters import NS_PER_MS, MarketMakerParameters

cdef enum:
    HUNDREDTHS_PER_UNIT = 1_000_000       # hundredths of a basis point in 1


cdef class MarketMaker(Strategy):
    Parameters = MarketMakerParameters
    CANCEL_WHEN_STALE = False     # does it itself, quote by quote, as for every other reason not to quote

    def setup(self):
        p = self.parameters
        self.quote_size = p.quote_size
        self.position_limit = p.position_limit
        self.spread_ticks = p.spread_ticks
        self.spread_hundredths = p.spread_hundredths_of_bps
        self.skew_ticks = p.skew_ticks
        self.refresh_ticks = p.refresh_ticks
        self.requote_ns = p.requote_ms * NS_PER_MS
        self.cool_down_ns = p.cool_down_ms * NS_PER_MS

    cdef void on_book(self, const BookEvent* event) noexcept nogil:
        self._see_outside()
        self._work()

    cdef void on_order_event(self, const OrderEvent* event) noexcept nogil:
        cdef Quote* quote = &self.bid if event.side == SIDE_BUY else &self.ask
        cdef OwnOrder* order = self.order(event.order_id)
        if event.strategy_epoch == self.strategy_epoch and order != NULL:
            # a rejected replace with reason 0 has only shared its original's fate
            if (event.kind == EVENT_REFUSED or (event.kind == EVENT_REJECTED and event.reason)
                    or (event.kind == EVENT_CANCELED and event.reason != c'U')):
                quote.not_before_ns = self.now_ns + self.cool_down_ns
        self._work()

    cdef void on_timer(self, int64_t now_ns) noexcept nogil:
        self._work()

    cdef void _see_outside(self) noexcept nogil:
        """Quoting around a mid that our own quotes moved would chase itself: look past levels that are all ours."""
        if not self.book_fresh:
            self.outside_bid = 0
            self.outside_ask = 0
            return
        if self.book.bid_price == 0:
            self.outside_bid = 0
        elif self.book.bid_orders > self.own_orders_at(SIDE_BUY, self.book.bid_price):
            self.outside_bid = self.book.bid_price
        elif self.outside_bid > self.book.bid_price:      # what is below our own best bid is not shown
            self.outside_bid = self.book.bid_price
        if self.book.ask_price == 0:
            self.outside_ask = 0
        elif self.book.ask_orders > self.own_orders_at(SIDE_SELL, self.book.ask_price):
            self.outside_ask = self.book.ask_price
        elif self.outside_ask and self.outside_ask < self.book.ask_price:
            self.outside_ask = self.book.ask_price

    cdef void _aim(self) noexcept nogil:
        cdef int64_t mid, spread, wide, skew, center
        self.bid_target = 0
        self.ask_target = 0
        if not self.can_quote() or self.outside_bid == 0 or self.outside_ask <= self.outside_bid:
            return
        mid = self.outside_bid + self.outside_ask         # all of these are twice the price, so that halves are exact
        spread = 2 * self.spread_ticks * self.tick
        wide = mid * self.spread_hundredths // HUNDREDTHS_PER_UNIT
        if wide > spread:
            spread = wide
        skew = 2 * self.skew_ticks * self.tick * self.position // self.position_limit
        center = mid - skew
        self.bid_target = self.floor_tick((center - spread // 2) // 2)
        self.ask_target = self.ceil_tick((center + spread // 2 + 1) // 2)
        # post-only: stay a tick outside whatever is on the other side
        if self.bid_target > self.outside_ask - self.tick:
            self.bid_target = self.outside_ask - self.tick
        if self.ask_target < self.outside_bid + self.tick:
            self.ask_target = self.outside_bid + self.tick
        if self.bid_target < self.tick:
            self.bid_target = 0

    cdef int64_t _own_limit(self, uint8_t side) noexcept nogil:
        """Best price of our own open orders on a side; 0 = none."""
        cdef int64_t best = 0
        cdef OwnOrder* order = self.first_open()
        while order != NULL:
            if order.side == side and (best == 0 or (order.price > best if side == SIDE_BUY else order.price < best)):
                best = order.price
            order = self.next_open(order)
        return best

    cdef void _work(self) noexcept nogil:
        cdef int64_t own, target
        if self.draining:
            return
        self._aim()
        target = self.bid_target
        own = self._own_limit(SIDE_SELL)
        if target and own and target > own - self.tick:
            target = own - self.tick
        self._work_side(&self.bid, SIDE_BUY, target, min(self.quote_size, self.position_limit - self.position))
        target = self.ask_target
        own = self._own_limit(SIDE_BUY)
        if target and own and target < own + self.tick:
            target = own + self.tick
        self._work_side(&self.ask, SIDE_SELL, target, min(self.quote_size, self.position_limit + self.position))

    cdef void _work_side(self, Quote* quote, uint8_t side, int64_t target, int64_t size) noexcept nogil:
        cdef OwnOrder* order = self.latest(quote.order_id)
        cdef int64_t off
        if order == NULL or not order_is_open(order):
            quote.order_id = 0
        else:
            quote.order_id = order.order_id
        if quote.order_id and (order.state != ORDER_LIVE or order.replaced_by):
            return      # an answer is on its way
        if target == 0 or size < 1:
            # taking risk off does not wait for the pace of quoting, only for its own
            if (quote.order_id and self.order_entry_open and self.now_ns >= quote.cancel_not_before_ns
                    and self.cancel(quote.order_id)):
                quote.cancel_not_before_ns = self.now_ns + self.cool_down_ns
            return
        if self.now_ns < quote.not_before_ns:
            return
        if quote.order_id == 0:
            if side == SIDE_BUY:
                quote.order_id = self.buy(target, size, True, TIF_DAY)
            else:
                quote.order_id = self.sell(target, size, True, TIF_DAY)
        else:
            off = target - order.price if target > order.price else order.price - target
            if off < self.refresh_ticks * self.tick and order.leaves <= size:
                return
            self.replace(quote.order_id, target, order.filled + size)
        quote.not_before_ns = self.now_ns + self.requote_ns
