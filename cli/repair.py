"""Brings the machine back to what Pulumi last applied: files rewritten, services that ended started again.

Pulumi compares settings with its own record, so it does not see that a service gave up or that a file was edited.
"""

from __future__ import annotations

import contextlib
import json
import xmlrpc.client
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.pulumi import COMMAND_TYPE, Stack
from components.local import servicectl
from components.local.service import config_path
from components.unit import Unit

ENDED = ("STOPPED", "EXITED", "FATAL", "UNKNOWN")


@dataclass(frozen=True)
class Applied:
    """What the record says is in place."""

    files: dict[Path, str]
    units: list[Unit]


def applied(stack: Stack) -> Applied:
    """The record of the last operation; empty when there was none."""
    files: dict[Path, str] = {}
    units: list[Unit] = []
    for inputs in _commands(stack):
        if path := config_path(inputs):
            files[path] = inputs["stdin"]
        elif "CONFIG_SHA256" in inputs.get("environment", {}):
            units.append(Unit.model_validate_json(inputs["stdin"]))
    return Applied(files, units)


def _commands(stack: Stack) -> Iterator[dict[str, Any]]:
    try:
        deployment = json.loads(stack.checkpoint.read_text())["checkpoint"]["latest"]
    except (OSError, ValueError, KeyError):
        return
    for resource in (deployment or {}).get("resources") or []:
        if resource["type"] == COMMAND_TYPE and not resource.get("delete"):
            yield resource["inputs"]


def restart_ended(stack: Stack) -> list[str]:
    """Ask the supervisor to start what has ended, without waiting. Returns the names."""
    rpc = servicectl.connect(stack.run_dir)
    started = []
    for process in rpc.getAllProcessInfo():
        if process["statename"] in ENDED:
            with contextlib.suppress(xmlrpc.client.Fault):  # `repair` says why, after waiting
                rpc.startProcess(process["name"], False)
            started.append(str(process["name"]))
    return started


def repair(stack: Stack) -> list[str]:
    """Make files and services what the record says. Returns the services touched. Raises ServiceError."""
    record = applied(stack)
    rewritten = [path for path, content in record.files.items() if _differs(path, content)]
    for path in rewritten:
        servicectl.write_file(path, record.files[path])
    running = {p["name"] for p in servicectl.connect(stack.run_dir).getAllProcessInfo() if p["statename"] not in ENDED}
    touched = [
        unit for unit in record.units
        if unit.name not in running or any(str(path) in unit.command for path in rewritten)
    ]  # fmt: skip
    for unit in touched:
        servicectl.apply(stack.run_dir, unit)
    return [unit.name for unit in touched]


def _differs(path: Path, content: str) -> bool:
    try:
        return path.read_text() != content
    except OSError:
        return True
