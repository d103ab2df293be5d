"""Runs something on the installed engine of the last build, with the tooling's Python.

So it has the engine's code as it runs live, and beside it what the engine itself goes without (matplotlib, Cython).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from cli.engine import engine_site_packages, read_manifest
from cli.paths import Layout

_STOP_S = 10
_PYTHON_VARIABLES = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")


def environment(layout: Layout, *more: Path) -> dict[str, str]:
    """more: import paths before the engine's."""
    built = read_manifest(layout)
    assert built is not None, "the bootstrap ran before"
    paths = (*more, *engine_site_packages(layout, built.sha256))
    env = {name: value for name, value in os.environ.items() if name not in _PYTHON_VARIABLES}
    return {**env, "PYTHONPATH": os.pathsep.join(str(path) for path in paths)}


def python(layout: Layout, module: str, *arguments: str) -> list[str]:
    return [str(layout.venv_python), "-P", "-m", module, *arguments]


def run(command: list[str], folder: Path, env: dict[str, str], limit_s: float) -> int:
    """Its exit code; 1 when it could not be started or took too long. It ends when we do."""
    try:
        process = subprocess.Popen(command, cwd=folder, env=env)
    except OSError as error:
        print(f"error: cannot start {command[0]}: {error.strerror}", file=sys.stderr)
        return 1
    try:
        return process.wait(limit_s)
    except subprocess.TimeoutExpired:
        print(f"error: {command[3]} took longer than {limit_s:.0f} s", file=sys.stderr)
        return 1
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
