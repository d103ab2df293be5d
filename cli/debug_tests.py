"""`test --debug`: the engine's tests on a debug build that nothing else uses.

A check that fails in a nogil function cannot raise: Cython reports it and goes on with 0. So every process of the tests
leaves such reports, and those of the sanitizers, in one folder, and any report fails the run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cli import prerequisites
from cli.paths import Layout

TESTS = "hotpath/tests"
# its sitecustomize.py is imported by every Python that has this folder on its path
_HOOK = "hotpath/tests/debug_hook"
_SHOWN_LINES = 60
_SHOWN_FILES = 20
_ASK_TIMEOUT_S = 20


def run(layout: Layout, env: Mapping[str, str], sanitize: bool, pytest: Sequence[str]) -> int:
    """env: with the debug build on PYTHONPATH. pytest: its arguments; paths among them replace all engine tests."""
    reports = layout.debug_reports
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir(parents=True)
    added = {
        "PYTHONPATH": os.pathsep.join([str(layout.root / _HOOK), env["PYTHONPATH"]]),
        "HOTPATH_DEBUG_REPORTS": str(reports),
    }
    if sanitize:
        runtime = asan_runtime(env)
        if runtime is None:
            print("error: the C compiler has no AddressSanitizer runtime; use gcc, apt install gcc", file=sys.stderr)
            return 2
        added |= sanitizer_variables(runtime, reports)
    chosen = [] if any((layout.root / each.split("::", 1)[0]).exists() for each in pytest) else [TESTS]
    command = [sys.executable, "-m", "pytest", *chosen, *pytest]
    code = subprocess.run(command, cwd=layout.root, env={**env, **added}, check=False).returncode
    found = summary(reports)
    if found:
        print("\n".join(found), file=sys.stderr)
        return code or 1
    return code


def asan_runtime(env: Mapping[str, str]) -> Path | None:
    """The library that must be loaded before Python for an extension module built with gcc's -fsanitize=address."""
    compiler = prerequisites.compiler(env)
    if compiler is None:
        return None
    done = subprocess.run(
        [compiler, "-print-file-name=libasan.so"], capture_output=True, text=True, timeout=_ASK_TIMEOUT_S, check=False
    )
    found = Path(done.stdout.strip())
    return found.resolve() if found.is_absolute() and found.exists() else None


def sanitizer_variables(runtime: Path, reports: Path) -> dict[str, str]:
    return {
        "LD_PRELOAD": str(runtime),
        # Python frees little at its end; and a test may ask for more memory than there is
        "ASAN_OPTIONS": f"detect_leaks=0:allocator_may_return_null=1:log_path={reports / 'address'}",
        "UBSAN_OPTIONS": f"print_stacktrace=1:log_path={reports / 'undefined'}",
        # otherwise bytes objects lie in pools, and a read past their end stays unseen
        "PYTHONMALLOC": "malloc",
    }


def summary(reports: Path) -> list[str]:
    """Lines for people: what each process reported; empty when none did."""
    files = sorted(path for path in reports.iterdir() if path.stat().st_size)
    if not files:
        return []
    lines = [f"{len(files)} processes reported failed checks:"]
    for file in files[:_SHOWN_FILES]:
        text = file.read_text(errors="replace").splitlines()
        lines += [f"-- {file}", *text[:_SHOWN_LINES]]
        if len(text) > _SHOWN_LINES:
            lines.append(f"… {len(text) - _SHOWN_LINES} more lines")
    if len(files) > _SHOWN_FILES:
        lines.append(f"… {len(files) - _SHOWN_FILES} more files in {reports}")
    return lines
