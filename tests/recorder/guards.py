"""Put around a run: what a program does wrong without any error from Pulumi's mocks is an error here."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import pulumi
from pulumi.resource import ComponentResource, Resource, ResourceOptions

_ROOT = str(Path(__file__).resolve().parents[2])
_INSTALLED = f"{os.sep}site-packages{os.sep}"
_LISTS = ("aliases", "ignore_changes", "replace_on_changes", "transformations", "transforms")
_INIT = Resource.__init__  # tests/conftest.py puts a refusal in its place between recordings
_SINGLE = ("import_", "id", "urn", "deleted_with", "hooks")


@dataclass
class Observed:
    """What the guards saw in one run."""

    reads: list[tuple[Resource, str, Any]] = field(default_factory=list)  # (resource, property, its output)
    problems: list[str] = field(default_factory=list)


def _ours(depth: int = 2) -> bool:
    """Whether the caller of the guarded function is code of the repository."""
    name = sys._getframe(depth).f_code.co_filename
    return name.startswith(_ROOT) and _INSTALLED not in name


@contextlib.contextmanager
def guarded() -> Iterator[Observed]:
    observed = Observed()
    with (
        mock.patch.dict(os.environ, _hermetic(os.environ), clear=True),
        mock.patch.object(pulumi, "get", _noting_reads(observed)),
        mock.patch.object(pulumi.Output, "__eq__", _no_comparison),
        mock.patch.object(pulumi.Output, "__bool__", _no_truth, create=True),
        mock.patch.object(Resource, "__init__", _checking_parents(observed)),
    ):
        yield observed


def _hermetic(env: Any) -> dict[str, str]:
    """Without what the AWS and Pulumi SDKs would take from the developer's shell."""
    kept = {key: value for key, value in env.items() if not key.startswith(("AWS_", "PULUMI_", "KUBECONFIG"))}
    return {
        **kept,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PULUMI_ERROR_OUTPUT_STRING": "1",  # f"{output}" is an error, not a sentence in a property
    }


def _noting_reads(observed: Observed) -> Any:
    original = pulumi.get

    def get(self: Any, name: str) -> Any:
        value = original(self, name)
        if isinstance(self, Resource) and isinstance(value, pulumi.Output):
            observed.reads.append((self, name, value))
        return value

    return get


def _no_comparison(self: Any, other: object) -> bool:
    if self is not other and _ours():
        raise AssertionError("an Output is compared, which is always false: compare inside of apply")
    return self is other


def _no_truth(self: Any) -> bool:
    if _ours():
        raise AssertionError("an Output is taken for true or false, and it is always true: decide inside of apply")
    return True


def _checking_parents(observed: Observed) -> Any:
    parents: dict[int, Resource | None] = {}
    given: dict[int, ResourceOptions] = {}
    alive: list[Resource] = []  # ids must not be used twice

    def init(
        self: Resource, t: str, name: str, custom: bool, props: Any = None, opts: Any = None, *more: Any, **named: Any
    ) -> None:
        options = opts if isinstance(opts, ResourceOptions) else ResourceOptions()
        alive.append(self)
        parents[id(self)] = options.parent
        given[id(self)] = options
        owner = _under_construction(self)
        if owner is not None and not named.get("dependency"):
            above = options.parent
            while above is not None and above is not owner:
                above = parents.get(id(above))
            if above is None:
                observed.problems.append(
                    f"{t} {name} is made by component {owner._name} but is not below it: parent=self is missing, or"
                    " lost by merging the component's own options over it"
                )
            taken = _taken_over(options, given.get(id(owner), ResourceOptions()))
            if taken:
                observed.problems.append(
                    f"{t} {name} has {', '.join(taken)} of its component {owner._name}: those are about the component"
                )
        _INIT(self, t, name, custom, props, opts, *more, **named)

    return init


def _under_construction(self: Resource) -> ComponentResource | None:
    """The innermost component whose __init__ is running and that is registered already."""
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_name == "__init__":
            found = frame.f_locals.get("self")
            if isinstance(found, ComponentResource) and found is not self and "urn" in found.__dict__:
                return found
        frame = frame.f_back  # type: ignore[assignment]
    return None


def _taken_over(child: ResourceOptions, owner: ResourceOptions) -> list[str]:
    lists = [
        name
        for name in _LISTS
        if (mine := getattr(child, name))
        and (theirs := getattr(owner, name))
        and all(any(e is o for e in mine) for o in theirs)
    ]
    single = [name for name in _SINGLE if getattr(owner, name) and getattr(child, name) is getattr(owner, name)]
    return lists + single
