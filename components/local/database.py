"""The embedded Postgres of the control plane."""

from __future__ import annotations

import sys

import pulumi
from pydantic import BaseModel, ConfigDict

from components.local.service import LOOPBACK, Service, ServiceArgs, SupervisorArgs
from components.options import child_options
from components.unit import TcpReadiness, Unit

ROLE = "oms"
DATABASE = "ironlane"


class PostgresArgs(BaseModel):
    model_config = ConfigDict(frozen=True)

    supervisor: SupervisorArgs
    port: int


class Postgres(pulumi.ComponentResource):
    """One server with the OMS's role and database; the data folder outlives the stack."""

    def __init__(self, name: str, args: PostgresArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:local:Postgres", name, {}, opts)
        run_dir = args.supervisor.run_dir
        data = run_dir / "data" / "postgres"
        unit = Unit(
            name="postgres",
            description="Database of the OMS",
            command=(
                sys.executable, "-m", "components.local.postgres_service",
                "--data", str(data), "--port", str(args.port), "--socket-dir", str(data),
                "--password-file", str(run_dir / "secrets" / "postgres"), "--role", ROLE, "--database", DATABASE,
            ),
            readiness=TcpReadiness(host=LOOPBACK, port=args.port),
            endpoint=f"postgresql://{ROLE}@{LOOPBACK}:{args.port}/{DATABASE}",
            working_directory=str(args.supervisor.repository),
            stop_signal="INT",  # fast shutdown; TERM waits for every client to leave
            stop_timeout_s=30,
        )  # fmt: skip
        Service(name, ServiceArgs(supervisor=args.supervisor, unit=unit), child_options(self, opts))
        self.register_outputs({})
