"""The nats-server configuration of one member of a cluster, and of a leaf node, as text.

Pure: the same arguments give the same bytes. Secrets are not in it: a user is known by a client certificate, or by a
password that is either a bcrypt hash or an `include` of a file that `password_fragment` or `cluster_fragment` describe,
read by the server at start and reload.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.bus.permissions import Permissions, Token

Duration = Annotated[str, Field(pattern=r"^\d+(ms|s|m|h)$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Path = Annotated[str, Field(pattern=r"^[\x20-\x7e]{1,1024}$")]
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,253}$")]
Tag = Annotated[str, Field(pattern=r"^[A-Za-z0-9_:-]{1,64}$")]  # `name` or `key:value`

_MEBI = 1 << 20

Value = str | int | bool | list["Value"] | dict[str, "Value"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class User(_Frozen):
    """One login; exactly one of `password_bcrypt`, `password_include` (path relative to the configuration) and
    `by_certificate`: the name stands in the client certificate as its DNS name.
    """

    name: Token
    permissions: Permissions
    password_bcrypt: Annotated[str, Field(pattern=r"^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$")] | None = None
    password_include: Path | None = None
    by_certificate: bool = False

    @model_validator(mode="after")
    def _one_proof(self) -> Self:
        proofs = (self.password_bcrypt is not None, self.password_include is not None, self.by_certificate)
        if sum(proofs) != 1:
            raise ValueError(
                f"user {self.name}: give exactly one of password_bcrypt, password_include and by_certificate"
            )
        return self


class AccountJetStream(_Frozen):
    """What the streams of one account may use."""

    max_file: int = Field(default=4 << 30, ge=_MEBI)
    max_memory: int = Field(default=64 * _MEBI, ge=0)
    max_streams: int = Field(default=16, ge=1)
    max_consumers: int = Field(default=64, ge=1)


class Account(_Frozen):
    name: Token
    users: tuple[User, ...] = Field(min_length=1)
    jetstream: AccountJetStream | None = None
    max_connections: int = Field(default=256, ge=1)


class JetStream(_Frozen):
    """`sync_interval` "always" writes to disk before acknowledging: what was acknowledged survives a power failure.

    unique_tag: prefix of a server tag; two replicas of a stream never share its value.
    """

    store_dir: Path
    max_file_store: int = Field(default=8 << 30, ge=_MEBI)
    max_memory_store: int = Field(default=128 * _MEBI, ge=0)
    sync_interval: Duration | Annotated[str, Field(pattern="^always$")] = "always"
    unique_tag: Annotated[str, Field(pattern=r"^[a-z]+:$")] | None = None


class Limits(_Frozen):
    max_payload: int = Field(default=_MEBI, ge=1024, le=8 * _MEBI)
    max_pending: int = Field(default=64 * _MEBI, ge=_MEBI)
    max_connections: int = Field(default=1024, ge=1)
    max_subscriptions: int = Field(default=4096, ge=1)
    max_control_line: int = Field(default=4096, ge=1024)
    write_deadline: Duration = "10s"
    ping_interval: Duration = "10s"
    ping_max: int = Field(default=2, ge=1, le=10)
    auth_timeout_s: int = Field(default=5, ge=1, le=60)
    lame_duck_duration: Duration = "30s"  # the server refuses less
    lame_duck_grace_period: Duration = "2s"


class Tls(_Frozen):
    """Certificates of one listener; clients must present one too.

    map_users: the certificate's DNS name is the user. handshake_first: nothing is sent in the clear, not even INFO.
    """

    cert_file: Path
    key_file: Path
    ca_file: Path
    map_users: bool = False
    handshake_first: bool = False


class Route(_Frozen):
    """Where a peer listens for other members."""

    host: Host
    port: Port


class LeafListener(_Frozen):
    """Where leaf nodes connect; each is a user of an account, and may carry no more than that user may."""

    port: Port
    tls: Tls


class NatsServer(_Frozen):
    """One member. Listeners are on `host`; the monitoring port has no login, so it stays on loopback."""

    server_name: Token
    cluster_name: Token
    host: Host
    client_port: Port
    cluster_port: Port
    monitor_port: Port
    monitor_host: Host = "127.0.0.1"
    peers: tuple[Token, ...] = Field(min_length=1, description="server names of every member, this one included")
    cluster_include: Path | None = None  # the file of cluster_fragment: login and routes
    routes: tuple[Route, ...] = ()  # without a login: cluster_tls proves who a member is
    jetstream: JetStream
    accounts: tuple[Account, ...] = Field(min_length=1)
    system_account: Token
    limits: Limits = Limits()
    tags: tuple[Tag, ...] = ()
    client_tls: Tls | None = None
    cluster_tls: Tls | None = None
    leaf: LeafListener | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ports = (self.client_port, self.cluster_port, self.monitor_port, *([self.leaf.port] if self.leaf else []))
        if len(set(ports)) != len(ports):
            raise ValueError(f"client_port, cluster_port, monitor_port and leaf.port must differ, not {ports}")
        if (self.cluster_include is None) == (not self.routes):
            raise ValueError("give exactly one of cluster_include and routes")
        if self.routes and self.cluster_tls is None:
            raise ValueError("routes without cluster_tls: anybody who reaches the port could join; give cluster_tls")
        if self.server_name not in self.peers or len(set(self.peers)) != len(self.peers):
            raise ValueError(f"peers must name every member once, and {self.server_name} among them")
        accounts = [account.name for account in self.accounts]
        if len(set(accounts)) != len(accounts):
            raise ValueError(f"accounts: a name occurs twice in {accounts}")
        users = [user.name for account in self.accounts for user in account.users]
        if len(set(users)) != len(users):
            raise ValueError(f"accounts: a user occurs twice in {users}")
        if self.system_account not in accounts:
            raise ValueError(f"system_account {self.system_account!r} is none of the accounts {accounts}")
        for account in self.accounts:
            if account.name == self.system_account and account.jetstream is not None:
                raise ValueError(f"account {account.name}: the system account cannot hold streams")
        if not _is_loopback(self.monitor_host):
            raise ValueError(f"monitor_host {self.monitor_host!r}: the monitoring port has no login; use 127.0.0.1")
        if not _is_loopback(self.host) and (self.client_tls is None or self.cluster_tls is None):
            raise ValueError(f"host {self.host!r} is not loopback: client_tls and cluster_tls are required")
        listeners = [self.client_tls, *([self.leaf.tls] if self.leaf else [])]
        by_certificate = [user.name for account in self.accounts for user in account.users if user.by_certificate]
        if by_certificate and not any(tls is not None and tls.map_users for tls in listeners):
            raise ValueError(f"users {by_certificate} are known by certificate: a listener needs tls with map_users")
        tag = self.jetstream.unique_tag
        if tag is not None and not any(each.startswith(tag) for each in self.tags):
            raise ValueError(f"jetstream.unique_tag {tag!r}: tags {list(self.tags)} have none of that kind")
        return self


class LeafRemote(_Frozen):
    """The cluster's leaf listeners, and what this leaf proves itself with."""

    hosts: tuple[Host, ...] = Field(min_length=1)
    port: Port
    tls: Tls


