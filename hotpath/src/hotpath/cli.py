"""The `hotpath` command: run a role, wait until it is ready, show its status; backtest a strategy.

`ready` and `status` run often (supervisor, scripts), so nothing heavy is imported before it is needed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hotpath.ipc.status import RoleStatus

EXIT_OK = 0
EXIT_NOT_READY = 1
EXIT_CONFIG = 78  # EX_CONFIG: the supervisor does not restart on it

# role -> (module with run(config_path) -> int, name of its struct in hotpath.config)
ROLES = {
    "venue": ("hotpath.venue.role", "VenueConfig"),
    "feed-handler": ("hotpath.feed.role", "FeedHandlerConfig"),
    "strategy": ("hotpath.strategy.role", "StrategyConfig"),
    "order-router": ("hotpath.router.role", "OrderRouterConfig"),
    "agent": ("hotpath.agent.role", "AgentConfig"),
}
# what `run` takes besides: no role of its own, so it has no status block to wait for
COMPOSITE = "composite"
RUNNABLE = {role: module for role, (module, _) in ROLES.items()} | {COMPOSITE: "hotpath.composite.role"}
READY_POLL_S = 0.02
MAX_READY_TIMEOUT_S = 3600.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the process exit code."""
    options = _parser().parse_args(arguments)
    from hotpath.config import ConfigError

    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except ConfigError as error:
        print(f"hotpath: {error}", file=sys.stderr)
        return EXIT_CONFIG
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hotpath",
        description="Ironlane's engine: one process per role.",
        epilog="exit codes: 0 done, 1 not ready or stopped with a problem, 2 wrong usage, 78 unusable configuration",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    run = commands.add_parser(
        "run",
        help="run a role until SIGTERM",
        description="Run a role in the foreground; SIGTERM or SIGINT stops it gracefully.",
    )
    help_text = ", ".join(sorted(ROLES)) + f"; {COMPOSITE}: several of them in one process"
    run.add_argument("role", choices=sorted(RUNNABLE), metavar="ROLE", help=help_text)
    run.add_argument("--config", required=True, metavar="FILE", help="the role's JSON configuration file")
    run.set_defaults(command=_run)

    ready = commands.add_parser(
        "ready",
        help="wait until a role is ready",
        description="Wait until a role's process runs, its heartbeat is young and all gates are open; print each gate.",
    )
    ready.add_argument("role", choices=sorted(ROLES), metavar="ROLE", help=", ".join(sorted(ROLES)))
    ready.add_argument("--config", required=True, metavar="FILE", help="the role's JSON configuration file")
    ready.add_argument(
        "--timeout",
        type=_seconds,
        default=10.0,
        metavar="S",
        help="seconds to wait, 0 to look once (default: %(default)s)",
    )
    ready.add_argument(
        "--except", dest="ignored", action="append", default=[], metavar="GATE", help="do not wait for this gate"
    )
    ready.set_defaults(command=_ready)

    status = commands.add_parser(
        "status",
        help="show the roles of a host",
        description="Show state, gates and counters of every role that shares the file's shm_prefix.",
    )
    status.add_argument("--config", required=True, metavar="FILE", help="any role's JSON configuration file")
    status.add_argument("--json", action="store_true", help="print JSON")
    status.set_defaults(command=_status)

    latency = commands.add_parser(
        "latency",
        help="latency of every stage of a host",
        description="Percentiles of every stage since its role started, or over a stretch of time.",
    )
    latency.add_argument("--config", required=True, metavar="FILE", help="any role's JSON configuration file")
    latency.add_argument(
        "--until-eof", action="store_true", help="print `counting`, then count until standard input ends"
    )
    latency.add_argument("--json", action="store_true", help="print JSON")
    latency.set_defaults(command=_latency)

    check = commands.add_parser(
        "check-flow",
        help="check a LOBSTER message file",
        description="Read a LOBSTER message file and check every row.",
    )
    check.add_argument("file", metavar="FILE", help=".csv or .csv.gz")
    check.add_argument("--on-bad-row", choices=("stop", "skip"), default="stop", help="default: %(default)s")
    check.set_defaults(command=_check_flow)
    _add_backtest(commands)
    return parser


