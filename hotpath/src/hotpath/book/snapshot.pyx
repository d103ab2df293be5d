"""The state of one book or matching engine as bytes, and back.

All integers are little-endian.

    header, 64 bytes
     0  magic "IRONBOOK"            32  position u64, the caller's: last message or operation included
     8  version u16                 40  next match number u64 (0 for a feed's book)
    10  kind u8: 1 book, 2 engine   48  digest u64 of the book or engine
    11  bytes of an order u8        56  zero u64
    12  bytes of the header u16
    14  zero u16
    16  symbol, 8 bytes, blanks on the right
    24  orders u32
    28  owner settings u32
    an order, bids from the best down, then asks from the best up, by time within a level: reference u64, price u32
        with bit 31 set for a sell, shares u32; of an engine also consumed u32, token u32, owner u16, zero u16, age u32
    an owner's setting, by rising owner: owner u16, self-match prevention u8, zero u8
    CRC-32 u32 of all before

The age of an order counts from 0, the oldest of all, without a gap: it holds the order of every owner's orders, which
no queue tells. Written in the order of the book, orders are restored side by side, so that the queues of a restored book
lie in memory as they are read. Counters are no state and are left out. Bytes written by a later version are refused.
"""
import zlib
from typing import NamedTuple

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort
from libc.string cimport memcmp, memcpy, memset

from hotpath.book.limit_order_book cimport (
    LimitOrderBook, TopOfBook, can_rest, rest, valid_price, valid_shares,
)
from hotpath.book.matching_engine cimport PENDING_NONE, SMP_OFF, MatchingEngine
from hotpath.book.order_pool cimport Order, find_in_slot, reference_slot

cdef extern from "<endian.h>" nogil:
    uint16_t htole16(uint16_t)
    uint32_t htole32(uint32_t)
    uint64_t htole64(uint64_t)
    uint16_t le16toh(uint16_t)
    uint32_t le32toh(uint32_t)
    uint64_t le64toh(uint64_t)

cdef enum:
    C_VERSION = 1
    C_HEADER = 64
    C_TRAILER = 4
    BOOK_ORDER = 16
    ENGINE_ORDER = 32
    OWNER_SETTING = 4
    KIND_BOOK = 1
    KIND_ENGINE = 2
    SYMBOL_BYTES = 8
    PRICE_MASK = 0x7FFFFFFF

MAGIC = b"IRONBOOK"
VERSION = C_VERSION
HEADER_BYTES = C_HEADER
TRAILER_BYTES = C_TRAILER
_KINDS = {KIND_BOOK: "order book", KIND_ENGINE: "matching engine"}


class SnapshotError(ValueError):
    """A snapshot that cannot be taken or used; the text says why. A book given to restore() is as it was."""


class SnapshotInfo(NamedTuple):
    """What the header of a snapshot says. kind: "order book" or "matching engine"."""

    version: int
    kind: str
    symbol: str
    position: int
    orders: int
    next_match_number: int
    digest: int


cdef struct Header:
    uint8_t magic[8]
    uint16_t version
    uint8_t kind
    uint8_t order_bytes
    uint16_t header_bytes
    uint16_t zero
    uint8_t symbol[8]
    uint32_t orders
    uint32_t owner_settings
    uint64_t position
    uint64_t next_match_number
    uint64_t digest
    uint64_t zeros

cdef struct Row:
    uint64_t reference
    uint32_t price
    uint32_t shares
    uint32_t consumed
    uint32_t token
    uint16_t owner
    uint16_t zero
    uint32_t age
    uint8_t side

cdef struct Queued:
    uint64_t sequence
    uint32_t row


# ---- plain C ---------------------------------------------------------------------------------------------------------


cdef inline uint16_t get16(const uint8_t* at) noexcept nogil:
    cdef uint16_t value
    memcpy(&value, at, 2)
    return le16toh(value)


cdef inline uint32_t get32(const uint8_t* at) noexcept nogil:
    cdef uint32_t value
    memcpy(&value, at, 4)
    return le32toh(value)


cdef inline uint64_t get64(const uint8_t* at) noexcept nogil:
    cdef uint64_t value
    memcpy(&value, at, 8)
    return le64toh(value)


