"""One supervised service and the configuration files that belong to it alone."""

from __future__ import annotations

import hashlib
import shlex
import sys
from pathlib import Path
from typing import Any

import pulumi
from pulumi_command import local
from pydantic import BaseModel, ConfigDict

from components.options import child_options
from components.unit import Unit

LOOPBACK = "127.0.0.1"  # where every service of a local stack listens
WRITE = ("install", "-D", "--mode=0600", "/dev/stdin")


class SupervisorArgs(BaseModel):
    """The stack's supervisord; its units, logs and socket live in run_dir."""

    model_config = ConfigDict(frozen=True)

    run_dir: Path
    repository: Path
    shm_prefix: str  # of the shared-memory segments of the stack's processes


class ServiceArgs(BaseModel):
    """A unit, its rendered configuration files (path to content) and what else makes it restart when it changes."""

    model_config = ConfigDict(frozen=True)

    supervisor: SupervisorArgs
    unit: Unit
    files: dict[Path, str] = {}
    artifact_sha256: str = ""


def servicectl(args: SupervisorArgs, *words: str) -> str:
    """Shell command that runs components.local.servicectl under the interpreter that runs this program."""
    return shlex.join([sys.executable, "-m", "components.local.servicectl", *words, "--run-dir", str(args.run_dir)])


def write_command(path: Path) -> str:
    """Shell command that puts standard input into a private file."""
    return shlex.join([*WRITE, str(path)])


def config_path(inputs: dict[str, Any]) -> Path | None:
    """The file that a command of `write_command` writes; None for other commands."""
    words = shlex.split(inputs.get("create", ""))
    return Path(words[-1]) if tuple(words[:-1]) == WRITE else None


class Supervisor(pulumi.ComponentResource):
    """supervisord itself. Every service depends on it."""

    def __init__(self, name: str, args: SupervisorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:local:Supervisor", name, {}, opts)
        self.daemon = local.Command(
            f"{name}-daemon",
            create=servicectl(args, "supervisor-start"),
            delete=servicectl(args, "supervisor-stop", "--shm-prefix", args.shm_prefix),
            dir=str(args.repository),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})


class Service(pulumi.ComponentResource):
    """Writes the configuration, (re)starts the unit, and is created only when the service is ready."""

    def __init__(self, name: str, args: ServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:local:Service", name, {}, opts)
        files: list[pulumi.Resource] = []
        digest = hashlib.sha256()
        for path, content in sorted(args.files.items()):
            digest.update(f"{path}\0{content}\0".encode())
            suffix = "config" if len(args.files) == 1 else f"config-{path.stem}"
            files.append(
                local.Command(
                    f"{name}-{suffix}",
                    create=write_command(path),
                    delete=shlex.join(["rm", "--force", str(path)]),
                    stdin=content,
                    opts=pulumi.ResourceOptions(parent=self),
                )
            )
        self.process = local.Command(
            f"{name}-service",
            create=servicectl(args.supervisor, "apply"),
            delete=servicectl(args.supervisor, "remove", "--name", args.unit.name),
            dir=str(args.supervisor.repository),
            stdin=args.unit.model_dump_json(),
            environment={"CONFIG_SHA256": digest.hexdigest(), "ARTIFACT_SHA256": args.artifact_sha256},
            opts=child_options(self, opts, files),
        )
        self.register_outputs({"service": args.unit.name})
