"""Who can open a connection to whom, worked out from recorded resources: groups, rules, subnets, routes, ACLs.

It knows a list of resource types. Another one of the network that is recorded is an error: a way in that is not looked
at must not look like none.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network

from tests.recorder import Recording, Resource
from tests.recorder.answers import id_of

INSTANCE = "aws:ec2/instance:Instance"
INTERFACE = "aws:ec2/networkInterface:NetworkInterface"
ATTACHMENT = "aws:ec2/networkInterfaceAttachment:NetworkInterfaceAttachment"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
SUBNET = "aws:ec2/subnet:Subnet"
TABLE = "aws:ec2/routeTable:RouteTable"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
ROUTE = "aws:ec2/route:Route"
ACL = "aws:ec2/networkAcl:NetworkAcl"
VPC = "aws:ec2/vpc:Vpc"

_MODELLED = {
    INSTANCE, INTERFACE, ATTACHMENT, GROUP, DEFAULT_GROUP, INGRESS, EGRESS, SUBNET, TABLE, ASSOCIATION, ROUTE, ACL, VPC,
    "aws:ec2/internetGateway:InternetGateway",
    "aws:ec2transitgateway/vpcAttachment:VpcAttachment",
    "aws:ec2/vpcEndpoint:VpcEndpoint",
}  # fmt: skip
# of the same services, and no way into anything
_NO_WAY_IN = {
    "aws:ec2/capacityReservation:CapacityReservation",
    "aws:ec2/flowLog:FlowLog",
    "aws:ec2/keyPair:KeyPair",
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:ec2/placementGroup:PlacementGroup",
    "aws:ec2/volumeAttachment:VolumeAttachment",
}
_SERVICES = (
    "aws:ec2/",
    "aws:vpc/",
    "aws:ec2transitgateway/",
    "aws:ec2clientvpn/",
    "aws:directconnect/",
    "aws:vpclattice/",
)
ANYWHERE = IPv4Network("0.0.0.0/0")


class UnmodelledError(AssertionError):
    """Something recorded may open a way that is not looked at."""


@dataclass(frozen=True, order=True)
class Way:
    """source and target: a group's name or a network, and an interface's name. ports: first to last; -1 = all."""

    source: str
    target: str
    protocol: str
    first_port: int
    last_port: int


@dataclass(frozen=True)
class Interface:
    """A network interface of a host: where it is and which groups it is in."""

    name: str
    groups: frozenset[str]
    subnet: str


class Topology:
    """Raises UnmodelledError."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._refuse_what_is_not_modelled()
        self.group_names = {id_of(each.name): each.inputs["description"] for each in recording.of_type(GROUP)}
        self._subnets = {id_of(each.name): IPv4Network(each.inputs["cidrBlock"]) for each in recording.of_type(SUBNET)}

    def interfaces(self, host: Resource) -> list[Interface]:
        """Of an instance: the first one, and those attached."""
        inputs = host.inputs
        own = [Interface(host.name, frozenset(inputs["vpcSecurityGroupIds"]), inputs["subnetId"])]
        by_id = {id_of(each.name): each for each in self._recording.of_type(INTERFACE)}
        for attachment in self._recording.of_type(ATTACHMENT):
            if attachment.inputs["instanceId"] == id_of(host.name):
                more = by_id[attachment.inputs["networkInterfaceId"]]
                own.append(Interface(more.name, frozenset(more.inputs["securityGroups"]), more.inputs["subnetId"]))
        return own

    def admitted(self, to: Interface) -> set[Way]:
        """All that the groups of the interface let in, whether or not it would find its way."""
        return {
            Way(source, to.name, *_ports(rule))
            for rule in self._recording.of_type(INGRESS)
            if rule.inputs["securityGroupId"] in to.groups
            for source in [self._peer(rule)]
        }

    def working(self, to: Interface) -> set[Way]:
        """Those of them that do: the other side may open them, there is a route, and no ACL is in the way."""
        return {way for way in self.admitted(to) if self._open_at_source(way, to) and self._routed(way, to)}

    def _peer(self, rule: Resource) -> str:
        inputs = rule.inputs
        if group := inputs.get("referencedSecurityGroupId"):
            return self.group_names[group]
        if network := inputs.get("cidrIpv4"):
            return str(IPv4Network(network))
        raise UnmodelledError(f"{rule.urn}: lets in neither a group nor an IPv4 network: {sorted(inputs)}")

    def _open_at_source(self, way: Way, to: Interface) -> bool:
        """Whether a rule of the source's own group lets it open the connection; networks outside decide themselves."""
        if way.source not in self.group_names.values():
            return True
        for rule in self._recording.of_type(EGRESS):
            inputs = rule.inputs
            if self.group_names.get(inputs["securityGroupId"]) != way.source:
                continue
            to_group = inputs.get("referencedSecurityGroupId") in to.groups
            network = inputs.get("cidrIpv4")
            to_subnet = network is not None and self._subnets[to.subnet].subnet_of(IPv4Network(network))
            protocol, first, last = _ports(rule)
            fits = protocol in ("-1", way.protocol) and (
                first == -1 or first <= way.first_port <= way.last_port <= last
            )
            if fits and (to_group or to_subnet):
                return True
        return False

    def _routed(self, way: Way, to: Interface) -> bool:
        if way.source in self.group_names.values():
            return True  # inside of the VPC there is always a route
        source = IPv4Network(way.source)
        return any(source.subnet_of(network) for network, _ in self.routes(to.subnet))

    def routes(self, subnet: str) -> list[tuple[IPv4Network, str]]:
        """(network, through what) of the table of a subnet. Raises UnmodelledError for a subnet with the main table."""
        tables = [
            each.inputs["routeTableId"]
            for each in self._recording.of_type(ASSOCIATION)
            if each.inputs["subnetId"] == subnet
        ]
        if len(tables) != 1:
            raise UnmodelledError(
                f"subnet {subnet} has {len(tables)} route tables of its own; the main one is not looked at"
            )
        return [
            (IPv4Network(each.inputs["destinationCidrBlock"]), _gateway(each))
            for each in self._recording.of_type(ROUTE)
            if each.inputs["routeTableId"] == tables[0]
        ]

    def public(self, host: Resource) -> list[str]:
        """Why the host might be reached from the internet; empty when it cannot."""
        found = []
        if host.inputs.get("associatePublicIpAddress") is not False:
            found.append(f"{host.name}: a public address is not refused")
        for interface in self.interfaces(host):
            for network, through in self.routes(interface.subnet):
                if through == "gatewayId" or network == ANYWHERE:
                    found.append(f"{interface.name}: a route to {network} by {through}")
        return found

    def _refuse_what_is_not_modelled(self) -> None:
        for each in self._recording.resources:
            if each.type.startswith(_SERVICES) and each.type not in _MODELLED | _NO_WAY_IN:
                raise UnmodelledError(f"{each.urn}: teach tests/support/reachability.py what {each.type} opens")
            if each.type in (GROUP, DEFAULT_GROUP) and (each.inputs.get("ingress") or each.inputs.get("egress")):
                raise UnmodelledError(f"{each.urn}: has rules inline; they belong into the table of flows")
            if each.type == TABLE and each.inputs.get("routes"):
                raise UnmodelledError(f"{each.urn}: has routes inline")
            if each.type == ACL:
                raise UnmodelledError(f"{each.urn}: ACLs are not looked at; the table of flows is by groups")
            if each.type == VPC and each.inputs.get("assignGeneratedIpv6CidrBlock"):
                raise UnmodelledError(f"{each.urn}: IPv6 is not looked at")


def _ports(rule: Resource) -> tuple[str, int, int]:
    inputs = rule.inputs
    return inputs["ipProtocol"], inputs.get("fromPort", -1), inputs.get("toPort", -1)


def _gateway(route: Resource) -> str:
    found = [key for key in route.inputs if key.endswith("Id") and key != "routeTableId"]
    if len(found) != 1 or "destinationCidrBlock" not in route.inputs:
        raise UnmodelledError(f"{route.urn}: a route of another kind: {sorted(route.inputs)}")
    return found[0]
