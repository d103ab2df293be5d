"""Passwords of the local services. They stay on this machine and never enter the Pulumi state."""

from __future__ import annotations

import shlex
import sys

import pulumi
from pulumi_command import local
from pydantic import BaseModel, ConfigDict

from components.local.service import SupervisorArgs

NAMES = ("order-entry", "postgres", "nats-agent", "nats-oms", "nats-operator", "nats-sys", "nats-cluster")


class LocalSecretsArgs(BaseModel):
    model_config = ConfigDict(frozen=True)

    supervisor: SupervisorArgs
    names: tuple[str, ...] = NAMES


class LocalSecrets(pulumi.ComponentResource):
    """Deleting the stack keeps the files: the databases that they open are kept too."""

    def __init__(self, name: str, args: LocalSecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:local:Secrets", name, {}, opts)
        directory = str(args.supervisor.run_dir / "secrets")
        create = [sys.executable, "-m", "components.local.credentials", "--directory", directory, *args.names]
        local.Command(
            f"{name}-create",
            create=shlex.join(create),
            dir=str(args.supervisor.repository),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
