"""The network as the engine would get it: who can reach whom, worked out from the registered rules alone."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from components.network.address_plan import Tier
from components.network.flows import Flow, Party, Protocol, VenuePorts, allowed_flows, as_table
from components.network.vpc import Network, NetworkArgs
from tests.recorder import Recording, Resource, deploy

VENUE = VenuePorts(order_entry=26400, snapshot=26500, rerequest=26477, lines=(26401, 26402))
ARGS: dict[str, Any] = {
    "environment": "test",
    "region": "us-east-1",
    "zones": ("us-east-1a", "us-east-1b", "us-east-1c"),
    "hot_path_zone": "us-east-1b",
    "vpc_cidr": "10.40.0.0/16",
    "venue": VENUE,
    "venue_cidrs": ("198.51.100.0/24",),
    "operator_cidrs": ("10.8.0.0/16",),
    "administrator_cidrs": ("203.0.113.0/28",),
    "transit_gateway_id": "tgw-0123456789abcdef0",
    "logs_key_arn": "arn:aws:kms:us-east-1:111122223333:key/logs",
}


@pytest.fixture(scope="module")
def recording() -> Recording:
    return deploy(lambda: Network("network", NetworkArgs(**ARGS)) and None)


def group_id(recording: Recording, party: Party) -> str:
    return f"{recording.named(f'network-groups-{party.value}').name}-id"


def rules(recording: Recording, direction: str) -> list[Resource]:
    return recording.of_type(f"aws:vpc/securityGroup{direction}Rule:SecurityGroup{direction}Rule")


def reaching(recording: Recording, party: Party) -> set[tuple[str, str, int, int]]:
    """(who, protocol, first port, last port) of all that the party's group lets in."""
    names = {group_id(recording, other): other.value for other in recording_parties(recording)}
    found = set()
    for rule in rules(recording, "Ingress"):
        inputs = rule.inputs
        if inputs["securityGroupId"] == group_id(recording, party):
            who = inputs.get("cidrIpv4") or names[inputs["referencedSecurityGroupId"]]
            found.add((who, inputs["ipProtocol"], int(inputs.get("fromPort", -1)), int(inputs.get("toPort", -1))))
    return found


def recording_parties(recording: Recording) -> list[Party]:
    made = {each.name for each in recording.of_type("aws:ec2/securityGroup:SecurityGroup")}
    return [party for party in Party if f"network-groups-{party.value}" in made]


# written out on purpose: a row added to the table must be added here too, by somebody who means it
MAY_REACH_THE_HOT_PATH = {
    ("eks-nodes", "tcp", 9464, 9464),
    ("eks-nodes", "tcp", 9100, 9100),
    ("10.8.0.0/16", "tcp", 22, 22),
}


def test_nothing_else_reaches_the_hot_path(recording: Recording) -> None:
    assert reaching(recording, Party.HOT_PATH) == MAY_REACH_THE_HOT_PATH
    assert reaching(recording, Party.MARKET_DATA) == {
        ("198.51.100.0/24", "udp", 26401, 26401),
        ("198.51.100.0/24", "udp", 26402, 26402),
    }


