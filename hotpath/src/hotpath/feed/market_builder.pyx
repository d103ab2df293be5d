"""ITCH 5.0 messages of a whole market into an L3 book per stock locate. See market_builder.pxd."""
from typing import NamedTuple

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from hotpath.book.arena cimport map_pages, unmap_pages
from hotpath.book.limit_order_book cimport TopOfBook, mix
from hotpath.book.look_ahead cimport prefetch
from hotpath.book.order_book cimport OrderBook
from hotpath.book.order_pool cimport OrderPool
from hotpath.book.order_store cimport OrderStore
from hotpath.book.price_levels cimport LevelPool, PriceLevels
from hotpath.feed.itch_book cimport (
    CHANGE_INCONSISTENT, CHANGE_NOT_OURS, ItchCounters, book_change, changed_state, ends_session,
    take_execution, take_message, take_priced_execution, void_state,
)
from hotpath.feed.itch_look_ahead cimport (
    AHEAD_INDEX, AHEAD_LEAF, AHEAD_MASK, AHEAD_ORDER, AHEAD_QUEUE, AHEAD_RING, AHEAD_SEEN, AHEAD_TAIL,
    Ahead, ahead_index, ahead_leaf, ahead_order, ahead_queue, ahead_seen, ahead_tail,
)
from hotpath.protocols.byteorder cimport load_be16
from hotpath.protocols.codec cimport CODEC_UNKNOWN_TYPE
from hotpath.protocols.itch cimport (
    ITCH_MAX_LENGTH, ITCH_STOCK_DIRECTORY, ITCH_SYSTEM_EVENT, ItchStockDirectory, ItchSystemEvent, itch_check,
    itch_decode_stock_directory, itch_decode_system_event, itch_stock_locate,
)
from hotpath.protocols.moldudp64 cimport MOLD_HEADER_LENGTH, MoldBlocks, MoldHeader, mold_open

from hotpath.protocols.errors import error_for

cdef enum:
    LOCATES = 65_536
    DIRECTORY_ENTRIES = 131_072
    DIRECTORY_HEADS = 65_536
    DIRECTORY_SHIFT = 48          # 64 less the bits of a head's number
    FRAME_PREFIX = 2
    # of touched_bytes(); where looking ahead begins to pay has been measured, with 1 MiB of second-level cache
    BOOK_BYTES = 1024
    BLOCK_BYTES = 256             # of levels, with its part of the ladder
    YOUNG_BYTES = 16
    CACHED_BYTES = 2_097_152


class BatchOutcome(NamedTuple):
    """What a batch of messages did. consumed: bytes of whole messages, the rest waits for what follows it."""

    consumed: int
    messages: int
    applied: int
    other_instruments: int
    inconsistent: int
    unknown_types: int
    truncated: int


class InstrumentRow(NamedTuple):
    """Prices in 1/10,000 dollar, 0 = none; shares; trading_state T H P Q, E when the session is over; exchange_ns since
    midnight, of the last message about it."""

    locate: int
    symbol: str
    trading_state: str
    last_price: int
    last_shares: int
    exchange_ns: int


class TopRow(NamedTuple):
    """Best prices in 1/10,000 dollar with shares and orders there; all 0 = the side is empty."""

    bid_price: int
    bid_shares: int
    bid_orders: int
    ask_price: int
    ask_shares: int
    ask_orders: int


cdef inline bint whole_frame(const uint8_t* p, const uint8_t* end) noexcept nogil:
    return end - p >= FRAME_PREFIX and end - p - FRAME_PREFIX >= load_be16(p)


@cython.overflowcheck(False)
cdef inline uint32_t symbol_hash(uint64_t symbol) noexcept nogil:
    """Number of a directory head."""
    return <uint32_t>((symbol * <uint64_t>0x9E3779B97F4A7C15) >> DIRECTORY_SHIFT)


cdef inline str symbol_text(uint64_t symbol):
    return (<char*>&symbol)[:8].decode("latin-1").rstrip()


