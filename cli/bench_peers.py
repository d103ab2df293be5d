"""`bench --peers`: installs the engines that ours is measured beside, into `.ironlane/peers/`, a folder per language.

Nothing else uses them. What cannot be installed (no Java, no Rust) is named; the others take part.
"""

from __future__ import annotations

import os
import shutil
import sys
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
    log.say("installing packages")
    log.run([*pip, *quiet, "-r", str(layout.requirements / "peers.txt")], timeout=_INSTALL_S, tries=3)


def _rust(layout: Layout, home: Path, log: StepLog) -> None:
    log.say("compiling")
    source = home / "source"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(_sources(layout, "rust"), source)
    env = {**os.environ, "CARGO_TARGET_DIR": str(home / "target")}
    log.run(["cargo", "build", "--release", "--quiet"], cwd=source, env=env, timeout=_INSTALL_S, tries=2)


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
