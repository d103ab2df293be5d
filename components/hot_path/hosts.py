"""Trading hosts: a cluster placement group, capacity reserved inside it, an active and a standby instance."""

from __future__ import annotations

import base64
import gzip
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_aws import ec2
from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.hot_path.launch_rules import broken_rules
from components.inputs import Text
from components.tags import tags

MARKET_DATA_DEVICE = 1


class CpuOptions(BaseModel):
    """Of virtual instances only: threads_per_core 1 switches SMT off."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    core_count: int = Field(ge=1, le=256)
    threads_per_core: Literal[1, 2] = 1


class HostPlace(BaseModel):
    """One host. user_data is read at the first boot only; later changes reach the host by the rollout.

    instance_tags: what the first boot reads from the instance's metadata; a changed tag stops nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")
    role: Literal["active", "standby"]
    user_data: str = Field(min_length=1)
    instance_tags: dict[str, Text] = {}

    @property
    def compressed(self) -> bytes:
        """As cloud-init takes it; the same text gives the same bytes."""
        return gzip.compress(self.user_data.encode(), mtime=0)


class HotPathHostsArgs(BaseModel):
    """zone: of group, reservation and subnets. reserved: instances kept in the reservation, None = no reservation.

    placement_group: its name, for what outside of the stack refers to it; None = made up.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    environment: str
    zone: str
    subnet_zone: str
    subnet_id: Text
    market_data_subnet_id: Text
    security_group_id: Text
    market_data_security_group_id: Text
    instance_type: str
    cpu_options: CpuOptions | None = None
    ami_id: str = Field(pattern=r"^ami-[0-9a-f]{17}$")
    key_name: Text
    profile_name: Text
    volume_gib: int = Field(100, ge=20, le=16_384)
    volume_key_arn: Text
    placement_group: str | None = None
    hosts: tuple[HostPlace, ...] = Field(min_length=1)
    reserved: int | None = Field(None, ge=1)
    protect: bool

    @model_validator(mode="after")
    def _can_be_launched(self) -> HotPathHostsArgs:
        options = self.cpu_options
        problems = broken_rules(
            instance_type=self.instance_type,
            threads_per_core=options.threads_per_core if options else None,
            core_count=options.core_count if options else None,
            zone=self.zone,
            subnet_zone=self.subnet_zone,
            hosts=len(self.hosts),
            reserved=self.reserved,
            user_data_bytes=[len(host.compressed) for host in self.hosts],
            protect=self.protect,
        )
        names = [host.name for host in self.hosts]
        if len(set(names)) != len(names):
            problems.append(f"hosts {', '.join(names)}: each needs a name of its own")
        if [host.role for host in self.hosts].count("active") != 1:
            problems.append("hosts: exactly one must be active; two that send on one venue session are never right")
        if problems:
            raise ValueError("\n".join(problems))
        return self


@dataclass(frozen=True)
class HotPathHost:
    """One host that exists."""

    name: str
    role: Literal["active", "standby"]
    instance_id: pulumi.Output[str]
    private_ip: pulumi.Output[str]
    market_data_ip: pulumi.Output[str]
    ready: pulumi.Resource  # whoever works on the host waits for this


class HotPathHosts(pulumi.ComponentResource):
    """`hosts` by name, in the order given."""

    hosts: dict[str, HotPathHost]

    def __init__(self, name: str, args: HotPathHostsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:hot_path:HotPathHosts", name, {}, opts)
        self._name = name
        self._args = args
        self._kept = pulumi.ResourceOptions(parent=self, protect=args.protect)
        group = ec2.PlacementGroup(
            f"{name}-group",
            name=args.placement_group,
            strategy="cluster",
            tags=tags(args.environment, name),
            opts=self._kept,
        )
        reservation = self._reservation(group) if args.reserved is not None else None
        self.hosts = {place.name: self._host(place, group, reservation) for place in args.hosts}
        self.register_outputs(
            {
                "placement_group": group.name,
                "reservation": None if reservation is None else reservation.id,
                "hosts": {host.name: host.instance_id for host in self.hosts.values()},
            }
        )

    def _reservation(self, group: ec2.PlacementGroup) -> ec2.CapacityReservation:
        args = self._args
        return ec2.CapacityReservation(
            f"{self._name}-reservation",
            availability_zone=args.zone,
            instance_type=args.instance_type,
            instance_platform="Linux/UNIX",
            instance_count=args.reserved,
            # a reservation that any instance may take is none; and it cannot be moved into the group later
            instance_match_criteria="targeted",
            placement_group_arn=group.arn,
            end_date_type="unlimited",
            tags=tags(args.environment, self._name),
            opts=self._kept,
        )

    def _host(
        self, place: HostPlace, group: ec2.PlacementGroup, reservation: ec2.CapacityReservation | None
    ) -> HotPathHost:
        args = self._args
        name = f"{self._name}-{place.name}"
        labels = tags(args.environment, self._name, Name=f"ironlane-{args.environment}-{place.name}")
        capacity = None
        if reservation is not None:
            # the reservation itself: one named by its group may fall back to capacity outside of the placement group
            capacity = ec2.InstanceCapacityReservationSpecificationArgs(
                capacity_reservation_target=ec2.InstanceCapacityReservationSpecificationCapacityReservationTargetArgs(
                    capacity_reservation_id=reservation.id
                )
            )
        options = args.cpu_options
        instance = ec2.Instance(
            name,
            ami=args.ami_id,
            instance_type=args.instance_type,
            availability_zone=args.zone,
            subnet_id=args.subnet_id,
            vpc_security_group_ids=[args.security_group_id],
            associate_public_ip_address=False,
            placement_group_id=group.placement_group_id,
            capacity_reservation_specification=capacity,
            cpu_options=None
            if options is None
            else ec2.InstanceCpuOptionsArgs(core_count=options.core_count, threads_per_core=options.threads_per_core),
            iam_instance_profile=args.profile_name,
            key_name=args.key_name,
            user_data_base64=base64.b64encode(place.compressed).decode(),
            user_data_replace_on_change=False,
            metadata_options=ec2.InstanceMetadataOptionsArgs(
                http_endpoint="enabled",
                http_tokens="required",
                http_put_response_hop_limit=1,
                instance_metadata_tags="enabled",
            ),
            root_block_device=ec2.InstanceRootBlockDeviceArgs(
                volume_type="gp3",
                volume_size=args.volume_gib,
                encrypted=True,
                kms_key_id=args.volume_key_arn,
                delete_on_termination=not args.protect,
                tags=labels,
            ),
            ebs_optimized=True,
            monitoring=True,
            disable_api_termination=args.protect,
            disable_api_stop=args.protect,
            instance_initiated_shutdown_behavior="stop",
            tags={**labels, **place.instance_tags},
            # read at the first boot only, and a change would stop the host: the rollout carries later changes
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect, ignore_changes=["userDataBase64"]),
        )
        market_data = ec2.NetworkInterface(
            f"{name}-market-data",
            subnet_id=args.market_data_subnet_id,
            security_groups=[args.market_data_security_group_id],
            description=f"market data of {place.name}",
            tags=labels,
            opts=self._kept,
        )
        attachment = ec2.NetworkInterfaceAttachment(
            f"{name}-market-data",
            instance_id=instance.id,
            network_interface_id=market_data.id,
            device_index=MARKET_DATA_DEVICE,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return HotPathHost(
            place.name, place.role, instance.id, instance.private_ip, market_data.private_ip, ready=attachment
        )
