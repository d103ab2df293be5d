"""How a value is read from a host. Each probe is data: it is written into the check list and read back by its kind.

A probe returns text, a number, or a mapping from what it looked at (CPU, interrupt, interface) to either. It raises
UnknownError when the host does not tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Literal

from . import cpu_list
from .host import AbsentError, Host, UnknownError

Value = str | float
Found = Value | dict[str, Value]

ARGUMENT_ABSENT = "not given"
ARGUMENT_FLAG = "given"


def _cpus(text: str) -> str:
    """A CPU list as this package writes it; `(null)` is how older kernels print an empty one."""
    try:
        return cpu_list.render(cpu_list.parse(text.strip().removeprefix("(null)")))
    except ValueError as error:
        raise UnknownError(str(error)) from None


def _value(text: str) -> Value:
    """A number where the text is one, else the text with single spaces."""
    words = " ".join(text.split())
    try:
        return float(words) if re.fullmatch(r"-?\d+(\.\d+)?", words) else words
    except ValueError:
        return words


@dataclass(frozen=True)
class Text:
    """A file's whole text or number."""

    kind: ClassVar[str] = "text"
    path: str

    def read(self, host: Host) -> Found:
        return _value(host.read(self.path))


@dataclass(frozen=True)
class Selected:
    """The word in brackets of a file that lists choices, `always madvise [never]`."""

    kind: ClassVar[str] = "selected"
    path: str

    def read(self, host: Host) -> Found:
        text = host.read(self.path)
        match = re.search(r"\[([^\]]+)\]", text)
        if match is None:
            raise UnknownError(f"{self.path}: no choice in brackets in {text.strip()!r}")
        return match[1]


@dataclass(frozen=True)
class CpuList:
    """A file with a CPU list."""

    kind: ClassVar[str] = "cpu-list"
    path: str

    def read(self, host: Host) -> Found:
        return _cpus(host.read(self.path))


@dataclass(frozen=True)
class CpuMask:
    """A file with a hexadecimal CPU mask, as a list."""

    kind: ClassVar[str] = "cpu-mask"
    path: str

    def read(self, host: Host) -> Found:
        return self.read_mask(host)

    def read_mask(self, host: Host) -> str:
        try:
            return cpu_list.render(cpu_list.parse_mask(host.read(self.path)))
        except ValueError as error:
            raise UnknownError(f"{self.path}: {error}") from None


@dataclass(frozen=True)
class StatusField:
    """A field of a file of `name: value` lines, as /proc/PID/status."""

    kind: ClassVar[str] = "status-field"
    path: str
    field: str

    def read(self, host: Host) -> Found:
        for line in host.read(self.path).splitlines():
            name, colon, value = line.partition(":")
            if colon and name.strip() == self.field:
                return " ".join(value.split())
        raise UnknownError(f"{self.path}: has no field {self.field}")


@dataclass(frozen=True)
class KernelArgument:
    """Value of an argument that the kernel was booted with, the last one; `given` for a flag."""

    kind: ClassVar[str] = "kernel-argument"
    name: str

    def read(self, host: Host) -> Found:
        found = ARGUMENT_ABSENT
        for word in host.read("/proc/cmdline").split():
            name, equals, value = word.partition("=")
            # the kernel takes - and _ as the same character in names
            if name.replace("-", "_") == self.name.replace("-", "_"):
                found = value if equals else ARGUMENT_FLAG
        return found


@dataclass(frozen=True)
class PerCpu:
    """One file for each CPU of a list; `{cpu}` in the path stands for its number."""

    kind: ClassVar[str] = "per-cpu"
    path: str
    cpus: str

    def read(self, host: Host) -> Found:
        return {
            f"CPU {cpu}": _value(host.read(self.path.replace("{cpu}", str(cpu)))) for cpu in cpu_list.parse(self.cpus)
        }


