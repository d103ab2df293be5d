"""Which CPU does what: housekeeping, interrupts, one role each, or spare; validated against the topology."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from components.hot_path.host.roles import Role, known_roles
from components.hot_path.host.topology import Topology
from components.hot_path.host_check import cpu_list


def _cpus(value: Any) -> Any:
    """`0-3,8` as in kernel files, a single number as YAML reads it, or numbers."""
    if isinstance(value, str):
        return cpu_list.parse(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


Cpus = Annotated[tuple[int, ...], BeforeValidator(_cpus)]


class CoreLayout(BaseModel):
    """As a stack file states it. spare: isolated and idle, for roles to come. Siblings that are off are not named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    housekeeping: Cpus
    interrupts: Cpus
    roles: dict[str, Cpus]
    spare: Cpus = ()


class CoreMap(BaseModel):
    """A layout that fits its machine. offline: SMT siblings that the kernel switches off. nodes: of each role."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    housekeeping: tuple[int, ...]
    interrupts: tuple[int, ...]
    roles: dict[str, tuple[int, ...]]
    spare: tuple[int, ...] = ()
    offline: tuple[int, ...] = ()
    nodes: dict[str, int]

    @property
    def isolated(self) -> tuple[int, ...]:
        """Kept from the scheduler, the tick and interrupts: the roles' CPUs and the spare ones."""
        return tuple(sorted([*self.spare, *(cpu for cpus in self.roles.values() for cpu in cpus)]))

    @property
    def unisolated(self) -> tuple[int, ...]:
        return tuple(sorted([*self.housekeeping, *self.interrupts]))

    @property
    def online(self) -> tuple[int, ...]:
        return tuple(sorted([*self.unisolated, *self.isolated]))

    def cpus_of(self, role: str) -> tuple[int, ...]:
        """A pinned role's own CPUs; the housekeeping CPUs for the others."""
        return self.roles.get(role, self.housekeeping)

    def node_of(self, role: str) -> int:
        """NUMA node of a pinned role. Raises KeyError for a role that has no CPUs of its own."""
        return self.nodes[role]


class CoreMapError(ValueError):
    """A layout that cannot be used; the text lists every problem with its fix."""


def core_map(topology: Topology, layout: CoreLayout, roles: Iterable[str], *, smt: bool) -> CoreMap:
    """Raises CoreMapError with every problem. smt: whether SMT siblings stay on."""
    wanted = known_roles(roles)
    problems = list(_problems(topology, layout, wanted, smt))
    if problems:
        raise CoreMapError("\n".join(problems))
    return CoreMap(
        housekeeping=tuple(sorted(layout.housekeeping)),
        interrupts=tuple(sorted(layout.interrupts)),
        roles={name: tuple(sorted(layout.roles[name])) for name in sorted(layout.roles)},
        spare=tuple(sorted(layout.spare)),
        offline=() if smt else topology.siblings,
        nodes={name: topology.core_of(cpus[0]).node for name, cpus in sorted(layout.roles.items())},
    )


def _groups(layout: CoreLayout) -> dict[str, tuple[int, ...]]:
    roles = {f"roles.{name}": cpus for name, cpus in layout.roles.items()}
    return {"housekeeping": layout.housekeeping, "interrupts": layout.interrupts, **roles, "spare": layout.spare}


def _problems(topology: Topology, layout: CoreLayout, wanted: tuple[Role, ...], smt: bool) -> Iterable[str]:
    groups = _groups(layout)
    yield from _of_roles(layout, wanted)
    yield from _of_cpus(topology, groups, smt)
    if 0 not in layout.housekeeping:
        yield "housekeeping: CPU 0 is missing; the kernel keeps timers and interrupts there, so add it here"
    if not layout.interrupts:
        yield "interrupts: no CPU; the network card's interrupts need at least one of their own"
    if smt:
        yield from _of_siblings(topology, groups)
    yield from _of_nodes(topology, layout, wanted)


def _of_roles(layout: CoreLayout, wanted: tuple[Role, ...]) -> Iterable[str]:
    pinned = [role.name for role in wanted if role.pinned]
    for name in pinned:
        if not layout.roles.get(name):
            yield f"roles.{name}: has no CPU; give it one of its own, or take the role off this host"
    for name in sorted(set(layout.roles) - set(pinned)):
        if name in {role.name for role in wanted}:
            yield f"roles.{name}: this role runs on the housekeeping CPUs; remove it here"
        else:
            yield f"roles.{name}: this host has no such role; add it to the host's roles, or remove it here"


