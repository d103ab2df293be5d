"""Which book events feed messages make. See book_events.pxd."""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from hotpath.book.limit_order_book cimport TopOfBook
from hotpath.feed.book_builder cimport BookBuilder
from hotpath.feed.itch_book cimport CHANGE_PRINT, CHANGE_TRADING_STATE
from hotpath.ipc.messages cimport (
    BOOK_RECOVERED, BOOK_RESET, BOOK_STALE, BOOK_TRADE, BOOK_TRADING_STATE, BOOK_UPDATE, BookEvent,
)


cdef inline bint same_top(const TopOfBook* a, const TopOfBook* b) noexcept nogil:
    return (a.bid_price == b.bid_price and a.ask_price == b.ask_price and a.bid_shares == b.bid_shares
            and a.ask_shares == b.ask_shares and a.bid_orders == b.bid_orders and a.ask_orders == b.ask_orders)


cdef class BookEvents:
    def __init__(self, BookBuilder builder not None, *_):
        self.builder = builder
        self.stale = True

    cdef void message(self, uint64_t sequence, int64_t received_ns, int changes) noexcept nogil:
        self.sequence = sequence
        self.received_ns = received_ns
        self.folded += 1
        if changes & CHANGE_TRADING_STATE:
            self._emit(BOOK_TRADING_STATE)
        if changes & CHANGE_PRINT and not self.stale:
            self._emit(BOOK_TRADE)

    cdef void end_of_packet(self) noexcept nogil:
        cdef TopOfBook now
        if self.stale:
            return
        self.builder.book.top(&now)
        if not same_top(&now, &self.shown):
            self._emit(BOOK_UPDATE)

    cdef void set_stale(self, bint stale) noexcept nogil:
        if stale == self.stale:
            return
        self.stale = stale
        # the opposite news and the prices of before are void, sent or not
        self.pending &= ~<uint32_t>(1 << BOOK_STALE | 1 << BOOK_RECOVERED | 1 << BOOK_UPDATE | 1 << BOOK_TRADE)
        self._emit(BOOK_STALE if stale else BOOK_RECOVERED)

    cdef void session_reset(self) noexcept nogil:
        self.stale = True
        self.sequence = 0
        self.pending = 0
        self._emit(BOOK_RESET)

    cdef void _emit(self, int kind) noexcept nogil:
        pass

    cdef void _sent(self, int kind) noexcept nogil:
        self.published += 1
        self.folded = 0
        self.builder.book.top(&self.shown)
        self.pending &= ~(<uint32_t>1 << kind)
        if not self.stale:      # every event carries the top of book
            self.pending &= ~<uint32_t>(1 << BOOK_UPDATE)

    cdef void _fill(self, BookEvent* event, int kind, int64_t now_ns) noexcept nogil:
        cdef TopOfBook top
        memset(event, 0, sizeof(BookEvent))
        event.kind = <uint8_t>kind
        event.trading_state = self.builder.state.trading_state
        event.locate = self.builder.locate
        event.conflated = self.folded - 1 if self.folded else 0
        event.feed_sequence = self.sequence
        event.exchange_ns = self.builder.state.exchange_ns
        event.received_ns = self.received_ns
        event.published_ns = now_ns
        event.last_price = self.builder.state.last_price
        event.last_shares = self.builder.state.last_shares
        if self.stale:      # no price is better than one that may be wrong
            return
        self.builder.book.top(&top)
        event.bid_price = top.bid_price
        event.ask_price = top.ask_price
        event.bid_shares = top.bid_shares
        event.ask_shares = top.ask_shares
        event.bid_orders = top.bid_orders
        event.ask_orders = top.ask_orders

    cdef bint crossed(self) noexcept nogil:
        cdef TopOfBook top
        self.builder.book.top(&top)
        return top.bid_price != 0 and top.ask_price != 0 and top.bid_price >= top.ask_price
