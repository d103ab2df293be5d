"""The connection pool: made without a database being there, and never fatal when it goes away."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg

from controlplane.aws_login import AwsLoginError, database_token, pod_credentials
from controlplane.oms import config

DATABASE_ERRORS: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
# trying again cannot help: the values themselves are refused (ValueError covers asyncpg's own argument errors)
_ABOUT_THE_DATA: Final = (ValueError, asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)


def may_pass(error: Exception) -> bool:
    """Whether the same statement may succeed later: the database restarts, is full, read-only, overloaded."""
    return isinstance(error, DATABASE_ERRORS) and not isinstance(error, _ABOUT_THE_DATA)


async def _token(settings: config.Database) -> str:
    server = urlsplit(settings.dsn)
    # all three were checked with the configuration
    region, host, user = settings.iam_region or "", server.hostname or "", server.username or ""
    return database_token(await pod_credentials(), region, host, server.port or 5432, user, datetime.now(UTC))


async def create_pool(settings: config.Database, *, application: str) -> Any:
    """A pool that connects when it is first used; the password is read or made anew for every connection."""

    async def password() -> str:
        try:
            if settings.password_file is not None:
                return await asyncio.to_thread(config.read_secret, settings.password_file)
            return await _token(settings)
        except (config.ConfigError, AwsLoginError) as error:  # while running: no connection now, perhaps later
            raise ConnectionError(str(error)) from error

    return await asyncpg.create_pool(
        settings.dsn,
        password=password,
        min_size=0,
        max_size=settings.pool_size,
        timeout=settings.connect_timeout_s,
        command_timeout=settings.statement_timeout_s,
        max_inactive_connection_lifetime=60.0,
        server_settings={
            "application_name": application,
            "statement_timeout": str(int(settings.statement_timeout_s * 1000)),
            "timezone": "UTC",
        },
    )
