"""VPC endpoints: the ways to AWS APIs for subnets that have no way to the internet."""

from __future__ import annotations

import pulumi
from pulumi_aws import ec2
from pydantic import BaseModel, ConfigDict

from components.inputs import Text
from components.tags import tags

# what hosts and nodes call; each saves a NAT gateway
INTERFACE_SERVICES = (
    "autoscaling",
    "ec2",
    "ec2messages",
    "ecr.api",
    "ecr.dkr",
    "eks",
    "eks-auth",  # Pod Identity
    "elasticloadbalancing",
    "kms",
    "logs",
    "monitoring",
    "secretsmanager",
    "sns",  # Alertmanager
    "ssm",
    "ssmmessages",
    "sts",
)


class EndpointsArgs(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    environment: str
    region: str
    vpc_id: Text
    subnet_ids: tuple[Text, ...]
    security_group_id: Text


class Endpoints(pulumi.ComponentResource):
    """An interface endpoint per service, in each zone, with private DNS."""

    def __init__(self, name: str, args: EndpointsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:network:Endpoints", name, {}, opts)
        for service in INTERFACE_SERVICES:
            ec2.VpcEndpoint(
                f"{name}-{service.replace('.', '-')}",
                vpc_id=args.vpc_id,
                service_name=f"com.amazonaws.{args.region}.{service}",
                vpc_endpoint_type="Interface",
                subnet_ids=list(args.subnet_ids),
                security_group_ids=[args.security_group_id],
                private_dns_enabled=True,
                tags=tags(args.environment, name),
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({"services": list(INTERFACE_SERVICES)})
