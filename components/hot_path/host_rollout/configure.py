"""Brings the files of the host specification up to date: each whole or not at all, and only those that differ.

What the files alone do not bring about (users, enabled units, kernel arguments) a script among them does.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path, PurePosixPath

from .errors import RolloutError
from .places import Places
from .process import expect

APPLY = "/usr/local/lib/ironlane/apply-host"
_MAY_WRITE = ("/etc/", "/usr/local/lib/ironlane/")
_LIMIT_BYTES = 4 << 20
_APPLY_S = 120.0


def configured(places: Places) -> str | None:
    """Digest of the document that was brought here last, once all of it was."""
    try:
        return places.specification.read_text().strip()
    except FileNotFoundError:
        return None


def configure(places: Places, document: bytes, sha256: str | None = None) -> str:
    """document: JSON, text by path. sha256: what it has to be, when that is known.

    Returns the paths that changed. Raises RolloutError, for a wrong document before anything is written.
    """
    files = _files(document, sha256)
    changed = [path for path, content in sorted(files.items()) if _write(places.of(path), content)]
    told = [f"changed: {path}" for path in changed] or ["every file is as specified"]
    if any(path.startswith("/etc/sysctl") for path in changed):
        expect(["sysctl", "--quiet", "--system"], limit_s=_APPLY_S)
    if APPLY in files:
        # also when nothing changed: an earlier run may have ended between the two
        root = "" if places.root == Path("/") else str(places.root)
        told += expect(["/bin/sh", str(places.of(APPLY)), root], limit_s=_APPLY_S).splitlines()
    _write(places.specification, f"{hashlib.sha256(document).hexdigest()}\n")
    return "\n".join(told)


def _files(document: bytes, sha256: str | None) -> dict[str, str]:
    found = hashlib.sha256(document).hexdigest()
    if sha256 is not None and found != sha256:
        raise RolloutError(f"standard input: its sha256 is {found}, expected is {sha256}; nothing was written")
    if len(document) > _LIMIT_BYTES:
        raise RolloutError(f"standard input: more than {_LIMIT_BYTES} bytes of files; nothing was written")
    try:
        files = json.loads(document)
    except ValueError as error:
        raise RolloutError(f"standard input: no JSON ({error}); expected are the host's files, text by path") from None
    if not isinstance(files, dict) or not all(isinstance(content, str) for content in files.values()):
        raise RolloutError("standard input: expected are the host's files, text by path")
    wrong = [path for path in files if not _is_ours(path)]
    if wrong:
        raise RolloutError(f"{', '.join(sorted(wrong))}: not below {' or '.join(_MAY_WRITE)}; nothing was written")
    return files


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
