"""Makes a fresh clone ready: Python environment, Pulumi toolchain, our packages, the engine. Standard library only.

    python3 -m cli.bootstrap ensure [--cloud] [--tests] [--recheck-plugin]

A fast no-op when nothing that a step depends on has changed. Everything lands in `.ironlane/`.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cli import engine as engines
from cli import prerequisites, strategies
from cli.paths import Layout, repository_layout
from cli.sources import digest, package_files
from cli.steps import BootstrapError, CommandError, Step, StepLog, run_steps
from rehearsal.toolchain import command_plugin, pulumi_cli
from rehearsal.toolchain.versions import COMMAND_PLUGIN, PULUMI

__all__ = ["BootstrapError", "ensure", "main"]

_BASE_REQUIREMENTS = ("platform", "controlplane", "build")
_BUILD_VARIABLES = ("HOTPATH_WARNINGS", "CC")
_ASK_VERSION = "import sys, pip; print(sys.version.split()[0])"
_VERSION = sys.version.split()[0]
_PIP_TIMEOUT_S = 900
_LOCK_WAIT_S = 1800


@dataclass(frozen=True)
class _Plan:
    """All steps of one clone, with what they depend on.

    build: of the engine, as `build_variables` gives it. Each flavour is a step of its own with its own outputs.
    """

    layout: Layout
    env: Mapping[str, str]
    cloud: bool
    tests: bool
    plots: bool
    build: Mapping[str, str]

    @property
    def flavour(self) -> str:
        return engines.flavour_of(self.build)

    def steps(self) -> list[Step]:
        layout = self.layout
        python = digest([], sys.version, str(Path(sys.executable).resolve()))
        base = [layout.requirements / f"{name}.txt" for name in _BASE_REQUIREMENTS]
        environment = digest(base, python)
        modules = layout.root / "rehearsal" / "toolchain" / "go"
        pins = [file for folder in pulumi_cli.MODULES for file in sorted((modules / folder).glob("go.*"))]
        toolchain = digest(pins, PULUMI, base=modules)
        wire = digest(package_files(layout.root / "wire"), environment, base=layout.root)
        control_plane = digest(package_files(layout.root / "controlplane"), wire, base=layout.root)
        compiler = prerequisites.compiler(self.env) or ""
        engine = digest(
            [*package_files(layout.root / "hotpath"), layout.requirements / "engine.txt"],
            *(
                wire,
                self._strategies(),
                self.flavour,
                _identity(compiler),
                *(self.env.get(name, "") for name in _BUILD_VARIABLES),
            ),
            base=layout.root,
        )
        steps = [
            Step(
                "environment",
                "Python environment, packages pinned by digest",
                environment,
                (layout.venv_python, layout.venv / "bin" / "supervisord"),
                lambda log: self._make_environment(base, log),
                "check that the package registry can be reached",
            ),
            Step(
                "pulumi",
                f"pulumi {PULUMI}: from PATH, or built once from Go modules (about 4 min)",
                toolchain,
                (layout.toolchain_selection, *self._toolchain_outputs()),
                self._make_pulumi,
                "check that Go modules can be fetched (`go env GOPROXY`), or install pulumi and have it on PATH",
            ),
            Step(
                "plugin",
                "provider plugin command",
                digest([], COMMAND_PLUGIN, toolchain, self.env.get(command_plugin.FORCE_VARIABLE, "")),
                (layout.plugin_selection,),
                self._choose_plugin,
            ),
            Step(
                "packages",
                "our packages wire and controlplane",
                control_plane,
                (layout.venv_python, *self._wheels("wire", "controlplane")),
                self._install_packages,
            ),
            Step(
                "engine" if self.flavour == engines.RELEASE else f"engine-{self.flavour}",
                f"the engine, {self.flavour} build: compile into a wheel, install it by its digest",
                engine,
                (engines.manifest_file(layout, flavour=self.flavour), *self._engine_outputs()),
                self._make_engine,
                "a compiler error names file and line above",
            ),
        ]
        if self.cloud:
            steps.append(self._more("cloud", "provider SDKs of the cloud stacks", environment, ()))
        if self.tests:
            pytest = layout.venv / "bin" / "pytest"
            steps.append(self._more("tests", "tools that the tests need", environment, (pytest,), "test"))
        if self.plots:
            steps.append(self._more("plots", "what draws plots", environment, (), "plot"))
        return steps

    def _more(self, key: str, title: str, environment: str, outputs: tuple[Path, ...], group: str = "") -> Step:
        """A group of requirements on top of the environment."""
        file = self.layout.requirements / f"{group or key}.txt"
        return Step(
            key,
            title,
            digest([file], environment),
            (self.layout.venv_python, *outputs),
            lambda log: self._pip_install(log, "--require-hashes", "-r", str(file)),
            "check that the package registry can be reached",
        )

    def _strategies(self) -> str:
        found = strategies.files(self.layout)
        return digest(found.values(), *found)

    def _toolchain_outputs(self) -> tuple[Path, ...]:
        selection = pulumi_cli.selected(self.layout)
        return (selection.executable if selection else self.layout.toolchain_bin / "pulumi",)

    def _engine_outputs(self) -> tuple[Path, ...]:
        manifest = engines.read_manifest(self.layout, flavour=self.flavour)
        if manifest is None:
            return ()
        return self.layout.artifacts / manifest.file, self.layout.engine(manifest.sha256) / "bin" / "hotpath"

    def _wheels(self, *packages: str) -> tuple[Path, ...]:
        """Wheels built last; for one never built, a path that does not exist."""
        manifests = [(package, engines.read_manifest(self.layout, package)) for package in packages]
        return tuple(self.layout.artifacts / (found.file if found else f"no-{name}") for name, found in manifests)

    def _make_environment(self, requirements: Sequence[Path], log: StepLog) -> None:
        venv = self.layout.venv
        if not self._usable_environment(log):
            log.say(f"creating {venv}")
            log.run([sys.executable, "-m", "venv", "--clear", str(venv)], timeout=300)
        log.say("installing packages")
        self._pip_install(log, "--require-hashes", *(f"-r{file}" for file in requirements))

    def _usable_environment(self, log: StepLog) -> bool:
        """Kept when it has our Python: services of a running stack may be using it."""
        python = self.layout.venv_python
        try:
            return python.exists() and log.run([str(python), "-c", _ASK_VERSION], timeout=20).strip() == _VERSION
        except CommandError:
            return False

    def _pip_install(self, log: StepLog, *arguments: str) -> None:
        pip = [str(self.layout.venv_python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        log.run([*pip, "--progress-bar", "off", *arguments], env=self._clean(), timeout=_PIP_TIMEOUT_S, tries=3)

    def _clean(self) -> dict[str, str]:
        env = dict(self.env)
        for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_USER"):
            env.pop(name, None)
        # whatever the caller's shell says: a flavour is asked for by the command, and each has its own manifest
        return {**env, **self.build}

    def _make_pulumi(self, log: StepLog) -> None:
        selection, why_not = pulumi_cli.find_on_path(self.env.get("PATH"))
        if selection is None:
            log.say(why_not)
            selection = pulumi_cli.build(self.layout, log.run, log.say, self.env)
        pulumi_cli.remember(self.layout, selection)
        log.finding = selection.line

    def _choose_plugin(self, log: StepLog) -> None:
        selection = pulumi_cli.selected(self.layout)
        if selection is None:
            raise CommandError("no pulumi has been chosen")
        log.say("looking for the real one")
        try:
            chosen = command_plugin.choose(self.layout, selection.executable, self.env, recheck=True)
        except (RuntimeError, ValueError) as error:
            raise CommandError(str(error)) from None
        log.say(chosen.reason)
        log.finding = chosen.line

    def _install_packages(self, log: StepLog) -> None:
        for package in ("wire", "controlplane"):
            log.say(f"building {package}")
            wheel = engines.build_wheel(self.layout, package, log.run, self._clean(), {})
            path = self.layout.artifacts / wheel.file
            self._pip_install(log, "--no-deps", "--no-index", "--force-reinstall", str(path))

    def _make_engine(self, log: StepLog) -> None:
        env = self._clean()
        if compiler := prerequisites.other_compiler(self.env):
            env["CC"] = compiler
        wire = engines.read_manifest(self.layout, "wire")
        if wire is None:
            raise CommandError("no wheel of wire has been built")
        log.say("compiling")
        wheel = engines.build_engine(self.layout, wire, log.run, env)
        log.say("installing")
        try:
            engines.install_engine(self.layout, self.layout.artifacts / wheel.file, wheel.sha256, log.run)
        except engines.EngineError as error:
            raise CommandError(str(error)) from None
        log.finding = f"engine: {wheel.version}, sha256 {wheel.sha256}"


def _identity(executable: str) -> str:
    """Changes when the program at that path is exchanged; cheaper than asking it for its version."""
    try:
        found = Path(executable).resolve().stat()
    except OSError:
        return executable
    return f"{executable} {found.st_size} {found.st_mtime_ns}"


def ensure(
    layout: Layout,
    *,
    cloud: bool = False,
    tests: bool = False,
    plots: bool = False,
    own_strategies: str | None = None,
    recheck_plugin: bool = False,
    build: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    stream: IO[str] | None = None,
) -> list[str]:
    """Brings the clone up to date; returns the keys of the steps that ran. Raises BootstrapError, nothing else.

    own_strategies: folder to build into the engine from now on, see `strategies.remember`.
    cloud: also the provider SDKs of the cloud stacks, which the tests need as well.
    build: `build_variables` of the engine to have; the release build when not given. The others are left as they are.
    """
    env = dict(os.environ if env is None else env)
    # our own build must not count as a pulumi that the machine has
    kept = [entry for entry in env.get("PATH", os.defpath).split(os.pathsep) if Path(entry) != layout.toolchain_bin]
    wanted = engines.build_variables(debug=False) if build is None else build
    if own_strategies is not None:
        strategies.remember(layout, own_strategies)
    plan = _Plan(layout, env | {"PATH": os.pathsep.join(kept)}, cloud or tests, tests, plots or tests, wanted)
    if recheck_plugin:
        (layout.stamps / "plugin.json").unlink(missing_ok=True)
    if not [step for step in plan.steps() if step.due(layout.stamps)]:
        return []
    out = stream or sys.stderr
    try:
        layout.home.mkdir(parents=True, exist_ok=True)
        layout.bootstrap_lock.touch()
    except OSError as error:
        raise BootstrapError(f"{error.filename}: {error.strerror}; the set-up writes into {layout.home}") from None
    with _only_one(layout.bootstrap_lock, out):
        steps = plan.steps()
        due = {step.key for step in steps if step.due(layout.stamps)}
        compiles = any(key.startswith("engine") for key in due)
        missing = prerequisites.check(plan.env, compile_c=compiles, pulumi="pulumi" in due)
        if missing:
            listed = "\n".join(each.text for each in missing)
            raise BootstrapError(f"this machine lacks what is needed to set up Ironlane:\n{listed}")
        return run_steps(steps, layout.stamps, layout.logs, out)


@contextmanager
def _only_one(lock: Path, stream: IO[str]) -> Iterator[None]:
    with lock.open("a+") as held:
        deadline = time.monotonic() + _LOCK_WAIT_S
        told = False
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                held.seek(0)
                holder = held.read().strip() or "unknown"
                if not told:
                    stream.write(f"another set-up of this clone is running (pid {holder}): waiting for it\n")
                    stream.flush()
                    told = True
                if time.monotonic() > deadline:
                    raise BootstrapError(f"the set-up by pid {holder} did not end in {_LOCK_WAIT_S} s") from None
                time.sleep(0.5)
        held.truncate(0)
        held.write(f"{os.getpid()}\n")
        held.flush()
        yield


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m cli.bootstrap", description="Make this clone ready to run.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("ensure", help="set up what is missing or out of date")
    command.add_argument("--cloud", action="store_true", help="also what the cloud stacks need")
    command.add_argument("--tests", action="store_true", help="also what the tests need")
    command.add_argument("--recheck-plugin", action="store_true", help="look again for the real provider plugin")
    options = parser.parse_args(arguments)
    # a terminated set-up must end its children too, as Ctrl-C does
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        ensure(repository_layout(), cloud=options.cloud, tests=options.tests, recheck_plugin=options.recheck_plugin)
    except BootstrapError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the next run goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
