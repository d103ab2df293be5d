"""What is installed for a digest, file by file, and whether it still is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from .bundle import file_digest
from .errors import RolloutError

RECORD = "installed.json"


def write_record(home: Path, sha256: str, version: str) -> None:
    """The last act of an installation: without it there is none. Durable before it returns."""
    document = {"sha256": sha256, "version": version, "files": _files(home)}
    draft = home / f".{RECORD}"
    with draft.open("w") as stream:
        json.dump(document, stream, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(home / RECORD)


def read_record(home: Path) -> dict[str, Any] | None:
    """None when nothing, or only a part, is installed there."""
    try:
        record = json.loads((home / RECORD).read_text())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and isinstance(record.get("files"), dict) else None


def problems(home: Path) -> list[str]:
    """What differs from the record; empty when nothing does."""
    record = read_record(home)
    if record is None:
        return [f"{home}: not installed"]
    if record.get("sha256") != home.name:
        return [f"{home}: its record is that of {record.get('sha256')}"]
    found, listed = _files(home), record["files"]
    return [
        *(f"{home / name}: missing" for name in sorted(set(listed) - set(found))),
        *(f"{home / name}: not of the bundle" for name in sorted(set(found) - set(listed))),
        *(
            f"{home / name}: changed since it was installed"
            for name in sorted(found)
            if found[name] != listed.get(name, found[name])
        ),
    ]


def require(home: Path) -> None:
    """Raises RolloutError unless exactly what was installed is there."""
    found = problems(home)
    if found:
        listed = "\n".join(f"  {each}" for each in found[:10])
        raise RolloutError(
            f"engine {home.name} must not run:\n{listed}\ndelete the folder and install the bundle again"
        )


def _files(home: Path) -> dict[str, str]:
    """Digest by path. A link's is that of its target's name: the interpreter is the image's, not the bundle's."""
    found = {}
    for folder, _, names in os.walk(home):
        for name in names:
            path = Path(folder, name)
            relative = str(path.relative_to(home))
            if relative not in (RECORD, f".{RECORD}"):
                found[relative] = f"-> {path.readlink()}" if path.is_symlink() else file_digest(path)
    return found
