"""`python -m benchmarks --build FOLDER --output FILE`: measure, print the table, write the JSON.

Exit code 1 when our own counts differ from the reference or our run fails (a wrong rival is shown as wrong), 2 when
nothing could be measured.
"""

from __future__ import annotations

import argparse
import atexit
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.status import Status

from benchmarks.build import BuildError, ensure_built
from benchmarks.conditions import conditions
from benchmarks.contender import Machine, Skipped, Work

if TYPE_CHECKING:
    from benchmarks.runner import Outcome

TIMER_SAMPLES = 200_000
OURS = "ironlane"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the engine.")
    parser.add_argument("--build", type=Path, required=True, help="folder for the compiled loops")
    parser.add_argument("--output", type=Path, required=True, help="JSON report")
    parser.add_argument("--peers", type=Path, required=True, help="folder with the installed peers")
    parser.add_argument("--quick", action="store_true", help="short inputs, few repeats: shows that all of it works")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this work (repeatable)")
    parser.add_argument("--repeats", type=int, help="measured rounds of each contender")
    parser.add_argument("--recorded", type=Path, help="LOBSTER message file")
    options = parser.parse_args(arguments)
    if options.repeats is not None and not 1 <= options.repeats <= 1000:
        parser.error(f"--repeats {options.repeats}: must be 1 to 1000")

    err = Console(stderr=True, highlight=False)
    started = time.monotonic()
    try:
        with err.status("compiling the benchmark loops"):
            libraries = ensure_built(options.build.resolve())
    except BuildError as error:
        err.print(f"error: {error}", markup=False)
        return 2
    err.print(f"benchmark loops ready ({time.monotonic() - started:.0f} s)")

    # only now can the compiled loops be imported
    from benchmarks.contenders import contenders
    from benchmarks.report import show, write_json
    from benchmarks.runner import run_work
    from benchmarks.workloads import FULL, QUICK, Workloads

    scale = QUICK if options.quick else FULL
    cpus = len(os.sched_getaffinity(0))
    makers = Workloads(scale, options.recorded, cpus).makers()
    unknown = sorted(set(options.only or ()) - set(makers))
    if unknown:
        parser.error(f"--only {', '.join(unknown)}: known are {', '.join(makers)}")
    # a limit on our time ends the other processes too, and what they share
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    cpu, peer = _pin()
    scratch = Path(tempfile.mkdtemp(prefix="ironlane-bench-"))
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    machine = Machine(cpu, peer, libraries, options.peers.resolve(), scratch)
    stated = conditions(cpus, cpu, peer)
    timer = _timer_cost()
    done: list[tuple[Work, list[Outcome]]] = []
    skipped: list[Skipped] = []
    for name, make in makers.items():
        if options.only and name not in options.only:
            continue
        began = time.monotonic()
        with err.status(f"{name}: preparing") as line:
            work = make()
            if isinstance(work, Skipped):
                skipped.append(work)
                err.print(f"{name}: skipped, {work.reason}")
                continue
            outcomes = run_work(
                work,
                contenders(),
                machine,
                options.repeats or scale.repeats,
                partial(_progress, line, name),
            )
        done.append((work, outcomes))
        err.print(f"{name}: {time.monotonic() - began:.1f} s")
    show(Console(highlight=False, width=None if sys.stdout.isatty() else 200), done, skipped, stated, timer)
    write_json(options.output, done, skipped, stated, timer)
    print(f"report: {options.output}")
    return _verdict([outcome for _, outcomes in done for outcome in outcomes])


def _progress(line: Status, name: str, text: str) -> None:
    line.update(f"{name}: {text}")


def _verdict(outcomes: Sequence[Outcome]) -> int:
    """A rival that is wrong is shown as that; only we must be right."""
    ours = [each for each in outcomes if each.contender == OURS]
    if not ours:
        return 2
    return 0 if all(each.verified() for each in ours) else 1


def _pin() -> tuple[int | None, int | None]:
    """Pins this process to the last usable CPU; the first one is for a second process."""
    usable = sorted(os.sched_getaffinity(0))
    try:
        os.sched_setaffinity(0, {usable[-1]})
    except OSError:
        return None, None
    return usable[-1], usable[0] if len(usable) > 1 else None


def _timer_cost() -> Mapping[str, int]:
    from benchmarks.native.samples import Samples, timer_pair

    samples = Samples(TIMER_SAMPLES)
    timer_pair(samples)
    return samples.percentiles()


if __name__ == "__main__":
    sys.exit(main())
