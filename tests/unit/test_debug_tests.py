"""`test --debug`: what a process could only report fails the run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from cli import debug_tests
from cli.paths import Layout, repository_layout

HOOK = "hotpath/tests/debug_hook"
# stands for an overflow in a nogil function of a role's process
ROLE = """
class Ring:
    def __del__(self):
        raise OverflowError("value too large")
"""
TEST = """
import subprocess, sys

def test_child():
    subprocess.run([sys.executable, "-c", SCRIPT], check=True, timeout=30)
"""


def clone(folder: Path, call: str) -> Layout:
    shutil.copytree(repository_layout().root / HOOK, folder / HOOK)
    (folder / "hotpath" / "tests" / "test_child.py").write_text(f"SCRIPT = {ROLE + call!r}\n{TEST}")
    return Layout(folder)


def run(layout: Layout, *pytest_arguments: str) -> int:
    env = {**os.environ, "PYTHONPATH": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # plugins take most of the time
    return debug_tests.run(layout, env, False, ["-q", *pytest_arguments])


def test_a_report_of_a_child_fails_the_run_though_every_test_passes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(clone(tmp_path / "one", "")) == 0
    layout = clone(tmp_path / "two", "Ring()")
    assert run(layout) == 1
    output = capfd.readouterr()
    assert "1 passed" in output.out
    assert "OverflowError: value too large" in output.err
    (layout.root / "hotpath" / "tests" / "test_child.py").write_text("def test_fine():\n    pass\n")
    assert run(layout) == 0, "reports of an earlier run do not count"


def test_paths_replace_all_engine_tests(tmp_path: Path) -> None:
    layout = clone(tmp_path, "Ring()")
    (tmp_path / "hotpath" / "tests" / "test_fine.py").write_text("def test_fine():\n    pass\n")
    assert run(layout, "hotpath/tests/test_fine.py::test_fine") == 0
    assert run(layout, "-k", "child") == 1


def test_reports_of_a_hot_loop_are_bounded(tmp_path: Path) -> None:
    layout = clone(tmp_path, "for _ in range(1000): Ring()")
    assert run(layout) == 1
    (file,) = layout.debug_reports.iterdir()
    assert file.read_text().count("OverflowError: ") == 50
    assert any("more lines" in line for line in debug_tests.summary(layout.debug_reports))


def test_a_compiler_without_the_sanitizer_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layout = clone(tmp_path / "one", "")
    cc = tmp_path / "cc"
    cc.write_text("#!/bin/sh\necho libasan.so\n")  # as gcc does for a file that it does not have
    cc.chmod(0o755)
    env = {**os.environ, "PYTHONPATH": "", "CC": str(cc)}
    assert debug_tests.run(layout, env, True, []) == 2
    assert "no AddressSanitizer runtime" in capsys.readouterr().err


def test_sanitizers_write_into_the_same_folder(tmp_path: Path) -> None:
    variables = debug_tests.sanitizer_variables(Path("/x/libasan.so.8"), tmp_path)
    assert variables["LD_PRELOAD"] == "/x/libasan.so.8"
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
        assert f"log_path={tmp_path}/" in variables[name]
