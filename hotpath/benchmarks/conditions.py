"""What a figure depends on besides the code: processor, kernel, compiler, versions, load. Unknown stays None."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.build import COMPILE_ARGS, compiler, engine_packages

_CPU = Path("/sys/devices/system/cpu")


def conditions(cpus: int, pinned: int | None, peer: int | None) -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu_model(),
        "cpus_usable": cpus,
        "pinned_to_cpu": pinned,
        "second_process_on_cpu": peer,
        "isolated_cpus": _read(_CPU / "isolated"),
        "governor": None if pinned is None else _read(_CPU / f"cpu{pinned}" / "cpufreq" / "scaling_governor"),
        "boost": _read(_CPU / "cpufreq" / "boost"),
        "smt": _read(_CPU / "smt" / "active"),
        "clock_source": _read(Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")),
        "transparent_hugepages": _read(Path("/sys/kernel/mm/transparent_hugepage/enabled")),
        "hypervisor": "hypervisor" in _cpu_field("flags").split(),
        "mitigations": _cmdline_flag("mitigations"),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "compiler": compiler(),
        "compiler_flags": list(COMPILE_ARGS),
        "c_library": " ".join(platform.libc_ver()) or None,
        "python": platform.python_version(),
        "cython": _version("Cython"),
        "engine": _version("ironlane-hotpath"),
        "engine_sha256": _engine_digest(),
        "rust": _first_line("rustc", "--version"),
        "java": _first_line("java", "-version"),
        "gc": "off during rounds",
        "niceness": os.getpriority(os.PRIO_PROCESS, 0),
        "load_average_at_start": [round(load, 2) for load in os.getloadavg()],
    }


def _read(file: Path) -> str | None:
    try:
        return file.read_text().strip() or None
    except OSError:
        return None


def _engine_digest() -> str | None:
    """Of the wheel: an installed engine lies in a folder of that name."""
    names = [folder.name for folder in engine_packages().parents if len(folder.name) == 64]
    return names[0] if names else None


def _first_line(*command: str) -> str | None:
    """What a tool that peers are built with says about itself; None where there is none."""
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return next(iter((done.stdout or done.stderr).splitlines()), None)


def _cpu_field(name: str) -> str:
    for line in (_read(Path("/proc/cpuinfo")) or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _cpu_model() -> str | None:
    return _cpu_field("model name") or platform.processor() or None


def _cmdline_flag(name: str) -> str | None:
    for word in (_read(Path("/proc/cmdline")) or "").split():
        key, _, value = word.partition("=")
        if key == name:
            return value
    return None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
