"""The engine bundle: same bytes from the same sources, and what a host without a package registry makes of it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TypeVar

import pytest

from cli import engine
from cli.engine import EngineError, Wheel, build_engine, build_wheel
from cli.engine_bundle import build_bundle, locked, package_content, write_archive
from cli.paths import Layout, repository_layout
from tests.unit.test_engine_artifact import clone, hotpath

REPOSITORY = repository_layout()
Test = TypeVar("Test")


def slow(test: Test) -> Test:
    """Builds, and fetches packages the first time."""
    why = "no environment: python3 -m cli.bootstrap ensure"
    needs = pytest.mark.skipif(not (REPOSITORY.venv / "bin" / "cython").exists(), reason=why)
    marked: Test = pytest.mark.slow(needs(test))
    return marked


def test_a_lock_entry_is_a_name_a_version_and_digests() -> None:
    one, two = "ab" * 32, "cd" * 32
    found = locked(
        f"nats-py==2.16.0 \\\n    --hash=sha256:{one} \\\n    --hash=sha256:{two}\nh11==0.16.0 --hash=sha256:{one}\n"
    )
    assert found["nats-py"].version == "2.16.0"
    assert found["nats-py"].hashes == {one, two}
    assert found["h11"].hashes == {one}
    for text in ("h11\n", "h11==0.16.0\n", f"h11 --hash=sha256:{one}\n"):
        with pytest.raises(EngineError, match="neither version nor digest may be missing"):
            locked(text)


def test_an_archive_shows_nothing_of_the_machine(tmp_path: Path) -> None:
    content = {"b": b"2", "a/x.py": b"1"}
    write_archive(tmp_path / "one.zip", content)
    os.utime(tmp_path / "one.zip", (0, 0))
    write_archive(tmp_path / "two.zip", dict(sorted(content.items())))
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.namelist() == ["a/x.py", "b"]


def test_of_a_host_package_only_the_sources_go_along(tmp_path: Path) -> None:
    package = tmp_path / "host_x"
    (package / "__pycache__").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "notes.txt").write_text("")
    (package / "__pycache__" / "left.py").write_text("")
    assert list(package_content(package)) == ["host_x/__init__.py"]


def bundled(folder: Path) -> tuple[Layout, Wheel]:
    """A small engine in the bundle that the real requirements, commands and build make."""
    layout = clone(folder)
    for name in ("engine.txt", "build.txt"):
        shutil.copy(REPOSITORY.requirements / name, layout.requirements / name)
    packages = REPOSITORY.root / "components" / "hot_path"
    shutil.copytree(packages, layout.root / "components" / "hot_path", ignore=shutil.ignore_patterns("__pycache__"))
    wire = build_wheel(layout, "wire", engine.run_quietly, os.environ, {})
    build_engine(layout, wire, engine.run_quietly, os.environ)
    return layout, build_bundle(layout, engine.run_quietly, os.environ)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, Wheel]:
    return bundled(tmp_path_factory.mktemp("one") / "clone")


@pytest.fixture
def file(built: tuple[Layout, Wheel]) -> Path:
    layout, bundle = built
    return layout.artifacts / bundle.file


@slow
def test_built_twice_in_two_folders_it_has_the_same_bytes(
    built: tuple[Layout, Wheel], file: Path, tmp_path: Path
) -> None:
    layout, bundle = built
    assert build_bundle(layout, engine.run_quietly, os.environ) == bundle
    there, other = bundled(tmp_path / "another" / "deeper" / "folder")
    assert other == bundle
    assert (there.artifacts / other.file).read_bytes() == file.read_bytes()


@slow
def test_its_bill_of_materials_lists_what_is_in_it(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        bill = json.loads(archive.read("sbom.cdx.json"))
        wheels = {Path(name).name: archive.read(name) for name in archive.namelist() if name.startswith("wheels/")}
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    libraries = {each["name"]: each for each in bill["components"] if each["type"] == "library"}
    assert {each["hashes"][0]["content"] for each in libraries.values()} == {
        hashlib.sha256(content).hexdigest() for content in wheels.values()
    }
    assert libraries["starlette"]["purl"] == f"pkg:pypi/starlette@{libraries['starlette']['version']}"
    needs = {each["ref"].split("@")[0]: each.get("dependsOn", []) for each in bill["dependencies"]}
    assert {each.split("@")[0] for each in needs["uvicorn"]} >= {"click", "h11"}
    files = {each["name"] for each in bill["components"] if each["type"] == "file"}
    assert "host_rollout/drain.py" in files


@slow
def test_a_host_installs_it_from_the_file_alone(built: tuple[Layout, Wheel], file: Path, tmp_path: Path) -> None:
    _, bundle = built

    def host(*words: str, program: Path = file) -> subprocess.CompletedProcess[str]:
        # no registry can be reached through this proxy, and no package of this clone is seen
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9"}
        command = [sys.executable, str(program), "--root", str(tmp_path / "root"), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=env, check=False)

    wanted = ("install", "--bundle", str(file), "--sha256", bundle.sha256)
    done = host(*wanted)
    assert done.returncode == 0, done.stderr
    home = tmp_path / "root" / "opt" / "ironlane" / "engines" / bundle.sha256
    assert hotpath(home, "1").stdout == "20\n"
    listed = subprocess.run(
        [home / "bin" / "python", "-I", "-m", "host_rollout", "--help"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "reconcile" in listed.stdout
    assert "installed already, every file as recorded" in host(*wanted).stdout

    core = next(home.rglob("hotpath/cli.py"))
    core.write_text("changed\n")
    assert host(*wanted).returncode == 0, "what is damaged is installed again"
    assert core.read_text() != "changed\n"

    (home.parent.parent / "current").symlink_to(f"engines/{bundle.sha256}")
    core.write_text("changed\n")
    refused = host(*wanted)
    assert refused.returncode == 1
    assert "is what runs, and is damaged" in refused.stderr


@slow
def test_another_file_than_the_pinned_one_is_refused(built: tuple[Layout, Wheel], file: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content["host_rollout/drain.py"] += b"# changed\n"
    write_archive(changed, content)

    def install(sha256: str) -> str:
        done = subprocess.run(
            [sys.executable, file, "--root", tmp_path, "install", "--bundle", changed, "--sha256", sha256],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 1
        return done.stderr

    assert "it must not run" in install(built[1].sha256)
    assert "host_rollout/drain.py: its sha256 is" in install(hashlib.sha256(changed.read_bytes()).hexdigest())
    assert not (tmp_path / "opt").exists()
