"""Entry of every `make` target: makes the environment ready, then runs the command in it. Standard library only."""

from __future__ import annotations

import os
import signal
import sys

from cli.bootstrap import BootstrapError, ensure
from cli.paths import repository_layout

NEEDS_TEST_TOOLS = {"test", "lint", "fmt", "bench"}


def main() -> int:
    layout = repository_layout()
    arguments = sys.argv[1:]
    env = dict(os.environ)
    if "--debug" in arguments:
        env["HOTPATH_BUILD"] = "debug"
    # a terminated set-up must end its children too, as Ctrl-C does
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        ensure(layout, tests=bool(NEEDS_TEST_TOOLS.intersection(arguments)), env=env)
    except BootstrapError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the next run goes on from here", file=sys.stderr)
        return 130
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    python = str(layout.venv_python)
    os.chdir(layout.root)
    os.execve(python, [python, "-m", "cli.main", *arguments], env)


if __name__ == "__main__":
    sys.exit(main())
