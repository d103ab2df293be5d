"""The host check on a host that is as specified, and on ones with a single fault each."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.hot_path.host.hugepages import HugePages
from components.hot_path.host.specification import HostSpecification, HostTuning, host_specification
from components.hot_path.host_check.__main__ import main
from components.hot_path.host_check.check_list import CheckListError, load
from tests.unit.hot_path.emulated_host import EmulatedHost
from tests.unit.hot_path.host_faults import CPU, FAULTS, UNTOLD

ROLES = ("feed-handler", "strategy", "order-router", "agent")
KINDS = {
    "metal": ("c7i.metal-24xl", HostTuning(hugepages=(HugePages(node=0, pages=512),), mitigations="auto")),
    "two-nodes": ("m5zn.metal", HostTuning()),
    "amd": ("c8a.metal-48xl", HostTuning(clock="ptp", smt=True)),
    "smt": ("m5zn.metal", HostTuning(smt=True, interrupts="irqbalance")),
    "test-machine": ("12x2node", HostTuning(distribution="debian", ntp_server="10.0.2.2")),
}


@dataclass(frozen=True)
class Checked:
    specification: HostSpecification
    host: EmulatedHost
    list_file: Path

    def check(self, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
        code = main(["--specification", str(self.list_file), "--root", str(self.host.root), "--json"])
        return code, json.loads(capsys.readouterr().out)


Made = Callable[[str], Checked]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    known: dict[str, Checked] = {}

    def make(kind: str) -> Checked:
        if kind not in known:
            instance_type, tuning = KINDS[kind]
            specification = host_specification(instance_type, ROLES, tuning=tuning)
            root = tmp_path_factory.mktemp(kind)
            host = EmulatedHost(root, specification.machine, specification.files(), specification.kernel_command_line)
            list_file = root / "host-check.json"
            list_file.write_text(specification.check_list())
            known[kind] = Checked(specification, host, list_file)
        return known[kind]

    return make


def wrong(report: dict[str, Any], state: str, importance: str = "required") -> dict[str, str]:
    """Name and what was found of each check in that state."""
    found = [each for each in report["checks"] if each["state"] == state and each["importance"] == importance]
    return {each["name"]: each["found"] for each in found}


@pytest.mark.parametrize("kind", KINDS)
def test_a_host_made_from_the_rendered_files_is_green(
    kind: str, made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    checked = made(kind)
    code, report = checked.check(capsys)
    assert (wrong(report, "mismatch"), wrong(report, "unknown")) == ({}, {})
    assert (code, report["verdict"]) == (0, "ok")
    assert len(report["checks"]) == len(checked.specification.settings) >= 50


@pytest.mark.parametrize("kind", ["metal", "test-machine"])
def test_a_host_as_delivered_is_not_green(
    kind: str, made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Checks that pass on an untuned host show nothing of the tuning: they are few, and known."""
    checked = made(kind)
    untuned = EmulatedHost(tmp_path, checked.specification.machine, {}, "")
    code, report = Checked(checked.specification, untuned, checked.list_file).check(capsys)
    assert code == 1
    ok = {each["name"] for each in report["checks"] if each["state"] == "ok"}
    assert {name for name in ok if not name.startswith(("machine.", "kernel.version"))} <= {
        "clock.error",
        "memory.swap",
        "network-card.steering",
        "sysctl.kernel.timer_migration",
        "sysctl.vm.zone_reclaim_mode",
    }


