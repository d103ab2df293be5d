"""What one NATS server is to be brought to, as the document that `change_program` applies on its machine. Pure.

The document's digest stands in the command line of the step, so that a preview shows that something changed; keys stand
only in the document itself, which is a secret.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from components.bus import change_program, leaf_node, server_config

PROGRAM = "/opt/ironlane/bus/change_program.py"
OPT = "/opt/ironlane/nats"
RELEASES = "releases/nats/"  # prefix in the artifact bucket
UNIT_FOLDER = "/etc/systemd/system"

_STOP_S = 120.0  # above the unit's TimeoutStopSec
_HEALTHY_S = 300.0  # a replica that was away catches up


class Release(BaseModel):
    """The upstream release: a file of its SHA256SUMS, and the digest that stands there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = Field(pattern=r"^2\.\d+\.\d+$")
    file: str = Field(pattern=r"^nats-server-v[0-9.]+-linux-(amd64|arm64)\.tar\.gz$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="from SHA256SUMS of the release; zeros = not filled in")

    @property
    def filled_in(self) -> bool:
        return self.sha256.strip("0") != ""

    @property
    def key(self) -> str:
        """In the artifact bucket."""
        return f"{RELEASES}{self.sha256}/{self.file}"

    @property
    def folder(self) -> str:
        """On a machine."""
        return f"{OPT}/{self.sha256[:16]}"

    @property
    def program(self) -> str:
        return f"{self.folder}/nats-server"


class Store(BaseModel):
    """Where releases lie."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bucket: str
    region: str


def broken_release(release: Release) -> list[str]:
    if f"-v{release.version}-" not in release.file:
        return [f"release.file {release.file}: is not of release.version {release.version}"]
    return []


def _document(
    *,
    name: str,
    unit: str,
    account: str,
    etc: str,
    release: Release,
    store: Store,
    files: Mapping[str, str],
    monitor_port: int,
    peers: Mapping[str, str],
    state: str,
    login: Mapping[str, str] | None,
) -> dict[str, Any]:
    return {
        "format": change_program.FORMAT,
        "name": name,
        "unit": unit,
        "unit_folder": UNIT_FOLDER,
        "account": account,
        "etc": etc,
        "state": state,
        "login": dict(login) if login else None,
        "release": {
            "source": f"s3://{store.bucket}/{release.key}",
            "region": store.region,
            "sha256": release.sha256,
            "folder": release.folder,
        },
        "files": dict(files),
        "monitor": f"http://127.0.0.1:{monitor_port}",
        "peers": dict(peers),
        "stop_s": _STOP_S,
        "healthy_s": _HEALTHY_S,
    }


def tls_file_names(listener: str) -> tuple[str, str, str]:
    """Authority, certificate and key, as nats.conf names them."""
    return f"tls/{listener}-ca.crt", f"tls/{listener}.crt", f"tls/{listener}.key"


def server_document(
    bus: server_config.Bus,
    member: server_config.Member,
    release: Release,
    store: Store,
    tls: Mapping[str, str],
) -> dict[str, Any]:
    """tls: the files of every listener."""
    return _document(
        name=member.name,
        unit=server_config.UNIT,
        account=server_config.OS_ACCOUNT,
        etc=server_config.ETC,
        release=release,
        store=store,
        files={
            "nats.conf": server_config.config(bus, member),
            server_config.UNIT: server_config.unit(bus, release.program),
            **tls,
        },
        monitor_port=member.monitor_port,
        peers={each.name: f"{each.address}:{each.cluster_port}" for each in bus.members if each.name != member.name},
        state=member.state_dir,
        login=None,
    )


def leaf_document(
    environment: str,
    host: str,
    members: Sequence[server_config.Member],
    release: Release,
    store: Store,
    tls: Mapping[str, str],
    housekeeping: tuple[int, ...],
) -> dict[str, Any]:
    hubs = tuple(member.address for member in members)
    return _document(
        name=leaf_node.leaf_user(host),
        unit=leaf_node.UNIT,
        account=leaf_node.OS_ACCOUNT,
        etc=leaf_node.ETC,
        release=release,
        store=store,
        files={
            "nats.conf": leaf_node.leaf_config(environment, host, hubs, members[0].leaf_port),
            leaf_node.UNIT: leaf_node.leaf_unit(release.program, housekeeping),
            **tls,
        },
        monitor_port=leaf_node.MONITOR_PORT,
        peers={},
        state="",
        login={"conf": leaf_node.LOGIN_FILE, "password": leaf_node.AGENT_PASSWORD_FILE},
    )


def digest(document: Mapping[str, Any]) -> str:
    """As the machine computes it."""
    return change_program.digest(dict(document))


def program_text() -> str:
    """Source of what runs on the machine."""
    return Path(change_program.__file__).read_text("utf-8")


def install_command() -> str:
    """Reads the program on stdin."""
    return f"cloud-init status --wait >/dev/null; sudo install -D -m 0755 /dev/stdin {PROGRAM}"


def apply_command(digest_: str) -> str:
    """Reads the document on stdin."""
    return f"sudo /usr/bin/python3 {PROGRAM} apply --digest {shlex.quote(digest_)}"


def as_text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, sort_keys=True)
