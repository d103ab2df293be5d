"""Values of the chart kube-prometheus-stack: what runs where, from which images, who hears of alerts. No Pulumi import.

Every image comes from the account's own registry by digest, because the nodes reach no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.network.flows import ADMISSION_WEBHOOK, NODE_METRICS

CHART = "kube-prometheus-stack"
REPOSITORY = "https://prometheus-community.github.io/helm-charts"
NAMESPACE = "observability"
ALERTMANAGER_ACCOUNT = "alertmanager"
"""Service account that may publish alerts."""

_RULES_OF_THE_CONTROL_PLANE = (
    "etcd",
    "kubeControllerManager",
    "kubeProxy",
    "kubeSchedulerAlerting",
    "kubeSchedulerRecording",
    "windows",
)

Values = dict[str, Any]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class Image(StrEnum):
    """What the chart runs; also the names of the image repositories."""

    PROMETHEUS = "prometheus"
    ALERTMANAGER = "alertmanager"
    OPERATOR = "prometheus-operator"
    CONFIG_RELOADER = "prometheus-config-reloader"
    WEBHOOK_CERTIFICATES = "kube-webhook-certgen"
    KUBE_STATE_METRICS = "kube-state-metrics"
    NODE_EXPORTER = "node-exporter"
    GRAFANA = "grafana"
    GRAFANA_SIDECAR = "k8s-sidecar"


class PrometheusSize(BaseModel):
    """Each replica scrapes everything and keeps it on a volume of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    replicas: int = Field(2, ge=1, le=2)
    cpu: int = Field(2, ge=1, le=64)
    memory_gib: int = Field(8, ge=2, le=512)
    volume_gib: int = Field(200, ge=10, le=16_384)
    retention_days: int = Field(30, ge=1, le=400)


class ChartSettings(BaseModel):
    """version: of the chart. images: digest of each, as it lies in the account's registry."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    images: Mapping[Image, Digest]
    prometheus: PrometheusSize = PrometheusSize()
    alertmanagers: int = Field(3, ge=1, le=3)

    @model_validator(mode="after")
    def _pinned(self) -> ChartSettings:
        parts = self.version.split(".")
        if len(parts) != 3 or not all(part.isdigit() for part in parts):
            raise ValueError(f"version {self.version!r}: give one version of the chart, such as 88.5.3, no range")
        missing = sorted(set(Image) - set(self.images))
        if missing:
            raise ValueError(f"images: {', '.join(missing)} missing; pin every image that the chart runs by its digest")
        return self


class Placement(BaseModel):
    """registry: host of the account's registry; prefix: of its repositories. labels and taint of the node pool."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: str
    region: str
    registry: str
    prefix: str
    storage_class: str
    pool_label: str
    pool: str


class Topics(BaseModel):
    """SNS topics by their ARNs: somebody is woken; somebody looks at it today; proof that alerts get through."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    critical: str
    warning: str
    heartbeat: str


def values(settings: ChartSettings, place: Placement, topics: Topics) -> Values:
    """The whole document."""
    pinned = _Images(settings, place)
    spread = _placed(place)
    return {
        "fullnameOverride": CHART,
        "crds": {"enabled": True},
        # rules of Kubernetes itself, without those for the control plane, which EKS keeps to itself
        "defaultRules": {"rules": dict.fromkeys(_RULES_OF_THE_CONTROL_PLANE, False)},
        "kubeEtcd": {"enabled": False},
        "kubeControllerManager": {"enabled": False},
        "kubeScheduler": {"enabled": False},
        "kubeProxy": {"enabled": False},
        "prometheusOperator": {
            "image": pinned.of(Image.OPERATOR),
            "prometheusConfigReloader": {"image": pinned.of(Image.CONFIG_RELOADER)},
            # the one port on which the control plane may reach pods that admit objects
            "tls": {"internalPort": ADMISSION_WEBHOOK},
            "admissionWebhooks": {"patch": {"image": pinned.of(Image.WEBHOOK_CERTIFICATES), **spread}},
            "resources": _resources("100m", "256Mi"),
            **spread,
        },
        "prometheus": {
            "podDisruptionBudget": {"enabled": settings.prometheus.replicas > 1},
            "prometheusSpec": _prometheus(settings.prometheus, place, pinned),
        },
        "alertmanager": {
            "podDisruptionBudget": {"enabled": settings.alertmanagers > 1},
            "serviceAccount": {"create": True, "name": ALERTMANAGER_ACCOUNT},
            "config": alertmanager_config(topics, place.region),
            "alertmanagerSpec": {
                "image": pinned.of(Image.ALERTMANAGER),
                "replicas": settings.alertmanagers,
                "podAntiAffinity": "hard",
                "resources": _resources("50m", "128Mi"),
                "storage": _volume(place, 2),
                **spread,
            },
        },
        "grafana": _grafana(place, pinned),
        "kube-state-metrics": {
            "image": pinned.of(Image.KUBE_STATE_METRICS),
            "resources": _resources("50m", "256Mi"),
            **spread,
        },
        # on every node, whatever it is kept free for
        "prometheus-node-exporter": {
            "image": pinned.with_prefix(Image.NODE_EXPORTER),
            "service": {"port": NODE_METRICS, "targetPort": NODE_METRICS},
            "resources": _resources("50m", "64Mi"),
            "tolerations": [{"operator": "Exists"}],
        },
    }


class _Images:
    def __init__(self, settings: ChartSettings, place: Placement) -> None:
        self._settings = settings
        self._place = place

    def of(self, image: Image) -> Values:
        """Most of the chart takes the digest without its algorithm."""
        return {**self._place_of(image), "sha": self._settings.images[image].removeprefix("sha256:")}

    def with_prefix(self, image: Image) -> Values:
        """The node exporter's chart takes it whole, under another key."""
        return {**self._place_of(image), "digest": self._settings.images[image]}

    def _place_of(self, image: Image) -> Values:
        return {"registry": self._place.registry, "repository": f"{self._place.prefix}/{image.value}"}


