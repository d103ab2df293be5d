"""python -m controlplane.database_users --config FILE"""

from __future__ import annotations

import argparse
import asyncio
import logging
import ssl
import sys
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import msgspec

from controlplane.aws_login import AwsLoginError, pod_credentials
from controlplane.aws_secrets import secret_value
from controlplane.database_users.config import ConfigError, UsersConfig, load
from controlplane.database_users.grants import grant

LOG = logging.getLogger("controlplane.database_users")
BAD_CONFIGURATION_EXIT = 78
_CONNECT_S = 10.0
_STATEMENT_S = 30.0


class Administrator(msgspec.Struct, frozen=True):
    """What RDS keeps in its secret, as far as it is needed."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Administrator({self.username!r})"


async def run(config: UsersConfig) -> list[str]:
    """Raises AwsLoginError, OSError, database errors, LookupError."""
    text = await secret_value(await pod_credentials(), config.region, config.secret_arn, datetime.now(UTC))
    try:
        administrator = msgspec.json.decode(text, type=Administrator)
    except msgspec.DecodeError:
        raise AwsLoginError(f"{config.secret_arn}: holds no username and password") from None
    server = config.server
    trust = ssl.create_default_context(cafile=server.ca_file) if server.ca_file else False
    connection = await asyncpg.connect(
        host=server.host,
        port=server.port,
        database=server.name,
        user=administrator.username,
        password=administrator.password,
        ssl=trust,
        timeout=_CONNECT_S,
        command_timeout=_STATEMENT_S,
    )
    try:
        return await grant(connection, config)
    finally:
        await connection.close(timeout=_CONNECT_S)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m controlplane.database_users",
        description="Makes the database users of other programs, which log in with IAM tokens.",
        epilog="Exit codes: 0 done, 78 bad configuration (do not try again), 1 otherwise.",
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="JSON configuration")
    args = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        made = asyncio.run(run(load(args.config)))
    except ConfigError as error:
        print(f"database_users: {error}", file=sys.stderr)
        return BAD_CONFIGURATION_EXIT
    except (AwsLoginError, LookupError, OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        print(f"database_users: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    LOG.info("made: %s", ", ".join(made) or "none, all were there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