cdef inline void put16(uint8_t* at, uint16_t value) noexcept nogil:
    value = htole16(value)
    memcpy(at, &value, 2)


cdef inline void put32(uint8_t* at, uint32_t value) noexcept nogil:
    value = htole32(value)
    memcpy(at, &value, 4)


cdef inline void put64(uint8_t* at, uint64_t value) noexcept nogil:
    value = htole64(value)
    memcpy(at, &value, 8)


cdef Header read_header(const uint8_t* at) noexcept nogil:
    """at: C_HEADER bytes."""
    cdef Header header
    memcpy(header.magic, at, 8)
    header.version = get16(at + 8)
    header.kind = at[10]
    header.order_bytes = at[11]
    header.header_bytes = get16(at + 12)
    header.zero = get16(at + 14)
    memcpy(header.symbol, at + 16, SYMBOL_BYTES)
    header.orders = get32(at + 24)
    header.owner_settings = get32(at + 28)
    header.position = get64(at + 32)
    header.next_match_number = get64(at + 40)
    header.digest = get64(at + 48)
    header.zeros = get64(at + 56)
    return header


cdef void write_header(uint8_t* at, const Header* header) noexcept nogil:
    memcpy(at, header.magic, 8)
    put16(at + 8, header.version)
    at[10] = header.kind
    at[11] = header.order_bytes
    put16(at + 12, header.header_bytes)
    put16(at + 14, header.zero)
    memcpy(at + 16, header.symbol, SYMBOL_BYTES)
    put32(at + 24, header.orders)
    put32(at + 28, header.owner_settings)
    put64(at + 32, header.position)
    put64(at + 40, header.next_match_number)
    put64(at + 48, header.digest)
    put64(at + 56, header.zeros)


cdef inline Row read_row(const uint8_t* at, int size) noexcept nogil:
    cdef Row row
    memset(&row, 0, sizeof(Row))
    row.reference = get64(at)
    row.price = get32(at + 8)
    row.side = <uint8_t>(row.price >> 31)
    row.price &= PRICE_MASK
    row.shares = get32(at + 12)
    if size == ENGINE_ORDER:
        row.consumed = get32(at + 16)
        row.token = get32(at + 20)
        row.owner = get16(at + 24)
        row.zero = get16(at + 26)
        row.age = get32(at + 28)
    return row


cdef inline void write_row(uint8_t* at, int size, const Order* order) noexcept nogil:
    put64(at, order.reference)
    put32(at + 8, <uint32_t>order.price | (<uint32_t>order.side << 31))
    put32(at + 12, order.shares)
    if size == ENGINE_ORDER:
        put32(at + 16, order.consumed)
        put32(at + 20, order.token)
        put16(at + 24, order.owner)
        put16(at + 26, 0)
        put32(at + 28, 0)


cdef int earlier(const void* a, const void* b) noexcept nogil:
    cdef uint64_t left = (<const Queued*>a).sequence
    cdef uint64_t right = (<const Queued*>b).sequence
    return <int>(left > right) - <int>(left < right)


cdef void write_orders(LimitOrderBook book, uint8_t* at, int size, Queued* queued) noexcept nogil:
    """queued: room for every live order of an engine, else NULL."""
    cdef uint32_t handle = book.first_live()
    cdef uint8_t* rows = at
    cdef uint32_t count = 0
    cdef uint32_t i
    while handle != 0:
        write_row(at, size, book.order(handle))
        if queued != NULL:
            queued[count].sequence = book.order(handle).sequence
            queued[count].row = count
        count += 1
        at += size
        handle = book.next_live(handle)
    if queued != NULL:
        qsort(queued, count, sizeof(Queued), &earlier)
        for i in range(count):
            put32(rows + <size_t>queued[i].row * size + 28, i)


