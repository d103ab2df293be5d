"""Machines a host may be: EC2 types by name, and the emulated machine of the host tests.

Cores, sockets and SMT are from the EC2 instance type tables (m5zn: Xeon 8252C, 2 x 12; c7i: Xeon 8488C, 48 a socket;
c8a, m8a: EPYC 9R45 without SMT, 96 a socket). AWS publishes neither NUMA nodes nor where the network card is: those are
taken as one node a socket and node 0, and the host check compares them with the host before anything trades.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from components.hot_path.host.topology import Topology, uniform

Vendor = Literal["intel", "amd"]
Driver = Literal["ena", "virtio_net"]
TEST_MACHINE = "12x2node"
_MOST_VIRTUAL_CORES = 48  # the smallest socket of a Nitro host in use here: more may span nodes


class Machine(BaseModel):
    """driver: of the network cards. queues: the most per interface. ptp: has a PTP hardware clock."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    vendor: Vendor
    metal: bool
    topology: Topology
    driver: Driver = "ena"
    queues: int = Field(ge=1)
    ptp: bool


def _metal(name: str, vendor: Vendor, sockets: int, cores: int, threads: int, *, queues: int, ptp: bool) -> Machine:
    topology = uniform(sockets=sockets, cores_per_socket=cores, threads_per_core=threads)
    return Machine(name=name, vendor=vendor, metal=True, topology=topology, queues=queues, ptp=ptp)


# queues: EC2 User Guide, "ENA queues", the default of the type; 8, as the ENA driver's guide says, where none is listed
MACHINES = {
    machine.name: machine
    for machine in (
        _metal("c7i.metal-24xl", "intel", 1, 48, 2, queues=8, ptp=True),
        _metal("c7i.metal-48xl", "intel", 2, 48, 2, queues=8, ptp=True),
        _metal("m5zn.metal", "intel", 2, 12, 2, queues=8, ptp=False),
        _metal("c8a.metal-24xl", "amd", 1, 96, 1, queues=16, ptp=True),
        _metal("c8a.metal-48xl", "amd", 2, 96, 1, queues=32, ptp=True),
        _metal("m8a.metal-24xl", "amd", 1, 96, 1, queues=16, ptp=True),
        _metal("m8a.metal-48xl", "amd", 2, 96, 1, queues=32, ptp=True),
        # qemu -smp 12,sockets=2,cores=6,threads=1 with a node a socket; its emulated CPU calls itself AMD
        Machine(
            name=TEST_MACHINE,
            vendor="amd",
            metal=False,
            topology=uniform(sockets=2, cores_per_socket=6, threads_per_core=1),
            driver="virtio_net",
            queues=1,
            ptp=False,
        ),
    )
}
_VIRTUAL_FAMILIES: dict[str, Vendor] = {"c7i": "intel", "m7i": "intel", "m5zn": "intel", "c8a": "amd", "m8a": "amd"}


def machine(instance_type: str, core_count: int | None = None, threads_per_core: int | None = None) -> Machine:
    """The machine of an instance type; virtual ones have the CPU options that the instance is launched with.

    Raises ValueError for a type without a topology, telling how to get one.
    """
    if instance_type in MACHINES:
        if core_count is not None or threads_per_core is not None:
            raise ValueError(f"{instance_type} is not virtual: its cores are what they are; remove the CPU options")
        return MACHINES[instance_type]
    family, _, size = instance_type.partition(".")
    if size.startswith("metal") or family not in _VIRTUAL_FAMILIES:
        raise ValueError(
            f"no topology is known for {instance_type}; known are {', '.join(MACHINES)}, and the virtual sizes of"
            f" {', '.join(_VIRTUAL_FAMILIES)}. Read it from such a host (topology.from_sys) and add it to machines.py"
        )
    if core_count is None or threads_per_core is None:
        raise ValueError(f"{instance_type} is virtual: state cpu_options, its cores follow from them")
    if core_count > _MOST_VIRTUAL_CORES:
        raise ValueError(
            f"{instance_type} with {core_count} cores may span NUMA nodes; use at most {_MOST_VIRTUAL_CORES}, or add a"
            " topology read from such a host to machines.py"
        )
    return Machine(
        name=instance_type,
        vendor=_VIRTUAL_FAMILIES[family],
        metal=False,
        topology=uniform(sockets=1, cores_per_socket=core_count, threads_per_core=threads_per_core),
        queues=min(8, core_count * threads_per_core),
        ptp=family != "m5zn",
    )
