"""What the specification takes for granted of the machine; the host check compares it before anything is trusted."""

from __future__ import annotations

from components.hot_path.host.core_map import CoreMap
from components.hot_path.host.machines import Machine
from components.hot_path.host.setting import Setting
from components.hot_path.host_check import cpu_list, probes

_TOPOLOGY = "kernel doc admin-guide/cputopology.rst"
_NODES = "kernel doc ABI/stable/sysfs-devices-node"


def hardware(machine: Machine, cores: CoreMap) -> tuple[Setting, ...]:
    topology = machine.topology
    settings = [
        Setting(
            name="machine.cpus",
            reason="another machine, or another numbering of its CPUs, makes the core map wrong",
            source=_TOPOLOGY,
            probe=probes.CpuList("/sys/devices/system/cpu/online"),
            expected=cpu_list.render(cores.online),
        ),
        Setting(
            name="machine.nodes",
            reason="firmware that splits a socket into nodes moves memory and network card away from the roles",
            source=_NODES,
            probe=probes.CpuList("/sys/devices/system/node/online"),
            expected=cpu_list.render(topology.nodes),
        ),
    ]
    for node in topology.nodes:
        cpus = set(topology.cpus_of_node(node)) & set(cores.online)
        settings.append(
            Setting(
                name=f"machine.node{node}",
                reason="roles are bound to memory of the node that their CPU is taken to be on",
                source=_NODES,
                probe=probes.CpuList(f"/sys/devices/system/node/node{node}/cpulist"),
                expected=cpu_list.render(cpus),
            )
        )
    if topology.has_smt and not cores.offline:
        for name, cpus_of_role in cores.roles.items():
            settings.append(
                Setting(
                    name=f"machine.siblings-{name}",
                    reason="another role on a sibling would share the core",
                    source=_TOPOLOGY,
                    probe=probes.CpuList(f"/sys/devices/system/cpu/cpu{cpus_of_role[0]}/topology/thread_siblings_list"),
                    expected=cpu_list.render(topology.core_of(cpus_of_role[0]).threads),
                )
            )
    if len(topology.nodes) > 1 and topology.network_card_node is not None:
        settings.append(
            Setting(
                name="machine.network-card",
                reason="each packet of a card on the other node crosses the sockets",
                source="kernel doc ABI/testing/sysfs-bus-pci, numa_node",
                probe=probes.InterfaceNodes(machine.driver),
                expected=topology.network_card_node,
                # emulated firmware does not tell
                importance="required" if machine.metal else "advisory",
            )
        )
    if machine.driver == "ena":
        settings.insert(
            0,
            Setting(
                name="machine.type",
                reason="the specification is of this instance type; another one needs its own",
                source="EC2 User Guide, identify EC2 instances by DMI",
                probe=probes.Text("/sys/devices/virtual/dmi/id/product_name"),
                expected=machine.name,
            ),
        )
    return tuple(settings)
