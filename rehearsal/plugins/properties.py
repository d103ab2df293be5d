"""Property values as the engine sends them: JSON with tagged objects for secrets, unknowns, assets and archives."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from google.protobuf import json_format, struct_pb2

# fixed by the Pulumi RPC protocol
_TAG = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"
_ASSET = "c44067f5952c0a294b673a41bacd8c17"
_ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

Properties = dict[str, Any]
"""JSON values: None, bool, float, str, list, dict."""


def from_struct(struct: struct_pb2.Struct) -> Properties:
    return {key: _plain(value) for key, value in struct.fields.items()}


def _plain(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return from_struct(value.struct_value)
    if kind == "list_value":
        return [_plain(item) for item in value.list_value.values]
    return None if kind in (None, "null_value") else getattr(value, kind)


def to_struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(dict(properties), struct_pb2.Struct())


def secret(value: Any) -> Properties:
    return {_TAG: _SECRET, "value": value}


def is_secret(value: Any) -> bool:
    return isinstance(value, dict) and value.get(_TAG) == _SECRET


def is_tagged(value: Any) -> bool:
    """A secret, asset or archive: one value, not an object with properties."""
    return isinstance(value, dict) and _TAG in value


def reveal(value: Any) -> Any:
    """The value with every secret wrapper taken off."""
    if is_secret(value):
        return reveal(value.get("value"))
    if isinstance(value, dict):
        return {key: reveal(item) for key, item in value.items()}
    return [reveal(item) for item in value] if isinstance(value, list) else value


def contains_secret(value: Any) -> bool:
    return any(True for _ in _secrets(value))


def secret_texts(value: Any) -> set[str]:
    """Every string inside a secret."""
    return {text for found in _secrets(value) for text in _texts(reveal(found))}


def _secrets(value: Any) -> Iterator[Any]:
    if is_secret(value):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _secrets(item)
    elif isinstance(value, list):
        for item in value:
            yield from _secrets(item)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def file_asset(path: Path) -> Properties:
    """An asset that names a file. Raises OSError when it cannot be read."""
    with path.open("rb") as stream:
        return {_TAG: _ASSET, "path": str(path), "hash": hashlib.file_digest(stream, "sha256").hexdigest()}


def asset_archive(assets: Mapping[str, Any]) -> Properties:
    return {_TAG: _ARCHIVE, "assets": dict(assets)}