def _add_backtest(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "backtest",
        help="run a strategy on a recorded or generated session",
        description="Run a strategy on a session in simulated time, by the engine's own code: orders.csv, fills.csv, "
        "equity.csv, summary.json and a plot. The same input gives the same bytes.",
    )
    parser.set_defaults(command=_backtest)
    parser.add_argument("--strategy", required=True, metavar="MODULE:CLASS", help="Cython or Python strategy")
    parser.add_argument(
        "--parameters",
        action="append",
        default=[],
        metavar="FILE|K=V",
        help="of the strategy: a JSON file, or name=value (repeatable)",
    )
    flow = parser.add_mutually_exclusive_group(required=True)
    flow.add_argument("--replay", type=Path, metavar="FILE", help="LOBSTER message file, .csv or .csv.gz")
    flow.add_argument("--rows", type=int, metavar="N", help="length of a generated session")
    parser.add_argument("--seed", type=int, default=1, help="of a generated session (default: %(default)s)")
    parser.add_argument("--rows-per-second", type=float, default=200.0, help="generated (default: %(default)s)")
    parser.add_argument(
        "--reference-price", default="100.00", metavar="DOLLARS", help="generated (default: %(default)s)"
    )
    parser.add_argument(
        "--on-bad-row", choices=("stop", "skip"), default="stop", help="recorded (default: %(default)s)"
    )
    parser.add_argument("--symbol", default="IRON", help="when the file's name does not tell (default: %(default)s)")
    parser.add_argument("--tick", default="0.01", metavar="DOLLARS", help="default: %(default)s")
    parser.add_argument("--round-lot", type=int, default=100, metavar="SHARES", help="default: %(default)s")
    parser.add_argument(
        "--latency-us",
        type=int,
        default=0,
        metavar="N",
        help="one way, market data and orders alike (default: %(default)s)",
    )
    parser.add_argument("--market-data-latency-us", type=int, metavar="N", help="venue to strategy, instead")
    parser.add_argument("--order-latency-us", type=int, metavar="N", help="router to venue and back, instead")
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of the risk gate, instead of the local stack's (repeatable)",
    )
    parser.add_argument("--timer-ms", type=int, default=100, help="between on_timer callbacks (default: %(default)s)")
    parser.add_argument(
        "--sample-ms", type=int, default=1000, help="between points of equity.csv (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the files go; made when missing")
    parser.add_argument("--no-plot", dest="plot", action="store_false", help="files only")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            text = version("ironlane-hotpath")
        except PackageNotFoundError:
            text = "not installed (running from a source tree)"
        print(f"hotpath {text}")
        parser.exit()


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= MAX_READY_TIMEOUT_S:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds in 0..{MAX_READY_TIMEOUT_S:g}")
    return value


def _run(options: argparse.Namespace) -> int:
    code: int = importlib.import_module(RUNNABLE[options.role]).run(options.config)
    return code


def _ready(options: argparse.Namespace) -> int:
    from hotpath import config

    _, kind = ROLES[options.role]
    prefix = config.load(options.config, getattr(config, kind)).runtime.shm_prefix
    from hotpath.ipc.status import read_status

    deadline = time.monotonic() + options.timeout
    while True:
        status = read_status(prefix, options.role)
        if _is_ready(status, options.ignored):
            _print_status(status)
            return EXIT_OK
        if time.monotonic() >= deadline:
            _print_status(status)
            problems = "; ".join(status["problems"])
            print(f"{options.role}: not ready after {options.timeout:g} s: {problems}", file=sys.stderr)
            return EXIT_NOT_READY
        time.sleep(READY_POLL_S)


def _is_ready(status: RoleStatus, ignored: list[str]) -> bool:
    closed = [gate for gate in status["gates"] if not gate["ok"]]
    expected = bool(closed) and all(gate["name"] in ignored for gate in closed)
    # without the closed gates there is no other problem: alive, heartbeat young
    return status["ready"] or (expected and len(status["problems"]) == len(closed))


def _status(options: argparse.Namespace) -> int:
    from hotpath.config import load_runtime

    prefix = load_runtime(options.config).shm_prefix
    from hotpath.ipc.status import read_status

    roles = [read_status(prefix, role) for role in ROLES]
    started = [status for status in roles if status["pid"]]
    if options.json:
        print(json.dumps(roles, indent=2))
    else:
        for status in started:
            _print_status(status, counters=True)
        for status in roles:
            if not status["pid"]:
                print(f"{status['role']}: {'; '.join(status['problems'])}")
    return EXIT_OK if started and all(status["ready"] for status in started) else EXIT_NOT_READY


def _latency(options: argparse.Namespace) -> int:
    from hotpath.config import load_runtime

    prefix = load_runtime(options.config).shm_prefix
    from hotpath import latency_report

    rows = latency_report.report(prefix, options.until_eof)
    print(json.dumps(rows) if options.json else latency_report.as_text(rows))
    return EXIT_OK if rows else EXIT_NOT_READY


def _check_flow(options: argparse.Namespace) -> int:
    from hotpath.venue.flow import FlowError
    from hotpath.venue.lobster import read_lobster

    try:
        flow = read_lobster(options.file, options.on_bad_row)
    except FlowError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIG
    print(f"{options.file}: {flow.total} rows, {flow.bad_rows} skipped")
    return EXIT_OK


def _backtest(options: argparse.Namespace) -> int:
    from hotpath.backtest import command

    return command.main(options)


def _print_status(status: RoleStatus, *, counters: bool = False) -> None:
    ready = "yes" if status["ready"] else "no"
    print(f"{status['role']}: {status['state']} pid={status['pid']} epoch={status['epoch']} ready={ready}")
    for gate in status["gates"]:
        print(f"  {'ok  ' if gate['ok'] else 'FAIL'} {gate['name']}{': ' + gate['reason'] if gate['reason'] else ''}")
    if counters:
        for name, value in status["counters"].items():
            print(f"       {name} {value}")
