"""Entry of every `make` target: makes the environment ready, then runs the command in it. Standard library only."""

from __future__ import annotations

import os
import sys

from cli.bootstrap import BootstrapError, ensure
from cli.paths import repository_layout


def main() -> int:
    layout = repository_layout()
    try:
        ensure(layout)
    except BootstrapError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    python = str(layout.venv_python)
    os.chdir(layout.root)
    os.execv(python, [python, "-m", "cli.main", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