@dataclass(frozen=True)
class IdleLatency:
    """Exit latency in microseconds of the deepest idle state that is enabled, for each CPU of a list.

    Source: kernel doc admin-guide/pm/cpuidle.rst.
    """

    kind: ClassVar[str] = "idle-latency"
    cpus: str

    def read(self, host: Host) -> Found:
        return {f"CPU {cpu}": self._deepest(host, cpu) for cpu in cpu_list.parse(self.cpus)}

    @staticmethod
    def _deepest(host: Host, cpu: int) -> Value:
        folder = f"/sys/devices/system/cpu/cpu{cpu}/cpuidle"
        states = [f"{folder}/{name}" for name in host.names(folder)]
        enabled = [state for state in states if host.read(f"{state}/disable").strip() == "0"]
        return max((float(host.read(f"{state}/latency")) for state in enabled), default=0.0)


def wire_interfaces(host: Host, driver: str) -> list[str]:
    """Network interfaces with that driver. Raises UnknownError when there is none."""
    found = []
    for name in host.names("/sys/class/net"):
        try:
            if host.link_name(f"/sys/class/net/{name}/device/driver") == driver:
                found.append(name)
        except AbsentError:
            continue
    if not found:
        raise UnknownError(f"no network interface with the driver {driver}")
    return found


def _device_path(host: Host, interface: str, name: str) -> str:
    """A file of the interface's PCI device, which for virtio lies above the device. Raises AbsentError."""
    folder = f"/sys/class/net/{interface}/device"
    for path in (f"{folder}/{name}", f"{folder}/../{name}"):
        if host.exists(path):
            return path
    raise AbsentError(f"{folder}/{name} does not exist")


@dataclass(frozen=True)
class InterfaceNodes:
    """NUMA node of each interface with that driver. The kernel says -1 where the firmware does not tell."""

    kind: ClassVar[str] = "interface-nodes"
    driver: str

    def read(self, host: Host) -> Found:
        found: dict[str, Value] = {}
        for name in wire_interfaces(host, self.driver):
            node = _value(host.read(_device_path(host, name, "numa_node")))
            if node == -1:
                raise UnknownError(f"the firmware does not tell the node of {name}")
            found[name] = node
        return found


# queues of disks, which the kernel spreads over all CPUs and does not let be moved
_BLOCK_QUEUE = re.compile(r"nvme\d+q[1-9]\d*|virtio\d+-req\.\d+")


@dataclass(frozen=True)
class Interrupts:
    """CPUs on which each interrupt is delivered: the `wire` cards' with that driver, `block` queues, or all `other`.

    Source: kernel doc core-api/irq/irq-affinity.rst. The effective CPUs count: the kernel refuses to move what it
    manages itself, and shows the wish apart from the fact.
    """

    kind: ClassVar[str] = "interrupts"
    driver: str
    which: Literal["wire", "block", "other"]

    def read(self, host: Host) -> Found:
        wire: set[str] = set()
        for interface in wire_interfaces(host, self.driver):
            wire.update(host.names(_device_path(host, interface, "msi_irqs")))
        found: dict[str, Value] = {}
        for number in sorted((name for name in host.names("/proc/irq") if name.isdigit()), key=int):
            handlers = host.folders(f"/proc/irq/{number}")  # one for each handler
            block = any(_BLOCK_QUEUE.fullmatch(handler) for handler in handlers)
            if self.which != ("wire" if number in wire else "block" if block else "other"):
                continue
            cpus = self._delivered(host, number)
            if cpus:
                found[f"IRQ {number}" + (f" ({', '.join(handlers)})" if handlers else "")] = cpus
        if not found and self.which != "block":
            raise UnknownError("no such interrupt in /proc/irq")
        return found

    @staticmethod
    def _delivered(host: Host, number: str) -> str:
        for file in ("effective_affinity_list", "smp_affinity_list"):
            try:
                cpus = _cpus(host.read(f"/proc/irq/{number}/{file}"))
            except AbsentError:
                continue
            if cpus:
                return cpus
        return ""  # not in use: nothing is delivered


@dataclass(frozen=True)
class Ethtool:
    """A field that `ethtool OPTION INTERFACE` prints, for each interface with that driver.

    section: the heading above the field, for fields that occur twice. Only the first word counts: what follows says
    whether it can be changed, or is another field.
    """

    kind: ClassVar[str] = "ethtool"
    driver: str
    option: str
    field: str
    section: str = ""

    def read(self, host: Host) -> Found:
        return {name: self._field(host, name) for name in wire_interfaces(host, self.driver)}

    def _field(self, host: Host, interface: str) -> Value:
        inside = not self.section
        for line in host.run("ethtool", self.option, interface).splitlines():
            name, colon, value = line.partition(":")
            if self.section and name.strip() == self.section:
                inside = True
            elif inside and colon and name.strip() == self.field and value.strip():
                return _value(value.split()[0])
        raise UnknownError(f"`ethtool {self.option} {interface}` prints no {self.field}")


