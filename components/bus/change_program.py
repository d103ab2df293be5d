"""Brings one NATS server to a wanted state, on its machine: release, configuration, certificates, unit.

python3 change_program.py apply --digest DIGEST < DOCUMENT

DOCUMENT is the JSON of `server_change.document`. `apply` refuses to stop a server while another member is missing or a
replica lags, drains it by lame duck, starts it on the new state and waits until its streams have caught up. A server
that does not get there is put back on what it ran before, and the exit code is 1. Nothing is switched before all of it
is in place and the server itself has accepted its configuration.

Standard library only, Python 3.9: it runs on a machine that has nothing else. Needs root.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

FORMAT = 1
_POLL_S = 0.5
_HTTP_S = 3.0
_CONNECT_S = 1.0
_COMMAND_S = 60.0
_FETCH_S = 300.0
_KEPT = 3  # states on disk: the one that runs, the one before, one more
_MAX_RELEASE_BYTES = 256 << 20
_MAX_DOCUMENT_BYTES = 4 << 20


class ChangeError(Exception):
    """What stood in the way; the text says what to do."""


def digest(document: dict[str, Any]) -> str:
    """sha256 of the canonical JSON."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class Systemd:
    """The service as systemd runs it."""

    def __init__(self, unit: str, stop_s: float) -> None:
        self._unit = unit
        self._stop_s = stop_s

    def active(self) -> bool:
        return self._run("is-active", "--quiet", check=False) == 0

    def start(self) -> None:
        self._run("daemon-reload", unit=False)
        self._run("reset-failed", check=False)
        self._run("enable", "--quiet")
        self._run("start")

    def stop(self) -> None:
        """The unit's KillSignal is SIGUSR2: lame duck, then the end."""
        self._run("stop", timeout=self._stop_s)

    def _run(self, *arguments: str, unit: bool = True, check: bool = True, timeout: float = _COMMAND_S) -> int:
        command = ["systemctl", *arguments] + ([self._unit] if unit else [])
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        if check and done.returncode != 0:
            raise ChangeError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
        return done.returncode

    def log(self) -> str:
        command = ["journalctl", "--no-pager", "--lines=20", "--output=cat", "--unit", self._unit]
        return subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_S, check=False).stdout


def fetch_from_bucket(source: str, region: str, target: Path) -> None:
    """source: s3:// URL; the instance's role may read it."""
    command = ["aws", "s3", "cp", "--only-show-errors", "--region", region, source, str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_FETCH_S, check=False)
    if done.returncode != 0:
        raise ChangeError(f"{source}: {done.stderr.strip()}; upload the release there, see docs/cloud.md")


