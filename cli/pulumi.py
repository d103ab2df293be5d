"""Runs the real Pulumi CLI on one stack and hands on its engine events as they happen."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil
import yaml

from cli.paths import Layout
from components.local.servicectl import write_file
from rehearsal.toolchain.environment import REHEARSAL_RECORD, pulumi_command, pulumi_environment
from stacks.stack_file import CONFIG_FILE_VARIABLE, PROJECT

Action = Literal["up", "preview", "destroy"]
Event = dict[str, Any]
SALT = "encryptionsalt"
COMMAND_TYPE = "command:local:Command"
_STACK_TYPE = "::pulumi:pulumi:Stack::"  # an error about it is one of the program
INTERRUPT_PATIENCE_S = 120


class PulumiError(Exception):
    """Pulumi failed; the text is its diagnostics. outcome: how far it had come."""

    def __init__(self, text: str, outcome: Outcome | None = None) -> None:
        super().__init__(text)
        self.outcome = outcome


@dataclass(frozen=True)
class Stack:
    """One stack and the file that its settings come from."""

    name: str
    file: Path
    layout: Layout
    rehearsal: bool = False  # the providers are stand-ins, and the record is apart
    cluster: Path | None = None  # of a rehearsal: names its API server, see rehearsal.cluster.servers

    @property
    def run_dir(self) -> Path:
        return self.layout.rehearsal / "run" / self.name if self.rehearsal else self.layout.stack_run(self.name)

    @property
    def state(self) -> Path:
        return self.layout.rehearsal / "state" if self.rehearsal else self.layout.state

    @property
    def rendered_file(self) -> Path:
        """The copy that Pulumi reads: it writes its encryption salt there, never into the user's file."""
        return self.run_dir / "stack.yaml"

    @property
    def preview_file(self) -> Path:
        """The same for a preview, which must not change what the running stack's commands read."""
        return self.run_dir / "preview.yaml"

    @property
    def remote_commands(self) -> Path:
        """What a rehearsal would have run on hosts, one JSON object a line."""
        return self.run_dir / "log" / "remote-commands.jsonl"

    @property
    def applied_file(self) -> Path:
        """Settings of what runs: those applied last, else the user's."""
        return self.rendered_file if self.rendered_file.exists() else self.file

    @property
    def checkpoint(self) -> Path:
        """Pulumi's record of the stack."""
        return self.state / ".pulumi" / "stacks" / PROJECT / f"{self.name}.json"

    def exists(self) -> bool:
        """True once Pulumi knows the stack."""
        return self.checkpoint.exists()


@dataclass
class Outcome:
    """Names of resources by what an operation did, or in a preview would do, to them; warnings of the providers.

    refused: those that the engine or a provider would not do as asked, each once.
    """

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)  # services that had ended and were started again

    @property
    def changed(self) -> list[str]:
        return [*self.created, *self.replaced, *self.updated, *self.deleted]

    def note(self, operation: str, name: str) -> None:
        kinds = {"create": self.created, "update": self.updated, "replace": self.replaced, "delete": self.deleted}
        kinds["same"] = self.unchanged
        if operation in kinds:
            kinds[operation].append(name)


@contextlib.contextmanager
def one_operation(stack: Stack) -> Iterator[None]:
    """Keeps a second `up`, `preview`, `session` or `down` of the stack out. Raises PulumiError that names the first."""
    stack.run_dir.mkdir(parents=True, exist_ok=True)
    with (stack.run_dir / "operation.lock").open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            holder = held.read().strip() or "unknown"
            raise PulumiError(
                f"stack {stack.name}: another command (pid {holder}) is changing it; wait until that has ended"
            ) from None
        held.truncate(0)
        held.write(f"{os.getpid()}\n")
        held.flush()
        _drop_dead_locks(stack)
        yield


