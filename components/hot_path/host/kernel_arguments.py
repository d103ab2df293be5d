"""Arguments of the kernel command line, by what the machine is.

Left alone on purpose: the frequency driver (the kernel's default differs by version; the governor is what counts), the
audit system, and mitigations of CPU vulnerabilities unless they are stated. `idle=poll` is not used: idle cores at full
power take frequency from the busy ones.
"""

from __future__ import annotations

from components.hot_path.host.core_map import CoreMap
from components.hot_path.host.machines import Machine, Vendor
from components.hot_path.host.setting import KernelArgument, Setting
from components.hot_path.host_check import cpu_list, probes

_PARAMETERS = "kernel doc admin-guide/kernel-parameters.txt"
_ISOLATION = "kernel doc admin-guide/cpu-isolation.rst"
_DEEPEST_EXIT_US = 5.0  # C1; C1E and C6 are above it on every machine of the table


def kernel_argument(
    name: str, value: str | None, reason: str, *, source: str = _PARAMETERS, probe: probes.Probe | None = None
) -> Setting:
    """value: None for a flag. probe: what shows the effect; without one the command line is read back."""
    return Setting(
        name=f"kernel.{name}",
        reason=reason,
        source=source,
        render=(KernelArgument(argument=name if value is None else f"{name}={value}"),),
        probe=probe or probes.KernelArgument(name),
        expected=probes.ARGUMENT_FLAG if value is None else value,
    )


def kernel_arguments(machine: Machine, cores: CoreMap, *, smt: bool, mitigations: str | None) -> tuple[Setting, ...]:
    """mitigations: as the kernel takes it (`off`, `auto,nosmt`), None = the kernel's default, and no setting."""
    settings = [*_isolation(cores), *_timekeeping(), *_noise(), *_memory(machine)]
    if machine.metal:
        settings += _power(machine.vendor, cores)
    if machine.topology.has_smt and not smt:
        settings += _smt_off(cores)
    if mitigations is not None:
        settings.append(
            kernel_argument(
                "mitigations",
                mitigations,
                "stated for this environment: who may run code on the host decides what it must be protected from",
                source="kernel doc admin-guide/hw-vuln/index.rst",
            )
        )
    return tuple(settings)


def _isolation(cores: CoreMap) -> list[Setting]:
    isolated = cpu_list.render(cores.isolated)
    housekeeping = cpu_list.render(cores.housekeeping)
    return [
        kernel_argument(
            "isolcpus",
            f"managed_irq,domain,{isolated}",
            "no load balancing onto the roles' CPUs, and no interrupt that the kernel manages itself",
            source=_ISOLATION,
        ),
        Setting(
            name="cpu.isolated",
            reason="the kernel must have taken the whole list: CPUs it does not know are dropped silently",
            source=_ISOLATION,
            probe=probes.CpuList("/sys/devices/system/cpu/isolated"),
            expected=isolated,
        ),
        kernel_argument(
            "nohz_full",
            isolated,
            "no timer tick on a CPU that runs one task, so a spinning role is not interrupted",
            source="kernel doc timers/no_hz.rst",
            probe=probes.CpuList("/sys/devices/system/cpu/nohz_full"),
        ),
        kernel_argument(
            "rcu_nocbs",
            isolated,
            "RCU callbacks run on the housekeeping CPUs",
            source="kernel doc timers/no_hz.rst",
        ),
        kernel_argument(
            "irqaffinity",
            housekeeping,
            "interrupts start on the housekeeping CPUs; those of the network cards are moved to their own later",
            source=_ISOLATION,
        ),
        Setting(
            name="cpu.workqueues",
            reason="unbound kernel work must keep off the isolated CPUs; the kernel derives this from isolcpus",
            source="kernel doc core-api/workqueue.rst",
            probe=probes.CpuMask("/sys/devices/virtual/workqueue/cpumask"),
            # siblings that are off stay in the kernel's mask, and run nothing
            expected=cpu_list.render([*cores.unisolated, *cores.offline]),
            compare="cpus-within",
        ),
    ]


