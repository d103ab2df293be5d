"""python -m controlplane.reconcile --venue-url URL --database DSN [--json]"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Final

import httpx
import msgspec

from controlplane.reconcile.compare import Comparison, Difference, compare
from controlplane.reconcile.sources import SourceError, connect, read_oms, read_venue

EQUAL, DIFFERENT, NOT_COMPARED = 0, 1, 2
PASS_S: Final = 0.5


class Arguments(argparse.Namespace):
    venue_url: str
    database: str
    password_file: Path | None
    account: str | None
    host: str | None
    wait: float
    limit: int
    json: bool


async def one_pass(client: httpx.AsyncClient, args: Arguments, password: str | None) -> Comparison:
    """Raises SourceError."""
    orders, fills = await read_venue(client, args.account)
    connection = await connect(args.database, password)
    try:
        return compare(orders, fills, *await read_oms(connection, args.host))
    finally:
        await connection.close()


async def reconcile(args: Arguments, password: str | None) -> tuple[Comparison, int]:
    """The last comparison, and how many of its differences are only on their way. Raises SourceError.

    Until there is none or the time to wait is over, it compares again; then a difference counts when it stood unchanged
    over two passes: what belongs to trading under way changes or goes.
    """
    deadline = time.monotonic() + args.wait
    async with httpx.AsyncClient(base_url=args.venue_url, timeout=10.0) as client:
        comparison = await one_pass(client, args, password)
        passing = 0
        while comparison.differences and time.monotonic() < deadline:
            before = set(comparison.differences)
            await asyncio.sleep(PASS_S)
            comparison = await one_pass(client, args, password)
            if time.monotonic() >= deadline:
                standing = [each for each in comparison.differences if each in before]
                passing = len(comparison.differences) - len(standing)
                comparison.differences = standing
        return comparison, passing


def report(comparison: Comparison, passing: int, limit: int) -> str:
    """For people."""
    found = comparison.differences
    lines = [str(each) for each in found[:limit]]
    if len(found) > limit:
        lines.append(f"... and {len(found) - limit} more (--limit)")
    kinds: dict[str, int] = {}
    for each in found:
        kinds[f"{each.what} {each.kind}"] = kinds.get(f"{each.what} {each.kind}", 0) + 1
    lines += [
        f"orders     venue {comparison.venue_orders}, OMS {comparison.oms_orders}",
        f"fills      venue {comparison.venue_fills}, OMS {comparison.oms_fills}",
        f"position   venue {comparison.venue_position}, OMS {comparison.oms_position}",
    ]
    if passing:
        lines.append(f"under way  {passing} differences of this moment, of trading that goes on")
    detail = f" ({', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))})" if kinds else ""
    lines.append(f"differences {len(found)}{detail}")
    return "\n".join(lines)


def as_json(comparison: Comparison, passing: int, limit: int) -> str:
    """For programs."""
    found: list[Difference] = comparison.differences
    body = asdict(comparison) | {
        "differences": msgspec.to_builtins(found[:limit]),
        "difference_count": len(found),
        "under_way": passing,
        "equal": not found,
    }
    return msgspec.json.encode(body).decode()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m controlplane.reconcile",
        description="Compares the venue's ledger with the OMS database, order by order and fill by fill.",
        epilog="Exit codes: 0 no difference, 1 differences, 2 could not compare.",
    )
    parser.add_argument("--venue-url", required=True, metavar="URL", help="the venue's admin HTTP")
    parser.add_argument("--database", required=True, metavar="DSN", help="postgresql://user@host:port/database")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="password of the database user")
    parser.add_argument("--account", help="order-entry account at the venue; needed when there are several")
    parser.add_argument("--host", help="trading host in the OMS; needed when there are several")
    parser.add_argument(
        "--wait", type=float, default=0.0, metavar="S", help="how long events may still be on their way (default: 0)"
    )
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="differences to list (default: 100)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    args = parser.parse_args(arguments, namespace=Arguments())
    try:
        password = args.password_file.read_text("utf-8").strip() if args.password_file else None
        comparison, passing = asyncio.run(reconcile(args, password))
    except (SourceError, OSError) as error:
        print(f"reconcile: not compared: {error}", file=sys.stderr)
        return NOT_COMPARED
    print((as_json if args.json else report)(comparison, passing, max(0, args.limit)))
    return DIFFERENT if comparison.differences else EQUAL


if __name__ == "__main__":
    sys.exit(main())
