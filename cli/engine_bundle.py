"""The engine bundle: one file with all that a trading host installs, so that the host needs no package registry.

    ironlane-engine-<version>.zip
        __main__.py        runs host_rollout, so `python3 ironlane-engine-0.1.0.zip install ...` needs nothing else
        manifest.json      version, interpreter, platform, and the sha256 of every other member
        requirements.txt   name, version and digest of every wheel, as pip wants them
        sbom.cdx.json      CycloneDX: what is in it, under which licence, and what needs what
        wheels/            the engine, wire, and the packages that the engine runs with
        tools/             pip, which installs the wheels
        host_check/ host_rollout/

The same sources give the same bytes in any folder: the engine wheel does, nothing is compressed, nothing is dated.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name, parse_wheel_filename

from cli import sbom
from cli.engine import RUNTIME_LOCK, WIRE_LOCK, EngineError, Wheel, keep, read_manifest
from cli.paths import Layout
from cli.sources import digest, file_sha256
from rehearsal.toolchain.go_program import Runner

NAME = "ironlane-engine"
MANIFEST = "bundle"  # its file below the artifacts
FORMAT = 1
HOST_PACKAGES = ("host_check", "host_rollout")
INSTALLER = "pip"
_DATE = (2020, 1, 1, 0, 0, 0)
_PIP_TIMEOUT_S = 600
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_MAIN = """\
import sys

from host_rollout.command import main

sys.exit(main())
"""
# oldest first that the packages come for; the host must have at least the C library of the newest that is taken
_PLATFORMS = ("manylinux2014", "manylinux_2_17", "manylinux_2_28")


@dataclass(frozen=True)
class Locked:
    """One package of a lock file: only these digests are it."""

    name: str
    version: str
    hashes: frozenset[str]


def build_bundle(layout: Layout, run: Runner, env: Mapping[str, str]) -> Wheel:
    """Puts the bundle of the engine that was built last below the artifacts. Raises EngineError and what run raises."""
    engine = read_manifest(layout)
    if engine is None:
        raise EngineError("no engine has been built: `python3 -m cli.bootstrap ensure` builds it")
    engine_wheel = layout.artifacts / engine.file
    with zipfile.ZipFile(engine_wheel) as archive:
        runtime, wire = archive.read(RUNTIME_LOCK).decode(), archive.read(WIRE_LOCK).decode()
    wire_wheel = layout.artifacts / wire.split()[0]
    if file_sha256(engine_wheel) != engine.sha256 or file_sha256(wire_wheel) not in _HASH.findall(wire):
        raise EngineError(f"{engine_wheel}, {wire_wheel}: changed since they were built; build the engine again")
    tools = locked((layout.requirements / "build.txt").read_text())
    runtime_wheels = _fetch(layout, locked(runtime), engine_wheel.name, run, env)
    (installer,) = _fetch(layout, {INSTALLER: tools[INSTALLER]}, engine_wheel.name, run, env)
    wheels = sorted([engine_wheel, wire_wheel, *runtime_wheels], key=lambda path: path.name)
    content = {f"wheels/{wheel.name}": wheel.read_bytes() for wheel in wheels}
    content[f"tools/{installer.name}"] = installer.read_bytes()
    content["__main__.py"] = _MAIN.encode()
    content["requirements.txt"] = "".join(map(_requirement, wheels)).encode()
    for package in HOST_PACKAGES:
        content |= package_content(layout.root / "components" / "hot_path" / package)
    content["sbom.cdx.json"] = sbom.render(NAME, engine.version, wheels, content).encode()
    content["manifest.json"] = _manifest(engine.version, engine_wheel.name, installer.name, content)
    draft = layout.artifacts / f".{NAME}-{engine.version}.{os.getpid()}.zip"
    try:
        write_archive(draft, content)
        manifest = layout.artifacts / f"{MANIFEST}.json"
        return keep(layout, draft, f"{NAME}-{engine.version}.zip", engine.version, manifest)
    finally:
        draft.unlink(missing_ok=True)


def locked(text: str) -> dict[str, Locked]:
    """Packages of a lock file as pip-compile writes it, by name. Raises EngineError for one without digests."""
    found: dict[str, Locked] = {}
    for entry in text.replace("\\\n", " ").splitlines():
        if not entry.strip():
            continue
        name, _, version = entry.split()[0].partition("==")
        hashes = frozenset(_HASH.findall(entry))
        if not version or not hashes:
            raise EngineError(f"lock entry {entry.strip()!r}: neither version nor digest may be missing")
        found[canonicalize_name(name)] = Locked(name, version, hashes)
    return found


def package_content(package: Path) -> dict[str, bytes]:
    """Python files of a package by their path below its parent folder."""
    return {
        str(file.relative_to(package.parent)): file.read_bytes()
        for file in sorted(package.rglob("*.py"))
        if "__pycache__" not in file.parts
    }


def write_archive(file: Path, content: Mapping[str, bytes]) -> None:
    """Nothing of the machine shows in the bytes: names sorted, one date, one mode, stored as they are."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(content):
            member = zipfile.ZipInfo(name, _DATE)
            member.create_system = 3
            member.external_attr = 0o100644 << 16
            archive.writestr(member, content[name])


