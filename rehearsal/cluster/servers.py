"""Starts kube-apiserver and etcd for one rehearsal and ends them with it; nothing of them stays behind.

    with running(layout) as file:      # returns at once: whoever asks first waits until they are ready
        run pulumi with connection.VARIABLE set to that file

etcd is on a socket file in a private folder; the API server on a free port of 127.0.0.1, with a certificate and a token
of its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from cli.paths import Layout
from rehearsal.cluster.connection import Connection
from rehearsal.toolchain.environment import NotReadyError
from rehearsal.toolchain.kubernetes import API_SERVER, ETCD, is_built

_USER = "ironlane-rehearsal"
_CERTIFICATES = "certificates"
_CLIENTS, _PEERS = "unix://clients:0", "unix://peers:0"  # socket files in the working directory: etcd wants a "port"


def _etcd(layout: Layout) -> list[str]:
    return [
        str(layout.toolchain_bin / ETCD),
        "--data-dir=etcd",
        f"--listen-client-urls={_CLIENTS}",
        f"--advertise-client-urls={_CLIENTS}",
        f"--listen-peer-urls={_PEERS}",
        f"--initial-advertise-peer-urls={_PEERS}",
        f"--initial-cluster=default={_PEERS}",
        "--unsafe-no-fsync",  # the data ends with the rehearsal
        "--log-level=warn",
    ]


def _api_server(layout: Layout, port: int) -> list[str]:
    key = f"{_CERTIFICATES}/apiserver.key"  # made at start, with the certificate: good enough to sign tokens of nobody
    return [
        str(layout.toolchain_bin / API_SERVER),
        f"--etcd-servers={_CLIENTS}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        "--permit-port-sharing",  # we hold the port, so that nobody takes it before the server does
        f"--cert-dir={_CERTIFICATES}",
        "--token-auth-file=tokens.csv",
        "--authorization-mode=RBAC",
        "--anonymous-auth=false",
        "--service-account-issuer=https://rehearsal.invalid",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-cluster-ip-range=172.20.0.0/16",
        "--endpoint-reconciler-type=none",
        "--profiling=false",
    ]


@contextlib.contextmanager
def running(layout: Layout) -> Iterator[Path]:
    """Starts both; yields the file that `connection.handed_over` reads. Raises NotReadyError when they are not built.

    Call it from the main thread: the servers are killed when the thread that started them ends.
    """
    if not is_built(layout):
        raise NotReadyError(
            "kube-apiserver has not been built in this clone: run `python3 -m cli.bootstrap ensure --rehearsal`"
        )
    parent = layout.rehearsal / "clusters"
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _sweep(parent)
    folder = Path(tempfile.mkdtemp(dir=parent))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        lock = stack.enter_context((folder / "lock").open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        port = stack.enter_context(_held_port())
        token = secrets.token_urlsafe(32)
        tokens = folder / "tokens.csv"
        tokens.touch(mode=0o600)
        tokens.write_text(f'{token},{_USER},{_USER},"system:masters"\n')
        processes = {
            ETCD: _start(stack, folder, ETCD, _etcd(layout)),
            API_SERVER: _start(stack, folder, API_SERVER, _api_server(layout, port.getsockname()[1])),
        }
        file = folder / "connection.json"
        Connection(
            url=f"https://127.0.0.1:{port.getsockname()[1]}",
            token=token,
            authority=str(folder / _CERTIFICATES / "apiserver.crt"),
            processes=processes,
            folder=str(folder),
            definitions=str(layout.kubernetes_definitions),
        ).write(file)
        yield file


def _held_port() -> socket.socket:
    """A free port, bound and not listened on: with SO_REUSEPORT on both sides the server can still have it."""
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind(("127.0.0.1", 0))
    return held


def _start(stack: contextlib.ExitStack, folder: Path, name: str, command: Sequence[str]) -> int:
    """Starts it for as long as the stack is open; killed with us, whatever ends us."""
    log: IO[bytes] = stack.enter_context((folder / f"{name}.log").open("wb"))
    env = {"PATH": os.defpath, "HOME": str(folder), "TMPDIR": str(folder)}
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", *command],
        cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip

    def end() -> None:
        process.kill()  # scratch data: there is nothing to save
        process.wait()

    stack.callback(end)
    return process.pid


def _sweep(parent: Path) -> None:
    """Folders of rehearsals that were killed: nobody holds their lock any more."""
    for folder in parent.iterdir():
        try:
            with (folder / "lock").open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            continue  # just being made, or just gone
        except OSError:
            continue  # alive
        shutil.rmtree(folder, ignore_errors=True)