@dataclass(frozen=True)
class InterfaceMasks:
    """CPU masks, as lists, in files of each interface with that driver; path is a pattern below /sys/class/net/NAME."""

    kind: ClassVar[str] = "interface-masks"
    driver: str
    path: str

    def read(self, host: Host) -> Found:
        found: dict[str, Value] = {}
        for name in wire_interfaces(host, self.driver):
            for path in host.matching(f"/sys/class/net/{name}/{self.path}"):
                found[path.removeprefix("/sys/class/net/")] = CpuMask(path).read_mask(host)
        if not found:
            raise AbsentError(f"no file {self.path} of an interface with the driver {self.driver}")
        return found


@dataclass(frozen=True)
class Matching:
    """How many of the files that a pattern matches begin with a text."""

    kind: ClassVar[str] = "matching"
    path: str
    text: str

    def read(self, host: Host) -> Found:
        return float(sum(host.read(path).startswith(self.text) for path in host.matching(self.path)))


@dataclass(frozen=True)
class Process:
    """Whether a process of that name runs: `running` or `not running`. Names are cut at 15 characters."""

    kind: ClassVar[str] = "process"
    name: str

    def read(self, host: Host) -> Found:
        for entry in host.names("/proc"):
            if entry.isdigit():
                try:
                    if host.read(f"/proc/{entry}/comm").strip() == self.name[:15]:
                        return "running"
                except UnknownError:
                    continue  # it ended meanwhile
        return "not running"


@dataclass(frozen=True)
class TableRows:
    """How many lines a file has below its heading, as /proc/swaps."""

    kind: ClassVar[str] = "table-rows"
    path: str

    def read(self, host: Host) -> Found:
        return float(max(len(host.read(self.path).splitlines()) - 1, 0))


@dataclass(frozen=True)
class ChronySources:
    """Names of all time sources that chrony has, sorted, by `chronyc -c sources`."""

    kind: ClassVar[str] = "chrony-sources"

    def read(self, host: Host) -> Found:
        rows = [line.split(",") for line in host.run("chronyc", "-n", "-c", "sources").splitlines() if line]
        if any(len(row) < 3 for row in rows):
            raise UnknownError("`chronyc -n -c sources` prints something else than sources")
        return " ".join(sorted(row[2] for row in rows)) or "none"


@dataclass(frozen=True)
class ClockError:
    """Upper bound of the system clock's error in microseconds, by `chronyc -c tracking`.

    |offset| + root delay / 2 + root dispersion, as chrony's documentation defines the bound (chronyc, `tracking`).
    """

    kind: ClassVar[str] = "clock-error"

    def read(self, host: Host) -> Found:
        fields = host.run("chronyc", "-n", "-c", "tracking").strip().split(",")
        try:
            offset, delay, dispersion = float(fields[4]), float(fields[10]), float(fields[11])
            leap = fields[13]
        except (IndexError, ValueError):
            raise UnknownError("`chronyc -n -c tracking` prints something else than the tracking report") from None
        if leap == "Not synchronised":
            raise UnknownError("chrony is not synchronised yet")
        return round((abs(offset) + delay / 2 + dispersion) * 1e6, 3)


Probe = (
    Text
    | Selected
    | CpuList
    | CpuMask
    | StatusField
    | KernelArgument
    | PerCpu
    | IdleLatency
    | Interrupts
    | Ethtool
    | InterfaceMasks
    | InterfaceNodes
    | Matching
    | Process
    | TableRows
    | ChronySources
    | ClockError
)
PROBES: dict[str, type[Probe]] = {
    probe.kind: probe
    for probe in (
        Text,
        Selected,
        CpuList,
        CpuMask,
        StatusField,
        KernelArgument,
        PerCpu,
        IdleLatency,
        Interrupts,
        Ethtool,
        InterfaceMasks,
        InterfaceNodes,
        Matching,
        Process,
        TableRows,
        ChronySources,
        ClockError,
    )
}
