"""The cloud environments as composed: what holds over all components together."""

from __future__ import annotations

import dataclasses
import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from cli.credentials import has_credentials
from stacks.cloud_settings import parse
from stacks.stack_file import SettingsError, read_stack_file
from tests.recorder import Recording
from tests.support.cloud_recording import ROOT, recorded

# what cannot be had back, or not in time, once it is gone
HELD = {
    "aws:ebs/volume:Volume",
    "aws:ec2/capacityReservation:CapacityReservation",
    "aws:ec2/instance:Instance",
    "aws:ec2/networkInterface:NetworkInterface",
    "aws:ec2/placementGroup:PlacementGroup",
    "aws:ecr/repository:Repository",
    "aws:eks/cluster:Cluster",
    "aws:elasticache/replicationGroup:ReplicationGroup",
    "aws:kms/key:Key",
    "aws:rds/instance:Instance",
    "aws:s3/bucket:Bucket",
}
# what an update makes again from the program, with nothing lost
MADE_AGAIN = {
    "aws:autoscaling/attachment:Attachment",
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    "aws:ec2/flowLog:FlowLog",
    "aws:ec2/internetGateway:InternetGateway",
    "aws:ec2/keyPair:KeyPair",
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:ec2/networkInterfaceAttachment:NetworkInterfaceAttachment",
    "aws:ec2/route:Route",
    "aws:ec2/routeTable:RouteTable",
    "aws:ec2/routeTableAssociation:RouteTableAssociation",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/subnet:Subnet",
    "aws:ec2/volumeAttachment:VolumeAttachment",
    "aws:ec2/vpc:Vpc",
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "aws:ec2transitgateway/vpcAttachment:VpcAttachment",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy",
    "aws:eks/accessEntry:AccessEntry",
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
    "aws:eks/addon:Addon",
    "aws:eks/nodeGroup:NodeGroup",
    "aws:eks/podIdentityAssociation:PodIdentityAssociation",
    "aws:elasticache/subnetGroup:SubnetGroup",
    "aws:elasticache/user:User",
    "aws:elasticache/userGroup:UserGroup",
    "aws:iam/instanceProfile:InstanceProfile",
    "aws:iam/role:Role",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:kms/alias:Alias",
    "aws:lb/listener:Listener",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:lb/targetGroup:TargetGroup",
    "aws:rds/parameterGroup:ParameterGroup",
    "aws:rds/subnetGroup:SubnetGroup",
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
    "aws:s3/bucketObjectv2:BucketObjectv2",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:sns/topic:Topic",
    "aws:sns/topicSubscription:TopicSubscription",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
}


@pytest.fixture(scope="module")
def prod() -> Recording:
    return recorded("prod")


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_a_preview_registers_what_an_update_does(environment: str) -> None:
    """Nothing is created inside an apply: the recorder fails on it. Here that it looked at both."""
    made = recorded(environment)
    assert made.preview is not None
    assert len(made.preview.resources) == len(made.resources)
    assert any(each.unknown for each in made.preview.resources)
    assert not any(each.unknown for each in made.resources)


def unprotected(recording: Recording) -> list[str]:
    return [each.name for each in recording.resources if each.type in HELD and not each.protect]


def test_every_resource_of_prod_that_holds_data_or_capacity_is_protected(prod: Recording) -> None:
    assert unprotected(prod) == []
    assert prod.of_type("aws:ec2/instance:Instance")


def test_every_type_of_aws_is_known_to_hold_something_or_not(prod: Recording) -> None:
    found = {each.type for each in prod.resources if each.type.startswith("aws:")}
    assert found <= HELD | MADE_AGAIN, f"put into HELD or MADE_AGAIN: {sorted(found - HELD - MADE_AGAIN)}"


def test_a_dropped_protection_is_seen(prod: Recording) -> None:
    held = [each for each in prod.resources if each.type in HELD]
    assert len(held) > 10
    for dropped in held:
        without = tuple(
            dataclasses.replace(each, protect=False) if each is dropped else each for each in prod.resources
        )
        assert unprotected(dataclasses.replace(prod, resources=without)) == [dropped.name]


