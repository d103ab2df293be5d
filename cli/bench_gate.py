"""`bench-gate`: instructions and branch mispredictions per operation against the committed baseline."""

from __future__ import annotations

import argparse
from pathlib import Path

from cli import engine_process
from cli.paths import Layout

BASELINE = Path("hotpath", "benchmarks", "instruction_baseline.json")
_LIMIT_S = 1200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--update", action="store_true", help="make what is measured now the baseline")
    parser.add_argument("--slowdown", action="store_true", help="with a lookup too many per command: must fail")


def bench_gate(layout: Layout, args: argparse.Namespace) -> int:
    """0: within 5 % of the baseline, or skipped with the reason; 1: above it, or it could not be measured."""
    # a build of its own: each call would compile anew what the other removed
    build = layout.build / ("bench-gate-slowdown" if args.slowdown else "bench-gate")
    options = ["--build", str(build), "--baseline", str(layout.root / BASELINE)]
    options += [f"--{name}" for name in ("update", "slowdown") if getattr(args, name)]
    command = engine_process.python(layout, "benchmarks.gate", *options)
    hotpath = layout.root / "hotpath"
    return 1 if engine_process.run(command, hotpath, engine_process.environment(layout, hotpath), _LIMIT_S) else 0
