"""Prerequisites, stamps and steps of the set-up, without setting anything up."""

from __future__ import annotations

import io
import os
import re
import shutil
import stat
import sys
from pathlib import Path

import pytest

from cli import bootstrap, prerequisites
from cli.paths import Layout, repository_layout
from cli.sources import digest, package_files, stage
from cli.steps import BootstrapError, CommandError, Step, StepLog, run_steps


def program(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """A PATH with nothing on it but git."""
    git = shutil.which("git")
    assert git
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "git").symlink_to(git)
    return {"PATH": str(tmp_path / "bare"), "HOME": str(tmp_path)}


def test_everything_missing_is_told_at_once_and_nothing_is_made(bare: dict[str, str], tmp_path: Path) -> None:
    layout = Layout(tmp_path / "clone")
    bare["PATH"] = str(tmp_path / "empty")
    with pytest.raises(BootstrapError) as error:
        bootstrap.ensure(layout, env=bare, stream=io.StringIO())
    text = str(error.value)
    assert "no git on PATH" in text
    assert "apt install git" in text
    assert "no C compiler on PATH" in text
    assert "apt install build-essential" in text
    assert "no pulumi on PATH, and no Go on PATH to build one with" in text
    assert "golang-go" in text
    assert not layout.venv.exists()


def test_a_rehearsal_needs_go_even_where_pulumi_is_at_hand(bare: dict[str, str], tmp_path: Path) -> None:
    folder = Path(bare["PATH"])
    program(folder, "pulumi", "echo v3.250.1")
    program(folder, "pulumi-language-python", "")
    layout = Layout(tmp_path / "clone")
    with pytest.raises(BootstrapError) as error:
        bootstrap.ensure(layout, rehearsal=True, env=bare, stream=io.StringIO())
    text = str(error.value)
    assert "no Go on PATH to build kube-apiserver and etcd with" in text
    assert "apt install golang-go" in text
    assert "no pulumi" not in text


def test_a_folder_that_cannot_be_written_is_one_error(bare: dict[str, str], tmp_path: Path) -> None:
    layout = Layout(tmp_path / "clone")
    layout.root.mkdir()
    layout.home.write_text("a file where the folder should be")
    with pytest.raises(BootstrapError, match="File exists"):
        bootstrap.ensure(layout, env=bare, stream=io.StringIO())


def test_no_go_and_no_pulumi(bare: dict[str, str]) -> None:
    (missing,) = prerequisites.pulumi_missing(bare)
    assert missing.problem == "no pulumi on PATH, and no Go on PATH to build one with"


@pytest.mark.parametrize(
    ("pulumi", "host", "go", "wrong"),
    [
        ("v3.250.1", True, None, None),
        ("v3.250.1", False, None, "has no pulumi-language-python beside it"),
        ("v3.190.0", True, None, "is 3.190.0, 3.200.0 or a later 3.x is needed"),
        ("v4.0.0", True, None, "is 4.0.0"),
        ("broken", True, None, "does not tell its version"),
        (None, False, "go1.19.8", "is 1.19.8, 1.21.0 or later is needed"),
        (None, False, "go1.22.2", None),
        (None, False, "go1.26.0", None),
    ],
)
def test_pulumi_or_go_that_will_do(
    bare: dict[str, str], pulumi: str | None, host: bool, go: str | None, wrong: str | None
) -> None:
    folder = Path(bare["PATH"])
    if pulumi:
        program(folder, "pulumi", f"echo {pulumi}")
    if host:
        program(folder, "pulumi-language-python", "")
    if go:
        program(folder, "go", f"echo {go}")
    missing = prerequisites.pulumi_missing(bare)
    if wrong is None:
        assert missing == []
    else:
        assert wrong in missing[0].problem


def test_go_that_may_not_fetch_its_toolchain(bare: dict[str, str]) -> None:
    program(Path(bare["PATH"]), "go", "echo go1.22.2")
    (missing,) = prerequisites.pulumi_missing(bare | {"GOTOOLCHAIN": "local"})
    assert "unset GOTOOLCHAIN" in missing.problem


