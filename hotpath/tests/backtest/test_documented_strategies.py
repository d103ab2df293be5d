"""The examples of docs/strategies.md: those in the engine, and the page's own text, compiled."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[3] / "docs" / "strategies.md"
FLOW = ("--rows", "4000", "--seed", "5", "--latency-us", "30")
FILES = ("orders.csv", "fills.csv", "equity.csv", "summary.json")
BUILD = """
import sys
from setuptools import Extension, setup
from Cython.Build import cythonize
setup(ext_modules=cythonize(
    Extension("page_bid", ["page_bid.pyx"], include_dirs=[sys.argv[3]]), include_path=[sys.argv.pop(3)],
    compiler_directives={"language_level": 3}, quiet=True,
))
"""


def backtest(strategy: str, out: Path, *more: str, path: Path | None = None) -> dict[str, bytes]:
    """Its files, in a process of its own."""
    known = os.environ.get("PYTHONPATH", "")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([known, str(path)]) if path else known}
    command = [sys.executable, "-P", "-m", "hotpath", "backtest", "--strategy", strategy, "--out", str(out)]
    done = subprocess.run(
        [*command, *FLOW, "--no-plot", *more], env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return {name: (out / name).read_bytes() for name in FILES}


def twins_agree(cython: str, python: str, folder: Path, path: Path | None = None) -> None:
    more = ("--parameters", "size=200", "--parameters", "target=1000")
    first = backtest(cython, folder / "one", *more, path=path)
    assert backtest(cython, folder / "two", *more, path=path) == first, "the same bytes again"
    other = backtest(python, folder / "py", *more, path=path)
    for name in ("orders.csv", "fills.csv", "equity.csv"):
        assert other[name] == first[name], name
    summary = json.loads(first["summary.json"])
    assert 500 < summary["position"] <= 1000
    assert summary["orders"]["sent"] >= 3


def test_the_examples_in_the_engine_send_the_same_orders(tmp_path: Path) -> None:
    twins_agree("strategies.join_bid:JoinBid", "strategies.join_bid_py:PythonJoinBid", tmp_path)


@pytest.mark.slow
@pytest.mark.skipif("HOTPATH_DEBUG_REPORTS" in os.environ, reason="compiled here without the debug build's flags")
def test_the_text_of_the_page_compiles_and_sends_the_same_orders(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for language, name in (("cython", "page_bid.pyx"), ("python", "page_bid_py.py")):
        (text,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
        assert len(text.splitlines()) <= 30
        (source / name).write_text(text)
    (source / "setup.py").write_text(BUILD)
    engine = os.environ["PYTHONPATH"].split(os.pathsep)[-1]
    done = subprocess.run(
        [sys.executable, "setup.py", "build_ext", "--inplace", engine], cwd=source, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    twins_agree("page_bid:JoinBid", "page_bid_py:PythonJoinBid", tmp_path, source)
