from hotpath.protocols.errors import CodecError
from hotpath.protocols.soupbintcp_types import (
    ClientHeartbeat,
    Debug,
    EndOfSession,
    LoginAccepted,
    LoginRejected,
    LoginRequest,
    LogoutRequest,
    Packet,
    SequencedData,
    ServerHeartbeat,
    UnsequencedData,
)

__all__ = [
    "MAX_PACKET",
    "MAX_PAYLOAD",
    "ClientHeartbeat",
    "Debug",
    "Decoder",
    "EndOfSession",
    "LoginAccepted",
    "LoginRejected",
    "LoginRequest",
    "LogoutRequest",
    "Packet",
    "SequencedData",
    "ServerHeartbeat",
    "StreamError",
    "UnsequencedData",
    "decode",
    "encode",
    "same_text",
]

MAX_PACKET: int
MAX_PAYLOAD: int

def decode(data: bytes) -> Packet: ...
def encode(packet: Packet) -> bytes: ...
def same_text(a: bytes, b: bytes, any_case: bool = False) -> bool: ...

class StreamError(CodecError):
    packets: list[Packet]
    def __init__(self, message: str, packets: list[Packet]) -> None: ...

class Decoder:
    def __init__(self, capacity: int = ...) -> None: ...
    @property
    def buffered(self) -> int: ...
    @property
    def unknown(self) -> int: ...
    def reset(self) -> None: ...
    def feed(self, data: bytes) -> list[Packet]: ...
