"""`python -m benchmarks.gate --build FOLDER --baseline FILE`: fails when an operation costs 5 % more than it did.

Exit code 0: within 5 %, or skipped with the reason; 1: a count has risen; 2: it could not be measured.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.build import GATE_MODULES, BuildError, compiler, ensure_built
from benchmarks.gate import callgrind
from benchmarks.gate.compare import BaselineError, Builder, Change, Verdict, compare, failed, read, write

UPDATE = "make bench-gate UPDATE=1"
SLOWDOWN = "IRONLANE_SLOWDOWN=1"
OK, RISEN, UNMEASURED = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description="Instructions per operation.")
    parser.add_argument("--build", type=Path, required=True, help="folder for the compiled loops and the counts")
    parser.add_argument("--baseline", type=Path, required=True, help="JSON file")
    parser.add_argument("--update", action="store_true", help="make what is measured now the baseline")
    parser.add_argument("--slowdown", action="store_true", help="with a lookup too many: to see the gate fail")
    options = parser.parse_args(arguments)
    if options.update and options.slowdown:
        parser.error("--update with --slowdown: a deliberate slowdown is no baseline")
    tool = callgrind.version()
    if tool is None:
        print("skipped: instruction gate: no valgrind on PATH; `apt-get install valgrind` brings it")
        return OK
    try:
        return _gate(options, tool)
    except (BuildError, BaselineError, callgrind.CallgrindError) as error:
        print(f"error: {error}", file=sys.stderr)
        return UNMEASURED


def _gate(options: argparse.Namespace, tool: str) -> int:
    builder = Builder(platform.machine(), compiler())
    baselines = read(options.baseline)
    before = baselines.get(builder)
    if before is None and not options.update:
        known = "; ".join(f"{each.architecture}, {each.compiler}" for each in baselines) or "none"
        print(
            f"skipped: instruction gate: no baseline for {builder.architecture}, {builder.compiler} "
            f"(there are: {known}); `{UPDATE}` writes one"
        )
        return OK
    folder = options.build.resolve()
    libraries = ensure_built(folder, GATE_MODULES, [SLOWDOWN] if options.slowdown else [])
    costs = callgrind.measure(libraries, folder)
    changes = compare(before or {}, costs)
    _show(changes)
    if options.update:
        how = {
            "valgrind": tool,
            "python": platform.python_version(),
            "cython": importlib.metadata.version("Cython"),
        }
        write(options.baseline, builder, costs, how)
        print(f"baseline: {options.baseline}")
        return OK
    return _judge(changes, folder)


def _judge(changes: list[Change], folder: Path) -> int:
    if any(each.verdict in (Verdict.FALLEN, Verdict.NEW) for each in changes):
        print(f"less than the baseline, or new: `{UPDATE}` makes it the baseline, so that it cannot be lost unseen")
    bad = failed(changes)
    if not bad:
        return OK
    print("\nFAILED: more than 5 % above the baseline, or no longer measured:", file=sys.stderr)
    for name in dict.fromkeys(each.operation for each in bad if each.verdict is Verdict.RISEN):
        print(f"  {name} spends its instructions in", file=sys.stderr)
        for line in callgrind.hot_spots(folder, name):
            print(f"    {line}", file=sys.stderr)
    print(f"If that is the price of something wanted: `{UPDATE}`, and say why in the commit.", file=sys.stderr)
    return RISEN


def _show(changes: Sequence[Change]) -> None:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name, justify in (("operation", "left"), ("per operation", "left"), ("baseline", "right"), ("now", "right"),
                          ("change", "right"), ("", "left")):  # fmt: skip
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for each in changes:
        relative = each.relative
        table.add_row(
            each.operation,
            each.count,
            *("" if value is None else f"{value:.2f}" for value in (each.before, each.after)),
            "" if relative is None else f"{100 * relative:+.1f} %",
            "" if each.verdict is Verdict.SAME else str(each.verdict),
        )
    Console(highlight=False, width=None if sys.stdout.isatty() else 120).print(table)


if __name__ == "__main__":
    sys.exit(main())
