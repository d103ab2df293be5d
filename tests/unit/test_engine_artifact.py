"""The engine wheel: same bytes from the same sources, and nothing but the pinned digest gets installed.

A small engine stands for the real one; setup.py, pyproject and the build are the real ones.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from cli import engine
from cli.engine import EngineError, Wheel, build_engine, build_wheel, install_engine, verify_engine
from cli.paths import Layout, repository_layout

REPOSITORY = repository_layout()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (REPOSITORY.venv / "bin" / "cython").exists(), reason="no environment: python3 -m cli.bootstrap ensure"
    ),
]

PYX = "def third(list values, Py_ssize_t index):\n    return values[index]\n"
CLI = """
import sys

def main():
    from hotpath.core import third
    print(third([10, 20, 30], int(sys.argv[1])))
    return 0
"""


def clone(folder: Path) -> Layout:
    for package in ("hotpath", "wire"):
        for name in ("pyproject.toml", "setup.py"):
            source = REPOSITORY.root / package / name
            if source.exists():
                (folder / package).mkdir(parents=True, exist_ok=True)
                shutil.copy(source, folder / package / name)
        (folder / package / "src" / package).mkdir(parents=True)
        (folder / package / "src" / package / "__init__.py").touch()
        (folder / package / "src" / package / "py.typed").touch()
    (folder / "hotpath" / "src" / "hotpath" / "core.pyx").write_text(PYX)
    (folder / "hotpath" / "src" / "hotpath" / "core.pxd").write_text("")
    (folder / "hotpath" / "src" / "hotpath" / "cli.py").write_text(CLI)
    (folder / "requirements").mkdir()
    (folder / "requirements" / "engine.txt").write_text("")
    (folder / ".ironlane").mkdir()
    (folder / ".ironlane" / "venv").symlink_to(REPOSITORY.venv)
    return Layout(folder)


def build(layout: Layout, env: Mapping[str, str] | None = None, wire: Wheel | None = None) -> Wheel:
    env = dict(os.environ if env is None else env)
    wire = wire or build_wheel(layout, "wire", engine.run_quietly, env, {})
    return build_engine(layout, wire, engine.run_quietly, env)


def hotpath(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [home / "bin" / "hotpath", *arguments], capture_output=True, text=True, timeout=120, check=False,
        env=engine._own_imports(None),
    )  # fmt: skip


def test_artifact_from_build_to_installation(tmp_path: Path) -> None:
    here, there = clone(tmp_path / "one"), clone(tmp_path / "another" / "deeper" / "folder")
    wheel = build(here)
    assert build(there) == wheel, "the folder must not show in the bytes"
    assert build(here) == wheel, "nor what an earlier build left"
    assert engine.read_manifest(here) == wheel
    file = here.artifacts / wheel.file
    names = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", file], capture_output=True, text=True, check=True
    ).stdout
    for name in ("hotpath/core.pxd", "hotpath/py.typed", "hotpath/core.cpython", "hotpath/_lock/runtime.txt"):
        assert name in names
    assert "core.pyx" not in names
    assert "core.c " not in names

    home = install_engine(here, file, wheel.sha256, engine.run_quietly)
    assert home == here.engine(wheel.sha256)
    assert hotpath(home, "1").stdout == "20\n"
    assert verify_engine(here, wheel.sha256) == []
    file.write_bytes(b"gone")
    assert install_engine(here, file, wheel.sha256, engine.run_quietly) == home, "installed already"

    (installed,) = home.rglob("hotpath/cli.py")
    installed.write_text(CLI + "# tampered\n")
    assert verify_engine(here, wheel.sha256) == [f"{installed}: changed since it was installed"]
    assert verify_engine(here, "0" * 64) == [f"{here.engine('0' * 64)}: not installed"]

    (there.root / "hotpath" / "src" / "hotpath" / "cli.py").write_text(CLI + "# changed\n")
    changed = build(there)
    assert changed.sha256 != wheel.sha256
    (there.root / "wire" / "src" / "wire" / "__init__.py").write_text("X = 1\n")
    assert build(there).sha256 != changed.sha256, "the digest pins what the engine runs with, too"


def test_a_wheel_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    layout = clone(tmp_path / "one")
    wheel = tmp_path / "x.whl"
    wheel.write_bytes(b"something else")
    with pytest.raises(EngineError, match="must not run"):
        install_engine(layout, wheel, "0" * 64, engine.run_quietly)
    assert not layout.engines.exists()
    with pytest.raises(EngineError, match="bootstrap ensure"):
        install_engine(layout, tmp_path / "none.whl", "0" * 64, engine.run_quietly)


def test_debug_flavour_checks_bounds(tmp_path: Path) -> None:
    layout = clone(tmp_path / "one")
    wheel = build(layout, {**os.environ, "HOTPATH_BUILD": "debug"})
    home = install_engine(layout, layout.artifacts / wheel.file, wheel.sha256, engine.run_quietly)
    done = hotpath(home, "7")
    assert done.returncode == 1
    assert "IndexError" in done.stderr


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"HOTPATH_BUILD": "fast"}, "HOTPATH_BUILD='fast': use one of release, debug"),
        ({"HOTPATH_SANITIZE": "address"}, "HOTPATH_SANITIZE needs HOTPATH_BUILD=debug"),
        ({"HOTPATH_BUILD": "debug", "HOTPATH_SANITIZE": "adress"}, "HOTPATH_SANITIZE: unknown adress"),
    ],
)
def test_wrong_build_options_are_named(tmp_path: Path, env: dict[str, str], message: str) -> None:
    with pytest.raises(EngineError, match=message):
        build(clone(tmp_path / "one"), {**os.environ, **env}, Wheel("0", "none.whl", "0" * 64))


def test_every_cimport_is_one_that_an_incremental_build_follows() -> None:
    """Cython takes `from package cimport module` for no dependency: a changed struct would leave its user as it was."""
    sources = sorted((repository_layout().root / "hotpath" / "src").rglob("*.p[yx][xd]"))
    unseen = {
        path.name: found
        for path in sources
        if (found := re.findall(r"^from hotpath(?:\.\w+)? cimport .*", path.read_text(), re.MULTILINE))
    }
    assert sources
    assert unseen == {}
