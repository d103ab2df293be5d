"""Pages of 2 MiB, reserved at boot on the node that uses them, while its memory is not yet in pieces.

For strategies that map them (MAP_HUGETLB). The engine's rings are in /dev/shm and do not use them.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from components.hot_path.host.kernel_arguments import kernel_argument
from components.hot_path.host.setting import Setting
from components.hot_path.host.topology import Topology
from components.hot_path.host_check import probes

_SOURCE = "kernel doc admin-guide/mm/hugetlbpage.rst"


class HugePages(BaseModel):
    """pages: of 2 MiB each, on one NUMA node."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    node: int = Field(ge=0)
    pages: int = Field(ge=1, le=1_000_000)


def hugepages(topology: Topology, wanted: tuple[HugePages, ...]) -> tuple[Setting, ...]:
    """Raises ValueError for a node that the machine does not have, or one that is named twice."""
    pages = {entry.node: entry.pages for entry in wanted}
    if len(pages) != len(wanted):
        raise ValueError("hugepages: a node is named twice; give each node one entry")
    unknown = sorted(set(pages) - set(topology.nodes))
    if unknown:
        raise ValueError(
            f"hugepages: node {', '.join(map(str, unknown))} does not exist; the machine has node"
            f" {', '.join(map(str, topology.nodes))}"
        )
    if not pages:
        return ()
    per_node = ",".join(f"{node}:{count}" for node, count in sorted(pages.items()))
    return (
        kernel_argument("hugepagesz", "2M", "the size that the next argument counts in", source=_SOURCE),
        kernel_argument(
            "hugepages", per_node, "reserved before memory is in pieces, on the node of who uses it", source=_SOURCE
        ),
        *(
            Setting(
                name=f"memory.hugepages-node{node}",
                reason="the kernel reserves what it finds and says nothing when that is less",
                source=_SOURCE,
                probe=probes.Text(f"/sys/devices/system/node/node{node}/hugepages/hugepages-2048kB/nr_hugepages"),
                expected=count,
                compare="at-least",
            )
            for node, count in sorted(pages.items())
        ),
    )
