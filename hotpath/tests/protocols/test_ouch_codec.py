from typing import Any

import pytest
from codec_strategies import OPTIONS, message
from codec_vectors import OUCH_INBOUND, OUCH_OUTBOUND, OUCH_TAGS, PUBLISHED_ENTER_ORDER
from hypothesis import given, settings
from hypothesis import strategies as st

from hotpath.protocols import ouch
from hotpath.protocols.errors import (
    CodecError,
    FieldRangeError,
    MalformedError,
    TrailingBytesError,
    TruncatedError,
    UnknownTypeError,
)

# bytes of the fixed part without appendage_length, from the specification
INBOUND = {"O": 45, "U": 38, "X": 9, "M": 10, "C": 17, "D": 9, "E": 9, "Q": 1}
OUTBOUND = {
    "S": 10,
    "U": 66,
    "A": 62,
    "C": 18,
    "D": 32,
    "E": 34,
    "B": 36,
    "J": 29,
    "T": 30,
    "M": 18,
    "R": 14,
    "X": 25,
    "G": 17,
    "K": 17,
    "P": 13,
    "I": 13,
    "Q": 13,
}
# outbound and inbound types that always carry appendage_length
REQUIRED_IN = set("OUCDE")
REQUIRED_OUT = set("AUERXGK")
CASES = [(False, w, m) for w, m in OUCH_INBOUND] + [(True, w, m) for w, m in OUCH_OUTBOUND]
each_vector = pytest.mark.parametrize(
    ("outbound", "wire", "message_"), CASES, ids=[f"{'out' if o else 'in'}-{m.type}-{len(w)}" for o, w, m in CASES]
)
ENTER = OUCH_INBOUND[0][1]


def decode(outbound: bool, data: bytes) -> ouch.Message:
    return ouch.decode_outbound(data) if outbound else ouch.decode_inbound(data)


def has_options(message_: ouch.Message) -> bool:
    return "options" in message_.__struct_fields__


def changed(message_: Any, **fields: Any) -> Any:
    return type(message_)(**{**{n: getattr(message_, n) for n in message_.__struct_fields__}, **fields})


def enter_with(elements: bytes) -> bytes:
    return bytes.fromhex(PUBLISHED_ENTER_ORDER)[:45] + len(elements).to_bytes(2, "big") + elements


def options_of(elements: bytes) -> ouch.Options:
    decoded = ouch.decode_inbound(enter_with(elements))
    assert isinstance(decoded, ouch.EnterOrder)
    assert decoded.options is not None
    return decoded.options


def test_every_type_has_a_vector_and_the_specified_length() -> None:
    assert {m.type for _, m in OUCH_INBOUND} == set(INBOUND)
    assert {m.type for _, m in OUCH_OUTBOUND} == set(OUTBOUND)
    assert ouch.INBOUND_LENGTHS == INBOUND
    assert ouch.OUTBOUND_LENGTHS == OUTBOUND


@each_vector
def test_golden_decode(outbound: bool, wire: str, message_: ouch.Message) -> None:
    assert decode(outbound, bytes.fromhex(wire)) == message_


@each_vector
def test_golden_encode(outbound: bool, wire: str, message_: ouch.Message) -> None:
    encoded = ouch.encode(message_)
    expected = bytes.fromhex(wire)
    if getattr(message_, "options", None) in (None, ouch.Options()):
        assert encoded == expected
    else:
        # elements go out by rising tag; the order on the wire is free
        body = (OUTBOUND if outbound else INBOUND)[message_.type]
        assert encoded[: body + 2] == expected[: body + 2]
        assert sorted(encoded[body + 2 :]) == sorted(expected[body + 2 :])
        assert decode(outbound, encoded) == message_


def test_published_vector() -> None:
    assert ouch.decode_inbound(bytes.fromhex(PUBLISHED_ENTER_ORDER)) == ENTER
    assert ouch.encode(ENTER).hex() == PUBLISHED_ENTER_ORDER


