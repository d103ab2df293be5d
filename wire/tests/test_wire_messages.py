"""Message types against the engine's own definitions, and what decoding refuses."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import messages, records
from wire.messages import (
    Kill,
    OrderEventKind,
    OrderEventMessage,
    OrderState,
    RefusalReason,
    SetLimits,
    SetMode,
    TradingMode,
    WireError,
)

PXD = (Path(__file__).parents[2] / "hotpath/src/hotpath/ipc/messages.pxd").read_text()
SIZES = {"uint8_t": 1, "uint16_t": 2, "uint32_t": 4, "uint64_t": 8, "int32_t": 4, "int64_t": 8, "char": 1}


def enum_members(name: str) -> dict[str, int]:
    body = re.search(rf"cdef enum {name}:\n((?:    .*\n|\n)+)", PXD)
    assert body is not None
    return {key: int(value) for key, value in re.findall(r"^    ([A-Z_]+) = (\d+)", body[1], re.MULTILINE)}


def struct_offsets(name: str) -> tuple[dict[str, int], int]:
    """Field offsets and size under natural alignment."""
    body = re.search(rf"cdef struct {name}:\n((?:    .*\n)+)", PXD)
    assert body is not None
    offset = 0
    offsets = {}
    for kind, field, count in re.findall(r"^    (\w+) (\w+)(?:\[(\d+)\])?", body[1], re.MULTILINE):
        size = SIZES[kind]
        offset += -offset % size
        offsets[field] = offset
        offset += size * int(count or 1)
    return offsets, offset + -offset % 8


@pytest.mark.parametrize(
    ("pxd_name", "prefix", "kind"),
    [
        ("OrderEventKind", "EVENT_", OrderEventKind),
        ("OrderState", "ORDER_", OrderState),
        ("RefusalReason", "REFUSED_", RefusalReason),
        ("TradingMode", "MODE_", TradingMode),
    ],
)
def test_names_and_codes_are_those_of_the_engine(pxd_name: str, prefix: str, kind: type[messages.CodedName]) -> None:
    assert {member.value: member.code for member in kind} == {
        key.removeprefix(prefix): value for key, value in enum_members(pxd_name).items()
    }


def test_record_layout_is_that_of_the_engine() -> None:
    offsets, size = struct_offsets("OrderEvent")
    assert (records.RECORD_SIZE, size) == (256, 256)
    position = 0
    for name, code in records.FIELDS:
        assert offsets[name] == position, name
        position += struct.calcsize("<" + code)
    assert set(offsets) == {name for name, _ in records.FIELDS}


def test_message_has_every_field_of_the_record() -> None:
    offsets, _ = struct_offsets("OrderEvent")
    fields = {field.name for field in msgspec.structs.fields(OrderEventMessage)}
    assert set(offsets) - {"reserved"} <= fields
    assert fields - set(offsets) == {"host", "role", "environment", "reason_code"}


def record(**changes: object) -> bytes:
    values: dict[str, object] = {name: (b"" if code.endswith("s") else 0) for name, code in records.FIELDS}
    values.update({"sequence": 7, "kind": 10, "state": 2, "side": ord("B"), "symbol": b"AAPL    "}, **changes)
    return records.LAYOUT.pack(*values.values())


def test_a_record_becomes_a_message() -> None:
    raw = record(
        epoch=3, wall_ns=11, price=5_853_300, last_price=5_853_200, last_quantity=100, match_number=99,
        time_in_force=ord("0"), session=b"IRON000001", cl_ord_id=b"o1\0\0", position=-100, reason=0,
    )  # fmt: skip
    message = records.order_event_from_record(raw, host="h1", role="order-router", environment="local")
    assert message.kind is OrderEventKind.EXECUTED
    assert message.state is OrderState.LIVE
    assert (message.side, message.time_in_force, message.symbol) == ("B", "0", "AAPL")
    assert (message.session, message.cl_ord_id, message.position) == ("IRON000001", "o1", -100)
    assert message.message_id == "h1:order-router:3:7"
    assert messages.decode_order_event(messages.encode(message)) == message


@pytest.mark.parametrize(
    ("kind", "reason", "text"),
    [(4, 6, "PRICE_COLLAR"), (17, 2, "ACTIVE"), (9, ord("U"), "U"), (5, 17, "17"), (3, 0, "")],
)
def test_the_reason_byte_reads_by_kind(kind: int, reason: int, text: str) -> None:
    message = records.order_event_from_record(
        record(kind=kind, reason=reason), host="h1", role="order-router", environment="local"
    )
    assert (message.reason, message.reason_code) == (text, reason)


@pytest.mark.parametrize(
    "raw", [record()[:-1], record(sequence=0), record(kind=99), record(state=77), record(kind=4, reason=200)]
)
def test_unusable_records_are_refused(raw: bytes) -> None:
    with pytest.raises(WireError):
        records.order_event_from_record(raw, host="h1", role="order-router", environment="local")


@given(
    st.fixed_dictionaries(
        {
            "sequence": st.integers(1, 2**64 - 1),
            "price": st.integers(-(2**63), 2**63 - 1),
            "match_number": st.integers(0, 2**64 - 1),
            "wall_ns": st.integers(-(2**63), 2**63 - 1),
            "user_ref_num": st.integers(0, 2**32 - 1),
            "kind": st.sampled_from([1, 2, 3, 6, 7, 8, 10, 20]),
            "state": st.integers(0, 10),
        }
    )
)
def test_round_trip_keeps_every_integer(values: dict[str, int]) -> None:
    message = records.order_event_from_record(record(**values), host="h1", role="order-router", environment="local")
    assert messages.decode_order_event(messages.encode(message)) == message
    assert message.price == values["price"]
    assert message.match_number == values["match_number"]


BASE = {
    "id": "c1", "host": "h1", "environment": "local", "issued_at_ns": 1, "expires_at_ns": 2, "epoch": 1,
    "reason": "test", "issued_by": "me",
}  # fmt: skip
LIMITS = {
    "max_order_quantity": 1, "max_notional": 1, "max_position": 0, "collar_bps": 500, "max_messages_per_second": 1,
    "max_open_orders": 1,
}  # fmt: skip


def test_commands_round_trip_under_their_tags() -> None:
    for command in (
        Kill(**BASE),
        messages.Rearm(**BASE),
        SetMode(**BASE, mode=TradingMode.REDUCING),
        SetLimits(**BASE, **LIMITS),
    ):
        assert messages.decode_command(messages.encode(command)) == command


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"surprise": 1}, "surprise"),
        ({"epoch": -1}, "epoch"),
        ({"host": "a.b"}, "host"),
        ({"reason": ""}, "reason"),
        ({"type": "shut_down"}, "shut_down"),
        ({"collar_bps": 0}, "collar_bps"),
        ({"max_order_quantity": "1"}, "max_order_quantity"),
    ],
)
def test_commands_refuse_what_they_do_not_know(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(WireError, match=complaint):
        messages.decode_command(msgspec.json.encode({"type": "set_limits", **BASE, **LIMITS, **change}))


def test_replies_round_trip() -> None:
    reply = messages.CommandRefused(
        id="c1", host="h1", role="agent", epoch=2, wall_ns=5, code=messages.CommandRefusal.EXPIRED, detail="late"
    )
    assert messages.decode_reply(messages.encode(reply)) == reply


def test_garbage_is_a_wire_error() -> None:
    for data in (b"", b"\xff", b"[]", b'{"type":"order_event"}'):
        with pytest.raises(WireError):
            messages.decode_order_event(data)