class LeafServer(_Frozen):
    """A leaf node: local programs talk to it on loopback, it talks to the cluster. It keeps no stream."""

    server_name: Token
    client_port: Port
    monitor_port: Port
    account: Account
    remote: LeafRemote
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.client_port == self.monitor_port:
            raise ValueError(f"client_port and monitor_port must differ, not both {self.client_port}")
        if self.account.jetstream is not None:
            raise ValueError(f"account {self.account.name}: a leaf node keeps no streams")
        if any(user.by_certificate for user in self.account.users):
            raise ValueError(f"account {self.account.name}: on loopback there is no TLS; users need passwords")
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _quote(text: str) -> str:
    # the server's strings know \\ \" \n \t \xHH; settings hold printable ASCII only
    if any(not 0x20 <= ord(character) <= 0x7E for character in text):
        raise ValueError(f"{text!r}: only printable ASCII may stand in a configuration")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _render(value: Value, indent: int) -> str:
    inner = "  " * (indent + 1)
    closing = "  " * indent
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return _quote(value)
        case list():
            if not value:
                return "[]"
            return "[\n" + "".join(f"{inner}{_render(item, indent + 1)}\n" for item in value) + closing + "]"
        case dict():
            return "{\n" + _render_map(value, indent + 1) + closing + "}"


def _render_map(values: dict[str, Value], indent: int) -> str:
    prefix = "  " * indent
    lines = []
    for key, value in values.items():
        if key == "include":
            lines.append(f"{prefix}include {_quote(str(value))}\n")
        else:
            lines.append(f"{prefix}{key}: {_render(value, indent)}\n")
    return "".join(lines)


def _user(user: User) -> Value:
    permissions: dict[str, Value] = {
        "publish": {"allow": [*user.permissions.publish]},
        "subscribe": {"allow": [*user.permissions.subscribe]},
    }
    if user.permissions.responses is not None:
        responses = user.permissions.responses
        permissions["allow_responses"] = {"max": responses.maximum, "expires": responses.expires}
    rendered: dict[str, Value] = {"user": user.name}
    if user.password_bcrypt is not None:
        rendered["password"] = user.password_bcrypt
    elif user.password_include is not None:
        rendered["include"] = user.password_include
    rendered["permissions"] = permissions
    return rendered


def _account(account: Account) -> Value:
    rendered: dict[str, Value] = {"users": [_user(user) for user in account.users]}
    if account.jetstream is not None:
        limits = account.jetstream
        rendered["jetstream"] = {
            "max_file": limits.max_file,
            "max_mem": limits.max_memory,
            "max_streams": limits.max_streams,
            "max_consumers": limits.max_consumers,
            "max_bytes_required": True,
        }
    rendered["limits"] = {"max_conn": account.max_connections}
    return rendered


