"""One function per decoder and framer: bytes in, nothing out. Anything raised is a finding.

A decoder may refuse bytes with a CodecError, and only that. What it accepts must come back from the encoder, as the
same bytes where the protocol has only one way to write a message.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import msgspec

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
    )
}
