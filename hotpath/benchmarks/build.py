"""Compiles the benchmark loops against the installed engine's .pxd files, with the flags of its release build."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import hotpath
from benchmarks import native

HERE = Path(native.__file__).resolve().parent
MODULES = (
    "samples",
    "order_flow",
    "matching",
    "book_scale",
    "itch_day",
    "feed",
    "order_entry",
    "ring_loops",
    "recovery",
    "tick_flow",
    "tick_venue",
    "tick_taker",
)
# inlined engine code must be compiled here as it is in the wheel
COMPILE_ARGS = ("-std=gnu11", "-Wall", "-Wno-unused-function", "-Wno-unreachable-code", "-O2", "-g0", "-fno-plt")
DIRECTIVES = {
    "language_level": 3,
    "cdivision": True,
    "wraparound": False,
    "boundscheck": False,
    "initializedcheck": False,
    "nonecheck": False,
    "overflowcheck": False,
    "freethreading_compatible": True,
}
GATE_MODULES = ("samples", "order_flow", "matching", "itch_day", "feed", "order_entry", "gate_loops")
_TIMEOUT_S = 600


class BuildError(Exception):
    """The loops could not be compiled; the text holds the compiler's own words."""


def engine_packages() -> Path:
    """Folder that holds the `hotpath` package in use, with its .pxd files and headers."""
    (where,) = hotpath.__path__
    return Path(where).resolve().parent


def ensure_built(folder: Path, modules: Sequence[str] = MODULES, defines: Sequence[str] = ()) -> Path:
    """Compiles below folder what is out of date and makes it importable; returns the path of the libraries.

    defines: for the C preprocessor. Raises BuildError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / _digest(modules, defines)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / ".complete").exists():
            for old in folder.iterdir():
                if old.is_dir():
                    shutil.rmtree(old)
            _compile(target, modules, defines)
            (target / ".complete").touch()
    libraries = target / "benchmarks" / "native"
    use(libraries, modules)
    return libraries


def use(libraries: Path, modules: Sequence[str] = MODULES) -> None:
    """Makes loops compiled earlier importable. Raises BuildError when they do not load."""
    native.__path__.append(str(libraries))
    for name in modules:
        try:
            import_module(f"benchmarks.native.{name}")
        except ImportError as error:
            raise BuildError(f"benchmarks.native.{name}: {error}; delete {libraries.parents[1]}") from None


def _digest(modules: Sequence[str], defines: Sequence[str]) -> str:
    settings = (sys.version, COMPILE_ARGS, DIRECTIVES, os.environ.get("CC"), tuple(modules), tuple(defines))
    total = hashlib.sha256(repr(settings).encode())
    packages = engine_packages()
    total.update(str(packages).encode())
    files = [*sorted(HERE.glob("*.p[yx]*")), *sorted((packages / "hotpath").rglob("*.pxd"))]
    for file in [*files, *sorted((packages / "hotpath").rglob("*.h"))]:
        total.update(file.name.encode() + b"\0" + file.read_bytes())
    return total.hexdigest()[:16]


def _compile(target: Path, modules: Sequence[str], defines: Sequence[str]) -> None:
    """In a process of its own: the build tools change much of the process that runs them."""
    command = [sys.executable, "-P", "-m", "benchmarks.compile", str(target), *modules]
    command += [f"-D{name}" for name in defines]
    try:
        done = subprocess.run(
            command, cwd=HERE.parents[1], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise BuildError(f"compiling the benchmark loops took longer than {_TIMEOUT_S} s") from None
    if done.returncode != 0:
        raise BuildError(f"compiling the benchmark loops failed:\n{(done.stdout + done.stderr)[-4000:]}")


def compiler() -> str:
    """First line of what the C compiler says about itself."""
    name = os.environ.get("CC") or str(sysconfig.get_config_var("CC") or "cc")
    try:
        done = subprocess.run(
            [*name.split(), "--version"], capture_output=True, text=True, timeout=20, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return (done.stdout.splitlines() or ["unknown"])[0]
