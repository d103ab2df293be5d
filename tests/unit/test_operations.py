"""What a command does to a stack besides its Pulumi operation: names, locks, interrupts, and what bad input leaves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from supervisor.options import ServerOptions

from cli import logs, platform, pulumi, reconcile, session
from cli.main import build_parser, main
from cli.paths import Layout, repository_layout
from cli.pulumi import PulumiError, Stack, one_operation
from components.local import servicectl
from components.local.supervisor_config import render_program, render_supervisord
from components.unit import TcpReadiness, Unit
from stacks.stack_file import SettingsError


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    file = tmp_path / "Pulumi.s.yaml"
    shutil.copy(repository_layout().root / "Pulumi.local.yaml", file)
    return Stack("s", file, Layout(tmp_path))


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a b", "-x", "a.b", "x" * 65])
def test_a_stack_name_is_never_a_path(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        build_parser().parse_args([f"--stack={name}", "down", "--delete-data"])
    assert "is no stack name" in capsys.readouterr().err


def test_a_mistyped_stack_is_not_one_that_is_down(tmp_path: Path) -> None:
    typo = Stack("typo", tmp_path / "Pulumi.typo.yaml", Layout(tmp_path))
    with pytest.raises(SettingsError, match="no such stack file"):
        platform.down(typo, build_parser().parse_args(["down"]))
    assert not typo.run_dir.exists()


def test_a_refused_session_leaves_the_settings_of_what_runs_alone(stack: Stack) -> None:
    args = build_parser().parse_args(["session", "--speed", "abc"])
    with pytest.raises(SettingsError, match=r"replay\.speed = 'abc'"):
        session.session(stack, args)
    assert not stack.rendered_file.exists()


def test_a_second_operation_is_refused_and_names_the_first(stack: Stack) -> None:
    with one_operation(stack), pytest.raises(PulumiError, match=f"pid {os.getpid()}"), one_operation(stack):
        pass
    with one_operation(stack):  # the first has ended
        pass


def test_a_lock_of_pulumi_stays_only_as_long_as_its_process(stack: Stack) -> None:
    folder = stack.layout.state / ".pulumi" / "locks" / "organization" / "ironlane" / stack.name
    folder.mkdir(parents=True)
    gone = subprocess.Popen(["true"])
    gone.wait()
    (folder / "dead.json").write_text(json.dumps({"pid": gone.pid}))
    (folder / "alive.json").write_text(json.dumps({"pid": os.getpid()}))
    (folder / "torn.json").write_text("{")
    with one_operation(stack):
        assert sorted(file.name for file in folder.iterdir()) == ["alive.json", "torn.json"]


PULUMI_THAT_WAITS = """
import os, signal, sys, time

def interrupted(number, frame):
    with open("pids", "a") as file:
        file.write(f"{os.getpid()} interrupted\\n")
    sys.exit(1)

signal.signal(signal.SIGINT, interrupted)
print("{}", flush=True)
while True:
    time.sleep(0.02)
"""


def test_an_operation_that_is_broken_off_takes_pulumi_with_it(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """One interrupt reaches pulumi, which may finish; it is gone when the command has ended."""
    program = stack.layout.root / "pulumi"
    # not a shell script: a shell that was started with SIGINT ignored, as in a background job, cannot trap it
    program.write_text(f"#!{sys.executable}\n{PULUMI_THAT_WAITS}")
    program.chmod(0o755)
    monkeypatch.setattr(pulumi, "pulumi_command", lambda layout: str(program))
    monkeypatch.setattr(pulumi, "environment", lambda stack: dict(os.environ))

    def ctrl_c(event: pulumi.Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pulumi.run(stack, "up", ctrl_c)
    (line,) = (stack.layout.root / "pids").read_text().splitlines()
    pid, what = line.split()
    assert what == "interrupted"
    assert not Path(f"/proc/{pid}").exists()


def test_units_left_by_a_killed_operation_do_not_come_back(tmp_path: Path) -> None:
    (tmp_path / "units").mkdir()
    (tmp_path / "units" / "venue.json").write_text("{}")
    (tmp_path / "units" / "venue.conf").write_text("")
    servicectl.stop_supervisor(tmp_path, f"test-{os.getpid()}-none")
    assert list((tmp_path / "units").iterdir()) == []


def test_units_are_found_in_a_folder_with_a_blank(tmp_path: Path) -> None:
    run_dir = tmp_path / "run of mine"
    (run_dir / "units").mkdir(parents=True)
    (run_dir / "log").mkdir()
    unit = Unit(
        name="venue", description="d", command=("true",), readiness=TcpReadiness(host="127.0.0.1", port=1),
        working_directory="/",
    )  # fmt: skip
    (run_dir / "units" / "venue.conf").write_text(render_program(unit, run_dir / "log"))
    file = run_dir / "supervisord.conf"
    file.write_text(render_supervisord(run_dir, run_dir / "s.sock", "x"))
    options = ServerOptions()
    options.realize(["--configuration", str(file)])
    assert [group.name for group in options.process_group_configs] == ["venue"]


def test_logs_and_reconcile_of_a_stack_that_never_ran(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    assert logs.logs(stack, build_parser().parse_args(["logs"])) == 1
    assert reconcile.reconcile(stack, build_parser().parse_args(["reconcile"])) == 2
    errors = capsys.readouterr().err.splitlines()
    assert [line.startswith("error: ") for line in errors] == [True, True]


@pytest.mark.parametrize("lines", ["0", "-3", "many"])
def test_log_lines_are_counted_from_one(lines: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        build_parser().parse_args(["logs", f"--lines={lines}"])


def test_an_unreadable_disk_is_one_line(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(file: Path, *_: object) -> None:
        raise OSError(28, "No space left on device", "/x/stack.yaml")

    monkeypatch.setattr(platform, "render_stack_file", full)
    monkeypatch.setattr("cli.main.repository_layout", lambda: stack.layout)
    assert main(["--stack", "s", "--config-file", str(stack.file), "preview"]) == 1
    assert capsys.readouterr().err == "error: /x/stack.yaml: No space left on device\n"
