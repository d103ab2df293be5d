"""The program that changes one server: what it refuses, and in which order it does things. Servers are stood in for."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from components.bus import change_program
from components.bus.change_program import Change, ChangeError, digest

PEERS = ("nats-2", "nats-3")


class Monitor(ThreadingHTTPServer):
    """The monitoring port; a test says what it answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.healthy = True
        self.joined: tuple[str, ...] = PEERS
        self.lagging = False

    def answer(self, path: str) -> Any:
        if path.startswith("/healthz"):
            return {"status": "ok" if self.healthy else "unavailable"}
        if path == "/routez":
            return {"routes": [{"remote_name": name} for name in self.joined]}
        replica = {"name": "nats-3", "current": not self.lagging}
        led = {"name": "ORDER_EVENTS", "cluster": {"leader": "nats-1", "replicas": [replica]}}
        # a follower does not know how the other replicas are
        followed = {"name": "KV_LEASES", "cluster": {"leader": "nats-2", "replicas": [{"name": "nats-3"}]}}
        return {"account_details": [{"stream_detail": [led, followed]}]}


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Monitor)
        body = json.dumps(self.server.answer(self.path)).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


class Service:
    """Starts whatever is current; unhealthy when that state is `bad`."""

    def __init__(self, monitor: Monitor, current: Path) -> None:
        self._monitor = monitor
        self._current = current
        self.running = False
        self.calls: list[str] = []

    def active(self) -> bool:
        return self.running

    def start(self) -> None:
        self.running = True
        text = (self._current / "nats.conf").read_text()
        self.calls.append(f"start {text}")
        self._monitor.healthy = text != "bad"

    def stop(self) -> None:
        self.running = False
        self.calls.append("stop")

    def log(self) -> str:
        return "last lines of the log"


# refuses a configuration that says so, as the server does with -t
PROGRAM = """#!/bin/sh
if grep -q refuse nats.conf; then echo "nats.conf:1: refuse" >&2; exit 1; fi
"""


def archive(program: str = PROGRAM) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        info = tarfile.TarInfo("nats-server-v2.15.1-linux-amd64/nats-server")
        info.size = len(program)
        packed.addfile(info, io.BytesIO(program.encode()))
    return buffer.getvalue()


