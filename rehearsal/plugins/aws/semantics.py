"""How a resource type takes a change, read from semantics.yaml."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_FILE = Path(__file__).with_name("semantics.yaml")
_INDEX = re.compile(r"\[[^\]]*\]")
# x86_64 unless the family's name says Graviton: a digit and a g, as in c7g, m8gn
_GRAVITON = re.compile(r"^[a-z]+\d+g")


@dataclass(frozen=True)
class Semantics:
    """Of one type; see the head of the data file."""

    replace: tuple[str, ...]
    replace_if: Mapping[str, str] = field(default_factory=dict)
    effects: Mapping[str, str] = field(default_factory=dict)
    noop: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    id: str = ""
    arn: str = ""

    def replaces(self, path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """Whether a change at that property path replaces the resource."""
        plain = _INDEX.sub("", path)
        if any(_covers(entry, plain) for entry in self.replace):
            return True
        top = plain.split(".", 1)[0]
        condition = self.replace_if.get(top, "")
        if condition.startswith("when: "):
            return new.get(condition.removeprefix("when: ")) is True
        if condition == "architecture":
            return _graviton(old.get(top)) != _graviton(new.get(top))
        return False

    def uncertain(self, path: str) -> bool:
        """Whether only AWS knows if a change there replaces."""
        return self.replace_if.get(_INDEX.sub("", path).split(".", 1)[0]) == "maybe"

    def effect(self, path: str) -> str | None:
        """What an update in place does to what runs: the longest entry that covers the path."""
        plain = _INDEX.sub("", path)
        found = [entry for entry in self.effects if _covers(entry, plain)]
        return self.effects[max(found, key=len)] if found else None

    def ignores(self, path: str, removed: bool) -> bool:
        """Whether the provider sees no change there."""
        top = _INDEX.sub("", path)
        return removed and top in self.keeps


def _covers(entry: str, path: str) -> bool:
    return path == entry or path.startswith(f"{entry}.")


def _graviton(instance_type: Any) -> bool:
    return bool(_GRAVITON.match(str(instance_type)))


@functools.cache
def semantics() -> Mapping[str, Semantics]:
    """All types of the data file."""
    raw: dict[str, dict[str, Any]] = yaml.safe_load(_FILE.read_text())
    return {
        name: Semantics(
            tuple(entry.get("replace") or ()),
            entry.get("replace_if") or {},
            entry.get("effects") or {},
            tuple(entry.get("noop") or ()),
            tuple(entry.get("keeps") or ()),
            entry.get("id") or "",
            entry.get("arn") or "",
        )
        for name, entry in raw.items()
    }
