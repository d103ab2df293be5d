"""`engine` and `backtest`: the engine with one's strategies in it, and a strategy on recorded or generated flow."""

from __future__ import annotations

import argparse
import os

from cli import engine_process, strategies
from cli.engine import read_manifest, run_quietly
from cli.paths import Layout

DEFAULT_ROWS = "20000"
_LIMIT_S = 24 * 3600


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--strategies", metavar="FOLDER", help=f"of your own, built in from now on ({strategies.NONE}: no more)"
    )


def engine(layout: Layout, args: argparse.Namespace) -> int:
    """The bootstrap built what was due; from it the bundle that trading hosts install. Raises EngineError."""
    built = read_manifest(layout)
    assert built is not None, "the bootstrap ran before"
    print(f"engine {built.version}, sha256 {built.sha256}")
    for name, path in strategies.files(layout).items():
        if path.suffix in (".pyx", ".py") and path.name != "__init__.py":
            module = ".".join((strategies.PACKAGE, *name.rpartition(".")[0].split("/")))
            print(f"  {module}  ({path})")
    # reads package metadata with libraries that nothing else needs
    from cli.engine_bundle import build_bundle

    bundle = build_bundle(layout, run_quietly, os.environ)
    print(f"bundle {layout.artifacts / bundle.file}")
    print(f"to roll it out, in Pulumi.prod.yaml: pin: {{ version: {bundle.version}, sha256: {bundle.sha256} }}")
    return 0


def add_backtest_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--strategy", required=True, metavar="MODULE:CLASS", help="such as strategies.join_bid:JoinBid")
    parser.add_argument("--replay", metavar="FILE", help="LOBSTER message file; default: a generated session")
    parser.add_argument("--out", metavar="FOLDER", help="default: .ironlane/backtest/<class>")
    parser.add_argument("options", nargs="*", help="further options of `hotpath backtest` (after --)")


def backtest(layout: Layout, args: argparse.Namespace) -> int:
    """Exit code of `hotpath backtest`."""
    name = args.strategy.rpartition(":")[2]
    out = args.out or str(layout.home / "backtest" / (name if name.isidentifier() else "strategy"))
    options = ["--strategy", args.strategy, "--out", out, *args.options]
    if args.replay:
        options += ["--replay", args.replay]
    elif not any(each.partition("=")[0] in ("--rows", "--replay") for each in args.options):
        options += ["--rows", DEFAULT_ROWS]
    command = engine_process.python(layout, "hotpath", "backtest", *options)
    return engine_process.run(command, layout.root, engine_process.environment(layout), _LIMIT_S)
