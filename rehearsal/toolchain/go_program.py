"""Compiles a program from Go modules that a go.mod and go.sum of ours pin. Standard library only."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cli.paths import Layout
from rehearsal.toolchain.versions import GO_NEEDED, GO_OLDEST, Version, parse_version

_DOWNLOAD_TRIES = 3
_DOWNLOAD_S = 900
_COMPILE_S = 3600


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


@dataclass(frozen=True)
class GoProgram:
    """folder: below `rehearsal/toolchain/go`, with the pins. variables: package variables set at link time."""

    folder: str
    package: str
    executable: str
    variables: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


def module_folder(layout: Layout, folder: str) -> Path:
    return layout.root / "rehearsal" / "toolchain" / "go" / folder


def go_environment(go_version: Version, base: Mapping[str, str]) -> dict[str, str]:
    """Go's environment without the user's flags; caches stay where Go has them."""
    env = dict(base)
    # distributions set GOTOOLCHAIN=local in go.env: an older Go must be allowed to fetch the one it needs
    if go_version < GO_NEEDED:
        env["GOTOOLCHAIN"] = "auto"
    return env | {"GOFLAGS": "", "GOWORK": "off", "CGO_ENABLED": "0"}


def found_go(run: Runner, env: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The Go on PATH and the environment to run it in. Raises what `run` raises."""
    go = shutil.which("go", path=env.get("PATH")) or "go"
    version = parse_version(run([go, "env", "GOVERSION"], env={**env, "GOTOOLCHAIN": "local"}, timeout=20))
    return go, go_environment(version or GO_OLDEST, env)


def fetched_module(layout: Layout, folder: str, module: str, run: Runner, env: Mapping[str, str]) -> Path:
    """Folder of a module's files, of the version that `folder` pins. Raises what `run` raises."""
    go, go_env = found_go(run, env)
    place = module_folder(layout, folder)
    run([go, "mod", "download", module], cwd=place, env=go_env, timeout=_DOWNLOAD_S, tries=_DOWNLOAD_TRIES)
    return Path(run([go, "list", "-m", "-f", "{{.Dir}}", module], cwd=place, env=go_env, timeout=120).strip())


def compile_programs(
    layout: Layout, programs: Sequence[GoProgram], run: Runner, say: Callable[[str], None], env: Mapping[str, str]
) -> None:
    """Compiles each into toolchain/bin, put in place whole. Raises what `run` raises."""
    go, go_env = found_go(run, env)
    for program in programs:
        say(f"fetching the Go modules of {program.executable}")
        module = module_folder(layout, program.folder)
        run([go, "mod", "download"], cwd=module, env=go_env, timeout=_DOWNLOAD_S, tries=_DOWNLOAD_TRIES)
        say(f"compiling {program.executable}")
        compile_program(layout, program, run, go, go_env)


def compile_program(layout: Layout, program: GoProgram, run: Runner, go: str, go_env: Mapping[str, str]) -> None:
    """Into toolchain/bin, put in place whole; fetches the modules that are needed and not there. Raises what `run`
    raises."""
    binaries = layout.toolchain_bin
    binaries.mkdir(parents=True, exist_ok=True)
    draft = binaries / f".{program.executable}.{os.getpid()}"
    link = " ".join(["-s -w", *(f"-X {name}={value}" for name, value in program.variables.items())])
    flags = ["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", link]
    flags += ["-tags", ",".join(program.tags)] if program.tags else []
    command = [go, "build", *flags, "-o", str(draft), program.package]
    try:
        run(command, cwd=module_folder(layout, program.folder), env=go_env, timeout=_COMPILE_S)
        draft.replace(binaries / program.executable)
    finally:
        draft.unlink(missing_ok=True)
