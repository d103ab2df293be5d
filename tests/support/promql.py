"""The series that a PromQL expression asks for, without a parser of the whole language."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LABEL_LISTS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_SELECTOR = re.compile(r"([A-Za-z_:][\w:]*)\s*(\{(?:[^}\"]|\"[^\"]*\")*\})?\s*(\()?")
_MATCHER = re.compile(r"(\w+)\s*(=~|!~|!=|=)\s*\"((?:[^\"\\]|\\.)*)\"")
_WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan"}


@dataclass(frozen=True)
class Selector:
    """matchers: label, operator, value."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]

    def asks_for(self, labels: dict[str, str], ignored: frozenset[str]) -> bool:
        """Whether a series with these labels is among what is asked for; `ignored` labels come from elsewhere."""
        for label, operator, value in self.matchers:
            if label in ignored or "$" in value:
                continue
            here = labels.get(label, "")
            same = here == value if operator in ("=", "!=") else re.fullmatch(value, here) is not None
            if same == operator.startswith("!"):
                return False
        return True


def selectors(expression: str) -> list[Selector]:
    """In order. What is followed by a bracket is a function or an aggregation."""
    text = re.sub(r"\[[^\]]*\]", "", _LABEL_LISTS.sub(" ", expression))
    found = []
    for name, matchers, bracket in _SELECTOR.findall(text):
        if bracket or name.lower() in _WORDS:
            continue
        found.append(Selector(name, tuple(_MATCHER.findall(matchers))))
    return found
