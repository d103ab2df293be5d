"""The engine artifact: one wheel, named by its sha256, and its installations side by side by that digest.

The wheel carries the exact versions and digests of all that it runs with, so that its own digest pins everything.

    python -m cli.engine install --wheel FILE --sha256 DIGEST     (idempotent)
    python -m cli.engine verify --sha256 DIGEST

Standard library only.
"""

from __future__ import annotations

import argparse
import base64
import csv
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from cli import strategies
from cli.paths import Layout, repository_layout
from cli.sources import file_sha256, stage
from rehearsal.toolchain.go_program import Runner

ENGINE = "hotpath"
RELEASE = "release"
SANITIZERS = ("address", "undefined")
RUNTIME_LOCK = "hotpath/_lock/runtime.txt"
WIRE_LOCK = "hotpath/_lock/wire.txt"
_MARKER = "installed.json"
_PIP_TIMEOUT_S = 600
_COMPILE_TIMEOUT_S = 1800
# zip cannot date anything before 1980; one fixed date makes equal sources equal wheels
_EPOCH = "1577836800"


class EngineError(Exception):
    """The artifact is not what was asked for, or cannot be installed."""


@dataclass(frozen=True)
class Wheel:
    """A built artifact: a wheel, or a bundle of wheels. file is relative to the artifacts folder."""

    version: str
    file: str
    sha256: str


def build_variables(debug: bool, sanitize: bool = False) -> dict[str, str]:
    """What tells the engine's setup.py which flavour to build; sanitize needs debug."""
    return {
        "HOTPATH_BUILD": "debug" if debug else RELEASE,
        "HOTPATH_SANITIZE": ",".join(SANITIZERS) if sanitize else "",
    }


def flavour_of(env: Mapping[str, str]) -> str:
    """Name of the flavour that those variables ask for: `release`, `debug`, `debug-address-undefined`."""
    wanted = env.get("HOTPATH_SANITIZE", "").split(",")
    return "-".join([env.get("HOTPATH_BUILD") or RELEASE, *filter(None, wanted)])


def build_wheel(layout: Layout, package: str, run: Runner, env: Mapping[str, str], more: Mapping[str, bytes]) -> Wheel:
    """Builds package (a folder of the repository) from a staged copy into the artifacts, and writes its manifest.

    more: further files, by name below src. The same sources, compiler and Python give the same bytes in any folder.
    Each flavour of the engine has its own build tree and manifest: only the release build can become the pinned one.
    """
    flavour = flavour_of(env) if package == ENGINE else RELEASE
    tree = layout.build / f"{package}-{flavour}"
    setup = layout.root / package / "setup.py"
    if setup.exists() and tree.exists() and not _same(setup, tree / "setup.py"):
        shutil.rmtree(tree)  # other compiler flags: nothing built earlier counts
    tree.mkdir(parents=True, exist_ok=True)
    stage(layout.root / package, tree, {f"src/{name}": content for name, content in more.items()})
    out = tree / "build" / "wheel"
    shutil.rmtree(out, ignore_errors=True)
    build_env = {**env, "SOURCE_DATE_EPOCH": _EPOCH, "PYTHONHASHSEED": "0"}
    for name in ("CFLAGS", "CPPFLAGS", "LDFLAGS", "PYTHONPATH", "PYTHONHOME"):
        build_env.pop(name, None)
    out.mkdir(parents=True)
    # the build backend itself: pip around it would run it twice and bury its errors
    command = [
        str(layout.venv_python),
        "-c",
        f"from setuptools import build_meta; build_meta.build_wheel({str(out)!r})",
    ]
    run(command, cwd=tree, env=build_env, timeout=_COMPILE_TIMEOUT_S)
    (built,) = out.glob("*.whl")
    return keep(layout, built, built.name, built.name.split("-")[1], manifest_file(layout, package, flavour))


