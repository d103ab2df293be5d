# cython: nonecheck=False
# a None check of `self` in nogil code would need the GIL
"""LOBSTER message files (lobsterdata.com, message file layout): one CSV row per event of a single stock's book."""
cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memchr

import gzip
import re
import zlib
from pathlib import Path

from hotpath.venue.flow cimport (FLOW_ADD, FLOW_BEFORE_OPEN, FLOW_CROSS, FLOW_DELETE, FLOW_EXECUTE, FLOW_HALT,
                                 FLOW_HIDDEN, FLOW_REDUCE, FlowRow, FlowSource)
from hotpath.venue.flow import FlowError

MAX_ROWS = 50_000_000       # 1.6 GB in memory

cdef enum:
    CHUNK_BYTES = 1_048_576
    MAX_LINE_BYTES = 256
    COLUMNS = 6

cdef int64_t DAY_NS = 86_400 * 1_000_000_000
cdef int64_t MAX_PRICE = 2_000_000_000       # 200,000.0000, the largest ITCH Price(4)
cdef uint64_t MAX_ORDER_ID = (<uint64_t>1 << 62) - 1    # higher references belong to the venue's own clients

cdef enum RowFault:
    ROW_OK = 0
    ROW_COLUMNS
    ROW_TIME
    ROW_TIME_BACK
    ROW_TYPE
    ROW_ORDER_ID
    ROW_SIZE
    ROW_PRICE
    ROW_DIRECTION
    ROW_DUPLICATE

_REASONS = {
    ROW_COLUMNS: "needs 6 columns: time,type,order id,size,price,direction",
    ROW_TIME: "time must be seconds since midnight, below 86400",
    ROW_TIME_BACK: "time is earlier than in the row before",
    ROW_TYPE: "type must be 1 to 7",
    ROW_ORDER_ID: "order id must be a positive number below 2**62",
    ROW_SIZE: "size must be 1 to 2147483647 shares",
    ROW_PRICE: "price must be 1 to 2000000000 (1/10,000 $), for type 7 -1, 0 or 1",
    ROW_DIRECTION: "direction must be 1 or -1",
    ROW_DUPLICATE: "this order id was added before",
}
_FILE_NAME = re.compile(r"^([A-Z][A-Z0-9.]{0,7})_\d{4}-\d{2}-\d{2}_\d+_\d+_message_\d+\.csv(\.gz)?$")


cdef class _IdSet:
    """Open-addressing set of non-zero order ids, for load time only."""
    cdef uint64_t* slots
    cdef uint64_t mask
    cdef uint64_t used

    def __cinit__(self):
        self.mask = (1 << 16) - 1
        self.slots = <uint64_t*>calloc(self.mask + 1, sizeof(uint64_t))
        if self.slots == NULL:
            raise MemoryError("no memory for the order id index")

    def __dealloc__(self):
        free(self.slots)

    @cython.overflowcheck(False)
    cdef uint64_t _slot(self, uint64_t key) noexcept nogil:
        cdef uint64_t i = (key * <uint64_t>0x9E3779B97F4A7C15) >> 20
        while True:
            i &= self.mask
            if self.slots[i] == 0 or self.slots[i] == key:
                return i
            i += 1

    cdef bint has(self, uint64_t key) noexcept nogil:
        return self.slots[self._slot(key)] == key

    cdef void add(self, uint64_t key) noexcept nogil:
        self.slots[self._slot(key)] = key
        self.used += 1

    cdef int reserve(self) except -1:
        if self.used * 2 <= self.mask:
            return 0
        cdef uint64_t* old = self.slots
        cdef uint64_t old_mask = self.mask, i
        cdef uint64_t* wider = <uint64_t*>calloc((old_mask + 1) * 2, sizeof(uint64_t))
        if wider == NULL:
            raise MemoryError("no memory for the order id index")
        self.slots = wider
        self.mask = old_mask * 2 + 1
        for i in range(old_mask + 1):
            if old[i]:
                self.slots[self._slot(old[i])] = old[i]
        free(old)
        return 0


