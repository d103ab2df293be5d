"""What watches `prod`, as the stack composes it."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from components.observability.chart_values import Image
from stacks.cloud_settings import from_file, parse
from stacks.stack_file import SettingsError, read_stack_file
from tests.recorder import Recording
from tests.support.cloud_recording import recorded

FILE = Path(__file__).resolve().parents[3] / "Pulumi.prod.yaml"


@pytest.fixture
def prod() -> Recording:
    return recorded("prod")


def test_every_trading_host_is_scraped_under_its_own_name(prod: Recording) -> None:
    settings = from_file(FILE)
    (agents,) = [
        each
        for each in prod.of_type("kubernetes:monitoring.coreos.com/v1alpha1:ScrapeConfig")
        if each.inputs["spec"]["jobName"] == "ironlane-agent"
    ]
    found = {static["labels"]["host"]: static["labels"]["duty"] for static in agents.inputs["spec"]["staticConfigs"]}
    assert found == {host.name: host.role for host in settings.hot_path.hosts}


def test_the_oms_is_scraped_by_the_labels_of_its_service(prod: Recording) -> None:
    (monitor,) = prod.of_type("kubernetes:monitoring.coreos.com/v1:ServiceMonitor")
    wanted = monitor.inputs["spec"]["selector"]["matchLabels"].items()
    namespaces = monitor.inputs["spec"]["namespaceSelector"]["matchNames"]
    matching = [
        each
        for each in prod.of_type("kubernetes:core/v1:Service")
        if each.inputs["metadata"]["namespace"] in namespaces and wanted <= each.inputs["metadata"]["labels"].items()
    ]
    (service,) = matching
    ports = [port["name"] for port in service.inputs["spec"]["ports"]]
    assert monitor.inputs["spec"]["endpoints"][0]["port"] in ports


def test_the_programs_let_this_prometheus_in(prod: Recording) -> None:
    """Their network policies name namespace and label of the pods that scrape them."""
    (release,) = prod.of_type("kubernetes:helm.sh/v3:Release")
    peers = [
        peer
        for policy in prod.of_type("kubernetes:networking.k8s.io/v1:NetworkPolicy")
        for rule in policy.inputs["spec"].get("ingress", [])
        for peer in rule.get("from", [])
        if peer.get("podSelector", {}).get("matchLabels", {}).get("app.kubernetes.io/name") == "prometheus"
    ]
    assert peers
    namespaces = {peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for peer in peers}
    assert namespaces == {release.inputs["namespace"]}


def errors(path: str, value: Any) -> str:
    raw = deepcopy(read_stack_file(FILE))
    section = raw["observability"]
    *keys, last = path.split(".")
    for key in keys:
        section = section[key]
    section[last] = value
    with pytest.raises(SettingsError) as caught:
        parse(raw, FILE.name)
    return str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("chart.version", "88.x", "ironlane:observability.chart: version '88.x': give one version of the chart"),
        ("chart.images", {}, f"images: {', '.join(sorted(Image))} missing"),
        ("chart.images.grafana", "12.3.1", "ironlane:observability.chart.images.grafana"),
        ("subscriptions.critical", [], "ironlane:observability.subscriptions.critical"),
        ("runbooks", "x", "ironlane:observability.runbooks = 'x': unknown key"),
    ],
)
def test_errors_name_file_key_and_fix(path: str, value: Any, told: str) -> None:
    found = errors(path, value)
    assert found.startswith("Pulumi.prod.yaml: ")
    assert told in found
