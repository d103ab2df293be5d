"""Installing the peers: what is made, what is said, and that nothing is done twice. Maven is a small script here."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import bench_peers
from cli.paths import Layout
from cli.steps import StepLog

_MAVEN = """#!/bin/sh
echo "$PWD $*" >> "$MAVEN_CALLS"
[ -e pom.xml ] || exit 4
[ -n "$MAVEN_FAILS" ] && { echo "[ERROR] Could not resolve artifact" ; exit 1; }
mkdir -p rings/target/lib exchange-core/target/lib
touch rings/target/rings-1.jar rings/target/lib/a-2.jar exchange-core/target/exchange-core-1.jar
touch exchange-core/target/lib/a-1.jar
"""


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A clone with peers in Java; no cargo, and no packages for Python."""

    def no_packages(layout: Layout, home: Path, log: StepLog) -> None:
        log.say("none")

    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "mvn").write_text(_MAVEN)
    (programs / "mvn").chmod(0o755)
    for name in ("mkdir", "touch"):
        (programs / name).symlink_to(f"/usr/bin/{name}")
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("MAVEN_CALLS", str(tmp_path / "calls"))
    monkeypatch.setattr(bench_peers, "_python", no_packages)
    made = Layout(tmp_path / "clone")
    sources = made.root / "hotpath" / "benchmarks" / "peers" / "java"
    sources.mkdir(parents=True)
    (sources / "pom.xml").write_text("<project/>")
    made.requirements.mkdir(parents=True)
    (made.requirements / "peers.txt").touch()
    return made


def calls(layout: Layout) -> list[str]:
    file = layout.root.parent / "calls"
    return file.read_text().splitlines() if file.exists() else []


def test_a_class_path_per_module_and_no_second_install(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    bench_peers.install(layout)
    java = layout.peers / "java"
    jars = {str(file.relative_to(java / "lib")) for file in java.glob("lib/*/*.jar")}
    assert jars == {"rings/rings-1.jar", "rings/a-2.jar", "exchange-core/exchange-core-1.jar", "exchange-core/a-1.jar"}
    assert (java / ".complete").exists()
    captured = capsys.readouterr()
    assert "peers in Rust, compiled (some minutes): skipped, no cargo on PATH" in captured.err
    assert len(calls(layout)) == 1
    assert "--strict-checksums package" in calls(layout)[0]
    bench_peers.install(layout)
    assert len(calls(layout)) == 1


def test_other_sources_are_installed_again_without_what_was_there(layout: Layout) -> None:
    bench_peers.install(layout)
    (layout.peers / "java" / "lib" / "rings" / "old.jar").touch()
    (layout.root / "hotpath" / "benchmarks" / "peers" / "java" / "pom.xml").write_text("<project></project>")
    bench_peers.install(layout)
    assert len(calls(layout)) == 2
    assert not list(layout.peers.rglob("old.jar"))


def test_a_failure_is_named_and_leaves_nothing_that_looks_installed(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench_peers.install(layout)
    (layout.root / "hotpath" / "benchmarks" / "peers" / "java" / "pom.xml").write_text("<project></project>")
    monkeypatch.setenv("MAVEN_FAILS", "1")
    monkeypatch.setattr("cli.steps._RETRY_PAUSE_S", 0.0)
    assert not bench_peers.install(layout)
    err = capsys.readouterr().err
    assert "peers in Java" in err
    assert "Could not resolve artifact" in err
    assert "going on without them" in err
    assert not (layout.peers / "java" / ".complete").exists()
    monkeypatch.delenv("MAVEN_FAILS")
    bench_peers.install(layout)
    assert (layout.peers / "java" / ".complete").exists()
