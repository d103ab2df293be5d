"""Creates the stack's passwords once: one file each, mode 0600. Existing ones are kept.

python -m components.local.credentials --directory DIR NAME...
"""

from __future__ import annotations

import argparse
import os
import secrets
import string
from pathlib import Path

ALPHABET = string.ascii_lowercase + string.digits  # SoupBinTCP compares passwords without case
LENGTHS = {"order-entry": 10}  # the SoupBinTCP password field
DEFAULT_LENGTH = 32


def create(directory: Path, names: list[str]) -> None:
    """Write the missing password files. Raises OSError when the folder cannot be written."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in names:
        password = "".join(secrets.choice(ALPHABET) for _ in range(LENGTHS.get(name, DEFAULT_LENGTH)))
        try:
            fd = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(fd, "w") as file:
            file.write(password)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("names", nargs="+", metavar="NAME")
    args = parser.parse_args()
    create(args.directory, args.names)
