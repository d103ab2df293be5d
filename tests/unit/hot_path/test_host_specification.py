"""What the host specification renders: golden files, rules per machine, and what it refuses."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from components.hot_path.host.core_map import CoreLayout
from components.hot_path.host.hugepages import HugePages
from components.hot_path.host.machines import MACHINES
from components.hot_path.host.network_card import NetworkCard
from components.hot_path.host.setting import FilePiece, KernelArgument
from components.hot_path.host.specification import HostSpecification, HostTuning, host_specification
from components.hot_path.host.sysctls import SYSCTLS
from components.hot_path.host.template import template
from components.hot_path.host_check.check_list import load
from components.hot_path.host_check.probes import PROBES

GOLDEN = Path(__file__).parents[2] / "golden" / "hot_path"
ROLES = ("feed-handler", "strategy", "order-router", "agent")
GOLDEN_HOSTS = {
    "c7i.metal-24xl": HostTuning(hugepages=(HugePages(node=0, pages=512),)),
    "m5zn.metal": HostTuning(interrupts="irqbalance", mitigations="auto"),
    "c8a.metal-48xl": HostTuning(clock="ptp"),
    "m8a.metal-48xl": HostTuning(),
    "12x2node": HostTuning(distribution="debian"),
}


def specified(machine: str = "c7i.metal-24xl", **tuning: Any) -> HostSpecification:
    return host_specification(machine, ROLES, tuning=HostTuning(**tuning))


@pytest.mark.parametrize("machine", GOLDEN_HOSTS)
def test_rendered_files_are_as_reviewed(machine: str) -> None:
    """After a change on purpose: `python -m tests.unit.hot_path.test_host_specification`, and review the difference."""
    folder = GOLDEN / machine
    reviewed = {f"/{path.relative_to(folder)}": path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert host_specification(machine, ROLES, tuning=GOLDEN_HOSTS[machine]).files() == reviewed


def write_golden_files() -> None:
    for machine, tuning in GOLDEN_HOSTS.items():
        shutil.rmtree(GOLDEN / machine, ignore_errors=True)
        for path, text in host_specification(machine, ROLES, tuning=tuning).files().items():
            file = GOLDEN / machine / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)


def arguments(specification: HostSpecification) -> dict[str, str]:
    return dict(word.partition("=")[::2] for word in specification.kernel_command_line.split())


@pytest.mark.parametrize("machine", MACHINES)
def test_isolation_covers_every_role_and_no_other_than_spare_cpus(machine: str) -> None:
    specification = specified(machine)
    given, cores = arguments(specification), specification.core_map
    isolated = given["nohz_full"]
    assert given["isolcpus"] == f"managed_irq,domain,{isolated}"
    assert given["rcu_nocbs"] == isolated
    assert set(cores.isolated) == {*cores.spare, *(cpu for cpus in cores.roles.values() for cpu in cpus)}
    assert not set(cores.isolated) & {0, *cores.housekeeping, *cores.interrupts}


def test_arguments_differ_by_vendor_and_metal() -> None:
    intel, amd, virtual = (arguments(specified(name)) for name in ("c7i.metal-24xl", "c8a.metal-48xl", "12x2node"))
    assert intel.keys() - amd.keys() == {"intel_idle.max_cstate", "nosmt"}
    assert amd.keys() - intel.keys() == set()
    assert amd.keys() - virtual.keys() == {"processor.max_cstate", "cpufreq.default_governor", "iommu"}


def test_smt_is_off_where_the_machine_has_it_unless_it_is_asked_for() -> None:
    assert "nosmt" in arguments(specified("m5zn.metal"))
    with_siblings = specified("m5zn.metal", smt=True)
    assert "nosmt" not in arguments(with_siblings)
    assert with_siblings.core_map.roles["strategy"] == (4, 28)
    assert "nosmt" not in arguments(specified("m8a.metal-48xl"))


def test_mitigations_are_left_alone_unless_stated() -> None:
    assert "mitigations" not in specified().kernel_command_line
    assert arguments(specified(mitigations="off"))["mitigations"] == "off"


@pytest.mark.parametrize("clock", ["ptp", "ntp"])
def test_the_clock_follows_one_source(clock: str) -> None:
    text = specified("c8a.metal-48xl", clock=clock).files()["/etc/chrony.conf"]
    sources = re.findall(r"^(server|pool|peer|refclock|sourcedir|include|confdir)\b", text, re.MULTILINE)
    assert sources == (["refclock"] if clock == "ptp" else ["server"])


@pytest.mark.parametrize("clock", ["ptp", "ntp"])
def test_the_hardware_clock_is_asked_for_with_ptp_only(clock: str) -> None:
    assert ("ena.phc_enable" in arguments(specified("c8a.metal-48xl", clock=clock))) == (clock == "ptp")


def test_irqbalance_is_masked_or_told_which_cpus_are_not_its_own() -> None:
    fixed, balanced = specified(), specified(interrupts="irqbalance")
    assert fixed.masked_units == ("irqbalance.service",)
    assert {"ironlane-interrupts.service", "ironlane-interrupts.timer"} <= set(fixed.enabled_units)
    assert balanced.masked_units == ()
    assert "irqbalance.service" in balanced.enabled_units
    banned = balanced.files()["/etc/sysconfig/irqbalance"]
    assert banned.endswith("IRQBALANCE_BANNED_CPULIST=6-47\n")


def test_every_unit_that_is_enabled_is_rendered_or_the_distribution_s() -> None:
    specification = specified()
    rendered = {path.rpartition("/")[2] for path in specification.files()}
    assert set(specification.enabled_units) - rendered == {"chronyd.service"}
    assert len(set(specification.enabled_units)) == len(specification.enabled_units)


def test_every_setting_says_why_and_from_where() -> None:
    for name in MACHINES:
        settings = specified(name).settings
        names = [setting.name for setting in settings]
        assert len(set(names)) == len(names)
        assert all(setting.reason and setting.source for setting in settings)


def test_every_kernel_argument_and_sysctl_is_checked_by_its_own_setting() -> None:
    """What is rendered and never looked at again may be missing for years."""
    for setting in specified(hugepages=({"node": 0, "pages": 8},), mitigations="auto").settings:
        for piece in setting.render:
            if isinstance(piece, KernelArgument):
                assert setting.name == f"kernel.{piece.argument.partition('=')[0]}"
            elif isinstance(piece, FilePiece) and piece.path.startswith("/etc/sysctl.d/"):
                assert f"{setting.name.removeprefix('sysctl.')} = {int(float(setting.expected))}\n" in piece.text


def test_every_kind_of_probe_is_in_use() -> None:
    specifications = [host_specification(name, ROLES, tuning=tuning) for name, tuning in GOLDEN_HOSTS.items()]
    specifications.append(specified("m5zn.metal", smt=True))
    used = {setting.probe.kind for each in specifications for setting in each.settings}
    assert used == set(PROBES)


def test_the_same_specification_has_the_same_digest_and_any_change_another() -> None:
    digests = [
        specified().digest,
        specified("m5zn.metal").digest,
        specified(sysctls={"net.core.busy_read": 25}).digest,
        specified(network_card={"receive_ring": 8192}).digest,
        specified(mitigations="off").digest,
        host_specification("c7i.metal-24xl", ("strategy", "agent")).digest,
    ]
    assert len(set(digests)) == len(digests)
    assert specified().digest == digests[0]
    assert re.fullmatch(r"[0-9a-f]{64}", digests[0])


def test_the_check_list_is_read_back_as_it_was_written() -> None:
    for name, tuning in GOLDEN_HOSTS.items():
        specification = host_specification(name, ROLES, tuning=tuning)
        read = load(specification.check_list())
        assert (read.machine, read.digest) == (name, specification.digest)
        assert read.checks == tuple(setting.check() for setting in specification.settings)


def test_a_sysctl_can_have_another_value() -> None:
    text = specified(sysctls={"net.core.busy_read": 25}).files()["/etc/sysctl.d/90-ironlane.conf"]
    assert "\nnet.core.busy_read = 25\n" in text


def test_sysctls_that_kernels_no_longer_have_or_that_exclude_each_other_are_not_set() -> None:
    names = {sysctl.name for sysctl in SYSCTLS}
    assert not names & {"net.ipv4.tcp_low_latency", "kernel.sched_min_granularity_ns", "vm.mlockall"}
    assert not {"vm.dirty_bytes", "vm.dirty_ratio"} <= names


@pytest.mark.parametrize(
    ("tuning", "told"),
    [
        (
            {"sysctls": {"vm.swapiness": 1}},
            "sysctls vm.swapiness: not set by the host specification; known are kernel.",
        ),
        ({"hugepages": [{"node": 1, "pages": 8}]}, "hugepages: node 1 does not exist; the machine has node 0"),
        ({"hugepages": [{"node": 0, "pages": 8}, {"node": 0, "pages": 9}]}, "hugepages: a node is named twice"),
        ({"network_card": {"queues": 9}}, "network_card.queues 9: c7i.metal-24xl has 8 per interface; use fewer"),
        ({"mitigations": "off quiet"}, "String should match pattern"),
        ({"clock": "both"}, "Input should be 'ptp' or 'ntp'"),
    ],
)
def test_tuning_that_cannot_be_is_refused(tuning: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        specified(**tuning)


def test_ptp_on_a_machine_without_a_hardware_clock_is_refused() -> None:
    with pytest.raises(ValueError, match=r"clock ptp: m5zn.metal has no PTP hardware clock; use ntp"):
        specified("m5zn.metal", clock="ptp")


@pytest.mark.parametrize(
    ("card", "told"),
    [
        ({"receive_ring": 3000}, "receive_ring 3000: ENA takes powers of two; use 2048"),
        ({"send_ring": 1024}, "send_ring 1024: ENA takes 512 at most with large LLQ"),
        ({"receive_ring": 32_768}, "less than or equal to 16384"),
        ({"send_ring": 4096, "large_llq": False}, "less than or equal to 1024"),
        ({"send_ring": 128}, "greater than or equal to 256"),
    ],
)
def test_ring_sizes_keep_to_what_ena_takes(card: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        NetworkCard(**card)
    assert NetworkCard(send_ring=1024, large_llq=False).send_ring == 1024


def test_a_layout_that_does_not_fit_the_machine_is_refused() -> None:
    layout = CoreLayout(
        housekeeping=(0,), interrupts=(1,), roles={"feed-handler": (2,), "strategy": (3,), "order-router": (4,)}
    )
    with pytest.raises(ValueError, match="CPU 5-47: belongs to nobody"):
        host_specification("c7i.metal-24xl", ROLES, layout=layout)


def test_a_template_takes_exactly_its_values() -> None:
    with pytest.raises(KeyError, match="script"):
        template("ironlane-interrupts.service")
    with pytest.raises(ValueError, match="has no place for colour"):
        template("ironlane-interrupts.service", script="/bin/true", colour="red")


def run_script(name: str, root: Path, specification: HostSpecification) -> subprocess.CompletedProcess[str]:
    text = specification.files()[f"/usr/local/lib/ironlane/{name}"]
    return subprocess.run(
        ["/bin/sh", "-s", str(root)], input=text, capture_output=True, text=True, timeout=20, check=False
    )


@pytest.mark.parametrize("name", ["place-interrupts", "configure-network-card", "make-cpu-partition"])
def test_a_script_that_finds_nothing_to_work_on_fails_and_says_so(name: str, tmp_path: Path) -> None:
    done = run_script(name, tmp_path, specified())
    assert done.returncode == 1
    assert re.search(r"no network card with the driver ena|does not exist: cgroup v2", done.stderr)


def test_a_partition_that_the_kernel_calls_invalid_fails(tmp_path: Path) -> None:
    group = tmp_path / "sys/fs/cgroup/ironlane.slice/ironlane-hot.slice"
    group.mkdir(parents=True)
    (group / "cpuset.cpus.exclusive").touch()
    (group / "cpuset.cpus.partition").symlink_to("/dev/null")  # takes what is written, and is not `isolated`
    done = run_script("make-cpu-partition", tmp_path, specified())
    assert done.returncode == 1
    assert "the partition of CPUs 6-47 is:" in done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    units = {
        path.rpartition("/")[2]: text
        for path, text in specified().files().items()
        if path.startswith("/etc/systemd/system/")
    }
    assert len(units) == 5
    for name, text in units.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *(str(tmp_path / name) for name in units)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


if __name__ == "__main__":
    write_golden_files()
