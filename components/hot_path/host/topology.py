"""CPUs of a machine: sockets, NUMA nodes, cores, SMT siblings, and the node of its network card."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.hot_path.host_check import cpu_list


class Core(BaseModel):
    """threads: its CPU numbers; the first stays online when SMT is off (the kernel's primary thread)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    socket: int = Field(ge=0)
    node: int = Field(ge=0)
    threads: tuple[int, ...] = Field(min_length=1, max_length=8)


class Topology(BaseModel):
    """network_card_node: NUMA node of the network card, None where the firmware does not tell."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cores: tuple[Core, ...] = Field(min_length=1)
    network_card_node: int | None

    @model_validator(mode="after")
    def _is_consistent(self) -> Topology:
        seen = [cpu for core in self.cores for cpu in core.threads]
        if len(set(seen)) != len(seen):
            raise ValueError("a CPU belongs to two cores")
        if self.network_card_node is not None and self.network_card_node not in self.nodes:
            raise ValueError(f"the network card is on node {self.network_card_node}, which has no CPU")
        return self

    @property
    def cpus(self) -> tuple[int, ...]:
        return tuple(sorted(cpu for core in self.cores for cpu in core.threads))

    @property
    def nodes(self) -> tuple[int, ...]:
        return tuple(sorted({core.node for core in self.cores}))

    @property
    def sockets(self) -> tuple[int, ...]:
        return tuple(sorted({core.socket for core in self.cores}))

    @property
    def has_smt(self) -> bool:
        return any(len(core.threads) > 1 for core in self.cores)

    @property
    def primary_threads(self) -> tuple[int, ...]:
        """The CPUs that stay when SMT is off."""
        return tuple(sorted(core.threads[0] for core in self.cores))

    @property
    def siblings(self) -> tuple[int, ...]:
        """The CPUs that go when SMT is off."""
        return tuple(sorted(cpu for core in self.cores for cpu in core.threads[1:]))

    def core_of(self, cpu: int) -> Core:
        """Raises KeyError for a CPU that the machine does not have."""
        for core in self.cores:
            if cpu in core.threads:
                return core
        raise KeyError(cpu)

    def cpus_of_node(self, node: int) -> tuple[int, ...]:
        return tuple(sorted(cpu for core in self.cores if core.node == node for cpu in core.threads))


def uniform(
    *, sockets: int, cores_per_socket: int, threads_per_core: int, nodes_per_socket: int = 1, network_card_node: int = 0
) -> Topology:
    """Equal sockets, numbered as Linux does on EC2: first threads of all cores, then their siblings."""
    cores = sockets * cores_per_socket
    per_node = cores_per_socket // nodes_per_socket
    return Topology(
        cores=tuple(
            Core(
                socket=number // cores_per_socket,
                node=number // per_node,
                threads=tuple(number + cores * thread for thread in range(threads_per_core)),
            )
            for number in range(cores)
        ),
        network_card_node=network_card_node,
    )


class TopologyError(Exception):
    """A /sys tree from which no topology can be read."""


_CPU = re.compile(r"cpu(\d+)$")
_NODE = re.compile(r"node(\d+)$")


def from_sys(root: Path = Path("/"), interfaces: Iterable[str] | None = None) -> Topology:
    """The topology of a running host or of a recorded tree; CPUs that are offline have none and are left out.

    interfaces: of the wire, None = all that are devices. Raises TopologyError naming the file that is missing.
    Source: kernel doc admin-guide/cputopology.rst.
    """
    cpus = root / "sys/devices/system/cpu"
    nodes: dict[int, int] = {}
    for folder in sorted((root / "sys/devices/system/node").glob("node*")):
        if (match := _NODE.match(folder.name)) is not None:
            nodes.update(dict.fromkeys(cpu_list.parse(_read(folder / "cpulist")), int(match[1])))
    cores: dict[tuple[int, ...], Core] = {}
    for folder in cpus.glob("cpu*"):
        match = _CPU.match(folder.name)
        if match is None or not (folder / "topology").is_dir():
            continue
        cpu = int(match[1])
        threads = cpu_list.parse(_read(folder / "topology/thread_siblings_list"))
        # a kernel without NUMA has no nodes: one node then
        cores[threads] = Core(
            socket=max(int(_read(folder / "topology/physical_package_id")), 0), node=nodes.get(cpu, 0), threads=threads
        )
    if not cores:
        raise TopologyError(f"{cpus}: no CPU with a topology; is {root} a recorded tree with sys/devices/system/cpu?")
    found = _network_card_nodes(root, interfaces)
    if len(found) > 1:
        raise TopologyError(f"network cards on nodes {sorted(found)}: name the interfaces of the wire")
    node = next(iter(found), None)
    one_node = len({core.node for core in cores.values()}) == 1
    return Topology(
        cores=tuple(sorted(cores.values(), key=lambda core: core.threads)),
        # the kernel says -1 where the firmware does not tell; with one node there is nothing to tell
        network_card_node=next(iter(cores.values())).node if one_node else node,
    )


def _network_card_nodes(root: Path, interfaces: Iterable[str] | None) -> set[int]:
    folder = root / "sys/class/net"
    names = sorted(path.name for path in folder.iterdir()) if interfaces is None and folder.is_dir() else interfaces
    # a virtio device's node is told by the PCI device above it
    files = [folder / name / place for name in names or () for place in ("device/numa_node", "device/../numa_node")]
    return {node for file in files if file.is_file() and (node := int(_read(file))) >= 0}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise TopologyError(f"{path}: not readable ({error.strerror})") from None
