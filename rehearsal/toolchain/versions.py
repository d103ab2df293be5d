"""Pinned versions of the Pulumi toolchain. The Go module pins are in `go/*/go.mod` and `go.sum`."""

from __future__ import annotations

import re

Version = tuple[int, int, int]

PULUMI = "3.255.0"
"""CLI that is built when PATH has none; equals the SDK pin in requirements/platform.txt."""

PULUMI_OLDEST: Version = (3, 200, 0)
"""Oldest CLI of the same major version that is used when found on PATH."""

GO_NEEDED: Version = (1, 25, 11)
"""What the CLI's module asks for, the most of all."""

GO_OLDEST: Version = (1, 21, 0)
"""Oldest Go that can fetch the toolchain version it needs by itself."""

COMMAND_PLUGIN = "1.2.1"
"""Provider plugin `command`; equals the SDK pin in requirements/platform.txt."""

KUBERNETES = "1.34.4"
"""kube-apiserver of the cluster that a rehearsal stands on; its minor version is what the stacks may ask EKS for."""


def parse_version(text: str) -> Version | None:
    """First `x.y` or `x.y.z` in text, or None."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def version_text(version: Version) -> str:
    return ".".join(map(str, version))