def test_nothing_of_dev_is_protected() -> None:
    assert not [each.name for each in recorded("dev").resources if each.protect]


def test_every_custom_resource_has_a_parent_of_ours_or_the_stack(prod: Recording) -> None:
    components = {each.urn for each in prod.resources if not each.custom}
    orphans = {each.name for each in prod.resources if each.custom and each.parent not in components}
    assert orphans == {"aws", "deploy"}


def test_every_resource_of_aws_uses_the_one_provider_of_the_account(prod: Recording) -> None:
    """A default provider would take whatever region and account the shell has."""
    assert {each.provider.split("::")[-2] for each in prod.resources if each.type.startswith("aws:")} == {"aws"}


def test_a_host_boots_only_when_its_files_and_its_engine_are_there(prod: Recording) -> None:
    engine = next(each for each in prod.resources if each.name.startswith("engine-"))
    for host in ("hot-a", "hot-b"):
        instance = prod.named(f"hot-path-{host}")
        for stored in (prod.named(f"boot-{host}-files"), prod.named(f"boot-{host}-pin"), engine):
            assert prod.waits_for(instance, stored), stored.name


def test_a_standby_starts_no_role_that_could_take_the_order_session(prod: Recording) -> None:
    for host, order_roles in (("hot-a", True), ("hot-b", False)):
        files = json.loads(prod.named(f"boot-{host}-files").inputs["content"])
        wanted = files["/etc/systemd/system/ironlane.target"]
        assert ("ironlane-order-router.service" in wanted) is order_roles
        assert "/etc/systemd/system/ironlane-order-router.service" in files, "so that it can take over"


def errors(change: dict[str, Any]) -> str:
    raw = deepcopy(read_stack_file(ROOT / "Pulumi.prod.yaml"))
    for path, value in change.items():
        section = raw
        *keys, last = path.split(".")
        for key in keys:
            section = section[key]
        section[last] = value
    with pytest.raises(SettingsError) as caught:
        parse(raw, "Pulumi.prod.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"aws.region": "Virginia"}, "Pulumi.prod.yaml: ironlane:aws.region = 'Virginia'"),
        ({"eks.addon": {}}, "ironlane:eks.addon = {}: unknown key; known here: addons, administrators"),
        ({"eks.pools.trading.kubelet.cpus": 3}, "ironlane:eks.pools.trading.kubelet.cpus = 3: unknown key"),
        ({"hot_path.hosts": [{"name": "hot-a", "role": "active", "roles": ["agent"]}]}, "prod needs a standby"),
        (
            {"trading.venue.snapshot": "203.0.113.9"},
            "trading.venue: snapshot 203.0.113.9: outside of network.venue_cidrs 198.51.100.0/24",
        ),
        ({"trading.venue.order_entry": "venue.example"}, "ironlane:trading.venue.order_entry = 'venue.example'"),
        (
            {"platform.images.oms": "controlplane:1.0"},
            "ironlane:platform.images.oms = 'controlplane:1.0': image 'controlplane:1.0' is not pinned",
        ),
        ({"hot_path.latency": {"strategy": {"p99_us": 5000}}}, "strategy: a P99 of 5000 us needs no isolated core"),
        ({"platform.replicas": {"omss": 1}}, "ironlane:platform.replicas.omss"),
        ({"platform.replicas": {"oms": 2}}, "replicas: oms run as one, scale by themselves (sizes) or are jobs"),
        ({"environment": "staging"}, "ironlane:environment = 'staging': Input should be 'dev' or 'prod'"),
    ],
)
def test_errors_name_file_key_and_fix(change: dict[str, Any], told: str) -> None:
    assert told in errors(change)


def test_credentials_are_looked_for_where_the_sdk_looks(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    assert not has_credentials(home)
    assert has_credentials({**home, "AWS_PROFILE": "prod"})
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").touch()
    assert has_credentials(home)