def _placed(place: Placement) -> Values:
    return {
        "nodeSelector": {place.pool_label: place.pool},
        "tolerations": [{"key": place.pool_label, "operator": "Equal", "value": place.pool, "effect": "NoSchedule"}],
    }


def _resources(cpu: str, memory: str) -> Values:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}}


def _volume(place: Placement, gib: int) -> Values:
    spec = {
        "storageClassName": place.storage_class,
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": f"{gib}Gi"}},
    }
    return {"volumeClaimTemplate": {"spec": spec}}


def _prometheus(size: PrometheusSize, place: Placement, pinned: _Images) -> Values:
    everything = {
        f"{kind}SelectorNilUsesHelmValues": False
        for kind in ("rule", "serviceMonitor", "podMonitor", "probe", "scrapeConfig")
    }
    return {
        "image": pinned.of(Image.PROMETHEUS),
        "replicas": size.replicas,
        "podAntiAffinity": "hard",
        "podAntiAffinityTopologyKey": "topology.kubernetes.io/zone",
        "scrapeInterval": "15s",
        "evaluationInterval": "15s",
        "retention": f"{size.retention_days}d",
        # the log before it and the compaction of blocks need room, too
        "retentionSize": f"{size.volume_gib * 4 // 5}GiB",
        "externalLabels": {"environment": place.environment},
        "resources": _resources(str(size.cpu), f"{size.memory_gib}Gi"),
        "storageSpec": _volume(place, size.volume_gib),
        # objects of ours carry no label of the release
        **everything,
        **_placed(place),
    }


def _grafana(place: Placement, pinned: _Images) -> Values:
    """Dashboards are code, so Grafana keeps nothing, and nobody logs in: who reaches the port may look."""
    return {
        "image": pinned.of(Image.GRAFANA),
        "sidecar": {
            "image": pinned.of(Image.GRAFANA_SIDECAR),
            # without an administrator nothing can be told to reload; Grafana looks at its folders every 30 s
            "dashboards": {"enabled": True, "searchNamespace": NAMESPACE, "skipReload": True},
            "datasources": {"enabled": True, "initDatasources": True, "skipReload": True},
        },
        "grafana.ini": {
            "analytics": {"check_for_updates": False, "reporting_enabled": False},
            "auth": {"disable_login_form": True},
            "auth.basic": {"enabled": False},
            "auth.anonymous": {"enabled": True, "org_role": "Viewer"},
            "security": {"disable_initial_admin_creation": True},
        },
        "defaultDashboardsTimezone": "utc",
        "persistence": {"enabled": False},
        "initChownData": {"enabled": False},
        "testFramework": {"enabled": False},
        "resources": _resources("100m", "512Mi"),
        **_placed(place),
    }


def alertmanager_config(topics: Topics, region: str) -> Values:
    """Routes by severity. A cause silences its consequences. The Watchdog, which always fires, is the heartbeat."""

    def receiver(name: str, topic: str, resolved: bool = True) -> Values:
        publish = {
            "topic_arn": topic,
            "sigv4": {"region": region},
            "subject": "{{ .Status | toUpper }} {{ .CommonLabels.severity }}: {{ .CommonLabels.alertname }}",
            "send_resolved": resolved,
        }
        return {"name": name, "sns_configs": [publish]}

    return {
        "global": {"resolve_timeout": "5m"},
        "route": {
            "receiver": "warning",
            "group_by": ["alertname", "environment", "host"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "12h",
            "routes": [
                {
                    "receiver": "heartbeat",
                    "matchers": ['alertname = "Watchdog"'],
                    "group_wait": "0s",
                    "group_interval": "1m",
                    "repeat_interval": "4m",
                },
                {"receiver": "nobody", "matchers": ['alertname = "InfoInhibitor"']},
                {"receiver": "nobody", "matchers": ['severity = "info"']},
                {
                    "receiver": "critical",
                    "matchers": ['severity = "critical"'],
                    "group_wait": "5s",
                    "repeat_interval": "1h",
                },
            ],
        },
        "inhibit_rules": [
            # a host that is down is one alert, not one for each thing on it
            {
                "source_matchers": ['alertname = "HostDown"'],
                "target_matchers": ['alertname =~ "HotPathAgentDown|NatsServerDown"'],
                "equal": ["environment", "host"],
            },
            # whoever pulled the switch knows that the gates are shut
            {
                "source_matchers": ['alertname = "KillSwitchLatched"'],
                "target_matchers": ['alertname =~ "HotPathGateShut|TradingModeReduced"'],
                "equal": ["environment", "host"],
            },
            {
                "source_matchers": ['severity = "critical"'],
                "target_matchers": ['severity =~ "warning|info"'],
                "equal": ["namespace", "alertname"],
            },
        ],
        "receivers": [
            {"name": "nobody"},
            receiver("critical", topics.critical),
            receiver("warning", topics.warning),
            receiver("heartbeat", topics.heartbeat, resolved=False),
        ],
    }
