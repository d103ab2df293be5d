"""A synthetic ITCH 5.0 day of many symbols, with the counts a correct decoder and book must come to."""
cimport cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from libc.math cimport sqrt
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from hotpath.protocols.byteorder cimport store_be16
from hotpath.protocols.itch cimport (
    ITCH_END_OF_MARKET_HOURS, ITCH_MAX_LENGTH, ITCH_START_OF_MARKET_HOURS, ITCH_START_OF_MESSAGES, ItchAddOrder,
    ItchAddOrderAttributed, ItchOrderCancel, ItchOrderDelete, ItchOrderExecuted, ItchOrderExecutedWithPrice,
    ItchOrderReplace, ItchStockDirectory, ItchStockTradingAction, ItchSystemEvent, ItchTrade, itch_encode_add_order,
    itch_encode_add_order_attributed, itch_encode_order_cancel, itch_encode_order_delete, itch_encode_order_executed,
    itch_encode_order_executed_with_price, itch_encode_order_replace, itch_encode_stock_directory,
    itch_encode_stock_trading_action, itch_encode_system_event, itch_encode_trade,
)

# with raw references: a bytes object is filled in place and cut to its length before anyone else sees it
cdef extern from "Python.h":
    PyObject* new_bytes "PyBytes_FromStringAndSize" (const char* text, Py_ssize_t size) except NULL
    char* bytes_at "PyBytes_AS_STRING" (PyObject* made) nogil
    int cut_bytes "_PyBytes_Resize" (PyObject** made, Py_ssize_t size) except -1

cdef enum:
    PREFIX = 2
    TICK = 100                    # one cent
    NEAR_TICKS = 100              # most orders are this close to the middle, the closer the more of them
    FAR_TICKS = 1500              # one in FAR_SHARE lies anywhere up to here
    FAR_SHARE = 50
    LOWEST_MIDDLE = 2000          # 20 to 400 dollars
    HIGHEST_MIDDLE = 40_000
    MAX_LOTS = 5
    LOT = 100
    REFERENCE_STEP = 3            # references grow by 1 to this: other venues' orders and hidden ones take the rest
    YOUNG = 64                    # the newest orders of a symbol
    YOUNG_PERCENT = 70            # share of cancels, deletes and replaces that fall on those
    LOWEST_TARGET = 8

cdef int64_t OPEN_NS = 34_200 * <int64_t>1_000_000_000
cdef int64_t SESSION_NS = 23_400 * <int64_t>1_000_000_000

# message kinds, per mille; from ADDED on the upper ends, in the order of a draw
cdef enum:
    TRADES = 5                    # P
    ADDS = 430                    # A
    ATTRIBUTED = 20               # F
    ADDED = 455
    DELETES = 853                 # D
    EXECUTIONS = 924              # E
    PRICED = 932                  # C
    CANCELS = 971                 # X, then U

NAMES = ("A", "F", "D", "E", "C", "X", "U", "P")

cdef struct LiveOrder:
    uint64_t reference
    uint64_t born                 # number of the message that made it
    uint32_t shares
    int32_t tick
    uint8_t side

# Orders are a plain list: a removal moves the last one into the hole.
cdef struct Symbol:
    LiveOrder* orders
    uint32_t held
    uint32_t target
    int32_t middle
    char stock[8]

cdef struct Top:
    int64_t price
    int64_t shares
    uint32_t levels


