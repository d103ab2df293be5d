"""Where alerts go: SNS topics by severity, and an alarm outside of the cluster when the cluster falls silent."""

from __future__ import annotations

import re

import pulumi
from pulumi_aws import cloudwatch, sns
from pydantic import BaseModel, ConfigDict, Field

from components.control_plane.pod_identity import PodIdentity, PodIdentityArgs, Statement
from components.inputs import Text
from components.observability.chart_values import ALERTMANAGER_ACCOUNT, NAMESPACE
from components.observability.prometheus_stack import TopicArns
from components.options import child_options
from components.tags import tags

_SILENT_PERIODS = 3
_PERIOD_S = 300  # the heartbeat repeats every 4 to 5 minutes


class Subscriptions(BaseModel):
    """Who is told: addresses of people, or HTTPS endpoints of what pages them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    critical: tuple[str, ...] = Field(min_length=1)
    warning: tuple[str, ...] = Field(min_length=1)


class AlertDeliveryArgs(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    environment: str
    cluster_name: Text
    kms_key_arn: Text
    subscriptions: Subscriptions


class AlertDelivery(pulumi.ComponentResource):
    """`topics`; `ready` is what Alertmanager's pods must wait for: rights are given at their admission only."""

    topics: TopicArns
    ready: list[pulumi.Resource]

    def __init__(self, name: str, args: AlertDeliveryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ironlane:observability:AlertDelivery", name, {}, opts)
        self._name = name
        self._args = args
        self._opts = opts
        critical, warning, heartbeat = (self._topic(kind) for kind in ("critical", "warning", "heartbeat"))
        self._subscribe("critical", critical, args.subscriptions.critical)
        self._subscribe("warning", warning, args.subscriptions.warning)
        cloudwatch.MetricAlarm(
            f"{name}-silent",
            alarm_description="Prometheus or Alertmanager does not run: no alert would arrive",
            namespace="AWS/SNS",
            metric_name="NumberOfMessagesPublished",
            dimensions={"TopicName": heartbeat.name},
            statistic="Sum",
            period=_PERIOD_S,
            evaluation_periods=_SILENT_PERIODS,
            threshold=1,
            comparison_operator="LessThanThreshold",
            treat_missing_data="breaching",
            alarm_actions=[critical.arn],
            ok_actions=[critical.arn],
            tags=tags(args.environment, name),
            opts=child_options(self, opts),
        )
        identity = PodIdentity(
            f"{name}-alertmanager",
            PodIdentityArgs(
                environment=args.environment,
                cluster_name=args.cluster_name,
                namespace=NAMESPACE,
                service_account=ALERTMANAGER_ACCOUNT,
                statements=(
                    Statement(actions=("sns:Publish",), resources=(critical.arn, warning.arn, heartbeat.arn)),
                    Statement(actions=("kms:GenerateDataKey", "kms:Decrypt"), resources=(args.kms_key_arn,)),
                ),
            ),
            child_options(self, opts),
        )
        self.topics = TopicArns(critical=critical.arn, warning=warning.arn, heartbeat=heartbeat.arn)
        self.ready = [identity.association]
        self.register_outputs({"critical": critical.arn, "warning": warning.arn})

    def _topic(self, kind: str) -> sns.Topic:
        return sns.Topic(
            f"{self._name}-{kind}",
            kms_master_key_id=self._args.kms_key_arn,
            tags=tags(self._args.environment, self._name),
            opts=child_options(self, self._opts),
        )

    def _subscribe(self, kind: str, topic: sns.Topic, endpoints: tuple[str, ...]) -> None:
        for endpoint in endpoints:
            sns.TopicSubscription(
                f"{self._name}-{kind}-{_slug(endpoint)}",
                topic=topic.arn,
                protocol="https" if endpoint.startswith("https://") else "email",
                endpoint=endpoint,
                opts=child_options(self, self._opts),
            )


def _slug(endpoint: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", endpoint.removeprefix("https://").lower()).strip("-")
