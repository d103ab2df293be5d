"""`bench`: measure the installed engine on this machine.

The measuring runs in a process of its own, with the project's Python and the engine of the last build on its path.
The report of a whole run becomes part of the repository, `docs/benchmarks/`; that of a part of it, or of a brief one,
goes to `.ironlane/bench/<time>/`.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from cli import bench_peers, engine_process
from cli.paths import Layout

PUBLISHED = Path("docs", "benchmarks")
_LIMIT_S = 3 * 3600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="all of it briefly: shows that it works, not how fast")
    parser.add_argument("--peers", action="store_true", help="first install what the engine is measured beside")
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="only this work, or all that begin with it (repeatable)"
    )
    parser.add_argument(
        "--update", action="store_true", help="put the works of --only in place of theirs in docs/benchmarks/"
    )
    parser.add_argument("--repeats", type=int, help="measured rounds (default: 12)")
    parser.add_argument("--recorded", type=Path, help="LOBSTER message file to build a book from")
    parser.add_argument("--output", type=Path, help="folder of the report (default: see above)")


def bench(layout: Layout, args: argparse.Namespace) -> int:
    """0: all measured and right; 1: a count differs from the reference, or it could not be measured."""
    if args.update and (args.quick or args.repeats is not None):
        print("error: --update goes with neither --quick nor --repeats: the report holds whole runs", file=sys.stderr)
        return 1
    if args.peers:
        bench_peers.install(layout)
    output = _report_folder(layout, args)
    command = engine_process.python(layout, "benchmarks", "--output", str(output.resolve()))
    command += ["--build", str(layout.build / "benchmarks"), "--peers", str(layout.peers)]
    if output.resolve() == layout.root / PUBLISHED:
        command += ["--how", "../benchmarks.md"]
    for option in ("quick", "update"):
        if getattr(args, option):
            command.append(f"--{option}")
    for name in args.only or ():
        command += ["--only", name]
    if args.repeats is not None:
        command += ["--repeats", str(args.repeats)]
    recorded = args.recorded or _recorded_session(layout)
    if recorded is not None:
        command += ["--recorded", str(recorded.resolve())]
    hotpath = layout.root / "hotpath"
    return 1 if engine_process.run(command, hotpath, engine_process.environment(layout, hotpath), _LIMIT_S) else 0


def _report_folder(layout: Layout, args: argparse.Namespace) -> Path:
    """Nothing tracked is touched by a run that does not measure everything in full."""
    if args.output is not None:
        return Path(args.output)
    if args.update:
        return layout.root / PUBLISHED
    if args.quick or args.only or args.repeats is not None:
        return layout.home / "bench" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    return layout.root / PUBLISHED


def _recorded_session(layout: Layout) -> Path | None:
    """The recorded session that lies beside the repository, when there is one."""
    folder = layout.root.parent / "shared" / "data" / "lobster"
    return next(iter(sorted(folder.glob("*_message_*.csv*"))), None)
