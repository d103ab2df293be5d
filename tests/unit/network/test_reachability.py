"""Nothing but the table of flows reaches the trading hosts of prod: computed over all that the stack registers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from components.network.flows import OUTSIDE, Party, allowed_flows
from tests.recorder import Recording, Resource
from tests.recorder.answers import id_of
from tests.support.cloud_recording import recorded, settings
from tests.support.reachability import INGRESS, INSTANCE, INTERFACE, ROUTE, Topology, UnmodelledError, Way

HOSTS = ("hot-path-hot-a", "hot-path-hot-b")


def allowed() -> set[Way]:
    """The rows of the table that end at a trading host, spelled out per interface."""
    network = settings("prod").network
    networks = {
        Party.VENUE: network.venue_cidrs,
        Party.OPERATORS: network.operator_cidrs,
        Party.ADMINISTRATORS: network.administrator_cidrs,
    }
    interfaces = {Party.HOT_PATH: HOSTS, Party.MARKET_DATA: tuple(f"{host}-market-data" for host in HOSTS)}
    return {
        Way(source, interface, flow.protocol.value, flow.first_port, flow.last_port)
        for flow in allowed_flows(network.venue)
        if flow.target in interfaces
        for interface in interfaces[flow.target]
        for source in (networks[flow.source] if flow.source in OUTSIDE else [f"ironlane {flow.source.value}"])
    }


def reaching(recording: Recording, only_working: bool = False) -> set[Way]:
    topology = Topology(recording)
    hosts = [each for each in recording.of_type(INSTANCE) if each.name in HOSTS]
    interfaces = [each for host in hosts for each in topology.interfaces(host)]
    assert len(interfaces) == 2 * len(HOSTS)
    return {way for to in interfaces for way in (topology.working(to) if only_working else topology.admitted(to))}


def exposed(recording: Recording) -> list[str]:
    topology = Topology(recording)
    return [why for each in recording.of_type(INSTANCE) for why in topology.public(each)]


def changed(recording: Recording, name: str, type_: str = "", **inputs: Any) -> Recording:
    """As if the program had registered that resource with these inputs."""
    found = recording.named_of(type_, name) if type_ else recording.named(name)
    resources = tuple(
        dataclasses.replace(each, inputs={**each.inputs, **inputs}) if each is found else each
        for each in recording.resources
    )
    return dataclasses.replace(recording, resources=resources)


def more(recording: Recording, type_: str, name: str, like: str | None = None, **inputs: Any) -> Recording:
    """As if the program had registered one more resource."""
    sample: Resource = recording.named(like) if like else recording.resources[-1]
    extra = dataclasses.replace(
        sample, type=type_, name=name, urn=f"{sample.urn}-{name}", inputs={**(sample.inputs if like else {}), **inputs}
    )
    return dataclasses.replace(recording, resources=(*recording.resources, extra))


@pytest.fixture(scope="module")
def prod() -> Recording:
    return recorded("prod")


def test_nothing_but_the_table_reaches_the_trading_hosts(prod: Recording) -> None:
    assert reaching(prod) == allowed()


def test_every_row_of_the_table_finds_its_way(prod: Recording) -> None:
    """Let out at one side, let in at the other, and routed back."""
    assert reaching(prod, only_working=True) == allowed()


def test_no_instance_is_exposed_to_the_internet(prod: Recording) -> None:
    assert exposed(prod) == []


def group(name: str) -> str:
    return id_of(f"network-groups-{name}")


RULE: dict[str, Any] = {"ipProtocol": "tcp", "fromPort": 9999, "toPort": 9999}


@pytest.mark.parametrize(
    "open_flow",
    [
        lambda it: more(it, INGRESS, "x", securityGroupId=group("hot-path"), cidrIpv4="10.0.0.0/8", **RULE),
        lambda it: more(it, INGRESS, "x", securityGroupId=group("market-data"), cidrIpv4="0.0.0.0/0", **RULE),
        lambda it: more(
            it, INGRESS, "x", securityGroupId=group("hot-path"), referencedSecurityGroupId=group("database"), **RULE
        ),
        # a rule of the table, widened
        lambda it: changed(it, "network-groups-eks-nodes-to-hot-path-tcp-9464-in", toPort=9999),
        lambda it: changed(it, "network-groups-operators-to-hot-path-tcp-22-in-10.8.0.0-16", cidrIpv4="10.0.0.0/8"),
        lambda it: changed(it, "network-groups-eks-nodes-to-hot-path-tcp-9100-in", ipProtocol="-1"),
        # a host in one more group, or in a wrong one
        lambda it: changed(it, HOSTS[0], vpcSecurityGroupIds=[group("hot-path"), group("bus")]),
        lambda it: changed(it, f"{HOSTS[1]}-market-data", INTERFACE, securityGroups=[group("eks-nodes")]),
    ],
)
def test_a_change_that_opens_a_flow_is_seen(prod: Recording, open_flow: Callable[[Recording], Recording]) -> None:
    assert reaching(open_flow(prod)) != allowed()


@pytest.mark.parametrize(
    "open_way",
    [
        lambda it: more(it, "aws:ec2/securityGroupRule:SecurityGroupRule", "x", type="ingress"),
        lambda it: more(it, "aws:ec2/vpcPeeringConnection:VpcPeeringConnection", "x"),
        lambda it: more(it, "aws:ec2/eip:Eip", "x", instance=id_of(HOSTS[0])),
        lambda it: more(
            it, "aws:ec2/networkInterfaceSecurityGroupAttachment:NetworkInterfaceSecurityGroupAttachment", "x"
        ),
        lambda it: changed(it, "network-groups-hot-path", ingress=[{"protocol": "-1", "cidrBlocks": ["0.0.0.0/0"]}]),
        lambda it: changed(it, "network-groups-default", ingress=[{"protocol": "-1", "self": True}]),
        lambda it: changed(it, "network-hot-path", routes=[{"cidrBlock": "0.0.0.0/0", "gatewayId": "igw-1"}]),
        lambda it: more(it, INGRESS, "x", securityGroupId=group("hot-path"), cidrIpv6="::/0", **RULE),
    ],
)
def test_a_way_that_is_not_looked_at_is_an_error(prod: Recording, open_way: Callable[[Recording], Recording]) -> None:
    with pytest.raises(UnmodelledError):
        reaching(open_way(prod))


@pytest.mark.parametrize(
    "expose",
    [
        lambda it: changed(it, HOSTS[0], associatePublicIpAddress=True),
        lambda it: changed(it, HOSTS[0], associatePublicIpAddress=None),
        lambda it: changed(it, "network-internet", ROUTE, routeTableId=id_of("network-hot-path")),
    ],
)
def test_a_way_from_the_internet_is_seen(prod: Recording, expose: Callable[[Recording], Recording]) -> None:
    assert exposed(expose(prod)) != []


@pytest.mark.parametrize(
    ("break_flow"),
    [
        lambda it: changed(it, "network-groups-eks-nodes-to-hot-path-tcp-9464-out", fromPort=9465, toPort=9465),
        lambda it: changed(it, "network-hot-path-10.8.0.0-16", destinationCidrBlock="10.9.0.0/16"),
    ],
)
def test_a_flow_that_cannot_work_is_seen(prod: Recording, break_flow: Callable[[Recording], Recording]) -> None:
    assert reaching(break_flow(prod), only_working=True) < allowed()
