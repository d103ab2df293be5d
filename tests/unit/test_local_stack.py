"""The `local` stack under mocks: order of start, what a settings change touches, what stays out of the state."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from cli.paths import Layout
from components.unit import Unit
from stacks import local
from stacks.settings import parse
from stacks.stack_file import read_stack_file
from tests.recorder import Recording, Resource, deploy

ROOT = Path(__file__).resolve().parents[2]
COMMAND = "command:local:Command"
HOT_PATH = ("venue", "feed-handler", "order-router", "strategy", "agent")
SERVICES = (*HOT_PATH, "nats-1", "nats-2", "nats-3", "postgres", "oms")


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    layout = Layout(tmp_path_factory.mktemp("clone"))
    layout.artifacts.mkdir(parents=True)
    pin = {"version": "0.1.0", "file": "x/hotpath.whl", "sha256": "ab" * 32}
    layout.engine_manifest.write_text(json.dumps(pin))
    return layout


@pytest.fixture
def raw() -> dict[str, Any]:
    return deepcopy(read_stack_file(ROOT / "Pulumi.local.yaml"))


def record(raw: dict[str, Any], layout: Layout, preview: bool = False) -> Recording:
    settings = parse(raw, "Pulumi.local.yaml")
    return deploy(lambda: local.program(settings, layout), stack="local", preview=preview)


@pytest.fixture(scope="module")
def recording(layout: Layout) -> Recording:
    """The stack as its file has it."""
    return record(read_stack_file(ROOT / "Pulumi.local.yaml"), layout)


def commands(recording: Recording) -> dict[str, Resource]:
    return {r.name: r for r in recording.of_type(COMMAND)}


def unit(recording: Recording, name: str) -> Unit:
    return Unit.model_validate_json(recording.named(f"{name}-service").inputs["stdin"])


def test_every_service_is_declared_once(raw: dict[str, Any], layout: Layout, recording: Recording) -> None:
    for run in (recording, record(raw, layout, preview=True)):
        assert {f"{name}-service" for name in SERVICES} <= set(commands(run))


def test_children_hang_under_their_component(recording: Recording) -> None:
    for resource in recording.of_type(COMMAND):
        assert "ironlane:local:" in resource.parent, resource.name
        assert not resource.aliases


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ("venue-service", "supervisor-daemon"),
        ("venue-service", "secrets-create"),
        ("venue-service", "engine-install"),
        ("feed-handler-service", "venue-service"),
        ("order-router-service", "feed-handler-service"),
        ("strategy-service", "order-router-service"),
        ("strategy-service", "strategy-config"),
        ("agent-service", "nats-3-service"),
        ("oms-service", "postgres-service"),
        ("oms-service", "nats-1-service"),
    ],
)
def test_nothing_starts_before_what_it_needs(recording: Recording, later: str, earlier: str) -> None:
    assert recording.waits_for(recording.named(later), recording.named(earlier))


@pytest.mark.parametrize(
    ("section", "change", "touched"),
    [
        ("strategy", {"parameters": {"quote_size": 200, "position_limit": 1000}}, {"strategy"}),
        ("replay", {"seed": 7}, {"venue"}),
        ("limits", {"max_open_orders": 8}, {"order-router", "agent"}),
        ("placement", {"idle": "spin"}, set(HOT_PATH)),
        ("placement", {"idle": "back_off", "agent": {"cpus": [0]}}, {"agent"}),
    ],
)
def test_a_change_touches_exactly_the_services_that_it_concerns(
    raw: dict[str, Any],
    layout: Layout,
    recording: Recording,
    section: str,
    change: dict[str, Any],
    touched: set[str],
) -> None:
    before = commands(recording)
    raw[section] = raw[section] | change
    after = commands(record(raw, layout))
    changed = {name for name in after if after[name].inputs != before[name].inputs}
    assert {name.removesuffix("-service").removesuffix("-config") for name in changed} == touched
    assert {f"{name}-service" for name in touched} <= changed


def test_the_strategy_and_the_router_prove_their_cancels(recording: Recording) -> None:
    for role in HOT_PATH:
        assert (unit(recording, role).cancel_proof is not None) == (role in ("strategy", "order-router"))


def test_a_unit_may_not_be_killed_before_its_cancel_deadline(recording: Recording) -> None:
    for role in ("strategy", "order-router"):
        config = json.loads(recording.named(f"{role}-config").inputs["stdin"])
        assert unit(recording, role).stop_timeout_s * 1000 > config["cancel_deadline_ms"]


def test_cpus_reach_the_unit(raw: dict[str, Any], layout: Layout) -> None:
    raw["placement"] |= {"strategy": {"cpus": [3], "numa_node": 0}}
    strategy = unit(record(raw, layout), "strategy")
    assert (strategy.cpus, strategy.numa_node) == ((3,), 0)


def test_only_the_pinned_engine_runs(recording: Recording) -> None:
    assert "ab" * 32 in recording.named("engine-install").inputs["create"]
    for role in HOT_PATH:
        assert "ab" * 32 in unit(recording, role).command[0]


def test_no_password_enters_the_state(raw: dict[str, Any], layout: Layout) -> None:
    secrets = layout.stack_run("local") / "secrets"
    secrets.mkdir(parents=True)
    for name in ("order-entry", "postgres", "nats-agent", "nats-oms"):
        (secrets / name).write_text("hunter2secret")
    assert "hunter2secret" not in json.dumps([r.inputs for r in record(raw, layout).resources], default=str)


def test_two_copies_share_nothing(raw: dict[str, Any], layout: Layout, tmp_path: Path) -> None:
    one, other = tmp_path / "run" / "a", tmp_path / "run" / "b"
    assert local.shm_prefix(one) != local.shm_prefix(other)
