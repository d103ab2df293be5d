"""`preview`, `up` and `rehearse` of the cloud stacks: with credentials by the real providers, else by stand-ins."""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from cli.console import console
from cli.credentials import has_credentials
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
from stacks.cloud_settings import from_file
from stacks.stack_file import SettingsError, read_stack_file

STAND_IN = (
    "The cloud is a stand-in: nothing is asked of AWS, and capacity, quotas and permissions are not checked."
    " Kubernetes objects are judged by a real API server, without nodes: nothing is run."
)
_UP_S = 4 * 3600
_LISTED = 30  # more creations than this are counted by kind


def is_cloud(stack: Stack) -> bool:
    """Whether the stack's file asks for another environment than `local`. Raises SettingsError when unreadable."""
    return read_stack_file(stack.file).get("environment") != "local"


def counts(metadata: Event) -> bool:
    """Resources of providers; components and providers themselves change nothing."""
    state = metadata.get("new") or metadata.get("old") or {}
    return bool(state.get("custom")) and not str(metadata["type"]).startswith("pulumi:")


def preview(stack: Stack, args: argparse.Namespace) -> int:
    """With credentials against the real state and providers, else as a rehearsal."""
    from_file(stack.file)  # errors are about the user's own file
    if not has_credentials(os.environ):
        stack = replace(stack, rehearsal=True)
        console.print(f"{STAND_IN} (no AWS credentials found)", style="yellow")
    began = time.monotonic()
    with one_operation(stack), _cluster(stack) as stack:
        outcome = _preview(stack)
    _summary(outcome, began)
    return 0


def up(stack: Stack, args: argparse.Namespace) -> int:
    """The real thing. Raises SettingsError without credentials."""
    from_file(stack.file)
    if not has_credentials(os.environ):
        raise SettingsError(
            f"stack {stack.name} is on AWS and there are no AWS credentials; set AWS_PROFILE, or try it out with"
            f" `make rehearse STACK={stack.name}`"
        )
    began = time.monotonic()
    with one_operation(stack):
        outcome = _apply(stack, stack_document(stack, {}))
    _summary(outcome, began)
    return 0


def rehearse(stack: Stack, args: argparse.Namespace) -> int:
    """up, a preview that must find nothing to change, protection off, destroy: by the real engine."""
    if not is_cloud(stack):
        raise SettingsError(f"stack {stack.name} runs on this machine: `make up` is the real thing")
    from_file(stack.file)
    stack = replace(stack, rehearsal=True)
    console.print(STAND_IN, style="yellow")
    with one_operation(stack), _cluster(stack) as stack:
        document = stack_document(stack, {})
        _step("up", lambda: _apply(stack, document))
        again = _step("preview", lambda: _preview(stack))
        if again.changed:
            raise PulumiError(f"the preview after `up` is not empty: {', '.join(again.changed)}")
        document["config"]["ironlane:protect"] = False
        _step("protection off", lambda: _apply(stack, document))
        _step("destroy", lambda: run(stack, "destroy", _nothing, counts=counts))
    return 0


@contextmanager
def _cluster(stack: Stack) -> Iterator[Stack]:
    """A rehearsed stack with its API server, which lives as long as the context; a real stack as it is."""
    if not stack.rehearsal:
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


def _preview(stack: Stack) -> Outcome:
    render_stack_file(stack_document(stack, {}), stack.preview_file)
    ensure_stack(stack)
    show = PlannedSteps()
    outcome = run(stack, "preview", show, counts=counts)
    show.finish()
    return outcome


def _apply(stack: Stack, document: dict[str, Any]) -> Outcome:
    render_stack_file(document, stack.rendered_file)
    ensure_stack(stack)
    return run(stack, "up", _nothing, timeout_s=_UP_S, counts=counts)


def _nothing(event: Event) -> None:
    pass


class PlannedSteps:
    """Prints every planned change with the properties behind it; many creations are counted by kind."""

    def __init__(self) -> None:
        self._created: list[tuple[str, str]] = []

    def __call__(self, event: Event) -> None:
        planned = event.get("resourcePreEvent")
        if not planned or not counts(planned["metadata"]):
            return
        metadata = planned["metadata"]
        kind, name = str(metadata["type"]), str(metadata["urn"]).rsplit("::", 1)[1]
        match metadata["op"]:
            case "create":
                self._created.append((kind, name))
            case "delete":
                console.print(f"  - {name}  {kind}", markup=False, style="red")
            case "replace":
                console.print(f"  ! {name}  {kind}: REPLACED, by {_paths(metadata, replacing=True)}", markup=False)
            case "update":
                console.print(f"  ~ {name}  {kind}: {_paths(metadata, replacing=False)}", markup=False)

    def finish(self) -> None:
        if len(self._created) <= _LISTED:
            for kind, name in self._created:
                console.print(f"  + {name}  {kind}", markup=False, style="green")
            return
        for kind, number in sorted(Counter(kind for kind, _ in self._created).items()):
            console.print(f"  + {number:3}  {kind}", markup=False, style="green")


def _paths(metadata: Event, replacing: bool) -> str:
    detailed = metadata.get("detailedDiff") or {}
    found = [path for path, diff in sorted(detailed.items()) if not replacing or "replace" in str(diff.get("kind", ""))]
    return ", ".join(found or metadata.get("diffs") or ["unknown"])


def counted(outcome: Outcome) -> str:
    numbers = {
        "created": outcome.created,
        "replaced": outcome.replaced,
        "updated": outcome.updated,
        "deleted": outcome.deleted,
        "unchanged": outcome.unchanged,
    }
    return ", ".join(f"{len(names)} {what}" for what, names in numbers.items() if names) or "nothing"


def _summary(outcome: Outcome, began: float) -> None:
    for warning in outcome.warnings:
        console.print(f"  {warning}", markup=False, style="yellow")
    console.print(f"{counted(outcome)} ({time.monotonic() - began:.0f} s)")
