"""What must be on the machine before anything can be set up; everything that is missing is told at once.

Standard library only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rehearsal.toolchain.pulumi_cli import find_on_path, go_problem

OLDEST_PYTHON = (3, 11)
_COMPILE_TIMEOUT_S = 60
_GET_GO = "apt install golang-go (1.21 or later; Debian 12: from bookworm-backports)"
_HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'
_PYTHON_HELLO = "#include <Python.h>\nint main(void) { return PY_MAJOR_VERSION != 3; }\n"


@dataclass(frozen=True)
class Missing:
    """One prerequisite that is not met: what, why it is needed, how to get it on Debian or Ubuntu."""

    problem: str
    needed_for: str
    fix: str

    @property
    def text(self) -> str:
        return f"  - {self.problem}\n      needed for {self.needed_for}; to get it: {self.fix}"


def python_missing() -> list[Missing]:
    found = []
    if sys.version_info < OLDEST_PYTHON:
        found.append(
            Missing(
                f"Python {sys.version.split()[0]} ({sys.executable}) is too old",
                "everything",
                "install Python 3.11 or later and run make with PYTHON=python3.11",
            )
        )
    for module in ("venv", "ensurepip"):
        if not _importable(module):
            found.append(
                Missing(f"Python module {module} is missing", "the Python environment", "apt install python3-venv")
            )
            break
    return found


def _importable(module: str) -> bool:
    done = subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True, timeout=20, check=False)
    return done.returncode == 0


def git_missing(env: Mapping[str, str]) -> list[Missing]:
    if shutil.which("git", path=env.get("PATH")):
        return []
    return [Missing("no git on PATH", "the commit shown by status", "apt install git")]


def compiler(env: Mapping[str, str]) -> str | None:
    """The C compiler that extension modules are built with: $CC or Python's own choice, else cc or gcc."""
    names = (env.get("CC"), sysconfig.get_config_var("CC"), "cc", "gcc", "clang")
    for name in names:
        if name and (found := shutil.which(name.split()[0], path=env.get("PATH"))):
            return found
    return None


def other_compiler(env: Mapping[str, str]) -> str | None:
    """The compiler to name to the build, when it is not the one that it would take by itself."""
    configured = (env.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    return None if shutil.which(configured, path=env.get("PATH")) else compiler(env)


def compiler_missing(env: Mapping[str, str]) -> list[Missing]:
    """Compiles and links for real: a compiler without a C library is as good as none."""
    needed = "the engine, which is compiled here"
    found = compiler(env)
    if found is None:
        return [Missing("no C compiler on PATH", needed, "apt install build-essential")]
    if problem := _compile(found, _HELLO, [], env):
        return [Missing(f"C compiler {found} cannot build a program: {problem}", needed, "apt install build-essential")]
    include = sysconfig.get_path("include")
    if problem := _compile(found, _PYTHON_HELLO, [f"-I{include}", "-c"], env):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return [
            Missing(
                f"no Python.h for {sys.executable} (looked in {include}): {problem}",
                needed,
                f"apt install python3-dev (or python{version}-dev)",
            )
        ]
    return []


def _compile(command: str, source: str, options: list[str], env: Mapping[str, str]) -> str | None:
    with tempfile.TemporaryDirectory(prefix="ironlane-cc-") as folder:
        file = Path(folder, "hello.c")
        file.write_text(source)
        try:
            done = subprocess.run(
                [command, *options, str(file), "-o", str(Path(folder, "hello"))],
                env=dict(env),
                capture_output=True,
                text=True,
                timeout=_COMPILE_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
    return lines[0][:160] if lines else f"exit status {done.returncode}"


def pulumi_missing(env: Mapping[str, str]) -> list[Missing]:
    """Neither a suitable pulumi nor a Go to build one with."""
    selection, why_not = find_on_path(env.get("PATH", os.defpath))
    if selection is not None:
        return []
    problem = go_problem(shutil.which("go", path=env.get("PATH")), env)
    if problem is None:
        return []
    return [
        Missing(
            f"{why_not}, and {problem} to build one with",
            "bringing up any stack",
            f"{_GET_GO}, or install pulumi 3.200 or later from https://www.pulumi.com/docs/install",
        )
    ]


def kubernetes_missing(env: Mapping[str, str]) -> list[Missing]:
    """No Go to build the API server with; which servers the machine may have does not matter."""
    problem = go_problem(shutil.which("go", path=env.get("PATH")), env)
    if problem is None:
        return []
    needed = "the API server that stands in for a cloud stack's cluster (`make preview`, `make rehearse`, its tests)"
    return [Missing(f"{problem} to build kube-apiserver and etcd with", needed, _GET_GO)]


def check(env: Mapping[str, str], *, compile_c: bool, pulumi: bool, kubernetes: bool) -> list[Missing]:
    """Everything missing, at once; what only one step needs is looked at when that step is due."""
    checks: list[Callable[[], list[Missing]]] = [python_missing, lambda: git_missing(env)]
    if compile_c:
        checks.append(lambda: compiler_missing(env))
    if pulumi:
        checks.append(lambda: pulumi_missing(env))
    if kubernetes:
        checks.append(lambda: kubernetes_missing(env))
    return [missing for each in checks for missing in each()]
