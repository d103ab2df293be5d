"""Runs the real Pulumi CLI on one stack and hands on its engine events as they happen."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from cli.paths import Layout
from rehearsal.toolchain.environment import pulumi_command, pulumi_environment
from stacks.settings import CONFIG_FILE_VARIABLE, PROJECT

Action = Literal["up", "preview", "destroy"]
Event = dict[str, Any]
SALT = "encryptionsalt"
COMMAND_TYPE = "command:local:Command"


class PulumiError(Exception):
    """Pulumi failed; the text is its diagnostics."""


@dataclass(frozen=True)
class Stack:
    """One stack and the file that its settings come from."""

    name: str
    file: Path
    layout: Layout

    @property
    def run_dir(self) -> Path:
        return self.layout.stack_run(self.name)

    @property
    def rendered_file(self) -> Path:
        """The copy that Pulumi reads: it writes its encryption salt there, never into the user's file."""
        return self.run_dir / "stack.yaml"

    @property
    def checkpoint(self) -> Path:
        """Pulumi's record of the stack."""
        return self.layout.state / ".pulumi" / "stacks" / PROJECT / f"{self.name}.json"

    def exists(self) -> bool:
        """True once Pulumi knows the stack."""
        return self.checkpoint.exists()


@dataclass
class Outcome:
    """Names of the command resources by what an operation did, or in a preview would do, to them."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)  # services that had ended and were started again

    @property
    def changed(self) -> list[str]:
        return [*self.created, *self.updated, *self.deleted]

    def note(self, operation: str, name: str) -> None:
        kinds = {"create": self.created, "update": self.updated, "replace": self.updated, "delete": self.deleted}
        kinds["same"] = self.unchanged
        if operation in kinds:
            kinds[operation].append(name)


def render_stack_file(stack: Stack, overrides: dict[str, dict[str, Any]]) -> None:
    """Copy the user's stack file for Pulumi, with `overrides` (key to fields) laid over it."""
    document = yaml.safe_load(stack.file.read_text())
    if stack.rendered_file.exists() and (salt := yaml.safe_load(stack.rendered_file.read_text()).get(SALT)):
        document[SALT] = salt
    for key, fields in overrides.items():
        document["config"].setdefault(f"{PROJECT}:{key}", {}).update(fields)
    stack.rendered_file.parent.mkdir(parents=True, exist_ok=True)
    stack.rendered_file.write_text(yaml.safe_dump(document, sort_keys=False))


def environment(stack: Stack) -> dict[str, str]:
    """What pulumi needs in its environment to run on this stack."""
    return {**pulumi_environment(stack.layout), CONFIG_FILE_VARIABLE: str(stack.file)}


def ensure_stack(stack: Stack) -> None:
    """Make the stack known to the file backend. Raises PulumiError."""
    if stack.exists():
        return
    with tempfile.TemporaryDirectory() as scratch:  # `stack init` would write its salt beside Pulumi.yaml
        shutil.copy(stack.layout.root / "Pulumi.yaml", scratch)
        done = subprocess.run(
            [pulumi_command(stack.layout), "stack", "init", stack.name, "--no-select", "--non-interactive"],
            cwd=scratch, env=environment(stack), capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    if done.returncode:
        raise PulumiError(f"pulumi stack init {stack.name}: {done.stderr.strip()}")


def run(stack: Stack, action: Action, on_event: Callable[[Event], None], timeout_s: float = 900) -> Outcome:
    """Run one operation, its events also kept in the stack's log folder. Raises PulumiError with the diagnostics."""
    log_dir = stack.run_dir / "log"
    log_dir.mkdir(parents=True, exist_ok=True)
    command = [pulumi_command(stack.layout), action, "--stack", stack.name, "--config-file", str(stack.rendered_file)]
    command += ["--non-interactive", "--json"]
    if action != "preview":
        command += ["--yes", "--skip-preview"]
    outcome, errors = Outcome(), list[str]()
    with (log_dir / f"pulumi-{action}.jsonl").open("w") as log, tempfile.TemporaryFile("w+") as stderr:
        process = subprocess.Popen(
            command, cwd=stack.layout.root, env={**environment(stack), "PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "true"},
            stdout=subprocess.PIPE, stderr=stderr, stdin=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        limit = threading.Timer(timeout_s, process.terminate)
        limit.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                log.write(line)
                if line.startswith("{"):
                    event = json.loads(line)
                    _account(event, action, outcome, errors)
                    on_event(event)
            process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)  # the engine finishes the steps that it has begun
            process.wait(timeout=120)
            raise
        finally:
            limit.cancel()
        if process.returncode:
            stderr.seek(0)
            raise PulumiError("\n".join(errors) or stderr.read().strip() or f"pulumi {action} failed, see {log.name}")
    return outcome


def _account(event: Event, action: Action, outcome: Outcome, errors: list[str]) -> None:
    diagnostic = event.get("diagnosticEvent", {})
    if diagnostic.get("severity") == "error" and (text := diagnostic["message"].strip()) not in errors:
        errors.append(text)
    done = event.get("resourcePreEvent" if action == "preview" else "resOutputsEvent")
    if done and done["metadata"]["type"] == COMMAND_TYPE:
        outcome.note(done["metadata"]["op"], done["metadata"]["urn"].rsplit("::", 1)[1])
