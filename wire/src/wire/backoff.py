"""Bounded exponential backoff with jitter, for retries that go on for ever."""

from __future__ import annotations

import random


class Backoff:
    """Each `next()` is a random wait in seconds, between half of and the whole of a doubling, bounded limit."""

    def __init__(self, minimum: float, maximum: float, *, rng: random.Random | None = None) -> None:
        if not 0 < minimum <= maximum:
            raise ValueError(f"backoff limits must satisfy 0 < minimum <= maximum, not {minimum} and {maximum}")
        self._minimum = minimum
        self._maximum = maximum
        self._limit = minimum
        self._rng = rng or random.Random()

    def next(self) -> float:
        limit = self._limit
        self._limit = min(self._limit * 2, self._maximum)
        return self._rng.uniform(limit / 2, limit)

    def reset(self) -> None:
        """The next wait is short again."""
        self._limit = self._minimum
