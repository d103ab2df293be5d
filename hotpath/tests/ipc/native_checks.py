"""Compiles native/ring_checks.pyx against the installed engine, and runs its loops in forked processes."""

from __future__ import annotations

import importlib.util
import os
import shlex
import signal
import subprocess
import sys
import sysconfig
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import hotpath

SOURCE = Path(__file__).with_name("native") / "ring_checks.pyx"
LIMIT_NS = 30_000_000_000


def compiled(folder: Path) -> ModuleType:
    packages = str(Path(str(hotpath.__file__)).parents[1])
    c, library = folder / "ring_checks.c", folder / f"ring_checks{sysconfig.get_config_var('EXT_SUFFIX')}"
    _run([sys.executable, "-m", "cython", "-3", "-X", "cdivision=True", "-I", packages, "-o", str(c), str(SOURCE)])
    compiler = shlex.split(os.environ.get("CC") or str(sysconfig.get_config_var("CC") or "cc"))
    include = ["-I", packages, "-I", sysconfig.get_path("include")]
    _run([*compiler, "-shared", "-fPIC", "-std=gnu11", "-O2", "-w", *include, str(c), "-o", str(library)])
    spec = importlib.util.spec_from_file_location("ring_checks", library)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


class Fork:
    """A fork of this process that does `work` and exits, 0 unless that raised."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.exit_code: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                work()
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)

    def join(self, seconds: float = 30.0) -> int:
        """Exit code, negative for a signal."""
        deadline = time.monotonic() + seconds
        while self.exit_code is None:
            found, status = os.waitpid(self.pid, os.WNOHANG)
            if found:
                self.exit_code = os.waitstatus_to_exitcode(status)
            else:
                assert time.monotonic() < deadline, f"process {self.pid} goes on after {seconds} s"
                time.sleep(0.002)
        return self.exit_code

    def kill(self) -> None:
        if self.exit_code is None:
            os.kill(self.pid, signal.SIGKILL)
            self.join()


@contextmanager
def forked(work: Callable[[], object]) -> Iterator[Fork]:
    """Ended at the end, one way or the other."""
    fork = Fork(work)
    try:
        yield fork
    finally:
        fork.kill()


@contextmanager
def racing(work: Callable[[], object]) -> Iterator[Fork]:
    """forked(), each of the two on a CPU of its own, where there are two."""
    usable = os.sched_getaffinity(0)
    here, there = max(usable), min(usable)

    def pinned() -> None:
        os.sched_setaffinity(0, {there})
        work()

    os.sched_setaffinity(0, {here})
    try:
        with forked(pinned) as fork:
            yield fork
    finally:
        os.sched_setaffinity(0, usable)
