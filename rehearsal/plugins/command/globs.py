"""Path globs of assetPaths and archivePaths: `*` stays in a folder, `**` does not, a leading `!` takes files out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

MAX_FILES = 100_000


class GlobError(ValueError):
    """A pattern that cannot be read, or too many files below the folder."""


def matching_files(directory: Path, patterns: Sequence[str]) -> list[str]:
    """Relative paths, sorted, of the files that the rules leave in; rules apply in order. Raises GlobError."""
    rules = [(pattern.startswith("!"), re.compile(_expression(pattern.removeprefix("!")))) for pattern in patterns]
    found = []
    for path in _files(directory):
        included = False
        for excludes, expression in rules:
            if expression.fullmatch(path):
                included = not excludes
        if included:
            found.append(path)
    return sorted(found)


def _files(directory: Path) -> Iterator[str]:
    seen = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            seen += 1
            if seen > MAX_FILES:
                raise GlobError(f"more than {MAX_FILES} files below {directory}: set `dir` to a smaller folder")
            yield os.path.relpath(os.path.join(folder, name), directory)


def _expression(pattern: str) -> str:
    out, position, depth = [], 0, 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character == "*":
            deep = pattern.startswith("*", position)
            position += deep
            out.append(".*" if deep else "[^/]*")
        elif character == "?":
            out.append("[^/]")
        elif character == "[":
            end = pattern.find("]", position + 1)
            if end < 0:
                raise GlobError(f"pattern {pattern!r}: `[` without `]`")
            members = pattern[position:end]
            negated = members.startswith(("!", "^"))
            body = members[1:] if negated else members
            out.append("[" + ("^" if negated else "") + re.sub(r"([\\^\[\]&~|])", r"\\\1", body) + "]")
            position = end + 1
        elif character == "{":
            depth += 1
            out.append("(?:")
        elif character == "}" and depth:
            depth -= 1
            out.append(")")
        elif character == "," and depth:
            out.append("|")
        elif character == "\\" and position < len(pattern):
            out.append(re.escape(pattern[position]))
            position += 1
        else:
            out.append(re.escape(character))
    if depth:
        raise GlobError(f"pattern {pattern!r}: `{{` without `}}`")
    return "".join(out)
