"""What Prometheus scrapes outside of the cluster, by fixed addresses, and the programs of ours inside of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pydantic import BaseModel, ConfigDict, Field

from components.inputs import Text
from components.network.flows import AGENT_HTTP, NATS_METRICS, NODE_METRICS, Flow, Party
from components.options import child_options

AGENT_JOB = "ironlane-agent"
HOST_JOB = "ironlane-host"
NATS_JOB = "ironlane-nats"
OMS_JOB = "ironlane-oms"
_AGENT_INTERVAL = "5s"  # what its alerts wait for is counted in seconds
_INTERVAL = "15s"


class HotHost(BaseModel):
    """name: as the roles on it call their host. duty: what it is at the last update of the stack."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    name: str
    address: Text
    duty: Literal["active", "standby"]


class BusHost(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    name: str
    address: Text


class PodTarget(BaseModel):
    """A program of ours behind a Service. labels: that select the Service; port: its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    job: str
    namespace: str
    labels: dict[str, str] = Field(min_length=1)
    port: str


class ScrapeTargetsArgs(BaseModel):
    """flows: the table of what the network lets through; a target that it does not is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    environment: str
    namespace: Text
    hot_hosts: tuple[HotHost, ...] = Field(min_length=1)
    bus_hosts: tuple[BusHost, ...]
    pods: tuple[PodTarget, ...]
    flows: tuple[Flow, ...]


def check_flows(wanted: Sequence[tuple[Party, int]], flows: Sequence[Flow]) -> None:
    """Raises ValueError for a port that the nodes may not reach."""
    for party, port in wanted:
        if not any(
            flow.source is Party.EKS_NODES and flow.target is party and flow.first_port <= port <= flow.last_port
            for flow in flows
        ):
            raise ValueError(
                f"metrics of {party.value} on port {port}: components/network/flows.py opens no such flow from the"
                " nodes; add it there"
            )


class ScrapeTargets(pulumi.ComponentResource):
    """A ScrapeConfig per kind of host, a ServiceMonitor per program."""

    def __init__(self, name: str, args: ScrapeTargetsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:observability:ScrapeTargets", name, {}, opts)
        self._name = name
        self._args = args
        self._opts = opts
        wanted = [(Party.HOT_PATH, AGENT_HTTP), (Party.HOT_PATH, NODE_METRICS)]
        if args.bus_hosts:
            wanted += [(Party.BUS, NATS_METRICS), (Party.BUS, NODE_METRICS)]
        check_flows(wanted, args.flows)
        agents = [self._static(host, AGENT_HTTP, duty=host.duty) for host in args.hot_hosts]
        self._fixed(AGENT_JOB, _AGENT_INTERVAL, agents)
        machines = [self._static(host, NODE_METRICS, kind=Party.HOT_PATH.value) for host in args.hot_hosts]
        machines += [self._static(host, NODE_METRICS, kind=Party.BUS.value) for host in args.bus_hosts]
        self._fixed(HOST_JOB, _INTERVAL, machines)
        if args.bus_hosts:
            self._fixed(NATS_JOB, _INTERVAL, [self._static(host, NATS_METRICS) for host in args.bus_hosts])
        for target in args.pods:
            self._service(target)
        self.register_outputs(
            {"hosts": [*(host.name for host in args.hot_hosts), *(host.name for host in args.bus_hosts)]}
        )

    def _static(self, host: HotHost | BusHost, port: int, **labels: str) -> dict[str, Any]:
        return {
            "targets": [pulumi.Output.format("{}:{}", host.address, port)],
            "labels": {"environment": self._args.environment, "host": host.name, **labels},
        }

    def _fixed(self, job: str, interval: str, targets: list[dict[str, Any]]) -> None:
        CustomResource(
            f"{self._name}-{job.removeprefix('ironlane-')}",
            api_version="monitoring.coreos.com/v1alpha1",
            kind="ScrapeConfig",
            metadata=ObjectMetaArgs(name=job, namespace=self._args.namespace),
            spec={
                "jobName": job,
                "scheme": "HTTP",
                "metricsPath": "/metrics",
                "scrapeInterval": interval,
                "scrapeTimeout": "4s",
                "staticConfigs": targets,
            },
            opts=child_options(self, self._opts),
        )

    def _service(self, target: PodTarget) -> None:
        CustomResource(
            f"{self._name}-{target.job.removeprefix('ironlane-')}",
            api_version="monitoring.coreos.com/v1",
            kind="ServiceMonitor",
            metadata=ObjectMetaArgs(name=target.job, namespace=self._args.namespace),
            spec={
                "namespaceSelector": {"matchNames": [target.namespace]},
                "selector": {"matchLabels": target.labels},
                "endpoints": [
                    {
                        "port": target.port,
                        "path": "/metrics",
                        "interval": _INTERVAL,
                        # the OMS tells of hosts by a label of that name; rules know it by this job
                        "relabelings": [{"targetLabel": "job", "replacement": target.job, "action": "replace"}],
                    }
                ],
            },
            opts=child_options(self, self._opts),
        )
