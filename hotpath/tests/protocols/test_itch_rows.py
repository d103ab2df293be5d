"""Order messages as rows of a fixed layout, read back without the module's help."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from codec_strategies import message
from codec_vectors import ITCH
from hypothesis import given, settings
from hypothesis import strategies as st

from hotpath.protocols import itch
from hotpath.protocols.errors import TruncatedError
from hotpath.protocols.itch_rows import ROW_BYTES, ROW_FIELDS, order_rows

ROW = struct.Struct("<qQQQqIHcc")
ORDERS = (
    itch.AddOrder,
    itch.AddOrderAttributed,
    itch.OrderExecuted,
    itch.OrderExecutedWithPrice,
    itch.OrderCancel,
    itch.OrderDelete,
    itch.OrderReplace,
    itch.Trade,
)


def framed(messages: list[bytes]) -> bytes:
    return b"".join(struct.pack(">H", len(each)) + each for each in messages)


def expected(m: Any) -> tuple[object, ...]:
    def first(*names: str, default: Any = 0) -> Any:
        return next((getattr(m, name) for name in names if hasattr(m, name)), default)

    return (
        m.timestamp_ns,
        first("order_ref", "original_order_ref"),
        first("new_order_ref"),
        first("match_number"),
        first("price", "execution_price"),
        first("shares", "executed_shares", "cancelled_shares"),
        m.stock_locate,
        m.type.encode(),
        first("side", "printable", default="\0").encode("latin-1"),
    )


def test_the_fields_fill_the_row() -> None:
    sizes = {"<i8": "q", "<u8": "Q", "<u4": "I", "<u2": "H", "S1": "c"}
    assert "<" + "".join(sizes[form] for _, form in ROW_FIELDS) == ROW.format
    assert ROW_BYTES == ROW.size == 48


MESSAGES = st.sampled_from(ITCH).flatmap(lambda vector: message(*vector))


@settings(deadline=None, max_examples=50)
@given(st.lists(MESSAGES, max_size=8), st.integers(0, 4))
def test_rows_are_the_decoded_messages(messages: list[itch.Message], room: int) -> None:
    data, out = framed([itch.encode(each) for each in messages]), bytearray(room * ROW_BYTES + 5)
    rows: list[tuple[object, ...]] = []
    at = skipped = 0
    while room and at < len(data):
        count, consumed, others = order_rows(data[at:], out)
        rows += ROW.iter_unpack(out[: count * ROW_BYTES])
        at, skipped = at + consumed, skipped + others
    if room:
        orders = [each for each in messages if isinstance(each, ORDERS)]
        assert rows == [expected(each) for each in orders]
        assert skipped == len(messages) - len(orders)


def test_the_end_of_the_bytes() -> None:
    wire = itch.encode(itch.OrderDelete(1, 0, 2, 3))
    data, out = framed([b"?new", wire, wire]), bytearray(10 * ROW_BYTES)
    assert order_rows(b"", out) == (0, 0, 0)
    assert order_rows(data, out) == (2, len(data), 1)
    assert order_rows(data[:-1], out) == (1, len(data) - len(wire) - 2, 1)
    with pytest.raises(TruncatedError, match="byte 6"):
        order_rows(framed([b"?new", wire[:-1], wire]), out)
    with pytest.raises((TypeError, BufferError, ValueError)):
        order_rows(data, bytes(out))  # type: ignore[arg-type]


def test_messages_of_a_day_file_as_objects() -> None:
    wires = [bytes.fromhex(wire) for wire, _ in ITCH]
    wire = itch.encode(itch.OrderDelete(1, 0, 2, 3))
    data = framed([*wires, b"?new", wire])
    messages, consumed, skipped = itch.decode_frames(data + b"\0\x13D")
    assert (consumed, skipped) == (len(data), 1)
    assert messages == [*(example for _, example in ITCH), itch.decode(wire)]
    with pytest.raises(TruncatedError):
        itch.decode_frames(framed([wire[:-1]]))
    with pytest.raises(TruncatedError):
        itch.decode_frames(b"\0\0")
