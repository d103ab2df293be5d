"""Which changes replace an object, read from replacement.yaml."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from rehearsal.plugins import properties as props
from rehearsal.plugins.kubernetes import objects

_FILE = Path(__file__).with_name("replacement.yaml")
_INDEX = re.compile(r"\[\d+\]")
_IDENTITY = ("metadata.name", "metadata.namespace")
_CONTENT = "content"


@functools.cache
def _data() -> Mapping[str, Mapping[str, list[str]]]:
    raw: dict[str, dict[str, list[str]]] = yaml.safe_load(_FILE.read_text())
    return raw


def replacing(
    api_version: str, kind: str, changed: Collection[str], *, immutable: bool, mutable_content: bool
) -> set[str]:
    """Those of the changed paths that replace the object.

    immutable: the object says so itself. mutable_content: the provider may change ConfigMaps or Secrets in place.
    """
    entries = [*_data().get(api_version, {}).get(kind, ())]
    if (api_version, kind) != ("helm.sh/v3", "Release"):
        entries += _IDENTITY
    if api_version == "v1" and (immutable or not mutable_content):
        entries += _data()[_CONTENT].get(kind, ())
    return {path for path in changed if any(_overlap(entry, _INDEX.sub("", path)) for entry in entries)}


def _overlap(entry: str, path: str) -> bool:
    """The change is below the entry, or above it: all of `metadata` gone takes the name along."""
    return path == entry or path.startswith((f"{entry}.", f"{entry}[")) or entry.startswith(f"{path}.")


def delete_first(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether the old object must go before its replacement can have the same name."""
    before, after = objects.metadata(old), objects.metadata(new)
    same = all((before.get(key) or None) == (after.get(key) or None) for key in ("name", "namespace"))
    return same and objects.is_named(new) and not objects.is_autonamed(new)


def says_immutable(inputs: Mapping[str, Any]) -> bool:
    return props.reveal(inputs.get("immutable")) is True
