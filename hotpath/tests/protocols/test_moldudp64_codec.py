import struct

import pytest
from codec_vectors import PUBLISHED_PACKET
from hypothesis import given, settings
from hypothesis import strategies as st

from hotpath.protocols import itch, moldudp64
from hotpath.protocols.errors import (
    CodecError,
    FieldRangeError,
    MalformedError,
    TooLargeError,
    TrailingBytesError,
    TruncatedError,
)
from hotpath.protocols.moldudp64 import DownstreamPacket, RequestPacket

SESSION = b"000000012A"
S = bytes.fromhex("53 0000 0001 16eb550c6000 53")
D = bytes.fromhex("44 002a 0006 1f1acf07b73b 00000000075bcde7")
VECTORS = [
    # session, sequence_number, message_count; length and data of each block
    (
        (
            "30303030303030313241 00000000000f4241 0002 000c 530000000116eb550c600053"
            "0013 44002a00061f1acf07b73b00000000075bcde7"
        ),
        DownstreamPacket(SESSION, 1000001, (S, D)),
    ),
    # a block of no bytes between two others
    (
        "30303030303030313241 0000000000000007 0003 0001 41 0000 0002 4243",
        DownstreamPacket(SESSION, 7, (b"A", b"", b"BC")),
    ),
    # heartbeat: session, next expected, 0
    ("30303030303030313241 00000000000f4243 0000", DownstreamPacket(SESSION, 1000003)),
    # end of session: session, next expected, 0xFFFF
    ("30303030303030313241 00000000000f4243 ffff", DownstreamPacket(SESSION, 1000003, end_of_session=True)),
]
# session, sequence_number, requested_message_count
REQUEST = ("30303030303030313241 00000000000f4241 0064", RequestPacket(SESSION, 1000001, 100))
each_vector = pytest.mark.parametrize(("wire", "packet"), VECTORS, ids=["data", "empty-block", "heartbeat", "end"])
messages_ = st.lists(st.binary(max_size=60), max_size=30)


@each_vector
def test_golden(wire: str, packet: DownstreamPacket) -> None:
    assert moldudp64.decode(bytes.fromhex(wire)) == packet
    assert moldudp64.encode(packet) == bytes.fromhex(wire)


def test_published_packet_down_to_its_messages() -> None:
    packet = moldudp64.decode(bytes.fromhex(PUBLISHED_PACKET))
    assert packet == VECTORS[0][1]
    assert (packet.session, packet.sequence_number, packet.next_expected) == (b"000000012A", 1000001, 1000003)
    assert [itch.decode(message) for message in packet.messages] == [
        itch.SystemEvent(0, 1, 25_200_000_000_000, "S"),
        itch.OrderDelete(42, 6, 34_200_003_000_123, 123_456_999),
    ]
    assert moldudp64.encode(packet).hex() == PUBLISHED_PACKET


def test_golden_request() -> None:
    assert moldudp64.decode_request(bytes.fromhex(REQUEST[0])) == REQUEST[1]
    assert moldudp64.encode_request(REQUEST[1]) == bytes.fromhex(REQUEST[0])


def test_next_expected() -> None:
    assert [p.next_expected for _, p in VECTORS] == [1000003, 10, 1000003, 1000003]
    assert [p.is_heartbeat for _, p in VECTORS] == [False, False, True, False]


@each_vector
def test_every_truncation_is_refused(wire: str, packet: DownstreamPacket) -> None:
    data = bytes.fromhex(wire)
    for length in range(len(data)):
        with pytest.raises(TruncatedError):
            moldudp64.decode(data[:length])


@each_vector
def test_trailing_bytes_are_refused(wire: str, packet: DownstreamPacket) -> None:
    with pytest.raises(TrailingBytesError):
        moldudp64.decode(bytes.fromhex(wire) + b"\x00")


def test_count_must_match_the_blocks() -> None:
    blocks = b"\x00\x01A\x00\x01B"
    with pytest.raises(TrailingBytesError):
        moldudp64.decode(SESSION + struct.pack(">QH", 1, 1) + blocks)
    with pytest.raises(TruncatedError):
        moldudp64.decode(SESSION + struct.pack(">QH", 1, 3) + blocks)
    with pytest.raises(TruncatedError):
        moldudp64.decode(SESSION + struct.pack(">QH", 1, 0xFFFE) + blocks)


def test_sequence_numbers_may_not_wrap() -> None:
    with pytest.raises(MalformedError):
        moldudp64.decode(SESSION + struct.pack(">QH", 2**64 - 1, 1) + b"\x00\x00")
    assert moldudp64.decode(SESSION + struct.pack(">QH", 2**64 - 2, 1) + b"\x00\x00").next_expected == 2**64 - 1


