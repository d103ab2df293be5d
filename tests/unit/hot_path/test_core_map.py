"""Core maps against a naive model, and what an error says."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.hot_path.host.core_map import CoreLayout, CoreMapError, core_map, default_layout
from components.hot_path.host.machines import MACHINES
from components.hot_path.host.roles import ROLES
from components.hot_path.host.topology import Topology, uniform

HOT = ("feed-handler", "strategy", "order-router", "agent")


@st.composite
def machines(draw: st.DrawFn) -> tuple[Topology, tuple[str, ...], bool]:
    nodes_per_socket = draw(st.integers(1, 2))
    topology = uniform(
        sockets=draw(st.integers(1, 2)),
        cores_per_socket=nodes_per_socket * draw(st.integers(1, 6)),
        threads_per_core=draw(st.integers(1, 2)),
        nodes_per_socket=nodes_per_socket,
    )
    node = draw(st.sampled_from([*topology.nodes, None]))
    roles = draw(st.lists(st.sampled_from(sorted(ROLES)), unique=True))
    return topology.model_copy(update={"network_card_node": node}), tuple(roles), draw(st.booleans())


def naively_valid(topology: Topology, layout: CoreLayout, roles: tuple[str, ...], smt: bool) -> bool:
    """The rules of a core map, one after another, on a list of (owner, CPU)."""
    pinned = {name for name in roles if ROLES[name].pinned}
    named = [("housekeeping", cpu) for cpu in layout.housekeeping]
    named += [("interrupts", cpu) for cpu in layout.interrupts]
    named += [("spare", cpu) for cpu in layout.spare]
    named += [(f"role {name}", cpu) for name, cpus in layout.roles.items() for cpu in cpus]
    usable = {cpu for core in topology.cores for cpu in (core.threads if smt else core.threads[:1])}
    if Counter(cpu for _, cpu in named) != Counter(usable):
        return False
    if ("housekeeping", 0) not in named or not layout.interrupts:
        return False
    if set(layout.roles) != pinned or not all(layout.roles.values()):
        return False
    owner = {cpu: name for name, cpu in named}
    if any(len({owner[cpu] for cpu in core.threads if cpu in owner}) > 1 for core in topology.cores):
        return False
    node = {cpu: core.node for core in topology.cores for cpu in core.threads}
    near = [layout.interrupts, *(cpus for name, cpus in layout.roles.items() if ROLES[name].wire)]
    if topology.network_card_node is not None and any(
        node[cpu] != topology.network_card_node for cpus in near for cpu in cpus
    ):
        return False
    return all(len({node[cpu] for cpu in cpus}) == 1 for cpus in [layout.interrupts, *layout.roles.values()])


@given(machines())
@settings(max_examples=60, deadline=None)
def test_the_default_layout_is_valid_wherever_there_is_room(machine: tuple[Topology, tuple[str, ...], bool]) -> None:
    topology, roles, smt = machine
    try:
        layout = default_layout(topology, roles, smt=smt)
    except CoreMapError:
        node = topology.network_card_node or 0
        here = {core for core in topology.cores if core.node == node and 0 not in core.threads}
        wanted = sum(ROLES[name].pinned for name in roles) + 1
        assert len(here) < wanted + 1 + 8, "there was room"
        return
    assert naively_valid(topology, layout, roles, smt)
    made = core_map(topology, layout, roles, smt=smt)
    assert set(made.online) | set(made.offline) == set(topology.cpus)
    assert not set(made.isolated) & set(made.unisolated)
    for name, cpus in made.roles.items():
        assert {topology.core_of(cpu).node for cpu in cpus} == {made.node_of(name)}


@st.composite
def changed_layouts(draw: st.DrawFn) -> tuple[Topology, tuple[str, ...], bool, CoreLayout]:
    """A valid layout with some CPUs moved, given twice, left out, or swapped."""
    topology, roles, smt = draw(machines())
    try:
        layout = default_layout(topology, roles, smt=smt)
    except CoreMapError:
        topology = uniform(sockets=2, cores_per_socket=8, threads_per_core=2)
        layout = default_layout(topology, roles, smt=smt)
    groups: dict[str, list[int]] = {
        "housekeeping": list(layout.housekeeping),
        "interrupts": list(layout.interrupts),
        "spare": list(layout.spare),
        **{f"role {name}": list(cpus) for name, cpus in layout.roles.items()},
    }
    for _ in range(draw(st.integers(0, 2))):
        source, target = draw(st.sampled_from(sorted(groups))), draw(st.sampled_from(sorted(groups)))
        if not groups[source]:
            continue
        cpu = draw(st.sampled_from(groups[source]))
        match draw(st.sampled_from(["move", "copy", "drop", "swap"])):
            case "move":
                groups[source].remove(cpu)
                groups[target].append(cpu)
            case "copy":
                groups[target].append(cpu)
            case "drop":
                groups[source].remove(cpu)
            case _ if groups[target] and source != target:
                other = draw(st.sampled_from(groups[target]))
                groups[source][groups[source].index(cpu)] = other
                groups[target][groups[target].index(other)] = cpu
            case _:
                pass
    changed = CoreLayout(
        housekeeping=tuple(groups["housekeeping"]),
        interrupts=tuple(groups["interrupts"]),
        spare=tuple(groups["spare"]),
        roles={name: tuple(groups[f"role {name}"]) for name in layout.roles},
    )
    return topology, roles, smt, changed


@given(changed_layouts())
@settings(max_examples=150, deadline=None)
def test_a_layout_is_taken_exactly_when_the_naive_model_takes_it(
    case: tuple[Topology, tuple[str, ...], bool, CoreLayout],
) -> None:
    topology, roles, smt, layout = case
    try:
        core_map(topology, layout, roles, smt=smt)
        taken = True
    except CoreMapError:
        taken = False
    assert taken == naively_valid(topology, layout, roles, smt)


GOOD: dict[str, Any] = {
    "housekeeping": "0,6",
    "interrupts": 1,
    "roles": {"feed-handler": 2, "strategy": 3, "order-router": 4},
    "spare": "5,7-11",
}


def problems(change: dict[str, Any], machine: str = "12x2node", smt: bool = False) -> list[str]:
    layout = CoreLayout.model_validate({**GOOD, **change})
    with pytest.raises(CoreMapError) as caught:
        core_map(MACHINES[machine].topology, layout, HOT, smt=smt)
    return str(caught.value).splitlines()


def test_a_layout_as_a_stack_file_states_it() -> None:
    made = core_map(MACHINES["12x2node"].topology, CoreLayout.model_validate(GOOD), HOT, smt=False)
    assert made.roles == {"feed-handler": (2,), "order-router": (4,), "strategy": (3,)}
    assert made.isolated == (2, 3, 4, 5, 7, 8, 9, 10, 11)
    assert made.cpus_of("strategy") == (3,)
    assert made.cpus_of("agent") == (0, 6)
    assert made.node_of("order-router") == 0


def roles(**cpus: object) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in cpus.items()}
    return {"roles": {**GOOD["roles"], **named}}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            roles(strategy=4) | {"spare": "3,5,7-11"},
            "roles.order-router and roles.strategy: both own CPU 4; a CPU has one owner, move one of them",
        ),
        (
            roles(strategy=0) | {"spare": "3,5,7-11"},
            "housekeeping and roles.strategy: both own CPU 0; a CPU has one owner, move one of them",
        ),
        (
            roles(strategy=1) | {"spare": "3,5,7-11"},
            "interrupts and roles.strategy: both own CPU 1; a CPU has one owner, move one of them",
        ),
        (
            roles(strategy=12) | {"spare": "3,5,7-11"},
            "roles.strategy: CPU 12 does not exist; the machine has 0-11, use those",
        ),
        (
            roles(strategy="3,7") | {"spare": "5,8-11"},
            "roles.strategy: CPU 3,7 spans nodes 0 and 1; use one node's CPUs",
        ),
        (
            roles(order_router=7) | {"spare": "4-5,8-11"},
            "roles.order-router: CPU 7 is on node 1, the network card is on node 0; use CPUs out of 0-5",
        ),
        (
            {"interrupts": 7, "spare": "1,5,8-11"},
            "interrupts: CPU 7 is on node 1, the network card is on node 0; use CPUs out of 0-5",
        ),
        (
            {"housekeeping": 6, "spare": "0,5,7-11"},
            "housekeeping: CPU 0 is missing; the kernel keeps timers and interrupts there, so add it here",
        ),
        (
            {"interrupts": [], "spare": "1,5,7-11"},
            "interrupts: no CPU; the network card's interrupts need at least one of their own",
        ),
        ({"spare": "5,7-9"}, "CPU 10-11: belongs to nobody; add it to spare, or to whom it is meant for"),
        (
            {"roles": {"feed-handler": 2, "order-router": 4}, "spare": "3,5,7-11"},
            "roles.strategy: has no CPU; give it one of its own, or take the role off this host",
        ),
        (
            roles(venue=5) | {"spare": "7-11"},
            "roles.venue: this host has no such role; add it to the host's roles, or remove it here",
        ),
        (
            roles(agent=5) | {"spare": "7-11"},
            "roles.agent: this role runs on the housekeeping CPUs; remove it here",
        ),
    ],
)
def test_errors_tell_what_is_wrong_and_what_to_do(change: dict[str, Any], told: str) -> None:
    assert problems(change) == [told]


def test_every_problem_is_told_at_once() -> None:
    assert len(problems(roles(strategy=4, feed_handler=12))) == 3  # CPUs 2 and 3 belong to nobody, in one line


WITH_SIBLINGS = {
    "housekeeping": "0,24",
    "interrupts": "1,25",
    "roles": {"feed-handler": "2,26", "strategy": "3,27", "order-router": "4,28"},
    "spare": "5-23,29-47",
}


def test_siblings_stay_together_or_are_off() -> None:
    topology = MACHINES["m5zn.metal"].topology
    together = core_map(topology, CoreLayout.model_validate(WITH_SIBLINGS), HOT, smt=True)
    assert together.offline == ()
    off = core_map(topology, default_layout(topology, HOT, smt=False), HOT, smt=False)
    assert off.offline == tuple(range(24, 48))
    apart = {**WITH_SIBLINGS, "roles": {"feed-handler": "2", "strategy": "3,27,26", "order-router": "4,28"}}
    assert problems(apart, "m5zn.metal", smt=True) == [
        (
            "roles.feed-handler and roles.strategy: share the core of CPU 2,26; siblings slow each other, so give both"
            " to one owner, or switch SMT off"
        )
    ]
    named = problems(WITH_SIBLINGS, "m5zn.metal", smt=False)
    assert named[1] == (
        "interrupts: CPU 25 is an SMT sibling, which is switched off; use the core's first thread, 1, or leave SMT on"
    )


def test_a_machine_that_is_too_small_is_told_so() -> None:
    with pytest.raises(CoreMapError, match="take a larger machine or fewer roles"):
        default_layout(uniform(sockets=1, cores_per_socket=4, threads_per_core=1), HOT, smt=False)


@pytest.mark.parametrize("names", [("strategy", "market-maker"), ("strategy", "strategy")])
def test_unknown_and_repeated_roles_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"known are feed-handler|named twice"):
        core_map(MACHINES["12x2node"].topology, CoreLayout.model_validate(GOOD), names, smt=False)


@pytest.mark.parametrize("text", ["2-", "5-2", "a", "0-9999", "1,1", "3-5,4", "1.5"])
def test_a_cpu_list_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a CPU list|twice"):
        CoreLayout.model_validate({**GOOD, "spare": text})
