"""The contenders that run in processes of their own: their versions, and what is said where they are not installed."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from benchmarks.contender import Machine, UnfitError, Work
from benchmarks.contenders.python import CONTENDERS as PYTHON
from benchmarks.contenders.rust import CONTENDERS as RUST
from benchmarks.python_peer import PythonPeer
from benchmarks.runner import run_work

_ROOT = Path(__file__).parents[3]


def _machine(folder: Path) -> Machine:
    return Machine(None, None, folder, folder / "peers", folder)


def test_versions_in_the_report_are_those_installed() -> None:
    locked = (_ROOT / "requirements" / "peers.txt").read_text().splitlines()
    for each in PYTHON:
        name = each.distribution.replace("_", "-")
        assert any(line.replace("_", "-").startswith(f"{name}=={each.release} ") for line in locked), each.NAME
    cargo = tomllib.loads((_ROOT / "hotpath" / "benchmarks" / "peers" / "rust" / "Cargo.toml").read_text())
    programs = {program["name"]: program for program in cargo["bin"]}
    assert sorted(programs) == sorted(each.program for each in RUST)
    for rust in RUST:
        assert cargo["dependencies"][rust.program]["version"] == f"={rust.release}"
        assert programs[rust.program]["required-features"] == [f"peer-{rust.program}"]


def test_every_python_peer_has_its_module() -> None:
    folder = _ROOT / "hotpath" / "benchmarks" / "peers" / "python"
    assert all((folder / f"{each.module}.py").is_file() for each in PYTHON)


def test_missing_peers_name_what_installs_them(tmp_path: Path) -> None:
    machine = _machine(tmp_path)
    for each in (*PYTHON, *RUST):
        assert "`make bench PEERS=1`" in (each.missing(machine) or "")
    packages = machine.peers / "python" / "lib" / "python3.11" / "site-packages"
    (packages / "order_book-0.6.1.dist-info").mkdir(parents=True)
    assert [each.NAME for each in PYTHON if each.missing(machine) is None] == ["order-book"]


def test_a_book_of_one_symbol_does_not_take_part_in_a_day_of_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.python_peer.exported", lambda work, machine: {"symbols": 2})
    peer = PythonPeer("one", "one", "1", "one", ("book-building",), one_symbol=True)
    monkeypatch.setattr(PythonPeer, "missing", lambda self, machine: None)
    work = Work("day", "day", "book-building", "messages", 1, {"messages": 1}, None)
    with pytest.raises(UnfitError):
        peer.SESSIONS["book-building"](work, _machine(tmp_path))
    (outcome,) = run_work(work, [peer], _machine(tmp_path), 1, lambda text: None)
    assert outcome.missing == "holds the book of one symbol"
    assert outcome.failed is None
