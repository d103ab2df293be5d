"""`bench --peers`: installs the engines that ours is measured beside, into `.ironlane/peers/`, a folder per language.

Nothing else uses them. What cannot be installed (no Java, no Rust) is named; the others take part.
"""

from __future__ import annotations

import os
import shutil
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

from cli.paths import Layout
from cli.sources import digest
from cli.steps import BootstrapError, CommandError, Step, StepLog, run_steps

_INSTALL_S = 1800


def install(layout: Layout) -> bool:
    """True: all of them are there."""
    steps = [
        ("python", "peers in Python, packages pinned by digest", "", _python),
        ("rust", "peers in Rust, compiled (some minutes)", "cargo", _rust),
        ("java", "peers in Java", "mvn", _java),
    ]
    complete = True
    for name, title, tool, action in steps:
        if tool and shutil.which(tool) is None:
            print(f"{title}: skipped, no {tool} on PATH", file=sys.stderr)
            complete = False
            continue
        home = layout.peers / name
        step = Step(f"peers-{name}", title, _inputs(layout, name), (home / ".complete",), _into(layout, home, action))
        try:
            run_steps([step], layout.stamps, layout.logs)
        except BootstrapError as error:
            print(f"{error}\n  going on without them", file=sys.stderr)
            complete = False
    return complete


def _sources(layout: Layout, name: str) -> Path:
    return layout.root / "hotpath" / "benchmarks" / "peers" / name


def _inputs(layout: Layout, name: str) -> str:
    if name == "python":
        return digest([layout.requirements / "peers.txt"], sys.version)
    sources = _sources(layout, name)
    return digest(sorted(each for each in sources.rglob("*") if each.is_file()), base=sources)


def _into(layout: Layout, home: Path, action: Callable[[Layout, Path, StepLog], None]) -> Callable[[StepLog], None]:
    def run(log: StepLog) -> None:
        (home / ".complete").unlink(missing_ok=True)
        home.mkdir(parents=True, exist_ok=True)
        action(layout, home, log)
        (home / ".complete").touch()

    return run


def _python(layout: Layout, home: Path, log: StepLog) -> None:
    log.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(home)], timeout=120)
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install", "--require-hashes"]
    quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    lock = layout.requirements / "peers.txt"
    log.say("installing packages")
    try:
        log.run([*pip, *quiet, "-r", str(lock)], timeout=_INSTALL_S, tries=2)
        return
    except CommandError:
        log.say("not all packages can be installed, trying each")
    # the lock is complete, so none of them needs to look for others; what then lacks something says so when it is run
    failed = []
    locked = locked_packages(lock.read_text())
    for name, requirement in locked.items():
        one = home / "requirement.txt"
        one.write_text(requirement)
        try:
            log.run([*pip, *quiet, "--no-deps", "-r", str(one)], timeout=_INSTALL_S)
        except CommandError:
            failed.append(name)
    if len(failed) == len(locked):
        raise CommandError("none of the packages could be installed")
    if failed:
        log.say(f"without {', '.join(failed)}")


def locked_packages(lock: str) -> dict[str, str]:
    """The parts of a requirements file by package: its version and its digests."""
    parts: dict[str, str] = {}
    name = ""
    for line in lock.splitlines(keepends=True):
        if not line[0].isspace():
            name = line.partition("==")[0]
            parts[name] = ""
        parts[name] += line
    return parts


def _rust(layout: Layout, home: Path, log: StepLog) -> None:
    source, target, programs = home / "source", home / "target", home / "bin"
    for folder in (source, programs):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(_sources(layout, "rust"), source)
    programs.mkdir()
    manifest = tomllib.loads((source / "Cargo.toml").read_text())
    features = {each["name"]: ",".join(each["required-features"]) for each in manifest["bin"]}
    build = ["cargo", "build", "--release", "--quiet"]
    env = {**os.environ, "CARGO_TARGET_DIR": str(target)}
    log.say("compiling")
    try:
        log.run([*build, "--bins", "--features", ",".join(features.values())], cwd=source, env=env, timeout=_INSTALL_S)
        built = list(features)
    except CommandError:
        log.say("not all programs can be built, trying each")
        built = [
            name for name in features if _built([*build, "--bin", name, "--features", features[name]], source, env, log)
        ]
    if not built:
        raise CommandError("none of the programs could be built")
    for name in built:
        shutil.copy2(target / "release" / name, programs / name)
    shutil.rmtree(target)
    if len(built) < len(features):
        log.say(f"without {', '.join(sorted(set(features) - set(built)))}")


def _built(command: list[str], source: Path, env: dict[str, str], log: StepLog) -> bool:
    try:
        log.run(command, cwd=source, env=env, timeout=_INSTALL_S)
    except CommandError:
        return False
    return True


def _java(layout: Layout, home: Path, log: StepLog) -> None:
    log.say("fetching libraries, compiling")
    source = home / "source"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(_sources(layout, "java"), source)
    command = ["mvn", "--batch-mode", "--quiet", "--strict-checksums", "package"]
    log.run(command, cwd=source, timeout=_INSTALL_S, tries=2)
    libraries = home / "lib"
    shutil.rmtree(libraries, ignore_errors=True)
    # a class path per module
    for target in sorted(source.glob("*/target")):
        module = libraries / target.parent.name
        module.mkdir(parents=True)
        for jar in [*target.glob("*.jar"), *target.glob("lib/*.jar")]:
            shutil.copyfile(jar, module / jar.name)
    if not libraries.is_dir():
        raise CommandError("maven made no jar")
