"""Makes users and gives them their rights; done twice, it changes nothing."""

from __future__ import annotations

from typing import Any, Final

from controlplane.database_users.config import UsersConfig, identifier

_IAM: Final = "rds_iam"  # role of RDS: its members log in with tokens and with nothing else
_LOCK: Final = 0x49524F4E5553  # any number, the same in every run


async def grant(connection: Any, config: UsersConfig) -> list[str]:
    """Users that were not there before. Raises database errors, and LookupError when the server is not RDS."""
    made = []
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", _IAM):
            raise LookupError(f"there is no role {_IAM}: the server is not RDS, or IAM authentication is off")
        for name in config.users:
            user = identifier("users", name)
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", user):
                await connection.execute(f"CREATE ROLE {user} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE")
                made.append(user)
            await connection.execute(f"GRANT {_IAM} TO {user}")
            await connection.execute(f"GRANT CONNECT ON DATABASE {identifier('name', config.server.name)} TO {user}")
            await connection.execute(f"GRANT USAGE, CREATE ON SCHEMA public TO {user}")
    return made
