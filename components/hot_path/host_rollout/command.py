"""The commands of `host_rollout`, one at a time on a host. Each can be repeated: what is done already stays done."""

from __future__ import annotations

import argparse
import fcntl
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from . import configure, drain, host_checks, install, reconcile, switch, warm_up
from .errors import Exit, RolloutError
from .places import Places
from .roles import KNOWN_ROLES

LONGEST_S = 3600.0
_LOCK_WAIT_S = 30.0
_LIMITS_S = {"install": 300.0, "check": 60.0, "warm-up": 120.0, "drain": 60.0, "switch": 60.0, "reconcile": 120.0}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code, see `Exit`."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace, Places], str] = options.command
    places = Places(options.root)
    try:
        with _only_one(places.lock):
            print(command(options, places), flush=True)
    except RolloutError as error:
        print(f"host_rollout: {error}", file=sys.stderr)
        return error.code
    except OSError as error:
        print(f"host_rollout: {error.filename}: {error.strerror}", file=sys.stderr)
        return Exit.REFUSED
    return Exit.DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="host_rollout",
        description="Puts an engine onto this trading host.",
        epilog="exit codes: 0 done, 1 refused, 2 wrong usage, 3 nobody can say (such as an order without an outcome),"
        " 4 not within the limit of time",
    )
    parser.add_argument("--root", type=Path, default=Path("/"), help="folder to take for / (default: /)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, text: str, run: Callable[[argparse.Namespace, Places], str]) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(command=run)
        if name in _LIMITS_S:
            command.add_argument(
                "--limit", type=_seconds, default=_LIMITS_S[name], metavar="S", help="seconds (default: %(default)g)"
            )
        return command

    one = add(
        "install", "Install a bundle beside the engines that are there.",
        lambda options, places: install.install(places, options.bundle, options.sha256, options.limit),
    )  # fmt: skip
    one.add_argument("--bundle", type=Path, required=True, metavar="FILE")
    _digest(one)
    _digest(add("check", "Run the host check that came with an engine.",
                lambda options, places: host_checks.check(places, options.sha256, options.limit)))  # fmt: skip
    _digest(add("warm-up", "Run an engine through a generated session.",
                lambda options, places: warm_up.warm_up(places, options.sha256, options.limit)))  # fmt: skip
    files = add(
        "configure", "Write the host's files, given as JSON (text by path) on standard input, and apply them.",
        lambda options, places: configure.configure(places, sys.stdin.buffer.read(), options.specification),
    )  # fmt: skip
    files.add_argument("--specification", metavar="DIGEST", help="sha256 that standard input must have")
    down = add("drain", "Stop what has orders, with proof that none stays open.", _drain)
    _roles(down)
    down.add_argument(
        "--sha256", metavar="DIGEST", help="of the bundle to come: when all is in place, nothing is stopped"
    )
    down.add_argument("--specification", metavar="DIGEST", help="of the files to come")
    two = add("switch", "Make an engine the current one; the host must be drained.",
              lambda options, places: switch.switch(places, options.sha256, options.roles, options.limit))  # fmt: skip
    _digest(two)
    _roles(two)
    three = add("reconcile", "Start the roles on the current engine and wait for their gates.", _reconcile)
    _digest(three)
    _roles(three)
    three.add_argument(
        "--except", dest="allowed", action="append", default=[], type=_gate, metavar="ROLE/GATE",
        help="a gate that need not open",
    )  # fmt: skip
    back = add("rollback", "Make the engine before the current one; the host must be drained.",
               lambda options, places: switch.rollback(places, options.roles, _LIMITS_S["switch"]))  # fmt: skip
    _roles(back)
    return parser


def _drain(options: argparse.Namespace, places: Places) -> str:
    wanted = (options.sha256, options.specification)
    if options.sha256 and wanted == (switch.target(places.current), configure.configured(places)):
        return f"engine {options.sha256} and its specification are in place already: nothing to drain for"
    return drain.drain(places, options.roles, options.limit)


def _reconcile(options: argparse.Namespace, places: Places) -> str:
    allowed: dict[str, list[str]] = {}
    for role, gate in options.allowed:
        allowed.setdefault(role, []).append(gate)
    return reconcile.reconcile(places, options.sha256, options.roles, allowed, options.limit)


def _digest(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sha256", required=True, metavar="DIGEST", help="of the bundle")


def _roles(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--roles", required=True, type=_role_names, metavar="A,B", help="that run on this host")


def _role_names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    # a name that is misspelt would be a role without orders
    unknown = [name for name in names if name not in KNOWN_ROLES]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(map(repr, unknown))}: known roles are {', '.join(KNOWN_ROLES)}")
    return names


def _gate(text: str) -> tuple[str, str]:
    role, slash, gate = text.partition("/")
    if not (role and slash and gate):
        raise argparse.ArgumentTypeError(f"{text!r}: ROLE/GATE is expected, such as feed-handler/fresh")
    return role, gate


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= LONGEST_S:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0, at most {LONGEST_S:g}")
    return value


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + _LOCK_WAIT_S
    with lock.open("a") as held:
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise RolloutError(f"{lock}: another command holds it", Exit.TIME_LIMIT) from None
                time.sleep(0.2)
        yield
