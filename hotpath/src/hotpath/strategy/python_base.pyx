"""Strategies in pure Python, for prototyping: the same callbacks and actions, some microseconds slower per event.

Each callback takes the GIL and gets a fresh hotpath.ipc.layouts object. The order table, position and intents are those
of the Cython base class, so a prototype behaves the same when it is rewritten as a `cdef class`.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t

from hotpath.ipc.messages cimport BookEvent, OrderEvent
from hotpath.strategy.base cimport SIDE_BUY, SIDE_SELL, TIF_DAY, OwnOrder, Strategy, order_is_open

from hotpath.ipc.layouts import decode_book_event, decode_order_event
from hotpath.strategy.base import NoParameters


class PythonStrategy:
    """Extend it and override `setup` and the callbacks. `self.parameters` is an instance of the class's Parameters.

    An exception in a callback stops the strategy: its orders are cancelled and the process exits with 1.
    While the book is not good every open order is cancelled; CANCEL_WHEN_STALE = False leaves that to the strategy.
    """

    Parameters = NoParameters
    CANCEL_WHEN_STALE = True

    def __init__(self, desk, parameters):
        self.desk = desk
        self.parameters = parameters
        self.setup()

    def setup(self):
        """Override: prepare from self.parameters. Raise ValueError for values that cannot work together."""

    def on_book(self, event):
        """A hotpath.ipc.layouts.BookEvent."""

    def on_order_event(self, event):
        """A hotpath.ipc.layouts.OrderEvent."""

    def on_timer(self, now_ns):
        """Every timer_ms, and soon after order entry has opened or closed."""


cdef class PythonDesk(Strategy):
    """What a PythonStrategy trades through. Sides are 'B' and 'S'."""

    def __init__(self, parameters, instrument, strategy_epoch, kind):
        Strategy.__init__(self, parameters, instrument, strategy_epoch)
        self._cancel_when_stale = kind.CANCEL_WHEN_STALE
        self.strategy = kind(self, parameters)

    cdef void _fail(self, object error):
        self.failure = error
        self.begin_drain()

    cdef void on_book(self, const BookEvent* event) noexcept nogil:
        with gil:
            if self.failure is not None:
                return
            try:
                self.strategy.on_book(decode_book_event((<const char*>event)[:sizeof(BookEvent)]))
            except Exception as error:
                self._fail(error)

    cdef void on_order_event(self, const OrderEvent* event) noexcept nogil:
        with gil:
            if self.failure is not None:
                return
            try:
                self.strategy.on_order_event(
                    decode_order_event((<const char*>event)[:sizeof(OrderEvent)]))
            except Exception as error:
                self._fail(error)

    cdef void on_timer(self, int64_t now_ns) noexcept nogil:
        with gil:
            if self.failure is not None:
                return
            try:
                self.strategy.on_timer(now_ns)
            except Exception as error:
                self._fail(error)

    # ---- actions

    def send_buy(self, int64_t price, int64_t quantity, *, bint post_only=False, str time_in_force="0"):
        """Buy order; returns its id, 0 when nothing was written."""
        return self.buy(price, quantity, post_only, ord(time_in_force))

    def send_sell(self, int64_t price, int64_t quantity, *, bint post_only=False, str time_in_force="0"):
        """Sell order; returns its id, 0 when nothing was written."""
        return self.sell(price, quantity, post_only, ord(time_in_force))

    def send_replace(self, uint32_t order_id, int64_t price, int64_t quantity):
        """Replace a live order; `quantity` is the new total of the chain. Returns the new id, 0 when nothing was written."""
        return self.replace(order_id, price, quantity)

    def send_cancel(self, uint32_t order_id):
        """Cancel an open order; False when there is nothing to cancel."""
        return self.cancel(order_id)

    def send_cancel_all(self):
        """Cancel everything that is open."""
        return self.cancel_all()

    # ---- what a strategy may read

    @property
    def quotable(self):
        """Fresh two-sided uncrossed book, trading, order entry open."""
        return self.can_quote()

    @property
    def pnl(self):
        """Cash plus position at the last mid, price units x shares."""
        return self.marked_pnl()

    def down_to_tick(self, int64_t price):
        return self.floor_tick(price)

    def up_to_tick(self, int64_t price):
        return self.ceil_tick(price)

    def own_at(self, str side, int64_t price):
        """How many of the orders that a level shows could be ours."""
        return self.own_orders_at(ord(side), price)

    def latest_order(self, uint32_t order_id):
        """The order after the replaces that took effect, by field name; None when unknown or forgotten."""
        cdef OwnOrder* order = self.latest(order_id)
        if order == NULL:
            return None
        fields = dict(order[0])
        fields["open"] = bool(order_is_open(order))
        return fields

    def best_own_price(self, str side):
        """Best price of our open orders on a side; 0 = none."""
        cdef int64_t best = 0
        cdef uint8_t wanted = ord(side)
        cdef OwnOrder* order = self.first_open()
        while order != NULL:
            if order.side == wanted and (
                    best == 0 or (order.price > best if wanted == SIDE_BUY else order.price < best)):
                best = order.price
            order = self.next_open(order)
        return best
