"""How a command ends when it did not do what was asked."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit code of every command."""

    DONE = 0
    REFUSED = 1  # something is wrong, and known to be
    USAGE = 2
    UNKNOWN = 3  # nobody can say: an order without an outcome, a check that could not look
    TIME_LIMIT = 4


class RolloutError(Exception):
    """The text says what is wrong, where, and what to do; code is the exit code."""

    def __init__(self, text: str, code: Exit = Exit.REFUSED) -> None:
        super().__init__(text)
        self.code = code
