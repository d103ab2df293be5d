"""SoupBinTCP packets as Python objects, for tests and tools. Text is without its padding."""

from typing import ClassVar

import msgspec


class Packet(msgspec.Struct, frozen=True):
    """Base of all packets; `type` is the letter on the wire."""

    type: ClassVar[str]


class Debug(Packet, frozen=True):
    """+: free text from either side, to be ignored."""

    type: ClassVar[str] = "+"
    text: str


class LoginAccepted(Packet, frozen=True):
    """A: sequence_number is that of the next sequenced message."""

    type: ClassVar[str] = "A"
    session: str
    sequence_number: int


class LoginRejected(Packet, frozen=True):
    """J: reason A (not authorized) or S (session not available)."""

    type: ClassVar[str] = "J"
    reason: str


class SequencedData(Packet, frozen=True):
    """S: one message, whose sequence number is implied."""

    type: ClassVar[str] = "S"
    message: bytes


class UnsequencedData(Packet, frozen=True):
    """U: one message, never replayed."""

    type: ClassVar[str] = "U"
    message: bytes


class ServerHeartbeat(Packet, frozen=True):
    """H: the server had nothing else to send."""

    type: ClassVar[str] = "H"


class ClientHeartbeat(Packet, frozen=True):
    """R: the client had nothing else to send."""

    type: ClassVar[str] = "R"


class EndOfSession(Packet, frozen=True):
    """Z: the session is over and cannot be rejoined."""

    type: ClassVar[str] = "Z"


class LogoutRequest(Packet, frozen=True):
    """O: the server closes at once."""

    type: ClassVar[str] = "O"


class LoginRequest(Packet, frozen=True):
    """L: a blank session means the current one; heartbeat_timeout_ms selects the longer form of revision 4.10."""

    type: ClassVar[str] = "L"
    username: str
    password: str
    requested_session: str = ""
    requested_sequence_number: int = 1
    heartbeat_timeout_ms: int | None = None

    def __repr__(self) -> str:
        """Without the password, which must not reach a log."""
        return (
            f"LoginRequest(username={self.username!r}, requested_session={self.requested_session!r}, "
            f"requested_sequence_number={self.requested_sequence_number}, "
            f"heartbeat_timeout_ms={self.heartbeat_timeout_ms})"
        )
