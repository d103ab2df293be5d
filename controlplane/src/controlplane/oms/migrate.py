"""Versioned plain SQL migrations, each in one transaction, one process at a time."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

_LOCK: Final = 0x49524F4E4F4D53  # any number, the same in every OMS
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql\Z")


class MigrationError(Exception):
    """The database's schema is not one that this version can bring up to date."""


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    sql: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """Every migration shipped with this version, in order. Raises MigrationError when numbers are missing."""
    found = []
    for entry in resources.files("controlplane.oms").joinpath("migrations").iterdir():
        match = _NAME.match(entry.name)
        if match:
            found.append(Migration(int(match[1]), entry.name, entry.read_text("utf-8")))
    found.sort(key=lambda migration: migration.version)
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise MigrationError(f"migrations are not numbered 1..{len(found)}: {[each.name for each in found]}")
    return found


async def migrate(connection: Any) -> int:
    """Bring the schema up to date; returns its version. Raises MigrationError and database errors."""
    shipped = migrations()
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations ("
            "version integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, "
            "applied_at timestamptz NOT NULL DEFAULT now())"
        )
        applied = {
            row["version"]: row["sha256"]
            for row in await connection.fetch("SELECT version, sha256 FROM schema_migrations")
        }
        newest = max(applied, default=0)
        if newest > len(shipped):
            raise MigrationError(
                f"the database is at version {newest}, this OMS knows {len(shipped)}: run a version that is as new"
            )
        for migration in shipped:
            known = applied.get(migration.version)
            if known is None:
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO schema_migrations (version, name, sha256) VALUES ($1, $2, $3)",
                    migration.version,
                    migration.name,
                    migration.digest,
                )
            elif known != migration.digest:
                raise MigrationError(f"{migration.name} was changed after it had been applied; restore it")
    return len(shipped)