def _smt_off(cores: CoreMap) -> list[Setting]:
    return [
        kernel_argument(
            "nosmt",
            None,
            "a sibling takes caches and execution units from its core; EC2 has no CPU options for bare metal",
            source="kernel doc admin-guide/hw-vuln/l1tf.rst, SMT control",
        ),
        Setting(
            name="cpu.smt",
            reason="siblings that came back online would run other work on a role's core",
            source="kernel doc ABI/testing/sysfs-devices-system-cpu, smt/active",
            probe=probes.Text("/sys/devices/system/cpu/smt/active"),
            expected=0,
        ),
    ]


def _power(vendor: Vendor, cores: CoreMap) -> list[Setting]:
    settings = []
    if vendor == "intel":
        settings.append(
            kernel_argument(
                "intel_idle.max_cstate",
                "1",
                "the Intel idle driver goes no deeper than C1: waking from C6 takes far longer than an order",
                source="kernel doc admin-guide/pm/intel_idle.rst",
            )
        )
    settings += [
        kernel_argument(
            "processor.max_cstate",
            "1",
            "the ACPI idle driver, which AMD uses and Intel falls back to, goes no deeper than C1",
            source="kernel doc admin-guide/pm/cpuidle.rst",
        ),
        Setting(
            name="cpu.idle-exit-latency",
            reason="a role that waits must wake at once; the states that are left on count, not what was asked for",
            source="kernel doc admin-guide/pm/cpuidle.rst",
            probe=probes.IdleLatency(cpu_list.render(cores.isolated)),
            expected=_DEEPEST_EXIT_US,
            compare="at-most",
        ),
        kernel_argument(
            "cpufreq.default_governor",
            "performance",
            "no ramp-up of the frequency after a quiet stretch",
            source="kernel doc admin-guide/pm/cpufreq.rst",
        ),
        Setting(
            name="cpu.governor",
            reason="a governor that a service changed later would slow the first message of a burst",
            source="kernel doc admin-guide/pm/cpufreq.rst",
            probe=probes.PerCpu(
                "/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor", cpu_list.render(cores.isolated)
            ),
            expected="performance",
        ),
        kernel_argument(
            "iommu", "pt", "DMA of the network card without a translation for each buffer; metal has no other tenant"
        ),
    ]
    return settings


def _timekeeping() -> list[Setting]:
    return [
        kernel_argument(
            "clocksource",
            "tsc",
            "reading the time stays a user-space read of a counter; another source is a system call or worse",
            probe=probes.Text("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        ),
        kernel_argument("tsc", "reliable", "no watchdog that compares the counter on every CPU twice a second"),
    ]


def _noise() -> list[Setting]:
    return [
        kernel_argument("skew_tick", "1", "ticks of the CPUs apart from each other: no contention on the same locks"),
        kernel_argument(
            "nowatchdog",
            None,
            "lockup detectors interrupt every CPU, and a spinning role looks like a lockup to them",
            source="kernel doc admin-guide/lockup-watchdogs.rst",
        ),
        Setting(
            name="cpu.watchdog",
            reason="a lockup detector that a service switched on again interrupts the roles",
            source="kernel doc admin-guide/sysctl/kernel.rst, watchdog",
            probe=probes.Text("/proc/sys/kernel/watchdog"),
            expected=0,
            when_absent="ok",
        ),
        kernel_argument(
            "mce",
            "ignore_ce",
            "no poll of every CPU for corrected hardware errors; uncorrected ones still stop the host",
            source="kernel doc arch/x86/x86_64/boot-options.rst",
        ),
    ]


def _memory(machine: Machine) -> list[Setting]:
    return [
        kernel_argument(
            "transparent_hugepage",
            "never",
            "no merging and compacting of pages behind the roles' backs",
            source="kernel doc admin-guide/mm/transhuge.rst",
            probe=probes.Selected("/sys/kernel/mm/transparent_hugepage/enabled"),
        ),
        kernel_argument(
            "systemd.swap",
            "0",
            "no page of a role may have to come back from a disk",
            source="systemd(1), kernel command line",
        ),
        Setting(
            name="memory.swap",
            reason="no page of a role may have to come back from a disk",
            source="proc_swaps(5)",
            probe=probes.TableRows("/proc/swaps"),
            expected=0,
        ),
    ]
