"""`logs`: what the services wrote."""

from __future__ import annotations

import argparse
import subprocess
import sys

from cli.pulumi import Stack
from components.local.servicectl import log_tail


def logs(stack: Stack, args: argparse.Namespace) -> int:
    folder = stack.run_dir / "log"
    known = sorted(path.stem for path in folder.glob("*.log"))
    if not known or (args.service and args.service not in known):
        wanted = repr(args.service) if args.service else f"stack {stack.name}"
        print(f"error: no log of {wanted}; there are: {', '.join(known) or 'none'}", file=sys.stderr)
        return 1
    chosen = [args.service] if args.service else known
    if args.follow:
        files = [str(folder / f"{name}.log") for name in chosen]
        return subprocess.run(["tail", "--lines", str(args.lines), "--follow=name", *files], check=False).returncode
    for name in chosen:
        print(f"{name}:\n{log_tail(stack.run_dir, name, args.lines)}")
    return 0
