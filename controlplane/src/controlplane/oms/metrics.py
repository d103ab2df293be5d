"""Prometheus metrics, read from the ingest's state when they are asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from controlplane.oms.config import Readiness
from controlplane.oms.health import gates
from controlplane.oms.ingest import IngestState
from wire.client import BusState

_PREFIX = "ironlane_oms"


class OmsCollector(Collector):
    def __init__(self, state: IngestState, bus: BusState, limits: Readiness) -> None:
        self._state = state
        self._bus = bus
        self._limits = limits

    def collect(self) -> Iterator[Metric]:
        state, bus = self._state, self._bus
        for name, text, value in (
            ("events", "Order events stored", state.events),
            ("duplicate_events", "Order events delivered again and found stored", state.duplicates),
            ("applied_events", "Order events applied to orders, fills and positions", state.applied),
            ("fills", "Fills stored", state.fills),
            ("repeated_venue_messages", "Venue messages that had been applied before", state.repeated),
            ("incidents", "Events that contradict others or cannot be used", state.incidents),
            ("batches", "Transactions", state.batches),
            ("database_errors", "Failed uses of the database", state.database_errors),
            ("stream_errors", "Failed uses of the stream", state.stream_errors),
            ("bus_connects", "Connections made to NATS", bus.counters.connects),
            ("bus_errors", "Errors the NATS connection reported", bus.counters.errors),
        ):
            yield CounterMetricFamily(f"{_PREFIX}_{name}", text, value=value)
        if state.lag is not None:
            yield GaugeMetricFamily(f"{_PREFIX}_consumer_lag", "Events in the stream not stored yet", value=state.lag)
        if state.incidents_open is not None:
            yield GaugeMetricFamily(
                f"{_PREFIX}_incidents_open", "Incidents nobody acknowledged", value=state.incidents_open
            )
        yield GaugeMetricFamily(f"{_PREFIX}_last_batch_seconds", "Length of the last transaction", state.last_batch_s)
        yield self._by_source("applied_sequence", "Last event applied without a gap", "applied_sequence")
        yield self._by_source("held_events", "Events held back behind a gap", "held")
        mismatches = CounterMetricFamily(
            f"{_PREFIX}_position_mismatches", "Fills after which the positions differed", labels=["host", "role"]
        )
        for source in state.sources:
            mismatches.add_metric([source["host"], source["role"]], source["position_mismatches"])
        yield mismatches
        ready = GaugeMetricFamily(f"{_PREFIX}_gate", "1 when the gate is open", labels=["gate"])
        for gate in gates(state, bus, self._limits, time.monotonic()):
            ready.add_metric([gate.name], int(gate.ok))
        yield ready

    def _by_source(self, name: str, text: str, key: str) -> GaugeMetricFamily:
        family = GaugeMetricFamily(f"{_PREFIX}_{name}", text, labels=["host", "role"])
        for source in self._state.sources:
            family.add_metric([source["host"], source["role"]], source[key])
        return family


def registry(state: IngestState, bus: BusState, limits: Readiness) -> CollectorRegistry:
    result = CollectorRegistry(auto_describe=False)
    result.register(OmsCollector(state, bus, limits))
    return result
