"""The command line behind the Makefile: `python3 -m cli COMMAND`. Runs in the project's own environment."""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from cli import bench, bench_gate, checks, control, fuzz, logs, platform, reconcile, session, status, strategy
from cli.engine import EngineError
from cli.paths import Layout, repository_layout
from cli.platform import PlatformError
from cli.preflight import PreflightError
from cli.pulumi import PulumiError, Stack
from components.local.servicectl import ServiceError
from rehearsal.toolchain.environment import NotReadyError
from stacks.stack_file import SettingsError, read_stack_file

Handler = Callable[[Stack, argparse.Namespace], int]


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m cli", description="Ironlane on this machine.")
    parser.add_argument("--stack", type=_stack_name, default="local", help="stack to work on (default: local)")
    parser.add_argument("--config-file", type=Path, help="its settings (default: Pulumi.<stack>.yaml)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, help_text: str, handler: Handler) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help_text, description=help_text)
        command.set_defaults(handler=handler)
        return command

    add("up", "Bring the platform up, or apply what changed in the stack file.", _by_place(platform.up, "up"))
    add("preview", "Show what `up` would change, and change nothing.", _by_place(platform.preview, "preview"))
    add("rehearse", "Cloud stack: up, empty preview, destroy, against a stand-in cloud.", _by_place(None, "rehearse"))
    down = add("down", "Stop everything; data (ledger, journal, databases) is kept.", platform.down)
    down.add_argument("--delete-data", action="store_true", help="delete the stack's data and passwords too")
    show = add("status", "Every service with its gates and where to reach it.", status.status)
    show.add_argument("--json", action="store_true", help="machine-readable")
    follow = add("logs", "Last log lines of every service, or of one.", logs.logs)
    follow.add_argument("service", nargs="?", help="only this service")
    follow.add_argument("--lines", type=_count, default=20, help="lines per service (default: 20)")
    follow.add_argument("--follow", action="store_true", help="keep printing")
    run = add("session", "Replay one recorded session through the whole chain and report on it.", session.session)
    run.add_argument("--replay", help="LOBSTER message file (.csv or .csv.gz); default: generated flow")
    run.add_argument("--rows", type=int, default=20_000, help="length of a generated session (default: 20000 rows)")
    run.add_argument("--speed", default="max", help="1, N times, or max (default)")
    run.add_argument("--timeout", type=float, default=3 * 3600, help="give up after so many seconds")
    run.add_argument("--json", action="store_true", help="print the report as JSON")
    compare = add("reconcile", "Compare the venue's ledger with the OMS database, order by order.", reconcile.reconcile)
    compare.add_argument("--json", action="store_true", help="machine-readable")
    control.add_commands(add)
    build = add("engine", "Build the engine with your strategies in it.", _on_layout(strategy.engine))
    strategy.add_engine_arguments(build)
    simulate = add("backtest", "Run a strategy on a recorded or generated session.", _on_layout(strategy.backtest))
    strategy.add_backtest_arguments(simulate)
    tests = add("test", "The unit level, on the built engine.", _on_layout(checks.test))
    tests.add_argument("--debug", action="store_true", help="engine tests on a debug build of their own")
    tests.add_argument("--sanitize", action="store_true", help="with --debug: AddressSanitizer and UBSan, too")
    tests.add_argument("--slow", action="store_true", help="instead: the ones with real engines, servers and builds")
    tests.add_argument("--e2e", action="store_true", help="the end-to-end tests")
    tests.add_argument("pytest", nargs="*", help="passed to pytest (after --)")
    bench.add_arguments(add("bench", "Measure the engine.", _on_layout(bench.bench)))
    gate = add("bench-gate", "Instructions per operation against the baseline.", _on_layout(bench_gate.bench_gate))
    bench_gate.add_arguments(gate)
    fuzz.add_arguments(add("fuzz", "Fuzz the codecs, guided by coverage.", _on_layout(fuzz.fuzz)))
    add("lint", "Style and strict types.", _on_layout(checks.lint))
    add("fmt", "Format the code.", _on_layout(checks.fmt))
    return parser


def _stack_name(text: str) -> str:
    # names a folder below .ironlane/run that `down --delete-data` deletes, so it must never be a path
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no stack name: 1 to 64 letters, digits, `-` or `_`")
    return text


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _by_place(local: Handler | None, name: str) -> Handler:
    """The local stack's handler, or that of cli.cloud: the SDKs which it needs are not everybody's."""

    def handle(stack: Stack, args: argparse.Namespace) -> int:
        if read_stack_file(stack.file).get("environment") == "local" and local is not None:
            return local(stack, args)
        handler: Handler = getattr(import_module("cli.cloud"), name)
        return handler(stack, args)

    return handle


def _on_layout(check: Callable[[Layout, argparse.Namespace], int]) -> Handler:
    return lambda stack, args: check(stack.layout, args)


def main(arguments: list[str]) -> int:
    args = build_parser().parse_args(arguments)
    layout = repository_layout()
    stack = Stack(args.stack, (args.config_file or layout.root / f"Pulumi.{args.stack}.yaml").resolve(), layout)
    try:
        handler: Handler = args.handler
        return handler(stack, args)
    except (
        SettingsError, PreflightError, PulumiError, ServiceError, PlatformError, NotReadyError, EngineError,
    ) as error:  # fmt: skip
        print(f"error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `make logs | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"error: {f'{error.filename}: ' if error.filename else ''}{error.strerror or error}", file=sys.stderr)
        return 1
    except subprocess.TimeoutExpired as error:
        words = error.cmd if isinstance(error.cmd, str) else " ".join(map(str, error.cmd))
        print(f"error: `{words}` did not end within {error.timeout:g} s", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _wind_down_when_ended() -> None:
    """SIGTERM and the end of the terminal stop what is under way as Ctrl-C does."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, lambda received, _: sys.exit(128 + received))


if __name__ == "__main__":
    _wind_down_when_ended()
    sys.exit(main(sys.argv[1:]))
