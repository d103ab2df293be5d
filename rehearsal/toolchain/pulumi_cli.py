"""A suitable pulumi from PATH, or one built from its Go modules, pinned by go.mod and go.sum. Standard library only."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from cli.paths import Layout
from rehearsal.toolchain.versions import (
    GO_NEEDED,
    GO_OLDEST,
    PULUMI,
    PULUMI_OLDEST,
    Version,
    parse_version,
    version_text,
)

LANGUAGE_HOST = "pulumi-language-python"
_SDK_MODULE = "github.com/pulumi/pulumi/sdk/v3"
_HELPERS = ("python/cmd/pulumi-language-python-exec", "python/dist/pulumi-resource-pulumi-python")
_VERSION_VARIABLES = (
    "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version",
    "github.com/pulumi/pulumi/pkg/v3/version.Version",
)
_PACKAGES = (
    ("cli", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", "pulumi"),
    ("language", "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python", LANGUAGE_HOST),
)
MODULES = tuple(folder for folder, _, _ in _PACKAGES)
"""Folders below `go/` that pin it."""
_DOWNLOAD_TRIES = 3


@dataclass(frozen=True)
class PulumiSelection:
    origin: Literal["path", "built"]
    executable: Path
    version: str

    @property
    def line(self) -> str:
        """One line for people."""
        how = "found on PATH" if self.origin == "path" else "built from Go modules"
        return f"pulumi: {self.version}, {how} ({self.executable})"


class Runner(Protocol):
    """Runs a command with its output in the step's log; returns its standard output, raises when it fails."""

    def __call__(
        self,
        command: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float,
        tries: int = 1,
    ) -> str: ...


def selected(layout: Layout) -> PulumiSelection | None:
    """The remembered choice, or None when there is none or the executable is gone."""
    try:
        stored = json.loads(layout.toolchain_selection.read_text())
        if stored["origin"] == "built":
            executable = layout.toolchain_bin / "pulumi"
        else:
            executable = Path(stored["executable"])
        selection = PulumiSelection(stored["origin"], executable, stored["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return selection if os.access(selection.executable, os.X_OK) else None


def remember(layout: Layout, selection: PulumiSelection) -> None:
    layout.toolchain.mkdir(parents=True, exist_ok=True)
    stored = {"origin": selection.origin, "executable": str(selection.executable), "version": selection.version}
    draft = layout.toolchain_selection.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(stored, indent=1) + "\n")
    draft.replace(layout.toolchain_selection)


def find_on_path(search_path: str | None = None) -> tuple[PulumiSelection | None, str]:
    """A suitable pulumi from PATH, else None; and why (for the log and for error messages)."""
    found = shutil.which("pulumi", path=search_path)
    if found is None:
        return None, "no pulumi on PATH"
    executable = Path(found).resolve()
    try:
        answer = subprocess.run([found, "version"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return None, f"{found} does not run: {error}"
    version = parse_version(answer)
    if version is None:
        return None, f"{found} does not tell its version"
    if version[0] != PULUMI_OLDEST[0] or version < PULUMI_OLDEST:
        return None, f"{found} is {version_text(version)}, {version_text(PULUMI_OLDEST)} or a later 3.x is needed"
    beside = os.pathsep.join([str(executable.parent), search_path or os.environ.get("PATH", "")])
    if shutil.which(LANGUAGE_HOST, path=beside) is None:
        return None, f"{found} has no {LANGUAGE_HOST} beside it"
    return PulumiSelection("path", Path(found), version_text(version)), f"{found} {version_text(version)}"


def go_problem(go: str | None, env: Mapping[str, str]) -> str | None:
    """Why this Go cannot build the CLI, or None when it can."""
    if go is None:
        return "no Go on PATH"
    try:
        answer = subprocess.run(
            [go, "env", "GOVERSION"], env={**env, "GOTOOLCHAIN": "local"}, capture_output=True, text=True, timeout=20
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return f"{go} does not run: {error}"
    version = parse_version(answer)
    if version is None:
        return f"{go} does not tell its version"
    if version < GO_OLDEST:
        return f"{go} is {version_text(version)}, {version_text(GO_OLDEST)} or later is needed"
    if version < GO_NEEDED and env.get("GOTOOLCHAIN") == "local":
        return (
            f"{go} is {version_text(version)}, the build needs {version_text(GO_NEEDED)} and GOTOOLCHAIN=local "
            "forbids Go to fetch it: unset GOTOOLCHAIN"
        )
    return None


def go_environment(go_version: Version, base: Mapping[str, str]) -> dict[str, str]:
    """Go's environment without the user's flags; caches stay where Go has them."""
    env = dict(base)
    # distributions set GOTOOLCHAIN=local in go.env: an older Go must be allowed to fetch the one it needs
    if go_version < GO_NEEDED:
        env["GOTOOLCHAIN"] = "auto"
    return env | {"GOFLAGS": "", "GOWORK": "off", "CGO_ENABLED": "0"}


def build(layout: Layout, run: Runner, say: Callable[[str], None], env: Mapping[str, str]) -> PulumiSelection:
    """Builds CLI and Python language host into toolchain/bin. Raises what `run` raises."""
    go = shutil.which("go", path=env.get("PATH")) or "go"
    version = parse_version(run([go, "env", "GOVERSION"], env={**env, "GOTOOLCHAIN": "local"}, timeout=20))
    go_env = go_environment(version or GO_OLDEST, env)
    binaries = layout.toolchain_bin
    binaries.mkdir(parents=True, exist_ok=True)
    flags = " ".join(["-s -w", *(f"-X {variable}=v{PULUMI}" for variable in _VERSION_VARIABLES)])
    for folder, package, executable in _PACKAGES:
        module = layout.root / "rehearsal" / "toolchain" / "go" / folder
        say(f"fetching the Go modules of {executable}")
        run([go, "mod", "download"], cwd=module, env=go_env, timeout=900, tries=_DOWNLOAD_TRIES)
        say(f"compiling {executable}")
        draft = binaries / f".{executable}.{os.getpid()}"
        command = ["go", "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", str(draft)]
        run([go, *command[1:], package], cwd=module, env=go_env, timeout=3600)
        draft.replace(binaries / executable)
    module = layout.root / "rehearsal" / "toolchain" / "go" / "cli"
    sources = run([go, "list", "-m", "-f", "{{.Dir}}", _SDK_MODULE], cwd=module, env=go_env, timeout=120).strip()
    for helper in _HELPERS:
        target = binaries / Path(helper).name
        shutil.copyfile(Path(sources) / helper, target)
        target.chmod(0o755)
    return PulumiSelection("built", binaries / "pulumi", PULUMI)
