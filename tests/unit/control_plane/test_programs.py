"""What is said to be built is built, and what is not is not: nothing pretends to run."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.control_plane.pod_flows import Program
from components.control_plane.programs import BUILT, COMMANDS

ROOT = Path(__file__).resolve().parents[3]
OURS = [program for program in Program if program is not Program.CLICKHOUSE]


@pytest.mark.parametrize("program", OURS)
def test_the_list_of_built_programs_is_that_of_the_sources(program: Program) -> None:
    python, option, module, *_ = COMMANDS[program]
    assert (python, option) == ("python", "-m")
    sources = ROOT / module.partition(".")[0] / "src"
    file = sources.joinpath(*module.split("."))
    exists = file.with_suffix(".py").exists() or (file / "__main__.py").exists()
    assert exists == (program in BUILT), f"{module}: change BUILT in components/control_plane/programs.py"


def test_every_program_has_its_agreed_command_line() -> None:
    assert set(COMMANDS) == set(Program)


@pytest.mark.parametrize("program", [program for program in OURS if program not in BUILT])
def test_what_is_not_built_is_listed_where_people_look(program: Program) -> None:
    for file in ("README.md", "docs/cloud.md"):
        assert COMMANDS[program][2] in (ROOT / file).read_text(), f"{file}: list {COMMANDS[program][2]} as not built"