def _tls(tls: Tls) -> dict[str, Value]:
    rendered: dict[str, Value] = {
        "cert_file": tls.cert_file,
        "key_file": tls.key_file,
        "ca_file": tls.ca_file,
        "verify": True,
        "min_version": "1.3",
    }
    if tls.map_users:
        del rendered["verify"]  # the stricter form of it
        rendered["verify_and_map"] = True
    if tls.handshake_first:
        rendered["handshake_first"] = True
    return rendered


def _limits(limits: Limits) -> dict[str, Value]:
    return {
        "authorization": {"timeout": limits.auth_timeout_s},
        "max_payload": limits.max_payload,
        "max_pending": limits.max_pending,
        "max_connections": limits.max_connections,
        "max_subscriptions": limits.max_subscriptions,
        "max_control_line": limits.max_control_line,
        "write_deadline": limits.write_deadline,
        "ping_interval": limits.ping_interval,
        "ping_max": limits.ping_max,
        "lame_duck_duration": limits.lame_duck_duration,
        "lame_duck_grace_period": limits.lame_duck_grace_period,
        "logtime_utc": True,
        "debug": False,
        "trace": False,
    }


def _jetstream(jetstream: JetStream) -> Value:
    rendered: dict[str, Value] = {
        "store_dir": jetstream.store_dir,
        "max_file_store": jetstream.max_file_store,
        "max_memory_store": jetstream.max_memory_store,
        "sync_interval": jetstream.sync_interval,
    }
    if jetstream.unique_tag is not None:
        rendered["unique_tag"] = jetstream.unique_tag
    return rendered


def render(server: NatsServer) -> str:
    """The configuration of one member."""
    cluster: dict[str, Value] = {
        "name": server.cluster_name,
        "listen": f"{server.host}:{server.cluster_port}",
        "no_advertise": True,
    }
    if server.cluster_include is not None:
        cluster["include"] = server.cluster_include
    else:
        cluster["routes"] = [f"nats-route://{route.host}:{route.port}" for route in server.routes]
    if server.cluster_tls is not None:
        cluster["tls"] = _tls(server.cluster_tls)
    values: dict[str, Value] = {
        "server_name": server.server_name,
        "listen": f"{server.host}:{server.client_port}",
        "http": f"{server.monitor_host}:{server.monitor_port}",
        "server_tags": [*server.tags],
        "cluster": cluster,
        "jetstream": _jetstream(server.jetstream),
        "accounts": {account.name: _account(account) for account in server.accounts},
        "system_account": server.system_account,
        **_limits(server.limits),
    }
    if not server.tags:
        del values["server_tags"]
    if server.client_tls is not None:
        values["tls"] = _tls(server.client_tls)
    if server.leaf is not None:
        values["leafnodes"] = {
            "listen": f"{server.host}:{server.leaf.port}",
            "no_advertise": True,
            "tls": _tls(server.leaf.tls),
        }
    return _header(server.server_name) + _render_map(values, 0)


def render_leaf(server: LeafServer) -> str:
    """The configuration of one leaf node; it listens on loopback only."""
    remote = server.remote
    tls = _tls(remote.tls)
    del tls["verify"]  # of a listener; a remote always verifies
    leafnodes: Value = {
        "remotes": [
            {
                "urls": [f"tls://{host}:{remote.port}" for host in remote.hosts],
                "account": server.account.name,
                "tls": tls,
            }
        ]
    }
    values: dict[str, Value] = {
        "server_name": server.server_name,
        "listen": f"127.0.0.1:{server.client_port}",
        "http": f"127.0.0.1:{server.monitor_port}",
        "leafnodes": leafnodes,
        "accounts": {server.account.name: _account(server.account)},
        **_limits(server.limits),
    }
    return _header(server.server_name) + _render_map(values, 0)


def _header(name: str) -> str:
    return f"# nats-server configuration of {name}, generated; secrets are in the files it names\n"


def password_fragment(password: str) -> str:
    """The file behind `password_include`; keep it mode 0600."""
    return f"password: {_quote(_plain(password))}\n"


def cluster_fragment(username: str, password: str, routes: tuple[Route, ...]) -> str:
    """The file behind `cluster_include`: the members' common login and where to find them; keep it mode 0600."""
    secret = _plain(password)
    if not secret.isalnum():
        raise ValueError("the cluster password stands in URLs: use letters and digits only")
    values: dict[str, Value] = {
        "authorization": {"user": username, "password": secret, "timeout": 5},
        "routes": [f"nats-route://{username}:{secret}@{route.host}:{route.port}" for route in routes],
    }
    return _render_map(values, 0)


def _plain(password: str) -> str:
    if not 8 <= len(password) <= 128 or not password.isascii() or not password.isprintable() or " " in password:
        raise ValueError("a password must be 8 to 128 printable ASCII characters without blanks")
    return password
