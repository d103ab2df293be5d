import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotpath.protocols import glimpse, itch
from hotpath.protocols.errors import (
    CodecError,
    FieldRangeError,
    InvalidFieldError,
    TrailingBytesError,
    TruncatedError,
    UnexpectedTypeError,
    UnknownTypeError,
)

# type, sequence_number (20 digits, padded on the left)
GOLDEN = bytes.fromhex("47 20202020202020202020202020 31303030303033")


def test_golden() -> None:
    assert glimpse.decode(GOLDEN) == glimpse.EndOfSnapshot(1000003)
    assert glimpse.encode(glimpse.EndOfSnapshot(1000003)) == GOLDEN


@given(st.integers(0, 2**64 - 1))
@settings(max_examples=50, deadline=None)
def test_round_trip(sequence: int) -> None:
    assert glimpse.decode(glimpse.encode(glimpse.EndOfSnapshot(sequence))).sequence_number == sequence


def test_zeros_and_spaces_are_tolerated() -> None:
    assert glimpse.decode(b"G00000000000001000003").sequence_number == 1000003
    assert glimpse.decode(b"G1000003             ").sequence_number == 1000003


@pytest.mark.parametrize(
    ("wire", "error"),
    [
        *[(GOLDEN[:n], TruncatedError) for n in range(len(GOLDEN))],
        (GOLDEN + b" ", TrailingBytesError),
        (b"A" + GOLDEN[1:], UnexpectedTypeError),
        (b"G" + b"1 2".rjust(20), InvalidFieldError),
        (b"G" + b"9" * 20, FieldRangeError),
    ],
)
def test_bad_messages(wire: bytes, error: type[CodecError]) -> None:
    with pytest.raises(error):
        glimpse.decode(wire)


@pytest.mark.parametrize("sequence", [-1, 2**64])
def test_values_that_do_not_fit_are_refused(sequence: int) -> None:
    with pytest.raises(FieldRangeError):
        glimpse.encode(glimpse.EndOfSnapshot(sequence))


def test_it_is_not_an_itch_message() -> None:
    with pytest.raises(UnknownTypeError):
        itch.decode(GOLDEN)
