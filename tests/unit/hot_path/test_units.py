"""systemd units of a trading host, judged by systemd's own programs and by what must hold between them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from host_samples import COMPOSITE, EXCHANGE, GOLDEN, METAL, NETWORK, ROLES, specification

from components.hot_path.host.partition import SLICE
from components.hot_path.roles import cancel_deadline_ms, unit_name
from components.hot_path.systemd_service import Network, SystemdService, render_service
from components.hot_path.units import (
    HOST_CHECK,
    SYSTEM,
    TARGET,
    host_check_unit,
    role_service,
    role_unit,
    system_users,
    target,
    unit_files,
)
from components.unit import CommandReadiness, Unit

HOSTS = {"trading": ROLES, "composite": COMPOSITE, "exchange": EXCHANGE}
EVERY_UNIT = sorted({(host, role) for host, roles in HOSTS.items() for role in roles})
EXPOSURE_LIMIT = 20  # of systemd-analyze, tenths: 2.0
# of the distribution, which ours name: without them systemd-analyze does not get to ours
DISTRIBUTION = (
    *("sysinit.target", "basic.target", "shutdown.target", "network.target", "network-online.target"),
    *("multi-user.target", "timers.target", "slices.target", "chronyd.service"),
)
ANALYZE = shutil.which("systemd-analyze")
needs_analyze = pytest.mark.skipif(ANALYZE is None, reason="no systemd-analyze on this machine")


def settings(text: str) -> dict[str, list[str]]:
    """Values by key, in their order."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals:
            found.setdefault(key, []).append(value)
    return found


def unit_of(host: str, role: str) -> str:
    return role_unit(role, specification(HOSTS[host]), NETWORK)


def installed(folder: Path, host: str) -> list[str]:
    """The host's units below a root of their own, with something executable wherever they name a program."""
    built = specification(HOSTS[host])
    files = built.files() | unit_files(built, NETWORK, HOSTS[host])
    for path, text in files.items():
        file = folder / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for name in DISTRIBUTION:
        stand_in = folder / "usr/lib/systemd/system" / name
        stand_in.parent.mkdir(parents=True, exist_ok=True)
        body = "[Service]\nExecStart=/bin/sh\n" if name.endswith(".service") else ""
        stand_in.write_text(f"[Unit]\nDescription={name}\nDefaultDependencies=no\n{body}")
    for program in ("opt/ironlane/current/bin/hotpath", "opt/ironlane/current/bin/python", "bin/sh"):
        stand_in = folder / program
        stand_in.parent.mkdir(parents=True, exist_ok=True)
        stand_in.write_text("#!/bin/sh\n")
        stand_in.chmod(0o755)
    return sorted(Path(path).name for path in files if path.startswith(str(SYSTEM)))


