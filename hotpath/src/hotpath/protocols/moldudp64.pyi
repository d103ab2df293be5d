from collections.abc import Iterable

from hotpath.protocols.moldudp64_types import (
    DownstreamPacket,
    RequestPacket,
)

__all__ = [
    "ETHERNET_PAYLOAD",
    "HEADER_LENGTH",
    "MAX_COUNT",
    "MAX_DATAGRAM",
    "DownstreamPacket",
    "RequestPacket",
    "decode",
    "decode_request",
    "encode",
    "encode_request",
    "pack",
]

HEADER_LENGTH: int
MAX_COUNT: int
ETHERNET_PAYLOAD: int
MAX_DATAGRAM: int

def decode(data: bytes) -> DownstreamPacket: ...
def encode(packet: DownstreamPacket) -> bytes: ...
def decode_request(data: bytes) -> RequestPacket: ...
def encode_request(packet: RequestPacket) -> bytes: ...
def pack(session: bytes, first_sequence: int, messages: Iterable[bytes], limit: int = ...) -> list[bytes]: ...