cdef class MarketBuilder:
    def __cinit__(self, int max_symbols, int max_orders, *, max_levels: int | None = None, int tick=100,
                  bint prefault=False, look_ahead: bool | None = None):
        cdef size_t instrument_bytes = LOCATES * sizeof(Instrument)
        cdef size_t symbol_bytes = LOCATES * sizeof(uint64_t)
        cdef size_t entry_bytes = (DIRECTORY_ENTRIES + 1) * sizeof(DirectoryEntry)
        cdef size_t book_bytes = LOCATES * sizeof(PyObject*)
        cdef char* at
        cdef int i
        if not 1 <= max_symbols < LOCATES:
            raise ValueError(f"max_symbols={max_symbols}: must be 1..{LOCATES - 1}, the stock locates of ITCH")
        # a level holds an order at least: by default they never run out before the orders do
        self.store = OrderStore(max_orders, max_orders if max_levels is None else max_levels, prefault,
                                max_books=max_symbols)
        self.kept = tuple([OrderBook(store=self.store, tick=tick) for _ in range(max_symbols)])
        self.looks_ahead = look_ahead is not None and look_ahead
        self.may_look_ahead = look_ahead is None
        self.arena_bytes = (instrument_bytes + symbol_bytes + book_bytes + entry_bytes
                            + DIRECTORY_HEADS * sizeof(uint32_t))
        self.arena = map_pages(self.arena_bytes, False)
        if self.arena == NULL:
            raise MemoryError(f"no {self.arena_bytes} bytes for the instruments")
        at = <char*>self.arena
        self.instruments = <Instrument*>at
        at += instrument_bytes
        self.symbols = <uint64_t*>at
        at += symbol_bytes
        self.books = <PyObject**>at
        at += book_bytes
        self.directory.entries = <DirectoryEntry*>at
        at += entry_bytes
        self.directory.heads = <uint32_t*>at
        for i in range(max_symbols):
            self.books[i] = <PyObject*>self.kept[i]

    def __dealloc__(self):
        if self.arena != NULL:
            unmap_pages(self.arena, self.arena_bytes)

    # ---- messages ------------------------------------------------------------------------------------------------

    cdef int take_one(self, const uint8_t* message, size_t length) noexcept nogil:
        cdef int rc = itch_check(message, length)
        cdef uint16_t locate
        cdef Instrument* instrument
        self.counters.messages += 1
        if rc < 0:
            if rc == CODEC_UNKNOWN_TYPE:
                self.counters.unknown_types += 1
                return 0
            # some book has missed it: which one, nobody can say
            self.counters.truncated += 1
            return CHANGE_INCONSISTENT
        locate = itch_stock_locate(message)
        instrument = &self.instruments[locate]
        if instrument.book == NULL or message[0] == ITCH_STOCK_DIRECTORY:
            return self.take_market_message(message)
        return take_message(<OrderBook>instrument.book, &instrument.state, &self.counters, message)

    cdef int take_market_message(self, const uint8_t* message) noexcept nogil:
        """The stock directory, what is about all stocks, and what is about one without a book."""
        cdef ItchStockDirectory entry
        cdef ItchSystemEvent event
        cdef uint16_t locate = itch_stock_locate(message)
        cdef int changes = 0
        cdef uint32_t i
        if message[0] == ITCH_STOCK_DIRECTORY:
            itch_decode_stock_directory(message, ITCH_MAX_LENGTH, &entry)
            return self.list_stock(locate, <const uint8_t*>entry.stock)
        if message[0] != ITCH_SYSTEM_EVENT:
            self.counters.other_instruments += 1
            return 0
        itch_decode_system_event(message, ITCH_MAX_LENGTH, &event)
        self.counters.applied += 1
        self.session_over = ends_session(event.event_code)
        for i in range(self.locates_end):
            if self.instruments[i].listing == LISTING_KNOWN:
                self.instruments[i].state.session_over = self.session_over
                self.instruments[i].state.exchange_ns = event.timestamp_ns
                changes |= changed_state(&self.instruments[i].state)
        return changes

    cdef int list_stock(self, uint16_t locate, const uint8_t* stock) noexcept nogil:
        cdef Instrument* instrument = &self.instruments[locate]
        cdef uint64_t symbol
        cdef uint32_t i
        cdef uint32_t head
        cdef bint conflict
        memcpy(&symbol, stock, sizeof(uint64_t))
        if locate == 0:
            self.counters.other_instruments += 1
            return 0
        self.counters.applied += 1
        if instrument.listing != LISTING_NONE and self.symbols[locate] == symbol:
            return 0
        conflict = instrument.listing != LISTING_NONE or self.directory.count == DIRECTORY_ENTRIES
        head = symbol_hash(symbol)
        i = self.directory.heads[head]
        while i != 0:
            if self.directory.entries[i].symbol == symbol and self.directory.entries[i].locate != locate:
                conflict = True
                self.void_instrument(self.directory.entries[i].locate, LISTING_CONFLICT)
            i = self.directory.entries[i].next
        if self.directory.count < DIRECTORY_ENTRIES:
            self.directory.count += 1
            self.directory.entries[self.directory.count].symbol = symbol
            self.directory.entries[self.directory.count].locate = locate
            self.directory.entries[self.directory.count].next = self.directory.heads[head]
            self.directory.heads[head] = self.directory.count
        self.symbols[locate] = symbol
        self.locates_end = max(self.locates_end, <uint32_t>locate + 1)
        if conflict:
            self.market.conflicts += 1
            self.void_instrument(locate, LISTING_CONFLICT)
            return CHANGE_NOT_OURS
        void_state(&instrument.state)
        instrument.state.session_over = self.session_over
        changed_state(&instrument.state)
        instrument.listing = LISTING_KNOWN
        if self.books_used == self.store.max_books:
            self.market.without_book += 1
            return 0
        instrument.book = self.books[self.books_used]
        self.books_used += 1
        return 0

    cdef void void_instrument(self, uint16_t locate, int listing) noexcept nogil:
        cdef Instrument* instrument = &self.instruments[locate]
        if instrument.book != NULL:
            (<OrderBook>instrument.book).reset()
            instrument.book = NULL
        void_state(&instrument.state)
        instrument.listing = <uint8_t>listing

    cdef void begin_session(self) noexcept nogil:
        cdef uint32_t i
        for i in range(self.locates_end):
            if self.instruments[i].listing != LISTING_NONE:
                self.void_instrument(<uint16_t>i, LISTING_NONE)
                self.symbols[i] = 0
        self.locates_end = 0
        self.books_used = 0
        self.directory.count = 0
        memset(self.directory.heads, 0, DIRECTORY_HEADS * sizeof(uint32_t))
        self.session_over = False

    cdef const uint8_t* take_frames(self, const uint8_t* p, const uint8_t* end) noexcept nogil:
        # what the cache holds is there without being fetched, and looking ahead costs as much as a message itself
        if self.looks_ahead or (self.may_look_ahead and self.touched_bytes() > CACHED_BYTES):
            return self.take_frames_ahead(p, end)
        return self.take_frames_near(p, end)

    cdef size_t touched_bytes(self) noexcept nogil:
        """About how much memory the messages are spread over. Most of them name young orders, which are near anyway."""
        return (<size_t>self.books_used * BOOK_BYTES + <size_t>self.store.levels.block_high_water * BLOCK_BYTES
                + <size_t>self.store.pool.high_water * YOUNG_BYTES)

    cdef const uint8_t* take_frames_near(self, const uint8_t* p, const uint8_t* end) noexcept nogil:
        cdef size_t length
        while whole_frame(p, end):
            length = load_be16(p)
            self.take_one(p + FRAME_PREFIX, length)
            p += FRAME_PREFIX + length
        return p

    cdef const uint8_t* take_frames_ahead(self, const uint8_t* p, const uint8_t* end) noexcept nogil:
        cdef Ahead ring[AHEAD_RING]
        cdef const OrderPool* pool = &self.store.pool
        cdef const LevelPool* levels = &self.store.levels
        cdef const uint8_t* message
        cdef uint64_t seen = 0
        cdef uint64_t indexed = 0
        cdef uint64_t done = 0
        cdef uint64_t i
        # places that hold nothing yet are passed over by every step, those of messages long done cost their time only
        memset(ring, 0, sizeof(ring))
        while True:
            while seen <= done + AHEAD_SEEN and whole_frame(p, end):
                message = p + FRAME_PREFIX
                ahead_seen(&ring[seen & AHEAD_MASK], message, load_be16(p))
                prefetch(&self.instruments[ring[seen & AHEAD_MASK].locate])
                seen += 1
                p = message + load_be16(p)
            if seen == done:
                return p
            while indexed < seen and indexed <= done + AHEAD_INDEX:
                ahead_index(&ring[indexed & AHEAD_MASK], pool, self.levels_at(ring[indexed & AHEAD_MASK].locate))
                indexed += 1
            if done == 0:
                for i in range(AHEAD_ORDER):
                    ahead_order(&ring[i], pool)
                for i in range(AHEAD_LEAF):
                    ahead_leaf(&ring[i])
                for i in range(AHEAD_QUEUE):
                    ahead_queue(&ring[i], pool, levels)
                for i in range(AHEAD_TAIL):
                    ahead_tail(&ring[i], pool, levels)
            ahead_order(&ring[(done + AHEAD_ORDER) & AHEAD_MASK], pool)
            ahead_leaf(&ring[(done + AHEAD_LEAF) & AHEAD_MASK])
            ahead_queue(&ring[(done + AHEAD_QUEUE) & AHEAD_MASK], pool, levels)
            ahead_tail(&ring[(done + AHEAD_TAIL) & AHEAD_MASK], pool, levels)
            message = ring[done & AHEAD_MASK].message
            self.take_one(message, load_be16(message - FRAME_PREFIX))
            done += 1

    cdef const PriceLevels* levels_at(self, uint16_t locate) noexcept nogil:
        """Of the locate's book, NULL = none."""
        if self.instruments[locate].book == NULL:
            return NULL
        return &(<OrderBook>self.instruments[locate].book).levels

    cdef uint64_t market_digest(self) noexcept nogil:
        cdef uint64_t digest = 0
        cdef uint32_t i
        for i in range(self.locates_end):
            if self.instruments[i].book != NULL:
                digest = mix(mix(digest, i), (<OrderBook>self.instruments[i].book).book_digest())
        return digest

    # ---- Python edge ---------------------------------------------------------------------------------------------

    def apply(self, const uint8_t[::1] data not None):
        """Messages as in a day file, each after its length (u16, big-endian), without the GIL.

        A message that is not whole at the end stays: give it again with what follows. Returns a BatchOutcome.
        """
        cdef const uint8_t* start = &data[0] if data.shape[0] else NULL
        cdef const uint8_t* stop
        cdef ItchCounters before
        self.require_idle()
        self.busy = True
        before = self.counters
        with nogil:
            stop = self.take_frames(start, start + data.shape[0])
        self.busy = False
        return self.outcome(&before, <size_t>(stop - start))

    def apply_packet(self, const uint8_t[::1] packet not None):
        """The messages of a MoldUDP64 downstream packet; its sequence numbers are the caller's business.

        Returns a BatchOutcome. Raises CodecError when the packet is malformed: then nothing of it was applied.
        """
        cdef MoldHeader header
        cdef MoldBlocks blocks
        cdef ItchCounters before
        cdef size_t size = packet.shape[0]
        cdef int rc = mold_open(&packet[0] if size else NULL, size, &header, &blocks)
        if rc < 0:
            raise error_for(rc, f"MoldUDP64 packet of {size} bytes")
        self.require_idle()
        self.busy = True
        before = self.counters
        with nogil:
            # blocks have the form of a day file's messages, and mold_open has checked them
            self.take_frames(blocks.cursor, blocks.cursor + (size - MOLD_HEADER_LENGTH if blocks.remaining else 0))
        self.busy = False
        return self.outcome(&before, size)

    @cython.binding(False)
    @cython.always_allow_keywords(False)
    def apply_message(self, bytes message not None):
        """One message without its length. Returns its BookChange bits: 1 book, 2 print, 4 trading state, 8 does not fit
        the book, 16 directory conflict."""
        self.require_idle()
        return self.take_one(<const uint8_t*>PyBytes_AS_STRING(message), <size_t>PyBytes_GET_SIZE(message))

    # Each is the ITCH message of its name, by position only: half the cost of a call with names. All return an
    # ApplyStatus as int (0 = applied) and raise LookupError when the locate has no book.

    @cython.binding(False)
    def add(self, uint16_t locate, uint64_t reference, Py_UCS4 side, int64_t price, uint32_t shares, /):
        """A, F. side "B" or "S", price in 1/10,000 dollar."""
        cdef int status = self.book_at(locate).add(reference, <uint8_t>side if side < 128 else 0, price, shares)
        book_change(&self.counters, status)
        return status

    @cython.binding(False)
    def execute(self, uint16_t locate, uint64_t reference, uint32_t shares, /):
        """E: also a print at the order's price."""
        cdef int status = take_execution(self.book_at(locate), &self.instruments[locate].state, &self.counters,
                                         reference, shares)
        book_change(&self.counters, status)
        return status

    @cython.binding(False)
    def execute_with_price(self, uint16_t locate, uint64_t reference, uint32_t shares, int64_t price, bint printable, /):
        """C: also a print at this price, in 1/10,000 dollar, if it is printable."""
        cdef int status = take_priced_execution(self.book_at(locate), &self.instruments[locate].state, &self.counters,
                                                reference, shares, price, printable)
        book_change(&self.counters, status)
        return status

    @cython.binding(False)
    def cancel(self, uint16_t locate, uint64_t reference, uint32_t shares, /):
        """X: `shares` fewer, same priority."""
        cdef int status = self.book_at(locate).cancel(reference, shares, NULL)
        book_change(&self.counters, status)
        return status

    @cython.binding(False)
    def delete(self, uint16_t locate, uint64_t reference, /):
        """D."""
        cdef int status = self.book_at(locate).delete(reference, NULL)
        book_change(&self.counters, status)
        return status

    @cython.binding(False)
    def replace(self, uint16_t locate, uint64_t reference, uint64_t new_reference, int64_t price, uint32_t shares, /):
        """U: the new order goes to the tail of its level."""
        cdef int status = self.book_at(locate).replace(reference, new_reference, price, shares, NULL)
        book_change(&self.counters, status)
        return status

    def list_symbol(self, uint16_t locate, str symbol not None):
        """As a stock directory message: for data that begin later in the day.

        Raises ValueError for what the directory field cannot carry, when it contradicts what was listed before (which
        voids both) and when all books are taken.
        """
        text = symbol.encode("ascii", "replace")
        if not 1 <= len(text) <= 8 or locate == 0:
            raise ValueError(f"locate {locate}, symbol {symbol!r}: must be 1..65535 and 1 to 8 ASCII characters")
        text = text.ljust(8)
        self.require_idle()
        if self.list_stock(locate, <const uint8_t*>PyBytes_AS_STRING(text)) & CHANGE_NOT_OURS:
            raise ValueError(f"locate {locate}, symbol {symbol!r}: contradicts the stock directory so far")
        if self.instruments[locate].book == NULL:
            raise ValueError(f"locate {locate}, symbol {symbol!r}: all {self.store.max_books} books are taken")

    def reset(self):
        """A new session: no symbol is listed, every book is empty; counters stay."""
        self.require_idle()
        self.begin_session()

    def book(self, uint16_t locate):
        """The live OrderBook of a listed symbol: levels, orders, digest. Raises LookupError."""
        self.require_idle()
        return self.book_at(locate)

    def top(self, uint16_t locate):
        """TopRow of a listed symbol. Raises LookupError."""
        cdef TopOfBook top
        self.require_idle()
        self.book_at(locate).top(&top)
        return TopRow(top.bid_price, top.bid_shares, top.bid_orders, top.ask_price, top.ask_shares, top.ask_orders)

    def levels(self, uint16_t locate, str side not None, int count):
        """The best `count` LevelRow of side "B" or "S", best first. Raises LookupError, ValueError."""
        return self.book(locate).top_levels(side, count)

    def orders(self, uint16_t locate):
        """Every OrderRow of a listed symbol: bids from the best down, then asks from the best up, by time within a level.
        Raises LookupError."""
        return self.book(locate).orders()

    def instrument(self, uint16_t locate):
        """InstrumentRow of a listed symbol. Raises LookupError."""
        cdef const InstrumentState* state
        self.require_idle()
        self.book_at(locate)
        state = &self.instruments[locate].state
        return InstrumentRow(locate, symbol_text(self.symbols[locate]), chr(state.trading_state), state.last_price,
                             state.last_shares, state.exchange_ns)

    def locates(self):
        """symbol -> stock locate, of the symbols that have a book."""
        cdef uint32_t i
        return {symbol_text(self.symbols[i]): i for i in range(self.locates_end) if self.instruments[i].book != NULL}

    def conflicts(self):
        """Stock locates that the directory contradicts itself about: they have no book until reset()."""
        cdef uint32_t i
        return [i for i in range(self.locates_end) if self.instruments[i].listing == LISTING_CONFLICT]

    def digest(self):
        """64 bits over every locate with its book's digest: equal markets have equal digests."""
        self.require_idle()
        return self.market_digest()

    def stats(self):
        """Counters by name: ItchCounters, MarketCounters and, summed over the books, what did not fit them by kind."""
        fields = dict(self.counters)
        fields.update(self.market)
        for book in self.kept:
            for kind, count in dict((<OrderBook>book).counters).items():
                fields[kind] = fields.get(kind, 0) + count
        return fields

    # ---- support -------------------------------------------------------------------------------------------------

    cdef OrderBook book_at(self, uint16_t locate):
        if self.instruments[locate].book == NULL or self.busy:
            self.require_idle()
            raise LookupError(f"locate {locate}: the stock directory has not listed it, or there is no book for it")
        return <OrderBook>self.instruments[locate].book

    cdef int require_idle(self) except -1:
        if self.busy:
            raise RuntimeError("a batch is being applied by another thread")
        return 0

    cdef object outcome(self, const ItchCounters* before, size_t consumed):
        return BatchOutcome(
            consumed,
            self.counters.messages - before.messages,
            self.counters.applied - before.applied,
            self.counters.other_instruments - before.other_instruments,
            self.counters.inconsistent - before.inconsistent,
            self.counters.unknown_types - before.unknown_types,
            self.counters.truncated - before.truncated,
        )