cdef int64_t impossible_row(const uint8_t* at, int size, uint32_t count, uint32_t owners) noexcept nogil:
    """Number of the first order that no book can hold, or not there; -1 when there is none."""
    cdef uint32_t i
    cdef Row row
    cdef Row before
    memset(&before, 0, sizeof(Row))
    for i in range(count):
        row = read_row(at, size)
        if not valid_price(row.price) or not valid_shares(row.shares) or row.owner >= owners or row.zero != 0:
            return i
        if i != 0 and row.side == before.side:
            if row.price == before.price:
                if size == ENGINE_ORDER and row.age <= before.age:
                    return i
            elif (row.price > before.price) != <bint>row.side:
                return i
        elif row.side < before.side:
            return i
        before = row
        at += size
    return -1


cdef int64_t refused_row(LimitOrderBook book, const uint8_t* at, int size, uint32_t count,
                         uint32_t* handles) noexcept nogil:
    """Puts the orders on the empty book; number of the first that has no place on it, -1 when all are there.
    handles: of an engine, zeroed, one per order, to be filled by age; else NULL."""
    cdef uint64_t first = book.pool.next_sequence
    cdef uint32_t i, slot, handle
    cdef Row row
    for i in range(count):
        row = read_row(at, size)
        slot = reference_slot(book.pool, row.reference)
        if find_in_slot(book.pool, slot, row.reference) != 0:
            return i
        if not can_rest(book.pool, &book.levels, row.side, <int32_t>row.price):
            return i
        handle = rest(book.pool, &book.levels, row.reference, slot, row.side, <int32_t>row.price, row.shares)
        if handles != NULL:
            if row.age >= count or handles[row.age] != 0:
                return i
            handles[row.age] = handle
            book.pool.orders[handle].sequence = first + row.age
            book.pool.orders[handle].consumed = row.consumed
            book.pool.orders[handle].token = row.token
            book.pool.orders[handle].owner = row.owner
        at += size
    return -1


cdef void place_orders(MatchingEngine engine, const uint32_t* handles, uint32_t count) noexcept nogil:
    """Each owner's list, by age."""
    cdef uint32_t i
    cdef const Order* order
    for i in range(count):
        order = engine.order(handles[i])
        engine.place(handles[i], order.owner, order.consumed, order.token)
        engine.clear_events()  # the event that announces it went out when it was entered


cdef uint32_t count_settings(MatchingEngine engine) noexcept nogil:
    cdef uint32_t owner
    cdef uint32_t count = 0
    for owner in range(1, engine.max_owners):
        count += engine.owners[owner].smp != 0
    return count


cdef void write_settings(MatchingEngine engine, uint8_t* at) noexcept nogil:
    cdef uint32_t owner
    for owner in range(1, engine.max_owners):
        if engine.owners[owner].smp != 0:
            put16(at, <uint16_t>owner)
            at[2] = <uint8_t>engine.owners[owner].smp
            at[3] = 0
            at += OWNER_SETTING


cdef bint impossible_settings(const uint8_t* at, uint32_t count, uint32_t owners) noexcept nogil:
    cdef uint32_t before = 0
    cdef uint32_t i
    for i in range(count):
        if not before < get16(at) < owners or not 1 <= at[2] <= SMP_OFF or at[3] != 0:
            return True
        before = get16(at)
        at += OWNER_SETTING
    return False


cdef void apply_settings(MatchingEngine engine, const uint8_t* at, uint32_t count) noexcept nogil:
    cdef uint32_t i
    for i in range(1, engine.max_owners):
        engine.set_self_match_prevention(<uint16_t>i, 0)
    for i in range(count):
        engine.set_self_match_prevention(get16(at), at[2])
        at += OWNER_SETTING


# ---- Python edge -----------------------------------------------------------------------------------------------------


