"""The engine artifact on this machine: a wheel whose sha256 is pinned, installed side by side by digest."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pulumi
from pulumi_command import local
from pydantic import BaseModel, ConfigDict, Field


class EnginePin(BaseModel):
    """The manifest that the build leaves beside its wheel: only this digest may run."""

    model_config = ConfigDict(frozen=True)

    version: str
    file: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class EngineArtifactArgs(BaseModel):
    model_config = ConfigDict(frozen=True)

    repository: Path
    wheel: Path
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class EngineArtifact(pulumi.ComponentResource):
    """Installs the wheel after its digest was checked; `sha256` resolves only when that held."""

    sha256: pulumi.Output[str]

    def __init__(self, name: str, args: EngineArtifactArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:local:EngineArtifact", name, {}, opts)
        install = [sys.executable, "-m", "cli.engine", "install", "--wheel", str(args.wheel), "--sha256", args.sha256]
        installed = local.Command(
            f"{name}-install",
            create=shlex.join(install),
            dir=str(args.repository),
            environment={"ARTIFACT_SHA256": args.sha256},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.sha256 = installed.environment.apply(lambda environment: (environment or {})["ARTIFACT_SHA256"])
        self.register_outputs({"sha256": self.sha256})
