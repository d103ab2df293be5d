"""Managed node groups: system, trading and observability, each with a launch template of its own."""

from __future__ import annotations

import base64

import pulumi
from pulumi_aws import ec2, eks
from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.control_plane.node_config import (
    TRADING_SYSCTLS,
    ClusterFacts,
    KubeletSettings,
    node_config,
    user_data,
)
from components.control_plane.pools import POOL_LABEL, Pool
from components.inputs import Text
from components.options import child_options
from components.tags import tags


class NodePool(BaseModel):
    """One group. taint: only pods that tolerate the pool's name are placed there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instance_type: str = Field(pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$")
    minimum: int = Field(ge=0, le=100)
    maximum: int = Field(ge=1, le=100)
    volume_gib: int = Field(100, ge=20, le=16_384)
    taint: bool = True
    kubelet: KubeletSettings = KubeletSettings()

    @model_validator(mode="after")
    def _range(self) -> NodePool:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        return self


class NodeGroupsArgs(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    environment: str
    cluster_name: Text
    cluster_endpoint: Text
    cluster_ca: Text
    service_cidr: str
    version: str
    release_version: str = Field(pattern=r"^1\.\d+\.\d+-\d{8}$", description="AMI release of AL2023")
    role_arn: Text
    subnet_ids: tuple[Text, ...]
    security_group_id: Text
    volume_key_arn: Text
    pools: dict[Pool, NodePool]


class NodeGroups(pulumi.ComponentResource):
    """`groups` by pool."""

    groups: dict[Pool, eks.NodeGroup]

    def __init__(self, name: str, args: NodeGroupsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:control_plane:NodeGroups", name, {}, opts)
        self._name = name
        self._args = args
        self.groups = {pool: self._group(pool, settings, opts) for pool, settings in args.pools.items()}
        self.register_outputs({"pools": list(args.pools)})

    def autoscaling_group(self, pool: Pool) -> pulumi.Output[str]:
        """Name of the group that EKS made for the pool; a load balancer registers its instances by it."""
        return self.groups[pool].resources.apply(lambda found: (found[0].autoscaling_groups or [])[0].name or "")

    def _group(self, pool: Pool, settings: NodePool, opts: pulumi.ResourceOptions | None) -> eks.NodeGroup:
        args = self._args
        name = f"{self._name}-{pool}"
        template = ec2.LaunchTemplate(
            name,
            update_default_version=True,
            instance_type=settings.instance_type,
            vpc_security_group_ids=[args.security_group_id],
            metadata_options=ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            block_device_mappings=[
                ec2.LaunchTemplateBlockDeviceMappingArgs(
                    device_name="/dev/xvda",
                    ebs=ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                        volume_type="gp3",
                        volume_size=settings.volume_gib,
                        encrypted="true",
                        kms_key_id=args.volume_key_arn,
                        delete_on_termination="true",
                    ),
                )
            ],
            user_data=self._user_data(pool, settings),
            tag_specifications=[
                ec2.LaunchTemplateTagSpecificationArgs(
                    resource_type=kind, tags=tags(args.environment, name, Name=f"ironlane-{args.environment}-{pool}")
                )
                for kind in ("instance", "volume")
            ],
            tags=tags(args.environment, name),
            opts=pulumi.ResourceOptions(parent=self),
        )
        taints = None
        if settings.taint:
            taints = [eks.NodeGroupTaintArgs(key=POOL_LABEL, value=pool, effect="NO_SCHEDULE")]
        options = child_options(self, opts)
        # the autoscaler owns the size
        options.ignore_changes = ["scalingConfig.desiredSize"]
        return eks.NodeGroup(
            name,
            cluster_name=args.cluster_name,
            node_role_arn=args.role_arn,
            subnet_ids=list(args.subnet_ids),
            ami_type="AL2023_x86_64_STANDARD",
            release_version=args.release_version,
            capacity_type="ON_DEMAND",
            launch_template=eks.NodeGroupLaunchTemplateArgs(id=template.id, version=template.latest_version.apply(str)),
            labels={POOL_LABEL: pool},
            taints=taints,
            scaling_config=eks.NodeGroupScalingConfigArgs(
                min_size=settings.minimum, max_size=settings.maximum, desired_size=settings.minimum
            ),
            update_config=eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
            node_repair_config=eks.NodeGroupNodeRepairConfigArgs(enabled=True),
            tags=tags(args.environment, name),
            opts=options,
        )

    def _user_data(self, pool: Pool, settings: NodePool) -> pulumi.Output[str]:
        args = self._args
        sysctls = TRADING_SYSCTLS if pool == "trading" else {}

        def render(found: list[str]) -> str:
            facts = ClusterFacts(
                name=found[0], endpoint=found[1], certificate_authority=found[2], service_cidr=args.service_cidr
            )
            text = user_data(node_config(facts, settings.kubelet, {POOL_LABEL: pool}), sysctls)
            return base64.b64encode(text.encode()).decode()

        return pulumi.Output.all(args.cluster_name, args.cluster_endpoint, args.cluster_ca).apply(render)
