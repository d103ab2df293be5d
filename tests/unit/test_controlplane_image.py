"""The image of the control plane as its file says: pinned base, hashed dependencies, no root. It is not built here."""

from __future__ import annotations

import re
from pathlib import Path

from components.control_plane.pod_spec import USER

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "controlplane" / "Dockerfile"
INSTRUCTIONS = ("ARG", "FROM", "ENV", "WORKDIR", "RUN", "COPY", "USER", "CMD")


def instructions() -> list[tuple[str, str]]:
    """(instruction, rest), comments gone and continued lines joined. An instruction we do not know is an error."""
    lines = [line for line in FILE.read_text().splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found = []
    for line in joined.splitlines():
        name, _, rest = line.partition(" ")
        assert name in INSTRUCTIONS, f"line {line!r}: not one of {', '.join(INSTRUCTIONS)}"
        found.append((name, rest))
    return found


def of(name: str) -> list[str]:
    return [rest for found, rest in instructions() if found == name]


def test_the_base_is_whatever_digest_the_build_is_given_and_nothing_by_default() -> None:
    assert instructions()[0] == ("ARG", "PYTHON_IMAGE")
    assert {base.split(" AS ")[0] for base in of("FROM")} == {"${PYTHON_IMAGE}"}


def test_it_runs_as_the_user_of_the_pods() -> None:
    assert of("USER") == [f"{USER}:{USER}"]
    after = instructions()[instructions().index(("USER", f"{USER}:{USER}")) + 1 :]
    assert [name for name, _ in after] == ["CMD"]


def test_nothing_is_installed_without_a_hash() -> None:
    commands = [command for run in of("RUN") for command in run.split(" && ")]
    installs = [command for command in commands if re.search(r"pip (install|wheel) ", command)]
    assert len(installs) == 4
    for command in installs:
        assert "--require-hashes" in command or "--no-index" in command, command
    assert not [command for command in commands if re.search(r"\b(curl|wget|apt-get)\b", command)]


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    kept = {
        line[1:] for line in (FILE.parent / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")
    }
    sources = [source for copy in of("COPY") if not copy.startswith("--from") for source in copy.split()[:-1]]
    for source in sources:
        assert (ROOT / source).exists(), source
    assert kept == set(sources)
    # the hashes of the requirements are there to be required
    for name in ("controlplane", "build"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        assert text.count("==") <= text.count("--hash=sha256:"), name
