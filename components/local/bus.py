"""Three clustered NATS servers on loopback."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pulumi
from pulumi_command import local
from pydantic import BaseModel, ConfigDict

from components.bus import permissions
from components.bus.nats_config import Account, AccountJetStream, JetStream, NatsServer, User, render
from components.local.service import LOOPBACK, Service, ServiceArgs, SupervisorArgs
from components.options import child_options
from components.unit import HttpReadiness, Unit

TRADING_ACCOUNT = "TRADING"
SYSTEM_ACCOUNT = "SYS"


class NatsClusterArgs(BaseModel):
    model_config = ConfigDict(frozen=True)

    supervisor: SupervisorArgs
    environment: str
    host: str  # the one hot-path host whose agent may connect
    client_ports: tuple[int, ...]
    cluster_ports: tuple[int, ...]
    monitor_ports: tuple[int, ...]


def server_config(index: int, args: NatsClusterArgs) -> NatsServer:
    """Member `index` (from 0). Passwords are included from files, relative to the configuration's folder."""
    secrets = "../../secrets/nats"

    def user(name: str, allowed: permissions.Permissions) -> User:
        return User(name=name, permissions=allowed, password_include=f"{secrets}/{name}.conf")

    return NatsServer(
        server_name=f"nats-{index + 1}",
        cluster_name=f"ironlane-{args.environment}",
        host=LOOPBACK,
        client_port=args.client_ports[index],
        cluster_port=args.cluster_ports[index],
        monitor_port=args.monitor_ports[index],
        peers=tuple(f"nats-{i + 1}" for i in range(len(args.client_ports))),
        cluster_include=f"{secrets}/cluster.conf",
        jetstream=JetStream(store_dir=str(args.supervisor.run_dir / "data" / f"nats-{index + 1}")),
        accounts=(
            Account(
                name=TRADING_ACCOUNT,
                jetstream=AccountJetStream(),
                users=(
                    user("agent", permissions.agent(args.environment, args.host, "agent")),
                    user("oms", permissions.oms("oms")),
                    user("operator", permissions.operator(args.environment, "operator")),
                ),
            ),
            Account(name=SYSTEM_ACCOUNT, users=(user("sys", permissions.sys("sys")),)),
        ),
        system_account=SYSTEM_ACCOUNT,
    )


class NatsCluster(pulumi.ComponentResource):
    """The bus. `urls` are the client URLs of all members."""

    urls: tuple[str, ...]

    def __init__(self, name: str, args: NatsClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:local:NatsCluster", name, {}, opts)
        run_dir = args.supervisor.run_dir
        secrets = run_dir / "secrets"
        fragments = [sys.executable, "-m", "components.bus.nats_secrets", "--out", str(secrets / "nats")]
        for user in ("agent", "oms", "operator", "sys"):
            fragments += ["--user", f"{user}={secrets / f'nats-{user}'}"]
        fragments += ["--cluster-password-file", str(secrets / "nats-cluster")]
        for port in args.cluster_ports:
            fragments += ["--route", f"{LOOPBACK}:{port}"]
        logins = local.Command(
            f"{name}-logins",
            create=shlex.join(fragments),
            dir=str(args.supervisor.repository),
            opts=child_options(self, opts),
        )
        for index in range(len(args.client_ports)):
            self._member(index, args, logins)
        self.urls = tuple(f"nats://{LOOPBACK}:{port}" for port in args.client_ports)
        self.register_outputs({"urls": list(self.urls)})

    def _member(self, index: int, args: NatsClusterArgs, logins: pulumi.Resource) -> None:
        name = f"nats-{index + 1}"
        config = args.supervisor.run_dir / "config" / "nats" / f"{name}.conf"
        monitor = f"http://{LOOPBACK}:{args.monitor_ports[index]}"
        unit = Unit(
            name=name,
            description="Member of the NATS cluster",
            command=(str(Path(sys.executable).with_name("nats-server")), "--config", str(config)),
            readiness=HttpReadiness(url=f"{monitor}/healthz"),
            endpoint=f"nats://{LOOPBACK}:{args.client_ports[index]}",
            working_directory=str(args.supervisor.run_dir),
            stop_timeout_s=20,
        )
        Service(
            name,
            ServiceArgs(supervisor=args.supervisor, unit=unit, files={config: render(server_config(index, args))}),
            pulumi.ResourceOptions(parent=self, depends_on=[logins]),
        )
