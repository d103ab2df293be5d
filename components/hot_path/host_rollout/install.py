"""Installs a bundle beside the engines that are there. What runs does not notice."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from . import bundle as bundles
from .errors import RolloutError
from .installed import problems, write_record
from .places import Places
from .process import expect

HOST_PACKAGES = ("host_check", "host_rollout")
_PARTS = ("wheels/", "tools/", "requirements.txt")


def install(places: Places, file: Path, sha256: str, limit_s: float) -> str:
    """Returns what was done. Raises RolloutError, and then nothing counts as installed."""
    home = places.engine(sha256)
    if not problems(home):
        return f"engine {sha256}: installed already, every file as recorded"
    bundle = bundles.read(file, sha256)
    if places.current.is_symlink() and places.current.resolve() == home.resolve():
        raise RolloutError(
            f"{home}: is what runs, and is damaged:\n  " + "\n  ".join(problems(home)[:10]) + "\n"
            "drain this host and point `current` elsewhere (rollback) before it is installed again"
        )
    shutil.rmtree(home, ignore_errors=True)
    home.parent.mkdir(parents=True, exist_ok=True)
    # in its final place: the interpreter's path goes into every script
    expect([sys.executable, "-m", "venv", "--without-pip", str(home)], limit_s=limit_s)
    python = str(home / "bin" / "python")
    with tempfile.TemporaryDirectory(prefix="ironlane-install-") as folder:
        parts = Path(folder)
        for name, data in bundle.content.items():
            if name.startswith(_PARTS):
                (parts / name).parent.mkdir(parents=True, exist_ok=True)
                (parts / name).write_bytes(data)
        expect(
            [
                *(python, str(parts / bundle.installer / "pip"), "install", "--isolated", "--no-input", "--quiet"),
                *("--disable-pip-version-check", "--no-cache-dir", "--no-index", "--no-deps", "--require-hashes"),
                *(
                    "--no-compile",
                    "--find-links",
                    str(parts / "wheels"),
                    "--requirement",
                    str(parts / "requirements.txt"),
                ),
            ],
            limit_s=limit_s,
            env=_environment(parts),
        )
        (packages,) = (home / "lib").glob("python3*/site-packages")
        for name, data in bundle.content.items():
            if name.split("/")[0] in HOST_PACKAGES:
                (packages / name).parent.mkdir(parents=True, exist_ok=True)
                (packages / name).write_bytes(data)
        (home / "sbom.cdx.json").write_bytes(bundle.content["sbom.cdx.json"])
        # by content, not by time: the roles' users may not write here
        compile_all = ["-m", "compileall", "-q", "--invalidation-mode", "checked-hash", str(packages)]
        expect([python, "-I", *compile_all], limit_s=limit_s, env=_environment(parts))
        expect([python, "-I", "-c", "import hotpath.cli"], limit_s=limit_s, env=_environment(parts))
    write_record(home, sha256, bundle.version)
    return f"engine {bundle.version}, {sha256}: installed in {home}"


def _environment(home: Path) -> dict[str, str]:
    """Nothing of the caller's: no index, no import path."""
    return {"PATH": os.defpath, "HOME": str(home), "LANG": "C.UTF-8", "PIP_CONFIG_FILE": os.devnull}
