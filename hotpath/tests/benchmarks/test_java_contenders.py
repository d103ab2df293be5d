"""Contenders in Java: their versions, their settings, and what is said where they are not installed."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from benchmarks.contender import Machine
from benchmarks.contenders import aeron, disruptor, exchange_core
from benchmarks.java_peer import all_cpus, one_cpu

_JAVA = Path(__file__).parents[2] / "benchmarks" / "peers" / "java"
_POM = "{http://maven.apache.org/POM/4.0.0}"


def _machine(folder: Path, cpu: int | None = None, peer_cpu: int | None = None) -> Machine:
    return Machine(cpu, peer_cpu, folder, folder / "peers", folder)


def test_versions_in_the_report_are_those_that_maven_fetches() -> None:
    found = ElementTree.parse(_JAVA / "pom.xml").getroot().find(f"{_POM}properties")
    assert found is not None
    for name, stated in (
        ("exchange-core", exchange_core.LIBRARY),
        ("disruptor", disruptor.LIBRARY),
        ("aeron", aeron.LIBRARY),
    ):
        assert found.findtext(f"{_POM}{name}.version") == stated


def test_every_main_class_has_its_source() -> None:
    sources = {file.stem for file in _JAVA.rglob("*.java")}
    assert {"DirectBook", "Pipeline", "DisruptorRings", "AeronRings"} <= sources


def test_missing_peers_name_what_installs_them(tmp_path: Path) -> None:
    machine = _machine(tmp_path)
    java = [*exchange_core.CONTENDERS, disruptor, aeron]
    assert all("`make bench PEERS=1`" in (each.missing(machine) or "") for each in java)
    (machine.peers / "java").mkdir(parents=True)
    (machine.peers / "java" / ".complete").touch()
    assert [each.missing(machine) for each in java] == [None] * 4


def test_names_in_the_report_differ() -> None:
    names = [each.NAME for each in (*exchange_core.CONTENDERS, disruptor, aeron)]
    assert len(set(names)) == len(names)


def test_cpus_of_a_peer(tmp_path: Path) -> None:
    assert one_cpu(_machine(tmp_path)) is None
    assert all_cpus(_machine(tmp_path)) is None
    assert one_cpu(_machine(tmp_path, 3, 0)) == {3}
    assert all_cpus(_machine(tmp_path, 3, 0)) == {0, 3}
    assert all_cpus(_machine(tmp_path, 3)) == {3}
