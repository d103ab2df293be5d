"""Properties as they stand in a request to the engine → plain Python, with what is secret and what is unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from google.protobuf import struct_pb2
from pulumi.runtime import rpc

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"
_RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
_ASSETS = ("c44067f5952c0a294b673a41bacd8c17", "0def7320c3a5731c473e5ecbe6d01bc7")


class UnknownError(AssertionError):
    """A test looked at a value that a preview does not know."""


class _Unknown:
    """Stands where a preview has no value. It compares with nothing: a test on it could only pass by accident."""

    def __eq__(self, other: object) -> bool:
        if other is self:
            return True
        return self._refuse()

    def __bool__(self) -> bool:
        return self._refuse()

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return "<unknown until the update>"

    def _refuse(self) -> NoReturn:
        raise UnknownError("this property is unknown in a preview: assert on the update, or on Resource.unknown")


UNKNOWN = _Unknown()


class Reader:
    """Reads one struct. secret and unknown: dotted paths found on the way; hidden: every text that is secret."""

    def __init__(self) -> None:
        self.secret: set[str] = set()
        self.hidden: set[str] = set()
        self.unknown: set[str] = set()

    def properties(self, struct: struct_pb2.Struct, at: str = "") -> dict[str, Any]:
        return {key: self._value(value, f"{at}.{key}" if at else key) for key, value in struct.fields.items()}

    def _value(self, value: struct_pb2.Value, at: str) -> Any:
        match value.WhichOneof("kind"):
            case "number_value":
                number = value.number_value
                return int(number) if number.is_integer() else number
            case "bool_value":
                return value.bool_value
            case "string_value":
                if value.string_value == rpc.UNKNOWN:
                    self.unknown.add(at)
                    return UNKNOWN
                return value.string_value
            case "list_value":
                return [self._value(each, f"{at}[{index}]") for index, each in enumerate(value.list_value.values)]
            case "struct_value":
                return self._struct(value.struct_value, at)
            case _:
                return None

    def _struct(self, struct: struct_pb2.Struct, at: str) -> Any:
        signature = struct.fields[_SIGNATURE].string_value if _SIGNATURE in struct.fields else None
        if signature == _SECRET:
            self.secret.add(at)
            value = self._value(struct.fields["value"], at)
            self.hidden |= {text for path, text in texts(value) if not _is_public(at, path)}
            return value
        if signature == _RESOURCE:
            return struct.fields["urn"].string_value
        if signature in _ASSETS:
            return {key: field.string_value for key, field in struct.fields.items() if key != _SIGNATURE}
        return self.properties(struct, at)


def _is_public(at: str, path: str) -> bool:
    """What is no secret of a connection to a host, or of a Kubernetes Secret: the SDK wraps both whole."""
    name = path.rpartition(".")[2]
    return (at == "connection" and name in ("host", "user", "hostKey")) or (at == "stringData" and name == "crt")


def secret(value: str) -> dict[str, str]:
    """A value as a provider answers it when it is secret."""
    return {_SIGNATURE: _SECRET, "value": value}


def texts(value: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """(path, text) of every string in it."""
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from texts(each, f"{at}.{key}" if at else str(key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from texts(each, f"{at}[{index}]")
