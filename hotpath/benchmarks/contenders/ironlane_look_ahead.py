"""Our own book, in batches: what the messages ahead will need is fetched while earlier ones are applied."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.contender import Machine, OpenSession
from benchmarks.contenders import ironlane

NAME = "ironlane, looking ahead"
VERSION = ironlane.VERSION


def missing(machine: Machine) -> str | None:
    return None


class _BookScale(ironlane.BookScale):
    look_ahead = True


SESSIONS: Mapping[str, OpenSession] = {"book-scale": _BookScale}
