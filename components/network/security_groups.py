"""Security groups and their rules, made from the table of allowed flows and from nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
from pulumi_aws import ec2, vpc
from pydantic import BaseModel, ConfigDict

from components.inputs import Text
from components.network.flows import OUTSIDE, Flow, Party, Protocol
from components.tags import tags


class SecurityGroupsArgs(BaseModel):
    """cidrs: addresses of the parties outside; prefix_lists: managed prefix lists of services (S3)."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    environment: str
    vpc_id: Text
    flows: tuple[Flow, ...]
    cidrs: Mapping[Party, tuple[str, ...]]
    prefix_lists: Mapping[Party, Text]


class SecurityGroups(pulumi.ComponentResource):
    """One group per party inside the VPC. `ids` by party."""

    ids: dict[Party, pulumi.Output[str]]

    def __init__(self, name: str, args: SecurityGroupsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:network:SecurityGroups", name, {}, opts)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        # AWS makes a default group that lets its members talk to each other: emptied
        ec2.DefaultSecurityGroup(
            f"{name}-default",
            vpc_id=args.vpc_id,
            ingress=[],
            egress=[],
            tags=tags(args.environment, name),
            opts=self._child,
        )
        self.ids = {party: self._group(party).id for party in Party if party not in OUTSIDE}
        for flow in args.flows:
            if flow.target not in OUTSIDE:
                self._rules(vpc.SecurityGroupIngressRule, "in", flow, flow.target, flow.source)
            if flow.source not in OUTSIDE:
                self._rules(vpc.SecurityGroupEgressRule, "out", flow, flow.source, flow.target)
        self.register_outputs({"ids": {party.value: id_ for party, id_ in self.ids.items()}})

    def _group(self, party: Party) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            f"{self._name}-{party.value}",
            vpc_id=self._args.vpc_id,
            description=f"ironlane {party.value}",
            # rules are resources of their own: a rule outside of the table shows as a difference
            revoke_rules_on_delete=True,
            tags=tags(self._args.environment, self._name, Name=f"ironlane-{party.value}"),
            opts=self._child,
        )

    def _rules(
        self,
        kind: type[vpc.SecurityGroupIngressRule] | type[vpc.SecurityGroupEgressRule],
        direction: str,
        flow: Flow,
        here: Party,
        there: Party,
    ) -> None:
        everything = flow.protocol is Protocol.ALL
        for suffix, peer in self._peers(there):
            kind(
                f"{self._name}-{flow.name}-{direction}{suffix}",
                security_group_id=self.ids[here],
                ip_protocol=flow.protocol.value,
                from_port=None if everything else flow.first_port,
                to_port=None if everything else flow.last_port,
                description=flow.why,
                tags=tags(self._args.environment, self._name),
                opts=self._child,
                **peer,
            )

    def _peers(self, party: Party) -> list[tuple[str, dict[str, Text]]]:
        if party not in OUTSIDE:
            return [("", {"referenced_security_group_id": self.ids[party]})]
        if party in self._args.prefix_lists:
            return [("", {"prefix_list_id": self._args.prefix_lists[party]})]
        cidrs = self._args.cidrs.get(party, ())
        return [(f"-{cidr.replace('/', '-')}", {"cidr_ipv4": cidr}) for cidr in cidrs]
