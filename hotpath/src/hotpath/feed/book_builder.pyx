"""ITCH 5.0 messages of one instrument into an L3 book. See book_builder.pxd."""
from libc.stdint cimport int64_t, uint8_t, uint16_t
from libc.string cimport memcmp, memcpy

from hotpath.book.limit_order_book cimport TopOfBook
from hotpath.book.order_book cimport APPLY_OK, Applied, OrderBook
from hotpath.protocols.codec cimport CODEC_UNKNOWN_TYPE
from hotpath.protocols.itch cimport (
    ITCH_BROKEN_TRADE, ITCH_END_OF_MARKET_HOURS, ITCH_END_OF_MESSAGES, ITCH_END_OF_SYSTEM_HOURS,
    ItchAddOrderAttributed, ItchCrossTrade, ItchOperationalHalt, ItchOrderCancel, ItchOrderDelete, ItchOrderExecuted,
    ItchOrderExecutedWithPrice, ItchOrderReplace, ItchStockDirectory, ItchStockTradingAction, ItchSystemEvent, ItchTrade,
    itch_check, itch_decode_any_add_order, itch_decode_cross_trade, itch_decode_operational_halt,
    itch_decode_order_cancel, itch_decode_order_delete, itch_decode_order_executed,
    itch_decode_order_executed_with_price, itch_decode_order_replace, itch_decode_stock_directory,
    itch_decode_stock_trading_action, itch_decode_system_event, itch_decode_trade, itch_stock_locate, itch_timestamp_ns,
)


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
        self.stock_state = STATE_HALTED     # ITCH: halted until a trading action says otherwise
        self.trading_state = STATE_HALTED

    cdef int apply(self, const uint8_t* message, size_t length) noexcept nogil:
        cdef ItchAddOrderAttributed add
        cdef ItchOrderExecuted executed
        cdef ItchOrderExecutedWithPrice priced
        cdef ItchOrderCancel cancel
        cdef ItchOrderDelete deleted
        cdef ItchOrderReplace replace
        cdef ItchTrade trade
        cdef ItchCrossTrade cross
        cdef ItchSystemEvent system
        cdef ItchStockDirectory directory
        cdef ItchStockTradingAction action
        cdef ItchOperationalHalt halt
        cdef Applied taken
        cdef int rc = itch_check(message, length)
        cdef int changes
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
        self.counters.applied += 1
        self.exchange_ns = itch_timestamp_ns(message)
        # each decoder takes its own type only; the most frequent come first
        if itch_decode_any_add_order(message, length, &add) > 0:
            return self._result(self.book.add(add.order_ref, add.side, add.price, add.shares))
        if itch_decode_order_delete(message, length, &deleted) > 0:
            return self._result(self.book.delete(deleted.order_ref, &taken))
        if itch_decode_order_cancel(message, length, &cancel) > 0:
            return self._result(self.book.cancel(cancel.order_ref, cancel.cancelled_shares, &taken))
        if itch_decode_order_replace(message, length, &replace) > 0:
            return self._result(self.book.replace(replace.original_order_ref, replace.new_order_ref, replace.price,
                                                  replace.shares, &taken))
        if itch_decode_order_executed(message, length, &executed) > 0:
            changes = self._result(self.book.execute(executed.order_ref, executed.executed_shares, &taken))
            if not changes & CHANGE_INCONSISTENT:
                changes |= self._print(taken.price, executed.executed_shares)
            return changes
        if itch_decode_order_executed_with_price(message, length, &priced) > 0:
            changes = self._result(self.book.execute_with_price(priced.order_ref, priced.executed_shares, &taken))
            if priced.printable == c'Y':    # otherwise the shares come again in a bulk print
                changes |= self._print(priced.execution_price, priced.executed_shares)
            return changes
        if itch_decode_trade(message, length, &trade) > 0:
            return self._print(trade.price, trade.shares)
        if itch_decode_cross_trade(message, length, &cross) > 0:
            return self._print(cross.cross_price, <int64_t>cross.shares) if cross.shares else 0
        if itch_decode_system_event(message, length, &system) > 0:
            self.session_over = (system.event_code == ITCH_END_OF_MARKET_HOURS
                                 or system.event_code == ITCH_END_OF_SYSTEM_HOURS
                                 or system.event_code == ITCH_END_OF_MESSAGES)
            return self._set_state()
        if itch_decode_stock_trading_action(message, length, &action) > 0:
            self.stock_state = action.trading_state
            return self._set_state()
        if itch_decode_operational_halt(message, length, &halt) > 0:
            if halt.market_code == c'Q':    # the market whose feed this is
                self.operational_halt = halt.action == c'H'
            return self._set_state()
        if message[0] == ITCH_BROKEN_TRADE:     # statistics only: the book does not change
            self.counters.broken_trades += 1
        return 0

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

    cdef int _result(self, int status) noexcept nogil:
        if status == APPLY_OK:
            return CHANGE_BOOK
        self.counters.inconsistent += 1
        return CHANGE_BOOK | CHANGE_INCONSISTENT

    cdef int _print(self, int64_t price, int64_t shares) noexcept nogil:
        self.counters.prints += 1
        self.last_price = price
        self.last_shares = shares
        return CHANGE_PRINT

    cdef int _set_state(self) noexcept nogil:
        cdef uint8_t before = self.trading_state
        if self.session_over:
            self.trading_state = STATE_SESSION_OVER
        elif self.operational_halt:
            self.trading_state = STATE_HALTED
        else:
            self.trading_state = self.stock_state
        return CHANGE_TRADING_STATE if self.trading_state != before else 0

    cdef void clear_book(self) noexcept nogil:
        if self.directory == DIRECTORY_CONFIRMED:
            self.directory = DIRECTORY_UNKNOWN
        self.book.reset()

    cdef void reset(self) noexcept nogil:
        self.directory = DIRECTORY_UNKNOWN
        self._void()

    cdef void _void(self) noexcept nogil:
        self.book.reset()
        self.stock_state = STATE_HALTED
        self.trading_state = STATE_HALTED
        self.operational_halt = False
        self.session_over = False
        self.last_price = 0
        self.last_shares = 0

    # Python surface: tests and tools.

    def apply_message(self, const uint8_t[::1] message not None):
        """Apply one ITCH message; returns the BookChange bits."""
        return self.apply(&message[0] if message.shape[0] else NULL, message.shape[0])

    def view(self):
        """Top of book, last print and trading state by name (prices in 1/10,000 dollar, 0 = none)."""
        cdef TopOfBook top
        self.book.top(&top)
        fields = dict(top)
        fields.update(last_price=self.last_price, last_shares=self.last_shares, trading_state=chr(self.trading_state),
                      exchange_ns=self.exchange_ns, locate=self.locate)
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
        """Counters by name (see BuilderCounters)."""
        return self.counters
