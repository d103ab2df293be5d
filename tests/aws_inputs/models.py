"""The service models that botocore ships: operations, their members, and what a value of a member may be."""

from __future__ import annotations

import functools
import re
from typing import Any

import botocore.loaders
import botocore.model

# of Java, inside of a character class → near enough in Python
_CLASSES = {
    r"\p{L}": r"\w",
    r"\p{N}": r"\d",
    r"\p{M}": r"\w",
    r"\p{Z}": r"\s",
    r"\p{Zs}": r"\s",
    r"\p{P}": r"!-/:-@\[-_{-~",
    r"\p{S}": r"$+<=>^`|~",
    r"\p{ASCII}+": r"[\x00-\x7f]+",
    r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010FFFF",
}

# patterns that no value can match, as the model has them → as they must be meant
_MISWRITTEN = {
    r"^arn:aws([a-z-]+)?:ec2:[a-z\d-]+:\d{12}:placement-group/^.{1,255}$": (
        r"^arn:aws([a-z-]+)?:ec2:[a-z\d-]+:\d{12}:placement-group/.{1,255}$"
    ),
}


@functools.cache
def _loader() -> Any:
    return botocore.loaders.Loader(include_default_search_paths=False, extra_search_paths=[_data()])


def _data() -> str:
    return str(botocore.loaders.Loader.BUILTIN_DATA_PATH)


@functools.cache
def services() -> frozenset[str]:
    return frozenset(_loader().list_available_services("service-2"))


@functools.cache
def service(name: str) -> Any:
    return botocore.model.ServiceModel(_loader().load_service_model(name, "service-2"), name)


def member(path: str) -> Any:
    """The shape at `service.Operation` or `service.Operation:Member.path`. Raises LookupError."""
    call, _, below = path.partition(":")
    name, operation = call.split(".")
    if operation not in service(name).operation_names:
        raise LookupError(f"{path}: no operation {operation} in service {name}")
    shape = service(name).operation_model(operation).input_shape
    for step in below.split(".") if below else ():
        shape = element(shape)
        if shape.type_name != "structure" or step not in shape.members:
            raise LookupError(f"{path}: {shape.name} has no member {step}")
        shape = shape.members[step]
    return shape


def element(shape: Any) -> Any:
    """What a list holds, of lists of lists too; any other shape itself."""
    while shape.type_name == "list":
        shape = shape.member
    return shape


def same_name(shape: Any, key: str) -> Any | None:
    """The member of a structure that is called as a property is, up to case, underscores and a plural s."""
    shape = element(shape)
    if shape.type_name != "structure":
        return None
    found = {_plain(name): inner for name, inner in shape.members.items()}
    plain = _plain(key)
    return found.get(plain) or found.get(f"{plain}s") or found.get(plain.removesuffix("s"))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@functools.cache
def pattern(text: str) -> re.Pattern[str] | None:
    """Of a model, for a whole value; the models are written for Java. None for what Python cannot express."""
    translated, flags = _MISWRITTEN.get(text, text), re.ASCII
    for java, python in _CLASSES.items():
        if java in translated:
            translated, flags = translated.replace(java, python), re.NOFLAG
    translated = re.sub(r"\\w-(?=[^\]])", r"\\w\\-", translated)
    try:
        return re.compile(translated, flags)
    except re.error:
        return None
