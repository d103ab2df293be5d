"""The network: one VPC over three zones, private but for the subnets of the admin ingress."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network

import pulumi
from pulumi_aws import ec2, ec2transitgateway
from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.inputs import Text
from components.network.address_plan import Tier, subnet_cidr
from components.network.endpoints import Endpoints, EndpointsArgs
from components.network.flow_logs import FlowLogs, FlowLogsArgs
from components.network.flows import Party, VenuePorts, allowed_flows
from components.network.security_groups import SecurityGroups, SecurityGroupsArgs
from components.tags import tags

ONE_ZONE = frozenset({Tier.HOT_PATH, Tier.MARKET_DATA})  # a cluster placement group cannot leave its zone
ANYWHERE = "0.0.0.0/0"


class NetworkArgs(BaseModel):
    """cidrs of the parties outside; transit_gateway_id: the way to the venue and to the company's network."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    environment: str
    region: str
    zones: tuple[str, ...] = Field(min_length=3, max_length=3)
    hot_path_zone: str
    vpc_cidr: str
    venue: VenuePorts
    venue_cidrs: tuple[str, ...] = Field(min_length=1)
    operator_cidrs: tuple[str, ...] = Field(min_length=1)
    administrator_cidrs: tuple[str, ...] = Field(min_length=1)
    transit_gateway_id: str | None = Field(None, pattern=r"^tgw-[0-9a-f]{17}$")
    logs_key_arn: Text

    @model_validator(mode="after")
    def _consistent(self) -> NetworkArgs:
        if len(set(self.zones)) != len(self.zones):
            raise ValueError(f"zones {', '.join(self.zones)}: three different zones are needed for a quorum")
        if self.hot_path_zone not in self.zones:
            raise ValueError(f"hot_path_zone {self.hot_path_zone} is none of zones {', '.join(self.zones)}")
        own = IPv4Network(self.vpc_cidr)
        for key in ("venue_cidrs", "operator_cidrs", "administrator_cidrs"):
            for cidr in getattr(self, key):
                block = IPv4Network(cidr)
                if block.prefixlen == 0:
                    raise ValueError(f"{key}: {cidr} is the whole internet; name the networks that are meant")
                if block.overlaps(own):
                    raise ValueError(f"{key}: {cidr} overlaps vpc_cidr {self.vpc_cidr}; it must be outside of it")
        return self


