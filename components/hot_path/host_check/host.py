"""The host that is looked at: its files and commands, or a recorded tree of both."""

from __future__ import annotations

import glob
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

COMMAND_TIMEOUT_S = 10
_FILE_LIMIT_BYTES = 1 << 20
_CHUNK_BYTES = 4096  # /proc/sys allocates what is asked for and refuses megabytes


class UnknownError(Exception):
    """What was asked for cannot be told; the text says why."""


class AbsentError(UnknownError):
    """The file or command is not there."""


def recorded_name(command: Sequence[str]) -> str:
    """File below `commands/` of a recorded tree that holds a command's output: `ethtool_-g_ens5`."""
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", "_".join(command))


class Host:
    """root: of a recorded tree, whose command outputs lie in `commands/`; `/` is the running host."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._recorded = root != Path("/")

    def _path(self, path: str) -> Path:
        return self._root / path.lstrip("/")

    def read(self, path: str) -> str:
        """Raises AbsentError, or UnknownError when it cannot be read."""
        try:
            with open(self._path(path), "rb", buffering=0) as file:
                content = b""
                while len(content) < _FILE_LIMIT_BYTES and (chunk := file.read(_CHUNK_BYTES)):
                    content += chunk
                return content.decode("utf-8", errors="replace")
        except (FileNotFoundError, NotADirectoryError):
            raise AbsentError(f"{path} does not exist") from None
        except OSError as error:
            raise UnknownError(f"{path}: {error.strerror}") from None

    def exists(self, path: str) -> bool:
        return self._path(path).exists()

    def names(self, path: str) -> list[str]:
        """Names in a folder, sorted. Raises AbsentError or UnknownError."""
        try:
            return sorted(os.listdir(self._path(path)))
        except (FileNotFoundError, NotADirectoryError):
            raise AbsentError(f"{path} does not exist") from None
        except OSError as error:
            raise UnknownError(f"{path}: {error.strerror}") from None

    def folders(self, path: str) -> list[str]:
        """Names of the folders in a folder, sorted. Raises AbsentError or UnknownError."""
        return [name for name in self.names(path) if self._path(f"{path}/{name}").is_dir()]

    def matching(self, pattern: str) -> list[str]:
        """Paths on the host that match a shell pattern, sorted."""
        base = str(self._root).rstrip("/")
        return sorted(found[len(base) :] for found in glob.glob(glob.escape(base) + pattern))

    def link_name(self, path: str) -> str:
        """Last part of what a symbolic link points to. Raises AbsentError."""
        try:
            return os.path.basename(os.readlink(self._path(path)))
        except OSError:
            raise AbsentError(f"{path} is not a link") from None

    def run(self, *command: str) -> str:
        """Standard output. Raises AbsentError when there is no such command, UnknownError when it fails or hangs."""
        shown = " ".join(command)
        if self._recorded:
            try:
                return self.read(f"/commands/{recorded_name(command)}")
            except AbsentError:
                raise AbsentError(f"no recorded output of `{shown}`") from None
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=COMMAND_TIMEOUT_S,
                check=False,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            )
        except FileNotFoundError:
            raise AbsentError(f"{command[0]} is not installed") from None
        except subprocess.TimeoutExpired:
            raise UnknownError(f"`{shown}` did not answer within {COMMAND_TIMEOUT_S} s") from None
        except OSError as error:
            raise UnknownError(f"`{shown}`: {error.strerror}") from None
        if done.returncode != 0:
            raise UnknownError(f"`{shown}` exited {done.returncode}: {' '.join(done.stderr.split())[:200]}")
        return done.stdout
