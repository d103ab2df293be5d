"""Fixtures of the ipc tests: a shm prefix of their own, child processes that never outlive a test."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from hotpath.ipc.segment import remove_segments

Child = subprocess.Popen[str]


@pytest.fixture
def prefix() -> Iterator[str]:
    name = f"test-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    yield name
    remove_segments(name)


@pytest.fixture
def start_child() -> Iterator[Callable[..., Child]]:
    """Starts `ipc_child.py COMMAND ARGS...` and waits until it says that it is ready."""
    children: list[Child] = []

    def start(command: str, *arguments: object) -> Child:
        child = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("ipc_child.py")), command, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        children.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        return child

    yield start
    for child in children:
        if child.poll() is None:
            child.kill()
        child.wait(10)
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                stream.close()


@pytest.fixture
def eventually() -> Callable[..., None]:
    def wait(condition: Callable[[], bool], what: str, seconds: float = 5.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
            time.sleep(0.002)

    return wait


@pytest.fixture(scope="session")
def checks(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """native/ring_checks.pyx, compiled: some seconds, so for slow tests only."""
    from native_checks import compiled

    return compiled(tmp_path_factory.mktemp("native"))