@needs_analyze
@pytest.mark.parametrize("host", HOSTS)
def test_systemd_finds_nothing_to_say(host: str, tmp_path: Path) -> None:
    units = [name for name in installed(tmp_path, host) if name.startswith("ironlane")]
    assert len(units) > len(HOSTS[host])
    assert ANALYZE is not None
    done = subprocess.run(
        [ANALYZE, "verify", "--man=no", f"--root={tmp_path}", *units],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@needs_analyze
def test_verify_does_see_a_mistake(tmp_path: Path) -> None:
    installed(tmp_path, "trading")
    file = tmp_path / str(SYSTEM).lstrip("/") / unit_name("strategy")
    file.write_text(file.read_text().replace("KillMode=mixed", "KillMode=gently"))
    assert ANALYZE is not None
    done = subprocess.run(
        [ANALYZE, "verify", "--man=no", f"--root={tmp_path}", file.name],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "kill mode specification, ignoring: gently" in done.stderr


@needs_analyze
@pytest.mark.parametrize(("host", "unit"), [*EVERY_UNIT, ("trading", HOST_CHECK)])
def test_exposure(host: str, unit: str, tmp_path: Path) -> None:
    text = host_check_unit(specification()) if unit == HOST_CHECK else unit_of(host, unit)
    file = tmp_path / (unit if unit == HOST_CHECK else unit_name(unit))
    file.write_text(text)
    assert ANALYZE is not None
    done = subprocess.run(
        [ANALYZE, "security", "--offline=true", f"--threshold={EXPOSURE_LIMIT}", "--no-pager", str(file)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-200:] + done.stderr
    assert "Overall exposure level" in done.stdout


@pytest.mark.parametrize(("host", "role"), EVERY_UNIT)
def test_no_role_runs_without_a_green_host_check(host: str, role: str) -> None:
    found = settings(unit_of(host, role))
    assert found["Requires"] == [HOST_CHECK]
    assert HOST_CHECK in found["After"][0].split()


def test_nothing_reaches_the_roles_but_through_the_target() -> None:
    """A role that something else wanted at boot could start before the target, or on a host that is to stand by."""
    for path, text in unit_files(specification(), NETWORK, ("feed-handler", "agent")).items():
        if path.startswith(str(SYSTEM)) and not path.endswith(TARGET):
            assert "[Install]" not in text, path
    wanted = settings(target(specification(), ("feed-handler", "agent")))
    assert wanted["Wants"] == ["ironlane-feed-handler.service ironlane-agent.service"]
    assert wanted["Requires"] == [HOST_CHECK]
    with pytest.raises(ValueError, match="started: venue: not among this host's roles"):
        target(specification(), ("venue",))


@pytest.mark.parametrize(("host", "role"), EVERY_UNIT)
def test_a_stop_may_take_longer_than_the_cancels(host: str, role: str) -> None:
    found = settings(unit_of(host, role))
    deadline_s = cancel_deadline_ms(role) / 1000
    assert int(found["TimeoutStopSec"][0]) > deadline_s
    assert int(found["WatchdogSec"][0]) > deadline_s
    assert found["KillMode"] == ["mixed"]
    assert found["Type"] == ["notify"]
    assert found["Restart"] == ["on-failure"]
    assert found["RestartPreventExitStatus"] == ["78"]


def service(**change: object) -> SystemdService:
    unit = Unit(
        name="ironlane-x",
        description="100% of x",
        command=("/bin/x", 'a "b" $c', "50%"),
        readiness=CommandReadiness(command=("true",)),
        user="ironlane-x",
        working_directory="/",
        environment={"KEY": "a b"},
        stop_timeout_s=3,
    )
    fields: dict[str, object] = {
        "unit": unit,
        "group": "ironlane",
        "slice": SLICE,
        "watchdog_s": 5,
        "start_timeout_s": 30,
        "part_of": TARGET,
        "network": Network(reach="none"),
        "state_directory": "ironlane/x",
    }
    return SystemdService.model_validate({**fields, **change})


def test_a_unit_that_would_be_killed_while_it_cancels_is_refused() -> None:
    with pytest.raises(ValueError, match="stop_timeout_s 3 is not above the cancel deadline of 3000 ms"):
        service(cancel_deadline_ms=3000)
    with pytest.raises(ValueError, match="watchdog_s 2 is not above the cancel deadline of 2500 ms"):
        service(cancel_deadline_ms=2500, watchdog_s=2)
    with pytest.raises(ValueError, match="a role runs as a user of its own"):
        service(unit=service().unit.model_copy(update={"user": "root"}))
    with pytest.raises(ValueError, match="neither loopback nor addresses"):
        Network(reach="none", loopback=True)


def test_words_keep_their_meaning() -> None:
    found = settings(render_service(service()))
    assert found["ExecStart"] == ['/bin/x "a \\"b\\" $$c" 50%%']
    assert found["Description"] == ["100%% of x"]
    assert found["Environment"] == ['"KEY=a b"']


def test_strategy_code_has_no_way_to_the_venue() -> None:
    """Other process, other user, no network, no credential, and no write access to what the router goes by."""
    found = settings(unit_of("trading", "strategy"))
    assert found["PrivateNetwork"] == ["yes"]
    assert found["RestrictAddressFamilies"] == ["AF_UNIX"]
    assert found["IPAddressDeny"] == ["any"]
    assert "IPAddressAllow" not in found
    assert "LoadCredential" not in found
    assert "ReadWritePaths" not in found
    assert found["User"] == ["ironlane-strategy"]
    router = settings(unit_of("trading", "order-router"))
    assert router["LoadCredential"] == ["order-entry:/etc/ironlane/credentials/order-entry"]
    assert router["IPAddressAllow"] == ["198.51.100.0/24"]


def test_a_strategy_starts_after_the_owners_of_every_segment_it_could_forge() -> None:
    after = settings(unit_of("trading", "strategy"))["After"][0].split()
    assert {unit_name(role) for role in ("feed-handler", "order-router", "agent")} <= set(after)


def test_only_the_agent_can_make_or_remove_the_kill_file() -> None:
    writers = {role for role in ROLES if "ReadWritePaths" in settings(unit_of("trading", role))}
    assert writers == {"agent"}
    files = unit_files(specification(), NETWORK, ROLES)
    assert "d /run/ironlane 0750 ironlane-agent ironlane -" in files["/etc/tmpfiles.d/ironlane-roles.conf"]


def test_no_two_roles_share_a_user_or_a_cpu() -> None:
    services = [role_service(role, specification(), NETWORK) for role in ROLES]
    assert len({each.unit.user for each in services}) == len(ROLES)
    pinned = [cpu for each in services if each.slice == SLICE for cpu in each.unit.cpus]
    assert len(pinned) == len(set(pinned)) == 3
    agent = services[-1]
    assert set(agent.unit.cpus) == set(specification().core_map.housekeeping)
    for each in services:
        assert f"u {each.unit.user} - " in system_users(specification())


@pytest.mark.parametrize("instance_type", [METAL, "m5zn.metal", "c8a.metal-48xl", "12x2node"])
def test_pinned_roles_are_bound_to_their_node(instance_type: str) -> None:
    """bind wants the mask of the node of the CPUs: another one makes every allocation remote, or the start fail."""
    built = specification(instance_type=instance_type)
    for role in ("feed-handler", "strategy", "order-router"):
        found = settings(role_unit(role, built, NETWORK))
        cpus = [int(cpu) for cpu in found["CPUAffinity"][0].split()]
        assert found["NUMAPolicy"] == ["bind"]
        assert found["NUMAMask"] == [str(built.core_map.node_of(role))]
        assert {built.machine.topology.core_of(cpu).node for cpu in cpus} == {built.core_map.node_of(role)}
        assert set(cpus) <= set(built.core_map.isolated)
        assert found["Slice"] == [SLICE]
        assert found["LimitMEMLOCK"] == ["infinity"]
    assert "NUMAMask" not in settings(role_unit("agent", built, NETWORK))


def test_a_composite_takes_the_place_of_its_parts() -> None:
    found = settings(unit_of("composite", "composite"))
    assert found["Conflicts"] == ["ironlane-feed-handler.service ironlane-strategy.service"]
    assert "LoadCredential" not in found  # the router is by itself
    assert found["IPAddressAllow"] == ["198.51.100.0/24"]


def test_nobody_deletes_the_segments_of_a_stopped_role() -> None:
    """systemd removes what a user owns below /dev/shm when RemoveIPC is set: readers would lose the closed rings."""
    for host, role in EVERY_UNIT:
        assert "RemoveIPC" not in unit_of(host, role)


@pytest.mark.parametrize(
    ("host", "role"), [*(("trading", role) for role in ROLES), ("composite", "composite"), ("exchange", "venue")]
)
def test_units_are_as_reviewed(host: str, role: str) -> None:
    assert unit_of(host, role) == (GOLDEN / unit_name(role)).read_text()


def test_host_check_and_target_are_as_reviewed() -> None:
    files = unit_files(specification(), NETWORK, ROLES)
    for name in (HOST_CHECK, TARGET):
        assert files[str(SYSTEM / name)] == (GOLDEN / name).read_text()
    assert files["/etc/sysusers.d/ironlane.conf"] == (GOLDEN / "sysusers.conf").read_text()
