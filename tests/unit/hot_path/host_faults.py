"""Single faults of a host: what is changed, which check must name it, and what it must say was found."""

from __future__ import annotations

from collections.abc import Callable

from tests.unit.hot_path.emulated_host import EmulatedHost

PARTITION = "/sys/fs/cgroup/ironlane.slice/ironlane-hot.slice"
CPU = "/sys/devices/system/cpu"
# path and its text, None where the file is gone
Fault = Callable[[EmulatedHost], tuple[str, str | None]]


def swapped(path: str, old: str, new: str) -> Fault:
    """A fault: in that file one text in place of another."""

    def fault(host: EmulatedHost) -> tuple[str, str | None]:
        text = host.read(path)
        assert old in text, f"{path} has no {old!r}"
        return path, text.replace(old, new)

    return fault


def put(path: str, text: str) -> Fault:
    return lambda _: (path, text)


def gone(path: str) -> Fault:
    return lambda _: (path, None)


def of_interrupt(handler: str, cpu: int) -> Fault:
    """That interrupt is delivered to that CPU."""

    def fault(host: EmulatedHost) -> tuple[str, str | None]:
        (folder,) = (host.root / "proc/irq").glob(f"*/{handler}")
        return f"/proc/irq/{folder.parent.name}/effective_affinity_list", str(cpu)

    return fault


# kind of host, fault, the check that must name it, part of what it must say was found
FAULTS: dict[str, tuple[str, Fault, str, str]] = {
    "another instance type": (
        "metal",
        put("/sys/devices/virtual/dmi/id/product_name", "c7i.24xlarge"),
        "machine.type",
        "c7i.24xlarge",
    ),
    "siblings came back": ("metal", put(f"{CPU}/online", "0-95"), "machine.cpus", "0-95"),
    "SMT is on": ("metal", put(f"{CPU}/smt/active", "1"), "cpu.smt", "1"),
    "socket split into nodes": ("metal", put("/sys/devices/system/node/online", "0-3"), "machine.nodes", "0-3"),
    "CPUs on the other node": (
        "two-nodes",
        put("/sys/devices/system/node/node1/cpulist", "0-11"),
        "machine.node1",
        "0-11",
    ),
    "card on the other node": (
        "two-nodes",
        put("/sys/devices/pci0000:00/0000:00:05.0/numa_node", "1"),
        "machine.network-card",
        "ens5: 1",
    ),
    "siblings numbered otherwise": (
        "smt",
        put(f"{CPU}/cpu3/topology/thread_siblings_list", "3-4"),
        "machine.siblings-feed-handler",
        "3-4",
    ),
    "a CPU is not isolated": ("metal", put(f"{CPU}/isolated", "6-46"), "cpu.isolated", "6-46"),
    "managed interrupts not kept off": (
        "metal",
        swapped("/proc/cmdline", "isolcpus=managed_irq,domain,", "isolcpus=domain,"),
        "kernel.isolcpus",
        "domain,6-47",
    ),
    "ticks on a role's CPU": ("metal", put(f"{CPU}/nohz_full", "7-47"), "kernel.nohz_full", "7-47"),
    "no tickless CPUs at all": ("test-machine", put(f"{CPU}/nohz_full", "  (null)"), "kernel.nohz_full", "(empty)"),
    "RCU callbacks not moved": (
        "metal",
        swapped("/proc/cmdline", " rcu_nocbs=6-47", ""),
        "kernel.rcu_nocbs",
        "not given",
    ),
    "interrupts start everywhere": (
        "metal",
        swapped("/proc/cmdline", "irqaffinity=0-3", "irqaffinity=0-47"),
        "kernel.irqaffinity",
        "0-47",
    ),
    "workqueues on all CPUs": (
        "metal",
        put("/sys/devices/virtual/workqueue/cpumask", "ffff,ffffffff"),
        "cpu.workqueues",
        "0-47",
    ),
    "another kernel": (
        "metal",
        put("/proc/sys/kernel/osrelease", "6.1.158-178.288.amzn2023.x86_64"),
        "kernel.version",
        "6.1.158",
    ),
    "another time counter": (
        "metal",
        put("/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet"),
        "kernel.clocksource",
        "hpet",
    ),
    "lockup detector": ("metal", put("/proc/sys/kernel/watchdog", "1"), "cpu.watchdog", "1"),
    "mitigations switched off": (
        "metal",
        swapped("/proc/cmdline", "mitigations=auto", "mitigations=off"),
        "kernel.mitigations",
        "off",
    ),
    "a governor that saves power": (
        "metal",
        put(f"{CPU}/cpu7/cpufreq/scaling_governor", "powersave"),
        "cpu.governor",
        "CPU 7: powersave",
    ),
    "a deep idle state": (
        "metal",
        put(f"{CPU}/cpu9/cpuidle/state1/latency", "290"),
        "cpu.idle-exit-latency",
        "CPU 9: 290",
    ),
    "huge pages merged": (
        "metal",
        put("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never"),
        "kernel.transparent_hugepage",
        "madvise",
    ),
    "too few huge pages": (
        "metal",
        put("/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages", "498"),
        "memory.hugepages-node0",
        "498",
    ),
    "a swap": (
        "metal",
        put("/proc/swaps", "Filename Type Size Used Priority\n/dev/nvme1n1 partition 8388604 0 -2\n"),
        "memory.swap",
        "1",
    ),
    "no busy polling": ("metal", put("/proc/sys/net/core/busy_read", "0"), "sysctl.net.core.busy_read", "0"),
    "NUMA balancing": ("metal", put("/proc/sys/kernel/numa_balancing", "1"), "sysctl.kernel.numa_balancing", "1"),
    "a small receive ring": (
        "metal",
        swapped("/commands/ethtool_-g_ens6", "RX:\t\t4096", "RX:\t\t1024"),
        "network-card.receive-ring",
        "ens6: 1024",
    ),
    "too many queues": (
        "metal",
        swapped("/commands/ethtool_-l_ens5", "Combined:\t2\n", "Combined:\t8\n"),
        "network-card.queues",
        "ens5: 8",
    ),
    "interrupts held back": (
        "metal",
        swapped("/commands/ethtool_-c_ens5", "rx-usecs: 0", "rx-usecs: 20"),
        "network-card.receive-moderation",
        "ens5: 20",
    ),
    "adaptive moderation": (
        "metal",
        swapped("/commands/ethtool_-c_ens5", "Adaptive RX: off", "Adaptive RX: on"),
        "network-card.adaptive-moderation",
        "ens5: on",
    ),
    "packets merged": (
        "metal",
        swapped("/commands/ethtool_-k_ens6", "generic-receive-offload: off", "generic-receive-offload: on"),
        "network-card.receive-offload",
        "ens6: on",
    ),
    "packets steered to a role": (
        "metal",
        put("/sys/class/net/ens5/queues/rx-0/rps_cpus", "00000000,00000040"),
        "network-card.steering",
        "ens5/queues/rx-0/rps_cpus: 6",
    ),
    "card's interrupt on a role": (
        "metal",
        of_interrupt("ens6-Tx-Rx-0", 7),
        "interrupts.network-card",
        "(ens6-Tx-Rx-0): 7",
    ),
    "another interrupt on a role": ("test-machine", of_interrupt("acpi", 3), "interrupts.others", "(acpi): 3"),
    "irqbalance came back": ("metal", put("/proc/655/comm", "irqbalance"), "interrupts.irqbalance", "running"),
    "irqbalance died": ("smt", put("/proc/655/comm", "bash"), "interrupts.irqbalance", "not running"),
    "NTP beside PTP": (
        "amd",
        put("/commands/chronyc_-n_-c_sources", "#,*,PHC0,0,0,377,1,0,0,0\n^,-,169.254.169.123,1,4,377,8,0,0,0\n"),
        "clock.sources",
        "169.254.169.123 PHC0",
    ),
    "hardware clock off": ("amd", put("/sys/module/ena/parameters/phc_enable", "0"), "kernel.ena.phc_enable", "0"),
    "card without a clock": ("amd", put("/sys/class/ptp/ptp0/clock_name", "KVM virtual PTP"), "clock.hardware", "0"),
    "clock is wrong": (
        "metal",
        swapped("/commands/chronyc_-n_-c_tracking", "0.000000276", "-0.004000276"),
        "clock.error",
        "4090",
    ),
    "partition is invalid": (
        "metal",
        put(f"{PARTITION}/cpuset.cpus.partition", "isolated invalid (Cpu list in cpuset.cpus not exclusive)"),
        "partition.state",
        "not exclusive",
    ),
    "partition lost a CPU": ("metal", put(f"{PARTITION}/cpuset.cpus.effective", "7-47"), "partition.cpus", "7-47"),
    "services everywhere": (
        "metal",
        swapped("/proc/1/status", "Cpus_allowed_list:\t0-3", "Cpus_allowed_list:\t0-47"),
        "partition.services",
        "0-47",
    ),
}