class Change:
    """One document on one machine. service, fetch: as on a real machine unless a test says otherwise."""

    def __init__(self, document: dict[str, Any], service: Any = None, fetch: Any = fetch_from_bucket) -> None:
        if document.get("format") != FORMAT:
            raise ChangeError(
                f"format {document.get('format')!r} of the document is not {FORMAT}: program and stack differ"
            )
        self.document = document
        self.etc = Path(document["etc"])
        self.folder = self.etc / digest(document)
        self.current = self.etc / "current"
        self.service = service or Systemd(document["unit"], document["stop_s"])
        self._fetch = fetch

    # --- what must be there before anything is switched

    def install_release(self) -> Path:
        """nats-server of the pinned release, from an archive whose digest was compared before it was opened."""
        release = self.document["release"]
        folder = Path(release["folder"])
        program = folder / "nats-server"
        if program.exists():
            return program
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        draft = folder.with_name(folder.name + ".unfinished")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o755)
        archive = draft / "archive"
        self._fetch(release["source"], release["region"], archive)
        found = _sha256(archive)
        if found != release["sha256"]:
            shutil.rmtree(draft)
            raise ChangeError(
                f"{release['source']}: sha256 is {found}, pinned is {release['sha256']}; refused. Compare both with the"
                " SHA256SUMS of the release"
            )
        with tarfile.open(archive) as packed:
            members = [each for each in packed.getmembers() if each.isfile() and Path(each.name).name == "nats-server"]
            if len(members) != 1 or members[0].size > _MAX_RELEASE_BYTES:
                raise ChangeError(
                    f"{release['source']}: holds {len(members)} files nats-server of a likely size, not one"
                )
            stream = packed.extractfile(members[0])
            assert stream is not None
            with (draft / "nats-server").open("wb") as out:
                shutil.copyfileobj(stream, out)
        (draft / "nats-server").chmod(0o755)
        archive.unlink()
        draft.rename(folder)
        return program

    def stage(self) -> None:
        """Every file in a folder named by the digest, readable by the service and by nobody else."""
        if self.folder.exists():
            return
        self.etc.mkdir(parents=True, exist_ok=True)
        draft = self.folder.with_name(self.folder.name + ".unfinished")
        shutil.rmtree(draft, ignore_errors=True)
        for name, text in self.document["files"].items():
            file = draft / name
            if ".." in Path(name).parts or Path(name).is_absolute():
                raise ChangeError(f"file name {name!r} leads out of its folder")
            file.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "w") as out:
                out.write(text)
        self._give_to_service(draft)
        draft.rename(self.folder)

    def _give_to_service(self, folder: Path) -> None:
        account = self._account()
        if account is None:
            return
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, 0, account.pw_gid)
            path.chmod(0o750 if path.is_dir() else 0o640)
        os.chown(self.etc, 0, account.pw_gid)
        self.etc.chmod(0o750)

    def _account(self) -> pwd.struct_passwd | None:
        """Of the service; None when the document names none and it runs as we do."""
        name = self.document["account"]
        return pwd.getpwnam(name) if name else None

    def make_account(self) -> None:
        name = self.document["account"]
        if not name:
            return
        try:
            pwd.getpwnam(name)
        except KeyError:
            command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/sbin/nologin", name]
            done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_S, check=False)
            if done.returncode != 0:
                raise ChangeError(f"{' '.join(command)}: {done.stderr.strip()}") from None

    def own_state(self) -> None:
        """The data volume, given to the service. Raises ChangeError when it is not mounted."""
        state = self.document["state"]
        if not state:
            return
        folder = Path(state)
        if not os.path.ismount(folder):
            raise ChangeError(
                f"{state} is not mounted: data would go to the root volume; see /var/log/cloud-init-output.log"
            )
        account = self._account()
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
        folder.chmod(0o700)

    def make_login(self) -> None:
        """A password of a local program, made here at the first change and known to nobody else."""
        login = self.document.get("login")
        if not login:
            return
        password_file, conf = Path(login["password"]), Path(login["conf"])
        password_file.parent.mkdir(parents=True, exist_ok=True)
        if not password_file.exists():
            _write_private(password_file, secrets.token_hex(32) + "\n", 0o600)
        _write_private(conf, f'password: "{password_file.read_text().strip()}"\n', 0o640)
        account = self._account()
        if account is not None:
            os.chown(conf, 0, account.pw_gid)

    def check(self, program: Path) -> None:
        """The server reads its configuration as it will; nothing is started."""
        done = subprocess.run(
            [str(program), "--config", "nats.conf", "-t"],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=_COMMAND_S,
            check=False,
        )
        if done.returncode != 0:
            raise ChangeError(f"nats-server refuses the configuration: {(done.stderr or done.stdout).strip()}")

    # --- how the server and its cluster are

    def _get(self, path: str) -> dict[str, Any] | None:
        """The answer of the monitoring port; None when there is none or it is an error."""
        try:
            with urllib.request.urlopen(f"{self.document['monitor']}{path}", timeout=_HTTP_S) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except (OSError, ValueError):
            return None

    def healthy(self, path: str = "/healthz") -> bool:
        """With JetStream: this server follows the leader, and every stream and consumer that it holds is up to date."""
        answer = self._get(path)
        return answer is not None and answer.get("status") == "ok"

    def _missing_peers(self) -> list[str]:
        routes = self._get("/routez") or {}
        joined = {route.get("remote_name") for route in routes.get("routes") or []}
        return [name for name in self.document["peers"] if name not in joined]

    def _lagging(self) -> list[str]:
        """Replicas that are behind, of the streams that this server leads: only a leader knows."""
        answer = self._get("/jsz?accounts=true&streams=true") or {}
        found = []
        for account in answer.get("account_details") or []:
            for stream in account.get("stream_detail") or []:
                cluster = stream.get("cluster") or {}
                if cluster.get("leader") != self.document["name"]:
                    continue
                found += [
                    f"{stream['name']} on {replica.get('name')}"
                    for replica in cluster.get("replicas") or []
                    if replica.get("offline") or not replica.get("current")
                ]
        return found

    def _reachable_peers(self) -> int:
        count = 0
        for address in self.document["peers"].values():
            host, _, port = address.rpartition(":")
            try:
                socket.create_connection((host, int(port)), timeout=_CONNECT_S).close()
                count += 1
            except OSError:
                pass
        return count

    def may_stop(self) -> str | None:
        """Why stopping this server now would cost the quorum, or None."""
        missing = self._missing_peers()
        if missing:
            return f"{', '.join(missing)} not joined"
        lagging = self._lagging()
        return f"replicas behind: {', '.join(lagging)}" if lagging else None

    def _arrived(self, reachable: int) -> str | None:
        """What is missing until the started server is as it should be, or None."""
        peers = len(self.document["peers"])
        if peers == 0:
            if not self.healthy():
                return "not healthy"
            leaves = self._get("/leafz") or {}
            return None if leaves.get("leafs") else "not connected to the cluster"
        if reachable + 1 < (peers + 1) // 2 + 1:
            # the first of a new cluster: there is no quorum that it could follow
            return None if self.healthy("/healthz?js-enabled-only=true") else "JetStream is not enabled"
        if len(self._missing_peers()) > peers - reachable:
            return f"not joined: {', '.join(self._missing_peers())}"
        return None if self.healthy() else "not healthy: streams still catch up, or no leader"

    # --- the change

    def apply(self) -> None:
        """Raises ChangeError; then what ran before runs again."""
        self.make_account()
        self.own_state()
        program = self.install_release()
        self.make_login()
        self.stage()
        self.check(program)
        before = self.current.resolve() if self.current.is_symlink() else None
        if self.service.active():
            if before == self.folder:
                self._wait(self._arrived, self._reachable_peers())
                _say(f"{self.document['name']}: as wanted already")
                return
            self._drain()
        self._switch(self.folder)
        try:
            self._start()
        except ChangeError as error:
            self._put_back(before, error)
        self._prune(before)
        _say(f"{self.document['name']}: {self.folder.name[:12]} runs")

    def _drain(self) -> None:
        try:
            self._wait(lambda _: self.may_stop(), None)
        except ChangeError as error:
            raise ChangeError(
                f"{error}: stopping {self.document['name']} now could stop the streams. Repair that member first; if"
                f" this server is the broken one, stop {self.document['unit']} by hand and run the update again"
            ) from None
        _say(f"{self.document['name']}: lame duck")
        self.service.stop()

    def _start(self) -> None:
        reachable = self._reachable_peers()
        self.service.start()
        self._wait(self._arrived, reachable)

    def _put_back(self, before: Path | None, error: ChangeError) -> None:
        log = self.service.log()
        self.service.stop()
        if before is None or before == self.folder:
            raise ChangeError(f"{error}; there is no earlier state to go back to\n{log}")
        self._switch(before)
        self._start()
        raise ChangeError(f"{error}; {self.document['name']} is back on {before.name[:12]}\n{log}")

    def _wait(self, missing: Any, argument: Any) -> None:
        """Until missing(argument) is None. Raises ChangeError with what it says at the end."""
        deadline = time.monotonic() + self.document["healthy_s"]
        while True:
            reason = missing(argument)
            if reason is None:
                return
            if time.monotonic() > deadline:
                raise ChangeError(f"{self.document['name']}: {reason}, after {self.document['healthy_s']} s")
            time.sleep(_POLL_S)

    def _switch(self, folder: Path) -> None:
        draft = self.current.with_name("current.unfinished")
        if draft.is_symlink():
            draft.unlink()
        draft.symlink_to(folder.name)
        draft.replace(self.current)
        units = self.document["unit_folder"]
        if units:
            unit = Path(units) / self.document["unit"]
            text = (folder / self.document["unit"]).read_text()
            draft = unit.with_name(f".{unit.name}.unfinished")
            draft.write_text(text)
            draft.chmod(0o644)
            draft.replace(unit)

    def _prune(self, before: Path | None) -> None:
        """The state before stays: a pin put back is found there."""
        states = [each for each in self.etc.iterdir() if each.is_dir() and not each.is_symlink()]
        states.sort(key=lambda each: each.stat().st_mtime, reverse=True)
        for state in states[_KEPT:]:
            if state not in (self.folder, before):
                shutil.rmtree(state)


def _sha256(file: Path) -> str:
    found = hashlib.sha256()
    with file.open("rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            found.update(block)
    return found.hexdigest()


def _write_private(file: Path, text: str, mode: int) -> None:
    draft = file.with_name(file.name + ".unfinished")
    if draft.exists():
        draft.unlink()
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as out:
        out.write(text)
    draft.replace(file)


def _say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("apply",))
    parser.add_argument("--digest", required=True)
    args = parser.parse_args()
    try:
        text = sys.stdin.read(_MAX_DOCUMENT_BYTES + 1)
        if len(text) > _MAX_DOCUMENT_BYTES:
            raise ChangeError(f"the document is over {_MAX_DOCUMENT_BYTES} bytes")
        document = json.loads(text)
        if digest(document) != args.digest:
            raise ChangeError(f"the document's digest is {digest(document)}, not {args.digest}: it was cut or changed")
        change = Change(document)
        change.etc.mkdir(parents=True, exist_ok=True)
        with (change.etc / ".lock").open("w") as lock:
            # two updates at once: the second waits, and finds it done
            fcntl.flock(lock, fcntl.LOCK_EX)
            change.apply()
    except (ChangeError, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
        print(f"bus: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
