"""What only a person may decide, on record: python -m controlplane.oms.admin --config FILE COMMAND

`accept-gap` gives up events that will never come, so that what follows them is applied; `acknowledge` closes the open
incidents. Both need a name and a reason.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

from controlplane.oms import config, store
from controlplane.oms.database import DATABASE_ERRORS, create_pool


class AdminError(Exception):
    """A request that does not fit what is stored."""


async def accept_gap(connection: Any, host: str, role: str, *, through: int, by: str, reason: str) -> int:
    """Give up the events up to `through`; returns how many held ones were applied. Raises AdminError."""
    async with connection.transaction():
        source = await connection.fetchrow(
            "SELECT epoch, applied_sequence FROM sources WHERE host = $1 AND role = $2 FOR UPDATE", host, role
        )
        if source is None:
            raise AdminError(f"no events of {host}/{role} are stored")
        applied = source["applied_sequence"]
        following = await connection.fetchval(
            "SELECT min(sequence) FROM order_events WHERE host = $1 AND role = $2 AND sequence > $3 AND epoch >= $4",
            host,
            role,
            applied,
            source["epoch"],
        )
        if following is None:
            raise AdminError(f"{host}/{role}: nothing is held back behind event {applied}")
        if through != following - 1:
            raise AdminError(
                f"{host}/{role}: events {applied + 1} to {following - 1} are missing; accept exactly --through "
                f"{following - 1}"
            )
        await connection.execute(
            "INSERT INTO incidents (kind, stream_sequence, host, role, epoch, sequence, detail, acknowledged_by, "
            "acknowledged_reason, acknowledged_at) VALUES ('accepted_gap', 0, $1, $2, $3, $4, $5, $6, $7, now())",
            host,
            role,
            source["epoch"],
            through,
            f"events {applied + 1} to {through} given up",
            by,
            reason,
        )
        await connection.execute(
            "UPDATE sources SET applied_sequence = $3 WHERE host = $1 AND role = $2", host, role, through
        )
    total = 0
    while True:
        result = await store.release(connection)
        total += result.applied
        if not result.more_held:
            return total


async def acknowledge(connection: Any, *, by: str, reason: str) -> int:
    """Close every open incident; returns how many."""
    answer: str = await connection.execute(
        "UPDATE incidents SET acknowledged_by = $1, acknowledged_reason = $2, acknowledged_at = now() "
        "WHERE acknowledged_at IS NULL",
        by,
        reason,
    )
    return int(answer.split()[-1])


async def _run(settings: config.OmsConfig, args: argparse.Namespace) -> str:
    pool = await create_pool(settings.database, application="ironlane-oms-admin")
    try:
        async with pool.acquire(timeout=settings.database.connect_timeout_s) as connection:
            if args.command == "accept-gap":
                released = await accept_gap(
                    connection, args.host, args.role, through=args.through, by=args.by, reason=args.reason
                )
                return f"given up; {released} events that had waited were applied"
            return f"{await acknowledge(connection, by=args.by, reason=args.reason)} incidents acknowledged"
    finally:
        pool.terminate()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m controlplane.oms.admin", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the OMS's JSON configuration")
    commands = parser.add_subparsers(dest="command", required=True)
    gap = commands.add_parser("accept-gap", help="give up events that will never come")
    gap.add_argument("--host", required=True)
    gap.add_argument("--role", default="order-router")
    gap.add_argument("--through", type=int, required=True, metavar="SEQUENCE", help="last missing event")
    for command in (gap, commands.add_parser("acknowledge", help="close all open incidents")):
        command.add_argument("--by", required=True, metavar="NAME")
        command.add_argument("--reason", required=True, metavar="TEXT")
    args = parser.parse_args(arguments)
    try:
        print(asyncio.run(_run(config.load(args.config), args)))
    except config.ConfigError as error:
        print(f"oms: {error}", file=sys.stderr)
        return 78
    except (AdminError, *DATABASE_ERRORS) as error:
        print(f"oms: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
