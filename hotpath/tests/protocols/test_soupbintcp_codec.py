import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotpath.protocols import soupbintcp as soup
from hotpath.protocols.errors import (
    CodecError,
    FieldRangeError,
    InvalidFieldError,
    MalformedError,
    TooLargeError,
    TrailingBytesError,
    TruncatedError,
    UnknownTypeError,
)

VECTORS: list[tuple[str, soup.Packet]] = [
    # packet_length, type, text
    ("0006 2b 68656c6c6f", soup.Debug("hello")),
    # packet_length, type, session (padded on the left), sequence_number (padded on the left)
    (
        "001f 41 202020202020 53455331 202020202020202020202020202020202020 3432",
        soup.LoginAccepted("SES1", 42),
    ),
    # packet_length, type, reason
    ("0002 4a 41", soup.LoginRejected("A")),
    # packet_length, type, message
    ("000b 53 5300001f1aced9f07b53", soup.SequencedData(bytes.fromhex("5300001f1aced9f07b53"))),
    ("0001 53", soup.SequencedData(b"")),
    ("0004 55 514141", soup.UnsequencedData(b"QAA")),
    # packet_length, type
    ("0001 48", soup.ServerHeartbeat()),
    ("0001 52", soup.ClientHeartbeat()),
    ("0001 5a", soup.EndOfSession()),
    ("0001 4f", soup.LogoutRequest()),
    # packet_length, type, username, password, requested_session (blank: current), requested_sequence_number
    (
        "002f 4c 544d4d202020 53454352455420202020 20202020202020202020 20202020202020202020202020202020202020 31",
        soup.LoginRequest("TMM", "SECRET", "", 1),
    ),
    # the same with a session (padded on the left), and heartbeat_timeout (revision 4.10)
    (
        (
            "0034 4c 544d4d202020 53454352455420202020 2020202020 2053455331"
            "202020202020202020202020202020202020 3432 3135303030"
        ),
        soup.LoginRequest("TMM", "SECRET", "SES1", 42, 15000),
    ),
]
each_vector = pytest.mark.parametrize(("wire", "packet"), VECTORS, ids=[f"{p.type}{len(w)}" for w, p in VECTORS])
LOGIN = bytes.fromhex(VECTORS[-2][0])
ACCEPTED = bytes.fromhex(VECTORS[1][0])

printable = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
payloads = st.binary(max_size=40)
packets_ = st.one_of(
    st.builds(soup.Debug, st.text(st.characters(max_codepoint=0xFF), max_size=20)),
    st.builds(soup.LoginAccepted, st.text(printable, max_size=10), st.integers(0, 2**64 - 1)),
    st.builds(soup.LoginRejected, st.characters(max_codepoint=0xFF)),
    st.builds(soup.SequencedData, payloads),
    st.builds(soup.UnsequencedData, payloads),
    st.sampled_from([soup.ServerHeartbeat(), soup.ClientHeartbeat(), soup.EndOfSession(), soup.LogoutRequest()]),
    st.builds(
        soup.LoginRequest,
        st.text(printable, max_size=6),
        st.text(printable, max_size=10),
        st.text(printable, max_size=10),
        st.integers(0, 2**64 - 1),
        st.none() | st.integers(0, 99999),
    ),
)


def test_every_type_has_a_vector() -> None:
    assert {p.type for _, p in VECTORS} == set("+AJSUHRZOL")


@each_vector
def test_golden(wire: str, packet: soup.Packet) -> None:
    assert soup.decode(bytes.fromhex(wire)) == packet
    assert soup.encode(packet) == bytes.fromhex(wire)


@given(packets_)
@settings(max_examples=200, deadline=None)
def test_round_trip(packet: soup.Packet) -> None:
    assert soup.decode(soup.encode(packet)) == packet


@given(st.lists(packets_, max_size=12), st.data())
@settings(max_examples=200, deadline=None)
def test_any_chunking_gives_the_same_packets(packets: list[soup.Packet], data: st.DataObject) -> None:
    stream = b"".join(soup.encode(p) for p in packets)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    decoder = soup.Decoder(capacity=data.draw(st.sampled_from([64, 65, 100, soup.MAX_PACKET])))
    decoded: list[soup.Packet] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        decoded += decoder.feed(stream[start:end])
    assert decoded == packets
    assert decoder.buffered == 0
    assert decoder.unknown == 0


def test_one_byte_at_a_time() -> None:
    stream = b"".join(bytes.fromhex(wire) for wire, _ in VECTORS)
    decoder = soup.Decoder()
    assert [p for byte in stream for p in decoder.feed(bytes([byte]))] == [p for _, p in VECTORS]


def test_largest_packet() -> None:
    packet = soup.SequencedData(bytes(range(256)) * 255 + bytes(254))
    wire = soup.encode(packet)
    assert len(wire) == soup.MAX_PACKET
    decoder = soup.Decoder()
    assert decoder.feed(wire[:1000]) == []
    assert decoder.feed(wire[1000:] + wire) == [packet, packet]
    with pytest.raises(TooLargeError):
        soup.encode(soup.SequencedData(bytes(soup.MAX_PAYLOAD + 1)))
    with pytest.raises(FieldRangeError):
        soup.encode(soup.Debug("x" * (soup.MAX_PAYLOAD + 1)))


def test_zero_length_is_malformed() -> None:
    with pytest.raises(MalformedError):
        soup.decode(b"\x00\x00")
    with pytest.raises(soup.StreamError) as caught:
        soup.Decoder().feed(b"\x00\x01H\x00\x00\x00\x01H")
    assert caught.value.packets == [soup.ServerHeartbeat()]


