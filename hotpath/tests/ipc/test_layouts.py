"""Python views: same enums and fields as messages.pxd, nothing lost on the way through bytes."""

from __future__ import annotations

import enum
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotpath.ipc import layouts

SOURCE = Path(layouts.__file__).with_name("messages.pxd").read_text()
BYTES_OF = {
    "uint8_t": 1, "uint16_t": 2, "uint32_t": 4, "int32_t": 4, "uint64_t": 8, "int64_t": 8, "char": 1,
}  # fmt: skip
FUNCTION = {
    "BookEvent": "book_event",
    "Intent": "intent",
    "OrderEvent": "order_event",
    "ControlBlock": "control_block",
    "PositionBlock": "position_block",
}
LETTERS = {"side", "time_in_force", "trading_state"}


def blocks(keyword: str) -> dict[str, str]:
    return dict(re.findall(rf"^cdef {keyword} (\w+):\n((?:    .*\n)+)", SOURCE, re.MULTILINE))


def fields(struct: str) -> list[tuple[str, str, int]]:
    """(type, name, length) of each field, in order."""
    found = re.findall(r"^    (\w+) (\w+)(?:\[(\d+)\])?", blocks("struct")[struct], re.MULTILINE)
    return [(kind, name, int(length or 1)) for kind, name, length in found]


def test_enums_are_those_of_the_source() -> None:
    declared = {
        name: {key: int(value) for key, value in re.findall(r"^    (\w+) = (\d+)", body, re.MULTILINE)}
        for name, body in blocks("enum").items()
    }
    ours = {
        name: {member.name: member.value for member in value}
        for name, value in vars(layouts).items()
        if isinstance(value, type) and issubclass(value, enum.IntEnum) and value is not enum.IntEnum
    }
    assert ours == declared


@pytest.mark.parametrize("struct", FUNCTION)
def test_structs_have_every_field_and_size(struct: str) -> None:
    declared = [name for _, name, _ in fields(struct) if not name.startswith("reserved")]
    assert sorted(getattr(layouts, struct).__struct_fields__) == sorted(declared)
    size = getattr(layouts, f"{FUNCTION[struct].upper()}_SIZE")
    assert size == sum(BYTES_OF[kind] * length for kind, _, length in fields(struct))
    assert size % 8 == 0
    # what crosses a ring fills whole cache lines together with the ring's own word
    assert struct not in ("BookEvent", "Intent") or (size + 8) % 64 == 0


def values(struct: str) -> st.SearchStrategy[dict[str, Any]]:
    columns: dict[str, st.SearchStrategy[Any]] = {}
    for kind, name, length in fields(struct):
        if name.startswith("reserved"):
            continue
        if kind == "char":
            columns[name] = st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=length)
        elif name in LETTERS:
            columns[name] = st.sampled_from(["", "B", "S", "T", "0", "3"])
        elif kind.startswith("u"):
            columns[name] = st.integers(0, 2 ** (8 * BYTES_OF[kind]) - 1)
        else:
            columns[name] = st.integers(-(2 ** (8 * BYTES_OF[kind] - 1)), 2 ** (8 * BYTES_OF[kind] - 1) - 1)
    return st.fixed_dictionaries(columns)


@pytest.mark.parametrize("struct", FUNCTION)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_bytes_round_trip(struct: str, data: st.DataObject) -> None:
    given_values = data.draw(values(struct))
    view = getattr(layouts, struct)(**given_values)
    raw = getattr(layouts, f"encode_{FUNCTION[struct]}")(view)
    # Each field stands at its C offset: the struct has no padding.
    offset = 0
    for kind, name, length in fields(struct):
        width = BYTES_OF[kind] * length
        part = raw[offset : offset + width]
        offset += width
        if name.startswith("reserved"):
            assert part == bytes(width)
        elif kind == "char" or name in LETTERS:
            assert part.rstrip(b"\0").decode() == given_values[name]
        else:
            assert int.from_bytes(part, "little", signed=not kind.startswith("u")) == given_values[name]
    assert offset == len(raw)
    assert getattr(layouts, f"decode_{FUNCTION[struct]}")(raw) == view


def test_views_are_frozen_and_go_to_json() -> None:
    event = layouts.OrderEvent(sequence=1, kind=layouts.OrderEventKind.EVENT_ACCEPTED, symbol="AAPL")
    with pytest.raises(AttributeError):
        event.sequence = 2  # type: ignore[misc]
    assert msgspec.json.decode(msgspec.json.encode(event), type=layouts.OrderEvent) == event


def test_space_padding_is_dropped() -> None:
    event = layouts.OrderEvent(sequence=1, kind=3, symbol="AAPL    ", cl_ord_id="A1            ")
    decoded = layouts.decode_order_event(layouts.encode_order_event(event))
    assert (decoded.symbol, decoded.cl_ord_id) == ("AAPL", "A1")


@pytest.mark.parametrize("struct", FUNCTION)
def test_wrong_length_is_refused(struct: str) -> None:
    module: ModuleType = layouts
    with pytest.raises(layouts.LayoutError, match=f"{struct}: 63 bytes"):
        getattr(module, f"decode_{FUNCTION[struct]}")(b"x" * 63)


def test_fields_that_do_not_fit_are_refused() -> None:
    with pytest.raises(layouts.LayoutError, match="symbol: 'TOOLONGXX' is longer than 8"):
        layouts.encode_order_event(layouts.OrderEvent(sequence=1, kind=1, symbol="TOOLONGXX"))
    with pytest.raises(layouts.LayoutError, match="side: 'BS'"):
        layouts.encode_intent(layouts.Intent(kind=1, side="BS"))
    with pytest.raises(OverflowError):
        layouts.encode_intent(layouts.Intent(kind=1, order_id=2**32))
