"""Kernel parameters of /proc/sys: network, memory, scheduler; each with its reason and the document it is from.

Not here on purpose: `kernel.sched_rt_runtime_us` (roles are not real-time tasks, and the throttle protects the host
from one that runs away), `net.ipv4.tcp_timestamps` and `tcp_sack` (loss recovery of the order session needs them),
`vm.min_free_kbytes` (right only for a known memory size), and what kernels no longer have, as `tcp_low_latency`.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from components.hot_path.host.setting import FilePiece, Setting
from components.hot_path.host_check import probes

FILE = "/etc/sysctl.d/90-ironlane.conf"
_NET = "kernel doc admin-guide/sysctl/net.rst"
_IP = "kernel doc networking/ip-sysctl.rst"
_VM = "kernel doc admin-guide/sysctl/vm.rst"
_KERNEL = "kernel doc admin-guide/sysctl/kernel.rst"


class Sysctl(BaseModel):
    """optional: a kernel built without it has nothing to set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    value: int
    reason: str
    source: str
    optional: bool = False


SYSCTLS = (
    # network
    Sysctl(
        name="net.core.rmem_max",
        value=16_777_216,
        reason="the feed handler asks for 8 MiB a line, which a burst fills while it applies a snapshot",
        source=_NET,
    ),
    Sysctl(
        name="net.core.wmem_max",
        value=4_194_304,
        reason="a mass cancel of all open orders must fit the socket without waiting",
        source=_NET,
    ),
    Sysctl(
        name="net.core.busy_read",
        value=50,
        reason="a receive that finds nothing polls the card (microseconds) on the role's own CPU: no interrupt between",
        source=_NET,
    ),
    Sysctl(
        name="net.core.busy_poll",
        value=50,
        reason="the same for poll and epoll, which the agent and the leaf node use (microseconds)",
        source=_NET,
    ),
    Sysctl(
        name="net.core.netdev_budget",
        value=600,
        reason="an interrupt CPU does nothing else: it may take a burst in one turn",
        source=_NET,
    ),
    Sysctl(
        name="net.core.netdev_max_backlog",
        value=16_384,
        reason="loopback, between agent and leaf node, queues here: a restart's catch-up must not be dropped",
        source=_NET,
    ),
    Sysctl(
        name="net.ipv4.tcp_slow_start_after_idle",
        value=0,
        reason="the order session is quiet for long and then sends at once; it must not start slowly then",
        source=_IP,
    ),
    Sysctl(
        name="net.ipv4.tcp_autocorking",
        value=0,
        reason="a second small order must not wait in the kernel for the first to leave",
        source=_IP,
    ),
    Sysctl(
        name="net.ipv4.conf.all.rp_filter",
        value=2,
        reason="market data comes in over the second interface from networks routed over the first: a loose check",
        source=_IP,
    ),
    # memory
    Sysctl(
        name="vm.swappiness",
        value=0,
        reason="nothing of a role may leave memory, should a swap ever appear",
        source=_VM,
    ),
    Sysctl(
        name="vm.stat_interval",
        value=120,
        reason="memory counters are folded by a timer on every CPU; seconds between two",
        source=_VM,
        optional=True,
    ),
    Sysctl(
        name="vm.zone_reclaim_mode",
        value=0,
        reason="an allocation takes the other node's memory sooner than it reclaims its own",
        source=_VM,
        optional=True,
    ),
    Sysctl(
        name="vm.compaction_proactiveness",
        value=0,
        reason="compacting memory in the background stalls every CPU that uses the pages",
        source=_VM,
        optional=True,
    ),
    Sysctl(
        name="vm.dirty_background_bytes",
        value=33_554_432,
        reason="the order journal is written back early and little by little",
        source=_VM,
    ),
    Sysctl(
        name="vm.dirty_bytes",
        value=268_435_456,
        reason="a slow disk holds up whoever writes at a known amount, not at a share of all memory",
        source=_VM,
    ),
    # scheduler and kernel
    Sysctl(
        name="kernel.numa_balancing",
        value=0,
        reason="roles are bound to a node; unmapping pages to find out where they belong only costs faults",
        source=_KERNEL,
        optional=True,
    ),
    Sysctl(
        name="kernel.timer_migration",
        value=1,
        reason="timers armed on an isolated CPU go to the housekeeping CPUs; low-latency guides that write 0 keep them",
        source=_KERNEL,
        optional=True,
    ),
    Sysctl(
        name="kernel.sched_autogroup_enabled",
        value=0,
        reason="an operator's session gets no share of its own beside the services of the housekeeping CPUs",
        source=_KERNEL,
        optional=True,
    ),
    Sysctl(
        name="kernel.panic_on_oops",
        value=1,
        reason="a kernel that has failed must not go on trading; the standby takes over",
        source=_KERNEL,
    ),
    Sysctl(
        name="kernel.panic",
        value=10,
        reason="the host restarts by itself after such a failure, into reconciling (seconds)",
        source=_KERNEL,
    ),
)


def sysctls(changed: Mapping[str, int]) -> tuple[Setting, ...]:
    """changed: other values, by name. Raises ValueError for a name that is not set here."""
    known = {sysctl.name for sysctl in SYSCTLS}
    unknown = sorted(set(changed) - known)
    if unknown:
        raise ValueError(
            f"sysctls {', '.join(unknown)}: not set by the host specification; known are {', '.join(sorted(known))}."
            " Add others to sysctls.py, with their reason"
        )
    return tuple(_setting(sysctl, changed.get(sysctl.name, sysctl.value)) for sysctl in SYSCTLS)


def _setting(sysctl: Sysctl, value: int) -> Setting:
    text = f"# {sysctl.reason}\n# {sysctl.source}\n{sysctl.name} = {value}\n"
    # "-": systemd-sysctl goes on when the kernel lacks it
    if sysctl.optional:
        text = text.replace(f"\n{sysctl.name}", f"\n-{sysctl.name}")
    return Setting(
        name=f"sysctl.{sysctl.name}",
        reason=sysctl.reason,
        source=sysctl.source,
        render=(FilePiece(path=FILE, text=text),),
        probe=probes.Text("/proc/sys/" + sysctl.name.replace(".", "/")),
        expected=value,
        when_absent="ok" if sysctl.optional else "unknown",
    )