@given(st.binary(min_size=10, max_size=10), st.integers(1, 2**63), messages_)
@settings(max_examples=100, deadline=None)
def test_round_trip(session: bytes, sequence: int, messages: list[bytes]) -> None:
    packet = DownstreamPacket(session, sequence, tuple(messages))
    assert moldudp64.decode(moldudp64.encode(packet)) == packet


@given(st.binary(min_size=10, max_size=10), st.integers(0, 2**64 - 1), st.integers(0, 65535))
@settings(max_examples=50, deadline=None)
def test_request_round_trip(session: bytes, sequence: int, count: int) -> None:
    packet = RequestPacket(session, sequence, count)
    assert moldudp64.decode_request(moldudp64.encode_request(packet)) == packet


@given(st.integers(1, 2**40), messages_, st.integers(82, 300))
@settings(max_examples=100, deadline=None)
def test_pack_keeps_every_message_its_number_and_the_limit(sequence: int, messages: list[bytes], limit: int) -> None:
    packets = moldudp64.pack(SESSION, sequence, messages, limit)
    decoded = [moldudp64.decode(p) for p in packets]
    assert [m for p in decoded for m in p.messages] == messages
    assert all(len(p) <= limit for p in packets)
    expected = sequence
    for i, packet in enumerate(decoded):
        assert packet.sequence_number == expected
        expected = packet.next_expected
        if i:
            # the first message of this packet did not fit the one before
            assert len(packets[i - 1]) + 2 + len(packet.messages[0]) > limit


def test_pack_fills_a_packet_to_the_last_byte() -> None:
    assert [len(p) for p in moldudp64.pack(SESSION, 1, [b"x" * 8] * 4, 40)] == [40, 40]
    assert [len(p) for p in moldudp64.pack(SESSION, 1, [b"x" * 8] * 4, 39)] == [30, 30, 30, 30]


def test_pack_of_empty_messages_is_cut_by_the_datagram_before_the_largest_count() -> None:
    packets = moldudp64.pack(SESSION, 1, [b""] * 40000, moldudp64.MAX_DATAGRAM)
    assert [len(moldudp64.decode(p).messages) for p in packets] == [32743, 7257]


def test_pack_refuses_what_can_never_fit() -> None:
    with pytest.raises(TooLargeError):
        moldudp64.pack(SESSION, 1, [b"x" * 79], 100)
    with pytest.raises(TooLargeError):
        moldudp64.pack(SESSION, 1, [], 21)
    assert len(moldudp64.pack(SESSION, 1, [b"x" * 78], 100)) == 1
    with pytest.raises(FieldRangeError):
        moldudp64.pack(SESSION, 1, [], 65508)


@given(st.binary(max_size=80))
@settings(max_examples=200, deadline=None)
def test_random_bytes_give_a_packet_or_a_clear_error(data: bytes) -> None:
    try:
        packet = moldudp64.decode(data)
    except CodecError as error:
        text = str(error)
    else:
        assert moldudp64.encode(packet) == data
        return
    assert f"{len(data)} bytes" in text


@given(st.binary(max_size=60), st.integers(0, 6))
@settings(max_examples=200, deadline=None)
def test_random_blocks(body: bytes, count: int) -> None:
    data = SESSION + struct.pack(">QH", 1, count) + body
    try:
        packet = moldudp64.decode(data)
    except CodecError:
        return
    assert len(packet.messages) == count
    assert moldudp64.encode(packet) == data


def test_request_has_one_length() -> None:
    data = bytes.fromhex(REQUEST[0])
    for length in range(20):
        with pytest.raises(TruncatedError):
            moldudp64.decode_request(data[:length])
    with pytest.raises(TrailingBytesError):
        moldudp64.decode_request(data + b"\x00")


@pytest.mark.parametrize(
    "packet",
    [
        DownstreamPacket(b"short", 1),
        DownstreamPacket(b"elevenbytes", 1, (b"A",)),
        DownstreamPacket(SESSION, -1),
        DownstreamPacket(SESSION, 2**64, (b"A",)),
        DownstreamPacket(SESSION, 1, (b"A",), end_of_session=True),
        DownstreamPacket(SESSION, 1, (bytes(40000), bytes(40000))),
    ],
)
def test_values_that_do_not_fit_are_refused(packet: DownstreamPacket) -> None:
    with pytest.raises(FieldRangeError):
        moldudp64.encode(packet)


@pytest.mark.parametrize("packet", [RequestPacket(b"", 1, 1), RequestPacket(SESSION, 1, 65536)])
def test_requests_that_do_not_fit_are_refused(packet: RequestPacket) -> None:
    with pytest.raises(FieldRangeError):
        moldudp64.encode_request(packet)
