"""ITCH 5.0 messages of one instrument into an L3 book. See book_builder.pxd."""
from libc.stdint cimport uint8_t, uint16_t
from libc.string cimport memcmp, memcpy

from hotpath.book.limit_order_book cimport TopOfBook
from hotpath.book.order_book cimport OrderBook
from hotpath.feed.itch_book cimport CHANGE_INCONSISTENT, CHANGE_NOT_OURS, take_message, void_state
from hotpath.protocols.codec cimport CODEC_UNKNOWN_TYPE
from hotpath.protocols.itch cimport ItchStockDirectory, itch_check, itch_decode_stock_directory, itch_stock_locate


cdef class BookBuilder:
    def __cinit__(self, str symbol, int locate, int max_orders):
        text = symbol.encode("ascii", "replace")
        if not 1 <= len(text) <= 8:
            raise ValueError(f"instrument.symbol {symbol!r}: must be 1 to 8 ASCII characters, as in the ITCH stock field")
        if not 1 <= locate <= 65_535:
            raise ValueError(f"instrument.locate {locate}: must be 1 to 65535 (0 means no instrument in ITCH)")
        text = text.ljust(8)
        memcpy(self.symbol, <const char*>text, 8)
        self.locate = <uint16_t>locate
        self.book = OrderBook(max_orders)
        void_state(&self.state)

    cdef int apply(self, const uint8_t* message, size_t length) noexcept nogil:
        cdef ItchStockDirectory directory
        cdef int rc = itch_check(message, length)
        cdef uint16_t locate
        self.counters.messages += 1
        if rc < 0:
            if rc == CODEC_UNKNOWN_TYPE:
                self.counters.unknown_types += 1
                return 0
            # it was ours for all we know, and the book has missed it
            self.counters.truncated += 1
            return CHANGE_INCONSISTENT
        locate = itch_stock_locate(message)
        if itch_decode_stock_directory(message, length, &directory) > 0:
            return self._identify(directory.stock, locate)
        if locate != 0 and (locate != self.locate or self.directory > DIRECTORY_CONFIRMED):
            self.counters.other_instruments += 1
            return 0
        return take_message(self.book, &self.state, &self.counters, message)

    cdef int _identify(self, const char* stock, uint16_t locate) noexcept nogil:
        cdef bint ours = memcmp(stock, self.symbol, 8) == 0
        if not ours and locate != self.locate:
            self.counters.other_instruments += 1
            return 0
        self.counters.applied += 1
        if self.directory > DIRECTORY_CONFIRMED:
            return 0
        if ours and locate == self.locate:
            self.directory = DIRECTORY_CONFIRMED
            return 0
        self.directory = DIRECTORY_OTHER_LOCATE if ours else DIRECTORY_OTHER_SYMBOL
        memcpy(self.directory_symbol, stock, 8)
        self.directory_locate = locate
        self._void()
        return CHANGE_NOT_OURS

    cdef void clear_book(self) noexcept nogil:
        if self.directory == DIRECTORY_CONFIRMED:
            self.directory = DIRECTORY_UNKNOWN
        self.book.reset()

    cdef void reset(self) noexcept nogil:
        self.directory = DIRECTORY_UNKNOWN
        self._void()

    cdef void _void(self) noexcept nogil:
        self.book.reset()
        void_state(&self.state)

    # Python surface: tests and tools.

    def apply_message(self, const uint8_t[::1] message not None):
        """Apply one ITCH message; returns the BookChange bits."""
        return self.apply(&message[0] if message.shape[0] else NULL, message.shape[0])

    def view(self):
        """Top of book, last print and trading state by name (prices in 1/10,000 dollar, 0 = none)."""
        cdef TopOfBook top
        self.book.top(&top)
        fields = dict(top)
        fields.update(last_price=self.state.last_price, last_shares=self.state.last_shares,
                      trading_state=chr(self.state.trading_state), exchange_ns=self.state.exchange_ns,
                      locate=self.locate)
        return fields

    def directory_problem(self):
        """Why this is not our instrument's book; None once the session's stock directory has confirmed symbol and locate."""
        symbol = self.symbol[:8].decode("ascii").rstrip()
        if self.directory == DIRECTORY_OTHER_SYMBOL:
            found = self.directory_symbol[:8].decode("ascii", "replace").rstrip()
            return f"stock directory: locate {self.locate} is {found}, this role trades {symbol}"
        if self.directory == DIRECTORY_OTHER_LOCATE:
            return f"stock directory: {symbol} has locate {self.directory_locate}, instrument.locate is {self.locate}"
        if self.directory == DIRECTORY_UNKNOWN:
            return f"stock directory: no entry for {symbol} yet"
        return None

    def stats(self):
        """Counters by name (see ItchCounters)."""
        return self.counters
