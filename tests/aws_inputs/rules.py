"""What the services document and their models leave out: networks, ranges, names, tags."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network
from typing import Any

from tests.aws_inputs import policy_document

_TAGS_MAX = 50
_TAG_TEXT = re.compile(r"[\w\s.:/=+@-]*")


def broken(value: Any, rule: Mapping[str, Any]) -> Iterator[str]:
    for kind, wanted in rule.items():
        match kind:
            case "range":
                low, high = wanted
                if isinstance(value, (int, float)) and not low <= value <= high:  # the model tells of what is none
                    yield f"{value!r} is outside of {low} to {high}"
            case "one_of":
                if value not in wanted:
                    yield f"{value!r} is none of {', '.join(map(str, wanted))}"
            case "pattern":
                if not re.fullmatch(wanted, str(value)):
                    yield f"{value!r} does not match {wanted}"
            case "network":
                yield from _network(str(value), *wanted)
            case "json":
                try:
                    json.loads(value)
                except ValueError as error:
                    yield f"is not JSON: {error}"
            case "policy":
                yield from policy_document.problems(value, wanted)
            case _:
                raise LookupError(f"operations.yaml: no rule {kind}")


def _network(text: str, shortest: int, longest: int) -> Iterator[str]:
    try:
        network = IPv4Network(text)
    except ValueError as error:
        yield f"{text!r} is no IPv4 network: {error}"
        return
    if not shortest <= network.prefixlen <= longest:
        yield f"{text!r}: a prefix of /{shortest} to /{longest} is allowed"


def broken_tags(tags: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(key, rule) by the rules that hold for tags of every service."""
    if len(tags) > _TAGS_MAX:
        yield "", f"{len(tags)} tags: {_TAGS_MAX} are allowed"
    for key, value in tags.items():
        if key.lower().startswith("aws:"):
            yield key, "the prefix aws: is reserved"
        if not 1 <= len(key) <= 128 or not _TAG_TEXT.fullmatch(key):
            yield key, "a tag's key has 1 to 128 letters, digits, spaces or . : / = + @ _ -"
        if len(str(value)) > 256 or not _TAG_TEXT.fullmatch(str(value)):
            yield key, f"{value!r}: a tag's value has up to 256 letters, digits, spaces or . : / = + @ _ -"
