"""What a run registered, as the engine would have received it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Resource:
    """One registration. Paths are dotted, with [n] in lists.

    depends_on: URNs, those of depends_on and those that inputs come from; property_depends_on: the latter by property.
    aliases: a URN, or the fields of a specification as `key=value`. hooks: steps that have any, as before_create;
    hook_names: theirs by step.
    providers: by package, as a component hands them on. secret, unknown: paths of inputs.
    """

    urn: str
    type: str
    name: str
    inputs: dict[str, Any]
    parent: str
    custom: bool
    protect: bool
    depends_on: frozenset[str]
    property_depends_on: Mapping[str, frozenset[str]]
    ignore_changes: tuple[str, ...]
    replace_on_changes: tuple[str, ...]
    aliases: tuple[str, ...]
    hooks: tuple[str, ...]
    hook_names: Mapping[str, tuple[str, ...]]
    delete_before_replace: bool
    retain_on_delete: bool
    deleted_with: str
    import_id: str
    provider: str
    providers: Mapping[str, str]
    secret_outputs: tuple[str, ...]
    timeouts: Mapping[str, str]
    secret: frozenset[str]
    unknown: frozenset[str]


@dataclass(frozen=True)
class Export:
    """A stack output. value: None while a preview does not know it."""

    value: Any
    secret: bool


@dataclass(frozen=True)
class Recording:
    """All registrations of one run, in order; of an update, also the preview that ran before it."""

    resources: tuple[Resource, ...]
    exports: Mapping[str, Export] = field(default_factory=dict)
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # registered by components, by URN
    secret_outputs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    preview: Recording | None = None

    def of_type(self, type_: str) -> list[Resource]:
        return [r for r in self.resources if r.type == type_]

    def named(self, name: str) -> Resource:
        """The one resource of that name. Raises LookupError when there is none or more than one."""
        found = [r for r in self.resources if r.name == name]
        if len(found) != 1:
            raise LookupError(
                f"{len(found)} resources are named {name!r}; names: {sorted(r.name for r in self.resources)}"
            )
        return found[0]

    def named_of(self, type_: str, name: str) -> Resource:
        """The one resource of that type and name. Raises LookupError when there is none."""
        for each in self.of_type(type_):
            if each.name == name:
                return each
        raise LookupError(f"no {type_} is named {name!r}; names: {sorted(r.name for r in self.of_type(type_))}")

    def children(self, of: Resource) -> list[Resource]:
        return [r for r in self.resources if r.parent == of.urn]

    def descendants(self, of: Resource) -> list[Resource]:
        found = self.children(of)
        return found + [each for child in found for each in self.descendants(child)]

    def waits_for(self, later: Resource, earlier: Resource) -> bool:
        """True when `later` depends on `earlier`, directly or through others."""
        by_urn = {r.urn: r for r in self.resources}
        todo, seen = [later.urn], set[str]()
        while todo:
            urn = todo.pop()
            if urn in seen or urn not in by_urn:
                continue
            seen.add(urn)
            todo.extend(by_urn[urn].depends_on)
        return earlier.urn in seen - {later.urn}
