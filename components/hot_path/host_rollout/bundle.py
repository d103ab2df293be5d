"""Reading an engine bundle: nothing of it is used before its own digest and that of every member were compared."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import RolloutError

FORMAT = 1
MANIFEST = "manifest.json"
_DIGEST = re.compile(r"[0-9a-f]{64}")
# pieces of a path that stay where they are put
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*(/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*")


@dataclass(frozen=True)
class Bundle:
    """content: every member by name, as the manifest has it."""

    version: str
    installer: str
    content: dict[str, bytes]


def file_digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read(file: Path, sha256: str) -> Bundle:
    """Raises RolloutError when it is not exactly the pinned bundle, or not for this machine."""
    if not _DIGEST.fullmatch(sha256):
        raise RolloutError(f"sha256 {sha256!r}: 64 hexadecimal digits are expected")
    try:
        found = file_digest(file)
    except OSError as error:
        raise RolloutError(f"bundle {file}: {error.strerror}") from None
    if found != sha256:
        raise RolloutError(f"bundle {file}: its sha256 is {found}, pinned is {sha256}: it must not run")
    try:
        with zipfile.ZipFile(file) as archive:
            content = {member.filename: archive.read(member) for member in archive.infolist()}
        manifest = json.loads(content.pop(MANIFEST))
        return _checked(file, manifest, content)
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise RolloutError(f"bundle {file}: not an engine bundle ({error!r}); `make engine` builds one") from None


def _checked(file: Path, manifest: dict[str, Any], content: dict[str, bytes]) -> Bundle:
    if manifest["format"] != FORMAT:
        raise RolloutError(f"bundle {file}: format {manifest['format']}, this program reads {FORMAT}")
    here = (f"{sys.version_info[0]}.{sys.version_info[1]}", platform.machine())
    built_for = (manifest["python"], manifest["machine"])
    if here != built_for:
        raise RolloutError(
            f"bundle {file}: built for Python {built_for[0]} on {built_for[1]}, this is {here[0]} on {here[1]};"
            " run it with that interpreter, or build it where the hosts' image was made"
        )
    listed = dict(manifest["files"])
    if set(listed) != set(content):
        raise RolloutError(f"bundle {file}: manifest and members differ: {sorted(set(listed) ^ set(content))}")
    for name, expected in listed.items():
        if not _NAME.fullmatch(name):
            raise RolloutError(f"bundle {file}: member {name!r}: not a plain relative path")
        found = hashlib.sha256(content[name]).hexdigest()
        if found != expected:
            raise RolloutError(f"bundle {file}: {name}: its sha256 is {found}, the manifest says {expected}")
    return Bundle(str(manifest["version"]), str(manifest["installer"]), content)
