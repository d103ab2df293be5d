"""Where everything that the tooling writes lives: one ignored folder, `.ironlane/`, inside the repository.

Standard library only, so that the bootstrap can use it before any package is installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HOME_NAME = ".ironlane"


@dataclass(frozen=True)
class Layout:
    """Paths of one clone. Nothing is created by constructing it."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / HOME_NAME

    @property
    def venv(self) -> Path:
        """Environment of the tooling and the control plane (not of the engine)."""
        return self.home / "venv"

    @property
    def venv_python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def requirements(self) -> Path:
        return self.root / "requirements"

    @property
    def toolchain(self) -> Path:
        return self.home / "toolchain"

    @property
    def toolchain_bin(self) -> Path:
        """Pulumi CLI, language host and its helper scripts, when built here."""
        return self.toolchain / "bin"

    @property
    def kubernetes_definitions(self) -> Path:
        """CustomResourceDefinitions of the kinds that charts bring: rehearsals validate objects by them."""
        return self.toolchain / "kubernetes-definitions"

    @property
    def toolchain_selection(self) -> Path:
        """JSON: which pulumi is in use."""
        return self.toolchain / "pulumi.json"

    @property
    def plugin_selection(self) -> Path:
        """JSON: which provider plugin `command` is in use, and why."""
        return self.toolchain / "plugin-command.json"

    @property
    def pulumi_home(self) -> Path:
        return self.home / "pulumi-home"

    @property
    def state(self) -> Path:
        """Pulumi file backend."""
        return self.home / "state"

    @property
    def rehearsal(self) -> Path:
        """State, settings and logs of rehearsed stacks, apart from those of real ones."""
        return self.home / "rehearsal"

    @property
    def passphrase(self) -> Path:
        """Generated once, mode 0600; encrypts the secrets in the state."""
        return self.home / "secrets" / "passphrase"

    @property
    def build(self) -> Path:
        """Build trees: copies of our sources, so that a build never writes into the repository."""
        return self.home / "build"

    @property
    def artifacts(self) -> Path:
        """Wheels, each named with its sha256."""
        return self.home / "artifacts"

    @property
    def engine_manifest(self) -> Path:
        """JSON: version, file and sha256 of the release build of the engine, the one that runs."""
        return self.artifacts / "engine.json"

    @property
    def engines(self) -> Path:
        """Installed engines, side by side, one folder per wheel digest."""
        return self.home / "engines"

    def engine(self, sha256: str) -> Path:
        return self.engines / sha256

    @property
    def own_strategies(self) -> Path:
        """Names the folder of the user's own strategies that are built into the engine."""
        return self.home / "strategies"

    @property
    def run(self) -> Path:
        return self.home / "run"

    def stack_run(self, stack: str) -> Path:
        """Configuration, logs, data, secrets and supervisor socket of one stack."""
        return self.run / stack

    @property
    def logs(self) -> Path:
        """One log file per bootstrap step."""
        return self.home / "log"

    @property
    def debug_reports(self) -> Path:
        """What the last run of the debug tests found, one file per process."""
        return self.logs / "debug-reports"

    @property
    def peers(self) -> Path:
        """What the benchmarks measure the engine beside."""
        return self.home / "peers"

    @property
    def stamps(self) -> Path:
        return self.home / "stamps"

    @property
    def bootstrap_lock(self) -> Path:
        return self.home / "bootstrap.lock"


def repository_layout() -> Layout:
    """Layout of the clone that this file belongs to."""
    return Layout(Path(__file__).resolve().parent.parent)