@pytest.mark.parametrize(("element", "name", "value"), OUCH_TAGS, ids=[name for _, name, _ in OUCH_TAGS])
def test_golden_tags(element: str, name: str, value: int | str) -> None:
    data = bytes.fromhex(element)
    assert options_of(data) == ouch.Options(**{name: value})  # type: ignore[arg-type]
    assert ouch.encode(changed(ENTER, options=ouch.Options(**{name: value}))) == enter_with(data)  # type: ignore[arg-type]


def test_all_tags_in_reverse_order() -> None:
    elements = b"".join(bytes.fromhex(element) for element, _, _ in reversed(OUCH_TAGS))
    everything = ouch.Options(**{name: value for _, name, value in OUCH_TAGS})  # type: ignore[arg-type]
    assert options_of(elements) == everything
    in_order = b"".join(bytes.fromhex(element) for element, _, _ in OUCH_TAGS)
    assert ouch.encode(changed(ENTER, options=everything)) == enter_with(in_order)


def test_unknown_tags_are_skipped_by_length_and_kept() -> None:
    options = options_of(bytes.fromhex("04 c8 01020302 0c 5001 15"))
    assert options == ouch.Options(post_only="P", unknown=((200, b"\x01\x02\x03"), (21, b"")))


def test_last_of_a_repeated_tag_counts() -> None:
    assert options_of(bytes.fromhex("02 0c 5002 0c 4e")) == ouch.Options(post_only="N")


@pytest.mark.parametrize(
    ("elements", "error"),
    [
        ("00", MalformedError),  # length 0
        ("02 0c 50 00 00", MalformedError),  # length 0 after a good element
        ("03 0c 50 50", MalformedError),  # PostOnly of 2 bytes
        ("01 0c", MalformedError),  # PostOnly of 0 bytes
        ("02 0c", TruncatedError),  # value missing
        ("01", TruncatedError),  # tag missing
        ("ff 0c 50", TruncatedError),
    ],
)
def test_bad_elements(elements: str, error: type[CodecError]) -> None:
    with pytest.raises(error):
        ouch.decode_inbound(enter_with(bytes.fromhex(elements)))


@each_vector
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_round_trip(outbound: bool, wire: str, message_: ouch.Message, data: st.DataObject) -> None:
    original = data.draw(message(wire, message_))
    assert decode(outbound, ouch.encode(original)) == original


@settings(max_examples=100, deadline=None)
@given(options=OPTIONS)
def test_options_round_trip(options: ouch.Options) -> None:
    assert ouch.decode_inbound(ouch.encode(changed(ENTER, options=options))) == changed(ENTER, options=options)


@each_vector
def test_appendage_length_absent_or_zero(outbound: bool, wire: str, message_: ouch.Message) -> None:
    body = (OUTBOUND if outbound else INBOUND)[message_.type]
    fixed = bytes.fromhex(wire)[:body]
    if not has_options(message_):
        with pytest.raises(TrailingBytesError):
            decode(outbound, fixed + b"\x00\x00")
        return
    bare = changed(message_, options=None)
    assert decode(outbound, fixed) == bare
    assert decode(outbound, fixed + b"\x00\x00") == changed(message_, options=ouch.Options())
    required = message_.type in (REQUIRED_OUT if outbound else REQUIRED_IN)
    assert ouch.encode(bare) == fixed + (b"\x00\x00" if required else b"")


@each_vector
def test_every_truncation_is_refused(outbound: bool, wire: str, message_: ouch.Message) -> None:
    data = bytes.fromhex(wire)
    body = (OUTBOUND if outbound else INBOUND)[message_.type]
    for length in range(len(data)):
        if length == body:
            continue  # the form without appendage_length
        with pytest.raises(TruncatedError):
            decode(outbound, data[:length])


