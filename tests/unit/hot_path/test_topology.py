from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.hot_path.host.machines import MACHINES, machine
from components.hot_path.host.topology import Core, Topology, TopologyError, from_sys, uniform
from components.hot_path.host_check import cpu_list
from tests.unit.hot_path.emulated_host import EmulatedHost

# sockets, cores, CPUs, nodes: as AWS and the vendors publish them; the nodes are what one a socket gives
PUBLISHED = {
    "c7i.metal-24xl": (1, 48, 96, 1),
    "c7i.metal-48xl": (2, 96, 192, 2),
    "m5zn.metal": (2, 24, 48, 2),
    "c8a.metal-24xl": (1, 96, 96, 1),
    "c8a.metal-48xl": (2, 192, 192, 2),
    "m8a.metal-24xl": (1, 96, 96, 1),
    "m8a.metal-48xl": (2, 192, 192, 2),
    "12x2node": (2, 12, 12, 2),
}


def test_the_table_of_machines() -> None:
    shapes = {
        name: (
            len(each.topology.sockets),
            len(each.topology.cores),
            len(each.topology.cpus),
            len(each.topology.nodes),
        )
        for name, each in MACHINES.items()
    }
    assert shapes == PUBLISHED


def test_cpus_are_numbered_first_threads_first() -> None:
    topology = MACHINES["m5zn.metal"].topology
    assert topology.core_of(13) == Core(socket=1, node=1, threads=(13, 37))
    assert topology.primary_threads == tuple(range(24))
    assert topology.siblings == tuple(range(24, 48))
    assert topology.cpus_of_node(1) == (*range(12, 24), *range(36, 48))


@pytest.mark.parametrize("name", ["12x2node", "m5zn.metal", "c7i.metal-24xl"])
def test_the_topology_of_a_tree_is_that_of_its_machine(name: str, tmp_path: Path) -> None:
    EmulatedHost(tmp_path, MACHINES[name], {}, "")
    assert from_sys(tmp_path) == MACHINES[name].topology


def test_siblings_that_are_off_are_not_seen(tmp_path: Path) -> None:
    EmulatedHost(tmp_path, MACHINES["m5zn.metal"], {}, "nosmt")
    assert from_sys(tmp_path) == uniform(sockets=2, cores_per_socket=12, threads_per_core=1)


def test_a_card_s_node_that_the_firmware_does_not_tell_is_unknown(tmp_path: Path) -> None:
    host = EmulatedHost(tmp_path, MACHINES["12x2node"], {}, "")
    host.write("/sys/devices/pci0000:00/0000:00:05.0/numa_node", -1)
    assert from_sys(tmp_path).network_card_node is None


def test_cards_on_two_nodes_need_a_name(tmp_path: Path) -> None:
    host = EmulatedHost(tmp_path, MACHINES["m5zn.metal"], {}, "")
    host.write("/sys/devices/pci0000:00/0000:00:06.0/numa_node", 1)
    with pytest.raises(TopologyError, match="name the interfaces of the wire"):
        from_sys(tmp_path)
    assert from_sys(tmp_path, ["ens6"]).network_card_node == 1


def test_a_folder_that_is_no_tree_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TopologyError, match=r"is .* a recorded tree"):
        from_sys(tmp_path)


def test_a_topology_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="belongs to two cores"):
        Topology(
            cores=(Core(socket=0, node=0, threads=(0, 1)), Core(socket=0, node=0, threads=(1, 2))), network_card_node=0
        )
    with pytest.raises(ValueError, match="node 3, which has no CPU"):
        Topology(cores=(Core(socket=0, node=0, threads=(0,)),), network_card_node=3)


def test_a_virtual_machine_has_the_cores_it_is_launched_with() -> None:
    virtual = machine("c7i.4xlarge", core_count=8, threads_per_core=1)
    assert (virtual.metal, virtual.vendor, virtual.topology.cpus) == (False, "intel", tuple(range(8)))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("c7i.4xlarge",), "state cpu_options"),
        (("c7i.48xlarge", 96, 1), "may span NUMA nodes"),
        (("c9x.metal-24xl",), "no topology is known for c9x.metal-24xl; known are c7i.metal-24xl"),
        (("c7i.metal-24xl", 48, 1), "remove the CPU options"),
    ],
)
def test_a_machine_without_a_topology_is_refused(arguments: tuple[Any, ...], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        machine(*arguments)


@given(st.sets(st.integers(0, 400)))
def test_cpu_lists_and_masks_are_read_as_they_are_written(cpus: set[int]) -> None:
    ordered = tuple(sorted(cpus))
    assert cpu_list.parse(cpu_list.render(cpus)) == ordered
    assert cpu_list.parse_mask(cpu_list.render_mask(cpus)) == ordered


@pytest.mark.parametrize(
    ("cpus", "text", "mask"),
    [((), "", "00000000"), ((0, 1, 2, 3, 8), "0-3,8", "0000010f"), ((33,), "33", "00000002,00000000")],
)
def test_cpu_lists_and_masks_by_hand(cpus: tuple[int, ...], text: str, mask: str) -> None:
    """As cputopology.rst and the kernel's bitmap printing have them."""
    assert (cpu_list.render(cpus), cpu_list.render_mask(cpus)) == (text, mask)


@pytest.mark.parametrize("text", ["", "xyz", "1,,2", "123456789"])
def test_a_mask_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a CPU mask"):
        cpu_list.parse_mask(text)
