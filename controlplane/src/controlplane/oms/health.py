"""Whether the OMS is ready: named gates with reasons. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from controlplane.oms.config import Readiness
from controlplane.oms.ingest import IngestState
from wire.client import BusState


@dataclass(frozen=True, slots=True)
class Gate:
    name: str
    ok: bool
    reason: str


def gates(state: IngestState, bus: BusState, limits: Readiness, now: float) -> list[Gate]:
    """`now` is time.monotonic(); what is older than `max_age_s` is unknown, and unknown is not ready."""
    return [
        _database(state, limits, now),
        Gate("bus", bus.connected, bus.server if bus.connected else f"not connected: {bus.last_error}"),
        _lag(state, limits, now),
        _gap(state),
        _incidents(state),
    ]


def _database(state: IngestState, limits: Readiness, now: float) -> Gate:
    if not state.schema_version:
        return Gate("database", False, f"schema not checked yet: {state.database_problem}")
    if state.database_problem:
        return Gate("database", False, state.database_problem)
    age = now - state.database_ok_at
    if age > limits.max_age_s:
        return Gate("database", False, f"no answer for {age:.1f} s")
    return Gate("database", True, f"schema version {state.schema_version}")


def _lag(state: IngestState, limits: Readiness, now: float) -> Gate:
    if state.lag is None or now - state.consumer_ok_at > limits.max_age_s:
        return Gate("consumer_lag", False, f"unknown: {state.consumer_problem or 'the stream does not answer'}")
    if state.lag > limits.max_lag:
        return Gate("consumer_lag", False, f"{state.lag} events behind, more than {limits.max_lag}")
    return Gate("consumer_lag", True, f"{state.lag} events behind")


def _gap(state: IngestState) -> Gate:
    gaps = [source for source in state.sources if source["highest_sequence"] > source["applied_sequence"]]
    if gaps:
        first = gaps[0]
        source, missing = f"{first['host']}/{first['role']}", first["applied_sequence"] + 1
        return Gate("gap", False, f"{source}: event {missing} is missing, {first['held']} later ones are held back")
    return Gate("gap", True, f"{len(state.sources)} source(s) without a gap")


def _incidents(state: IngestState) -> Gate:
    if state.incidents_open is None:
        return Gate("incidents", False, "unknown: the database was not read yet")
    if state.incidents_open:
        return Gate("incidents", False, f"{state.incidents_open} to look into: GET /incidents")
    return Gate("incidents", True, "none open")
