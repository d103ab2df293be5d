"""The real engine with the stand-in for provider plugin `command`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.paths import repository_layout
from rehearsal.toolchain import pulumi_cli
from rehearsal.toolchain.command_plugin import stand_in_directory
from rehearsal.toolchain.environment import pulumi_environment

LAYOUT = repository_layout()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(pulumi_cli.selected(LAYOUT) is None, reason="no toolchain: python3 -m cli.bootstrap ensure"),
]

PROGRAM = """
import json, pathlib
import pulumi
from pulumi_command import local

wanted = json.loads(pathlib.Path("wanted.json").read_text())
resources = {}
for name, arguments in wanted.items():
    secret = arguments.pop("secret_environment", None)
    if secret is not None:
        arguments["environment"] = {key: pulumi.Output.secret(value) for key, value in secret.items()}
    after = arguments.pop("after", None)
    if after:
        arguments["stdin"] = resources[after].stdout
    resources[name] = local.Command(name, **arguments)
    pulumi.export(name, resources[name].stdout)
"""


@dataclass
class Project:
    folder: Path
    env: dict[str, str]

    def want(self, **resources: dict[str, Any]) -> None:
        (self.folder / "wanted.json").write_text(json.dumps(resources))

    def pulumi(self, *arguments: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["pulumi", *arguments], cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=120
        )
        assert (done.returncode == 0) is ok, done.stdout + done.stderr
        return done

    def up(self, ok: bool = True) -> str:
        done = self.pulumi("up", "--yes", "--skip-preview", ok=ok)
        return done.stdout + done.stderr

    def preview_steps(self) -> dict[str, dict[str, Any]]:
        steps = json.loads(self.pulumi("preview", "--json", "--show-sames").stdout)["steps"]
        return {step["urn"].rsplit("::", 1)[-1]: step for step in steps if "command:local" in step["urn"]}

    def output(self, name: str) -> Any:
        return json.loads(self.pulumi("stack", "output", name, "--json").stdout)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: plugin-test\nruntime: python\n")
    (folder / "__main__.py").write_text(PROGRAM)
    env = pulumi_environment(LAYOUT, state=tmp_path / "state")
    env["PATH"] = f"{stand_in_directory(LAYOUT)}:{env['PATH']}"
    project = Project(folder, env)
    project.pulumi("stack", "init", "one")
    project.want()
    yield project
    project.pulumi("destroy", "--yes", "--skip-preview")


def test_life_of_a_command(project: Project, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    command = {
        "create": f"echo create $WHO >> {journal}; echo made",
        "update": f"echo update $WHO after $PULUMI_COMMAND_STDOUT >> {journal}; echo changed",
        "delete": f"echo delete $WHO after $PULUMI_COMMAND_STDOUT >> {journal}",
        "environment": {"WHO": "a"},
        "triggers": ["1", {"nested": True}],
    }
    reader = {"create": f"cat >> {journal}; echo >> {journal}", "after": "first"}
    project.want(first=command, second=reader)
    steps = project.preview_steps()
    assert {name: step["op"] for name, step in steps.items()} == {"first": "create", "second": "create"}
    assert not journal.exists(), "a preview must not run anything"
    project.up()
    assert project.output("first") == "made"
    assert journal.read_text().splitlines() == ["create a", "made"]

    assert {step["op"] for step in project.preview_steps().values()} == {"same"}
    assert "3 unchanged" in project.up(), "the stack and both commands"
    assert len(journal.read_text().splitlines()) == 2, "nothing runs when nothing changed"

    journal.unlink()
    command["environment"] = {"WHO": "b"}
    project.want(first=command, second=reader)
    step = project.preview_steps()["first"]
    assert step["op"] == "update"
    assert list(step["detailedDiff"]) == ["environment.WHO"]
    project.up()
    assert journal.read_text().splitlines() == ["update b after made", "changed"]

    journal.unlink()
    command["triggers"] = ["2", {"nested": True}]
    project.want(first=command, second=reader)
    step = project.preview_steps()["first"]
    assert step["op"] == "replace"
    assert step["detailedDiff"]["triggers[0]"]["kind"] == "update-replace"
    project.up()
    assert journal.read_text().splitlines() == ["create b", "made", "delete b after changed"]

    journal.unlink()
    project.want()
    project.up()
    assert journal.read_text().splitlines() == ["delete b after made"]


def test_failure_shows_exit_status_and_output_but_no_secret(project: Project) -> None:
    secret = "tr0ub4dor&3-long"
    project.want(
        broken={
            "create": "echo looking; echo using $TOKEN >&2; exit 7",
            "secret_environment": {"TOKEN": secret},
        }
    )
    text = project.up(ok=False)
    assert "exit status 7" in text
    assert "looking" in text
    assert "using [secret]" in text
    assert secret not in text


def test_output_of_a_command_with_secrets_is_secret(project: Project, tmp_path: Path) -> None:
    secret = "correct-horse-battery"
    project.want(kept={"create": "echo $TOKEN", "secret_environment": {"TOKEN": secret}})
    text = project.up()
    assert secret not in text
    assert project.output("kept") == "[secret]"
    state = "".join(file.read_text() for file in (tmp_path / "state").rglob("*.json"))
    assert "kept" in state
    assert secret not in state
    shown = project.pulumi("stack", "output", "kept", "--show-secrets").stdout
    assert shown.strip() == secret


def test_assets_and_archive(project: Project, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    project.want(
        built={
            "create": "mkdir -p lib && echo a > lib/a.js && echo b > lib/secret.js && echo c > c.txt",
            "dir": str(made),
            "asset_paths": ["lib/**", "!**secret.*"],
            "archive_paths": ["**"],
        }
    )
    project.up()
    exported = json.loads(project.pulumi("stack", "export").stdout)
    outputs = next(
        resource["outputs"] for resource in exported["deployment"]["resources"] if resource["urn"].endswith("::built")
    )
    assert list(outputs["assets"]) == ["lib/a.js"]
    assert sorted(outputs["archive"]["assets"]) == ["c.txt", "lib/a.js", "lib/secret.js"]


def test_bad_input_is_refused_before_anything_runs(project: Project, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    project.want(bad={"create": f"touch {witness}", "logging": "loudly"})
    text = project.up(ok=False)
    assert "loudly" in text
    assert not witness.exists()
