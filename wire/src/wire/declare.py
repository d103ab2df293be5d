"""Makes every stream and bucket of the bus as declared, and leaves alone what is so already.

python -m wire.declare --environment NAME --server URL [--server URL ...] --user NAME
    (--password-file FILE | --ca FILE --cert FILE --key FILE) [--limits FILE]

FILE of --limits is JSON: `wire.streams.BusLimits`. Exit codes: 0 all as declared, 1 the bus could not be reached or a
stream cannot be changed in place (the text says which), 78 bad arguments.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from wire.client import BusClient, BusError, BusSettings, RequestFailedError, TlsFiles, connected
from wire.streams import ApiError, BusLimits, StreamError, declared, ensure_stream

BAD_CONFIGURATION_EXIT: Final = 78
_RETRY_S: Final = 0.5
_UNAVAILABLE: Final = 503  # no leader yet, or not enough members


async def declare(bus: BusClient, environment: str, limits: BusLimits, *, within_s: float = 60.0) -> list[str]:
    """Names of the streams, all of which now are as declared.

    A cluster without a leader is asked again until `within_s` have passed. Raises StreamError, ApiError, BusError.
    """
    deadline = time.monotonic() + within_s
    return [await _ensure(bus, wanted, deadline) for wanted in declared(environment, limits)]


async def _ensure(bus: BusClient, wanted: dict[str, Any], deadline: float) -> str:
    while True:
        try:
            await ensure_stream(bus, wanted)
            return str(wanted["name"])
        except ApiError as error:
            if error.code != _UNAVAILABLE or time.monotonic() > deadline:
                raise
        except RequestFailedError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(_RETRY_S)


def _settings(args: argparse.Namespace) -> BusSettings:
    tls = None
    if args.cert or args.key or args.ca:
        if not (args.cert and args.key and args.ca):
            raise ValueError("--ca, --cert and --key belong together")
        tls = TlsFiles(ca_file=args.ca, cert_file=args.cert, key_file=args.key)
    password = Path(args.password_file).read_text("ascii").strip() if args.password_file else ""
    return BusSettings(
        servers=tuple(args.server), user=args.user, password=password, tls=tls, name=f"declare-{args.environment}"
    )


async def _run(settings: BusSettings, environment: str, limits: BusLimits) -> list[str]:
    async with connected(settings, timeout=30) as bus:
        return await declare(bus, environment, limits)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environment", required=True)
    parser.add_argument("--server", action="append", required=True, metavar="URL")
    parser.add_argument("--user", required=True)
    parser.add_argument("--password-file")
    for name in ("--ca", "--cert", "--key", "--limits"):
        parser.add_argument(name, metavar="FILE")
    args = parser.parse_args(arguments)
    try:
        settings = _settings(args)
        limits = BusLimits()
        if args.limits:
            limits = msgspec.json.decode(Path(args.limits).read_bytes(), type=BusLimits)
    except (OSError, ValueError, msgspec.DecodeError) as error:
        print(f"declare: {error}", file=sys.stderr)
        return BAD_CONFIGURATION_EXIT
    try:
        names = asyncio.run(_run(settings, args.environment, limits))
    except (BusError, ApiError, StreamError) as error:
        print(f"declare: {error}", file=sys.stderr)
        return 1
    print(f"as declared: {', '.join(names)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
