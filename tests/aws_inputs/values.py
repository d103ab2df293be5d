"""A property's value against the shape of the member that it is sent as."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.aws_inputs import models, rules

Broken = Iterator[tuple[str, str]]  # (path of the property, what it breaks)
Route = Callable[[str, Any], Any]  # (dotted path, shape around it) → its shape; None = not sent. Raises LookupError

_NUMBERS = {"integer": int, "long": int, "float": float, "double": float}


def broken(value: Any, shape: Any, at: str, route: Route) -> Broken:
    """Every rule of the model that the value breaks. Values unknown to Python (assets) pass."""
    if value is None:
        return
    if isinstance(value, list):
        yield from _list(value, shape, at, route)
    elif isinstance(value, Mapping) and shape.type_name == "list" and shape.member.name == "Tag":
        yield from ((f"{at}.{key}", rule) for key, rule in rules.broken_tags(value))
    elif isinstance(value, Mapping):
        yield from _mapping(value, models.element(shape), at, route)
    elif isinstance(value, (str, bool, int, float)):
        yield from _scalar(value, models.element(shape), at)


def _list(values: list[Any], shape: Any, at: str, route: Route) -> Broken:
    if shape.type_name == "list":
        yield from _length(len(values), shape, at, "items")
        inner = shape.member
    else:
        inner = shape  # a list here is one call, or one member, per item there
    for index, value in enumerate(values):
        yield from broken(value, inner, f"{at}[{index}]", route)


def _mapping(values: Mapping[str, Any], shape: Any, at: str, route: Route) -> Broken:
    if shape.type_name == "map":
        for key, value in values.items():
            yield from _scalar(key, shape.key, f"{at} key {key!r}")
            yield from broken(value, shape.value, f"{at}.{key}", route)
        return
    if shape.type_name != "structure":
        yield at, f"{shape.name} is a {shape.type_name}, not a structure"
        return
    sent = set()
    for key, value in values.items():
        path = f"{at}.{key}"
        try:
            inner = route(path, shape)
        except LookupError as error:
            yield path, str(error)
            continue
        if inner is not None:
            sent.add(inner.name)
            yield from broken(value, inner, path, route)


def _scalar(value: str | float | bool, shape: Any, at: str) -> Broken:
    kind = shape.type_name
    if kind in _NUMBERS:
        yield from _number(value, shape, at)
    elif kind == "boolean":
        if not (isinstance(value, bool) or value in ("true", "false")):
            yield at, f"{value!r} is not true or false"
    elif kind in ("structure", "map"):
        yield at, f"{value!r} is one value, and {shape.name} is a {kind}"
    elif kind == "string":
        yield from _text(value if isinstance(value, str) else str(value).lower(), shape, at)
    elif kind == "blob" and isinstance(value, str):
        yield from _length(len(value), shape, at, "bytes")


def _number(value: str | float | bool, shape: Any, at: str) -> Broken:
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if isinstance(value, bool) or number != number or (_NUMBERS[shape.type_name] is int and not number.is_integer()):
        yield at, f"{value!r} is no {shape.type_name}"
        return
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and number < low) or (high is not None and number > high):
        yield at, f"{value!r} is outside of {low} to {'any' if high is None else high} ({shape.name})"


def _text(value: str, shape: Any, at: str) -> Broken:
    if shape.enum and value not in shape.enum:
        known = ", ".join(shape.enum) if len(shape.enum) <= 20 else f"one of {len(shape.enum)} values"
        yield at, f"{value!r} is no {shape.name}: {known}"
        return
    yield from _length(len(value), shape, at, "characters")
    wanted = shape.metadata.get("pattern")
    if wanted and (compiled := models.pattern(wanted)) is not None and not compiled.fullmatch(value):
        yield at, f"{value[:80]!r} does not match {wanted} ({shape.name})"


def _length(length: int, shape: Any, at: str, unit: str) -> Broken:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and length < low) or (high is not None and length > high):
        yield at, f"{length} {unit}: {low or 0} to {'any' if high is None else high} are allowed ({shape.name})"
