"""Keeps one post-only buy order at the best bid until it holds `target` shares."""
from libc.stdint cimport int64_t

import msgspec

from hotpath.ipc.messages cimport ORDER_LIVE, BookEvent
from hotpath.strategy.base cimport TIF_DAY, OwnOrder, Strategy


class JoinBidParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    size: int = 100
    target: int = 500


cdef class JoinBid(Strategy):
    Parameters = JoinBidParameters
    cdef int64_t size, target

    def setup(self):
        self.size, self.target = self.parameters.size, self.parameters.target

    cdef void on_book(self, const BookEvent* event) noexcept nogil:
        cdef OwnOrder* order = self.first_open()
        if not self.can_quote() or self.position + self.size > self.target:
            if order != NULL and self.order_entry_open:
                self.cancel(order.order_id)
        elif order == NULL:
            self.buy(event.bid_price, self.size, True, TIF_DAY)
        elif order.state == ORDER_LIVE and order.price != event.bid_price:
            self.replace(order.order_id, event.bid_price, order.filled + self.size)
