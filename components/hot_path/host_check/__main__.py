"""python -m host_check --specification FILE [--json] [--root DIR]: does this host match its specification?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .check import State, run, verdict
from .check_list import CheckListError, load
from .host import Host
from .report import as_json, as_table

EXIT_CODES = {State.OK: 0, State.MISMATCH: 1, State.UNKNOWN: 2}
DEFAULT_SPECIFICATION = Path("/etc/ironlane/host-check.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """0 every required setting is as specified, 1 one is not, 2 it cannot be told."""
    parser = argparse.ArgumentParser(
        prog="host_check",
        description="Compares this host with its specification. Changes nothing.",
        epilog="exit codes: 0 green, 1 mismatch, 2 cannot tell; advisory settings never count",
    )
    parser.add_argument("--specification", type=Path, default=DEFAULT_SPECIFICATION, metavar="FILE", help="check list")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--root", type=Path, default=Path("/"), metavar="DIR", help="recorded tree instead of the host")
    options = parser.parse_args(arguments)
    try:
        check_list = load(options.specification.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        print(f"host_check: {options.specification}: {error}", file=sys.stderr)
        return EXIT_CODES[State.UNKNOWN]
    except CheckListError as error:
        print(f"host_check: {options.specification}: {error}", file=sys.stderr)
        return EXIT_CODES[State.UNKNOWN]
    if not options.root.is_dir():
        print(f"host_check: {options.root}: no such folder", file=sys.stderr)
        return EXIT_CODES[State.UNKNOWN]
    host = Host(options.root)
    results = [run(check, host) for check in check_list.checks]
    sys.stdout.write(as_json(check_list, results) if options.json else as_table(check_list, results))
    return EXIT_CODES[verdict(results)]


if __name__ == "__main__":
    sys.exit(main())
