"""Configuration file of the job: JSON, unknown keys refused."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

# what needs no quoting anywhere in Postgres
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}\Z")


class ConfigError(Exception):
    """A configuration that cannot be used; the text names the file, the key and the fix."""


class _Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Server(_Config, frozen=True):
    """ca_file: PEM of the authority that signed the server's certificate; None: without TLS, on this machine only."""

    host: str
    port: int
    name: str
    ca_file: str | None = None

    def __post_init__(self) -> None:
        identifier("name", self.name)
        if self.ca_file is None and self.host not in ("127.0.0.1", "localhost"):
            raise ValueError(f"ca_file: missing; {self.host} is reached by TLS only")


class UsersConfig(_Config, frozen=True):
    """secret_arn: of the administrator's name and password. users: each may make tables in schema public."""

    environment: str
    region: str
    secret_arn: str
    server: Server
    users: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.users:
            raise ValueError("users: empty; name at least one")
        for user in self.users:
            identifier("users", user)


def identifier(key: str, name: str) -> str:
    """Raises ValueError."""
    if not _IDENTIFIER.match(name):
        raise ValueError(f"{key}: {name!r} is not a plain name (a-z, 0-9, _)")
    return name


def load(path: Path) -> UsersConfig:
    """Raises ConfigError."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); pass --config FILE") from error
    try:
        return msgspec.json.decode(raw, type=UsersConfig)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: {error}; correct this key") from error
