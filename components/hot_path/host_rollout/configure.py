"""Brings the files of the host specification up to date: each whole or not at all, and only those that differ."""

from __future__ import annotations

import json
import os
from pathlib import Path, PurePosixPath

from . import units
from .errors import RolloutError
from .places import Places
from .process import expect

# one of these files: users, folders, units and kernel command line as the others say
APPLY = "/usr/local/lib/ironlane/apply-host"
_MAY_WRITE = ("/etc/", "/usr/local/lib/ironlane/")
_LIMIT_BYTES = 4 << 20
_APPLY_S = 60.0


def configured(places: Places) -> str | None:
    """Digest of the specification that was brought here last, once all of it was."""
    try:
        return places.specification.read_text().strip()
    except FileNotFoundError:
        return None


def configure(places: Places, text: str, digest: str) -> str:
    """text: JSON, content by path. Returns the paths that changed. Raises RolloutError before anything is written."""
    if len(text) > _LIMIT_BYTES:
        raise RolloutError(f"standard input: more than {_LIMIT_BYTES} bytes of files")
    try:
        files = json.loads(text)
    except ValueError as error:
        raise RolloutError(f"standard input: no JSON ({error}); expected are the host's files, content by path") from None
    if not isinstance(files, dict) or not all(isinstance(content, str) for content in files.values()):
        raise RolloutError("standard input: expected are the host's files, content by path")
    wrong = [path for path in files if not _is_ours(path)]
    if wrong:
        raise RolloutError(f"{', '.join(sorted(wrong))}: not below {' or '.join(_MAY_WRITE)}; nothing was written")
    changed = [path for path, content in sorted(files.items()) if _write(places.of(path), content)]
    if any(path.startswith("/etc/systemd/") for path in changed):
        units.reload()
    if any(path.startswith("/etc/sysctl") for path in changed):
        expect(["sysctl", "--quiet", "--system"], limit_s=_APPLY_S)
    told = [f"changed: {path}" for path in changed] or ["every file is as specified"]
    apply = places.of(APPLY)
    if apply.is_file():
        told.append(expect(["/bin/sh", str(apply), str(places.root).rstrip("/")], limit_s=_APPLY_S))
    _write(places.specification, f"{digest}\n")
    return "\n".join(line.rstrip() for line in told if line.strip())


def _is_ours(path: str) -> bool:
    return path.startswith(_MAY_WRITE) and str(PurePosixPath(path)) == path and ".." not in PurePosixPath(path).parts


def _write(file: Path, content: str) -> bool:
    try:
        if file.read_text() == content:
            return False
    except (FileNotFoundError, UnicodeDecodeError):
        pass
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    with draft.open("w") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.chmod(0o644)
    draft.replace(file)
    return True