@each_vector
def test_trailing_bytes_are_refused(outbound: bool, wire: str, message_: ouch.Message) -> None:
    data = bytes.fromhex(wire)
    body = (OUTBOUND if outbound else INBOUND)[message_.type]
    if has_options(message_) and len(data) == body:
        data += b"\x00\x00"
    with pytest.raises(TrailingBytesError):
        decode(outbound, data + b"\x00")


@pytest.mark.parametrize("outbound", [False, True])
def test_unknown_types(outbound: bool) -> None:
    known = OUTBOUND if outbound else INBOUND
    for kind in set(range(256)) - {ord(k) for k in known}:
        with pytest.raises(UnknownTypeError):
            decode(outbound, bytes([kind]) + bytes(80))


@pytest.mark.parametrize("outbound", [False, True])
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_random_bytes_give_a_message_or_a_clear_error(outbound: bool, data: st.DataObject) -> None:
    known = OUTBOUND if outbound else INBOUND
    kind, body = data.draw(st.sampled_from(sorted(known.items())))
    tail = data.draw(st.binary(max_size=40))
    wire = kind.encode() + data.draw(st.binary(min_size=body - 1, max_size=body - 1))
    wire += data.draw(st.sampled_from([b"", len(tail).to_bytes(2, "big")])) + tail
    wire = wire[: data.draw(st.integers(0, len(wire)))]
    try:
        decoded = decode(outbound, wire)
    except CodecError as error:
        text = str(error)
    else:
        if kind in (REQUIRED_OUT if outbound else REQUIRED_IN) and getattr(decoded, "options", None) is None:
            decoded = changed(decoded, options=ouch.Options())  # these are always sent with appendage_length
        assert decode(outbound, ouch.encode(decoded)) == decoded
        return
    assert f"{len(wire)} bytes" in text or "appendage" in text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("price", -1),
        ("price", 2**63),
        ("quantity", 2**32),
        ("user_ref_num", -1),
        ("symbol", "NINECHARS"),
        ("cl_ord_id", "fifteen letters"),
        ("side", ""),
        ("options", ouch.Options(discretion_price=-1)),
        ("options", ouch.Options(peg_offset=2**31)),
        ("options", ouch.Options(user_ref_index=256)),
        ("options", ouch.Options(unknown=((200, bytes(255)),))),
        ("options", ouch.Options(unknown=((256, b""),))),
        ("options", ouch.Options(unknown=((200, bytes(254)),) * 300)),
    ],
)
def test_values_that_do_not_fit_are_refused(field: str, value: object) -> None:
    with pytest.raises(FieldRangeError):
        ouch.encode(changed(ENTER, **{field: value}))


def test_wire_price_above_int64_reads_as_the_maximum() -> None:
    data = bytearray.fromhex(PUBLISHED_ENTER_ORDER)
    data[18:26] = b"\xff" * 8
    decoded = ouch.decode_inbound(bytes(data))
    assert isinstance(decoded, ouch.EnterOrder)
    assert decoded.price == 2**63 - 1
    assert ouch.is_market_price(decoded.price)


def test_market_prices() -> None:
    assert ouch.is_market_price(0x7FFFFFFF)
    assert ouch.is_market_price(0x77359400)
    assert not ouch.is_market_price(0x7735939C)


def test_code_tables() -> None:
    assert "".join(sorted(ouch.CANCEL_REASONS)) == "DEFGHIKQSTUXZe"
    assert ouch.CANCEL_REASONS["U"] == "user"
    assert sorted(ouch.REJECT_REASONS) == [*range(0x01, 0x34), 0x40]
    assert ouch.REJECT_REASONS[0x0F] == "other"
    assert ouch.REJECT_REASONS[0x17] == "invalid symbol"
    assert ouch.REJECT_REASONS[0x1F] == "max notional exceeded"
    assert ouch.REJECT_REASONS[0x24] == "risk iso not allowed"
    assert ouch.REJECT_REASONS[0x33] == "risk ipo market buy"