class Network(pulumi.ComponentResource):
    """`subnet_ids` by tier, in the order of the zones; `security_group_ids` by party."""

    vpc_id: pulumi.Output[str]
    subnet_ids: dict[Tier, tuple[pulumi.Output[str], ...]]
    security_group_ids: dict[Party, pulumi.Output[str]]

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:network:Network", name, {}, opts)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        vpc = ec2.Vpc(
            name,
            cidr_block=args.vpc_cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=tags(args.environment, name, Name=f"ironlane-{args.environment}"),
            opts=self._child,
        )
        self.vpc_id = vpc.id
        subnets = {tier: self._subnets(tier) for tier in Tier}
        self.subnet_ids = {tier: tuple(subnet.id for subnet in those) for tier, those in subnets.items()}
        # a table per tier: what a tier can reach is read off one table
        tables = {tier: self._route_table(tier, those) for tier, those in subnets.items()}
        self._internet(tables[Tier.INGRESS])
        if args.transit_gateway_id is not None:
            self._transit(args.transit_gateway_id, tables)
        storage = ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=vpc.id,
            service_name=f"com.amazonaws.{args.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[
                table.id for tier, table in tables.items() if tier not in (Tier.INGRESS, Tier.DATA, Tier.MARKET_DATA)
            ],
            tags=tags(args.environment, name),
            opts=self._child,
        )
        groups = SecurityGroups(
            f"{name}-groups",
            SecurityGroupsArgs(
                environment=args.environment,
                vpc_id=vpc.id,
                flows=allowed_flows(args.venue),
                cidrs={
                    Party.VENUE: args.venue_cidrs,
                    Party.OPERATORS: args.operator_cidrs,
                    Party.ADMINISTRATORS: args.administrator_cidrs,
                },
                prefix_lists={Party.OBJECT_STORAGE: storage.prefix_list_id},
            ),
            self._child,
        )
        self.security_group_ids = groups.ids
        Endpoints(
            f"{name}-endpoints",
            EndpointsArgs(
                environment=args.environment,
                region=args.region,
                vpc_id=vpc.id,
                subnet_ids=self.subnet_ids[Tier.EKS_CONTROL_PLANE],
                security_group_id=groups.ids[Party.ENDPOINTS],
            ),
            self._child,
        )
        FlowLogs(
            f"{name}-flow-logs",
            FlowLogsArgs(environment=args.environment, vpc_id=vpc.id, kms_key_arn=args.logs_key_arn),
            self._child,
        )
        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "subnet_ids": {tier.value: list(ids) for tier, ids in self.subnet_ids.items()},
                "security_group_ids": {party.value: id_ for party, id_ in self.security_group_ids.items()},
            }
        )

    def _subnets(self, tier: Tier) -> list[ec2.Subnet]:
        args = self._args
        zones = [args.hot_path_zone] if tier in ONE_ZONE else list(args.zones)
        more = {}
        if tier is Tier.INGRESS:
            more = {"kubernetes.io/role/elb": "1"}  # the load balancer controller looks for it
        return [
            ec2.Subnet(
                f"{self._name}-{tier.value}-{zone}",
                vpc_id=self.vpc_id,
                availability_zone=zone,
                cidr_block=subnet_cidr(args.vpc_cidr, tier, args.zones.index(zone)),
                map_public_ip_on_launch=False,
                tags=tags(args.environment, self._name, Name=f"ironlane-{tier.value}-{zone}", **more),
                opts=self._child,
            )
            for zone in zones
        ]

    def _route_table(self, tier: Tier, subnets: list[ec2.Subnet]) -> ec2.RouteTable:
        table = ec2.RouteTable(
            f"{self._name}-{tier.value}",
            vpc_id=self.vpc_id,
            tags=tags(self._args.environment, self._name, Name=f"ironlane-{tier.value}"),
            opts=self._child,
        )
        for number, subnet in enumerate(subnets):
            ec2.RouteTableAssociation(
                f"{self._name}-{tier.value}-{number}", route_table_id=table.id, subnet_id=subnet.id, opts=self._child
            )
        return table

    def _internet(self, table: ec2.RouteTable) -> None:
        gateway = ec2.InternetGateway(
            f"{self._name}-internet",
            vpc_id=self.vpc_id,
            tags=tags(self._args.environment, self._name),
            opts=self._child,
        )
        ec2.Route(
            f"{self._name}-internet",
            route_table_id=table.id,
            destination_cidr_block=ANYWHERE,
            gateway_id=gateway.id,
            opts=self._child,
        )

    def _transit(self, gateway: str, tables: Mapping[Tier, ec2.RouteTable]) -> None:
        args = self._args
        attachment = ec2transitgateway.VpcAttachment(
            f"{self._name}-transit",
            transit_gateway_id=gateway,
            vpc_id=self.vpc_id,
            subnet_ids=list(self.subnet_ids[Tier.BUS]),
            tags=tags(args.environment, self._name),
            opts=self._child,
        )
        reached = {
            Tier.HOT_PATH: (*args.venue_cidrs, *args.operator_cidrs),
            Tier.MARKET_DATA: args.venue_cidrs,
            Tier.BUS: args.operator_cidrs,
            Tier.EKS_CONTROL_PLANE: args.operator_cidrs,
        }
        for tier, cidrs in reached.items():
            for cidr in cidrs:
                ec2.Route(
                    f"{self._name}-{tier.value}-{cidr.replace('/', '-')}",
                    route_table_id=tables[tier].id,
                    destination_cidr_block=cidr,
                    transit_gateway_id=gateway,
                    opts=pulumi.ResourceOptions(parent=self, depends_on=[attachment]),
                )