class Machine:
    def __init__(self, folder: Path, monitor: Monitor) -> None:
        self.folder = folder
        self.monitor = monitor
        self.service = Service(monitor, folder / "etc" / "current")
        self.archive = archive()
        self.fetched = 0

    def document(self, text: str = "one", **changes: Any) -> dict[str, Any]:
        return {
            "format": change_program.FORMAT,
            "name": "nats-1",
            "unit": "ironlane-nats.service",
            "unit_folder": str(self.folder / "units"),
            "account": "",
            "etc": str(self.folder / "etc"),
            "state": "",
            "login": None,
            "release": {
                "source": "s3://artifacts/nats.tar.gz",
                "region": "us-east-1",
                "sha256": hashlib.sha256(archive()).hexdigest(),
                "folder": str(self.folder / "opt" / "release"),
            },
            "files": {"nats.conf": text, "ironlane-nats.service": f"unit {text}", "tls/client.key": "key"},
            "monitor": f"http://127.0.0.1:{self.monitor.server_port}",
            "peers": dict.fromkeys(PEERS, f"127.0.0.1:{self.monitor.server_port}"),
            "stop_s": 1.0,
            "healthy_s": 0.3,
            **changes,
        }

    def apply(self, document: dict[str, Any]) -> None:
        Change(document, self.service, self.fetch).apply()

    def fetch(self, source: str, region: str, target: Path) -> None:
        self.fetched += 1
        target.write_bytes(self.archive)

    @property
    def current(self) -> str:
        return (self.folder / "etc" / "current" / "nats.conf").read_text()


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    server = Monitor()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def machine(tmp_path: Path, monitor: Monitor, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(change_program, "_POLL_S", 0.02)
    (tmp_path / "units").mkdir()
    return Machine(tmp_path, monitor)


def test_a_new_machine_gets_everything_and_starts(machine: Machine) -> None:
    machine.apply(machine.document())
    assert machine.service.calls == ["start one"]
    key = machine.folder / "etc" / "current" / "tls" / "client.key"
    assert key.stat().st_mode & 0o007 == 0
    assert (machine.folder / "units" / "ironlane-nats.service").read_text() == "unit one"
    assert os.access(machine.folder / "opt" / "release" / "nats-server", os.X_OK)


def test_a_change_drains_switches_and_starts(machine: Machine) -> None:
    machine.apply(machine.document("one"))
    machine.apply(machine.document("two"))
    assert machine.service.calls == ["start one", "stop", "start two"]
    assert machine.fetched == 1


def test_the_same_again_touches_nothing(machine: Machine) -> None:
    machine.apply(machine.document())
    machine.apply(machine.document())
    assert machine.service.calls == ["start one"]


@pytest.mark.parametrize(
    ("joined", "lagging", "told"), [(("nats-2",), False, "nats-3 not joined"), (PEERS, True, "ORDER_EVENTS on nats-3")]
)
def test_no_server_stops_while_the_quorum_hangs_on_it(
    machine: Machine, joined: tuple[str, ...], lagging: bool, told: str
) -> None:
    machine.apply(machine.document("one"))
    machine.monitor.joined, machine.monitor.lagging = joined, lagging
    with pytest.raises(ChangeError, match=told):
        machine.apply(machine.document("two"))
    assert machine.service.calls == ["start one"]
    assert machine.current == "one"


def test_a_stopped_server_is_started_whatever_the_others_are(machine: Machine) -> None:
    machine.apply(machine.document("one"))
    machine.service.running = False
    machine.monitor.lagging = True
    machine.apply(machine.document("two"))
    assert machine.service.calls[-1] == "start two"


def test_a_server_that_does_not_get_well_is_put_back(machine: Machine) -> None:
    machine.apply(machine.document("one"))
    with pytest.raises(ChangeError, match="nats-1 is back on") as told:
        machine.apply(machine.document("bad"))
    assert "last lines of the log" in str(told.value)
    assert machine.service.calls == ["start one", "stop", "start bad", "stop", "start one"]
    assert machine.current == "one"
    assert (machine.folder / "units" / "ironlane-nats.service").read_text() == "unit one"


def test_a_first_start_that_fails_says_that_there_is_no_way_back(machine: Machine) -> None:
    with pytest.raises(ChangeError, match="no earlier state"):
        machine.apply(machine.document("bad"))
    assert not machine.service.running


def test_a_configuration_that_the_server_refuses_stops_nothing(machine: Machine) -> None:
    machine.apply(machine.document("one"))
    with pytest.raises(ChangeError, match=r"refuses the configuration: nats\.conf:1: refuse"):
        machine.apply(machine.document("refuse"))
    assert machine.service.calls == ["start one"]
    assert machine.current == "one"


def test_another_release_than_the_pinned_one_is_refused(machine: Machine) -> None:
    machine.archive = archive("#!/bin/sh\nexit 0\n# evil\n")
    with pytest.raises(ChangeError, match=r"pinned is .*; refused"):
        machine.apply(machine.document())
    assert not (machine.folder / "opt" / "release").exists()
    assert machine.service.calls == []


def test_data_never_goes_to_the_root_volume(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(ChangeError, match="is not mounted"):
        machine.apply(machine.document(state=str(tmp_path)))
    assert machine.service.calls == []


def test_file_names_cannot_lead_out_of_their_folder(machine: Machine) -> None:
    files = {"nats.conf": "one", "ironlane-nats.service": "unit", "../../stolen": "x"}
    with pytest.raises(ChangeError, match="leads out of its folder"):
        machine.apply(machine.document(files=files))
    assert not (machine.folder / "stolen").exists()


def test_a_login_is_made_once_on_the_machine(machine: Machine) -> None:
    etc = machine.folder / "etc"
    login = {"conf": str(etc / "agent.conf"), "password": str(etc / "agent.password")}
    machine.apply(machine.document("one", login=login))
    password = (etc / "agent.password").read_text()
    machine.apply(machine.document("two", login=login))
    assert (etc / "agent.password").read_text() == password
    assert (etc / "agent.conf").read_text() == f'password: "{password.strip()}"\n'
    assert (etc / "agent.password").stat().st_mode & 0o077 == 0


def test_old_states_are_cleared_away_but_the_one_before(machine: Machine) -> None:
    for number in range(6):
        machine.apply(machine.document(f"state {number}"))
    kept = {
        (folder / "nats.conf").read_text() for folder in (machine.folder / "etc").iterdir() if folder.name != "current"
    }
    assert {"state 5", "state 4"} <= kept
    assert len(kept) <= 4


def test_a_document_that_was_changed_on_the_way_is_refused(machine: Machine) -> None:
    document = machine.document()
    command = [sys.executable, change_program.__file__, "apply", "--digest", "0" * 64]
    done = subprocess.run(command, input=json.dumps(document), capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 1
    assert f"the document's digest is {digest(document)}" in done.stderr


def test_the_program_needs_nothing_but_an_old_python() -> None:
    """Python 3.9 of the machine: no newer syntax, no package."""
    import ast

    tree = ast.parse(Path(change_program.__file__).read_text(), feature_version=(3, 9))
    modules = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name) or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert {module.split(".")[0] for module in modules} <= sys.stdlib_module_names
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Match)]
