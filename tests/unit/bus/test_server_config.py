"""nats.conf and units of the cloud's servers and leaf nodes, as reviewed, and as the real programs take them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from components.bus import leaf_node, permissions, server_config, stream_classes
from components.bus.capacity import Volume
from tests.support.bus_tls import authorities, server_files

GOLDEN = Path(__file__).parents[2] / "golden" / "bus"
NATS_SERVER = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
ANALYZE = shutil.which("systemd-analyze")
needs_server = pytest.mark.skipif(NATS_SERVER is None, reason="nats-server is not installed")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
PROGRAM = "/opt/ironlane/nats/0123456789abcdef/nats-server"
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
WORST_EXPOSURE = 20  # tenths


def bus(state_dir: str = server_config.STATE) -> server_config.Bus:
    return server_config.Bus(
        environment="prod",
        members=tuple(
            server_config.Member(
                name=f"nats-{number}", zone=zone, address=f"10.40.{103 + number}.10", state_dir=state_dir
            )
            for number, zone in enumerate(ZONES, 1)
        ),
        leaf_hosts=("hot-b", "hot-a"),
        instance_type="m7i.xlarge",
        volume=Volume(gib=100),
    )


def leaf() -> str:
    hubs = tuple(member.address for member in bus().members)
    return leaf_node.leaf_config("prod", "hot-a", hubs, server_config.LEAF_PORT)


RENDERED = {
    "nats-1.conf": lambda: server_config.config(bus(), bus().members[0]),
    "nats-3.conf": lambda: server_config.config(bus(), bus().members[2]),
    "leaf-hot-a.conf": leaf,
    "ironlane-nats.service": lambda: server_config.unit(bus(), PROGRAM),
    "ironlane-nats-leaf.service": lambda: leaf_node.leaf_unit(PROGRAM, (0, 24)),
}


@pytest.mark.parametrize("name", RENDERED)
def test_it_is_as_reviewed(name: str) -> None:
    assert RENDERED[name]() == (GOLDEN / name).read_text()


def check(folder: Path, text: str, tls: dict[str, str]) -> subprocess.CompletedProcess[str]:
    assert NATS_SERVER is not None
    for name, pem in tls.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(pem)
    (folder / "nats.conf").write_text(text)
    command = [NATS_SERVER, "--config", "nats.conf", "-t"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=20, check=False)


@needs_server
def test_the_server_takes_every_member(tmp_path: Path) -> None:
    wanted = bus(str(tmp_path))
    for member in wanted.members:
        result = check(tmp_path, server_config.config(wanted, member), server_files(member.name, member.address))
        assert result.returncode == 0, result.stderr


@needs_server
def test_the_server_takes_the_leaf_node(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    (tmp_path / "agent.conf").write_text('password: "0123456789"\n')
    tls = authorities()["leaf"].issue("leaf-hot-a", ("client_auth",))
    result = check(folder, leaf(), tls)
    assert result.returncode == 0, result.stderr
    assert check(folder, leaf() + "no_such_setting: 1\n", tls).returncode != 0


def unit_file(folder: Path, name: str, text: str) -> Path:
    """A unit whose program and account exist on this machine: all else is what is checked."""
    lines = [
        line.replace(PROGRAM, "/bin/true") for line in text.splitlines() if not line.startswith(("User=", "Group="))
    ]
    file = folder / name
    file.write_text("\n".join(lines) + "\n")
    return file


@needs_systemd
@pytest.mark.parametrize("name", ["ironlane-nats.service", "ironlane-nats-leaf.service"])
def test_units_are_valid_and_hardly_exposed(tmp_path: Path, name: str) -> None:
    assert ANALYZE is not None
    text = RENDERED[name]()
    file = unit_file(tmp_path, name, text)
    verified = subprocess.run([ANALYZE, "verify", "--man=no", str(file)], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    file.write_text(text)
    command = [ANALYZE, "security", "--offline=true", f"--threshold={WORST_EXPOSURE}", str(file)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_a_stop_is_a_lame_duck_that_systemd_does_not_cut_short() -> None:
    text, limits = RENDERED["ironlane-nats.service"](), bus().limits
    lines = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    assert lines["KillSignal"] == "SIGUSR2"
    assert "ExecStop" not in lines
    seconds = [int(each.removesuffix("s")) for each in (limits.lame_duck_duration, limits.lame_duck_grace_period)]
    assert int(lines["TimeoutStopSec"]) > sum(seconds)


def test_the_leaf_runs_on_housekeeping_cores_only() -> None:
    assert "CPUAffinity=0 24\n" in leaf_node.leaf_unit(PROGRAM, (0, 24))
    with pytest.raises(ValueError, match="at least one CPU"):
        leaf_node.leaf_unit(PROGRAM, ())


def test_no_listener_is_without_its_own_authority() -> None:
    server = server_config.server(bus(), bus().members[0])
    assert server.client_tls is not None
    assert server.cluster_tls is not None
    assert server.leaf is not None
    files = [tls.ca_file for tls in (server.client_tls, server.cluster_tls, server.leaf.tls)]
    assert len(set(files)) == 3
    assert server.client_tls.map_users
    assert server.leaf.tls.map_users
    assert all(user.by_certificate for account in server.accounts for user in account.users)


def test_a_leaf_carries_no_more_than_its_host_says_and_hears() -> None:
    allowed = permissions.leaf("prod", "hot-a", "agent-hot-a")
    subjects = (*allowed.publish, *allowed.subscribe)
    assert not [subject for subject in subjects if "hot-b" in subject or subject in (">", "ironlane.>")]
    assert "ironlane.prod.command.hot-a.>" in allowed.subscribe
    assert not [subject for subject in allowed.publish if "command" in subject or subject.startswith("$")]


def test_no_user_may_be_given_an_empty_list() -> None:
    """The server takes an empty list of allowed subjects for no restriction at all."""
    for lists in ({"publish": (), "subscribe": ("a",)}, {"publish": ("a",), "subscribe": ()}):
        with pytest.raises(ValidationError, match="at least 1 item"):
            permissions.Permissions.model_validate(lists)


def test_nobody_but_people_re_arms_and_no_program_reads_another_one_s_inbox() -> None:
    for account in server_config.users(bus()):
        for user in account.users:
            allowed = user.permissions
            rearms = [subject for subject in allowed.publish if "rearm" in subject or subject.endswith("command.>")]
            assert not rearms or user.name == permissions.OPERATOR
            inboxes = {subject for subject in allowed.subscribe if subject.startswith("_INBOX")}
            own = f"agent-{user.name.removeprefix('leaf-')}" if user.name.startswith("leaf-") else user.name
            assert inboxes == {f"_INBOX_{own}.>"}


def test_commands_of_the_risk_engine_are_those_of_wire() -> None:
    from wire import messages
    from wire.subjects import Subjects

    allowed = permissions.risk_engine("prod", "risk-engine").publish
    for command in (messages.SetLimits, messages.SetMode, messages.Kill):
        assert Subjects("prod").command("h1", command).replace("h1.order-router", "*.*") in allowed


def test_what_was_acknowledged_is_on_disk() -> None:
    from wire import streams

    declared = {each["name"]: each for each in streams.declared("prod", streams.BusLimits())}
    assert declared.keys() == stream_classes.STREAM_CLASSES.keys()
    for name, kind in stream_classes.STREAM_CLASSES.items():
        assert declared[name]["storage"] == stream_classes.STORAGE[kind], name
        assert declared[name]["num_replicas"] == 3, name
    assert stream_classes.sync_interval() == "always"


def test_a_change_of_the_classes_would_relax_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    only = {"TELEMETRY": stream_classes.StreamClass.TELEMETRY}
    monkeypatch.setattr(stream_classes, "STREAM_CLASSES", only)
    assert stream_classes.sync_interval() == "2m"


def test_streams_fit_what_the_account_may_use() -> None:
    from wire import streams

    account = server_config.users(bus())[0]
    assert account.jetstream is not None
    declared = streams.declared("prod", streams.BusLimits())
    for storage, limit in (("file", account.jetstream.max_file), ("memory", account.jetstream.max_memory)):
        assert sum(each["max_bytes"] for each in declared if each["storage"] == storage) <= limit
