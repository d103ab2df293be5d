"""Commands for other machines, as a rehearsal takes them: checked, told, never run, nothing connected to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from rehearsal.plugins import properties as props
from rehearsal.plugins.command.inputs import Failure
from rehearsal.plugins.engine_log import EngineLog
from rehearsal.toolchain.versions import REHEARSAL_VARIABLE

COMMAND_TYPE = "command:remote:Command"
RESOURCE_KEYS = frozenset(
    (
        *("connection", "create", "update", "delete", "stdin", "environment", "logging", "triggers"),
        "addPreviousOutputInEnv",
    )
)
_CONNECTION_KEYS = frozenset(
    (
        *("host", "port", "user", "password", "privateKey", "privateKeyPassword", "agentSocketPath", "hostKey"),
        *("dialErrorLimit", "perDialTimeout", "proxy"),
    )
)
_TEXTS = ("create", "update", "delete", "stdin")


def in_rehearsal() -> bool:
    """Elsewhere a command that is not run would be taken for one that was."""
    return os.environ.get(REHEARSAL_VARIABLE) == "1"


def check(properties: Mapping[str, Any]) -> list[Failure]:
    """Every bad input at once; a value that is not known yet (preview) passes."""
    values = {
        key: value
        for key, value in props.reveal(dict(properties)).items()
        if not key.startswith("__") and value is not None and value != props.UNKNOWN
    }
    failures = [
        Failure(key, f"unknown property; known are {', '.join(sorted(RESOURCE_KEYS))}")
        for key in sorted(values.keys() - RESOURCE_KEYS)
    ]
    failures += [
        Failure(key, "expected a string") for key in _TEXTS if key in values and not isinstance(values[key], str)
    ]
    if "triggers" in values and not isinstance(values["triggers"], list):
        failures.append(Failure("triggers", "expected a list"))
    connection = values.get("connection", {} if "connection" not in properties else None)
    if isinstance(connection, dict):
        if "host" not in connection:
            failures.append(Failure("connection.host", "missing: the address to connect to"))
        failures += [
            Failure(f"connection.{key}", "unknown property") for key in sorted(connection.keys() - _CONNECTION_KEYS)
        ]
    return failures


def recorded(properties: Mapping[str, Any], action: str, urn: str, log: EngineLog) -> props.Properties:
    """Inputs as outputs, and a line to the engine's display: which command would run where."""
    plain = props.reveal(dict(properties))
    line = plain.get(action) or (plain.get("create") if action == "update" else None)
    if line is not None:
        host = (plain.get("connection") or {}).get("host", "")
        shown = line if not props.contains_secret(properties.get(action)) else "[secret]"
        log.info(urn, f"rehearsal: not run on {host}: {shown}")
    return {**properties, "stdout": "", "stderr": ""}