@pytest.mark.parametrize("name", FAULTS)
def test_a_single_fault_is_caught_and_named(name: str, made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    kind, fault, check, found = FAULTS[name]
    checked = made(kind)
    with checked.host.fault(*fault(checked.host)):
        code, report = checked.check(capsys)
    assert (code, report["verdict"]) == (1, "mismatch")
    assert list(wrong(report, "mismatch")) == [check]
    assert found in wrong(report, "mismatch")[check]


@pytest.mark.parametrize("name", UNTOLD)
def test_what_cannot_be_told_is_said_to_be_unknown(name: str, made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    kind, fault, check, why = UNTOLD[name]
    checked = made(kind)
    with checked.host.fault(*fault(checked.host)):
        code, report = checked.check(capsys)
    assert (code, report["verdict"]) == (2, "unknown")
    assert list(wrong(report, "unknown")) == [check]
    assert why in wrong(report, "unknown")[check]


def test_a_mismatch_outweighs_what_cannot_be_told(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    host = made("metal").host
    with host.fault(f"{CPU}/smt/active", "1"), host.fault("/commands/ethtool_-g_ens5", None):
        assert made("metal").check(capsys)[0] == 1


def test_a_kernel_built_without_a_feature_has_nothing_to_switch_off(
    made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    with made("metal").host.fault("/proc/sys/kernel/numa_balancing", None):
        assert made("metal").check(capsys)[0] == 0


def test_disk_queues_of_isolated_cpus_are_shown_and_do_not_stop_the_host(
    made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    """The kernel places them and refuses to move them: the script must live with that, too."""
    code, report = made("metal").check(capsys)
    assert code == 0
    assert "nvme0q4" in wrong(report, "mismatch", "advisory")["interrupts.block-queues"]


def test_emulated_firmware_that_does_not_tell_the_card_s_node_does_not_stop_the_test_machine(
    made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    with made("test-machine").host.fault("/sys/devices/pci0000:00/0000:00:05.0/numa_node", "-1"):
        code, report = made("test-machine").check(capsys)
    assert code == 0
    assert "machine.network-card" in wrong(report, "unknown", "advisory")


def test_the_table_tells_people_what_why_and_the_verdict(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    checked = made("metal")
    with checked.host.fault(f"{CPU}/smt/active", "1"):
        code = main(["--specification", str(checked.list_file), "--root", str(checked.host.root)])
    lines = capsys.readouterr().out.splitlines()
    assert code == 1
    assert lines[0].split() == ["SETTING", "EXPECTED", "FOUND"]
    (at,) = [number for number, line in enumerate(lines) if re.match(r"MISMATCH +cpu\.smt +0 +1$", line)]
    assert "why: siblings that came back online" in lines[at + 1]
    assert lines[-1].startswith("c7i.metal-24xl: mismatch; ")


def test_it_runs_by_itself_on_the_standard_library(made: Made, tmp_path: Path) -> None:
    """As on the host: the package on its own, no other package importable."""
    package = Path(__file__).parents[3] / "components" / "hot_path" / "host_check"
    (tmp_path / "host_check").symlink_to(package)
    checked = made("test-machine")
    start = (
        f"import runpy, sys; sys.path.insert(0, {str(tmp_path)!r}); runpy.run_module('host_check', run_name='__main__')"
    )
    options = ["--specification", str(checked.list_file), "--root", str(checked.host.root)]
    command = [sys.executable, "-I", "-S", "-c", start, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12x2node: green" in done.stdout


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}", "not a check list: KeyError"),
        ("[", "not a check list: JSONDecodeError"),
        ('{"format": 2}', "format 2: this host check reads 1"),
        ('{"format": 1, "machine": "m", "digest": "d", "checks": []}', "no checks"),
        ('{"format": 1, "checks": [{"name": "a.b", "probe": {"kind": "psychic"}}]}', "a.b: unknown probe 'psychic'"),
    ],
)
def test_a_file_that_is_no_check_list_cannot_tell(
    text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CheckListError, match=re.escape(told)):
        load(text)
    file = tmp_path / "host-check.json"
    file.write_text(text)
    assert main(["--specification", str(file)]) == 2
    assert told in capsys.readouterr().err


def test_without_a_check_list_or_tree_it_cannot_tell(tmp_path: Path, made: Made) -> None:
    assert main(["--specification", str(tmp_path / "none.json")]) == 2
    assert main(["--specification", str(made("metal").list_file), "--root", str(tmp_path / "none")]) == 2
