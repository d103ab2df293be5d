import pytest
from codec_strategies import message
from codec_vectors import ITCH, PUBLISHED_ADD, PUBLISHED_EXECUTED, PUBLISHED_REPLACE
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hotpath.protocols import itch
from hotpath.protocols.errors import FieldRangeError, TruncatedError, UnknownTypeError

BY_TYPE = {example.type: (wire, example) for wire, example in ITCH}
# Lengths check of the specification
LENGTHS = {
    "S": 12,
    "R": 39,
    "H": 25,
    "Y": 20,
    "L": 26,
    "V": 35,
    "W": 12,
    "K": 28,
    "J": 35,
    "h": 21,
    "A": 36,
    "F": 40,
    "E": 31,
    "C": 36,
    "X": 23,
    "D": 19,
    "U": 35,
    "P": 44,
    "Q": 40,
    "B": 19,
    "I": 50,
    "N": 20,
    "O": 48,
}
each_vector = pytest.mark.parametrize(("wire", "message_"), ITCH, ids=[m.type for _, m in ITCH])


def test_every_type_has_a_vector_and_the_specified_length() -> None:
    assert set(BY_TYPE) == set(LENGTHS)
    assert itch.LENGTHS == LENGTHS
    assert {kind: len(bytes.fromhex(wire)) for kind, (wire, _) in BY_TYPE.items()} == LENGTHS


@each_vector
def test_golden_decode(wire: str, message_: itch.Message) -> None:
    assert itch.decode(bytes.fromhex(wire)) == message_


@each_vector
def test_golden_encode(wire: str, message_: itch.Message) -> None:
    assert itch.encode(message_) == bytes.fromhex(wire)


@pytest.mark.parametrize("wire", [PUBLISHED_ADD, PUBLISHED_EXECUTED, PUBLISHED_REPLACE])
def test_published_vectors(wire: str) -> None:
    data = bytes.fromhex(wire)
    expected = BY_TYPE[chr(data[0])][1]
    assert itch.decode(data) == expected
    assert itch.encode(expected) == data


@each_vector
def test_header_of_any_message(wire: str, message_: itch.Message) -> None:
    header = itch.decode_header(bytes.fromhex(wire))
    assert header == itch.Header(message_.type, message_.stock_locate, message_.tracking_number, message_.timestamp_ns)


@each_vector
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_round_trip(wire: str, message_: itch.Message, data: st.DataObject) -> None:
    original = data.draw(message(wire, message_))
    encoded = itch.encode(original)
    assert len(encoded) == LENGTHS[original.type]
    assert itch.decode(encoded) == original


@each_vector
def test_every_truncation_is_refused(wire: str, message_: itch.Message) -> None:
    data = bytes.fromhex(wire)
    for length in range(len(data)):
        with pytest.raises(TruncatedError):
            itch.decode(data[:length])
        with pytest.raises(TruncatedError):
            itch.check(data[:length])
    assert itch.check(data) == LENGTHS[message_.type]


@each_vector
def test_longer_message_of_a_newer_revision_is_read(wire: str, message_: itch.Message) -> None:
    assert itch.decode(bytes.fromhex(wire) + b"\xff" * 7) == message_


def as_read(data: bytes) -> bytes:
    """A market-wide level above the largest int64 is read as that one."""
    if data[:1] != b"V":
        return data
    levels = (data[start : start + 8] for start in (11, 19, 27))
    return data[:11] + b"".join(min(level, bytes.fromhex("7fffffffffffffff")) for level in levels)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=64), st.none() | st.sampled_from(sorted(LENGTHS)))
@example(bytes(26) + b"\x80" + bytes(7), "V")
def test_random_bytes_give_a_message_or_a_clear_error(data: bytes, kind: str | None) -> None:
    if kind is not None:
        data = kind.encode() + data
    try:
        decoded = itch.decode(data)
    except (UnknownTypeError, TruncatedError) as error:
        text = str(error)
    else:
        assert itch.encode(decoded) == as_read(data[: LENGTHS[chr(data[0])]])
        return
    assert f"{len(data)} bytes" in text
    assert not data or repr(chr(data[0])) in text


def test_unknown_types() -> None:
    for kind in set(range(256)) - {ord(kind) for kind in LENGTHS}:
        with pytest.raises(UnknownTypeError):
            itch.decode(bytes([kind]) + bytes(60))
        with pytest.raises(UnknownTypeError):
            itch.check(bytes([kind]))


def test_decode_all_counts_skipped_types() -> None:
    wires = [bytes.fromhex(wire) for wire, _ in ITCH]
    messages, skipped = itch.decode_all([b"G" + bytes(20), *wires, b"z"])
    assert messages == [m for _, m in ITCH]
    assert skipped == 2


def test_header_needs_eleven_bytes() -> None:
    assert itch.decode_header(b"z" + bytes(10)).message_type == "z"
    with pytest.raises(TruncatedError):
        itch.decode_header(b"z" + bytes(9))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("price", 2**32),
        ("price", -1),
        ("timestamp_ns", 2**48),
        ("timestamp_ns", -1),
        ("stock_locate", 65536),
        ("shares", -1),
        ("shares", 2**32),
        ("order_ref", 2**64),
        ("stock", "NINECHARS"),
        ("stock", "\u20ac"),
        ("side", "BS"),
        ("side", ""),
    ],
)
def test_values_that_do_not_fit_are_refused(field: str, value: object) -> None:
    example = BY_TYPE["A"][1]
    broken = itch.AddOrder(**{**{name: getattr(example, name) for name in example.__struct_fields__}, field: value})
    with pytest.raises(FieldRangeError):
        itch.encode(broken)


def test_price_above_signed_range_stays_positive() -> None:
    wire = bytes.fromhex(BY_TYPE["A"][0])[:-4] + b"\xff\xff\xff\xff"
    decoded = itch.decode(wire)
    assert isinstance(decoded, itch.AddOrder)
    assert decoded.price == 4294967295


def test_only_messages_can_be_encoded() -> None:
    with pytest.raises(TypeError):
        itch.encode(itch.Header("A", 0, 0, 0))  # type: ignore[arg-type]
