"""One function per decoder and framer: bytes in, nothing out. Anything raised is a finding.

A decoder may refuse bytes with a CodecError (of a book, SnapshotError), and only that. What it accepts must come back
from the encoder, as the same bytes where the protocol has only one way to write a message.
"""

from __future__ import annotations

import contextlib
import functools
import zlib
from collections.abc import Callable

import msgspec

from hotpath.book.matching_engine import MatchingEngine
from hotpath.book.order_book import OrderBook
from hotpath.book.snapshot import TRAILER_BYTES, SnapshotError, restore, snapshot
from hotpath.feed.arbitrator import Arbitrator
from hotpath.protocols import glimpse, itch, moldudp64, ouch, soupbintcp
from hotpath.protocols.errors import CodecError

Target = Callable[[bytes], None]
# the framer's buffer in one target: small, so that packets are cut and refused often
SMALL_BUFFER = 64


def itch_message(data: bytes) -> None:
    with contextlib.suppress(CodecError):
        itch.decode_header(data)
    try:
        length = itch.check(data)
        message = itch.decode(data)
    except CodecError:
        return
    assert length == itch.LENGTHS[message.type] <= len(data)
    again = itch.encode(message)
    assert len(again) == length
    assert itch.decode(again) == message


def itch_batch(data: bytes) -> None:
    """Blocks of a one-byte length and a message."""
    messages = _blocks(data)
    try:
        decoded, skipped = itch.decode_all(messages)
    except CodecError:
        return
    assert len(decoded) + skipped == len(messages)


def glimpse_message(data: bytes) -> None:
    try:
        message = glimpse.decode(data)
    except CodecError:
        return
    assert glimpse.decode(glimpse.encode(message)) == message


def moldudp64_packet(data: bytes) -> None:
    try:
        packet = moldudp64.decode(data)
    except CodecError:
        return
    assert moldudp64.encode(packet) == data


def moldudp64_request(data: bytes) -> None:
    try:
        request = moldudp64.decode_request(data)
    except CodecError:
        return
    assert moldudp64.encode_request(request) == data


def moldudp64_pack(data: bytes) -> None:
    messages = _blocks(data)
    packets = moldudp64.pack(b"SESSION   ", 1, messages, 300)
    assert [m for packet in packets for m in moldudp64.decode(packet).messages] == messages


def ouch_inbound(data: bytes) -> None:
    _ouch(data, ouch.decode_inbound)


def ouch_outbound(data: bytes) -> None:
    _ouch(data, ouch.decode_outbound)


def soupbintcp_packet(data: bytes) -> None:
    try:
        packet = soupbintcp.decode(data)
    except CodecError:
        return
    assert soupbintcp.decode(soupbintcp.encode(packet)) == packet


def soupbintcp_stream(data: bytes) -> None:
    """The first byte says where the rest is cut: whole, and in pieces, give the same packets and the same fault."""
    if not data:
        return
    step, stream = data[0] or 1, data[1:]
    whole = _feed(soupbintcp.Decoder(), [stream])
    assert _feed(soupbintcp.Decoder(), [stream[i : i + step] for i in range(0, len(stream), step)]) == whole


def soupbintcp_small_buffer(data: bytes) -> None:
    decoder = soupbintcp.Decoder(SMALL_BUFFER)
    _feed(decoder, [data])
    assert 0 <= decoder.buffered <= SMALL_BUFFER


def book_snapshot(data: bytes) -> None:
    """As a feed's book and as an engine; the checksum is made to fit, for it would hide all that comes after it."""
    sealed = data[:-TRAILER_BYTES] + zlib.crc32(data[:-TRAILER_BYTES]).to_bytes(4, "little")
    for book in _books():
        book.clear()
        for attempt in (data, sealed):
            try:
                info = restore(book, attempt)
            except SnapshotError:
                assert len(book) == 0
            else:
                assert snapshot(book, symbol=info.symbol, position=info.position) == attempt
            book.check_invariants()
            book.clear()


def line_arbitration(data: bytes) -> None:
    """Packets of one session on either line and from the re-request server: what comes out has no hole."""
    arbitrator = Arbitrator(gap_timeout_ns=2, rerequest_timeout_ns=4, rerequest_retries=1, store_messages=8)
    expected = 0
    for now, packet in enumerate(_blocks(data)):
        source = packet[0] % 3 if packet else 0
        session = b"SESSION%d  " % (packet[0] >> 6) if packet else b""
        for sequence, _ in arbitrator.feed(source, session + packet[1:], now):
            assert sequence in (0, expected + 1)
            expected = sequence
        arbitrator.due_request(now)
        if arbitrator.state_name == "needs_snapshot":
            expected = arbitrator.next_sequence - 1
            for sequence, _ in arbitrator.resume_at(expected + 1, now):
                assert sequence == expected + 1
                expected = sequence
    sources = [arbitrator.source_stats(source) for source in range(3)]
    assert sum(each["packets"] for each in sources) == len(_blocks(data))
    for each in sources:
        assert each["messages"] == each["first"] + each["duplicates"] + each["not_stored"]


@functools.cache
def _books() -> tuple[OrderBook | MatchingEngine, ...]:
    """Made once: their memory comes from the kernel."""
    return OrderBook(64, 16), MatchingEngine(64, 16, event_capacity=8, max_owners=4)


def _ouch(data: bytes, decode: Callable[[bytes], ouch.Message]) -> None:
    try:
        message = decode(data)
    except CodecError:
        return
    # where the message must have an appendage, a missing one is read as such and written as an empty one
    forms = [message]
    if getattr(message, "options", ...) is None:
        forms.append(msgspec.structs.replace(message, options=ouch.Options()))
    assert decode(ouch.encode(message)) in forms


def _feed(decoder: soupbintcp.Decoder, pieces: list[bytes]) -> tuple[list[soupbintcp.Packet], str]:
    packets: list[soupbintcp.Packet] = []
    for piece in pieces:
        try:
            packets += decoder.feed(piece)
        except soupbintcp.StreamError as error:
            return packets + error.packets, str(error)
    return packets, ""


def _blocks(data: bytes) -> list[bytes]:
    blocks = []
    while data:
        length = data[0]
        blocks.append(data[1 : 1 + length])
        data = data[1 + length :]
    return blocks


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (
        itch_message,
        itch_batch,
        glimpse_message,
        moldudp64_packet,
        moldudp64_request,
        moldudp64_pack,
        ouch_inbound,
        ouch_outbound,
        soupbintcp_packet,
        soupbintcp_stream,
        soupbintcp_small_buffer,
        book_snapshot,
        line_arbitration,
    )
}
