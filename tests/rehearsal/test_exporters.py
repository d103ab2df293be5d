"""The real exporters: node_exporter as built from its module, and ours beside a real cluster of NATS servers."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from nats_cluster import BINARY, ENVIRONMENT, Cluster, free_ports, running
from promql import selectors

from cli.paths import repository_layout
from cli.steps import StepLog
from components.bus.nats_exporter import scrape
from components.observability.grafana import DASHBOARDS
from components.observability.rules import rules
from controlplane.oms.config import Consumer
from rehearsal.toolchain import prometheus_tools
from wire.client import BusClient
from wire.streams import (
    ORDER_EVENTS,
    StreamLimits,
    ensure_consumer,
    ensure_stream,
    oms_consumer,
    order_events_stream,
)

pytestmark = pytest.mark.slow
GOLDEN = Path(__file__).parents[1] / "golden" / "observability" / "node_exporter.txt"
EXPRESSIONS = [rule.expression for rule in rules()] + [
    expression for dashboard in DASHBOARDS for expression in dashboard.expressions
]


def asked(prefix: str) -> set[str]:
    """Metrics that rules and dashboards ask for."""
    return {each.metric for text in EXPRESSIONS for each in selectors(text) if each.metric.startswith(prefix)}


@pytest.fixture(scope="module")
def node_exporter() -> Iterator[str]:
    """What it exposes of this machine."""
    layout = repository_layout()
    log = StepLog(layout.logs / "node_exporter.log", sys.stderr, "node_exporter")
    try:
        program = prometheus_tools.ensure(layout, prometheus_tools.NODE_EXPORTER, log.run, log.say, os.environ)
    except prometheus_tools.NoGoError as error:
        pytest.skip(str(error))
    finally:
        log.close("")
    (port,) = free_ports(1)
    process = subprocess.Popen([program, f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
    try:
        yield _fetch(f"http://127.0.0.1:{port}/metrics")
    finally:
        process.kill()
        process.wait()


def _fetch(url: str) -> str:
    deadline = time.monotonic() + 10
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            assert time.monotonic() < deadline, url
            time.sleep(0.05)


def test_the_node_exporter_has_what_is_asked_of_it(node_exporter: str) -> None:
    found = {sample.name for family in text_string_to_metric_families(node_exporter) for sample in family.samples}
    # a machine without its own disk or a kernel without pressure figures lacks some
    optional = {"node_pressure_cpu_waiting_seconds_total", "node_disk_written_bytes_total"}
    assert asked("node_") - optional <= found


def test_the_recorded_list_is_that_of_the_pinned_build(node_exporter: str) -> None:
    recorded = dict(line.split() for line in GOLDEN.read_text().splitlines())
    found = dict(line.split()[2:4] for line in node_exporter.splitlines() if line.startswith("# TYPE node_"))
    assert {name: recorded[name] for name in asked("node_") & set(found)} == {
        name: found[name] for name in asked("node_") & set(found)
    }


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if BINARY is None:
        pytest.skip("nats-server is not installed")
    with running(Cluster(tmp_path_factory.mktemp("nats"))) as cluster:
        asyncio.run(_streams(cluster))
        yield cluster


async def _streams(cluster: Cluster) -> None:
    bus = BusClient(cluster.settings("oms"))
    bus.start()
    try:
        await bus.wait_connected(10)
        await ensure_stream(bus, order_events_stream(ENVIRONMENT, StreamLimits()))
        await ensure_consumer(bus, ORDER_EVENTS, oms_consumer(Consumer(), "oms"))
    finally:
        await bus.close()


def samples(cluster: Cluster) -> dict[str, list[float]]:
    """Of all members together."""
    found: dict[str, list[float]] = {}
    for url in cluster.monitors:
        for family in text_string_to_metric_families(scrape(url)):
            for sample in family.samples:
                found.setdefault(sample.name, []).append(sample.value)
    return found


def eventually(cluster: Cluster, name: str, wanted: list[float]) -> None:
    deadline = time.monotonic() + 30
    while (found := sorted(samples(cluster).get(name, []))) != wanted:
        assert time.monotonic() < deadline, f"{name}: {found}, not {wanted}"
        time.sleep(0.2)


def test_a_cluster_has_what_is_asked_of_it_and_each_thing_once(cluster: Cluster) -> None:
    eventually(cluster, "nats_meta_leader", [0.0, 0.0, 1.0])
    eventually(cluster, "nats_stream_replicas_lost", [0.0])
    eventually(cluster, "nats_consumer_pending_messages", [0.0])
    found = samples(cluster)
    assert asked("nats_") <= set(found)
    assert found["nats_up"] == found["nats_healthy"] == [1.0, 1.0, 1.0]


def test_a_killed_server_is_missed_by_the_others(cluster: Cluster) -> None:
    cluster.kill(0)
    try:
        eventually(cluster, "nats_up", [0.0, 1.0, 1.0])
        eventually(cluster, "nats_meta_peers_lost", [1.0])
    finally:
        cluster.revive()
    eventually(cluster, "nats_meta_peers_lost", [0.0])
