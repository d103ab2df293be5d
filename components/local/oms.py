"""The OMS as a process on this machine."""

from __future__ import annotations

import json
import sys
from typing import Any

import pulumi
from pydantic import BaseModel, ConfigDict

from components.local.database import DATABASE, ROLE
from components.local.service import LOOPBACK, Service, ServiceArgs, SupervisorArgs
from components.options import child_options
from components.unit import HttpReadiness, Unit


class OmsArgs(BaseModel):
    model_config = ConfigDict(frozen=True)

    supervisor: SupervisorArgs
    environment: str
    http_port: int
    database_port: int
    nats_urls: tuple[str, ...]
    programs_sha256: str  # of the control plane's sources: new code restarts it


def config(args: OmsArgs) -> dict[str, Any]:
    """What the OMS reads at start."""
    secrets = args.supervisor.run_dir / "secrets"
    return {
        "environment": args.environment,
        "http": {"host": LOOPBACK, "port": args.http_port},
        "database": {
            "dsn": f"postgresql://{ROLE}@{LOOPBACK}:{args.database_port}/{DATABASE}",
            "password_file": str(secrets / "postgres"),
        },
        "nats": {"servers": list(args.nats_urls), "user": "oms", "password_file": str(secrets / "nats-oms")},
    }


class Oms(pulumi.ComponentResource):
    """Order events into the database, and an HTTP API over them."""

    def __init__(self, name: str, args: OmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:local:Oms", name, {}, opts)
        file = args.supervisor.run_dir / "config" / "oms.json"
        url = f"http://{LOOPBACK}:{args.http_port}"
        unit = Unit(
            name="oms",
            description="Order management: orders, fills, positions",
            command=(sys.executable, "-m", "controlplane.oms", "--config", str(file)),
            readiness=HttpReadiness(url=f"{url}/readyz"),
            endpoint=f"{url}/docs",
            working_directory=str(args.supervisor.run_dir),
            stop_timeout_s=15,
        )
        Service(
            name,
            ServiceArgs(
                supervisor=args.supervisor,
                unit=unit,
                files={file: json.dumps(config(args), indent=2) + "\n"},
                artifact_sha256=args.programs_sha256,
            ),
            child_options(self, opts),
        )
        self.register_outputs({"url": url})