cdef bint _integer(const char* p, const char* end, int64_t* value) noexcept nogil:
    cdef bint negative = False
    cdef int64_t result = 0
    if p < end and p[0] == c'-':
        negative = True
        p += 1
    if p == end or end - p > 18:
        return False
    while p < end:
        if p[0] < c'0' or p[0] > c'9':
            return False
        result = result * 10 + (p[0] - c'0')
        p += 1
    value[0] = -result if negative else result
    return True


cdef bint _time(const char* p, const char* end, int64_t* value) noexcept nogil:
    """Decimal seconds to ns, rounded to nearest: some files carry more than nine decimals."""
    cdef int64_t seconds = 0, fraction = 0
    cdef int digits = 0
    cdef const char* start = p
    while p < end and p[0] != c'.':
        if p[0] < c'0' or p[0] > c'9' or p - start >= 5:
            return False
        seconds = seconds * 10 + (p[0] - c'0')
        p += 1
    if p == start or seconds >= 86_400:
        return False
    if p < end:
        p += 1
        if p == end:
            return False
        while p < end:
            if p[0] < c'0' or p[0] > c'9':
                return False
            if digits < 9:
                fraction = fraction * 10 + (p[0] - c'0')
            elif digits == 9 and p[0] >= c'5':
                fraction += 1
            digits += 1
            p += 1
        while digits < 9:
            fraction *= 10
            digits += 1
    value[0] = seconds * 1_000_000_000 + fraction
    return value[0] < DAY_NS


cdef RowFault _parse(const char* p, const char* end, FlowRow* row) noexcept nogil:
    cdef const char* starts[COLUMNS]
    cdef const char* ends[COLUMNS]
    cdef int column = 0
    cdef int64_t number = 0
    cdef const char* comma
    while True:
        if column == COLUMNS:
            return ROW_COLUMNS
        comma = <const char*>memchr(p, c',', end - p) if p < end else NULL
        starts[column] = p
        ends[column] = end if comma == NULL else comma
        column += 1
        if comma == NULL:
            break
        p = comma + 1
    if column != COLUMNS:
        return ROW_COLUMNS
    row.flags = 0
    row.reserved = 0
    if not _time(starts[0], ends[0], &row.time_ns):
        return ROW_TIME
    if not _integer(starts[1], ends[1], &number) or number < FLOW_ADD or number > FLOW_HALT:
        return ROW_TYPE
    row.kind = <uint8_t>number
    if not _integer(starts[2], ends[2], &number):
        return ROW_ORDER_ID
    if row.kind <= FLOW_EXECUTE:
        if number <= 0 or <uint64_t>number > MAX_ORDER_ID:
            return ROW_ORDER_ID
        row.order_id = <uint64_t>number
    else:
        row.order_id = 0        # hidden prints, crosses and halts carry 0 or -1: no order is meant
    if not _integer(starts[3], ends[3], &number):
        return ROW_SIZE
    if row.kind == FLOW_HALT:
        number = 0
    elif number < (0 if row.kind == FLOW_CROSS else 1) or number > 2147483647:
        return ROW_SIZE
    row.size = <int32_t>number
    if not _integer(starts[4], ends[4], &row.price):
        return ROW_PRICE
    if row.kind == FLOW_HALT:
        if row.price < -1 or row.price > 1:
            return ROW_PRICE
    elif row.price < 1 or row.price > MAX_PRICE:
        return ROW_PRICE
    if not _integer(starts[5], ends[5], &number) or (number != 1 and number != -1):
        return ROW_DIRECTION
    row.side = c'B' if number == 1 else c'S'
    return ROW_OK


cdef class RecordedFlow(FlowSource):
    def __dealloc__(self):
        free(self.rows)

    cdef const FlowRow* peek(self) noexcept nogil:
        return &self.rows[self.position] if self.position < self.count else NULL


