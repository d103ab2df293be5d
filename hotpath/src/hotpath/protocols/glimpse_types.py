"""The GLIMPSE 5.0 message that is not ITCH, as a Python object."""

from typing import ClassVar

import msgspec


class EndOfSnapshot(msgspec.Struct, frozen=True):
    """G: sequence_number is that of the first live message to apply on top of the snapshot."""

    type: ClassVar[str] = "G"
    sequence_number: int