def test_a_compiler_that_python_was_not_built_with_is_named_to_the_build(bare: dict[str, str]) -> None:
    clang = program(Path(bare["PATH"]), "clang", "exit 0")
    assert prerequisites.other_compiler(bare) == str(clang)
    assert prerequisites.other_compiler(dict(os.environ)) is None


def test_compiler_that_cannot_link_is_not_a_compiler(bare: dict[str, str]) -> None:
    program(Path(bare["PATH"]), "cc", "echo 'hello.c:1: error: stdio.h: No such file' >&2; exit 1")
    (missing,) = prerequisites.compiler_missing(bare)
    assert "cannot build a program: hello.c:1: error: stdio.h: No such file" in missing.problem


def test_compiler_without_python_headers(bare: dict[str, str]) -> None:
    program(Path(bare["PATH"]), "cc", 'case "$*" in *-I*) echo "fatal error: Python.h" >&2; exit 1;; esac')
    (missing,) = prerequisites.compiler_missing(bare)
    assert "no Python.h" in missing.problem
    assert "python3-dev" in missing.fix


def test_this_machine_meets_the_prerequisites() -> None:
    assert prerequisites.compiler_missing(os.environ) == []
    assert prerequisites.python_missing() == []


def step(tmp_path: Path, inputs: str, ran: list[str], key: str = "one", fails: bool = False) -> Step:
    output = tmp_path / key

    def action(log: StepLog) -> None:
        ran.append(key)
        log.run([sys.executable, "-c", f"print('working on {key}'); raise SystemExit({int(fails)})"], timeout=20)
        output.touch()

    return Step(key, f"make {key}", inputs, (output,), action, "try harder")


def run(tmp_path: Path, *steps: Step) -> list[str]:
    return run_steps(steps, tmp_path / "stamps", tmp_path / "log", io.StringIO())


def test_a_step_runs_again_only_when_an_input_or_an_output_is_not_as_stamped(tmp_path: Path) -> None:
    ran: list[str] = []
    assert run(tmp_path, step(tmp_path, "a", ran)) == ["one"]
    assert run(tmp_path, step(tmp_path, "a", ran)) == []
    assert run(tmp_path, step(tmp_path, "b", ran)) == ["one"]
    (tmp_path / "one").unlink()
    assert run(tmp_path, step(tmp_path, "b", ran)) == ["one"]
    (tmp_path / "stamps" / "one.json").write_text("{ torn")
    assert run(tmp_path, step(tmp_path, "b", ran)) == ["one"]
    assert ran == ["one"] * 4


def test_a_failed_step_shows_its_log_and_the_fix_and_stops_the_rest(tmp_path: Path) -> None:
    ran: list[str] = []
    good, bad, never = (step(tmp_path, "a", ran, key, fails=key == "second") for key in ("first", "second", "third"))
    with pytest.raises(BootstrapError) as error:
        run(tmp_path, good, bad, never)
    assert ran == ["first", "second"]
    text = str(error.value)
    assert "working on second" in text
    assert "try harder" in text
    assert str(tmp_path / "log" / "second.log") in text
    ran.clear()
    with pytest.raises(BootstrapError):
        run(tmp_path, good, bad, never)
    assert ran == ["second"], "what succeeded is not done again"


def test_the_line_that_names_the_mistake_is_shown_even_when_much_follows_it(tmp_path: Path) -> None:
    script = "print('src/a.pyx:3:14: no such name'); [print('noise', i) for i in range(500)]; raise SystemExit(1)"
    broken = Step("one", "one", "a", (), lambda log: print(log.run([sys.executable, "-c", script], timeout=20)))
    with pytest.raises(BootstrapError) as error:
        run(tmp_path, broken)
    text = str(error.value)
    assert "src/a.pyx:3:14: no such name" in text
    assert "noise 499" in text
    assert "noise 1\n" not in text


