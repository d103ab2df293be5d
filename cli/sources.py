"""Digests and staged copies of source trees. Standard library only."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

# what builds and tools leave beside sources
_IGNORED_FOLDERS = {"__pycache__", "build", "dist"}
_IGNORED_SUFFIXES = {".so", ".c", ".html", ".pyc"}
_SHARED_MODULE = "_cyutility"


def package_files(package: Path) -> list[Path]:
    """Files that a wheel of the package is built from: its pyproject, setup and all below src; sorted."""
    roots = (package / "pyproject.toml", package / "setup.py")
    return [path for path in roots if path.exists()] + sorted(_below(package / "src"))


def _below(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        if entry.is_dir():
            if entry.name not in _IGNORED_FOLDERS and not entry.name.endswith(".egg-info"):
                yield from _below(entry)
        elif entry.suffix not in _IGNORED_SUFFIXES:
            yield entry


def digest(files: Iterable[Path], *more: str, base: Path | None = None) -> str:
    """sha256 over names (relative to base) and contents, and over more."""
    total = hashlib.sha256()
    for file in files:
        name = str(file.relative_to(base)) if base else file.name
        total.update(f"{len(name)}:{name}:".encode())
        try:
            total.update(hashlib.sha256(file.read_bytes()).digest())
        except FileNotFoundError:
            total.update(b"missing")
    for text in more:
        total.update(f"{len(text)}:{text}".encode())
    return total.hexdigest()


def file_sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def stage(package: Path, target: Path, more: Mapping[str, bytes]) -> None:
    """Makes target hold the package's sources, and what earlier builds left there; unchanged files keep their time.

    more: further files, by their names below target.
    """
    wanted = {file.relative_to(package): file.read_bytes() for file in package_files(package)}
    wanted |= {Path(name): content for name, content in more.items()}
    for old in [path for path in target.rglob("*") if path.is_file()]:
        name = old.relative_to(target)
        if name.parts[0] == "build":
            continue
        if name not in wanted:
            old.unlink()
    for name, content in wanted.items():
        copy = target / name
        if copy.exists() and copy.read_bytes() == content:
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)
        copy.chmod(0o644)
    _prune_built(target)


def _prune_built(target: Path) -> None:
    """Built files stay only as extension modules whose source is still there: the wheel takes all it finds.

    Of hotpath/setup.py's shared module the source is made by the build.
    """
    build = target / "build"
    for folder in build.glob("bdist.*"):
        shutil.rmtree(folder)
    for library in build.glob("lib*"):
        for file in [path for path in library.rglob("*") if path.is_file()]:
            module = file.relative_to(library).with_name(file.name.split(".", 1)[0])
            made = module.name == _SHARED_MODULE or (target / "src" / module).with_suffix(".pyx").exists()
            if file.suffix != ".so" or not made:
                file.unlink()
