"""ITCH 5.0 messages of one instrument into its L3 book, its last print and its trading state.

The rules only, as inline functions: book_builder keeps one instrument with them, market_builder all of a day.
"""
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from hotpath.book.order_book cimport APPLY_OK, Applied, OrderBook
from hotpath.protocols.itch cimport (
    ITCH_ADD_ORDER, ITCH_ADD_ORDER_ATTRIBUTED, ITCH_BROKEN_TRADE, ITCH_CROSS_TRADE, ITCH_END_OF_MARKET_HOURS,
    ITCH_END_OF_MESSAGES, ITCH_END_OF_SYSTEM_HOURS, ITCH_MAX_LENGTH, ITCH_OPERATIONAL_HALT, ITCH_ORDER_CANCEL,
    ITCH_ORDER_DELETE, ITCH_ORDER_EXECUTED, ITCH_ORDER_EXECUTED_WITH_PRICE, ITCH_ORDER_REPLACE,
    ITCH_STOCK_TRADING_ACTION, ITCH_SYSTEM_EVENT, ITCH_TRADE, ItchAddOrderAttributed, ItchCrossTrade,
    ItchOperationalHalt, ItchOrderCancel, ItchOrderDelete, ItchOrderExecuted, ItchOrderExecutedWithPrice,
    ItchOrderReplace, ItchStockTradingAction, ItchSystemEvent, ItchTrade, itch_decode_any_add_order,
    itch_decode_cross_trade, itch_decode_operational_halt, itch_decode_order_cancel, itch_decode_order_delete,
    itch_decode_order_executed, itch_decode_order_executed_with_price, itch_decode_order_replace,
    itch_decode_stock_trading_action, itch_decode_system_event, itch_decode_trade, itch_timestamp_ns,
)

# What one message did; bits.
cdef enum BookChange:
    CHANGE_BOOK = 1
    CHANGE_PRINT = 2              # last_price, last_shares are new
    CHANGE_TRADING_STATE = 4
    CHANGE_INCONSISTENT = 8       # the message does not fit the book: it is wrong until the next snapshot
    CHANGE_NOT_OURS = 16          # the stock directory contradicts what is known of a symbol or locate

cdef enum:
    STATE_HALTED = 72             # 'H', also before anything is known
    STATE_TRADING = 84            # 'T'
    STATE_SESSION_OVER = 69       # 'E'

cdef struct InstrumentState:
    int64_t exchange_ns           # timestamp of the last message applied
    int64_t last_price            # 0 = no print yet
    int64_t last_shares
    uint8_t trading_state         # of BookEvent: T H P Q, E when the session is over
    uint8_t stock_state
    bint operational_halt
    bint session_over

cdef struct ItchCounters:
    uint64_t messages
    uint64_t applied              # about an instrument that is kept, or the whole market
    uint64_t other_instruments
    uint64_t unknown_types
    uint64_t truncated
    uint64_t inconsistent
    uint64_t prints
    uint64_t broken_trades


cdef inline void void_state(InstrumentState* state) noexcept nogil:
    """As before the session; exchange_ns stays."""
    state.stock_state = STATE_HALTED     # ITCH: halted until a trading action says otherwise
    state.trading_state = STATE_HALTED
    state.operational_halt = False
    state.session_over = False
    state.last_price = 0
    state.last_shares = 0


cdef inline int changed_state(InstrumentState* state) noexcept nogil:
    """Works trading_state out of what the messages said."""
    cdef uint8_t before = state.trading_state
    if state.session_over:
        state.trading_state = STATE_SESSION_OVER
    elif state.operational_halt:
        state.trading_state = STATE_HALTED
    else:
        state.trading_state = state.stock_state
    return CHANGE_TRADING_STATE if state.trading_state != before else 0


cdef inline bint ends_session(uint8_t event_code) noexcept nogil:
    return (event_code == ITCH_END_OF_MARKET_HOURS or event_code == ITCH_END_OF_SYSTEM_HOURS
            or event_code == ITCH_END_OF_MESSAGES)


cdef inline int book_change(ItchCounters* counters, int status) noexcept nogil:
    """status: what the book said, an ApplyStatus."""
    if status == APPLY_OK:
        return CHANGE_BOOK
    counters.inconsistent += 1
    return CHANGE_BOOK | CHANGE_INCONSISTENT


cdef inline int take_print(InstrumentState* state, ItchCounters* counters, int64_t price, int64_t shares) noexcept nogil:
    counters.prints += 1
    state.last_price = price
    state.last_shares = shares
    return CHANGE_PRINT


