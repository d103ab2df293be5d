"""Takes secret texts out of what is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

MIN_LENGTH = 3
"""Characters; shorter texts stay, or taking out every `1` would make any line unreadable."""

MIN_PIECE = 6
"""Characters of a piece of a secret (a password inside a URL or a command line) that is taken out by itself."""

SHOWN = "[secret]"
_BETWEEN_PIECES = re.compile(r"""[\s"'`:/@=&?,;|<>(){}\[\]]+""")


class Redactor:
    def __init__(self, texts: Iterable[str]) -> None:
        parts = {part for text in texts for part in _parts(text)}
        longest_first = sorted(parts, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        return text if self._pattern is None else self._pattern.sub(SHOWN, text)


def _parts(text: str) -> Iterator[str]:
    # output is shown line by line, so each line of a long secret counts by itself
    yield from (part for part in (text, text.strip(), *text.splitlines()) if len(part) >= MIN_LENGTH)
    yield from (piece for piece in _BETWEEN_PIECES.split(text) if len(piece) >= MIN_PIECE)
