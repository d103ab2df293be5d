"""The cloud's bus on this machine: the documents that the stack makes, applied by the program that the servers run.

Each server has a loopback address of its own, so ports are those of the cloud. What is not as there: no systemd (a
process is started and signalled instead), no data volume, an archive of the server that is installed here in place of
the release.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import urllib.request
from pathlib import Path
from typing import Any, Final

from components.bus import certificates, leaf_node, server_change, server_config
from components.bus.capacity import Volume
from components.bus.change_program import Change
from components.bus.nats_config import Limits
from tests.support.bus_tls import authorities, server_files
from tests.support.nats_cluster import free_ports
from wire.client import BusSettings, TlsFiles

BINARY: Final = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
ENVIRONMENT: Final = "test"
HOST: Final = "hot-a"
STORE: Final = server_change.Store(bucket="artifacts", region="us-east-1")
_STOP_S = 90


class Processes:
    """A service as the program wants one: what systemd does with the unit, without it."""

    def __init__(self, program: Path, current: Path) -> None:
        self._program = program
        self._current = current
        self._process: subprocess.Popen[bytes] | None = None
        self._log = current.with_name("server.log")
        self.stops = 0

    def active(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._program), "--config", f"{self._current}/nats.conf"],
                cwd=self._current,
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        """As KillSignal=SIGUSR2 does."""
        self.stops += 1
        if self._process is not None and self.active():
            self._process.send_signal(signal.SIGUSR2)
            self._process.wait(_STOP_S)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def log(self) -> str:
        return self._log.read_text()[-2000:]


def release_archive() -> bytes:
    """As the upstream release is packed: one folder, the server in it."""
    assert BINARY is not None
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as packed:
        packed.add(BINARY, arcname="nats-server-v2.15.1-linux-amd64/nats-server")
    return buffer.getvalue()


class Machines:
    """Three servers and one leaf node below a folder; each is brought to its document by `apply`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        archive = release_archive()
        self._archive = archive
        self.release = server_change.Release(
            version="2.15.1",
            file="nats-server-v2.15.1-linux-amd64.tar.gz",
            sha256=hashlib.sha256(archive).hexdigest(),
        )
        self.fetched: list[str] = []
        # two runs on one machine do not meet
        block = f"127.{1 + os.getpid() // 200 % 250}.{1 + os.getpid() % 200}"
        monitors = free_ports(5)
        self.members = tuple(
            server_config.Member(
                name=f"nats-{number}",
                zone=f"z{number}",
                address=f"{block}.{number}",
                monitor_port=monitors[number - 1],
                state_dir=str(folder / f"nats-{number}" / "state"),
            )
            for number in (1, 2, 3)
        )
        self._leaf_monitor, self.leaf_port = monitors[3:]
        self._tls = {member.name: server_files(member.name, member.address) for member in self.members}
        self._leaf_tls = authorities()["leaf"].issue(leaf_node.leaf_user(HOST), certificates.USER)
        self._services: dict[str, Processes] = {}

    def bus(self, limits: Limits) -> server_config.Bus:
        return server_config.Bus(
            environment=ENVIRONMENT,
            members=self.members,
            leaf_hosts=(HOST,),
            instance_type="m7i.large",
            volume=Volume(gib=20),
            limits=limits,
        )

    def server_document(self, number: int, limits: Limits) -> dict[str, Any]:
        member = self.members[number - 1]
        document = server_change.server_document(self.bus(limits), member, self.release, STORE, self._tls[member.name])
        return self._here(document, member.name)

    def leaf_document(self) -> dict[str, Any]:
        document = server_change.leaf_document(
            ENVIRONMENT, HOST, self.members, self.release, STORE, self._leaf_tls, (0,)
        )
        hubs = tuple(member.address for member in self.members)
        document["files"]["nats.conf"] = leaf_node.leaf_config(
            ENVIRONMENT,
            HOST,
            hubs,
            self.members[0].leaf_port,
            client_port=self.leaf_port,
            monitor_port=self._leaf_monitor,
        )
        document["monitor"] = f"http://127.0.0.1:{self._leaf_monitor}"
        etc = self.folder / "leaf"
        document["login"] = {"conf": str(etc / "agent.conf"), "password": str(etc / "agent.password")}
        return self._here(document, "leaf")

    def _here(self, document: dict[str, Any], name: str) -> dict[str, Any]:
        folder = str(self.folder / "release")
        return {
            **document,
            "etc": str(self.folder / name),
            "unit_folder": "",
            "account": "",
            "state": "",
            "release": {**document["release"], "folder": folder},
            "healthy_s": 60.0,
        }

    def service(self, name: str) -> Processes:
        etc = self.folder / name
        etc.mkdir(exist_ok=True)
        program = self.folder / "release" / "nats-server"
        return self._services.setdefault(name, Processes(program, etc / "current"))

    def apply(self, name: str, document: dict[str, Any]) -> None:
        """Raises ChangeError."""
        Change(document, self.service(name), self._fetch).apply()

    def _fetch(self, source: str, region: str, target: Path) -> None:
        self.fetched.append(source)
        target.write_bytes(self._archive)

    def up(self, limits: Limits) -> None:
        """As the first `up` does: one after another, the first one alone."""
        for number in (1, 2, 3):
            self.apply(f"nats-{number}", self.server_document(number, limits))

    def stop(self) -> None:
        for service in self._services.values():
            service.kill()

    def settings(self, user: str) -> BusSettings:
        """Of a program of the control plane."""
        files = authorities()["client"].issue(user, certificates.USER)
        folder = self.folder / "clients" / user
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        ca, certificate, key = (str(folder / name) for name in files)
        return BusSettings(
            servers=tuple(f"tls://{member.address}:{member.client_port}" for member in self.members),
            user=user,
            tls=TlsFiles(ca_file=ca, cert_file=certificate, key_file=key),
            name=f"test-{user}",
            ping_interval_s=1.0,
            backoff_min_s=0.02,
            backoff_max_s=0.2,
        )

    def agent_settings(self) -> BusSettings:
        """Of the agent on the trading host, at its leaf node."""
        return BusSettings(
            servers=(f"nats://127.0.0.1:{self.leaf_port}",),
            user=leaf_node.agent_user(HOST),
            password=(self.folder / "leaf" / "agent.password").read_text().strip(),
            name="test-agent",
            ping_interval_s=1.0,
            backoff_min_s=0.02,
            backoff_max_s=0.2,
        )

    def varz(self, number: int) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.members[number - 1].monitor_port}/varz"
        with urllib.request.urlopen(url, timeout=2) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
