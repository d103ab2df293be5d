"""ITCH 5.0 order messages as rows of one fixed layout, for arrays: `numpy.frombuffer(out, numpy.dtype(ROW_FIELDS))`."""
cimport cython
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from hotpath.protocols.byteorder cimport load_be16
from hotpath.protocols.codec cimport CODEC_TRUNCATED
from hotpath.protocols.itch cimport (
    ITCH_ADD_ORDER, ITCH_ADD_ORDER_ATTRIBUTED, ITCH_ORDER_CANCEL, ITCH_ORDER_DELETE, ITCH_ORDER_EXECUTED,
    ITCH_ORDER_EXECUTED_WITH_PRICE, ITCH_ORDER_REPLACE, ITCH_TRADE, ItchMessage, itch_decode,
)

from hotpath.protocols.errors import TruncatedError

# name and array format of each field, little-endian as the engine's machines are, no padding
ROW_FIELDS = [
    ("timestamp_ns", "<i8"),      # since midnight, US Eastern
    ("order_ref", "<u8"),         # of U: the original
    ("new_order_ref", "<u8"),     # U
    ("match_number", "<u8"),      # E C P
    ("price", "<i8"),             # 1/10,000 dollar; A F U P, of C: the print's
    ("shares", "<u4"),            # entered, new (U) or taken off (E C X)
    ("stock_locate", "<u2"),
    ("type", "S1"),               # A F E C X D U P
    ("flag", "S1"),               # A F P: side B or S; C: printable Y or N
]
ROW_BYTES = sizeof(ItchRow)

cdef struct ItchRow:
    int64_t timestamp_ns
    uint64_t order_ref
    uint64_t new_order_ref
    uint64_t match_number
    int64_t price
    uint32_t shares
    uint16_t stock_locate
    uint8_t type
    uint8_t flag

cdef enum:
    FRAME_PREFIX = 2


cdef inline bint fill_row(ItchRow* row, const ItchMessage* m) noexcept nogil:
    """False when the message is not about an order or trade."""
    row.type = m.message_type
    row.new_order_ref = 0
    row.match_number = 0
    row.price = 0
    row.shares = 0
    row.flag = 0
    if m.message_type == ITCH_ADD_ORDER:
        row.shares = m.body.add_order.shares
        row.price = m.body.add_order.price
        row.flag = m.body.add_order.side
    elif m.message_type == ITCH_ORDER_DELETE:
        pass
    elif m.message_type == ITCH_ADD_ORDER_ATTRIBUTED:
        row.shares = m.body.add_order_attributed.shares
        row.price = m.body.add_order_attributed.price
        row.flag = m.body.add_order_attributed.side
    elif m.message_type == ITCH_ORDER_EXECUTED:
        row.shares = m.body.order_executed.executed_shares
        row.match_number = m.body.order_executed.match_number
    elif m.message_type == ITCH_ORDER_CANCEL:
        row.shares = m.body.order_cancel.cancelled_shares
    elif m.message_type == ITCH_ORDER_REPLACE:
        row.new_order_ref = m.body.order_replace.new_order_ref
        row.shares = m.body.order_replace.shares
        row.price = m.body.order_replace.price
    elif m.message_type == ITCH_ORDER_EXECUTED_WITH_PRICE:
        row.shares = m.body.order_executed_with_price.executed_shares
        row.match_number = m.body.order_executed_with_price.match_number
        row.price = m.body.order_executed_with_price.execution_price
        row.flag = m.body.order_executed_with_price.printable
    elif m.message_type == ITCH_TRADE:
        row.shares = m.body.trade.shares
        row.match_number = m.body.trade.match_number
        row.price = m.body.trade.price
        row.flag = m.body.trade.side
    else:
        return False
    # at the same place in the struct of each of these types
    row.timestamp_ns = m.body.order_delete.timestamp_ns
    row.stock_locate = m.body.order_delete.stock_locate
    row.order_ref = m.body.order_delete.order_ref
    return True


cdef size_t fill_rows(const uint8_t* p, size_t size, ItchRow* rows, size_t capacity, size_t* filled,
                      size_t* skipped) noexcept nogil:
    """Bytes consumed; stops before a message shorter than its layout, at one that is not whole and when out of rows."""
    cdef ItchMessage m
    cdef size_t at = 0
    cdef size_t length
    cdef int rc
    filled[0] = 0
    skipped[0] = 0
    while filled[0] < capacity and size - at >= FRAME_PREFIX:
        length = load_be16(p + at)
        if size - at - FRAME_PREFIX < length:
            break
        rc = itch_decode(p + at + FRAME_PREFIX, length, &m)
        if rc == CODEC_TRUNCATED:
            break
        if rc > 0 and fill_row(&rows[filled[0]], &m):
            filled[0] += 1
        else:
            skipped[0] += 1
        at += FRAME_PREFIX + length
    return at


def order_rows(const uint8_t[::1] data not None, uint8_t[::1] out not None):
    """The order and trade messages (A F E C X D U P) of a day file's bytes, each after its length (u16, big-endian), as
    rows of ROW_BYTES in the writable buffer `out`, without the GIL.

    Returns (rows written, bytes consumed, messages of other types). It ends when `out` is full or the rest is not a
    whole message; give that again with what follows. Raises TruncatedError when a message is shorter than its layout.
    """
    cdef size_t size = data.shape[0]
    cdef size_t capacity = out.shape[0] // sizeof(ItchRow)
    cdef size_t filled = 0
    cdef size_t skipped = 0
    cdef size_t consumed = 0
    if size and capacity:
        with nogil:
            consumed = fill_rows(&data[0], size, <ItchRow*>&out[0], capacity, &filled, &skipped)
        if (filled < capacity and size - consumed >= FRAME_PREFIX
                and size - consumed - FRAME_PREFIX >= load_be16(&data[consumed])):
            raise TruncatedError(f"ITCH message at byte {consumed}: shorter than its layout")
    return filled, consumed, skipped
