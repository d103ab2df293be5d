"""`bench --peers`: what cannot be installed does not take the rest with it."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from cli import bench_peers
from cli.bench_peers import locked_packages
from cli.paths import Layout, repository_layout
from cli.steps import CommandError, StepLog


class _Log:
    """Runs nothing: does what `act` does with a command. Keeps what was said."""

    def __init__(self, act: Callable[[list[str]], None]) -> None:
        self._act = act
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def run(self, command: Sequence[str], **options: Any) -> str:
        self._act(list(command))
        return ""


def _step_log(act: Callable[[list[str]], None]) -> tuple[_Log, StepLog]:
    log = _Log(act)
    return log, cast(StepLog, log)


def _layout(folder: Path) -> Layout:
    shutil.copytree(repository_layout().requirements, folder / "requirements")
    sources = Path("hotpath", "benchmarks", "peers", "rust")
    shutil.copytree(repository_layout().root / sources, folder / sources)
    return Layout(folder)


def test_a_package_that_cannot_be_installed_is_left_out(tmp_path: Path) -> None:
    layout, home = _layout(tmp_path), tmp_path / "home"
    home.mkdir()
    installed = []

    def pip(command: list[str]) -> None:
        if "-r" not in command:
            return
        names = list(locked_packages(Path(command[-1]).read_text()))
        if "nautilus-trader" in names:
            raise CommandError("no wheel for this Python")
        assert "--require-hashes" in command
        installed.extend(names)

    log, step_log = _step_log(pip)
    bench_peers._python(layout, home, step_log)
    everything = set(locked_packages((layout.requirements / "peers.txt").read_text()))
    assert set(installed) == everything - {"nautilus-trader"}
    assert log.said[-1] == "without nautilus-trader"


def test_no_package_at_all_is_a_failure(tmp_path: Path) -> None:
    layout, home = _layout(tmp_path), tmp_path / "home"
    home.mkdir()

    def pip(command: list[str]) -> None:
        if "-r" in command:
            raise CommandError("no network")

    with pytest.raises(CommandError, match="none of the packages"):
        bench_peers._python(layout, home, _step_log(pip)[1])


@pytest.mark.parametrize("broken", ["", "nautilus-model"])
def test_a_program_that_cannot_be_built_is_left_out(tmp_path: Path, broken: str) -> None:
    layout, home = _layout(tmp_path), tmp_path / "home"
    manifest = layout.root / "hotpath" / "benchmarks" / "peers" / "rust" / "Cargo.toml"
    programs = {each["name"] for each in tomllib.loads(manifest.read_text())["bin"]}

    def cargo(command: list[str]) -> None:
        features = command[command.index("--features") + 1].split(",")
        if f"peer-{broken}" in features:
            raise CommandError("it does not compile")
        made = home / "target" / "release"
        made.mkdir(parents=True, exist_ok=True)
        for feature in features:
            (made / feature.removeprefix("peer-")).touch()

    log, step_log = _step_log(cargo)
    bench_peers._rust(layout, home, step_log)
    assert {file.name for file in (home / "bin").iterdir()} == programs - {broken}
    assert (f"without {broken}" in log.said) == bool(broken)


def test_the_lock_falls_into_packages_that_can_be_installed_alone() -> None:
    lock = "a==1 \\\n    --hash=sha256:0 \\\n    --hash=sha256:1\nb-c==2.0 \\\n    --hash=sha256:2\n"
    assert locked_packages(lock) == {
        "a": "a==1 \\\n    --hash=sha256:0 \\\n    --hash=sha256:1\n",
        "b-c": "b-c==2.0 \\\n    --hash=sha256:2\n",
    }


def test_no_part_of_the_real_lock_is_lost() -> None:
    lock = (repository_layout().requirements / "peers.txt").read_text()
    packages = locked_packages(lock)
    assert "".join(packages.values()) == lock
    assert all(f"{name}==" in part and "--hash=sha256:" in part for name, part in packages.items())
