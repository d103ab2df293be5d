"""A /proc and /sys tree of a host, made as the kernel, systemd and chrony make it from what the host was given.

It reads the rendered files and the kernel command line, never the settings' expectations: what a setting renders and
what its check expects have to agree by way of the tree. The rendered scripts are run on it as they are.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from components.hot_path.host.machines import Machine
from components.hot_path.host.topology import Core
from components.hot_path.host_check import cpu_list

BOOT_ARGUMENTS = (
    "BOOT_IMAGE=/boot/vmlinuz-6.12.55 root=UUID=0f6e5b5c-6f0e-4f4e-8d52-2f6a6f5f4c11 ro console=ttyS0,115200n8"
)
IDLE_STATES = (("POLL", 0), ("C1", 1), ("C1E", 10), ("C6", 290))
# what a kernel starts with; sysctl.d changes it
SYSCTL_DEFAULTS = {
    "net.core.rmem_max": "212992",
    "net.core.wmem_max": "212992",
    "net.core.busy_read": "0",
    "net.core.busy_poll": "0",
    "net.core.netdev_budget": "300",
    "net.core.netdev_max_backlog": "1000",
    "net.ipv4.tcp_slow_start_after_idle": "1",
    "net.ipv4.tcp_autocorking": "1",
    "net.ipv4.conf.all.rp_filter": "0",
    "vm.swappiness": "60",
    "vm.stat_interval": "1",
    "vm.zone_reclaim_mode": "0",
    "vm.compaction_proactiveness": "20",
    "vm.dirty_background_bytes": "0",
    "vm.dirty_bytes": "0",
    "kernel.numa_balancing": "1",
    "kernel.timer_migration": "1",
    "kernel.sched_autogroup_enabled": "1",
    "kernel.panic_on_oops": "0",
    "kernel.panic": "0",
}
# answers `ethtool`, keeps what is changed in a folder, and fails when nothing changes, as the real one does
FAKE_ETHTOOL = """\
#!/bin/sh
option=$1; interface=$2; shift 2
changed=0
while [ $# -gt 1 ]; do
    file="$ETHTOOL_STATE/$interface$option.$1"
    [ "$(cat "$file" 2>/dev/null)" = "$2" ] || changed=1
    echo "$2" >"$file"; shift 2
done
[ $changed = 1 ] || { echo "no ring parameters changed, aborting" >&2; exit 80; }
"""


class EmulatedHost:
    """root: where the tree is put. files, kernel_command_line: as rendered; none for a host as it is delivered."""

    def __init__(self, root: Path, machine: Machine, files: Mapping[str, str], kernel_command_line: str) -> None:
        self.root = root
        self.machine = machine
        self.files = files
        self.arguments = dict(word.partition("=")[::2] for word in f"{BOOT_ARGUMENTS} {kernel_command_line}".split())
        for path, text in files.items():
            self.write(path, text)
        self._firmware()
        self._kernel(f"{BOOT_ARGUMENTS} {kernel_command_line}")
        self._sysctls()
        self._network_cards()
        self._interrupts()
        self._services()

    # editing

    def write(self, path: str, text: object) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n" if not str(text).endswith("\n") else str(text))

    def read(self, path: str) -> str:
        return (self.root / path.lstrip("/")).read_text()

    @contextmanager
    def fault(self, path: str, text: str | None) -> Iterator[None]:
        """The file with another text, or gone, for a while."""
        file = self.root / path.lstrip("/")
        before = file.read_text() if file.exists() else None
        if text is None:
            file.unlink()
        else:
            self.write(path, text)
        try:
            yield
        finally:
            if before is None:
                file.unlink()
            else:
                file.write_text(before)

    # the machine

    @property
    def online(self) -> tuple[int, ...]:
        topology = self.machine.topology
        return topology.primary_threads if "nosmt" in self.arguments else topology.cpus

    def _isolated(self) -> tuple[int, ...]:
        flags = [part for part in self.arguments.get("isolcpus", "").split(",") if part[:1].isdigit()]
        return tuple(cpu for cpu in cpu_list.parse(",".join(flags)) if cpu in self.online)

    def _firmware(self) -> None:
        name = self.machine.name if self.machine.driver == "ena" else "Standard PC (Q35 + ICH9, 2009)"
        self.write("/sys/devices/virtual/dmi/id/product_name", name)
        nodes = self.machine.topology.nodes
        self.write("/sys/devices/system/node/online", cpu_list.render(nodes))
        for node in nodes:
            cpus = set(self.machine.topology.cpus_of_node(node)) & set(self.online)
            self.write(f"/sys/devices/system/node/node{node}/cpulist", cpu_list.render(cpus))
        for core in self.machine.topology.cores:
            self._core(core)

    def _core(self, core: Core) -> None:
        threads = [cpu for cpu in core.threads if cpu in self.online]
        for cpu in threads:
            folder = f"/sys/devices/system/cpu/cpu{cpu}"
            self.write(f"{folder}/topology/physical_package_id", core.socket)
            self.write(f"{folder}/topology/thread_siblings_list", cpu_list.render(threads))
            if not self.machine.metal:
                continue
            governor = self.arguments.get("cpufreq.default_governor", "schedutil")
            self.write(f"{folder}/cpufreq/scaling_governor", governor)
            driver = "intel_idle" if self.machine.vendor == "intel" else "processor"
            deepest = int(self.arguments.get(f"{driver}.max_cstate", len(IDLE_STATES)))
            for number, (state, latency) in enumerate(IDLE_STATES[: deepest + 1]):
                self.write(f"{folder}/cpuidle/state{number}/name", state)
                self.write(f"{folder}/cpuidle/state{number}/latency", latency)
                self.write(f"{folder}/cpuidle/state{number}/disable", 0)

    def _kernel(self, command_line: str) -> None:
        isolated = self._isolated()
        others = [cpu for cpu in self.machine.topology.cpus if cpu not in isolated]  # also those that are off
        system = "/sys/devices/system"
        self.write("/proc/cmdline", command_line)
        self.write("/proc/sys/kernel/osrelease", "6.12.55-74.119.amzn2023.x86_64")
        self.write("/proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n")
        self.write(f"{system}/cpu/online", cpu_list.render(self.online))
        self.write(f"{system}/cpu/isolated", cpu_list.render(isolated))
        self.write(f"{system}/cpu/nohz_full", self.arguments.get("nohz_full", "(null)"))
        self.write(f"{system}/cpu/smt/active", int(len(self.online) > len(self.machine.topology.cores)))
        self.write("/sys/devices/virtual/workqueue/cpumask", cpu_list.render_mask(others))
        self.write(
            f"{system}/clocksource/clocksource0/current_clocksource", self.arguments.get("clocksource", "kvm-clock")
        )
        pages = self.arguments.get("transparent_hugepage", "madvise")
        choices = " ".join(f"[{word}]" if word == pages else word for word in ("always", "madvise", "never"))
        self.write("/sys/kernel/mm/transparent_hugepage/enabled", choices)
        self.write("/proc/sys/kernel/watchdog", int("nowatchdog" not in self.arguments))
        reserved = dict(entry.split(":") for entry in self.arguments.get("hugepages", "").split(",") if entry)
        for node in self.machine.topology.nodes:
            path = f"{system}/node/node{node}/hugepages/hugepages-2048kB/nr_hugepages"
            self.write(path, reserved.get(str(node), "0"))
        if "ena.phc_enable" in self.arguments:
            self.write("/sys/module/ena/parameters/phc_enable", self.arguments["ena.phc_enable"])
            self.write("/sys/class/ptp/ptp0/clock_name", "ena-ptp-05")

    def _sysctls(self) -> None:
        values = dict(SYSCTL_DEFAULTS)
        for line in self.files.get("/etc/sysctl.d/90-ironlane.conf", "").splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.removeprefix("-").partition("=")
                assert name.strip() in values, f"{name} is no parameter of this kernel"
                values[name.strip()] = value.strip()
        for name, value in values.items():
            self.write("/proc/sys/" + name.replace(".", "/"), value)

    # network cards: two of them, each with an interrupt for itself and one for each queue

    @property
    def interfaces(self) -> tuple[str, ...]:
        return ("ens5", "ens6") if self.machine.driver == "ena" else ("enp1s0",)

    def _network_cards(self) -> None:
        for index, name in enumerate(self.interfaces):
            pci = f"/sys/devices/pci0000:00/0000:00:0{5 + index}.0"
            device = pci if self.machine.driver == "ena" else f"{pci}/virtio{index}"
            self.write(f"{pci}/numa_node", self.machine.topology.network_card_node)
            drivers = self.root / f"sys/bus/drivers/{self.machine.driver}"
            drivers.mkdir(parents=True, exist_ok=True)
            (self.root / device.lstrip("/")).mkdir(parents=True, exist_ok=True)
            (self.root / device.lstrip("/") / "driver").symlink_to(drivers)
            folder = self.root / f"sys/class/net/{name}"
            folder.mkdir(parents=True)
            (folder / "device").symlink_to(self.root / device.lstrip("/"))
            self.write(f"/sys/class/net/{name}/queues/rx-0/rps_cpus", "0" * 8 + ",00000000")
        (self.root / "sys/class/net/lo").mkdir(parents=True)
        if self.machine.driver == "ena":
            self._run_ethtool()

    def _run_ethtool(self) -> None:
        tools = self.root / "tools"
        state = self.root / "tools/state"
        state.mkdir(parents=True)
        (tools / "ethtool").write_text(FAKE_ETHTOOL)
        (tools / "ethtool").chmod(0o755)
        if "/usr/local/lib/ironlane/configure-network-card" in self.files:
            self.run("/usr/local/lib/ironlane/configure-network-card", ETHTOOL_STATE=str(state))

        def now(name: str, key: str, default: str) -> str:
            file = state / f"{name}{key}"
            return file.read_text().strip() if file.exists() else default

        for name in self.interfaces:
            rings = f"RX:\t\t{now(name, '-G.rx', '1024')}\nRX Mini:\tn/a\nTX:\t\t{now(name, '-G.tx', '1024')}\n"
            self.write(
                f"/commands/ethtool_-g_{name}",
                f"Ring parameters for {name}:\nPre-set maximums:\nRX:\t\t16384\nRX Mini:\tn/a\nTX:\t\t512\n"
                f"Current hardware settings:\n{rings}",
            )
            self.write(
                f"/commands/ethtool_-l_{name}",
                f"Channel parameters for {name}:\nPre-set maximums:\nRX:\t\tn/a\nCombined:\t32\n"
                f"Current hardware settings:\nRX:\t\tn/a\nCombined:\t{now(name, '-L.combined', '8')}\n",
            )
            self.write(
                f"/commands/ethtool_-c_{name}",
                f"Coalesce parameters for {name}:\nAdaptive RX: {now(name, '-C.adaptive-rx', 'on')}  TX: n/a\n"
                f"rx-usecs: {now(name, '-C.rx-usecs', '20')}\ntx-usecs: {now(name, '-C.tx-usecs', '64')}\n",
            )
            self.write(
                f"/commands/ethtool_-k_{name}",
                f"Features for {name}:\ngeneric-segmentation-offload: on\n"
                f"generic-receive-offload: {now(name, '-K.gro', 'on')}\nlarge-receive-offload: off [fixed]\n",
            )

    # interrupts

    def _interrupts(self) -> None:
        start = self.arguments.get("irqaffinity", cpu_list.render(self.online))
        self._interrupt(9, "acpi", start)
        self._interrupt(16, "ehci_hcd:usb1", start)
        number = 40
        for name in self.interfaces:
            device = self.root / f"sys/class/net/{name}/device"
            folder = device if self.machine.driver == "ena" else device.resolve().parent
            names = ["ena-mgmnt@pci:0000:00:05.0"] + [f"{name}-Tx-Rx-{queue}" for queue in range(self._queues(name))]
            for handler in names:
                self._interrupt(number, handler, start)
                (folder / "msi_irqs").mkdir(exist_ok=True)
                (folder / "msi_irqs" / str(number)).touch()
                number += 1
        managed = self._block_queues(number)
        if "/usr/local/lib/ironlane/place-interrupts" in self.files:
            self.run("/usr/local/lib/ironlane/place-interrupts")
        self._deliver(managed)

    def _queues(self, name: str) -> int:
        match = re.findall(r"Combined:\t(\d+)", self.read(f"/commands/ethtool_-l_{name}")) if self._has(name) else []
        return int(match[-1]) if match else 1

    def _has(self, name: str) -> bool:
        return (self.root / f"commands/ethtool_-l_{name}").exists()

    def _block_queues(self, number: int) -> dict[int, str]:
        """One queue of the disk for every two CPUs, which the kernel places itself."""
        managed = {}
        online = list(self.online)
        for queue, first in enumerate(range(0, len(online), 2), 1):
            cpus = online[first : first + 2]
            handler = f"nvme0q{queue}" if self.machine.driver == "ena" else f"virtio3-req.{queue}"
            self._interrupt(number + queue, handler, cpu_list.render(cpus))
            managed[number + queue] = cpu_list.render(cpus)
        return managed

    def _interrupt(self, number: int, handler: str, cpus: str) -> None:
        (self.root / f"proc/irq/{number}/{handler}").mkdir(parents=True)
        self.write(f"/proc/irq/{number}/smp_affinity_list", cpus)

    def _deliver(self, managed: Mapping[int, str]) -> None:
        """x86 delivers to one CPU of those wanted; of what it manages itself to one that is not isolated if it can."""
        isolated = set(self._isolated()) if "managed_irq" in self.arguments.get("isolcpus", "") else set()
        for folder in (self.root / "proc/irq").iterdir():
            if int(folder.name) in managed:
                (folder / "smp_affinity_list").write_text(managed[int(folder.name)] + "\n")
            wanted = cpu_list.parse((folder / "smp_affinity_list").read_text())
            better = [cpu for cpu in wanted if cpu not in isolated] if int(folder.name) in managed else list(wanted)
            choices = better or wanted
            (folder / "effective_affinity_list").write_text(f"{choices[int(folder.name) % len(choices)]}\n")

    # services

    def _services(self) -> None:
        affinity = self._line("/etc/systemd/system.conf.d/60-ironlane.conf", "CPUAffinity")
        self.write(
            "/proc/1/status",
            f"Name:\tsystemd\nPid:\t1\nCpus_allowed_list:\t{affinity or cpu_list.render(self.online)}\n",
        )
        self.write("/proc/1/comm", "systemd")
        self.write("/proc/812/comm", "chronyd")
        if "/usr/local/lib/ironlane/place-interrupts" not in self.files:
            self.write("/proc/655/comm", "irqbalance")
        allowed = self._line("/etc/systemd/system/ironlane-hot.slice", "AllowedCPUs")
        if allowed:
            self._partition(allowed)
        self._chrony()

    def _line(self, path: str, key: str) -> str:
        found = re.findall(rf"^{key}=(.*)$", self.files.get(path, ""), re.MULTILINE)
        return found[0] if found else ""

    def _partition(self, allowed: str) -> None:
        parent = "/sys/fs/cgroup/ironlane.slice"
        group = f"{parent}/ironlane-hot.slice"
        for folder in (parent, group):
            self.write(f"{folder}/cpuset.cpus.exclusive", "")
        self.write(f"{group}/cpuset.cpus", allowed)
        self.write(f"{group}/cpuset.cpus.partition", "member")
        self.run("/usr/local/lib/ironlane/make-cpu-partition")
        exclusive = self.read(f"{group}/cpuset.cpus.exclusive")
        assert exclusive == self.read(f"{parent}/cpuset.cpus.exclusive"), "not handed down the path"
        self.write(f"{group}/cpuset.cpus.effective", exclusive)

    def _chrony(self) -> None:
        rendered = [self.files[path] for path in ("/etc/chrony.conf", "/etc/chrony/chrony.conf") if path in self.files]
        text = rendered[0] if rendered else "pool 2.amazon.pool.ntp.org iburst\n"
        servers = re.findall(r"^(?:server|pool|peer) (\S+)", text, re.MULTILINE)
        clocks = re.findall(r"^refclock PHC /dev/ptp_ena refid (\S+)", text, re.MULTILINE)
        rows = [f"#,*,{name},0,0,377,1,0.000000184,0.000000198,0.000005032" for name in clocks]
        rows += [f"^,*,{name},1,4,377,8,0.000002191,0.000002164,0.000091000" for name in servers]
        self.write("/commands/chronyc_-n_-c_sources", "\n".join(rows) + "\n")
        name, delay, dispersion = (clocks[0], 1e-5, 2e-6) if clocks else (servers[0], 1.07584e-4, 3.6476e-5)
        self.write(
            "/commands/chronyc_-n_-c_tracking",
            f"A9FEA97B,{name},2,1778031223.123,0.000000276,0.000000331,0.000001929,2.870,0.000,0.031,"
            f"{delay:.9f},{dispersion:.9f},16.2,Normal\n",
        )

    def run(self, script: str, **environment: str) -> None:
        """One of the rendered scripts, on this tree."""
        done = subprocess.run(
            ["/bin/sh", str(self.root / script.lstrip("/")), str(self.root)],
            env={**environment, "PATH": f"{self.root / 'tools'}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