def test_a_command_is_tried_a_bounded_number_of_times_and_ended_at_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.steps._RETRY_PAUSE_S", 0)
    log = StepLog(tmp_path / "log", io.StringIO(), "x")
    counter = tmp_path / "count"
    with pytest.raises(CommandError, match="exited 3"):
        log.run(["/bin/sh", "-c", f"echo x >> {counter}; exit 3"], timeout=5, tries=3)
    assert counter.read_text().count("x") == 3
    with pytest.raises(CommandError, match="longer than"):
        log.run(["/bin/sleep", "30"], timeout=0.1)
    log.close("")


def test_progress_names_step_number_and_time(tmp_path: Path) -> None:
    out = io.StringIO()
    ran: list[str] = []
    run_steps([step(tmp_path, "a", ran)], tmp_path / "stamps", tmp_path / "log", out)
    assert out.getvalue().splitlines()[-1] == "[1/1] make one … 0 s"


def package(folder: Path) -> Path:
    (folder / "src" / "x").mkdir(parents=True)
    (folder / "pyproject.toml").write_text("")
    (folder / "src" / "x" / "a.pyx").write_text("one")
    return folder


def test_build_products_do_not_count_as_sources(tmp_path: Path) -> None:
    root = package(tmp_path / "p")
    before = digest(package_files(root), base=root)
    for name in ("a.so", "a.c", "__pycache__/a.pyc", "p.egg-info/PKG-INFO"):
        (root / "src" / "x" / name).parent.mkdir(exist_ok=True)
        (root / "src" / "x" / name).write_text("built")
    assert digest(package_files(root), base=root) == before
    (root / "src" / "x" / "a.pyx").write_text("two")
    assert digest(package_files(root), base=root) != before


def test_staging_drops_what_is_gone_and_keeps_the_time_of_what_is_unchanged(tmp_path: Path) -> None:
    root, tree = package(tmp_path / "p"), tmp_path / "tree"
    (root / "src" / "x" / "b.pyx").write_text("b")
    stage(root, tree, {})
    built = tree / "build" / "lib.linux" / "x"
    built.mkdir(parents=True)
    for name in ("_cyutility.cpython-311.so", "a.cpython-311.so", "b.cpython-311.so", "old.py"):
        (built / name).write_text("built")
    os.utime(tree / "src" / "x" / "a.pyx", (1, 1))
    (root / "src" / "x" / "b.pyx").unlink()
    stage(root, tree, {})
    assert (tree / "src" / "x" / "a.pyx").stat().st_mtime == 1
    assert not (tree / "src" / "x" / "b.pyx").exists()
    assert {file.name for file in built.iterdir()} == {"_cyutility.cpython-311.so", "a.cpython-311.so"}
    (root / "src" / "x" / "a.pyx").write_text("changed")
    stage(root, tree, {})
    assert (tree / "src" / "x" / "a.pyx").stat().st_mtime > 1
    assert stat.S_IMODE((tree / "src" / "x" / "a.pyx").stat().st_mode) == 0o644


def test_requirement_files_pin_digests_and_name_no_download_address() -> None:
    folder = repository_layout().requirements
    files = sorted(folder.glob("*.txt"))
    assert [file.stem for file in files] == sorted(file.stem for file in folder.glob("*.in"))
    shared: dict[str, str] = {}
    for file in files:
        # in an environment of their own, so with versions of their own
        versions = {} if file.stem == "peers" else shared
        text = file.read_text()
        asked = re.findall(r"^[\w.-]+", file.with_suffix(".in").read_text(), re.MULTILINE)
        locked = re.findall(r"^[\w.-]+", text, re.MULTILINE)
        assert {re.sub(r"[._-]+", "-", name.lower()) for name in asked} <= set(locked), f"{file} is older than its .in"
        assert "://" not in text, file
        assert "--index" not in text, file
        assert "--find-links" not in text, file
        for requirement in text.replace("\\\n", " ").splitlines():
            assert "--hash=sha256:" in requirement, f"{file}: {requirement}"
            name, _, rest = requirement.partition("==")
            version = rest.split()[0]
            assert versions.setdefault(name, version) == version, f"{file}: {name} has two versions"
