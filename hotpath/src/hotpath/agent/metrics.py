"""Prometheus metrics of one host, taken from shared memory when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from hotpath.agent.observer import Observer
from hotpath.ipc.histogram import HistogramSnapshot

NS_PER_S: Final = 1e9
LATENCY_BOUNDS_NS: Final = tuple(m * 10**e for e in range(2, 10) for m in (1, 2, 5))


def _latency_buckets(snapshot: HistogramSnapshot) -> list[tuple[str, float]]:
    buckets = [(repr(bound / NS_PER_S), float(snapshot.count_at_most(bound))) for bound in LATENCY_BOUNDS_NS]
    return [*buckets, ("+Inf", float(snapshot.count))]


class _HostCollector(Collector):
    def __init__(self, observer: Observer, own: Callable[[], dict[str, int]]) -> None:
        self._observer = observer
        self._own = own

    def collect(self) -> Iterator[Metric]:
        ready = GaugeMetricFamily("ironlane_role_ready", "1 when every gate of the role is open", labels=["role"])
        gates = GaugeMetricFamily("ironlane_gate_open", "1 when the gate is open", labels=["role", "gate"])
        events = CounterMetricFamily(
            "ironlane_role_events", "What the role counted since it started", labels=["role", "event"]
        )
        latency = HistogramMetricFamily("ironlane_latency_seconds", "Time in one stage", labels=["role", "stage"])
        for role in self._observer.roles:
            status = self._observer.status(role)
            ready.add_metric([role], 1.0 if status is not None and status["ready"] else 0.0)
            if status is not None:
                for gate in status["gates"]:
                    gates.add_metric([role, gate["name"]], float(gate["ok"]))
                for name, value in status["counters"].items():
                    events.add_metric([role, name], float(value))
            for stage, snapshot in self._observer.latency(role).items():
                latency.add_metric([role, stage], _latency_buckets(snapshot), snapshot.sum / NS_PER_S)
        yield from (ready, gates, events, latency)
        position = self._observer.position()
        if position is not None:
            shares = GaugeMetricFamily("ironlane_position_shares", "Signed position of the router")
            shares.add_metric([], float(position.position))
            open_orders = GaugeMetricFamily("ironlane_open_orders", "Orders open at the venue")
            open_orders.add_metric([], float(position.open_orders))
            yield from (shares, open_orders)
        own = GaugeMetricFamily("ironlane_agent", "The agent's own figures", labels=["figure"])
        for name, value in self._own().items():
            own.add_metric([name], float(value))
        yield own


def exposition(observer: Observer, own: Callable[[], dict[str, int]]) -> Callable[[], bytes]:
    """A function that renders the metrics as Prometheus text."""
    registry = CollectorRegistry()
    registry.register(_HostCollector(observer, own))
    return lambda: generate_latest(registry)
