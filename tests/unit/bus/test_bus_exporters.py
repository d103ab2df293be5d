"""The exporter on the hosts of the bus: its unit, and the steps that put it there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pulumi_command import remote

from components.bus import nats_exporter
from components.bus.exporters import PROGRAM, UNIT, ExporterHost, Exporters, ExportersArgs, unit
from components.network.flows import NATS_METRICS
from tests.recorder import Recording, Resource, deploy

HOSTS = tuple(
    ExporterHost(name=f"nats-{n}", address=f"10.40.{n}.10", connection=remote.ConnectionArgs(host=f"10.40.{n}.10"))
    for n in (1, 2)
)


@pytest.fixture(scope="module")
def recorded() -> Recording:
    return deploy(lambda: Exporters("exporters", ExportersArgs(hosts=HOSTS)) and None)


def address(step: Resource) -> str:
    """How a step connects is a secret to the provider, whatever is in it."""
    connection = step.inputs["connection"]
    return str(connection.get("value", connection)["host"])


def test_each_host_gets_the_program_and_then_its_own_unit(recorded: Recording) -> None:
    for host in HOSTS:
        program = recorded.named(f"exporters-{host.name}-program")
        service = recorded.named(f"exporters-{host.name}-unit")
        assert program.inputs["stdin"] == Path(nats_exporter.__file__).read_text()
        assert recorded.waits_for(service, program)
        assert f"--listen {host.address}:{NATS_METRICS}" in service.inputs["stdin"]
        assert {address(each) for each in (program, service)} == {host.address}


def test_a_new_program_is_started(recorded: Recording) -> None:
    service = recorded.named("exporters-nats-1-unit")
    assert service.inputs["triggers"] == [recorded.named("exporters-nats-1-program").inputs["stdin"]]
    assert service.inputs["create"].endswith(f"systemctl restart {UNIT}")


def test_the_unit_starts_the_program_with_options_that_it_knows() -> None:
    (line,) = [
        line for line in unit("10.40.1.10", "http://127.0.0.1:8222").splitlines() if line.startswith("ExecStart=")
    ]
    words = line.removeprefix("ExecStart=").split()
    assert words[:3] == ["/usr/bin/python3", "-I", PROGRAM]
    shown = subprocess.run(
        [sys.executable, "-I", nats_exporter.__file__, *words[3:], "--help"], capture_output=True, text=True, timeout=20
    )
    assert shown.returncode == 0, shown.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_unit_and_finds_it_little_exposed(tmp_path: Path) -> None:
    file = tmp_path / UNIT
    file.write_text(unit("10.40.1.10", "http://127.0.0.1:8222"))
    checked = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(file)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert checked.returncode == 0, checked.stdout[-2000:] + checked.stderr
