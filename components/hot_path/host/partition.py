"""The cgroup v2 CPU partition that the roles run in, and the CPUs of everything else.

The slice is a remote partition: `isolated`, with `cpuset.cpus.exclusive` down the path to it (kernel 6.7 and later;
kernel doc admin-guide/cgroup-v2.rst, Cpuset). systemd has no setting for partitions, so a oneshot makes it. CPUs of
`isolcpus=` can only be in a partition of this kind. The slice does not bind memory: writing `cpuset.mems` moves pages
and has been seen to block PID 1 for minutes with `nohz_full` CPUs; each role's unit binds its own by NUMAPolicy.
"""

from __future__ import annotations

from components.hot_path.host.core_map import CoreMap
from components.hot_path.host.setting import EnabledUnit, FilePiece, Setting
from components.hot_path.host.template import template
from components.hot_path.host_check import cpu_list, probes

SLICE = "ironlane-hot.slice"
SERVICE = "ironlane-cpu-partition.service"
SCRIPT = "/usr/local/lib/ironlane/make-cpu-partition"
MANAGER_FILE = "/etc/systemd/system.conf.d/60-ironlane.conf"
_GROUP = f"/sys/fs/cgroup/ironlane.slice/{SLICE}"
_CPUSET = "kernel doc admin-guide/cgroup-v2.rst, Cpuset"


def partition(cores: CoreMap) -> tuple[Setting, ...]:
    isolated = cpu_list.render(cores.isolated)
    housekeeping = cpu_list.render(cores.housekeeping)
    return (
        Setting(
            name="kernel.version",
            reason="partitions below other control groups need this kernel; Amazon Linux 2023 has it as kernel6.12",
            source=_CPUSET,
            probe=probes.Text("/proc/sys/kernel/osrelease"),
            expected="6.7",
            compare="version-at-least",
        ),
        Setting(
            name="partition.state",
            reason="no service, however it is configured, can get a CPU of the partition; an invalid one says why",
            source=_CPUSET,
            render=(
                FilePiece(path=f"/etc/systemd/system/{SLICE}", text=template(SLICE, cpus=isolated)),
                FilePiece(path=SCRIPT, text=template("make-cpu-partition.sh", cpus=isolated)),
                FilePiece(path=f"/etc/systemd/system/{SERVICE}", text=template(SERVICE, script=SCRIPT)),
                EnabledUnit(name=SERVICE),
            ),
            probe=probes.Text(f"{_GROUP}/cpuset.cpus.partition"),
            expected="isolated",
        ),
        Setting(
            name="partition.cpus",
            reason="the roles' CPUs and the spare ones, and no other",
            source=_CPUSET,
            probe=probes.CpuList(f"{_GROUP}/cpuset.cpus.effective"),
            expected=isolated,
        ),
        Setting(
            name="partition.services",
            reason="all that systemd starts stays on the housekeeping CPUs, off those of the interrupts, too",
            source="systemd-system.conf(5), CPUAffinity",
            render=(FilePiece(path=MANAGER_FILE, text=f"[Manager]\nCPUAffinity={housekeeping}\n"),),
            probe=probes.StatusField("/proc/1/status", "Cpus_allowed_list"),
            expected=housekeeping,
        ),
    )
