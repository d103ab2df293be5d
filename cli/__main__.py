"""Entry of every `make` target: makes the environment ready, then runs the command in it. Standard library only."""

from __future__ import annotations

import itertools
import os
import re
import signal
import sys
from pathlib import Path

from cli.bootstrap import BootstrapError, ensure
from cli.credentials import has_credentials
from cli.engine import build_variables
from cli.paths import Layout, repository_layout

NEEDS_TEST_TOOLS = {"test", "lint", "fmt", "bench", "bench-gate", "fuzz"}
NEEDS_PLOTS = {"bench", "backtest"}
# of a stack that runs: a strategy that does not compile must not be in the way of stopping it
GO_ON = {"down", "status", "logs", "reconcile"}
URGENT = {"kill", "-h", "--help"}  # run in the environment that is there: a build that is due must not delay them


def _is_cloud_stack(layout: Layout, arguments: list[str]) -> bool:
    """Whether the stack's file asks for another environment than `local`; what is unreadable is told later."""
    values = dict(itertools.pairwise(arguments))
    stack = values.get("--stack", "local")
    file = Path(values.get("--config-file", layout.root / f"Pulumi.{stack}.yaml"))
    try:
        found = re.search(r"^\s*ironlane:environment:\s*[\"']?(\w+)", file.read_text(), re.MULTILINE)
    except (OSError, UnicodeDecodeError):
        return False
    return found is not None and found.group(1) != "local"


def main() -> int:
    layout = repository_layout()
    arguments = sys.argv[1:]
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    cloud = _is_cloud_stack(layout, own)
    # only the debug tests use another build than the one that runs
    debug = {"test", "--debug"} <= set(own)
    build = build_variables(debug, sanitize=debug and "--sanitize" in own)
    # a terminated set-up must end its children too, as Ctrl-C does
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if not URGENT.intersection(own) or not layout.venv_python.exists():
            ensure(
                layout,
                cloud=cloud,
                rehearsal=_rehearses(own, cloud),
                tests=bool(NEEDS_TEST_TOOLS.intersection(own)),
                plots=bool(NEEDS_PLOTS.intersection(own)),
                own_strategies=_own_strategies(own),
                build=build,
            )
    except BootstrapError as error:
        if not (GO_ON.intersection(own) and layout.venv_python.exists()):
            print(f"error: {error}", file=sys.stderr)
            return 1
        print(f"warning: {error}\n  going on with what was set up before", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted; the next run goes on from here", file=sys.stderr)
        return 130
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    python = str(layout.venv_python)
    os.chdir(layout.root)
    return os.execve(python, [python, "-m", "cli.main", *arguments], os.environ)


def _rehearses(arguments: list[str], cloud: bool) -> bool:
    """Whether the command needs the API server that stands in for a cloud stack's cluster."""
    if cloud and "preview" in arguments:
        return not has_credentials(os.environ)
    return (cloud and "rehearse" in arguments) or {"test", "--slow"} <= set(arguments)


def _own_strategies(arguments: list[str]) -> str | None:
    """Before the command line proper can be read: the engine is built first."""
    if "engine" not in arguments or "--strategies" not in arguments[:-1]:
        return None
    return arguments[arguments.index("--strategies") + 1]


if __name__ == "__main__":
    sys.exit(main())
