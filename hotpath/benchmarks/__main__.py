"""`python -m benchmarks --build FOLDER --output FOLDER`: measure, print the tables, write them with JSON and plots.

Exit code 1 when our own counts differ from the reference or our run fails (a wrong rival is shown as wrong), 2 when
nothing could be measured.
"""

from __future__ import annotations

import argparse
import atexit
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.status import Status

from benchmarks.build import BuildError, ensure_built
from benchmarks.conditions import conditions
from benchmarks.contender import Machine, Skipped
from benchmarks.publish import publish
from benchmarks.report import JSON_FILE, OURS, Done, as_data, updated
from benchmarks.runner import Outcome, run_work
from benchmarks.tables import show

TIMER_SAMPLES = 200_000


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the engine.")
    parser.add_argument("--build", type=Path, required=True, help="folder for the compiled loops")
    parser.add_argument("--output", type=Path, required=True, help="folder for results.json, results.md, plots")
    parser.add_argument("--peers", type=Path, required=True, help="folder with the installed peers")
    parser.add_argument("--quick", action="store_true", help="short inputs, few repeats: shows that all of it works")
    parser.add_argument("--only", action="append", metavar="NAME", help="only these works (repeatable)")
    parser.add_argument("--update", action="store_true", help="put the figures in place of those in the report there")
    parser.add_argument("--repeats", type=int, help="measured rounds of each contender")
    parser.add_argument("--recorded", type=Path, help="LOBSTER message file")
    parser.add_argument("--how", help="page that explains the works, as results.md links to it")
    options = parser.parse_args(arguments)
    if options.repeats is not None and not 1 <= options.repeats <= 1000:
        parser.error(f"--repeats {options.repeats}: must be 1 to 1000")
    if options.update and not (options.output / JSON_FILE).is_file():
        parser.error(f"--update: no {JSON_FILE} in {options.output}; measure all first")

    # what was started and made has to go: with SIGTERM as with Ctrl-C
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
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
    from benchmarks.workloads import FULL, QUICK, Workloads

    scale = QUICK if options.quick else FULL
    usable = tuple(sorted(os.sched_getaffinity(0)))
    cpus = len(usable)
    makers = Workloads(scale, options.recorded, cpus).makers()
    unknown = [name for name in options.only or () if not any(_is_meant(name, made) for made in makers)]
    if unknown:
        parser.error(f"--only {', '.join(unknown)}: known are {', '.join(makers)}")
    # a limit on our time ends the other processes too, and what they share
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    cpu, peer = _pin()
    scratch = Path(tempfile.mkdtemp(prefix="ironlane-bench-"))
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    machine = Machine(cpu, peer, libraries, options.peers.resolve(), scratch, usable)
    stated = conditions(cpus, cpu, peer)
    timer = _timer_cost()
    done: list[Done] = []
    broken = 0
    for name, make in makers.items():
        if options.only and not any(_is_meant(only, name) for only in options.only):
            continue
        began = time.monotonic()
        with err.status(f"{name}: preparing") as line:
            try:
                work = make()
            except Exception as error:  # the others are still worth their time
                broken = 1
                work = Skipped(name, name, f"FAILED to prepare: {type(error).__name__}: {error}")
            if isinstance(work, Skipped):
                done.append(work)
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
    data = as_data(done, stated, timer)
    show(Console(highlight=False, width=None if sys.stdout.isatty() else 200), data)
    if options.update:
        data = updated(json.loads((options.output / JSON_FILE).read_text()), data)
    print(f"report: {publish(options.output, data, options.how)}")
    return max(broken, _verdict([outcome for each in done if not isinstance(each, Skipped) for outcome in each[1]]))


def _is_meant(only: str, name: str) -> bool:
    """`ring` means `ring-round-trip` and `ring-one-way`."""
    return f"{name}-".startswith(f"{only}-")


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
