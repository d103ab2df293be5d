"""EKS add-ons: which there are, pinned, and what each is told. No Pulumi import.

Before the nodes come those that a node needs to become ready; the others need nodes to run on.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from components.control_plane import kube_proxy
from components.control_plane.pools import POOL_LABEL

Name = Literal["vpc-cni", "kube-proxy", "eks-pod-identity-agent", "coredns", "aws-ebs-csi-driver", "metrics-server"]
BEFORE_NODES: tuple[Name, ...] = ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")
AFTER_NODES: tuple[Name, ...] = ("coredns", "aws-ebs-csi-driver", "metrics-server")

_SYSTEM_POOL: dict[str, Any] = {
    "nodeSelector": {POOL_LABEL: "system"},
    "tolerations": [{"key": POOL_LABEL, "operator": "Equal", "value": "system", "effect": "NoSchedule"}],
}


class AddonVersions(BaseModel):
    """One pinned version each: the newest one would make two previews of the same commit differ."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    vpc_cni: str = Field(pattern=r"^v\d+\.\d+\.\d+-eksbuild\.\d+$")
    kube_proxy: str = Field(pattern=r"^v\d+\.\d+\.\d+-eksbuild\.\d+$")
    eks_pod_identity_agent: str = Field(pattern=r"^v\d+\.\d+\.\d+-eksbuild\.\d+$")
    coredns: str = Field(pattern=r"^v\d+\.\d+\.\d+-eksbuild\.\d+$")
    aws_ebs_csi_driver: str = Field(pattern=r"^v\d+\.\d+\.\d+-eksbuild\.\d+$")
    metrics_server: str = Field(pattern=r"^v\d+\.\d+\.\d+-eksbuild\.\d+$")

    def of(self, name: Name) -> str:
        version: str = getattr(self, name.replace("-", "_"))
        return version


def check_versions(versions: AddonVersions, kubernetes: str) -> None:
    """kube-proxy must be of the cluster's minor version. Raises ValueError."""
    own = versions.kube_proxy.removeprefix("v").split(".")
    if (int(own[0]), int(own[1])) != kube_proxy.minor_version(kubernetes):
        raise ValueError(
            f"addons.kube_proxy {versions.kube_proxy}: the cluster runs {kubernetes}; take the build of that version"
        )


def configuration(name: Name, mode: kube_proxy.Mode) -> str | None:
    """configuration_values of an add-on, JSON with sorted keys; None leaves its defaults."""
    values: dict[str, Any]
    match name:
        case "vpc-cni":
            # network policies are enforced by the CNI's own agent
            values = {"enableNetworkPolicy": "true", "env": {"ENABLE_PREFIX_DELEGATION": "true"}}
        case "kube-proxy":
            values = kube_proxy.configuration(mode)
        case "coredns":
            values = {"replicaCount": 3, **_SYSTEM_POOL}
        case "metrics-server":
            values = {"replicas": 2, **_SYSTEM_POOL}
        case _:
            return None
    return json.dumps(values, sort_keys=True)
