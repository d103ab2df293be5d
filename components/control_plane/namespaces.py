"""Namespaces by concern: restricted pods only, nothing reachable by default, bounded resources."""

from __future__ import annotations

from typing import Any, cast

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.networking import v1 as networking
from pydantic import BaseModel, ConfigDict, Field

from components.control_plane import network_policy
from components.control_plane.pod_flows import Namespace
from components.options import child_options


class Quota(BaseModel):
    """The most that all pods of a namespace may ask for together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpu: int = Field(ge=1, le=10_000)
    memory_gib: int = Field(ge=1, le=100_000)
    storage_gib: int = Field(0, ge=0, le=1_000_000)
    pods: int = Field(20, ge=1, le=1_000)
    node_ports: int = Field(0, ge=0, le=10)


# room for every replica of the namespace's programs and one more of each while a rollout replaces them
QUOTAS: dict[Namespace, Quota] = {
    Namespace.TRADING: Quota(cpu=24, memory_gib=96, storage_gib=200),
    Namespace.MARKET_DATA: Quota(cpu=16, memory_gib=64, storage_gib=500),
    Namespace.STORAGE: Quota(cpu=16, memory_gib=64, storage_gib=4_000),
    Namespace.ADMIN: Quota(cpu=4, memory_gib=8, node_ports=1),
    Namespace.REPORTING: Quota(cpu=16, memory_gib=32, storage_gib=100),
    Namespace.RESEARCH: Quota(cpu=32, memory_gib=128, storage_gib=500),
}


_UNSAID = {
    "type": "Container",
    "default": {"memory": "256Mi"},
    "defaultRequest": {"cpu": "100m", "memory": "256Mi"},
}


class NamespacesArgs(BaseModel):
    """version: of Kubernetes, whose definition of `restricted` is enforced."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = Field(pattern=r"^1\.\d\d$")
    quotas: dict[Namespace, Quota] = Field(default_factory=lambda: dict(QUOTAS))


class Namespaces(pulumi.ComponentResource):
    """`ready` by namespace: what a workload waits for, so that no pod runs before everything is denied."""

    ready: dict[Namespace, list[pulumi.Resource]]

    def __init__(self, name: str, args: NamespacesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:control_plane:Namespaces", name, {}, opts)
        self._name = name
        self._args = args
        self._opts = opts
        self.ready = {namespace: self._namespace(namespace) for namespace in Namespace}
        self.register_outputs({"names": [namespace.value for namespace in Namespace]})

    def _namespace(self, namespace: Namespace) -> list[pulumi.Resource]:
        version = f"v{self._args.version}"
        name = f"{self._name}-{namespace.value}"
        made = core.Namespace(
            name,
            metadata={
                "name": namespace.value,
                "labels": {
                    f"pod-security.kubernetes.io/{mode}{suffix}": value
                    for mode in ("enforce", "audit", "warn")
                    for suffix, value in (("", "restricted"), ("-version", version))
                },
            },
            opts=child_options(self, self._opts),
        )
        inside = child_options(self, self._opts, [made])
        deny = networking.NetworkPolicy(
            f"{name}-default-deny",
            metadata={"name": "default-deny", "namespace": namespace.value},
            spec=cast(Any, network_policy.default_deny()),
            opts=inside,
        )
        dns = networking.NetworkPolicy(
            f"{name}-allow-dns",
            metadata={"name": "allow-dns", "namespace": namespace.value},
            spec=cast(Any, network_policy.allow_dns()),
            opts=inside,
        )
        quota = self._quota(namespace, name, inside)
        limits = core.LimitRange(
            f"{name}-limits",
            metadata={"name": "defaults", "namespace": namespace.value},
            # of a container that says nothing, such as one that a person starts for debugging
            spec=cast(Any, {"limits": [_UNSAID]}),
            opts=inside,
        )
        return [made, deny, dns, quota, limits]

    def _quota(self, namespace: Namespace, name: str, opts: pulumi.ResourceOptions) -> core.ResourceQuota:
        quota = self._args.quotas[namespace]
        return core.ResourceQuota(
            f"{name}-quota",
            metadata={"name": "quota", "namespace": namespace.value},
            spec={
                "hard": {
                    "requests.cpu": str(quota.cpu),
                    "requests.memory": f"{quota.memory_gib}Gi",
                    "limits.memory": f"{quota.memory_gib}Gi",
                    "requests.storage": f"{quota.storage_gib}Gi",
                    "pods": str(quota.pods),
                    # only the admin console is reached from outside, by a port of the nodes
                    "services.nodeports": str(quota.node_ports),
                    "services.loadbalancers": "0",
                }
            },
            opts=opts,
        )
