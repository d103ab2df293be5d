"""Prometheus on the cluster: pinned, on its own nodes, told of by people; what it reaches and what it must not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from components.network.flows import AGENT_HTTP, NATS_METRICS, NODE_METRICS, VenuePorts, allowed_flows
from components.observability.chart_values import (
    ChartSettings,
    Image,
    Placement,
    PrometheusSize,
    Topics,
    alertmanager_config,
    values,
)
from components.observability.grafana import DASHBOARDS
from components.observability.observability import Observability, ObservabilityArgs
from components.observability.rules import rules
from components.observability.scrape_targets import BusHost, HotHost, PodTarget, ScrapeTargets, ScrapeTargetsArgs
from components.observability.settings import ObservabilitySettings
from tests.recorder import Recording, deploy

FLOWS = allowed_flows(VenuePorts(order_entry=26400, snapshot=26500, rerequest=26477, lines=(26401, 26402)))
DIGEST = "sha256:" + "a1" * 32
CHART = ChartSettings(version="88.5.3", images=dict.fromkeys(Image, DIGEST))
PLACE = Placement(
    environment="prod",
    region="us-east-1",
    registry="111122223333.dkr.ecr.us-east-1.amazonaws.com",
    prefix="ironlane-prod",
    storage_class="gp3",
    pool_label="ironlane/pool",
    pool="observability",
)
TOPICS = Topics(critical="arn:critical", warning="arn:warning", heartbeat="arn:heartbeat")
ARGS: dict[str, Any] = {
    "environment": "prod",
    "region": "us-east-1",
    "account_id": "111122223333",
    "cluster_name": "ironlane-prod",
    "control_plane_cidrs": ("10.40.1.0/28", "10.40.1.16/28", "10.40.1.32/28"),
    "alerts_key_arn": "arn:aws:kms:::alerts",
    "images_key_arn": "arn:aws:kms:::images",
    "storage_class": "gp3",
    "pool_label": "ironlane/pool",
    "hot_hosts": (
        HotHost(name="hot-a", address="10.40.0.10", duty="active"),
        HotHost(name="hot-b", address="10.40.0.11", duty="standby"),
    ),
    "bus_hosts": (BusHost(name="nats-1", address="10.40.2.4"), BusHost(name="nats-2", address="10.40.3.4")),
    "pods": (PodTarget(job="ironlane-oms", namespace="trading", labels={"app": "oms"}, port="http"),),
    "flows": FLOWS,
    "settings": ObservabilitySettings.model_validate(
        {
            "chart": {"version": "88.5.3", "images": dict.fromkeys(Image, DIGEST)},
            "subscriptions": {"critical": ["https://pager.test/ironlane"], "warning": ["ops@ironlane.test"]},
            "repository_url": "https://git.test/ironlane/blob/main",
        }
    ),
    "placed": True,
    "protect": True,
}


@pytest.fixture(scope="module")
def recorded() -> Recording:
    return deploy(lambda: Observability("watch", ObservabilityArgs(**ARGS)) and None)


def test_what_is_not_placed_asks_nothing_of_the_cluster() -> None:
    """The image repositories must be there, and filled, before anything can be placed."""
    recording = deploy(lambda: Observability("watch", ObservabilityArgs(**{**ARGS, "placed": False})) and None)
    assert not [each for each in recording.resources if each.type.startswith("kubernetes:")]
    assert len(recording.of_type("aws:ecr/repository:Repository")) == len(Image)


def images(node: Any) -> list[dict[str, Any]]:
    """Every `image` of the values, however deep."""
    found = []
    if isinstance(node, dict):
        for key, value in node.items():
            found += [value] if key == "image" else images(value)
    return found


def test_every_image_is_ours_by_digest() -> None:
    found = images(values(CHART, PLACE, TOPICS))
    assert sorted(each["repository"] for each in found) == sorted(f"ironlane-prod/{image.value}" for image in Image)
    assert {each["registry"] for each in found} == {PLACE.registry}
    # the chart puts `sha256:` before sha, and takes digest as it is
    assert {each.get("sha") or each["digest"].removeprefix("sha256:") for each in found} == {"a1" * 32}


def test_what_is_not_ours_by_digest_is_not_run() -> None:
    """The chart would take these from registries that the nodes do not reach."""
    found = values(CHART, PLACE, TOPICS)
    assert not found["grafana"]["initChownData"]["enabled"]
    assert not found["grafana"]["testFramework"]["enabled"]


def test_no_control_plane_is_scraped_that_eks_does_not_show() -> None:
    found = values(CHART, PLACE, TOPICS)
    for part in ("kubeEtcd", "kubeControllerManager", "kubeScheduler", "kubeProxy"):
        assert found[part] == {"enabled": False}


def test_only_the_node_exporter_runs_outside_of_its_pool() -> None:
    found = values(CHART, PLACE, TOPICS)
    placed = [
        found["prometheusOperator"],
        found["prometheusOperator"]["admissionWebhooks"]["patch"],
        found["prometheus"]["prometheusSpec"],
        found["alertmanager"]["alertmanagerSpec"],
        found["grafana"],
        found["kube-state-metrics"],
    ]
    assert all(each["nodeSelector"] == {"ironlane/pool": "observability"} for each in placed)
    assert found["prometheus-node-exporter"]["tolerations"] == [{"operator": "Exists"}]


def test_prometheus_keeps_less_than_its_volume_and_reads_objects_without_labels_of_the_release() -> None:
    sized = CHART.model_copy(update={"prometheus": PrometheusSize(volume_gib=100)})
    spec = values(sized, PLACE, TOPICS)["prometheus"]["prometheusSpec"]
    assert spec["retentionSize"] == "80GiB"
    assert [spec[f"{kind}SelectorNilUsesHelmValues"] for kind in ("rule", "serviceMonitor", "scrapeConfig")] == [
        False
    ] * 3


def test_nobody_can_change_grafana() -> None:
    ini = values(CHART, PLACE, TOPICS)["grafana"]["grafana.ini"]
    assert ini["auth.anonymous"] == {"enabled": True, "org_role": "Viewer"}
    assert ini["security"]["disable_initial_admin_creation"]
    assert not ini["auth.basic"]["enabled"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": "88.x"}, "give one version of the chart"),
        ({"version": "^88.5.3"}, "give one version of the chart"),
        ({"images": {Image.GRAFANA: DIGEST}}, "k8s-sidecar, kube-state-metrics"),
        ({"images": dict.fromkeys(Image, "12.3.1")}, "pattern"),
    ],
)
def test_what_is_not_pinned_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told.replace("^", r"\^")):
        ChartSettings.model_validate({"version": "88.5.3", "images": dict.fromkeys(Image, DIGEST)} | change)


def test_alerts_reach_the_topic_of_their_severity() -> None:
    config = alertmanager_config(TOPICS, "us-east-1")
    topic = {
        receiver["name"]: [each["topic_arn"] for each in receiver.get("sns_configs", [])]
        for receiver in config["receivers"]
    }
    routes = {route["matchers"][0]: topic[route["receiver"]] for route in config["route"]["routes"]}
    assert routes['severity = "critical"'] == ["arn:critical"]
    assert routes['alertname = "Watchdog"'] == ["arn:heartbeat"]
    assert topic[config["route"]["receiver"]] == ["arn:warning"]


def test_inhibitions_name_alerts_that_exist() -> None:
    known = {rule.name for rule in rules()}
    for rule in alertmanager_config(TOPICS, "us-east-1")["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            label, _, value = matcher.partition(" ")
            if label == "alertname":
                assert set(value.split('"')[1].split("|")) <= known, matcher


def release_of(recorded: Recording) -> Any:
    (release,) = recorded.of_type("kubernetes:helm.sh/v3:Release")
    return release


def test_objects_of_the_chart_s_kinds_wait_for_it(recorded: Recording) -> None:
    release = release_of(recorded)
    kinds = [each for each in recorded.resources if each.type.startswith("kubernetes:monitoring.coreos.com")]
    assert len(kinds) == 4 + 3 + 1
    assert all(recorded.waits_for(each, release) for each in kinds)


def test_alertmanager_may_publish_before_it_starts_and_nothing_else(recorded: Recording) -> None:
    (association,) = recorded.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    assert (association.inputs["namespace"], association.inputs["serviceAccount"]) == ("observability", "alertmanager")
    assert recorded.waits_for(release_of(recorded), association)
    (policy,) = recorded.of_type("aws:iam/rolePolicy:RolePolicy")
    statements = json.loads(policy.inputs["policy"])["Statement"]
    assert sorted(action for each in statements for action in each["Action"]) == [
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "sns:Publish",
    ]
    assert "*" not in [resource for each in statements for resource in each["Resource"]]


def test_silence_of_the_whole_chain_is_an_alarm_outside_of_it(recorded: Recording) -> None:
    (alarm,) = recorded.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
    assert alarm.inputs["treatMissingData"] == "breaching"
    assert "heartbeat" in alarm.inputs["dimensions"]["TopicName"]
    assert all("critical" in arn for arn in alarm.inputs["alarmActions"])


def test_every_topic_is_encrypted_and_somebody_hears_of_both_severities(recorded: Recording) -> None:
    assert {each.inputs["kmsMasterKeyId"] for each in recorded.of_type("aws:sns/topic:Topic")} == {
        "arn:aws:kms:::alerts"
    }
    subscribed = {
        (each.inputs["protocol"], each.inputs["topic"].rpartition("/")[2])
        for each in recorded.of_type("aws:sns/topicSubscription:TopicSubscription")
    }
    assert subscribed == {("https", "watch-alerts-critical"), ("email", "watch-alerts-warning")}


def test_the_release_is_one_version_of_one_chart(recorded: Recording) -> None:
    release = release_of(recorded)
    assert (release.inputs["chart"], release.inputs["version"]) == ("kube-prometheus-stack", "88.5.3")
    assert release.inputs["atomic"]


def test_nobody_outside_reaches_the_namespace_but_the_api_server(recorded: Recording) -> None:
    (policy,) = recorded.of_type("kubernetes:networking.k8s.io/v1:NetworkPolicy")
    inside, api_server = policy.inputs["spec"]["ingress"]
    assert inside == {"from": [{"podSelector": {}}]}
    assert [each["ipBlock"]["cidr"] for each in api_server["from"]] == list(ARGS["control_plane_cidrs"])
    assert len(api_server["ports"]) == 1


def scraped(recorded: Recording) -> dict[str, dict[str, dict[str, str]]]:
    """Labels by job and address."""
    return {
        each.inputs["spec"]["jobName"]: {
            static["targets"][0]: static["labels"] for static in each.inputs["spec"]["staticConfigs"]
        }
        for each in recorded.of_type("kubernetes:monitoring.coreos.com/v1alpha1:ScrapeConfig")
    }


def test_every_host_is_scraped_with_the_labels_that_the_rules_use(recorded: Recording) -> None:
    found = scraped(recorded)
    assert found["ironlane-agent"] == {
        f"10.40.0.10:{AGENT_HTTP}": {"environment": "prod", "host": "hot-a", "duty": "active"},
        f"10.40.0.11:{AGENT_HTTP}": {"environment": "prod", "host": "hot-b", "duty": "standby"},
    }
    assert set(found["ironlane-nats"]) == {f"10.40.2.4:{NATS_METRICS}", f"10.40.3.4:{NATS_METRICS}"}
    assert {(at.rpartition(":")[2], labels["kind"]) for at, labels in found["ironlane-host"].items()} == {
        (str(NODE_METRICS), "hot-path"),
        (str(NODE_METRICS), "bus"),
    }
    jobs = {*found, "ironlane-oms"}
    for rule in rules():
        for part in rule.expression.split('job="')[1:]:
            assert part.split('"')[0] in jobs, rule.name


@pytest.mark.parametrize("port", [AGENT_HTTP, NODE_METRICS, NATS_METRICS])
def test_a_target_that_the_network_keeps_out_is_refused(port: int) -> None:
    flows = tuple(flow for flow in FLOWS if flow.first_port != port)
    args = ScrapeTargetsArgs(
        environment="prod",
        namespace="observability",
        hot_hosts=ARGS["hot_hosts"],
        bus_hosts=ARGS["bus_hosts"],
        pods=(),
        flows=flows,
    )
    with pytest.raises(ValueError, match=f"port {port}: components/network/flows.py opens no such flow"):
        deploy(lambda: ScrapeTargets("targets", args) and None)


def test_dashboards_are_loaded_by_their_label_and_are_what_grafana_reads(recorded: Recording) -> None:
    maps = recorded.of_type("kubernetes:core/v1:ConfigMap")
    assert len(maps) == len(DASHBOARDS) == 4
    for each in maps:
        assert each.inputs["metadata"]["labels"] == {"grafana_dashboard": "1"}
        (text,) = each.inputs["data"].values()
        document = json.loads(text)
        ids = [panel["id"] for panel in document["panels"]]
        assert len(ids) == len(set(ids))
        assert all(panel["targets"] for panel in document["panels"] if panel["type"] != "row")
        areas = [panel["gridPos"] for panel in document["panels"]]
        assert all(area["x"] + area["w"] <= 24 for area in areas)


def test_a_dashboard_filters_by_its_variable_only_if_it_has_one() -> None:
    for dashboard in DASHBOARDS:
        assert any("$host" in expression for expression in dashboard.expressions) == (dashboard.targets is not None)
