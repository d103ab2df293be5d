"""Takes secret texts out of what is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable

MIN_LENGTH = 3
"""Shorter texts stay: taking out every `1` would make any line unreadable."""

SHOWN = "[secret]"


class Redactor:
    def __init__(self, texts: Iterable[str]) -> None:
        # output is shown line by line, so each line of a long secret counts by itself
        parts = {part for text in texts for part in (text, text.strip(), *text.splitlines()) if len(part) >= MIN_LENGTH}
        longest_first = sorted(parts, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        return text if self._pattern is None else self._pattern.sub(SHOWN, text)
