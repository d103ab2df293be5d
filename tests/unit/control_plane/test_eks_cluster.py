"""The cluster as the engine would get it: closed, encrypted, logged, pinned, and built in the right order."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from components.control_plane.addons import AFTER_NODES, BEFORE_NODES, AddonVersions
from components.control_plane.eks_cluster import LOG_TYPES, EksCluster, EksClusterArgs
from components.control_plane.node_config import KubeletSettings
from components.control_plane.node_groups import NodePool
from tests.recorder import Recording, deploy

ARGS: dict[str, Any] = {
    "environment": "prod",
    "version": "1.34",
    "control_plane_subnet_ids": ("subnet-cp-a", "subnet-cp-b", "subnet-cp-c"),
    "node_subnet_ids": ("subnet-n-a", "subnet-n-b", "subnet-n-c"),
    "control_plane_security_group_id": "sg-cp",
    "node_security_group_id": "sg-nodes",
    "secrets_key_arn": "arn:aws:kms:us-east-1:111122223333:key/eks",
    "volume_key_arn": "arn:aws:kms:us-east-1:111122223333:key/ebs",
    "logs_key_arn": "arn:aws:kms:us-east-1:111122223333:key/logs",
    "administrators": ("arn:aws:iam::111122223333:role/platform-admin",),
    "viewers": ("arn:aws:iam::111122223333:role/developers",),
    "addons": AddonVersions(
        vpc_cni="v1.20.4-eksbuild.1",
        kube_proxy="v1.34.1-eksbuild.2",
        eks_pod_identity_agent="v1.3.9-eksbuild.3",
        coredns="v1.12.4-eksbuild.1",
        aws_ebs_csi_driver="v1.51.0-eksbuild.1",
        metrics_server="v0.8.0-eksbuild.2",
    ),
    "node_release": "1.34.1-20251112",
    "pools": {
        "system": NodePool(instance_type="m7i.large", minimum=3, maximum=6),
        "trading": NodePool(
            instance_type="c7i.4xlarge", minimum=2, maximum=6, kubelet=KubeletSettings(static_cpus=True)
        ),
        "observability": NodePool(instance_type="m7i.2xlarge", minimum=2, maximum=4),
    },
    "protect": True,
}


@pytest.fixture(scope="module")
def prod() -> Recording:
    return deploy(lambda: EksCluster("eks", EksClusterArgs(**ARGS)) and None)


def test_the_api_is_private_and_secrets_are_encrypted(prod: Recording) -> None:
    (cluster,) = prod.of_type("aws:eks/cluster:Cluster")
    network = cluster.inputs["vpcConfig"]
    assert network["endpointPrivateAccess"] is True
    assert network["endpointPublicAccess"] is False
    assert cluster.inputs["encryptionConfig"]["provider"] == {"keyArn": "arn:aws:kms:us-east-1:111122223333:key/eks"}
    assert cluster.protect
    assert cluster.inputs["deletionProtection"] is True


def test_all_five_logs_go_to_an_encrypted_group_that_is_there_first(prod: Recording) -> None:
    (cluster,) = prod.of_type("aws:eks/cluster:Cluster")
    (group,) = prod.of_type("aws:cloudwatch/logGroup:LogGroup")
    assert set(cluster.inputs["enabledClusterLogTypes"]) == set(LOG_TYPES)
    assert len(LOG_TYPES) == 5
    assert group.inputs["kmsKeyId"] == "arn:aws:kms:us-east-1:111122223333:key/logs"
    assert group.inputs["name"] == "/aws/eks/ironlane-prod/cluster"
    assert prod.waits_for(cluster, group)


def test_access_is_by_entries_only(prod: Recording) -> None:
    (cluster,) = prod.of_type("aws:eks/cluster:Cluster")
    access = cluster.inputs["accessConfig"]
    assert access == {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}
    granted = {
        each.inputs["principalArn"].rsplit("/")[-1]: each.inputs["policyArn"].rsplit("/")[-1]
        for each in prod.of_type("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")
    }
    assert granted == {"platform-admin": "AmazonEKSClusterAdminPolicy", "developers": "AmazonEKSViewPolicy"}


def test_what_a_node_needs_is_there_before_nodes_and_the_rest_after(prod: Recording) -> None:
    groups = prod.of_type("aws:eks/nodeGroup:NodeGroup")
    assert len(groups) == 3
    for group in groups:
        for addon in BEFORE_NODES:
            assert prod.waits_for(group, prod.named(f"eks-{addon}")), addon
        for addon in AFTER_NODES:
            assert prod.waits_for(prod.named(f"eks-{addon}"), group), addon


def test_every_addon_is_pinned_and_kube_proxy_has_its_mode(prod: Recording) -> None:
    addons = prod.of_type("aws:eks/addon:Addon")
    assert {each.inputs["addonName"] for each in addons} == {*BEFORE_NODES, *AFTER_NODES}
    assert all("-eksbuild." in each.inputs["addonVersion"] for each in addons)
    assert json.loads(prod.named("eks-kube-proxy").inputs["configurationValues"]) == {"mode": "nftables"}


def test_trading_nodes_take_trading_pods_only(prod: Recording) -> None:
    for group in prod.of_type("aws:eks/nodeGroup:NodeGroup"):
        pool = group.inputs["labels"]["ironlane/pool"]
        assert group.inputs["taints"] == [{"key": "ironlane/pool", "value": pool, "effect": "NO_SCHEDULE"}]
        assert "scalingConfig.desiredSize" in group.ignore_changes
        # control-plane subnets are apart
        assert set(group.inputs["subnetIds"]) == set(ARGS["node_subnet_ids"])
    for template in prod.of_type("aws:ec2/launchTemplate:LaunchTemplate"):
        assert template.inputs["metadataOptions"]["httpTokens"] == "required"
        assert template.inputs["blockDeviceMappings"][0]["ebs"]["encrypted"] == "true"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"public_endpoint": True}, "reachable from inside the network only"),
        ({"version": "1.36", "node_release": "1.36.0-20260901", "kube_proxy_mode": "ipvs"}, "use nftables"),
        ({"node_release": "1.33.1-20250101"}, "take its AMI release"),
        ({"addons": ARGS["addons"].model_copy(update={"kube_proxy": "v1.33.0-eksbuild.1"})}, "build of that version"),
        ({"pools": {k: v for k, v in ARGS["pools"].items() if k != "trading"}}, "trading missing"),
        (
            {"pools": {**ARGS["pools"], "trading": NodePool(instance_type="c7i.large", minimum=1, maximum=1)}},
            "static_cpus: must be true",
        ),
    ],
)
def test_clusters_that_must_not_be_are_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        EksClusterArgs(**{**ARGS, **change})
