"""`command:remote:Command` in a rehearsal: writes down what would run on which host, and connects to none.

Follows the real plugin 1.2: triggers replace; any other changed input, the connection too, runs `update`, or `create`
when there is none; the connection is secret as a whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rehearsal.plugins import properties as props
from rehearsal.plugins.command.inputs import Failure, check_values
from rehearsal.plugins.redact import Redactor
from rehearsal.toolchain.environment import REHEARSAL_RECORD

TYPE = "command:remote:Command"
KEYS = frozenset(
    (
        "create",
        "update",
        "delete",
        "triggers",
        "stdin",
        "environment",
        "logging",
        "addPreviousOutputInEnv",
        "connection",
    )
)
_SECRET_OF_CONNECTION = ("password", "privateKey", "privateKeyPassword")
_TEXT_OF_CONNECTION = ("host", "user", "hostKey", "agentSocketPath", *_SECRET_OF_CONNECTION)
_NUMBER_OF_CONNECTION = ("port", "dialErrorLimit", "perDialTimeout")
_CONNECTION = (*_TEXT_OF_CONNECTION, *_NUMBER_OF_CONNECTION, "proxy")


def check(properties: Mapping[str, Any]) -> list[Failure]:
    """Every bad input at once; a value that is not known yet (preview) passes."""
    values = props.reveal(dict(properties))
    connection = values.pop("connection", None)
    failures = check_values(values, KEYS)
    if connection is None:
        failures.append(Failure("connection", "missing: how to reach the host"))
    elif connection != props.UNKNOWN:
        failures += _check_connection("connection", connection)
    return failures


def _check_connection(path: str, connection: Any) -> list[Failure]:
    if not isinstance(connection, dict):
        return [Failure(path, "expected an object")]
    failures = []
    if connection.get("host") is None:
        failures.append(Failure(f"{path}.host", "missing: the address to connect to"))
    for key, value in connection.items():
        if value is None or value == props.UNKNOWN:
            continue
        if key not in _CONNECTION:
            failures.append(Failure(f"{path}.{key}", f"unknown property; known are {', '.join(sorted(_CONNECTION))}"))
        elif key in _TEXT_OF_CONNECTION and not isinstance(value, str):
            failures.append(Failure(f"{path}.{key}", "expected a string"))
        elif key in _NUMBER_OF_CONNECTION and not isinstance(value, (int, float)):
            failures.append(Failure(f"{path}.{key}", "expected a number"))
        elif key == "proxy":
            failures += _check_connection(f"{path}.proxy", value)
    return failures


def with_secret_connection(properties: Mapping[str, Any]) -> props.Properties:
    """As the real plugin's schema has it: neither address nor key is shown."""
    connection = properties.get("connection")
    if connection is None or props.is_secret(connection):
        return dict(properties)
    return {**properties, "connection": props.secret(props.reveal(connection))}


class Journal:
    """What would have run, one JSON object a line, in the order in which the engine asked for it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()

    @classmethod
    def of_rehearsal(cls) -> Journal | None:
        """None outside of a rehearsal, where nothing may be taken for run that was not."""
        file = os.environ.get(REHEARSAL_RECORD)
        return cls(Path(file)) if file else None

    def note(self, operation: str, urn: str, line: str, properties: Mapping[str, Any]) -> str:
        """Returns the same in one line for people."""
        values = props.reveal(dict(properties))
        connection = values.get("connection") or {}
        hidden = {str(connection[key]) for key in _SECRET_OF_CONNECTION if connection.get(key)}
        hidden |= props.secret_texts({key: value for key, value in properties.items() if key != "connection"})
        redact = Redactor(hidden)
        stdin = values.get("stdin") or ""
        entry = {
            "operation": operation,
            "name": urn.rsplit("::", 1)[-1],
            "host": connection.get("host"),
            "user": connection.get("user", "root"),
            "command": redact(line),
            "stdin_sha256": hashlib.sha256(stdin.encode()).hexdigest() if stdin else None,
        }
        with self._lock:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a") as stream:
                stream.write(json.dumps(entry) + "\n")
        return f"stand-in, not run: on {entry['host']} as {entry['user']}: {entry['command']}"
