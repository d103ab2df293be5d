"""NodeConfig documents for nodeadm (Amazon Linux 2023): what a node's kubelet and kernel are told at boot.

No Pulumi import. Source: nodeadm API node.eks.aws/v1alpha1; kubelet.config.k8s.io/v1beta1 for the kubelet's part.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

_BOUNDARY = "==ironlane-node-config=="

# of a node that runs latency-critical pods; each with its reason
TRADING_SYSCTLS: Mapping[str, tuple[str, str]] = {
    "net.core.rmem_max": ("16777216", "bursts of market data wait in the socket, not in the drop counter"),
    "net.core.wmem_max": ("16777216", "the same towards clients"),
    "net.core.netdev_max_backlog": ("250000", "a burst must not overrun the per-CPU queue"),
    "net.core.somaxconn": ("8192", "all clients of a service reconnect at once after a deploy"),
    "net.ipv4.tcp_slow_start_after_idle": ("0", "an idle connection sends at full window at once"),
    "vm.swappiness": ("0", "no page of a trading program is swapped"),
    "vm.stat_interval": ("10", "fewer ticks on busy CPUs"),
    "kernel.numa_balancing": ("0", "pages stay where the CPU manager's node is"),
    "kernel.timer_migration": ("0", "timers of busy CPUs stay at home"),
}


class KubeletSettings(BaseModel):
    """The parts of KubeletConfiguration that we set; nodeadm computes the reservations for the system itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    static_cpus: bool = False
    reserved_system_cpus: str | None = Field(None, description="refused: see the check")
    reserved_cpu_millicores: int = Field(1000, ge=100, le=64_000)
    max_pods: int = Field(110, ge=1, le=737)
    allowed_unsafe_sysctls: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _accepted_by_nodeadm(self) -> KubeletSettings:
        if self.reserved_system_cpus is not None:
            raise ValueError(
                f"reserved_system_cpus {self.reserved_system_cpus!r}: nodeadm sets kubeReservedCgroup and"
                " systemReservedCgroup, and with these the kubelet does not start (amazon-eks-ami issue 2794);"
                " use reserved_cpu_millicores, which the static CPU manager takes as well"
            )
        return self


class ClusterFacts(BaseModel):
    """What nodeadm cannot find out by itself with a launch template of ours."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    endpoint: str
    certificate_authority: str
    service_cidr: str


def kubelet_configuration(settings: KubeletSettings) -> dict[str, Any]:
    config: dict[str, Any] = {"maxPods": settings.max_pods}
    if settings.allowed_unsafe_sysctls:
        config["allowedUnsafeSysctls"] = list(settings.allowed_unsafe_sysctls)
    if settings.static_cpus:
        config |= {
            # a policy change needs a new node: the kubelet refuses to start on the old one's state file
            "cpuManagerPolicy": "static",
            "cpuManagerPolicyOptions": {"full-pcpus-only": "true"},
            "topologyManagerPolicy": "single-numa-node",
            "topologyManagerScope": "pod",
            # the static policy needs a reservation above 0
            "kubeReserved": {"cpu": f"{settings.reserved_cpu_millicores}m", "memory": "1Gi"},
        }
    return config


def node_config(cluster: ClusterFacts, settings: KubeletSettings, labels: Mapping[str, str]) -> str:
    """The NodeConfig document, YAML."""
    document = {
        "apiVersion": "node.eks.aws/v1alpha1",
        "kind": "NodeConfig",
        "spec": {
            "cluster": {
                "name": cluster.name,
                "apiServerEndpoint": cluster.endpoint,
                "certificateAuthority": cluster.certificate_authority,
                "cidr": cluster.service_cidr,
            },
            "kubelet": {
                "config": kubelet_configuration(settings),
                "flags": [f"--node-labels={','.join(f'{key}={value}' for key, value in sorted(labels.items()))}"],
            },
        },
    }
    return yaml.safe_dump(document, sort_keys=False)


def user_data(config: str, sysctls: Mapping[str, tuple[str, str]]) -> str:
    """MIME document of a launch template: sysctls before nodeadm, then its configuration."""
    parts = []
    if sysctls:
        lines = "\n".join(f"# {reason}\n{key} = {value}" for key, (value, reason) in sysctls.items())
        script = (
            "#!/bin/bash\nset -euo pipefail\n"
            f"cat >/etc/sysctl.d/90-ironlane.conf <<'SYSCTL'\n{lines}\nSYSCTL\n"
            "sysctl --load=/etc/sysctl.d/90-ironlane.conf\n"
        )
        parts.append(('text/x-shellscript; charset="us-ascii"', script))
    parts.append(("application/node.eks.aws", config))
    body = "".join(f"--{_BOUNDARY}\nContent-Type: {kind}\n\n{text}\n" for kind, text in parts)
    return f'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="{_BOUNDARY}"\n\n{body}--{_BOUNDARY}--\n'