def read_lobster(path, str on_bad_row="stop"):
    if on_bad_row not in ("stop", "skip"):
        raise FlowError(f"flow.on_bad_row: {on_bad_row!r} is not known; use \"stop\" or \"skip\"")
    path = Path(path)
    cdef RecordedFlow flow = RecordedFlow.__new__(RecordedFlow)
    flow.name = path.name
    match = _FILE_NAME.match(path.name)
    flow.symbol = match.group(1) if match else ""
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rb") as stream:
                _load(flow, stream, str(path), on_bad_row == "skip")
        else:
            with open(path, "rb") as stream:
                _load(flow, stream, str(path), on_bad_row == "skip")
    except FileNotFoundError as error:
        raise FlowError(f"{path}: no such replay file; correct flow.file, or leave it out to use the generator") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FlowError(f"{path}: damaged gzip data ({error}); fetch the file again") from error
    except OSError as error:
        raise FlowError(f"{path}: cannot be read ({error.strerror or error})") from error
    if flow.count == 0:
        raise FlowError(f"{path}: no usable row in this file ({flow.bad_rows} skipped)")
    flow.total = <int64_t>flow.count
    flow.first_time_ns = flow.rows[0].time_ns
    flow.last_time_ns = flow.rows[flow.count - 1].time_ns
    return flow


cdef _load(RecordedFlow flow, stream, str path, bint skip):
    cdef _IdSet added = _IdSet()
    cdef uint64_t capacity = 0, line_number = 0
    cdef int64_t last_time = 0
    cdef FlowRow row
    cdef FlowRow* wider
    cdef RowFault fault
    cdef const char* p
    cdef const char* end
    cdef const char* stop
    cdef bytes block, rest = b""
    cdef bint final = False
    while not final:
        chunk = stream.read(CHUNK_BYTES)
        final = not chunk
        block = rest + chunk
        if final and block and not block.endswith(b"\n"):
            block += b"\n"
        p = block
        stop = p + len(block)
        while p < stop:
            end = <const char*>memchr(p, c'\n', stop - p)
            if end == NULL:
                break
            line_number += 1
            fault = _parse(p, end - 1 if end > p and (end - 1)[0] == c'\r' else end, &row)
            if fault == ROW_OK:
                if row.time_ns < last_time:
                    fault = ROW_TIME_BACK
                elif row.kind == FLOW_ADD and added.has(row.order_id):
                    fault = ROW_DUPLICATE
            if fault != ROW_OK:
                if not skip:
                    raise FlowError(_describe(path, line_number, p[:min(<Py_ssize_t>(end - p), MAX_LINE_BYTES)], fault))
                flow.bad_rows += 1
                p = end + 1
                continue
            last_time = row.time_ns
            if row.kind == FLOW_ADD:
                added.reserve()
                added.add(row.order_id)
            elif row.kind <= FLOW_EXECUTE and not added.has(row.order_id):
                row.flags |= FLOW_BEFORE_OPEN
            if flow.count == capacity:
                if flow.count >= <uint64_t>MAX_ROWS:
                    raise FlowError(f"{path}: more than {MAX_ROWS} rows; split the file")
                capacity = min(max(capacity * 2, <uint64_t>65_536), <uint64_t>MAX_ROWS)
                wider = <FlowRow*>realloc(flow.rows, capacity * sizeof(FlowRow))
                if wider == NULL:
                    raise MemoryError(f"{path}: no memory for {capacity} rows")
                flow.rows = wider
            flow.rows[flow.count] = row
            flow.count += 1
            p = end + 1
        rest = block[p - <const char*>block:]
        if len(rest) > MAX_LINE_BYTES:
            raise FlowError(_describe(path, line_number + 1, rest[:MAX_LINE_BYTES], ROW_COLUMNS))


cdef str _describe(str path, uint64_t line, bytes content, RowFault fault):
    text = content.decode("ascii", "backslashreplace")
    return (f"{path}: line {line}: corrupt row {text!r}: {_REASONS[fault]}; "
            f"correct the row, or set flow.on_bad_row to \"skip\"")
