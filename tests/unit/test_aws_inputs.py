"""Inputs of AWS resources against the service models: what Pulumi's mocks take and AWS would refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from pulumi_aws import cloudwatch, ec2, ecr, eks, elasticache, iam, kms, rds, s3, vpc

from tests.aws_inputs import check, models
from tests.aws_inputs.policy_document import problems as policy_problems
from tests.recorder import deploy

Make = Callable[[], Any]
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def refused(make: Make) -> str:
    with pytest.raises(AssertionError) as caught:
        deploy(lambda: make() and None)
    return str(caught.value)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        # enums
        (lambda: ec2.PlacementGroup("it", strategy="clustered"), "::it: strategy: 'clustered' is no PlacementStrategy"),
        (lambda: _instance(instance_type="c7i.mettle"), "instanceType: 'c7i.mettle' is no InstanceType"),
        (lambda: _instance(root_block_device={"volume_type": "gp4"}), "rootBlockDevice.volumeType: 'gp4' is no"),
        (lambda: _cluster(enabled_cluster_log_types=["api", "audits"]), "enabledClusterLogTypes[1]: 'audits' is no"),
        (
            lambda: s3.BucketVersioning("it", bucket="b" * 3, versioning_configuration={"status": "On"}),
            "versioningConfiguration.status: 'On' is no BucketVersioningStatus",
        ),
        (lambda: ecr.Repository("it", name="a/b", image_tag_mutability="LOCKED"), "imageTagMutability: 'LOCKED' is no"),
        (
            lambda: eks.NodeGroup(
                "it",
                cluster_name="c",
                node_role_arn="r",
                subnet_ids=["s"],
                scaling_config={"min_size": 1, "max_size": 1, "desired_size": 1},
                taints=[{"key": "k", "effect": "NoSchedule"}],
            ),
            "taints[0].effect: 'NoSchedule' is no TaintEffect: NO_SCHEDULE",
        ),
        # patterns
        (lambda: _cluster(name="iron lane"), "name: 'iron lane' does not match ^[0-9A-Za-z]"),
        (
            lambda: iam.Role("it", name="my role", assume_role_policy=json.dumps(TRUST)),
            "name: 'my role' does not match",
        ),
        (lambda: ecr.Repository("it", name="Ironlane/OMS"), "name: 'Ironlane/OMS' does not match"),
        (lambda: cloudwatch.LogGroup("it", name="/aws/a b"), "name: '/aws/a b' does not match"),
        (lambda: _instance(ami="latest"), "ami: 'latest' does not match"),
        # ranges and lengths
        (lambda: kms.Key("it", deletion_window_in_days=3), "deletionWindowInDays: 3 is outside of 7 to 30"),
        (
            lambda: eks.NodeGroup(
                "it",
                cluster_name="c",
                node_role_arn="r",
                subnet_ids=["s"],
                scaling_config={"min_size": 0, "max_size": 0, "desired_size": 0},
            ),
            "scalingConfig.maxSize: 0 is outside of 1",
        ),
        (lambda: _instance(metadata_options={"http_put_response_hop_limit": 65}), "HopLimit: 65 is outside of 1 to 64"),
        (lambda: cloudwatch.LogGroup("it", retention_in_days=100), "retentionInDays: 100 is none of"),
        (
            lambda: rds.Instance("it", instance_class="db.m7g.large", backup_retention_period=36),
            "36 is outside of 0 to 35",
        ),
        (lambda: kms.Key("it", description="x" * 8193), "description: 8193 characters: 0 to 8192 are allowed"),
        (lambda: _rule(from_port=70_000), "fromPort: 70000 is outside of -1 to 65535"),
        (lambda: _cluster(name=""), "name: 0 characters: 1 to 100 are allowed"),
        # networks
        (
            lambda: ec2.Vpc("it", cidr_block="10.0.0.1/16"),
            "'10.0.0.1/16' is no IPv4 network: 10.0.0.1/16 has host bits",
        ),
        (lambda: ec2.Vpc("it", cidr_block="10.0.0.0/8"), "a prefix of /16 to /28 is allowed"),
        (lambda: _rule(cidr_ipv4="0.0.0.0/33"), "cidrIpv4: '0.0.0.0/33' is no IPv4 network"),
        # names of nested properties, and tags
        (
            lambda: _cluster(vpc_config={"subnet_ids": ["s"], "endpointPrivat": True}),
            "vpcConfig.endpointPrivat: no member",
        ),
        (lambda: ec2.Vpc("it", cidr_block="10.0.0.0/16", tags={"aws:mine": "x"}), "tags.aws:mine: the prefix aws: is"),
        (
            lambda: ec2.Vpc("it", cidr_block="10.0.0.0/16", tags={"k": "ä?"}),
            "tags.k: 'ä?': a tag's value has up to 256",
        ),
        # types
        (lambda: _instance(monitoring=pulumi.Output.from_input("yes")), "monitoring: 'yes' is not true or false"),
        (
            lambda: rds.Instance("it", instance_class="db.m7g.large", port=pulumi.Output.from_input("pg")),
            "port: 'pg' is no",
        ),
        (
            lambda: elasticache.ReplicationGroup("it", description="d", engine="memcached"),
            "engine: 'memcached' is none of redis, valkey",
        ),
    ],
)
def test_what_aws_would_refuse_is_named(make: Make, told: str) -> None:
    assert told in refused(make)


def _instance(**inputs: Any) -> ec2.Instance:
    return ec2.Instance("it", **{"ami": "ami-0123456789abcdef0", "instance_type": "c7i.large", **inputs})


def _cluster(**inputs: Any) -> eks.Cluster:
    return eks.Cluster("it", **{"role_arn": "arn", "vpc_config": {"subnet_ids": ["s"]}, **inputs})


def _rule(**inputs: Any) -> vpc.SecurityGroupIngressRule:
    return vpc.SecurityGroupIngressRule("it", **{"security_group_id": "sg", "ip_protocol": "tcp", **inputs})


def test_a_type_that_is_not_mapped_fails() -> None:
    told = refused(lambda: aws.fsx.LustreFileSystem("it", subnet_ids="s"))
    assert "aws:fsx/lustreFileSystem:LustreFileSystem is in neither operations.yaml nor unchecked.yaml" in told


def test_every_member_that_the_table_names_exists() -> None:
    for type_, operation in check.operations().items():
        assert models.member(operation.call) is not None, type_
        for target in operation.members.values():
            models.member(operation.path(target))  # raises LookupError


def test_no_type_is_checked_and_excused() -> None:
    assert not set(check.operations()) & set(check.unchecked())
    assert all(len(reason) > 20 for reason in check.unchecked().values())


def test_every_pattern_of_a_mapped_service_can_be_tried() -> None:
    """A pattern that Python cannot express would be a check that never fails."""
    names = {operation.call.split(".")[0] for operation in check.operations().values()}
    broken = {
        f"{name}.{shape}: {wanted}"
        for name in names
        for shape in models.service(name).shape_names
        if (wanted := models.service(name).shape_for(shape).metadata.get("pattern")) and not models.pattern(wanted)
    }
    assert broken == set()


def test_a_secret_that_breaks_a_rule_is_not_shown() -> None:
    told = refused(
        lambda: iam.Role("it", name=pulumi.Output.secret("not a name of mine"), assume_role_policy=json.dumps(TRUST))
    )
    assert "name: a secret value breaks a rule" in told
    assert "not a name" not in told


def statement(**change: Any) -> str:
    one = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", **change}
    return json.dumps({"Version": "2012-10-17", "Statement": [{k: v for k, v in one.items() if v is not None}]})


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        ("{", "inline", "is not JSON"),
        (json.dumps({"Version": "2008-10-17", "Statement": []}), "inline", "only 2012-10-17"),
        (statement(Effect="allow"), "inline", "must be Allow or Deny"),
        (statement(Actions=["s3:GetObject"]), "inline", "Actions: no element of a statement"),
        (statement(Action="s3:GetObjects"), "inline", "'s3:GetObjects': s3 has no such action"),
        (statement(Action="s3:ListObjectsV2"), "inline", "s3 has no such action"),
        (statement(Action="kms:ReEncrypt"), "inline", "kms has no such action"),
        (statement(Action="s4:GetObject"), "inline", "no service has the prefix 's4'"),
        (statement(Action=["ecr:Get*", "ecr:Fetch*"]), "inline", "'ecr:Fetch*': ecr has no such action"),
        (statement(Resource="my-bucket/*"), "inline", "neither * nor an ARN"),
        (statement(Resource=None), "inline", "must have Resource or NotResource"),
        (statement(Principal="*"), "inline", "takes no Principal"),
        (statement(), "key", "needs a Principal"),
        (statement(Principal="*", Resource=None), "trust", "is about sts:AssumeRole"),
        (statement(Condition={"StringEqual": {}}), "inline", "'StringEqual': no condition operator"),
        (statement(Sid="a b"), "inline", "letters and digits only"),
        (statement(Resource=["arn:aws:s3:::" + "x" * 11_000]), "inline", "10240 are allowed for an inline policy"),
    ],
)
def test_a_policy_that_would_be_refused_or_allow_nothing(text: str, kind: str, told: str) -> None:
    assert told in "\n".join(policy_problems(text, kind))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (json.dumps(TRUST), "trust"),
        (statement(Action=["s3:GetObjectVersion", "kms:ReEncrypt*", "rds-db:connect", "logs:PutLogEvents"]), "inline"),
        (statement(Principal={"AWS": "*"}, Condition={"ForAnyValue:StringLikeIfExists": {"aws:x": "y"}}), "bucket"),
    ],
)
def test_a_policy_that_is_right(text: str, kind: str) -> None:
    assert list(policy_problems(text, kind)) == []