def snapshot(LimitOrderBook book not None, *, symbol: str = "", uint64_t position=0) -> bytes:
    """The book as bytes, in the time of a few walks over its orders; the book does not change.

    symbol: to 8 ASCII characters, checked by restore(); position: the caller's own, of the last message or operation
    that the book includes. Raises SnapshotError in the middle of an operation (events not drained) or for a symbol
    that does not fit.
    """
    cdef MatchingEngine engine = book if isinstance(book, MatchingEngine) else None
    cdef Header header
    cdef Queued* queued = NULL
    cdef uint8_t* at
    cdef size_t size
    cdef bytes name = _symbol(symbol)
    if engine is not None and not _settled(engine):
        raise SnapshotError("an operation is under way: drain the events and resume it first")
    memset(&header, 0, sizeof(Header))
    memcpy(header.magic, PyBytes_AS_STRING(MAGIC), 8)
    memcpy(header.symbol, PyBytes_AS_STRING(name), SYMBOL_BYTES)
    header.version = C_VERSION
    header.kind = KIND_BOOK if engine is None else KIND_ENGINE
    header.order_bytes = BOOK_ORDER if engine is None else ENGINE_ORDER
    header.header_bytes = C_HEADER
    header.orders = book.live_orders()
    header.position = position
    if engine is None:
        header.digest = book.book_digest()
    else:
        header.owner_settings = count_settings(engine)
        header.next_match_number = engine.next_match_number
        header.digest = engine.engine_digest()
    size = C_HEADER + <size_t>header.orders * header.order_bytes + <size_t>header.owner_settings * OWNER_SETTING
    data = PyBytes_FromStringAndSize(NULL, size + C_TRAILER)
    if engine is not None:
        queued = <Queued*>malloc((<size_t>header.orders + 1) * sizeof(Queued))
        if queued == NULL:
            raise MemoryError(f"no memory to put {header.orders} orders in order")
    at = <uint8_t*>PyBytes_AS_STRING(data)
    with nogil:
        write_header(at, &header)
        write_orders(book, at + C_HEADER, header.order_bytes, queued)
        if engine is not None:
            write_settings(engine, at + size - <size_t>header.owner_settings * OWNER_SETTING)
        free(queued)
    put32(at + size, zlib.crc32(memoryview(data)[:size]))
    return data


def inspect(data) -> SnapshotInfo:
    """What the header says. Raises SnapshotError when the bytes are not one whole snapshot of a known version."""
    return _info(_open(data))


def restore(LimitOrderBook book not None, data, *, symbol: str | None = None) -> SnapshotInfo:
    """Puts the orders of a snapshot on an empty book, which then has its digest and behaves as the one it came from.

    symbol: refuse a snapshot of another one. Raises SnapshotError, and the book stays empty, when the bytes are not
    whole, of a newer version or another kind, or do not fit this book's capacities.
    """
    cdef MatchingEngine engine = book if isinstance(book, MatchingEngine) else None
    cdef Header header = _open(data)
    cdef const uint8_t[::1] view = data
    cdef const uint8_t* rows = &view[0] + C_HEADER
    cdef const uint8_t* settings = rows + <size_t>header.orders * header.order_bytes
    cdef uint32_t owners = 1 if engine is None else engine.max_owners
    cdef uint64_t match_number = 0 if engine is None else engine.next_match_number
    cdef uint32_t* handles = NULL
    cdef int64_t row
    cdef str problem = ""
    if header.kind != (KIND_BOOK if engine is None else KIND_ENGINE):
        raise SnapshotError(f"it is of {'an' if header.kind == KIND_BOOK else 'a'} {_KINDS[header.kind]}, "
                            f"and cannot become a {type(book).__name__}")
    if symbol is not None and memcmp(PyBytes_AS_STRING(_symbol(symbol)), header.symbol, SYMBOL_BYTES) != 0:
        raise SnapshotError(f"it is of {_text(header.symbol) or 'no symbol'}, not of {symbol}")
    if book.live_orders() != 0 or (engine is not None and not _settled(engine)):
        raise SnapshotError("the book is not empty: restore into a fresh one, or clear() it")
    if header.orders > book.max_orders:
        raise SnapshotError(f"it holds {header.orders} orders, this book at most {book.max_orders}")
    row = impossible_row(rows, header.order_bytes, header.orders, owners)
    if row >= 0:
        raise SnapshotError(f"order {row}: price, shares or owner is out of range (owners here: below {owners}), or it "
                            "is not the next of the book")
    if impossible_settings(settings, header.owner_settings, owners):
        raise SnapshotError(f"owner settings are out of order or range (owners here: below {owners})")
    if engine is not None:
        handles = <uint32_t*>calloc(<size_t>header.orders + 1, sizeof(uint32_t))
        if handles == NULL:
            raise MemoryError(f"no memory for the ages of {header.orders} orders")
    with nogil:
        row = refused_row(book, rows, header.order_bytes, header.orders, handles)
        if handles != NULL and row < 0:
            place_orders(engine, handles, header.orders)
        free(handles)
    if row >= 0:
        problem = (f"order {row}: its reference or age is there already, or it needs more than {book.max_levels} price "
                   "levels")
    elif engine is not None:
        engine.next_match_number = header.next_match_number
        if engine.engine_digest() != header.digest:
            problem = "the digest of what was restored differs"
        elif crossed(book):
            problem = "its best bid is not below its best ask"
    elif book.book_digest() != header.digest:
        problem = "the digest of what was restored differs"
    if problem:
        book.reset()
        if engine is not None:
            engine.next_match_number = match_number
        raise SnapshotError(problem)
    if engine is not None:
        apply_settings(engine, settings, header.owner_settings)
    return _info(header)