def keep(layout: Layout, built: Path, name: str, version: str, manifest: Path) -> Wheel:
    """Copies what was built below the artifacts, by its digest, and names it in the manifest."""
    sha256 = file_sha256(built)
    home = layout.artifacts / sha256
    home.mkdir(parents=True, exist_ok=True)
    draft = home / f".{name}.{os.getpid()}"
    shutil.copyfile(built, draft)
    draft.replace(home / name)
    kept = Wheel(version, f"{sha256}/{name}", sha256)
    draft = manifest.with_name(f".{manifest.name}.{os.getpid()}")
    draft.write_text(json.dumps(asdict(kept), indent=1) + "\n")
    draft.replace(manifest)
    return kept


def manifest_file(layout: Layout, package: str = ENGINE, flavour: str = RELEASE) -> Path:
    name = layout.engine_manifest if package == ENGINE else layout.artifacts / f"{package}.json"
    return name if flavour == RELEASE else name.with_stem(f"{name.stem}-{flavour}")


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.read_bytes() == other.read_bytes()


def build_engine(layout: Layout, wire: Wheel, run: Runner, env: Mapping[str, str]) -> Wheel:
    """Compiles the engine, strategies included. Raises what `run` raises, and BootstrapError."""
    more = {
        RUNTIME_LOCK: (layout.requirements / "engine.txt").read_bytes(),
        WIRE_LOCK: f"{wire.file} --hash=sha256:{wire.sha256}\n".encode(),
        **strategies.contents(layout),
    }
    return build_wheel(layout, ENGINE, run, env, more)


