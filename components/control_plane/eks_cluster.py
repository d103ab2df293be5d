"""The Kubernetes cluster of the control plane: private endpoint, encrypted secrets, all logs, pinned add-ons."""

from __future__ import annotations

import json

import pulumi
from pulumi_aws import cloudwatch, eks, iam
from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.control_plane import kube_proxy
from components.control_plane.addons import (
    AFTER_NODES,
    BEFORE_NODES,
    AddonVersions,
    Name,
    check_versions,
    configuration,
)
from components.control_plane.node_groups import NodeGroups, NodeGroupsArgs, NodePool
from components.control_plane.pools import Pool
from components.inputs import Text
from components.tags import tags

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
_NODE_POLICIES = (
    "AmazonEKSWorkerNodePolicy",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonEKS_CNI_Policy",
    "AmazonSSMManagedInstanceCore",
)
_EBS_CSI_POLICY = "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"
_ADMINISTRATOR = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
_VIEWER = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


class EksClusterArgs(BaseModel):
    """administrators and viewers: ARNs of IAM roles. public_endpoint is there to be refused with a reason."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    environment: str
    version: str = Field(pattern=r"^1\.\d\d$")
    control_plane_subnet_ids: tuple[Text, ...] = Field(min_length=3)
    node_subnet_ids: tuple[Text, ...] = Field(min_length=3)
    control_plane_security_group_id: Text
    node_security_group_id: Text
    secrets_key_arn: Text
    volume_key_arn: Text
    logs_key_arn: Text
    service_cidr: str = "172.20.0.0/16"
    public_endpoint: bool = False
    administrators: tuple[str, ...] = Field(min_length=1)
    viewers: tuple[str, ...] = ()
    addons: AddonVersions
    kube_proxy_mode: kube_proxy.Mode = "nftables"
    node_release: str
    pools: dict[Pool, NodePool]
    protect: bool

    @model_validator(mode="after")
    def _can_run(self) -> EksClusterArgs:
        if self.public_endpoint:
            raise ValueError(
                "public_endpoint: the Kubernetes API is reachable from inside the network only; set it to false and"
                " come through operator_cidrs"
            )
        kube_proxy.check_mode(self.kube_proxy_mode, self.version)
        check_versions(self.addons, self.version)
        if not self.node_release.startswith(f"{self.version}."):
            raise ValueError(f"node_release {self.node_release}: the cluster runs {self.version}; take its AMI release")
        missing = {"system", "trading", "observability"} - set(self.pools)
        if missing:
            raise ValueError(f"pools: {', '.join(sorted(missing))} missing; the workloads are placed on all three")
        if not self.pools["trading"].kubelet.static_cpus:
            raise ValueError("pools.trading.kubelet.static_cpus: must be true; trading pods are given whole CPUs")
        return self


class EksCluster(pulumi.ComponentResource):
    """`ready` is what workloads wait for: nodes and add-ons are there."""

    name: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    ca_data: pulumi.Output[str]
    node_groups: NodeGroups
    ready: list[pulumi.Resource]

    def __init__(self, name: str, args: EksClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:control_plane:EksCluster", name, {}, opts)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        if warning := kube_proxy.check_mode(args.kube_proxy_mode, args.version):
            pulumi.log.warn(warning, resource=self)
        role = self._role("cluster", "eks.amazonaws.com", ("AmazonEKSClusterPolicy",))
        cluster_name = f"ironlane-{args.environment}"
        # before the cluster, or EKS makes the group itself: unencrypted, kept for ever
        logs = cloudwatch.LogGroup(
            f"{name}-logs",
            name=f"/aws/eks/{cluster_name}/cluster",
            kms_key_id=args.logs_key_arn,
            retention_in_days=365,
            tags=tags(args.environment, name),
            opts=self._child,
        )
        self.cluster = eks.Cluster(
            name,
            name=cluster_name,
            version=args.version,
            role_arn=role.arn,
            vpc_config=eks.ClusterVpcConfigArgs(
                subnet_ids=list(args.control_plane_subnet_ids),
                security_group_ids=[args.control_plane_security_group_id],
                endpoint_private_access=True,
                endpoint_public_access=False,
            ),
            kubernetes_network_config=eks.ClusterKubernetesNetworkConfigArgs(
                ip_family="ipv4", service_ipv4_cidr=args.service_cidr
            ),
            access_config=eks.ClusterAccessConfigArgs(
                authentication_mode="API", bootstrap_cluster_creator_admin_permissions=False
            ),
            encryption_config=eks.ClusterEncryptionConfigArgs(
                provider=eks.ClusterEncryptionConfigProviderArgs(key_arn=args.secrets_key_arn), resources=["secrets"]
            ),
            enabled_cluster_log_types=list(LOG_TYPES),
            # all add-ons are ours, with versions of ours
            bootstrap_self_managed_addons=False,
            deletion_protection=args.protect,
            upgrade_policy=eks.ClusterUpgradePolicyArgs(support_type="STANDARD"),
            zonal_shift_config=eks.ClusterZonalShiftConfigArgs(enabled=True),
            tags=tags(args.environment, name),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect, depends_on=[logs]),
        )
        self.name = self.cluster.name
        self.endpoint = self.cluster.endpoint
        self.ca_data = self.cluster.certificate_authority.apply(lambda found: found.data or "")
        self._access()
        node_role = self._role("node", "ec2.amazonaws.com", _NODE_POLICIES)
        early = [self._addon(addon, []) for addon in BEFORE_NODES]
        self.node_groups = NodeGroups(
            f"{name}-nodes",
            NodeGroupsArgs(
                environment=args.environment,
                cluster_name=self.name,
                cluster_endpoint=self.endpoint,
                cluster_ca=self.ca_data,
                service_cidr=args.service_cidr,
                version=args.version,
                release_version=args.node_release,
                role_arn=node_role.arn,
                subnet_ids=args.node_subnet_ids,
                security_group_id=args.node_security_group_id,
                volume_key_arn=args.volume_key_arn,
                pools=args.pools,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=early),
        )
        nodes = list(self.node_groups.groups.values())
        late = [self._addon(addon, nodes) for addon in AFTER_NODES]
        self.ready = [*nodes, *early, *late]
        self.register_outputs({"name": self.name, "endpoint": self.endpoint})

    def _role(self, what: str, service: str, policies: tuple[str, ...]) -> iam.Role:
        actions = ["sts:AssumeRole", "sts:TagSession"] if service.startswith("pods") else ["sts:AssumeRole"]
        role = iam.Role(
            f"{self._name}-{what}",
            assume_role_policy=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": actions}],
                }
            ),
            tags=tags(self._args.environment, self._name),
            opts=self._child,
        )
        for policy in policies:
            arn = policy if policy.startswith("arn:") else f"arn:aws:iam::aws:policy/{policy}"
            short = arn.rsplit("/", 1)[1]
            iam.RolePolicyAttachment(f"{self._name}-{what}-{short}", role=role.name, policy_arn=arn, opts=self._child)
        return role

    def _access(self) -> None:
        for policy, principals in ((_ADMINISTRATOR, self._args.administrators), (_VIEWER, self._args.viewers)):
            for principal in principals:
                short = principal.rsplit("/", 1)[-1]
                entry = eks.AccessEntry(
                    f"{self._name}-{short}",
                    cluster_name=self.name,
                    principal_arn=principal,
                    type="STANDARD",
                    tags=tags(self._args.environment, self._name),
                    opts=self._child,
                )
                eks.AccessPolicyAssociation(
                    f"{self._name}-{short}",
                    cluster_name=self.name,
                    principal_arn=principal,
                    policy_arn=policy,
                    access_scope=eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
                    opts=pulumi.ResourceOptions(parent=self, depends_on=[entry]),
                )

    def _addon(self, addon: Name, after: list[eks.NodeGroup]) -> eks.Addon:
        args = self._args
        identities = None
        if addon == "aws-ebs-csi-driver":
            role = self._role("ebs-csi", "pods.eks.amazonaws.com", (_EBS_CSI_POLICY,))
            # AWS's policy leaves out customer keys
            iam.RolePolicy(
                f"{self._name}-ebs-csi-key", role=role.name, policy=_volume_key(args.volume_key_arn), opts=self._child
            )
            identities = [
                eks.AddonPodIdentityAssociationArgs(role_arn=role.arn, service_account="ebs-csi-controller-sa")
            ]
        return eks.Addon(
            f"{self._name}-{addon}",
            cluster_name=self.name,
            addon_name=addon,
            addon_version=args.addons.of(addon),
            configuration_values=configuration(addon, args.kube_proxy_mode),
            pod_identity_associations=identities,
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            tags=tags(args.environment, self._name),
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )


def _volume_key(arn: Text) -> pulumi.Output[str]:
    """What the driver needs of the key of workloads' volumes; grants for EBS only."""
    use = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKeyWithoutPlaintext"]
    return pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": [*use, "kms:DescribeKey"], "Resource": arn},
                {
                    "Effect": "Allow",
                    "Action": "kms:CreateGrant",
                    "Resource": arn,
                    "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
                },
            ],
        }
    )
