"""`reconcile`: the venue's ledger against the OMS database, by the control plane's own program."""

from __future__ import annotations

import argparse
import subprocess
import sys

from cli.pulumi import Stack
from stacks.settings import from_file

DRAIN_S = 30


def command(stack: Stack, json: bool) -> list[str]:
    """The reconcile program's command line for this stack."""
    ports = from_file(stack.applied_file).ports
    words = [sys.executable, "-m", "controlplane.reconcile", "--venue-url", f"http://127.0.0.1:{ports.venue_admin}"]
    words += ["--database", f"postgresql://oms@127.0.0.1:{ports.postgres}/ironlane"]
    words += ["--password-file", str(stack.run_dir / "secrets" / "postgres"), "--wait", str(DRAIN_S)]
    return [*words, "--json"] if json else words


def reconcile(stack: Stack, args: argparse.Namespace) -> int:
    if not (stack.run_dir / "secrets" / "postgres").exists():
        print(f"error: stack {stack.name} has no OMS database yet; `make up` makes it", file=sys.stderr)
        return 2
    return subprocess.run(command(stack, args.json), cwd=stack.run_dir, check=False).returncode
