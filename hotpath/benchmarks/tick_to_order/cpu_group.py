"""A control group with a CPU quota, as Kubernetes makes one for a container: cgroup v2, else v1's cpu controller."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

PREFIX = "ironlane-bench-"
PERIOD_US = 100_000  # the kubelet's
REMOVE_S = 2.0
_ROOT = Path("/sys/fs/cgroup")


class CpuGroupError(Exception):
    """No group can be made here; the text says why."""


def _parent() -> tuple[Path, bool]:
    """Folder below which groups with a CPU quota can be made, and whether it is cgroup v2. Raises CpuGroupError."""
    try:
        if "cpu" in (_ROOT / "cgroup.subtree_control").read_text().split():
            return _ROOT, True
    except OSError:
        pass
    if (_ROOT / "cpu" / "cgroup.procs").exists():
        return _ROOT / "cpu", False
    raise CpuGroupError(f"no CPU controller below {_ROOT}")


def unavailable() -> str | None:
    """Why no group can be made here; tries it."""
    try:
        CpuGroup("probe", None).close()
    except CpuGroupError as error:
        return str(error)
    return None


class CpuGroup:
    """Exists at once; `close` removes it. quota_cpus: None = no limit. Raises CpuGroupError."""

    def __init__(self, purpose: str, quota_cpus: float | None) -> None:
        parent, self._second_version = _parent()
        _sweep(parent)
        self.folder = parent / f"{PREFIX}{os.getpid()}-{secrets.token_hex(3)}-{purpose}"
        try:
            self.folder.mkdir()
        except OSError as error:
            raise CpuGroupError(f"cannot make {self.folder}: {error.strerror}") from None
        try:
            if quota_cpus is not None:
                quota = round(quota_cpus * PERIOD_US)
                if self._second_version:
                    (self.folder / "cpu.max").write_text(f"{quota} {PERIOD_US}")
                else:
                    (self.folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
                    (self.folder / "cpu.cfs_quota_us").write_text(str(quota))
        except OSError as error:
            self.close()
            raise CpuGroupError(f"cannot set the quota of {self.folder}: {error.strerror}") from None

    def add(self, pid: int) -> None:
        """Raises CpuGroupError."""
        try:
            (self.folder / "cgroup.procs").write_text(str(pid))
        except OSError as error:
            raise CpuGroupError(f"cannot move a process into {self.folder}: {error.strerror}") from None

    def throttled(self) -> Mapping[str, int]:
        """So far: `periods` in which the quota ran out, and `ns` stood still for that."""
        values = dict(line.split() for line in (self.folder / "cpu.stat").read_text().splitlines())
        ns = int(values["throttled_usec"]) * 1000 if self._second_version else int(values["throttled_time"])
        return {"periods": int(values["nr_throttled"]), "ns": ns}

    def close(self) -> None:
        """Its processes must have ended; the kernel may take a moment to let go of them."""
        deadline = time.monotonic() + REMOVE_S
        while self.folder.exists():
            with suppress(OSError):
                self.folder.rmdir()
                return
            if time.monotonic() > deadline:
                raise CpuGroupError(f"cannot remove {self.folder}: processes are still in it")
            time.sleep(0.02)


def _sweep(parent: Path) -> None:
    """What a killed run has left; a group that still has processes cannot be removed."""
    for folder in parent.glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdigit() and not Path("/proc", pid).exists():
            with suppress(OSError):
                folder.rmdir()
