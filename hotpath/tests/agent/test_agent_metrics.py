"""/metrics of a trading host: what the numbers say, and what is absent when nothing is known."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hotpath.agent.control import Control
from hotpath.agent.metrics import exposition
from hotpath.agent.observer import Observer
from hotpath.agent.view import AgentView
from hotpath.config import Limits
from hotpath.ipc.histogram import HistogramWriter
from hotpath.ipc.ring import RingConsumer, RingProducer
from hotpath.ipc.segment import remove_segments
from hotpath.ipc.status import RoleState, StatusWriter

LIMITS = Limits(
    max_order_quantity=100, max_notional=10**9, max_position=500, collar_bps=500, max_messages_per_second=50,
    max_open_orders=4,
)  # fmt: skip


@pytest.fixture
def prefix() -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:12]}"
    yield name
    remove_segments(name)


class Host:
    """An observer of two roles, and the agent's own part as the test sets it."""

    def __init__(self, path: Path, prefix: str) -> None:
        self.control = Control(path / "control.json", LIMITS, prefix)
        self.gates = [{"name": "bus", "ok": True, "reason": ""}]
        self.events = {"commands_refused": 3}
        self.journal = {"written": 12, "read": 11, "acknowledged": 10}
        self._render = exposition(Observer(prefix, ("feed-handler", "order-router"), "IRON"), self._view)

    def _view(self) -> AgentView:
        return AgentView(gates=self.gates, events=self.events, journal=self.journal, control=self.control.state)

    def samples(self, name: str, *labels: str) -> dict[tuple[Any, ...], float]:
        """Value by the values of these labels; of its only one when none is named."""
        text = self._render().decode()
        return {
            tuple(sample.labels[label] for label in labels or sample.labels): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name
        }


@pytest.fixture
def host(tmp_path: Path, prefix: str) -> Host:
    return Host(tmp_path, prefix)


def test_a_role_that_never_started_is_not_ready_and_has_no_heartbeat(host: Host) -> None:
    assert host.samples("ironlane_role_ready") == {("feed-handler",): 0, ("order-router",): 0, ("agent",): 1}
    for name in ("role_heartbeat_age_seconds", "role_start_time_seconds", "role_epoch", "position_shares"):
        assert not host.samples(f"ironlane_{name}"), name


def test_a_role_shows_its_epoch_its_start_and_its_heartbeat(host: Host, prefix: str) -> None:
    status = StatusWriter(prefix, "order-router", 7, ("session",), ("fills", "position"))
    status.enter(RoleState.ACTIVE)
    status.gate("session", True)
    status.count("fills", 5)
    status.count("position", -40)
    status.beat()
    assert host.samples("ironlane_role_ready")[("order-router",)] == 1
    assert host.samples("ironlane_role_epoch") == {("order-router",): 7}
    assert 0 <= host.samples("ironlane_role_heartbeat_age_seconds")[("order-router",)] < 2
    assert host.samples("ironlane_role_start_time_seconds")[("order-router",)] > 1.7e9
    # what falls, too, is no counter
    assert host.samples("ironlane_role_events_total", "role", "event") == {("order-router", "fills"): 5}
    assert host.samples("ironlane_role_level", "role", "level") == {("order-router", "position"): -40}


def test_the_agent_is_a_role_with_gates_of_its_own(host: Host) -> None:
    host.gates = [{"name": "bus", "ok": False, "reason": "away"}, {"name": "journal", "ok": True, "reason": ""}]
    assert host.samples("ironlane_gate_open", "role", "gate") == {("agent", "bus"): 0, ("agent", "journal"): 1}
    assert host.samples("ironlane_role_ready")[("agent",)] == 0
    assert host.samples("ironlane_agent_events_total") == {("commands_refused",): 3}
    assert host.samples("ironlane_journal_sequence") == {("written",): 12, ("read",): 11, ("acknowledged",): 10}


def test_rings_show_how_full_they_are_and_follow_a_restart(host: Host, prefix: str) -> None:
    assert not host.samples("ironlane_ring_unread_messages")
    producer = RingProducer(prefix, "ring.orders", 64, 8, symbol="IRON")
    consumer = RingConsumer(prefix, "ring.orders", 64, symbol="IRON")
    for _ in range(3):
        assert producer.publish_bytes(bytes(64))
    consumer.poll_bytes()
    assert host.samples("ironlane_ring_unread_messages") == {("orders",): 2}
    assert host.samples("ironlane_ring_capacity_messages") == {("orders",): 8}
    RingProducer(prefix, "ring.orders", 64, 16, 2, "IRON")
    assert host.samples("ironlane_ring_unread_messages") == {("orders",): 0}
    assert host.samples("ironlane_ring_capacity_messages") == {("orders",): 16}


def test_kill_mode_and_limits_are_those_of_the_control_block(host: Host) -> None:
    assert (host.samples("ironlane_control_killed"), host.samples("ironlane_control_mode")) == ({(): 0}, {(): 2})
    assert host.samples("ironlane_limit")[("max_position",)] == 500
    host.control.change(1, killed=True, mode=1)
    assert (host.samples("ironlane_control_killed"), host.samples("ironlane_control_mode")) == ({(): 1}, {(): 1})


def test_latencies_are_a_histogram_in_seconds(host: Host, prefix: str) -> None:
    writer = HistogramWriter(prefix, "latency.feed-handler", ("wire_to_book",))
    for ns in (900, 1_500, 150_000):
        writer.record_ns(0, ns)
    buckets = host.samples("ironlane_latency_seconds_bucket", "le")
    assert [buckets[(le,)] for le in ("1e-06", "2e-06", "0.0002", "+Inf")] == [1, 2, 3, 3]
    assert host.samples("ironlane_latency_seconds_count", "role", "stage") == {("feed-handler", "wire_to_book"): 3}
    (total,) = host.samples("ironlane_latency_seconds_sum").values()
    assert total == pytest.approx(152_400e-9)
