"""`bench`: measure the installed engine on this machine.

The measuring runs in a process of its own, with the project's Python and the engine of the last build on its path.
The report of a whole run becomes part of the repository, `docs/benchmarks/`; that of a part of it, or of a brief one,
goes to `.ironlane/bench/<time>/`.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from cli import bench_peers
from cli.engine import engine_site_packages, read_manifest
from cli.paths import Layout

PUBLISHED = Path("docs", "benchmarks")
_LIMIT_S = 3 * 3600
_STOP_S = 10
_PYTHON_VARIABLES = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="all of it briefly: shows that it works, not how fast")
    parser.add_argument("--peers", action="store_true", help="first install what the engine is measured beside")
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="only this work, or all that begin with it (repeatable)"
    )
    parser.add_argument("--repeats", type=int, help="measured rounds (default: 12)")
    parser.add_argument("--recorded", type=Path, help="LOBSTER message file to build a book from")
    parser.add_argument("--output", type=Path, help="folder of the report (default: see above)")


def bench(layout: Layout, args: argparse.Namespace) -> int:
    """0: all measured and right; 1: a count differs from the reference, or it could not be measured."""
    manifest = read_manifest(layout)
    if manifest is None:
        print("error: no engine has been built; `python3 -m cli.bootstrap ensure` builds it", file=sys.stderr)
        return 1
    try:
        packages = engine_site_packages(layout, manifest.sha256)
    except (OSError, ValueError, KeyError) as error:
        print(
            f"error: engine {manifest.sha256[:16]} is not installed ({error}); "
            "`python3 -m cli.bootstrap ensure` installs it",
            file=sys.stderr,
        )
        return 1
    if args.peers:
        bench_peers.install(layout)
    output = _report_folder(layout, args)
    command = [str(layout.venv_python), "-P", "-m", "benchmarks"]
    command += ["--build", str(layout.build / "benchmarks"), "--output", str(output.resolve())]
    command += ["--peers", str(layout.peers)]
    if output.resolve() == layout.root / PUBLISHED:
        command += ["--how", "../benchmarks.md"]
    if args.quick:
        command.append("--quick")
    for name in args.only or ():
        command += ["--only", name]
    if args.repeats is not None:
        command += ["--repeats", str(args.repeats)]
    recorded = args.recorded or _recorded_session(layout)
    if recorded is not None:
        command += ["--recorded", str(recorded.resolve())]
    env = {name: value for name, value in os.environ.items() if name not in _PYTHON_VARIABLES}
    env["PYTHONPATH"] = os.pathsep.join(str(path) for path in (layout.root / "hotpath", *packages))
    return _run(command, layout.root / "hotpath", env)


def _report_folder(layout: Layout, args: argparse.Namespace) -> Path:
    """Nothing tracked is touched by a run that does not measure everything in full."""
    if args.output is not None:
        return Path(args.output)
    if args.quick or args.only or args.repeats is not None:
        return layout.home / "bench" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    return layout.root / PUBLISHED


def _recorded_session(layout: Layout) -> Path | None:
    """The recorded session that lies beside the repository, when there is one."""
    folder = layout.root.parent / "shared" / "data" / "lobster"
    return next(iter(sorted(folder.glob("*_message_*.csv*"))), None)


def _run(command: list[str], folder: Path, env: dict[str, str]) -> int:
    try:
        process = subprocess.Popen(command, cwd=folder, env=env)
    except OSError as error:
        print(f"error: cannot start {command[0]}: {error.strerror}", file=sys.stderr)
        return 1
    try:
        code = process.wait(_LIMIT_S)
    except subprocess.TimeoutExpired:
        print(f"error: the benchmarks took longer than {_LIMIT_S} s", file=sys.stderr)
        code = 1
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    return 1 if code else 0
