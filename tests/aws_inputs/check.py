"""Inputs of AWS resources, as a test recorded them, against the models of the services that they are sent to."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.aws_inputs import models, rules, values
from tests.support.property_paths import below

if TYPE_CHECKING:
    from tests.recorder.recording import Resource  # which itself runs this check

_HERE = Path(__file__).parent
_INDEX = re.compile(r"\[\d+\]")
_TAGS = ("tags", "tagsAll")
_EVERYWHERE = ("region",)  # of the provider: which region the resource is in


@dataclass(frozen=True)
class Operation:
    """How properties of one resource type are sent; see the head of operations.yaml."""

    call: str
    members: Mapping[str, str]
    unsent: frozenset[str]
    rules: Mapping[str, Mapping[str, Any]]

    def path(self, target: str) -> str:
        """A full member path: `target` may be of another operation."""
        if re.match(r"[a-z0-9-]+\.[A-Z]", target):
            return target
        return f"{self.call}.{target}" if ":" in self.call else f"{self.call}:{target}"

    def route(self, path: str, around: Any) -> Any:
        """Shape of the property at that path, `around` being that of the structure it is in; None when unsent."""
        plain = _INDEX.sub("", path)
        if plain in self.unsent:
            return None
        if plain in self.members:
            return models.member(self.path(self.members[plain]))
        found = models.same_name(around, plain.rsplit(".", 1)[-1])
        if found is None:
            raise LookupError(
                f"no member of {models.element(around).name} is called so: correct it, or map it in"
                " tests/aws_inputs/operations.yaml"
            )
        return found


def problems(resources: Sequence[Resource]) -> list[str]:
    """`URN: property: rule` for every rule that the AWS resources among them break."""
    return [
        f"{resource.urn}: {at}: {_shown(rule, resource, at)}"
        for resource in resources
        if resource.custom and resource.type.startswith("aws:")
        for at, rule in _broken(resource)
    ]


def _broken(resource: Resource) -> Iterator[tuple[str, str]]:
    operation = operations().get(resource.type)
    if operation is None:
        if resource.type not in unchecked():
            yield "type", f"{resource.type} is in neither operations.yaml nor unchecked.yaml of tests/aws_inputs"
        return
    top = models.member(operation.call)
    for name, value in resource.inputs.items():
        if name in _EVERYWHERE:
            continue
        if name in _TAGS:
            yield from ((f"{name}.{key}", rule) for key, rule in rules.broken_tags(value))
            continue
        try:
            shape = operation.route(name, top)
        except LookupError as error:
            yield name, str(error)
            continue
        if shape is not None:
            yield from values.broken(value, shape, name, operation.route)
    for path, rule in operation.rules.items():
        for at, value in _at(resource.inputs, path):
            yield from ((at, each) for each in rules.broken(value, rule))


def _at(inputs: Any, path: str, at: str = "") -> Iterator[tuple[str, Any]]:
    """Every value at a dotted path, through lists."""
    if isinstance(inputs, list):
        for index, each in enumerate(inputs):
            yield from _at(each, path, f"{at}[{index}]")
    elif not path:
        if inputs is not None:
            yield at, inputs
    elif isinstance(inputs, Mapping):
        head, _, rest = path.partition(".")
        if head in inputs:
            yield from _at(inputs[head], rest, f"{at}.{head}" if at else head)


def _shown(rule: str, resource: Resource, at: str) -> str:
    return "a secret value breaks a rule of its member" if below(at, resource.secret) else rule


@functools.cache
def operations() -> Mapping[str, Operation]:
    raw: dict[str, dict[str, Any]] = yaml.safe_load((_HERE / "operations.yaml").read_text())
    return {
        name: Operation(
            entry["call"], entry.get("members") or {}, frozenset(entry.get("unsent") or ()), entry.get("rules") or {}
        )
        for name, entry in raw.items()
    }


@functools.cache
def unchecked() -> Mapping[str, str]:
    loaded: dict[str, str] = yaml.safe_load((_HERE / "unchecked.yaml").read_text())
    return loaded