def _drop_dead_locks(stack: Stack) -> None:
    """Pulumi's own lock outlives a killed pulumi and would refuse every later operation."""
    for lock in (stack.state / ".pulumi" / "locks" / "organization" / PROJECT / stack.name).glob("*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            if not psutil.pid_exists(int(json.loads(lock.read_text())["pid"])):
                lock.unlink()
                lock.with_name(f"{lock.name}.attrs").unlink(missing_ok=True)


def stack_document(stack: Stack, overrides: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The user's stack file, which has been checked, with `overrides` (key to fields) laid over it.

    A rehearsal's says so: what it would upload need not have been built.
    """
    document: dict[str, Any] = yaml.safe_load(stack.file.read_text())
    if stack.rendered_file.exists() and (salt := yaml.safe_load(stack.rendered_file.read_text()).get(SALT)):
        document[SALT] = salt
    for key, fields in overrides.items():
        document["config"].setdefault(f"{PROJECT}:{key}", {}).update(fields)
    if stack.rehearsal:
        document["config"][f"{PROJECT}:rehearsal"] = True
    return document


def render_stack_file(document: dict[str, Any], file: Path) -> None:
    """Put the document where Pulumi reads it."""
    write_file(file, yaml.safe_dump(document, sort_keys=False))


def environment(stack: Stack) -> dict[str, str]:
    """What pulumi needs in its environment to run on this stack."""
    ours = pulumi_environment(stack.layout, state=stack.state, rehearsal=stack.rehearsal, cluster=stack.cluster)
    if stack.rehearsal:
        ours[REHEARSAL_RECORD] = str(stack.remote_commands)
    return {**ours, CONFIG_FILE_VARIABLE: str(stack.file)}


def ensure_stack(stack: Stack) -> None:
    """Make the stack known to the file backend. Raises PulumiError."""
    if not stack.exists():
        _stack_command(stack, "init", stack.name, "--no-select")


def forget_stack(stack: Stack) -> None:
    """Remove an empty stack and its older records from the file backend. Raises PulumiError."""
    if stack.exists():
        _stack_command(stack, "rm", stack.name, "--yes", "--preserve-config")
    for records in ("backups", "history"):
        shutil.rmtree(stack.state / ".pulumi" / records / PROJECT / stack.name, ignore_errors=True)


def _stack_command(stack: Stack, *words: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:  # `stack init` would write its salt beside Pulumi.yaml
        shutil.copy(stack.layout.root / "Pulumi.yaml", scratch)
        done = subprocess.run(
            [pulumi_command(stack.layout), "stack", *words, "--non-interactive"],
            cwd=scratch, env=environment(stack), capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    if done.returncode:
        raise PulumiError(f"pulumi stack {' '.join(words[:2])}: {done.stderr.strip()}")


def only_commands(metadata: Event) -> bool:
    """What a local stack is made of."""
    return bool(metadata["type"] == COMMAND_TYPE)


def run(
    stack: Stack,
    action: Action,
    on_event: Callable[[Event], None],
    timeout_s: float = 900,
    counts: Callable[[Event], bool] = only_commands,
) -> Outcome:
    """Run one operation, its events also kept in the stack's log folder. Raises PulumiError with the diagnostics.

    counts: whether the outcome names a resource, by the metadata of its event.
    """
    log_dir = stack.run_dir / "log"
    log_dir.mkdir(parents=True, exist_ok=True)
    file = stack.preview_file if action == "preview" else stack.rendered_file
    command = ["setpriv", "--pdeathsig", "INT", "--", pulumi_command(stack.layout), action]  # never without us
    command += ["--stack", stack.name, "--config-file", str(file)]
    command += ["--non-interactive", "--json"]
    if action != "preview":
        command += ["--yes", "--skip-preview"]
    outcome, errors = Outcome(), list[str]()
    with (log_dir / f"pulumi-{action}.jsonl").open("w") as log, tempfile.TemporaryFile("w+") as stderr:
        process = subprocess.Popen(
            command, cwd=stack.layout.root, env={**environment(stack), "PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "true"},
            stdout=subprocess.PIPE, stderr=stderr, stdin=subprocess.DEVNULL, text=True,
            start_new_session=True,  # Ctrl-C comes from here alone: at a second one pulumi drops its work
        )  # fmt: skip
        limit = threading.Timer(timeout_s, process.terminate)
        limit.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                log.write(line)
                if line.startswith("{"):
                    event = json.loads(line)
                    _account(event, action, outcome, errors, counts)
                    on_event(event)
            process.wait()
        finally:
            limit.cancel()
            if process.poll() is None:
                _interrupt(process)
        if process.returncode:
            stderr.seek(0)
            said = "\n".join(errors) or stderr.read().strip().removeprefix("error: ")
            raise PulumiError(said or f"pulumi {action} failed, see {log.name}", outcome)
    return outcome


def _interrupt(process: subprocess.Popen[str]) -> None:
    """The engine finishes the steps that it has begun; asked again, or too slow, it is killed."""
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=INTERRUPT_PATIENCE_S)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()
        process.communicate()


def _account(
    event: Event, action: Action, outcome: Outcome, errors: list[str], counts: Callable[[Event], bool]
) -> None:
    diagnostic = event.get("diagnosticEvent", {})
    if diagnostic.get("severity") == "error":
        if (text := diagnostic["message"].strip()) not in errors:
            errors.append(text)
        name = str(diagnostic.get("urn") or "").rsplit("::", 1)[-1]
        if name and _STACK_TYPE not in diagnostic["urn"] and name not in outcome.refused:
            outcome.refused.append(name)
    if diagnostic.get("severity") == "warning" and (text := diagnostic["message"].strip()) not in outcome.warnings:
        outcome.warnings.append(text)
    done = event.get("resourcePreEvent" if action == "preview" else "resOutputsEvent")
    if done and counts(done["metadata"]):
        outcome.note(done["metadata"]["op"], done["metadata"]["urn"].rsplit("::", 1)[1])
