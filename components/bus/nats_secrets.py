"""Writes the files that a rendered nats-server configuration includes, from plain password files.

python -m components.bus.nats_secrets --out DIR --user NAME=PASSWORD_FILE ... --cluster-password-file FILE
    --route HOST:PORT ...

Makes DIR/<name>.conf for each user and DIR/cluster.conf, mode 0600, each replaced whole.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from components.bus.nats_config import Route, cluster_fragment, password_fragment

BAD_CONFIGURATION_EXIT = 78
CLUSTER_USER = "cluster"


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    unfinished.rename(path)


def _read(path: str) -> str:
    return Path(path).read_text("ascii").strip()


def write_fragments(out: Path, users: dict[str, str], cluster_password_file: str, routes: tuple[Route, ...]) -> None:
    """Raises OSError for files, ValueError for their content."""
    out.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, password_file in users.items():
        _write(out / f"{name}.conf", password_fragment(_read(password_file)))
    _write(out / "cluster.conf", cluster_fragment(CLUSTER_USER, _read(cluster_password_file), routes))


def _pair(text: str, separator: str, option: str) -> tuple[str, str]:
    left, found, right = text.rpartition(separator) if separator == ":" else text.partition(separator)
    if not found or not left or not right:
        raise ValueError(f"{option} {text!r}: expected two parts joined by '{separator}'")
    return left, right


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--user", action="append", default=[], metavar="NAME=FILE", required=True)
    parser.add_argument("--cluster-password-file", required=True)
    parser.add_argument("--route", action="append", default=[], metavar="HOST:PORT", required=True)
    args = parser.parse_args(arguments)
    try:
        users = dict(_pair(text, "=", "--user") for text in args.user)
        routes = tuple(
            Route(host=host, port=int(port)) for host, port in (_pair(text, ":", "--route") for text in args.route)
        )
        write_fragments(args.out, users, args.cluster_password_file, routes)
    except (OSError, ValueError) as error:
        print(f"nats_secrets: {error}", file=sys.stderr)
        return BAD_CONFIGURATION_EXIT
    return 0


if __name__ == "__main__":
    sys.exit(main())
