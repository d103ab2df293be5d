"""The dashboards as ConfigMaps, which Grafana's sidecar loads by their label."""

from __future__ import annotations

import pulumi
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pydantic import BaseModel, ConfigDict

from components.inputs import Text
from components.observability.dashboards import bus, hosts, hot_path, orders
from components.observability.dashboards.model import Dashboard
from components.options import child_options

SIDECAR_LABEL = ("grafana_dashboard", "1")
DASHBOARDS: tuple[Dashboard, ...] = (hot_path.DASHBOARD, orders.DASHBOARD, bus.DASHBOARD, hosts.DASHBOARD)


class DashboardsArgs(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    namespace: Text


class Dashboards(pulumi.ComponentResource):
    """A ConfigMap per dashboard."""

    def __init__(self, name: str, args: DashboardsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:observability:Dashboards", name, {}, opts)
        label, value = SIDECAR_LABEL
        for dashboard in DASHBOARDS:
            ConfigMap(
                f"{name}-{dashboard.uid.removeprefix('ironlane-')}",
                metadata=ObjectMetaArgs(
                    name=f"{dashboard.uid}-dashboard", namespace=args.namespace, labels={label: value}
                ),
                data={f"{dashboard.uid}.json": dashboard.text()},
                opts=child_options(self, opts),
            )
        self.register_outputs({"dashboards": [dashboard.uid for dashboard in DASHBOARDS]})
