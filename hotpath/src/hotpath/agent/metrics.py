"""Prometheus metrics of one host, taken from shared memory when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from hotpath.agent.control import ControlState
from hotpath.agent.observer import Observer
from hotpath.agent.view import AgentView
from hotpath.ipc.histogram import HistogramSnapshot

NS_PER_S: Final = 1e9
LATENCY_BOUNDS_NS: Final = tuple(m * 10**e for e in range(2, 10) for m in (1, 2, 5))
AGENT: Final = "agent"
LEVELS: Final = frozenset({
    "line_a_receive_buffer", "line_b_receive_buffer", "lines_live", "next_sequence", "live_orders",
    "book_ring_attached", "order_ring_attached", "open_orders", "position", "cash", "marked_pnl", "router_epoch",
    "mode", "killed",
})  # fmt: skip
"""What roles keep among their counters although it also falls: rate() of it would be nonsense."""


def _latency_buckets(snapshot: HistogramSnapshot) -> list[tuple[str, float]]:
    buckets = [(repr(bound / NS_PER_S), float(snapshot.count_at_most(bound))) for bound in LATENCY_BOUNDS_NS]
    return [*buckets, ("+Inf", float(snapshot.count))]


class _HostCollector(Collector):
    def __init__(self, observer: Observer, own: Callable[[], AgentView]) -> None:
        self._observer = observer
        self._own = own

    def collect(self) -> Iterator[Metric]:
        own = self._own()
        yield from self._roles(own)
        yield from self._rings()
        position = self._observer.position()
        if position is not None:
            shares = GaugeMetricFamily("ironlane_position_shares", "Signed position of the router")
            shares.add_metric([], float(position.position))
            open_orders = GaugeMetricFamily("ironlane_open_orders", "Orders open at the venue")
            open_orders.add_metric([], float(position.open_orders))
            yield from (shares, open_orders)
        yield from _control(own.control)
        journal = GaugeMetricFamily(
            "ironlane_journal_sequence",
            "Last order event written to the journal, read from it, acknowledged by the stream",
            labels=["point"],
        )
        for point, sequence in own.journal.items():
            journal.add_metric([point], float(sequence))
        events = CounterMetricFamily("ironlane_agent_events", "What the agent itself counted", labels=["event"])
        for name, value in own.events.items():
            events.add_metric([name], float(value))
        yield from (journal, events)

    def _roles(self, own: AgentView) -> Iterator[Metric]:
        ready = GaugeMetricFamily("ironlane_role_ready", "1 when every gate of the role is open", labels=["role"])
        gates = GaugeMetricFamily("ironlane_gate_open", "1 when the gate is open", labels=["role", "gate"])
        beat = GaugeMetricFamily(
            "ironlane_role_heartbeat_age_seconds", "Since the role's loop last turned", labels=["role"]
        )
        started = GaugeMetricFamily(
            "ironlane_role_start_time_seconds", "When the role started, since the Unix epoch", labels=["role"]
        )
        epoch = GaugeMetricFamily(
            "ironlane_role_epoch", "Fencing epoch in which the role runs, 0 without one", labels=["role"]
        )
        events = CounterMetricFamily(
            "ironlane_role_events", "What the role counted since it started", labels=["role", "event"]
        )
        levels = GaugeMetricFamily(
            "ironlane_role_level",
            "What the role last told of itself: sizes, positions, switches",
            labels=["role", "level"],
        )
        latency = HistogramMetricFamily("ironlane_latency_seconds", "Time in one stage", labels=["role", "stage"])
        for role in self._observer.roles:
            status = self._observer.status(role)
            ready.add_metric([role], 1.0 if status is not None and status["ready"] else 0.0)
            if status is not None:
                for gate in status["gates"]:
                    gates.add_metric([role, gate["name"]], float(gate["ok"]))
                for name, value in status["counters"].items():
                    (levels if name in LEVELS else events).add_metric([role, name], float(value))
                epoch.add_metric([role], float(status["epoch"]))
                if status["heartbeat_age_ns"] is not None:
                    beat.add_metric([role], status["heartbeat_age_ns"] / NS_PER_S)
                if status["started_wall_ns"] is not None:
                    started.add_metric([role], status["started_wall_ns"] / NS_PER_S)
            for stage, snapshot in self._observer.latency(role).items():
                latency.add_metric([role, stage], _latency_buckets(snapshot), snapshot.sum / NS_PER_S)
        for own_gate in own.gates:
            gates.add_metric([AGENT, own_gate["name"]], float(own_gate["ok"]))
        ready.add_metric([AGENT], float(all(gate["ok"] for gate in own.gates)))
        yield from (ready, gates, beat, started, epoch, events, levels, latency)

    def _rings(self) -> Iterator[Metric]:
        unread = GaugeMetricFamily("ironlane_ring_unread_messages", "Messages that wait in the ring", labels=["ring"])
        capacity = GaugeMetricFamily("ironlane_ring_capacity_messages", "What the ring can hold", labels=["ring"])
        for name, fill in self._observer.rings().items():
            unread.add_metric([name], float(fill.unread))
            capacity.add_metric([name], float(fill.capacity))
        yield from (unread, capacity)


def _control(state: ControlState) -> Iterator[Metric]:
    yield GaugeMetricFamily("ironlane_control_killed", "1 while the kill latch is set", value=float(state.killed))
    yield GaugeMetricFamily(
        "ironlane_control_mode", "Trading mode asked for: 0 halted, 1 reducing, 2 active", value=float(state.mode)
    )
    limits = GaugeMetricFamily("ironlane_limit", "Risk limit in force, in its own unit", labels=["limit"])
    for name, value in msgspec.structs.asdict(state.limits).items():
        limits.add_metric([name], float(value))
    yield limits


def exposition(observer: Observer, own: Callable[[], AgentView]) -> Callable[[], bytes]:
    """A function that renders the metrics as Prometheus text."""
    registry = CollectorRegistry()
    registry.register(_HostCollector(observer, own))
    return lambda: generate_latest(registry)
