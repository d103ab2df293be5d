"""Everything that watches an environment: Prometheus and its friends, what they scrape, alerts and dashboards."""

from __future__ import annotations

import pulumi
from pydantic import BaseModel, ConfigDict, Field

from components.control_plane.image_repositories import ImageRepositories, ImageRepositoriesArgs
from components.inputs import Text
from components.network.flows import Flow
from components.observability.alert_delivery import AlertDelivery, AlertDeliveryArgs
from components.observability.chart_values import Image, Placement
from components.observability.grafana import Dashboards, DashboardsArgs
from components.observability.prometheus_stack import PrometheusStack, PrometheusStackArgs
from components.observability.rules import AlertRules, AlertRulesArgs
from components.observability.scrape_targets import BusHost, HotHost, PodTarget, ScrapeTargets, ScrapeTargetsArgs
from components.observability.settings import ObservabilitySettings
from components.options import child_options


class ObservabilityArgs(BaseModel):
    """placed: whether the objects on the cluster are part of it; what they need of AWS always is.

    bus_hosts: none while the environment has no bus of its own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    environment: str
    region: str
    account_id: str = Field(pattern=r"^\d{12}$")
    cluster_name: Text
    control_plane_cidrs: tuple[str, ...]
    alerts_key_arn: Text
    images_key_arn: Text
    storage_class: str
    pool_label: str
    hot_hosts: tuple[HotHost, ...]
    bus_hosts: tuple[BusHost, ...]
    pods: tuple[PodTarget, ...]
    flows: tuple[Flow, ...]
    settings: ObservabilitySettings
    placed: bool
    protect: bool


class Observability(pulumi.ComponentResource):
    """Needs a provider of AWS, and one of Kubernetes when it is placed."""

    def __init__(self, name: str, args: ObservabilityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:observability:Observability", name, {}, opts)
        # not what opts wait for: images are pushed and people subscribed before anything is on the cluster
        own = pulumi.ResourceOptions(parent=self)
        images = ImageRepositories(
            f"{name}-images",
            ImageRepositoriesArgs(
                environment=args.environment,
                names=tuple(image.value for image in Image),
                kms_key_arn=args.images_key_arn,
                protect=args.protect,
            ),
            own,
        )
        delivery = AlertDelivery(
            f"{name}-alerts",
            AlertDeliveryArgs(
                environment=args.environment,
                cluster_name=args.cluster_name,
                kms_key_arn=args.alerts_key_arn,
                subscriptions=args.settings.subscriptions,
            ),
            own,
        )
        if args.placed:
            self._place(name, args, delivery, child_options(self, opts, [images, *delivery.ready]))
        self.register_outputs({"topics": delivery.topics.model_dump()})

    def _place(self, name: str, args: ObservabilityArgs, delivery: AlertDelivery, opts: pulumi.ResourceOptions) -> None:
        stack = PrometheusStack(
            f"{name}-prometheus",
            PrometheusStackArgs(
                chart=args.settings.chart,
                placement=Placement(
                    environment=args.environment,
                    region=args.region,
                    registry=f"{args.account_id}.dkr.ecr.{args.region}.amazonaws.com",
                    prefix=f"ironlane-{args.environment}",
                    storage_class=args.storage_class,
                    pool_label=args.pool_label,
                    pool="observability",
                ),
                topics=delivery.topics,
                control_plane_cidrs=args.control_plane_cidrs,
            ),
            opts,
        )
        # the kinds of what follows come with the chart
        after = child_options(self, opts, [stack.release])
        AlertRules(
            f"{name}-rules",
            AlertRulesArgs(namespace=stack.namespace, repository_url=args.settings.repository_url),
            after,
        )
        Dashboards(f"{name}-dashboards", DashboardsArgs(namespace=stack.namespace), after)
        ScrapeTargets(
            f"{name}-targets",
            ScrapeTargetsArgs(
                environment=args.environment,
                namespace=stack.namespace,
                hot_hosts=args.hot_hosts,
                bus_hosts=args.bus_hosts,
                pods=args.pods,
                flows=args.flows,
            ),
            after,
        )
