"""A real nats-server cluster on free ports, configured by the renderer that production uses."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from components.bus import permissions
from components.bus.nats_config import (
    Account,
    AccountJetStream,
    JetStream,
    NatsServer,
    Route,
    User,
    cluster_fragment,
    password_fragment,
    render,
)
from wire.client import BusSettings

BINARY: Final = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
HOST: Final = "h1"
ENVIRONMENT: Final = "test"


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago; all are held until all are known, so no two are the same."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


def password(user: str) -> str:
    return f"password0{user}"


class Cluster:
    """Starts on `start`; `kill` is SIGKILL; `stop` ends whatever still runs."""

    def __init__(self, folder: Path, size: int = 3, *, more: str = "") -> None:
        """`more` is added to every member's configuration as it stands."""
        self.folder = folder
        self._more = more
        self.size = size
        ports = free_ports(3 * size)
        self.client_ports, self._cluster_ports, self._monitor_ports = (
            ports[:size],
            ports[size : 2 * size],
            ports[2 * size :],
        )
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * size
        self.urls = tuple(f"nats://127.0.0.1:{port}" for port in self.client_ports)
        self.monitors = tuple(f"http://127.0.0.1:{port}" for port in self._monitor_ports)
        self._write()

    def _write(self) -> None:
        secrets = self.folder / "secrets"
        secrets.mkdir(parents=True)
        logins = {
            "agent": permissions.agent(ENVIRONMENT, HOST, "agent"),
            "oms": permissions.oms("oms"),
            "operator": permissions.operator(ENVIRONMENT, "operator"),
        }
        for name in (*logins, "sys"):
            (secrets / f"{name}.conf").write_text(password_fragment(password(name)))
        routes = tuple(Route(host="127.0.0.1", port=port) for port in self._cluster_ports)
        (secrets / "cluster.conf").write_text(cluster_fragment("cluster", "clusterpassword", routes))
        names = tuple(f"n{index}" for index in range(self.size))
        for index, name in enumerate(names):
            server = NatsServer(
                server_name=name,
                cluster_name="test",
                host="127.0.0.1",
                client_port=self.client_ports[index],
                cluster_port=self._cluster_ports[index],
                monitor_port=self._monitor_ports[index],
                peers=names,
                cluster_include="secrets/cluster.conf",
                jetstream=JetStream(store_dir=str(self.folder / f"store-{name}")),
                accounts=(
                    Account(
                        name="TRADING",
                        users=tuple(
                            User(name=user, permissions=allowed, password_include=f"secrets/{user}.conf")
                            for user, allowed in logins.items()
                        ),
                        jetstream=AccountJetStream(),
                    ),
                    Account(
                        name="SYS",
                        users=(
                            User(name="sys", permissions=permissions.sys("sys"), password_include="secrets/sys.conf"),
                        ),
                    ),
                ),
                system_account="SYS",
            )
            (self.folder / f"{name}.conf").write_text(render(server) + self._more)

    def start(self, *indexes: int) -> None:
        """Starts these members (all when none is named) without waiting."""
        assert BINARY is not None
        for index in indexes or range(self.size):
            with (self.folder / f"n{index}.log").open("ab") as log:
                self._processes[index] = subprocess.Popen(
                    [BINARY, "-c", str(self.folder / f"n{index}.conf")], stdout=log, stderr=log
                )

    def wait_ready(self, *indexes: int, timeout: float = 20.0) -> None:
        deadline = time.monotonic() + timeout
        for index in indexes or range(self.size):
            base = f"http://127.0.0.1:{self._monitor_ports[index]}"
            while True:
                try:
                    with urllib.request.urlopen(f"{base}/healthz", timeout=1) as answer:
                        healthy = answer.status == 200
                    with urllib.request.urlopen(f"{base}/jsz", timeout=1) as answer:
                        # after a kill the members elect a new leader, which takes seconds
                        led = bool(json.load(answer).get("meta_cluster", {}).get("leader"))
                    if healthy and led:
                        break
                except OSError:
                    pass
                if time.monotonic() > deadline:
                    log = (self.folder / f"n{index}.log").read_text()[-2000:]
                    raise TimeoutError(f"n{index} is not healthy after {timeout} s:\n{log}")
                time.sleep(0.05)

    def kill(self, index: int) -> None:
        process = self._processes[index]
        assert process is not None
        process.kill()
        process.wait()
        self._processes[index] = None

    def revive(self) -> None:
        """Starts every member that was killed and waits until all are healthy."""
        dead = [index for index, process in enumerate(self._processes) if process is None]
        if dead:
            self.start(*dead)
            self.wait_ready()

    def stop(self) -> None:
        for index, process in enumerate(self._processes):
            if process is not None:
                process.kill()
                process.wait()
                self._processes[index] = None

    def settings(self, user: str, *, only: int | None = None) -> BusSettings:
        """How one user connects, to every member or to one."""
        return BusSettings(
            servers=self.urls if only is None else (self.urls[only],),
            user=user,
            password=password(user),
            name=f"test-{user}",
            connect_timeout_s=1.0,
            ping_interval_s=1.0,
            backoff_min_s=0.02,
            backoff_max_s=0.2,
        )


@contextmanager
def running(cluster: Cluster) -> Iterator[Cluster]:
    """Started and whole; ended behind it."""
    cluster.start()
    try:
        cluster.wait_ready()
        yield cluster
    finally:
        cluster.stop()
