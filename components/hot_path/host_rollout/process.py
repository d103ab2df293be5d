"""Runs other programs, each with a limit of time."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from .errors import Exit, RolloutError

_TAIL_LINES = 20


def run(command: Sequence[str], *, limit_s: float, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Exit code and what it printed, both streams. Raises RolloutError when it cannot start or takes too long."""
    shown = " ".join(command)
    try:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=None if env is None else dict(env),
            start_new_session=True,
        )
    except OSError as error:
        raise RolloutError(f"cannot start `{shown}`: {error.strerror}") from None
    try:
        output, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        raise RolloutError(f"`{shown}` did not end within {limit_s:g} s", Exit.TIME_LIMIT) from None
    finally:
        if process.poll() is None:  # also when this program is interrupted: nothing of it may go on
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return process.returncode, output


def expect(command: Sequence[str], *, limit_s: float, env: Mapping[str, str] | None = None) -> str:
    """What it printed. Raises RolloutError, with its last lines, when its exit code is not 0."""
    code, output = run(command, limit_s=limit_s, env=env)
    if code != 0:
        tail = "\n".join(output.splitlines()[-_TAIL_LINES:])
        raise RolloutError(f"`{' '.join(command)}` exited {code}\n{tail}")
    return output