def _of_cpus(topology: Topology, groups: Mapping[str, tuple[int, ...]], smt: bool) -> Iterable[str]:
    usable = topology.cpus if smt else topology.primary_threads
    owners: dict[int, list[str]] = {}
    for name, cpus in groups.items():
        for cpu in cpus:
            owners.setdefault(cpu, []).append(name)
        twice = [cpu for cpu, count in Counter(cpus).items() if count > 1]
        if twice:
            yield f"{name}: CPU {cpu_list.render(twice)} is named twice; name it once"
        unknown = set(cpus) - set(topology.cpus)
        if unknown:
            have = cpu_list.render(topology.cpus)
            yield f"{name}: CPU {cpu_list.render(unknown)} does not exist; the machine has {have}, use those"
        off = set(cpus) - set(usable) - unknown
        if off:
            first = {cpu: topology.core_of(cpu).threads[0] for cpu in sorted(off)}
            yield (
                f"{name}: CPU {cpu_list.render(off)} is an SMT sibling, which is switched off; use the core's first"
                f" thread, {cpu_list.render(first.values())}, or leave SMT on"
            )
    for cpu, names in sorted(owners.items()):
        if len(set(names)) > 1:
            yield f"{' and '.join(sorted(set(names)))}: both own CPU {cpu}; a CPU has one owner, move one of them"
    missing = set(usable) - set(owners)
    if missing:
        yield f"CPU {cpu_list.render(missing)}: belongs to nobody; add it to spare, or to whom it is meant for"


def _of_siblings(topology: Topology, groups: Mapping[str, tuple[int, ...]]) -> Iterable[str]:
    for core in topology.cores:
        owners = sorted({name for name, cpus in groups.items() if set(cpus) & set(core.threads)})
        if len(owners) > 1:
            yield (
                f"{' and '.join(owners)}: share the core of CPU {cpu_list.render(core.threads)}; siblings slow each"
                " other, so give both to one owner, or switch SMT off"
            )


def _of_nodes(topology: Topology, layout: CoreLayout, wanted: tuple[Role, ...]) -> Iterable[str]:
    wire = {role.name for role in wanted if role.wire}
    node = topology.network_card_node
    groups = {f"roles.{name}": (cpus, name in wire) for name, cpus in layout.roles.items()}
    for key, (cpus, on_wire) in {**groups, "interrupts": (layout.interrupts, True)}.items():
        nodes = sorted({topology.core_of(cpu).node for cpu in cpus if cpu in topology.cpus})
        if on_wire and node is not None and nodes and nodes != [node]:
            yield (
                f"{key}: CPU {cpu_list.render(cpus)} is on node {' and '.join(map(str, nodes))}, the network card is on"
                f" node {node}; use CPUs out of {cpu_list.render(topology.cpus_of_node(node))}"
            )
        elif len(nodes) > 1:
            yield f"{key}: CPU {cpu_list.render(cpus)} spans nodes {' and '.join(map(str, nodes))}; use one node's CPUs"


def default_layout(topology: Topology, roles: Iterable[str], *, smt: bool) -> CoreLayout:
    """A layout that is valid: interrupts and roles on the network card's node, housekeeping off it where it can be.

    With SMT on, whole cores are given away. Raises CoreMapError when the machine is too small.
    """
    names = [role.name for role in known_roles(roles) if role.pinned]
    total = len(topology.cores)
    first = topology.core_of(0)
    near = first.node if topology.network_card_node is None else topology.network_card_node
    here = [core for core in topology.cores if core.node == near and core != first]
    there = [core for core in topology.cores if core.node != near and core != first]
    interrupts = 1 if total <= 16 else 2
    others = (1 if total <= 8 else 2 if total <= 32 else 4 if total <= 96 else 8) - 1
    from_here = max(others - len(there), 0)
    if len(here) < from_here + interrupts + len(names):
        raise CoreMapError(
            f"node {near} has {len(here)} cores besides CPU 0; {from_here} for housekeeping, {interrupts} for"
            f" interrupts and {len(names)} for roles are needed: take a larger machine or fewer roles"
        )
    keep = [first, *there[:others], *here[:from_here]]
    here = here[from_here:]
    quiet, owned = here[:interrupts], here[interrupts : interrupts + len(names)]
    rest = [core for core in topology.cores if core not in (*keep, *quiet, *owned)]

    def cpus(cores: Iterable[Any]) -> tuple[int, ...]:
        return tuple(sorted(cpu for core in cores for cpu in (core.threads if smt else core.threads[:1])))

    return CoreLayout(
        housekeeping=cpus(keep),
        interrupts=cpus(quiet),
        roles={name: cpus([core]) for name, core in zip(names, owned, strict=True)},
        spare=cpus(rest),
    )