def test_a_row_added_to_the_table_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is the one place to open a flow, so the test above must not follow the table."""
    opened = Flow(
        source=Party.DATABASE, target=Party.HOT_PATH, protocol=Protocol.TCP, first_port=1, last_port=1, why="no reason"
    )
    monkeypatch.setattr("components.network.vpc.allowed_flows", lambda venue: (*allowed_flows(venue), opened))
    recording = deploy(lambda: Network("network", NetworkArgs(**ARGS)) and None)
    assert reaching(recording, Party.HOT_PATH) - MAY_REACH_THE_HOT_PATH == {("database", "tcp", 1, 1)}


def test_the_hot_path_opens_connections_to_few(recording: Recording) -> None:
    names = {group_id(recording, party): party.value for party in recording_parties(recording)}
    out = set()
    for rule in rules(recording, "Egress"):
        inputs = rule.inputs
        if inputs["securityGroupId"] == group_id(recording, Party.HOT_PATH):
            who = inputs.get("cidrIpv4") or names.get(inputs.get("referencedSecurityGroupId", ""), "object storage")
            out.add((who, inputs["ipProtocol"], int(inputs["fromPort"])))
    assert out == {
        ("198.51.100.0/24", "tcp", 26400),
        ("bus", "tcp", 7422),
        ("endpoints", "tcp", 443),
        ("object storage", "tcp", 443),
    }


def test_the_bus_is_the_only_bridge(recording: Recording) -> None:
    """No program on Kubernetes is reachable from the hot path; only scraping goes the other way."""
    assert not [who for who, *_ in reaching(recording, Party.EKS_NODES) if who == "hot-path"]
    assert {who for who, *_ in reaching(recording, Party.BUS)} == {"hot-path", "bus", "eks-nodes", "10.8.0.0/16"}


def test_every_rule_has_its_counterpart(recording: Recording) -> None:
    """Between two groups a flow needs a way out and a way in; one without the other is a flow that does not work."""

    def pairs(direction: str, own_first: bool) -> set[tuple[str, str, str, float]]:
        found = set()
        for rule in rules(recording, direction):
            inputs = rule.inputs
            if other := inputs.get("referencedSecurityGroupId"):
                ends = (inputs["securityGroupId"], other)
                source, target = ends if own_first else ends[::-1]
                found.add((source, target, inputs["ipProtocol"], inputs.get("fromPort", -1)))
        return found

    assert pairs("Egress", True) == pairs("Ingress", False)


def test_no_rule_opens_to_the_internet_and_none_is_inline(recording: Recording) -> None:
    for rule in [*rules(recording, "Ingress"), *rules(recording, "Egress")]:
        assert rule.inputs.get("cidrIpv4") != "0.0.0.0/0", rule.name
        assert "cidrIpv6" not in rule.inputs
    for group in recording.of_type("aws:ec2/securityGroup:SecurityGroup"):
        assert not group.inputs.get("ingress")
        assert not group.inputs.get("egress")
    (default,) = recording.of_type("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
    assert default.inputs["ingress"] == []
    assert default.inputs["egress"] == []


def test_only_the_ingress_tier_has_a_way_to_the_internet(recording: Recording) -> None:
    to_internet = [
        route.inputs["routeTableId"]
        for route in recording.of_type("aws:ec2/route:Route")
        if route.inputs["destinationCidrBlock"] == "0.0.0.0/0"
    ]
    assert to_internet == [f"network-{Tier.INGRESS.value}-id"]
    assert recording.of_type("aws:ec2/natGateway:NatGateway") == []
    assert not [s for s in recording.of_type("aws:ec2/subnet:Subnet") if s.inputs["mapPublicIpOnLaunch"]]


def test_hot_path_subnets_are_in_one_zone_and_the_rest_in_three(recording: Recording) -> None:
    zones: dict[str, set[str]] = {}
    for subnet in recording.of_type("aws:ec2/subnet:Subnet"):
        tier = subnet.name.removeprefix("network-").split("-us-east")[0]
        zones.setdefault(tier, set()).add(subnet.inputs["availabilityZone"])
    assert zones.pop("hot-path") == zones.pop("market-data") == {"us-east-1b"}
    assert all(len(found) == 3 for found in zones.values())
    assert set(zones) == {tier.value for tier in Tier} - {"hot-path", "market-data"}


def test_all_traffic_is_logged_under_a_key(recording: Recording) -> None:
    (log,) = recording.of_type("aws:ec2/flowLog:FlowLog")
    assert log.inputs["trafficType"] == "ALL"
    (group,) = recording.of_type("aws:cloudwatch/logGroup:LogGroup")
    assert group.inputs["kmsKeyId"] == ARGS["logs_key_arn"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"zones": ("us-east-1a", "us-east-1a", "us-east-1c")}, "three different zones"),
        ({"hot_path_zone": "us-east-1f"}, "is none of zones"),
        ({"operator_cidrs": ("0.0.0.0/0",)}, "operator_cidrs: 0.0.0.0/0 is the whole internet"),
        ({"venue_cidrs": ("10.40.3.0/24",)}, "overlaps vpc_cidr"),
        ({"transit_gateway_id": "tgw-1"}, "transit_gateway_id"),
    ],
)
def test_a_network_that_cannot_work_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        NetworkArgs(**{**ARGS, **change})


def test_a_flow_listed_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="listed twice"):
        allowed_flows(VenuePorts(order_entry=1, snapshot=2, rerequest=3, lines=(4, 4)))


def test_the_table_says_why() -> None:
    table = as_table(allowed_flows(VENUE))
    assert "| hot-path | venue | tcp | 26400 | orders: OUCH over SoupBinTCP |" in table
