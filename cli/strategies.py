"""Strategies that are built into the engine: those in `strategies/`, and those of a folder of the user's own.

All of them become the package `strategies` of the engine's wheel, so that its digest pins them. The own folder is
remembered in `.ironlane/strategies`: every later build takes it too. Standard library only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from cli.paths import Layout
from cli.steps import BootstrapError

PACKAGE = "strategies"
NONE = "none"
_SUFFIXES = (".pyx", ".pxd", ".py", ".pyi", ".h")
_MAX_FILES = 1000


def remember(layout: Layout, folder: str) -> None:
    """Takes the folder from now on; `none` forgets it. Raises BootstrapError and leaves the earlier one."""
    if folder == NONE:
        layout.own_strategies.unlink(missing_ok=True)
        return
    path = Path(folder).expanduser().resolve()
    if path.is_file():
        path = path.parent
    _collected(layout, path)
    layout.home.mkdir(parents=True, exist_ok=True)
    draft = layout.own_strategies.with_name(f".{layout.own_strategies.name}.{os.getpid()}")
    draft.write_text(f"{path}\n")
    draft.replace(layout.own_strategies)


def own_folder(layout: Layout) -> Path | None:
    try:
        return Path(layout.own_strategies.read_text().strip())
    except (FileNotFoundError, NotADirectoryError):
        return None


def files(layout: Layout) -> dict[str, Path]:
    """What goes into the package, by its name in there. Raises BootstrapError."""
    return _collected(layout, own_folder(layout))


def contents(layout: Layout) -> dict[str, bytes]:
    """The package as it is built, by names below the engine's `src`. Raises BootstrapError."""
    found = {f"{PACKAGE}/{name}": path.read_bytes() for name, path in files(layout).items()}
    for folder in {str(Path(name).parent) for name in found}:
        while folder != ".":
            found.setdefault(f"{folder}/__init__.py", b"")
            folder = str(Path(folder).parent)
    return dict(sorted(found.items()))


def _collected(layout: Layout, own: Path | None) -> dict[str, Path]:
    found: dict[str, Path] = {}
    shipped = layout.root / PACKAGE
    for folder in [shipped, *([own] if own is not None and own != shipped else [])]:
        if not folder.is_dir():
            if folder == shipped:
                continue
            raise BootstrapError(
                f"strategies folder {folder} is not there: give another with `make engine STRATEGIES=folder`, "
                f"or none with `make engine STRATEGIES={NONE}`"
            )
        for path in _below(folder):
            name = path.relative_to(folder).as_posix()
            _check_name(path, name, found)
            found[name] = path
    if len(found) > _MAX_FILES:
        raise BootstrapError(f"{len(found)} strategy files; {_MAX_FILES} at most: is {own} the right folder?")
    return found


def _check_name(path: Path, name: str, found: Mapping[str, Path]) -> None:
    parts = Path(name).with_suffix("").parts
    if not all(part.isidentifier() for part in parts):
        raise BootstrapError(f"{path}: not importable as {PACKAGE}.{'.'.join(parts)}: use letters, digits and _ only")
    module = {".pyx", ".py"}
    if Path(name).suffix not in module:
        return
    for suffix in module:
        other = found.get(str(Path(name).with_suffix(suffix)))
        if other is not None and other.name != "__init__.py":
            raise BootstrapError(f"{path} and {other} would both be {PACKAGE}.{'.'.join(parts)}: rename one")


def _below(folder: Path) -> Iterator[Path]:
    """Sources only; hidden folders, tests and what tools leave behind are not."""
    for entry in sorted(folder.iterdir()):
        if entry.is_dir():
            if entry.name.isidentifier() and entry.name not in ("__pycache__", "build", "dist", "tests"):
                yield from _below(entry)
        elif entry.suffix in _SUFFIXES and not entry.name.startswith((".", "test_", "conftest")):
            yield entry
