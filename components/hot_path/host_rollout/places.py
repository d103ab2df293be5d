"""Where things are on a trading host."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """All below root, which is `/` but in tests."""

    root: Path = Path("/")

    def of(self, path: str) -> Path:
        """Where a path that a file of the host names really is."""
        return self.root / path.lstrip("/")

    @property
    def engines(self) -> Path:
        """One folder per bundle digest."""
        return self.root / "opt/ironlane/engines"

    def engine(self, sha256: str) -> Path:
        return self.engines / sha256

    @property
    def current(self) -> Path:
        """Symbolic link to the engine that the units run."""
        return self.root / "opt/ironlane/current"

    @property
    def previous(self) -> Path:
        """Symbolic link to the one that ran before it."""
        return self.root / "opt/ironlane/previous"

    @property
    def host_check(self) -> Path:
        """What the host check compares the host with."""
        return self.root / "etc/ironlane/host-check.json"

    def role(self, role: str) -> Path:
        return self.root / f"etc/ironlane/roles/{role}.json"

    @property
    def state(self) -> Path:
        return self.root / "var/lib/ironlane"

    @property
    def specification(self) -> Path:
        """Digest of the host specification whose files are in place."""
        return self.state / "specification.sha256"

    @property
    def lock(self) -> Path:
        """Held by the one command that may run."""
        return self.state / "rollout.lock"
