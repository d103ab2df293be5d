"""Units rendered for supervisord, read back by supervisor's own parser."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest
from pydantic import ValidationError

from components.local.supervisor_config import launch_command, render_program, render_supervisord
from components.unit import TcpReadiness, Unit


def unit(**changes: object) -> Unit:
    fields: dict[str, object] = {
        "name": "order-router",
        "description": "d",
        "command": ("/opt/hot path/bin", "run", "a%b"),
        "readiness": TcpReadiness(host="127.0.0.1", port=1),
        "working_directory": "/tmp",
    }
    return Unit.model_validate(fields | changes)


def program(of: Unit) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(render_program(of, Path("/log")))
    return parser[f"program:{of.name}"]


def test_the_child_dies_with_its_supervisor() -> None:
    assert launch_command(unit())[:3] == ("setpriv", "--pdeathsig", "TERM")


def test_cpus_and_numa_node_are_applied() -> None:
    words = launch_command(unit(cpus=(2, 3), numa_node=1))
    assert "--membind=1" in words
    assert words[words.index("--cpu-list") + 1] == "2,3"


def test_stop_restart_and_exit_rules() -> None:
    section = program(unit(stop_timeout_s=8, stop_signal="INT"))
    assert section["stopsignal"] == "INT"
    assert section["stopwaitsecs"] == "8"
    assert section["exitcodes"] == "0,78"
    assert section["autorestart"] == "unexpected"


def test_percent_and_blank_survive() -> None:
    assert program(unit())["command"].endswith("'/opt/hot path/bin' run 'a%%b'")


def test_the_supervisor_keeps_its_files_private() -> None:
    text = render_supervisord(Path("/r"), Path("/r/s.sock"), "x")
    assert "umask = 077" in text
    assert "chmod = 0700" in text


def test_a_bad_name_is_refused() -> None:
    with pytest.raises(ValidationError):
        unit(name="a b")
