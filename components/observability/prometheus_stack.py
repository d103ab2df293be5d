"""Prometheus, Alertmanager and Grafana by the chart kube-prometheus-stack, at one pinned version."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.helm.v3 import Release, RepositoryOptsArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicy
from pydantic import BaseModel, ConfigDict, Field

from components.inputs import Text
from components.network.flows import ADMISSION_WEBHOOK
from components.observability.chart_values import (
    CHART,
    NAMESPACE,
    REPOSITORY,
    ChartSettings,
    Placement,
    Topics,
    Values,
    values,
)
from components.options import child_options

_TIMEOUT_S = 900


class TopicArns(BaseModel):
    """Where alerts are published, by severity, and the heartbeat that proves that they would be."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    critical: Text
    warning: Text
    heartbeat: Text


class PrometheusStackArgs(BaseModel):
    """control_plane_cidrs: from which the API server asks the operator about objects."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    chart: ChartSettings
    placement: Placement
    topics: TopicArns
    control_plane_cidrs: tuple[str, ...] = Field(min_length=1)


class PrometheusStack(pulumi.ComponentResource):
    """`release` brings the kinds that rules and scrape targets are of; `namespace` is theirs, too."""

    namespace: str
    release: Release

    def __init__(self, name: str, args: PrometheusStackArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:observability:PrometheusStack", name, {}, opts)
        namespace = Namespace(
            f"{name}-namespace",
            metadata={
                "name": NAMESPACE,
                # the node exporter reads the host's /proc and /sys and listens on the host's network
                "labels": {
                    "pod-security.kubernetes.io/enforce": "privileged",
                    "pod-security.kubernetes.io/warn": "baseline",
                },
            },
            opts=child_options(self, opts),
        )
        policy = NetworkPolicy(
            f"{name}-ingress",
            metadata={"name": "ingress", "namespace": namespace.metadata.name},
            spec=_ingress(args.control_plane_cidrs),
            opts=child_options(self, opts),
        )
        self.release = Release(
            name,
            name=CHART,
            chart=CHART,
            version=args.chart.version,
            repository_opts=RepositoryOptsArgs(repo=REPOSITORY),
            namespace=namespace.metadata.name,
            values=_values(args),
            # a failed upgrade goes back to what ran
            atomic=True,
            cleanup_on_fail=True,
            timeout=_TIMEOUT_S,
            max_history=5,
            opts=child_options(self, opts, [policy]),
        )
        self.namespace = NAMESPACE
        self.register_outputs({"namespace": NAMESPACE, "chart": f"{CHART} {args.chart.version}"})


def _ingress(control_plane_cidrs: tuple[str, ...]) -> Any:
    """Nobody but each other and, on the one port, the API server. `kubectl port-forward` comes through the kubelet."""
    return {
        "podSelector": {},
        "policyTypes": ["Ingress"],
        "ingress": [
            {"from": [{"podSelector": {}}]},
            {
                "from": [{"ipBlock": {"cidr": cidr}} for cidr in control_plane_cidrs],
                "ports": [{"protocol": "TCP", "port": ADMISSION_WEBHOOK}],
            },
        ],
    }


def _values(args: PrometheusStackArgs) -> pulumi.Output[Values]:
    arns = pulumi.Output.all(
        critical=args.topics.critical, warning=args.topics.warning, heartbeat=args.topics.heartbeat
    )
    return arns.apply(lambda found: values(args.chart, args.placement, Topics(**found)))
