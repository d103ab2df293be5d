"""The router's journal record (struct OrderEvent, 256 bytes) as a message.

For readers outside the hot path; the layout is that of hotpath/ipc/messages.pxd and a test compares the two.
"""

from __future__ import annotations

import struct
from typing import Final

from wire.messages import OrderEventKind, OrderEventMessage, OrderState, RefusalReason, TradingMode, WireError, name_of

# natural C alignment on a little-endian 64-bit host; the trailing 64s is the reserved tail
FIELDS: Final = (
    ("sequence", "Q"),
    ("wall_ns", "q"),
    ("mono_ns", "q"),
    ("epoch", "I"),
    ("strategy_epoch", "I"),
    ("kind", "B"),
    ("state", "B"),
    ("side", "B"),
    ("reason", "B"),
    ("time_in_force", "B"),
    ("flags", "B"),
    ("locate", "H"),
    ("order_id", "I"),
    ("user_ref_num", "I"),
    ("orig_user_ref_num", "I"),
    ("orig_order_id", "I"),
    ("price", "q"),
    ("quantity", "q"),
    ("leaves", "q"),
    ("filled", "q"),
    ("last_price", "q"),
    ("last_quantity", "q"),
    ("match_number", "Q"),
    ("order_reference_number", "Q"),
    ("venue_sequence", "Q"),
    ("venue_ns", "q"),
    ("position", "q"),
    ("tick_received_ns", "q"),
    ("sent_ns", "q"),
    ("symbol", "8s"),
    ("session", "10s"),
    ("cl_ord_id", "14s"),
    ("reserved", "64s"),
)
LAYOUT: Final = struct.Struct("<" + "".join(code for _, code in FIELDS))
RECORD_SIZE: Final = LAYOUT.size
_NAMES: Final = tuple(name for name, _ in FIELDS)
_TEXT: Final = frozenset({"symbol", "session", "cl_ord_id"})
_CHARACTERS: Final = frozenset({"side", "time_in_force"})


def reason_text(kind: OrderEventKind, code: int) -> str:
    """The reason byte of an event in words; what it means depends on the event's kind."""
    match kind:
        case OrderEventKind.REFUSED:
            return str(name_of(RefusalReason, code))
        case OrderEventKind.MODE:
            return str(name_of(TradingMode, code))
        case OrderEventKind.CANCELED:
            return _character(code)
        case OrderEventKind.REJECTED:
            return str(code)
        case _:
            return ""


def _character(code: int) -> str:
    return chr(code) if 0x21 <= code <= 0x7E else ""


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("ascii", "replace").strip()


def order_event_from_record(record: bytes | memoryview, *, host: str, role: str, environment: str) -> OrderEventMessage:
    """One 256-byte journal record as a message.

    Raises WireError for a record of another size, without a sequence, or with a code this version does not know.
    """
    if len(record) != RECORD_SIZE:
        raise WireError(f"order event record: {len(record)} bytes, expected {RECORD_SIZE}")
    values = dict(zip(_NAMES, LAYOUT.unpack(record), strict=True))
    del values["reserved"]
    if values["sequence"] == 0:
        raise WireError(
            "order event record: sequence 0, which only ring snapshots carry; it is not part of the journal"
        )
    kind = name_of(OrderEventKind, values["kind"])
    reason_code = values.pop("reason")
    for name in _TEXT:
        values[name] = _text(values[name])
    for name in _CHARACTERS:
        values[name] = _character(values[name])
    values["kind"] = kind
    values["state"] = name_of(OrderState, values["state"])
    return OrderEventMessage(
        host=host,
        role=role,
        environment=environment,
        reason=reason_text(kind, reason_code),
        reason_code=reason_code,
        **values,
    )