def test_packet_above_the_capacity_is_refused_as_soon_as_its_length_is_known() -> None:
    decoder = soup.Decoder(capacity=10)
    assert decoder.feed(b"\x00\x08S1234567") == [soup.SequencedData(b"1234567")]
    assert decoder.feed(b"\x00") == []
    with pytest.raises(soup.StreamError):
        decoder.feed(b"\x09")
    decoder.reset()
    assert decoder.feed(b"\x00\x01H") == [soup.ServerHeartbeat()]
    with pytest.raises(ValueError, match="capacity"):
        soup.Decoder(capacity=2)


def test_unknown_types_are_skipped_by_length_and_counted() -> None:
    decoder = soup.Decoder()
    assert decoder.feed(b"\x00\x03?ab\x00\x01H\x00\x01!") == [soup.ServerHeartbeat()]
    assert decoder.unknown == 2
    with pytest.raises(UnknownTypeError):
        soup.decode(b"\x00\x03?ab")


@each_vector
def test_every_truncation_is_refused(wire: str, packet: soup.Packet) -> None:
    data = bytes.fromhex(wire)
    for length in range(len(data)):
        with pytest.raises(TruncatedError):
            soup.decode(data[:length])
    with pytest.raises(TrailingBytesError):
        soup.decode(data + b"\x00")


@each_vector
def test_payload_length_must_suit_the_type(wire: str, packet: soup.Packet) -> None:
    data = bytes.fromhex(wire)
    if packet.type in "SU+":
        return
    longer = (len(data) - 1).to_bytes(2, "big") + data[2:] + b" "
    # one byte more than a short login is a broken long one
    with pytest.raises(TruncatedError if len(data) == 49 else TrailingBytesError):
        soup.decode(longer)
    if len(data) > 3:
        with pytest.raises(TruncatedError):
            soup.decode((len(data) - 3).to_bytes(2, "big") + data[2:-1])


@pytest.mark.parametrize("payload_length", range(45, 54))
def test_both_login_lengths(payload_length: int) -> None:
    data = (payload_length + 1).to_bytes(2, "big") + (LOGIN[2:] + b"  100" + b"  ")[: payload_length + 1]
    if payload_length == 46:
        assert soup.decode(data) == soup.LoginRequest("TMM", "SECRET", "", 1)
    elif payload_length == 51:
        assert soup.decode(data) == soup.LoginRequest("TMM", "SECRET", "", 1, 100)
    else:
        with pytest.raises(TrailingBytesError if payload_length > 51 else TruncatedError):
            soup.decode(data)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"                  42", 42),
        (b"42                  ", 42),
        (b"   42               ", 42),
        (b"00000000000000000042", 42),
        (b"  000042            ", 42),
        (b"                    ", 0),
        (b"                   0", 0),
        (b"18446744073709551615", 2**64 - 1),
    ],
)
def test_sequence_numbers(text: bytes, value: int) -> None:
    assert soup.decode(ACCEPTED[:13] + text) == soup.LoginAccepted("SES1", value)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"18446744073709551616", FieldRangeError),
        (b"18446744073709551620", FieldRangeError),
        (b"99999999999999999999", FieldRangeError),
        (b"                 4 2", InvalidFieldError),
        (b"                  -1", InvalidFieldError),
        (b"                  4x", InvalidFieldError),
        (b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0042", InvalidFieldError),
        (b"                 \xb2\xb2\xb2", InvalidFieldError),
    ],
)
def test_bad_sequence_numbers(text: bytes, error: type[CodecError]) -> None:
    with pytest.raises(error):
        soup.decode(ACCEPTED[:13] + text)


@given(st.binary(max_size=80), st.booleans())
@settings(max_examples=300, deadline=None)
def test_random_bytes_give_packets_or_a_clear_error(data: bytes, framed: bool) -> None:
    decoder = soup.Decoder(capacity=90)
    wire = len(data).to_bytes(2, "big") + data if framed and data else data
    text = ""
    try:
        packets = decoder.feed(wire)
    except soup.StreamError as error:
        packets, text = error.packets, str(error)
    for packet in packets:
        if isinstance(packet, soup.SequencedData | soup.UnsequencedData):
            assert soup.encode(packet) in wire
    assert text or decoder.buffered <= len(wire)


@pytest.mark.parametrize(
    "packet",
    [
        soup.LoginRequest("SEVENCH", "x"),
        soup.LoginRequest("x", "elevenchars"),
        soup.LoginRequest("x", "x", "elevenchars"),
        soup.LoginRequest("x", "x", "", -1),
        soup.LoginRequest("x", "x", "", 2**64),
        soup.LoginRequest("x", "x", "", 1, 100000),
        soup.LoginRequest("x", "\u20ac"),
        soup.LoginAccepted("elevenchars", 1),
        soup.LoginAccepted("x", -1),
        soup.LoginRejected("AS"),
    ],
)
def test_values_that_do_not_fit_are_refused(packet: soup.Packet) -> None:
    with pytest.raises(FieldRangeError):
        soup.encode(packet)


def test_the_password_stays_out_of_texts() -> None:
    assert "SECRET" not in repr(soup.LoginRequest("TMM", "SECRET"))
    with pytest.raises(FieldRangeError) as caught:
        soup.encode(soup.LoginRequest("TMM", "SECRETSECRET"))
    assert "SECRET" not in str(caught.value)


def test_same_text() -> None:
    assert soup.same_text(b"SES1      ", b"      SES1")
    assert soup.same_text(b"          ", b"")
    assert soup.same_text(b"TmM   ", b"tMm", any_case=True)
    assert not soup.same_text(b"TmM   ", b"tMm")
    assert not soup.same_text(b"AB", b"A B", any_case=True)
    assert not soup.same_text(b"[", b"{", any_case=True)
    assert not soup.same_text(b"@", b"`", any_case=True)
