"""What `pulumi` is run with, and which provider plugin is chosen."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from cli.paths import Layout
from rehearsal.toolchain import command_plugin, pulumi_cli
from rehearsal.toolchain.environment import NotReadyError, pulumi_command, pulumi_environment


def executable(file: Path, script: str = "exit 0") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "clone")
    executable(layout.venv_python)
    pulumi = executable(layout.toolchain_bin / "pulumi", "echo 'error: no route to host' >&2; exit 1")
    executable(command_plugin.stand_in_directory(layout) / command_plugin.EXECUTABLE)
    pulumi_cli.remember(layout, pulumi_cli.PulumiSelection("built", pulumi, "3.255.0"))
    return layout


def env(tmp_path: Path, **more: str) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home"), **more}


def test_stand_in_when_the_real_plugin_cannot_be_installed(layout: Layout, tmp_path: Path) -> None:
    chosen = command_plugin.choose(layout, layout.toolchain_bin / "pulumi", env(tmp_path))
    assert chosen.origin == "stand-in"
    assert chosen.line == "provider command: stand-in, the real one cannot be installed here"
    assert chosen.reason.endswith("error: no route to host")
    (layout.toolchain_bin / "pulumi").write_text("#!/bin/sh\ntouch asked-twice\n")
    assert command_plugin.choose(layout, layout.toolchain_bin / "pulumi", env(tmp_path)) == chosen


def test_hanging_installation_is_given_up(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_plugin, "INSTALL_TIMEOUT_S", 0.2)
    executable(layout.toolchain_bin / "pulumi", "sleep 30")
    chosen = command_plugin.choose(layout, layout.toolchain_bin / "pulumi", env(tmp_path))
    assert chosen.origin == "stand-in"
    assert "no answer" in chosen.reason


def test_real_plugin_on_path_or_of_the_user_or_installed(layout: Layout, tmp_path: Path) -> None:
    pulumi = layout.toolchain_bin / "pulumi"
    folder = f"plugins/resource-command-v{command_plugin.COMMAND_PLUGIN}"
    target = layout.pulumi_home / folder / command_plugin.EXECUTABLE
    executable(pulumi, f"mkdir -p {target.parent} && cp {layout.venv_python} {target}")
    chosen = command_plugin.choose(layout, pulumi, env(tmp_path))
    assert (chosen.origin, chosen.directory) == ("installed", None)
    assert "real" in chosen.line

    users = executable(tmp_path / "home" / ".pulumi" / folder / command_plugin.EXECUTABLE)
    chosen = command_plugin.choose(layout, pulumi, env(tmp_path), recheck=True)
    assert (chosen.origin, chosen.directory) == ("user", users.parent)
    assert str(users.parent) in pulumi_environment(layout, env(tmp_path))["PATH"].split(os.pathsep)

    on_path = executable(tmp_path / "bin" / command_plugin.EXECUTABLE)
    chosen = command_plugin.choose(layout, pulumi, env(tmp_path, PATH=str(on_path.parent)), recheck=True)
    assert (chosen.origin, chosen.directory) == ("path", on_path.parent)

    on_path.unlink()
    assert command_plugin.selected(layout) is None, "what is gone is not in use"


def test_the_choice_can_be_forced(layout: Layout, tmp_path: Path) -> None:
    executable(tmp_path / "bin" / command_plugin.EXECUTABLE)
    pulumi = layout.toolchain_bin / "pulumi"
    forced = env(tmp_path, PATH=str(tmp_path / "bin"), IRONLANE_COMMAND_PLUGIN="stand-in")
    assert command_plugin.choose(layout, pulumi, forced).origin == "stand-in"
    with pytest.raises(ValueError, match="use `stand-in` or `real`"):
        command_plugin.choose(layout, pulumi, env(tmp_path, IRONLANE_COMMAND_PLUGIN="fake"), recheck=True)


def test_environment_is_ours_alone(layout: Layout, tmp_path: Path) -> None:
    command_plugin.choose(layout, layout.toolchain_bin / "pulumi", env(tmp_path))
    users = env(
        tmp_path, PULUMI_HOME="/users", PULUMI_CONFIG_PASSPHRASE="theirs", PYTHONPATH="/x", PULUMI_ACCESS_TOKEN="t"
    )
    made = pulumi_environment(layout, users)
    path = made["PATH"].split(os.pathsep)
    assert path[:3] == [
        str(layout.venv / "bin"),
        str(layout.toolchain_bin),
        str(command_plugin.stand_in_directory(layout)),
    ]
    assert made["PULUMI_HOME"] == str(layout.pulumi_home)
    assert made["PULUMI_BACKEND_URL"] == f"file://{layout.state}"
    for name in ("PULUMI_CONFIG_PASSPHRASE", "PYTHONPATH", "PULUMI_ACCESS_TOKEN"):
        assert name not in made
    assert made["NO_COLOR"] == "1"
    assert "NO_COLOR" not in pulumi_environment(layout, users, color=True)


def test_passphrase_is_made_once_and_for_its_owner_only(layout: Layout, tmp_path: Path) -> None:
    command_plugin.choose(layout, layout.toolchain_bin / "pulumi", env(tmp_path))
    file = Path(pulumi_environment(layout, env(tmp_path))["PULUMI_CONFIG_PASSPHRASE_FILE"])
    first = file.read_text()
    assert len(first) >= 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    pulumi_environment(layout, env(tmp_path))
    assert file.read_text() == first
    assert [entry.name for entry in file.parent.iterdir()] == [file.name]


def test_without_a_set_up_it_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match=r"cli\.bootstrap ensure"):
        pulumi_environment(Layout(tmp_path), {})
    with pytest.raises(NotReadyError, match=r"cli\.bootstrap ensure"):
        pulumi_command(Layout(tmp_path))
