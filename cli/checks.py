"""`test`, `lint` and `fmt`: the project's own checks, with its own tools, on the built engine."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from cli import debug_tests, engine
from cli.paths import Layout


def _environment(layout: Layout, flavour: str = engine.RELEASE) -> dict[str, str]:
    """Tests import the installed engine, never the source tree."""
    built = engine.read_manifest(layout, flavour=flavour)
    assert built is not None, "the bootstrap ran before"
    own, _ = engine.engine_site_packages(layout, built.sha256)
    env = {**os.environ, "PYTHONPATH": str(own)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # thousands of tests are compiled once, not by each worker of each run
    env["PATH"] = os.pathsep.join([str(layout.venv / "bin"), env.get("PATH", os.defpath)])
    return env


def test(layout: Layout, args: argparse.Namespace) -> int:
    if args.debug:
        flavour = engine.flavour_of(engine.build_variables(debug=True, sanitize=args.sanitize))
        return debug_tests.run(layout, _environment(layout, flavour), args.sanitize, args.pytest)
    if args.sanitize:
        print("error: --sanitize needs --debug", file=sys.stderr)
        return 2
    if args.e2e:
        chosen = ["tests/e2e", "-m", "e2e"]
    else:
        # a worker more than cores, as many tests wait for other processes; each file on one of them, as fixtures may
        # be expensive (tests/support/scheduling.py); slow tests run real servers and compilers, one at a time
        workers = ["-n", str(len(os.sched_getaffinity(0)) + 1), "--dist", "loadfile"]
        chosen = ["-m", "slow"] if args.slow else ["-m", "not slow", *workers]
    command = [sys.executable, "-m", "pytest", *chosen, *args.pytest]
    return subprocess.run(command, cwd=layout.root, env=_environment(layout), check=False).returncode


def lint(layout: Layout, args: argparse.Namespace) -> int:
    return _all(layout, ["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"])


def fmt(layout: Layout, args: argparse.Namespace) -> int:
    return _all(layout, ["ruff", "check", "--fix", "--quiet", "."], ["ruff", "format", "."])


def _all(layout: Layout, *commands: list[str]) -> int:
    codes = [subprocess.run(c, cwd=layout.root, env=_environment(layout), check=False).returncode for c in commands]
    return max(codes)
