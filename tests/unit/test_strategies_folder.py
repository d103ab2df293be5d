"""Strategies outside of the engine's own tree: found, checked, remembered, and part of the artifact."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cli import engine, strategies
from cli.engine import install_engine
from cli.paths import Layout
from cli.steps import BootstrapError
from tests.unit.test_engine_artifact import build, clone

PYX = """
from hotpath.core cimport *
def answer(): return 42
"""


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        file = folder / name.replace("__", "/").replace("_dot_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def test_sources_of_both_folders_become_one_package(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "clone")
    write(layout.root / "strategies", join_dot_pyx="a")
    own = write(
        tmp_path / "own", alpha_dot_pyx="b", alpha_dot_pxd="c", deep__beta_dot_py="d", README_dot_md="no",
        test_x_dot_py="no", tests__y_dot_py="no", __pycache__z_dot_py="no",
    )  # fmt: skip
    strategies.remember(layout, str(own))
    assert strategies.own_folder(layout) == own
    assert strategies.contents(layout) == {
        "strategies/__init__.py": b"",
        "strategies/alpha.pxd": b"c",
        "strategies/alpha.pyx": b"b",
        "strategies/deep/__init__.py": b"",
        "strategies/deep/beta.py": b"d",
        "strategies/join.pyx": b"a",
    }
    strategies.remember(layout, strategies.NONE)
    assert list(strategies.files(layout)) == ["join.pyx"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"my-alpha_dot_pyx": ""}, "my-alpha.pyx: not importable as strategies.my-alpha"),
        ({"join_dot_py": ""}, "would both be strategies.join: rename one"),
        ({"a_dot_pyx": "", "a_dot_py": ""}, "would both be strategies.a: rename one"),
    ],
)
def test_what_cannot_be_built_is_named_and_the_earlier_folder_stays(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    layout = Layout(tmp_path / "clone")
    write(layout.root / "strategies", join_dot_pyx="a")
    good = write(tmp_path / "good", fine_dot_py="")
    strategies.remember(layout, str(good))
    with pytest.raises(BootstrapError, match=message):
        strategies.remember(layout, str(write(tmp_path / "bad", **files)))
    assert strategies.own_folder(layout) == good


def test_a_folder_that_went_away_is_named_with_the_fix(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "clone")
    own = write(tmp_path / "own", a_dot_py="")
    strategies.remember(layout, str(own))
    (own / "a.py").unlink()
    own.rmdir()
    with pytest.raises(BootstrapError, match=r"own is not there.*make engine STRATEGIES=none"):
        strategies.files(layout)


@pytest.mark.slow
def test_they_are_compiled_into_the_wheel_and_its_digest_pins_them(tmp_path: Path) -> None:
    layout = clone(tmp_path / "clone")
    without = build(layout)
    own = write(tmp_path / "own", mine_dot_pyx=PYX, plain_dot_py="x = 1\n")
    strategies.remember(layout, str(own))
    wheel = build(layout)
    assert wheel.sha256 != without.sha256
    assert build(layout) == wheel
    home = install_engine(layout, layout.artifacts / wheel.file, wheel.sha256, engine.run_quietly)
    code = "import strategies.mine, strategies.plain; print(strategies.mine.answer(), strategies.mine.__file__)"
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [home / "bin" / "python", "-P", "-c", code], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    answer, file = done.stdout.split()
    assert answer == "42"
    assert file.startswith(str(home))
    assert file.endswith(".so")
    (own / "plain.py").write_text("x = 2\n")
    assert build(layout).sha256 != wheel.sha256
