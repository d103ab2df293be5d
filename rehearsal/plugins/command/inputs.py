"""Inputs of a local command, typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rehearsal.plugins.properties import UNKNOWN, reveal

Logging = Literal["stdout", "stderr", "stdoutAndStderr", "none"]
_LOGGING: tuple[Logging, ...] = ("stdout", "stderr", "stdoutAndStderr", "none")
_TEXT = ("create", "update", "delete", "command", "dir", "stdin")
_TEXT_LISTS = ("interpreter", "assetPaths", "archivePaths")
RESOURCE_KEYS = frozenset(
    (
        *("create", "update", "delete", "triggers", "dir", "stdin", "environment", "logging"),
        *(*_TEXT_LISTS, "addPreviousOutputInEnv"),
    )
)
FUNCTION_KEYS = RESOURCE_KEYS - {"create", "update", "delete", "triggers"} | {"command"}


@dataclass(frozen=True)
class Failure:
    """One bad input: property path and what is wrong with it."""

    property: str
    reason: str


@dataclass(frozen=True)
class LocalCommand:
    """Everything but which of the command lines is run."""

    create: str | None = None
    update: str | None = None
    delete: str | None = None
    command: str | None = None
    stdin: str = ""
    dir: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    interpreter: tuple[str, ...] = ("/bin/sh", "-c")
    logging: Logging = "stdoutAndStderr"
    asset_paths: tuple[str, ...] | None = None
    archive_paths: tuple[str, ...] | None = None
    add_previous_output: bool = True

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any]) -> LocalCommand:
        """From inputs that passed `check`, secrets or not."""
        values = {key: value for key, value in reveal(dict(properties)).items() if value is not None}
        assets, archive = values.get("assetPaths"), values.get("archivePaths")
        return cls(
            create=values.get("create"),
            update=values.get("update"),
            delete=values.get("delete"),
            command=values.get("command"),
            stdin=values.get("stdin", ""),
            dir=values.get("dir"),
            environment=values.get("environment", {}),
            interpreter=tuple(values.get("interpreter") or ("/bin/sh", "-c")),
            logging=values.get("logging", "stdoutAndStderr"),
            asset_paths=None if assets is None else tuple(assets),
            archive_paths=None if archive is None else tuple(archive),
            add_previous_output=values.get("addPreviousOutputInEnv", True),
        )

    @property
    def logs_stdout(self) -> bool:
        return self.logging in ("stdout", "stdoutAndStderr")

    @property
    def logs_stderr(self) -> bool:
        return self.logging in ("stderr", "stdoutAndStderr")


def check(properties: Mapping[str, Any], known: frozenset[str] = RESOURCE_KEYS) -> list[Failure]:
    """Every bad input at once; a value that is not known yet (preview) passes."""
    return check_values(reveal(dict(properties)), known)


def check_values(values: Mapping[str, Any], known: frozenset[str]) -> list[Failure]:
    """The same for values without secret wrappers."""
    failures = []
    for key, value in values.items():
        if key.startswith("__") or value is None or value == UNKNOWN:
            continue
        if key not in known:
            failures.append(Failure(key, f"unknown property; known are {', '.join(sorted(known))}"))
        elif key in _TEXT:
            failures += _expect_text(key, value)
        elif key in _TEXT_LISTS:
            failures += _expect_texts(key, value)
        elif key == "environment":
            failures += _expect_environment(value)
        elif key == "logging" and value not in _LOGGING:
            failures.append(Failure(key, f"{value!r} is not one of {', '.join(_LOGGING)}"))
        elif key == "addPreviousOutputInEnv" and not isinstance(value, bool):
            failures.append(Failure(key, f"expected a boolean, got {_kind(value)}"))
        elif key == "triggers" and not isinstance(value, list):
            failures.append(Failure(key, f"expected a list, got {_kind(value)}"))
    return failures


def _expect_text(path: str, value: Any) -> list[Failure]:
    return [] if isinstance(value, str) else [Failure(path, f"expected a string, got {_kind(value)}")]


def _expect_texts(path: str, value: Any) -> list[Failure]:
    if not isinstance(value, list):
        return [Failure(path, f"expected a list of strings, got {_kind(value)}")]
    return [failure for index, item in enumerate(value) for failure in _expect_text(f"{path}[{index}]", item)]


def _expect_environment(value: Any) -> list[Failure]:
    if not isinstance(value, dict):
        return [Failure("environment", f"expected a map of strings, got {_kind(value)}")]
    failures = [failure for name, item in value.items() for failure in _expect_text(f"environment.{name}", item)]
    bad = [name for name in value if not name or "=" in name or "\0" in name]
    return failures + [Failure(f"environment.{name}", "not a possible variable name") for name in bad]


def _kind(value: Any) -> str:
    kinds = {bool: "a boolean", float: "a number", int: "a number", str: "a string", list: "a list"}
    return kinds.get(type(value), "an object")
