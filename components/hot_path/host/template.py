"""Scripts and units as files of their own, in `templates/`, with `@name@` where a value goes in."""

from __future__ import annotations

import re
from importlib import resources

_PLACE = re.compile(r"@([a-z_]+)@")


def template(name: str, **values: str) -> str:
    """Raises KeyError for a place without a value, ValueError for a value without a place."""
    text = resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")
    unused = set(values) - set(_PLACE.findall(text))
    if unused:
        raise ValueError(f"templates/{name} has no place for {', '.join(sorted(unused))}")
    return _PLACE.sub(lambda match: values[match[1]], text)