cdef inline int take_execution(OrderBook book, InstrumentState* state, ItchCounters* counters, uint64_t reference,
                               uint32_t shares) noexcept nogil:
    """E: at the price at which the order rests, which is unknown when the order is. Returns an ApplyStatus."""
    cdef Applied taken
    cdef int status = book.execute(reference, shares, &taken)
    if status == APPLY_OK:
        take_print(state, counters, taken.price, shares)
    return status


cdef inline int take_priced_execution(OrderBook book, InstrumentState* state, ItchCounters* counters,
                                      uint64_t reference, uint32_t shares, int64_t price,
                                      bint printable) noexcept nogil:
    """C: not printable = the shares come again in a bulk print. Returns an ApplyStatus."""
    cdef int status = book.execute_with_price(reference, shares, NULL)
    if printable:
        take_print(state, counters, price, shares)
    return status


cdef inline int take_message(OrderBook book, InstrumentState* state, ItchCounters* counters,
                             const uint8_t* message) noexcept nogil:
    """A message that itch_check accepted, about this instrument or the whole market. Returns BookChange bits.

    The stock directory is the caller's.
    """
    cdef ItchAddOrderAttributed add
    cdef ItchOrderExecuted executed
    cdef ItchOrderExecutedWithPrice priced
    cdef ItchOrderCancel cancel
    cdef ItchOrderDelete deleted
    cdef ItchOrderReplace replace
    cdef ItchTrade trade
    cdef ItchCrossTrade cross
    cdef ItchSystemEvent system
    cdef ItchStockTradingAction action
    cdef ItchOperationalHalt halt
    cdef int status
    cdef bint printable
    cdef uint8_t kind = message[0]
    counters.applied += 1
    state.exchange_ns = itch_timestamp_ns(message)
    # the length has been checked: a constant lets the compiler drop the decoders' own checks
    if kind == ITCH_ADD_ORDER or kind == ITCH_ADD_ORDER_ATTRIBUTED:
        itch_decode_any_add_order(message, ITCH_MAX_LENGTH, &add)
        return book_change(counters, book.add(add.order_ref, add.side, add.price, add.shares))
    elif kind == ITCH_ORDER_DELETE:
        itch_decode_order_delete(message, ITCH_MAX_LENGTH, &deleted)
        return book_change(counters, book.delete(deleted.order_ref, NULL))
    elif kind == ITCH_ORDER_EXECUTED:
        itch_decode_order_executed(message, ITCH_MAX_LENGTH, &executed)
        status = take_execution(book, state, counters, executed.order_ref, executed.executed_shares)
        return book_change(counters, status) | (CHANGE_PRINT if status == APPLY_OK else 0)
    elif kind == ITCH_ORDER_CANCEL:
        itch_decode_order_cancel(message, ITCH_MAX_LENGTH, &cancel)
        return book_change(counters, book.cancel(cancel.order_ref, cancel.cancelled_shares, NULL))
    elif kind == ITCH_ORDER_REPLACE:
        itch_decode_order_replace(message, ITCH_MAX_LENGTH, &replace)
        return book_change(counters, book.replace(replace.original_order_ref, replace.new_order_ref, replace.price,
                                                  replace.shares, NULL))
    elif kind == ITCH_ORDER_EXECUTED_WITH_PRICE:
        itch_decode_order_executed_with_price(message, ITCH_MAX_LENGTH, &priced)
        printable = priced.printable == c'Y'
        status = take_priced_execution(book, state, counters, priced.order_ref, priced.executed_shares,
                                       priced.execution_price, printable)
        return book_change(counters, status) | (CHANGE_PRINT if printable else 0)
    elif kind == ITCH_TRADE:
        itch_decode_trade(message, ITCH_MAX_LENGTH, &trade)
        return take_print(state, counters, trade.price, trade.shares)
    elif kind == ITCH_CROSS_TRADE:
        itch_decode_cross_trade(message, ITCH_MAX_LENGTH, &cross)
        return take_print(state, counters, cross.cross_price, <int64_t>cross.shares) if cross.shares else 0
    elif kind == ITCH_SYSTEM_EVENT:
        itch_decode_system_event(message, ITCH_MAX_LENGTH, &system)
        state.session_over = ends_session(system.event_code)
        return changed_state(state)
    elif kind == ITCH_STOCK_TRADING_ACTION:
        itch_decode_stock_trading_action(message, ITCH_MAX_LENGTH, &action)
        state.stock_state = action.trading_state
        return changed_state(state)
    elif kind == ITCH_OPERATIONAL_HALT:
        itch_decode_operational_halt(message, ITCH_MAX_LENGTH, &halt)
        if halt.market_code == c'Q':    # the market whose feed this is
            state.operational_halt = halt.action == c'H'
        return changed_state(state)
    elif kind == ITCH_BROKEN_TRADE:     # statistics only: the book does not change
        counters.broken_trades += 1
    return 0