def read_manifest(layout: Layout, package: str = ENGINE, flavour: str = RELEASE) -> Wheel | None:
    """The wheel of the package that was built last, or None."""
    try:
        stored = json.loads(manifest_file(layout, package, flavour).read_text())
        return Wheel(stored["version"], stored["file"], stored["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def install_engine(layout: Layout, wheel: Path, sha256: str, run: Runner) -> Path:
    """Folder with bin/hotpath of exactly that wheel; at once when it is there already. Raises EngineError."""
    home = layout.engine(sha256)
    if (home / _MARKER).exists():
        return home
    try:
        found = file_sha256(wheel)
    except OSError as error:
        raise EngineError(
            f"engine wheel {wheel}: {error.strerror}; `python3 -m cli.bootstrap ensure` builds it"
        ) from None
    if found != sha256:
        raise EngineError(f"engine wheel {wheel}: its sha256 is {found}, pinned is {sha256}: it must not run")
    with zipfile.ZipFile(wheel) as archive:
        try:
            runtime_lock, wire_lock = archive.read(RUNTIME_LOCK).decode(), archive.read(WIRE_LOCK).decode()
        except KeyError as error:
            raise EngineError(f"engine wheel {wheel}: {error.args[0]}: build it with the bootstrap") from None
    layout.engines.mkdir(parents=True, exist_ok=True)
    with _locked(layout.engines / ".lock"):
        if (home / _MARKER).exists():
            return home
        runtime = _install_runtime(layout, runtime_lock, run)
        shutil.rmtree(home, ignore_errors=True)
        # without its own packages: those of the runtime, shared by all engines with the same lock, are on its path
        run([str(layout.venv_python), "-m", "venv", "--without-pip", str(home)], timeout=120)
        packages = _site_packages(home)
        (packages / "runtime.pth").write_text(f"{_site_packages(runtime)}\n")
        lines = f"{wheel} --hash=sha256:{sha256}\n{layout.artifacts}/{wire_lock}"
        _pip_install(layout, home, lines, run, "--no-deps", "--no-index")
        run([str(home / "bin" / "python"), "-c", "import hotpath.cli"], timeout=60)
        marker = {"sha256": sha256, "wheel": wheel.name, "runtime": runtime.name}
        (home / _MARKER).write_text(json.dumps(marker, indent=1) + "\n")
    return home


def _install_runtime(layout: Layout, lock: str, run: Runner) -> Path:
    home = layout.engines / f"runtime-{hashlib.sha256(lock.encode()).hexdigest()[:16]}"
    if not (home / _MARKER).exists():
        shutil.rmtree(home, ignore_errors=True)
        run([str(layout.venv_python), "-m", "venv", "--without-pip", str(home)], timeout=120)
        _pip_install(layout, home, lock, run)
        (home / _MARKER).write_text("{}\n")
    return home


def _pip_install(layout: Layout, venv: Path, requirements: str, run: Runner, *options: str) -> None:
    file = venv / "requirements.txt"
    file.write_text(requirements)
    pip = [str(layout.venv_python), "-m", "pip", "--python", str(venv / "bin" / "python"), "install"]
    quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    run([*pip, *quiet, "--require-hashes", *options, "-r", str(file)], timeout=_PIP_TIMEOUT_S)


def _site_packages(venv: Path) -> Path:
    (found,) = (venv / "lib").glob("python3*/site-packages")
    return found


def engine_site_packages(layout: Layout, sha256: str) -> tuple[Path, Path]:
    """Import paths of an installed engine: its own and its runtime's (for tests against the built artifact)."""
    home = layout.engine(sha256)
    runtime = json.loads((home / _MARKER).read_text())["runtime"]
    return _site_packages(home), _site_packages(layout.engines / runtime)


def verify_engine(layout: Layout, sha256: str) -> list[str]:
    """What differs from the wheel among the files installed for that digest; empty when nothing does."""
    home = layout.engine(sha256)
    if not (home / _MARKER).exists():
        return [f"{home}: not installed"]
    packages = _site_packages(home)
    problems = []
    for record in sorted(packages.glob("ironlane_*.dist-info/RECORD")):
        for name, expected, _ in csv.reader(record.read_text().splitlines()):
            algorithm, _, value = expected.partition("=")
            if algorithm != "sha256":
                continue
            try:
                found = base64.urlsafe_b64encode(bytes.fromhex(file_sha256(packages / name))).rstrip(b"=").decode()
            except OSError as error:
                problems.append(f"{packages / name}: {error.strerror}")
                continue
            if found != value:
                problems.append(f"{packages / name}: changed since it was installed")
    return problems


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _own_imports(env: Mapping[str, str] | None) -> dict[str, str]:
    """Without the caller's import path: pip would take what it finds there for installed."""
    return {k: v for k, v in (os.environ if env is None else env).items() if k not in ("PYTHONPATH", "PYTHONHOME")}


def run_quietly(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float,
    tries: int = 1,
) -> str:
    """What it printed. Raises EngineError, with all of it, when it fails."""
    for attempt in range(1, tries + 1):
        try:
            done = subprocess.run(
                list(command), cwd=cwd, env=_own_imports(env), capture_output=True, text=True, timeout=timeout,
                check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EngineError(f"{command[0]}: {error}") from None
        if done.returncode == 0:
            return done.stdout
        if attempt == tries:
            raise EngineError(f"{' '.join(command)} exited {done.returncode}\n{done.stdout}{done.stderr}")
    raise AssertionError("unreachable")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m cli.engine", description="Install or verify the engine artifact.")
    commands = parser.add_subparsers(dest="command", required=True)
    install = commands.add_parser("install", help="install a wheel by its digest")
    install.add_argument("--wheel", type=Path, required=True)
    install.add_argument("--sha256", required=True)
    verify = commands.add_parser("verify", help="compare installed files with the wheel's record")
    verify.add_argument("--sha256", required=True)
    options = parser.parse_args(arguments)
    layout = repository_layout()
    if options.command == "verify":
        problems = verify_engine(layout, options.sha256)
        print("\n".join(problems) if problems else f"engine {options.sha256}: as built")
        return 1 if problems else 0
    try:
        print(install_engine(layout, options.wheel.resolve(), options.sha256, run_quietly))
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