def _fetch(
    layout: Layout, wanted: Mapping[str, Locked], engine_wheel: str, run: Runner, env: Mapping[str, str]
) -> list[Path]:
    """Wheels of the locked packages for the engine's interpreter and platform, fetched now or kept from before."""
    interpreter, abi, platform = _tags(engine_wheel)
    lines = "".join(_lock_line(package) for _, package in sorted(wanted.items()))
    home = layout.artifacts / "dependencies" / digest([], lines, interpreter, abi, platform)[:16]
    if not home.is_dir():
        draft = home.with_name(f".{home.name}.{os.getpid()}")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        (draft / "lock.txt").write_text(lines)
        machine = platform.removeprefix("linux_")
        places = [word for name in _PLATFORMS for word in ("--platform", f"{name}_{machine}")]
        version = f"{interpreter[2]}.{interpreter[3:]}"
        run(
            [
                *(str(layout.venv_python), "-m", "pip", "download", "--disable-pip-version-check", "--no-input"),
                *("--no-deps", "--only-binary=:all:", "--require-hashes", "--dest", str(draft)),
                *("--python-version", version, "--implementation", interpreter[:2], "--abi", abi, *places),
                *("--requirement", str(draft / "lock.txt")),
            ],
            env=env,
            timeout=_PIP_TIMEOUT_S,
        )
        draft.replace(home)
    wheels = sorted(home.glob("*.whl"))
    for wheel in wheels:
        name, _, _, _ = parse_wheel_filename(wheel.name)
        if name not in wanted or file_sha256(wheel) not in wanted[name].hashes:
            raise EngineError(f"{wheel}: not what the lock names; delete {home} to fetch it again")
    if len(wheels) != len(wanted):
        raise EngineError(f"{home}: {len(wheels)} wheels of {len(wanted)}; delete it to fetch them again")
    return wheels


def _lock_line(package: Locked) -> str:
    hashes = "".join(f" --hash=sha256:{each}" for each in sorted(package.hashes))
    return f"{package.name}=={package.version}{hashes}\n"


def _tags(wheel: str) -> tuple[str, str, str]:
    """Interpreter, ABI and platform that a wheel of ours was compiled for."""
    interpreter, abi, platform = wheel.removesuffix(".whl").split("-")[-3:]
    if not re.fullmatch(r"cp3\d+", interpreter) or not platform.startswith("linux_"):
        raise EngineError(f"{wheel}: built for {interpreter} on {platform}; trading hosts run CPython on Linux")
    return interpreter, abi, platform


def _requirement(wheel: Path) -> str:
    name, version, _, _ = parse_wheel_filename(wheel.name)
    return f"{name}=={version} --hash=sha256:{file_sha256(wheel)}\n"


def _manifest(version: str, engine: str, installer: str, content: Mapping[str, bytes]) -> bytes:
    interpreter, _, platform = _tags(engine)
    document = {
        "format": FORMAT,
        "version": version,
        "engine": f"wheels/{engine}",
        "installer": f"tools/{installer}",
        "python": f"{interpreter[2]}.{interpreter[3:]}",
        "machine": platform.removeprefix("linux_"),
        "files": sbom.digests(content),
    }
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()