cdef class ItchDay:
    """ItchDay(messages, symbols, resting, seed): `resting` orders on average over all symbols, locates 1..symbols.

    Symbol k of n gets messages in proportion to 1/k and resting orders to 1/sqrt(k). Raises ValueError.
    """
    cdef readonly bytes data
    cdef readonly uint64_t messages
    cdef readonly uint64_t peak_orders
    cdef readonly dict symbols
    cdef readonly dict expected
    cdef readonly dict statistics
    cdef uint64_t random
    cdef uint64_t next_reference
    cdef uint64_t next_match
    cdef uint64_t reference_sum
    cdef uint64_t live
    cdef uint64_t count
    cdef uint64_t kinds[8]
    cdef uint64_t ages[64]        # of orders that went, by the bits of the number of messages they stood
    cdef Symbol* books
    cdef uint64_t* activity       # cumulative
    cdef uint32_t size

    def __cinit__(self, uint64_t messages, uint32_t symbols, uint64_t resting, uint64_t seed=1):
        cdef uint32_t i
        cdef double roots = 0
        cdef uint64_t total = 0
        if not 1 <= symbols <= 20_000 or not 2 * symbols + 3 <= messages <= 100_000_000 or not 1 <= resting <= 5_000_000:
            raise ValueError(f"messages {messages}, symbols {symbols}, resting {resting}: must be 1 to 20,000 symbols, "
                             "more than two messages for each and at most 100,000,000, and 1 to 5,000,000 orders")
        self.messages = messages
        self.size = symbols
        self.random = seed
        self.next_reference = 1
        self.next_match = 1
        self.books = <Symbol*>calloc(symbols, sizeof(Symbol))
        self.activity = <uint64_t*>calloc(symbols, sizeof(uint64_t))
        if self.books == NULL or self.activity == NULL:
            raise MemoryError(f"no memory for {symbols} symbols")
        for i in range(symbols):
            roots += sqrt(1.0 / (i + 1))
        for i in range(symbols):
            total += <uint64_t>1_000_000_000 // (i + 1)
            self.activity[i] = total
            self.books[i].target = <uint32_t>max(LOWEST_TARGET, resting * sqrt(1.0 / (i + 1)) / roots)
            self.books[i].middle = LOWEST_MIDDLE + <int32_t>self._below(HIGHEST_MIDDLE - LOWEST_MIDDLE)
            text = f"S{i + 1:05d}".encode().ljust(8)
            memcpy(self.books[i].stock, <const char*>text, 8)
            self.books[i].orders = <LiveOrder*>calloc(2 * self.books[i].target, sizeof(LiveOrder))
            if self.books[i].orders == NULL:
                raise MemoryError(f"no memory for {2 * self.books[i].target} orders of {text.decode()}")

    def __dealloc__(self):
        cdef uint32_t i
        if self.books != NULL:
            for i in range(self.size):
                free(self.books[i].orders)
        free(self.books)
        free(self.activity)

    def __init__(self, *_, **__):
        cdef uint64_t i
        cdef uint64_t held_sum = 0
        cdef size_t used = 0
        cdef uint64_t body = self.messages - 2 * self.size - 3
        cdef PyObject* made = new_bytes(NULL, <Py_ssize_t>(self.messages * (PREFIX + ITCH_MAX_LENGTH)))
        cdef uint8_t* out = <uint8_t*>bytes_at(made)
        with nogil:
            used = self._opening(out)
            for i in range(body):
                used += self._framed(out + used, self._step(out + used + PREFIX, i))
                held_sum += self.live
                self.peak_orders = max(self.peak_orders, self.live)
            used += self._framed(out + used, self._system(out + used + PREFIX, ITCH_END_OF_MARKET_HOURS,
                                                          OPEN_NS + SESSION_NS))
        cut_bytes(&made, <Py_ssize_t>used)
        self.data = <bytes>made
        Py_DECREF(self.data)
        self.symbols = {i + 1: self.books[i].stock[:8].decode().rstrip() for i in range(self.size)}
        self._sum_up(used, held_sum)

    # ---- messages ------------------------------------------------------------------------------------------------

    cdef size_t _framed(self, uint8_t* out, int length) noexcept nogil:
        store_be16(out, <unsigned short>length)
        self.count += 1
        return PREFIX + <size_t>length

    cdef size_t _opening(self, uint8_t* out) noexcept nogil:
        cdef size_t used = self._framed(out, self._system(out + PREFIX, ITCH_START_OF_MESSAGES, OPEN_NS))
        cdef ItchStockDirectory entry
        cdef ItchStockTradingAction action
        cdef uint32_t i
        memset(&entry, c' ', sizeof(entry))
        memset(&action, c' ', sizeof(action))
        entry.tracking_number = action.tracking_number = 0
        entry.timestamp_ns = action.timestamp_ns = OPEN_NS
        entry.round_lot_size = LOT
        entry.etp_leverage_factor = 0
        # common stock, trading as usual: these fields have no blank in the specification, and strict parsers refuse one
        entry.market_category = c'Q'
        entry.round_lots_only = entry.inverse_indicator = c'N'
        entry.issue_classification = c'C'
        entry.issue_sub_type[0] = c'Z'
        entry.authenticity = c'P'
        action.trading_state = c'T'
        for i in range(self.size):
            entry.stock_locate = action.stock_locate = <unsigned short>(i + 1)
            memcpy(entry.stock, self.books[i].stock, 8)
            memcpy(action.stock, self.books[i].stock, 8)
            used += self._framed(out + used, itch_encode_stock_directory(&entry, out + used + PREFIX, ITCH_MAX_LENGTH))
            used += self._framed(out + used, itch_encode_stock_trading_action(&action, out + used + PREFIX,
                                                                             ITCH_MAX_LENGTH))
        return used + self._framed(out + used, self._system(out + used + PREFIX, ITCH_START_OF_MARKET_HOURS, OPEN_NS))

    cdef int _system(self, uint8_t* out, uint8_t event, int64_t ns) noexcept nogil:
        cdef ItchSystemEvent m
        m.stock_locate = 0
        m.tracking_number = 0
        m.timestamp_ns = ns
        m.event_code = event
        return itch_encode_system_event(&m, out, ITCH_MAX_LENGTH)

    cdef int _step(self, uint8_t* out, uint64_t number) noexcept nogil:
        cdef int64_t ns = OPEN_NS + <int64_t>(<double>number / self.messages * SESSION_NS)
        cdef uint32_t place = self._active()
        cdef unsigned short locate = <unsigned short>(place + 1)
        cdef Symbol* book = &self.books[place]
        cdef uint32_t draw = self._below(1000)
        cdef LiveOrder* order
        if draw < TRADES and book.held != 0:
            return self._trade(out, locate, book, ns)
        if book.held < (book.target + 1) // 2 or (draw < ADDED and book.held + 1 < 2 * book.target):
            return self._add(out, locate, book, number, ns, self._below(ADDS + ATTRIBUTED) >= ADDS)
        if draw < DELETES:
            return self._delete(out, locate, book, self._aged(book), number, ns)
        if draw < PRICED:
            return self._execute(out, locate, book, self._nearest(book), number, ns, draw >= EXECUTIONS)
        order = self._aged(book)
        if draw < CANCELS and order.shares > 1:
            return self._cancel(out, locate, order, ns)
        return self._replace(out, locate, book, order, number, ns)

    cdef int _trade(self, uint8_t* out, unsigned short locate, const Symbol* book, int64_t ns) noexcept nogil:
        """Against a hidden order: no reference."""
        cdef ItchTrade m
        m.stock_locate = locate
        m.tracking_number = 0
        m.timestamp_ns = ns
        m.order_ref = 0
        m.side = c'B'
        m.shares = LOT
        memcpy(m.stock, book.stock, 8)
        m.price = <int64_t>book.middle * TICK
        m.match_number = self._match()
        self.kinds[7] += 1
        return itch_encode_trade(&m, out, ITCH_MAX_LENGTH)

    cdef int _add(self, uint8_t* out, unsigned short locate, Symbol* book, uint64_t number, int64_t ns,
                  bint attributed) noexcept nogil:
        cdef ItchAddOrderAttributed f
        cdef ItchAddOrder a
        cdef LiveOrder* order = &book.orders[book.held]
        book.held += 1
        self.live += 1
        order.reference = self._reference()
        order.born = number
        order.side = c'S' if self._below(2) else c'B'
        order.tick = self._tick(book, order.side)
        order.shares = self._shares()
        self.reference_sum += order.reference
        if attributed:
            f.stock_locate = locate
            f.tracking_number = 0
            f.timestamp_ns = ns
            f.order_ref = order.reference
            f.side = order.side
            f.shares = order.shares
            memcpy(f.stock, book.stock, 8)
            f.price = <int64_t>order.tick * TICK
            memcpy(f.attribution, b"IRON", 4)
            self.kinds[1] += 1
            return itch_encode_add_order_attributed(&f, out, ITCH_MAX_LENGTH)
        a.stock_locate = locate
        a.tracking_number = 0
        a.timestamp_ns = ns
        a.order_ref = order.reference
        a.side = order.side
        a.shares = order.shares
        memcpy(a.stock, book.stock, 8)
        a.price = <int64_t>order.tick * TICK
        self.kinds[0] += 1
        return itch_encode_add_order(&a, out, ITCH_MAX_LENGTH)

    cdef int _delete(self, uint8_t* out, unsigned short locate, Symbol* book, LiveOrder* order, uint64_t number,
                     int64_t ns) noexcept nogil:
        cdef ItchOrderDelete m
        m.stock_locate = locate
        m.tracking_number = 0
        m.timestamp_ns = ns
        m.order_ref = order.reference
        self.reference_sum += order.reference
        self._gone(book, order, number)
        self.kinds[2] += 1
        return itch_encode_order_delete(&m, out, ITCH_MAX_LENGTH)

    cdef int _execute(self, uint8_t* out, unsigned short locate, Symbol* book, LiveOrder* order, uint64_t number,
                      int64_t ns, bint priced) noexcept nogil:
        cdef ItchOrderExecuted e
        cdef ItchOrderExecutedWithPrice c
        # all of it while there are too many orders, so that their number holds
        cdef uint32_t shares = order.shares if book.held > book.target else 1 + self._below(order.shares)
        cdef uint64_t reference = order.reference
        cdef int64_t price = <int64_t>order.tick * TICK
        self.reference_sum += reference
        order.shares -= shares
        if order.shares == 0:
            self._gone(book, order, number)
        if priced:
            c.stock_locate = locate
            c.tracking_number = 0
            c.timestamp_ns = ns
            c.order_ref = reference
            c.executed_shares = shares
            c.match_number = self._match()
            c.printable = c'Y' if self._below(10) else c'N'
            c.execution_price = price + TICK // 2
            self.kinds[4] += 1
            return itch_encode_order_executed_with_price(&c, out, ITCH_MAX_LENGTH)
        e.stock_locate = locate
        e.tracking_number = 0
        e.timestamp_ns = ns
        e.order_ref = reference
        e.executed_shares = shares
        e.match_number = self._match()
        self.kinds[3] += 1
        return itch_encode_order_executed(&e, out, ITCH_MAX_LENGTH)

    cdef int _cancel(self, uint8_t* out, unsigned short locate, LiveOrder* order, int64_t ns) noexcept nogil:
        cdef ItchOrderCancel m
        m.stock_locate = locate
        m.tracking_number = 0
        m.timestamp_ns = ns
        m.order_ref = order.reference
        m.cancelled_shares = 1 + self._below(order.shares - 1)
        order.shares -= m.cancelled_shares
        self.reference_sum += order.reference
        self.kinds[5] += 1
        return itch_encode_order_cancel(&m, out, ITCH_MAX_LENGTH)

    cdef int _replace(self, uint8_t* out, unsigned short locate, const Symbol* book, LiveOrder* order, uint64_t number,
                      int64_t ns) noexcept nogil:
        cdef ItchOrderReplace m
        m.stock_locate = locate
        m.tracking_number = 0
        m.timestamp_ns = ns
        m.original_order_ref = order.reference
        self.reference_sum += order.reference
        self._age(order, number)
        order.reference = self._reference()
        order.born = number
        order.tick = self._tick(book, order.side)
        order.shares = self._shares()
        m.new_order_ref = order.reference
        m.shares = order.shares
        m.price = <int64_t>order.tick * TICK
        self.kinds[6] += 1
        return itch_encode_order_replace(&m, out, ITCH_MAX_LENGTH)

    # ---- draws ---------------------------------------------------------------------------------------------------

    @cython.overflowcheck(False)
    cdef uint64_t _draw(self) noexcept nogil:
        cdef uint64_t z
        self.random += <uint64_t>0x9E3779B97F4A7C15
        z = self.random
        z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
        z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
        return z ^ (z >> 31)

    @cython.overflowcheck(False)
    cdef uint32_t _below(self, uint32_t limit) noexcept nogil:
        return <uint32_t>(((self._draw() >> 32) * limit) >> 32)

    cdef uint32_t _active(self) noexcept nogil:
        """A symbol by its activity."""
        cdef uint64_t draw = self._draw() % self.activity[self.size - 1]
        cdef uint32_t low = 0
        cdef uint32_t high = self.size - 1
        cdef uint32_t middle
        while low < high:
            middle = (low + high) // 2
            if self.activity[middle] > draw:
                high = middle
            else:
                low = middle + 1
        return low

    cdef int32_t _tick(self, const Symbol* book, uint8_t side) noexcept nogil:
        cdef int32_t distance
        if self._below(FAR_SHARE) == 0:
            distance = 1 + <int32_t>self._below(FAR_TICKS)
        else:
            distance = 1 + <int32_t>min(self._below(NEAR_TICKS), self._below(NEAR_TICKS))
        return book.middle + distance if side == c'S' else book.middle - distance

    cdef uint32_t _shares(self) noexcept nogil:
        return LOT * (1 + self._below(MAX_LOTS)) if self._below(4) else 1 + self._below(LOT)

    cdef uint64_t _reference(self) noexcept nogil:
        self.next_reference += 1 + self._below(REFERENCE_STEP)
        return self.next_reference

    cdef uint64_t _match(self) noexcept nogil:
        self.next_match += 1
        return self.next_match

    cdef LiveOrder* _aged(self, const Symbol* book) noexcept nogil:
        """Mostly one of the newest."""
        cdef uint32_t window = min(<uint32_t>YOUNG, book.held)
        if self._below(100) < YOUNG_PERCENT:
            return &book.orders[book.held - 1 - min(self._below(window), self._below(window))]
        return &book.orders[self._below(book.held)]

    cdef LiveOrder* _nearest(self, const Symbol* book) noexcept nogil:
        """Of four drawn, the one nearest to the middle."""
        cdef LiveOrder* best = &book.orders[self._below(book.held)]
        cdef LiveOrder* other
        cdef int i
        for i in range(3):
            other = &book.orders[self._below(book.held)]
            if _distance(book, other) < _distance(book, best):
                best = other
        return best

    cdef void _age(self, const LiveOrder* order, uint64_t number) noexcept nogil:
        cdef uint64_t age = number - order.born
        cdef int bits = 0
        while age != 0:
            age >>= 1
            bits += 1
        self.ages[bits] += 1

    cdef void _gone(self, Symbol* book, LiveOrder* order, uint64_t number) noexcept nogil:
        self._age(order, number)
        book.held -= 1
        self.live -= 1
        order[0] = book.orders[book.held]

    # ---- the reference -------------------------------------------------------------------------------------------

    def _sum_up(self, uint64_t size, uint64_t held_sum):
        cdef Top bid, ask
        cdef int64_t bids = 0, asks = 0, bid_shares = 0, ask_shares = 0
        cdef uint64_t levels = 0
        cdef uint32_t i
        for i in range(self.size):
            _side(&self.books[i], c'B', &bid)
            _side(&self.books[i], c'S', &ask)
            bids += bid.price
            asks += ask.price
            bid_shares += bid.shares
            ask_shares += ask.shares
            levels += bid.levels + ask.levels
        assert self.count == self.messages
        self.expected = {
            "messages": self.messages,
            "inconsistent": 0,
            "resting_orders": self.live,
            "bid_prices": bids,
            "bid_shares": bid_shares,
            "ask_prices": asks,
            "ask_shares": ask_shares,
            "reference_sum": self.reference_sum,
        }
        total = self.activity[self.size - 1]
        self.statistics = {
            "messages": self.messages,
            "bytes": size,
            "symbols": self.size,
            "busiest_symbol_percent": round(100.0 * self.activity[0] / total, 2),
            "busiest_ten_symbols_percent": round(100.0 * self.activity[min(9, self.size - 1)] / total, 2),
            **{f"{name}_percent": round(100.0 * self.kinds[i] / self.messages, 2) for i, name in enumerate(NAMES)},
            "resting_orders_average": round(<double>held_sum / self.messages, 1),
            "resting_orders_peak": self.peak_orders,
            "resting_orders_at_end": self.live,
            "levels_at_end": levels,
            "near_ticks": NEAR_TICKS,
            "far_ticks": FAR_TICKS,
            "far_percent": 100.0 / FAR_SHARE,
            **{f"age_p{rank}_messages_below": self._age_below(rank) for rank in (25, 50, 90)},
        }

    def _age_below(self, int rank):
        """A power of two above the rank-th percentile of how many messages (of all symbols) an order stood."""
        cdef uint64_t total = 0
        cdef uint64_t seen = 0
        cdef int bits
        for bits in range(64):
            total += self.ages[bits]
        for bits in range(64):
            seen += self.ages[bits]
            if seen * 100 >= total * rank:
                return 1 << bits
        return 0


cdef inline int32_t _distance(const Symbol* book, const LiveOrder* order) noexcept nogil:
    return order.tick - book.middle if order.side == c'S' else book.middle - order.tick


cdef void _side(const Symbol* book, uint8_t side, Top* out) noexcept nogil:
    """Best price, shares there and number of levels, by looking at every order."""
    cdef uint8_t seen[1502]
    cdef int32_t best = FAR_TICKS + 1
    cdef int32_t distance
    cdef uint32_t i
    memset(seen, 0, sizeof(seen))
    memset(out, 0, sizeof(Top))
    for i in range(book.held):
        if book.orders[i].side != side:
            continue
        distance = _distance(book, &book.orders[i])
        out.levels += not seen[distance]
        seen[distance] = 1
        if distance < best:
            best = distance
            out.price = <int64_t>book.orders[i].tick * TICK
            out.shares = 0
        if distance == best:
            out.shares += book.orders[i].shares

