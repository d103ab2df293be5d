"""`preview`, `up` and `rehearse` of the cloud stacks: with credentials by the real providers, else by stand-ins."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from cli.console import console
from cli.credentials import has_credentials
from cli.planned import PlannedSteps, counted, counts, glance
from cli.pulumi import (
    Event,
    Outcome,
    PulumiError,
    Stack,
    ensure_stack,
    one_operation,
    render_stack_file,
    run,
    stack_document,
)
from rehearsal.cluster.servers import running
from stacks.cloud_settings import CloudSettings, from_file
from stacks.stack_file import SettingsError, read_stack_file

STAND_IN = (
    "The cloud is a stand-in: nothing is asked of AWS, and capacity, quotas and permissions are not checked."
    " Kubernetes objects are judged by a real API server, without nodes: nothing is run."
)
_UP_S = 4 * 3600


def is_cloud(stack: Stack) -> bool:
    """Whether the stack's file asks for another environment than `local`. Raises SettingsError when unreadable."""
    return read_stack_file(stack.file).get("environment") != "local"


def preview(stack: Stack, args: argparse.Namespace) -> int:
    """With credentials against the real state and providers, else as a rehearsal."""
    _tell_bundle(stack, from_file(stack.file))  # errors are about the user's own file
    if not has_credentials(os.environ):
        stack = replace(stack, rehearsal=True)
        console.print(f"{STAND_IN} (no AWS credentials found)", style="yellow")
    began, show = time.monotonic(), PlannedSteps()
    with one_operation(stack), _cluster(stack) as stack:
        try:
            outcome = _preview(stack, show)
        except PulumiError as error:
            if error.outcome is None or not error.outcome.refused:
                raise
            console.print(f"error: {error}", markup=False, style="red")
            _summary(error.outcome, began, show.stopped)
            return 1
    _summary(outcome, began, show.stopped)
    return 0


def up(stack: Stack, args: argparse.Namespace) -> int:
    """The real thing. Raises SettingsError without credentials, or while a value is still to be filled in."""
    settings = from_file(stack.file)
    _tell_bundle(stack, settings)
    if not has_credentials(os.environ):
        raise SettingsError(
            f"stack {stack.name} is on AWS and there are no AWS credentials; set AWS_PROFILE, or try it out with"
            f" `make rehearse STACK={stack.name}`"
        )
    if settings.not_filled_in:
        lines = "\n".join(f"{stack.file.name}: ironlane:{each}" for each in settings.not_filled_in)
        raise SettingsError(f"not filled in yet:\n{lines}")
    began = time.monotonic()
    with one_operation(stack):
        outcome = _apply(stack, stack_document(stack, {}))
    _summary(outcome, began, [])
    return 0


def rehearse(stack: Stack, args: argparse.Namespace) -> int:
    """up, a preview that must find nothing to change, protection off, destroy: by the real engine."""
    if not is_cloud(stack):
        raise SettingsError(f"stack {stack.name} runs on this machine: `make up` is the real thing")
    _tell_bundle(stack, from_file(stack.file))
    stack = replace(stack, rehearsal=True)
    console.print(STAND_IN, style="yellow")
    with one_operation(stack), _cluster(stack) as stack:
        stack.remote_commands.unlink(missing_ok=True)  # what a broken rehearsal left
        document = stack_document(stack, {})
        _step("up", lambda: _apply(stack, document))
        if stack.remote_commands.exists():
            number = len(stack.remote_commands.read_text().splitlines())
            console.print(f"none of {number} commands on hosts was run; they are in {stack.remote_commands}")
        again = _step("preview", lambda: _preview(stack))
        if again.changed:
            raise PulumiError(f"the preview after `up` is not empty: {', '.join(again.changed)}")
        document["config"]["ironlane:protect"] = False
        _step("protection off", lambda: _apply(stack, document))
        _step("destroy", lambda: run(stack, "destroy", _nothing, counts=counts))
    return 0


def _tell_bundle(stack: Stack, settings: CloudSettings) -> None:
    pin = settings.engine.pin
    if not (stack.layout.artifacts / pin.path).exists():
        console.print(
            f"engine {pin.version}, sha256 {pin.sha256[:12]}: its bundle is not on this machine. A preview and a"
            " rehearsal need only the pin; an `up` that has to upload it needs the file, see `make engine`",
            style="yellow",
        )


@contextmanager
def _cluster(stack: Stack) -> Iterator[Stack]:
    """A rehearsed stack with its API server, which lives as long as the context; one that has its own as it is, and a
    real one."""
    if not stack.rehearsal or stack.cluster is not None:
        yield stack
        return
    stack.checkpoint.unlink(missing_ok=True)  # of a broken rehearsal, whose cluster is gone
    with running(stack.layout) as file:
        yield replace(stack, cluster=file)


def _step(title: str, action: Callable[[], Outcome]) -> Outcome:
    began = time.monotonic()
    with console.status(title):
        outcome = action()
    console.print(f"{title}: {counted(outcome)} ({time.monotonic() - began:.0f} s)")
    return outcome


def _preview(stack: Stack, show: PlannedSteps | None = None) -> Outcome:
    render_stack_file(stack_document(stack, {}), stack.preview_file)
    ensure_stack(stack)
    show = show or PlannedSteps()
    outcome = run(stack, "preview", show, counts=counts)
    show.finish()
    return outcome


def _apply(stack: Stack, document: dict[str, Any]) -> Outcome:
    render_stack_file(document, stack.rendered_file)
    ensure_stack(stack)
    return run(stack, "up", _nothing, timeout_s=_UP_S, counts=counts)


def _nothing(event: Event) -> None:
    pass


def _summary(outcome: Outcome, began: float, stopped: list[str]) -> None:
    """Ends the output: counts, and what is replaced, deleted, stopped or refused."""
    for warning in outcome.warnings:
        console.print(f"  {warning}", markup=False, style="yellow")
    for line in glance(outcome, stopped):
        console.print(line, markup=False, style="bold")
    what = f"refused; {counted(outcome)} looked at" if outcome.refused else counted(outcome)
    console.print(f"{what} ({time.monotonic() - began:.0f} s)")
