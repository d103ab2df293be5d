"""Configuration file of the OMS: JSON, unknown keys refused."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from wire.client import BusSettings, TlsFiles
from wire.streams import ConsumerLimits, StreamLimits
from wire.subjects import token


class ConfigError(Exception):
    """A configuration that cannot be used; the text names the file, the key and the fix."""


class _Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Http(_Config, frozen=True):
    host: str
    port: int

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 65535:
            raise ValueError(f"port: {self.port} is not a TCP port")


class Database(_Config, frozen=True):
    """`dsn` without a password: that comes from `password_file`, or is an IAM token of RDS in `iam_region`. Seconds."""

    dsn: str
    password_file: str | None = None
    iam_region: str | None = None
    pool_size: int = 8
    connect_timeout_s: float = 3.0
    statement_timeout_s: float = 30.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.dsn)
        if parts.scheme not in ("postgresql", "postgres"):
            raise ValueError(f"dsn: {self.dsn!r} does not begin with postgresql://")
        if parts.password is not None:
            raise ValueError("dsn: carries a password; put it into password_file")
        if (self.password_file is None) == (self.iam_region is None):
            raise ValueError("password_file, iam_region: give exactly one")
        if self.iam_region is not None and (not parts.hostname or not parts.username):
            raise ValueError(f"dsn: {self.dsn!r} names no host or no user, which the token is made for")
        if not 2 <= self.pool_size <= 64:
            raise ValueError(f"pool_size: {self.pool_size} is not in 2..64")


class Nats(_Config, frozen=True):
    """Known to the servers by `password_file`, or by a certificate of its own (`tls`)."""

    servers: tuple[str, ...]
    user: str
    password_file: str | None = None
    tls: TlsFiles | None = None

    def __post_init__(self) -> None:
        if (self.password_file is None) == (self.tls is None):
            raise ValueError("password_file, tls: give exactly one")


class Consumer(ConsumerLimits, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How events are pulled: `batch` messages make one transaction."""

    durable: str = "oms"
    batch: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        token("durable", self.durable)
        if not 1 <= self.batch <= 5000:
            raise ValueError(f"batch: {self.batch} is not in 1..5000")
        if self.max_ack_pending < 2 * self.batch:
            raise ValueError(f"max_ack_pending: {self.max_ack_pending} is less than two batches of {self.batch}")


class Readiness(_Config, frozen=True):
    """When the OMS says that it is ready."""

    max_lag: int = 10_000  # events not stored yet
    max_age_s: float = 10.0  # age of what is known of the database and the consumer


class OmsConfig(_Config, frozen=True):
    environment: str
    http: Http
    database: Database
    nats: Nats
    stream: StreamLimits = StreamLimits()
    consumer: Consumer = Consumer()
    readiness: Readiness = Readiness()

    def __post_init__(self) -> None:
        token("environment", self.environment)


def load(path: Path) -> OmsConfig:
    """Raises ConfigError naming the file, the key and the fix."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); pass --config FILE") from error
    try:
        return msgspec.json.decode(raw, type=OmsConfig)
    except msgspec.DecodeError as error:  # a ValidationError names the key as `$.a.b`
        raise ConfigError(f"{path}: {error}; correct this key") from error


def read_secret(path: str) -> str:
    """The one line of a password file. Raises ConfigError."""
    try:
        secret = Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: password file cannot be read ({error})") from error
    if not secret:
        raise ConfigError(f"{path}: password file is empty")
    return secret


def bus_settings(nats: Nats, name: str) -> BusSettings:
    """Raises ConfigError for unusable servers, a missing password or certificate."""
    password = "" if nats.password_file is None else read_secret(nats.password_file)
    try:
        if nats.tls is not None:
            nats.tls.context()  # what cannot be read now is told now; it is read anew for every connection
        return BusSettings(servers=nats.servers, user=nats.user, password=password, tls=nats.tls, name=name)
    except OSError as error:  # of which SSLError is one
        raise ConfigError(f"nats.tls: the certificate files cannot be used ({error})") from error
    except ValueError as error:
        raise ConfigError(f"nats.{error}") from error