# kind of host, fault, the check that cannot tell, part of why
UNTOLD: dict[str, tuple[str, Fault, str, str]] = {
    "no ethtool": (
        "metal",
        gone("/commands/ethtool_-l_ens5"),
        "network-card.queues",
        "no recorded output",
    ),
    "ethtool says something else": (
        "metal",
        put("/commands/ethtool_-k_ens5", "netlink error"),
        "network-card.receive-offload",
        "prints no generic-receive-offload",
    ),
    "clock not synchronised": (
        "metal",
        swapped("/commands/chronyc_-n_-c_tracking", "Normal", "Not synchronised"),
        "clock.error",
        "not synchronised",
    ),
    "chrony does not answer": ("metal", gone("/commands/chronyc_-n_-c_sources"), "clock.sources", "no recorded output"),
    "node of the card not told": (
        "two-nodes",
        put("/sys/devices/pci0000:00/0000:00:06.0/numa_node", "-1"),
        "machine.network-card",
        "does not tell the node of ens6",
    ),
    "no partition": ("metal", gone(f"{PARTITION}/cpuset.cpus.partition"), "partition.state", "does not exist"),
    "no frequency control": ("metal", gone(f"{CPU}/cpu8/cpufreq/scaling_governor"), "cpu.governor", "does not exist"),
    "a list that is none": ("metal", put(f"{CPU}/isolated", "all"), "cpu.isolated", "not a CPU list"),
}
