"""MoldUDP64 packets as Python objects, for tests and tools. Sessions are 10 opaque bytes."""

import msgspec


class DownstreamPacket(msgspec.Struct, frozen=True):
    """Messages numbered from sequence_number on; none for a heartbeat and for end of session."""

    session: bytes
    sequence_number: int
    messages: tuple[bytes, ...] = ()
    end_of_session: bool = False

    @property
    def is_heartbeat(self) -> bool:
        return not self.messages and not self.end_of_session

    @property
    def next_expected(self) -> int:
        """Sequence number that follows this packet."""
        return self.sequence_number + len(self.messages)


class RequestPacket(msgspec.Struct, frozen=True):
    """Ask the re-request server for message_count messages from sequence_number on."""

    session: bytes
    sequence_number: int
    message_count: int
