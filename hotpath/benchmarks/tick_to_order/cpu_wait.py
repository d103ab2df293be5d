"""How long threads were ready to run while something else had their CPU: what a tail owes to the machine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

THIS_THREAD = "/proc/thread-self"


def waited_ns(threads: Iterable[str]) -> int | None:
    """Sum over them since they began. threads: folders of /proc. None: the kernel does not tell.

    Source: Documentation/scheduler/sched-stats.rst, /proc/<pid>/schedstat, second field.
    """
    try:
        return sum(int((Path(each) / "schedstat").read_text().split()[1]) for each in threads)
    except (OSError, IndexError, ValueError):
        return None


def threads_of(pids: Iterable[int]) -> list[str]:
    """Folders of all threads of these processes that are there."""
    return [str(thread) for pid in pids for thread in Path(f"/proc/{pid}/task").glob("*")]
