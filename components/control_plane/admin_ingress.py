"""The way in for people: a network load balancer that passes TLS through to the admin program.

The program itself ends TLS and asks for the client's certificate. An application load balancer with a trust store
would do it before the program and hand the person's name on as a header: then whoever reaches the pod, or may write
the trust store's bundle in S3, is whoever they like, and this program can stop trading. Passed through, the proof
reaches the program that writes down who did what.
"""

from __future__ import annotations

import pulumi
from pulumi_aws import autoscaling, lb
from pydantic import BaseModel, ConfigDict, Field

from components.inputs import Text
from components.network.flows import ADMIN_NODE_PORT, HTTPS
from components.options import child_options
from components.tags import tags


class AdminIngressArgs(BaseModel):
    """group_name: autoscaling group of the nodes that carry the program."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    environment: str
    vpc_id: Text
    subnet_ids: tuple[Text, ...] = Field(min_length=2)
    security_group_id: Text
    group_name: Text
    protect: bool


class AdminIngress(pulumi.ComponentResource):
    """`address`: the DNS name that administrators' browsers are pointed to."""

    address: pulumi.Output[str]

    def __init__(self, name: str, args: AdminIngressArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:control_plane:AdminIngress", name, {}, opts)
        own = tags(args.environment, name)
        balancer = lb.LoadBalancer(
            name,
            load_balancer_type="network",
            internal=False,
            subnets=list(args.subnet_ids),
            # administrators' addresses only, by the table of flows
            security_groups=[args.security_group_id],
            enable_cross_zone_load_balancing=True,
            enable_deletion_protection=args.protect,
            tags=own,
            opts=child_options(self, opts),
        )
        targets = lb.TargetGroup(
            name,
            vpc_id=args.vpc_id,
            port=ADMIN_NODE_PORT,
            protocol="TCP",
            target_type="instance",
            # the network policy of the program asks for the administrator's address
            preserve_client_ip="true",
            deregistration_delay=30,
            # nodes without a pod of the program do not answer on that port
            health_check=lb.TargetGroupHealthCheckArgs(
                protocol="TCP", port="traffic-port", interval=10, healthy_threshold=2, unhealthy_threshold=2
            ),
            tags=own,
            opts=child_options(self, opts),
        )
        lb.Listener(
            name,
            load_balancer_arn=balancer.arn,
            port=HTTPS,
            protocol="TCP",
            default_actions=[lb.ListenerDefaultActionArgs(type="forward", target_group_arn=targets.arn)],
            tags=own,
            opts=child_options(self, opts),
        )
        autoscaling.Attachment(
            name,
            autoscaling_group_name=args.group_name,
            lb_target_group_arn=targets.arn,
            opts=child_options(self, opts),
        )
        self.address = balancer.dns_name
        self.register_outputs({"address": self.address})