def largest_snapshot(LimitOrderBook book not None) -> int:
    """Bytes of the largest snapshot that this book can hold: the limit for reading one from a file."""
    cdef MatchingEngine engine = book if isinstance(book, MatchingEngine) else None
    if engine is None:
        return C_HEADER + book.max_orders * BOOK_ORDER + C_TRAILER
    return C_HEADER + book.max_orders * ENGINE_ORDER + engine.max_owners * OWNER_SETTING + C_TRAILER


cdef bint crossed(LimitOrderBook book) noexcept nogil:
    cdef TopOfBook top
    book.top(&top)
    return top.bid_orders != 0 and top.ask_orders != 0 and top.bid_price >= top.ask_price


cdef bint _settled(MatchingEngine engine) noexcept:
    return engine.pending.operation == PENDING_NONE and engine.event_count == 0


cdef Header _open(data) except *:
    """The header of bytes that are one whole snapshot."""
    cdef const uint8_t[::1] view = data
    cdef Py_ssize_t size = view.shape[0]
    cdef Header header
    cdef uint64_t expected
    if size < C_HEADER + C_TRAILER:
        raise SnapshotError(f"{size} bytes are less than the smallest snapshot, {C_HEADER + C_TRAILER}")
    header = read_header(&view[0])
    if memcmp(header.magic, PyBytes_AS_STRING(MAGIC), 8) != 0:
        raise SnapshotError(f"it does not begin with {MAGIC.decode()}: this is no book snapshot")
    if header.version != C_VERSION:
        raise SnapshotError(f"version {header.version} is not known here, only {VERSION}: use the engine that wrote it")
    if header.kind not in _KINDS:
        raise SnapshotError(f"kind {header.kind} is not known")
    if (header.header_bytes != C_HEADER or header.zero != 0 or header.zeros != 0
            or not (<bytes>header.symbol[:SYMBOL_BYTES]).isascii()
            or header.order_bytes != (BOOK_ORDER if header.kind == KIND_BOOK else ENGINE_ORDER)
            or (header.kind == KIND_BOOK and (header.owner_settings != 0 or header.next_match_number != 0))):
        raise SnapshotError("the header contradicts itself")
    expected = (C_HEADER + <uint64_t>header.orders * header.order_bytes
                + <uint64_t>header.owner_settings * OWNER_SETTING + C_TRAILER)
    if <uint64_t>size != expected:
        raise SnapshotError(f"{'cut off' if <uint64_t>size < expected else 'too long'}: {size} bytes of {expected}")
    if zlib.crc32(memoryview(data)[:size - C_TRAILER]) != get32(&view[size - C_TRAILER]):
        raise SnapshotError("the checksum does not match: damaged")
    return header


cdef object _info(Header header):
    return SnapshotInfo(header.version, _KINDS[header.kind], _text(header.symbol), header.position, header.orders,
                        header.next_match_number, header.digest)


cdef str _text(const uint8_t* symbol):
    return symbol[:SYMBOL_BYTES].decode("ascii").rstrip(" ")


cdef bytes _symbol(str symbol):
    if len(symbol) > SYMBOL_BYTES or not symbol.isascii():
        raise SnapshotError(f"symbol {symbol!r}: at most {SYMBOL_BYTES:d} ASCII characters")
    return symbol.encode("ascii").ljust(SYMBOL_BYTES)
